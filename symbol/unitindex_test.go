package symbol

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"

	"ringside/symbol/internal/dwarf"
)

func TestUnitIndex(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var spans []dwarf.Span
	at := uint64(0xffffffff81000000)
	for range 1000 {
		n := 1 + rnd.Uint64N(4000)
		spans = append(spans, dwarf.Span{Range: dwarf.Range{Low: at, High: at + n}, Unit: rnd.Uint64N(1 << 20)})
		at += n + rnd.Uint64N(16)
	}
	b := encodeUnitIndex(spans, 1<<20)
	got, err := decodeUnitIndex(b, 1<<20)
	if err != nil || !slices.Equal(got, spans) {
		t.Fatalf("%d of %d spans come back: %v", len(got), len(spans), err)
	}
	if _, err := decodeUnitIndex(b, 1<<20+1); err == nil {
		t.Error("an index of another file is taken")
	}
	for n := range len(b) {
		if _, err := decodeUnitIndex(b[:n], 1<<20); err == nil {
			t.Fatalf("an index cut to %d of %d bytes is taken", n, len(b))
		}
	}
}

func FuzzUnitIndex(f *testing.F) {
	body := func(spans ...dwarf.Span) []byte {
		b := encodeUnitIndex(spans, 100)
		return b[:len(b)-4]
	}
	f.Add(body(), uint64(100))
	f.Add(body(dwarf.Span{Range: dwarf.Range{Low: 16, High: 32}, Unit: 7}, dwarf.Span{Range: dwarf.Range{Low: 32, High: 33}, Unit: 9}), uint64(100))
	f.Add([]byte(unitIndexMagic+"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, size uint64) {
		// With its checksum, or no change would ever get past it.
		b = binary.LittleEndian.AppendUint32(slices.Clip(b), crc32.ChecksumIEEE(b))
		spans, err := decodeUnitIndex(b, size)
		if err != nil {
			return
		}
		again, err := decodeUnitIndex(encodeUnitIndex(spans, size), size)
		if err != nil || !slices.Equal(again, spans) {
			t.Fatalf("%v does not come back: %v", spans, err)
		}
	})
}

func TestTreePath(t *testing.T) {
	for _, tt := range []struct{ file, compDir, want string }{
		{"debian/build/build_amd64/kernel/fork.c", "debian/build/build_amd64", "kernel/fork.c"},
		{"/build/linux-6.1/arch/x86/entry/entry_64.S", "/build/linux-6.1/debian/build/build_amd64", "arch/x86/entry/entry_64.S"},
		{"/src/linux/fs/read_write.c", "/src/linux", "fs/read_write.c"},
		{"/srv/a/mymod/x.c", "/srv/a/linux-build", "/srv/a/mymod/x.c"},
		{"/srv/demo.c", "/usr/src/linux-headers", "/srv/demo.c"},
		{"fs/inode.c", "", "fs/inode.c"},
		{"", "/src", ""},
	} {
		if got := treePath(tt.file, tt.compDir); got != tt.want {
			t.Errorf("treePath(%q, %q) = %q, want %q", tt.file, tt.compDir, got, tt.want)
		}
	}
}
