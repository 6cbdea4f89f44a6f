package orc

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"ringside/symbol/internal/testkernel"
)

// Real kernels: the version is told without the header, the table lies in order,
// and functions begin as functions begin.
func TestKernels(t *testing.T) {
	testkernel.Each(t, func(t *testing.T, k *testkernel.Kernel) {
		ips, base := k.Section(t, ".orc_unwind_ip")
		entries, _ := k.Section(t, ".orc_unwind")
		if ips == nil {
			t.Skip("it has no ORC")
		}
		v, reason := Guess(entries, "")
		if header, _ := k.Section(t, ".orc_header"); header != nil {
			if told, ok := VersionOf(header); !ok || told != v {
				t.Errorf("version %d by the header (%t), %d by entries", told, ok, v)
			}
		}
		if by, _ := byRelease(k.Release); by != v && by != 0 {
			t.Errorf("version %d by release, %d by entries", by, v)
		}
		x, err := New(ips, entries, base, v)
		if err != nil {
			t.Fatal(err)
		}
		if len(x.Notes()) > 0 || x.Len() != len(ips)/4 {
			t.Errorf("%d of %d entries, notes %q", x.Len(), len(ips)/4, x.Notes())
		}
		types := map[Type]int{}
		for _, e := range x.All() {
			types[e.Type]++
		}
		t.Logf("%d entries of version %d (%s): %v", x.Len(), v, reason, types)
		if types[TypeCall] < x.Len()*8/10 || types[TypeRegs] == 0 || types[TypeEnd] == 0 || types[TypeUndefined] == 0 {
			t.Errorf("types: %v", types)
		}
		exported, _ := k.Symbols(t)
		text, start := k.Section(t, ".text")
		begins, functions := 0, 0
		for _, s := range exported {
			if s.Addr < start || s.Addr >= start+uint64(len(text)) {
				continue
			}
			functions++
			if e, ok := x.Find(s.Addr); ok && e.SPReg == RegSP && e.SPOff == 8 && e.BPReg == RegUndefined && e.Type == TypeCall && !e.Signal {
				begins++
			}
		}
		if functions < 1000 || begins < functions*99/100 {
			t.Errorf("%d of %d exported functions begin with a return address on the stack", begins, functions)
		}

		// In another order, as a module's tables are before the kernel sorts them.
		wantLo, wantHi := x.Range()
		mixed, mixedEntries := make([]byte, len(ips)), make([]byte, len(entries))
		for i, j := range rand.New(rand.NewPCG(1, 2)).Perm(x.n) {
			binary.LittleEndian.PutUint32(mixed[4*i:], uint32(x.pc(j)-base-uint64(4*i)))
			copy(mixedEntries[entrySize*i:], entries[entrySize*j:entrySize*j+entrySize])
		}
		y, err := New(mixed, mixedEntries, base, v)
		if err != nil {
			t.Fatal(err)
		}
		if lo, hi := y.Range(); lo != wantLo || hi != wantHi {
			t.Errorf("mixed: %#x-%#x, in order %#x-%#x", lo, hi, wantLo, wantHi)
		}
		differ := 0
		for i := range x.n {
			pc := x.pc(i)
			a, _ := x.Find(pc)
			if b, ok := y.Find(pc); !ok || a != b {
				if differ++; differ < 5 {
					t.Errorf("%#x: %v, mixed %v", pc, a, b)
				}
			}
		}
	})
}
