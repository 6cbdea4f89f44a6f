package dump_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"ringside/vmcore/dump"
)

// explore asks an open dump for everything, and a few pages of each range.
func explore(t *testing.T, f *dump.File) {
	info := f.Info()
	if info.PageSize <= 0 || info.Format == "" || info.Arch == "" {
		t.Fatalf("%+v", info)
	}
	for _, c := range f.CPUs() {
		if _, ok := c.Regs.Get("rip"); !ok && c.Regs.PC == 0 && len(c.Regs.Named) == 0 {
			t.Fatalf("a CPU without registers: %+v", c)
		}
	}
	gap := func(err error) {
		var g *dump.Gap
		if err != nil && (!errors.As(err, &g) || g.Why == "" || g.Error() == "") {
			t.Fatalf("%v is no gap", err)
		}
	}
	last, size := uint64(0), uint64(info.PageSize)
	word, long := make([]byte, 8), make([]byte, 5*size)
	for i, r := range f.Ranges() {
		if r.Start < last || r.End <= r.Start {
			t.Fatalf("ranges are in disorder: %x", f.Ranges())
		}
		last = r.End
		if i > 20 {
			continue
		}
		for _, addr := range []uint64{r.Start, r.Start + (r.End-r.Start)/2, r.End - 1} {
			p, err := f.Page(addr / size)
			gap(err)
			again, err2 := f.Page(addr / size)
			if (err == nil) != (err2 == nil) || !bytes.Equal(p, again) || err == nil && uint64(len(p)) != size {
				t.Fatalf("page %#x: %d bytes, %v; again %d, %v", addr/size, len(p), err, len(again), err2)
			}
			if err == nil && !f.Present(addr/size) {
				t.Fatalf("page %#x is read and not present", addr/size)
			}
			gap(f.ReadPhys(word, addr))
			gap(f.ReadPhys(long, addr))
		}
	}
	for i, m := range f.Mappings() {
		if i > 20 {
			break
		}
		gap(f.ReadVirt(word, m.VirtAddr))
		gap(f.ReadVirt(long, m.VirtAddr+m.Size-1))
	}
	gap(f.ReadPhys(word, ^uint64(0)))
	gap(f.ReadPhys(word, last))
}

// seeds are small files of each kind.
func seeds(tb testing.TB) [][]byte {
	k := kdumpSpec{blockSize: 512, frames: 4000, ram: []dump.Range{{Start: 0, End: 0xa0}, {Start: 0x100, End: 3990}},
		pages: map[uint64][]byte{}, uts: [6]string{"Linux", "lab", "6.1.0-1", "#1 SMP", "x86_64", "(none)"},
		info: "OSRELEASE=6.1.0-1\nPAGESIZE=4096\n", notes: slices.Concat(prstatus(elf.EM_X86_64, 3, 100), qemuNote(440))}
	for _, pfn := range []uint64{0, 1, 0x100, 600, 601, 3989} {
		k.pages[pfn] = page(512, pfn)
	}
	k.pages[2] = make([]byte, 512)
	var out [][]byte
	for _, flag := range []uint32{0, zlibFlag, lzoFlag, snappyFlag, zstdFlag} {
		k.flag = flag
		out = append(out, k.write(tb))
	}
	k.version, k.single = 1, true
	out = append(out, k.write(tb))
	k.version, k.single, k.split, k.start, k.end = 6, false, true, 512, 2000
	out = append(out, k.write(tb))
	core := elfSpec{phoff: 192, notes: k.notes, loads: []loadSpec{
		{vaddr: textBase, paddr: 0x2000, data: fill(0x800, 1)},
		{vaddr: directBase, paddr: 0x1000, data: fill(0x1400, 2), memsz: 0x3000},
	}}.write()
	out = append(out, core, elfSpec{class: elf.ELFCLASS32, order: binary.BigEndian, machine: elf.EM_PPC, xnum: true,
		notes: note(binary.BigEndian, "VMCOREINFO", 0, []byte("OSRELEASE=5\n")), loads: []loadSpec{{paddr: 0x100, data: fill(0x300, 3)}}}.write())
	out = append(out, flatten(core, 700, 1), flatten(out[1], 700, 1))
	return out
}

// FuzzOpen reads mutated files, alone and with an unknown size.
func FuzzOpen(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, endless bool) {
		in := input("fuzz", b)
		if endless {
			in.Size = -1
		}
		for _, o := range []dump.Options{{Cache: 1}, {Raw: true, Base: 1<<63 - 100}} {
			d, err := dump.Open([]dump.Input{in}, o)
			if err != nil {
				continue
			}
			explore(t, d)
		}
	})
}

// FuzzHeaders puts numbers into headers that are right otherwise: the fuzzer's
// own mutations of whole files seldom get past them.
func FuzzHeaders(f *testing.F) {
	files := seeds(f)
	for i := range files {
		for _, at := range []uint16{8, 32, 56, 64, 100, 436, 512 + 12, 512 + 40, 512 + 96, 3000} {
			f.Add(byte(i), at, uint64(1)<<40, at+8, uint64(0xffff))
		}
	}
	f.Fuzz(func(t *testing.T, which byte, at1 uint16, v1 uint64, at2 uint16, v2 uint64) {
		b := bytes.Clone(files[int(which)%len(files)])
		put := func(at uint16, v uint64) {
			var w [8]byte
			binary.LittleEndian.PutUint64(w[:], v)
			copy(b[int(at)%len(b):], w[:])
		}
		put(at1, v1)
		put(at2, v2)
		d, err := dump.Open([]dump.Input{input("fuzz", b)}, dump.Options{})
		if err != nil {
			return
		}
		explore(t, d)
	})
}

// FuzzPage decompresses one page of anything.
func FuzzPage(f *testing.F) {
	for _, flag := range []uint32{zlibFlag, lzoFlag, snappyFlag, zstdFlag} {
		for _, p := range [][]byte{page(512, 3), make([]byte, 512), fill(512, 0)} {
			f.Add(byte(flag), compress(f, flag, p))
		}
	}
	f.Fuzz(func(t *testing.T, flag byte, data []byte) {
		if len(data) == 0 || len(data) >= 512 {
			return
		}
		k := kdumpSpec{blockSize: 512, frames: 8, pages: map[uint64][]byte{3: fill(512, 0)}}
		file := k.write(t)
		table := len(file) - 512 - 24
		binary.LittleEndian.PutUint32(file[table+8:], uint32(len(data)))
		binary.LittleEndian.PutUint32(file[table+12:], uint32(flag))
		d := open(t, dump.Options{}, append(file[:table+24:table+24], data...))
		explore(t, d)
	})
}
