package vmcore

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"ringside/vmcore/dump"
	"ringside/vmcore/internal/testdump"
	"ringside/vmcore/kernel"
)

// changeSize is the bytes of one lie: a word of a page of the dump.
const changeSize = 4 + 2 + 8

// patched is the memory of a dump as plain RAM with some words changed.
type patched struct {
	d     *dump.File
	pages map[uint64][]byte
}

// patch reads the lies: which of the dump's pages, where in it, which word.
func patch(d *dump.File, frames []uint64, lies []byte) *patched {
	p := &patched{d, map[uint64][]byte{}}
	for ; len(lies) >= changeSize && len(p.pages) < 1000; lies = lies[changeSize:] {
		pfn := frames[uint64(binary.LittleEndian.Uint32(lies))%uint64(len(frames))]
		if p.pages[pfn] == nil {
			page, err := d.Page(pfn)
			if err != nil {
				continue
			}
			p.pages[pfn] = append([]byte(nil), page...)
		}
		at := int(binary.LittleEndian.Uint16(lies[4:])) % 512 * 8
		copy(p.pages[pfn][at:at+8], lies[6:])
	}
	return p
}

func (p *patched) ReadAt(b []byte, off int64) (int, error) {
	for done := 0; done < len(b); {
		at := uint64(off) + uint64(done)
		n := min(len(b)-done, 4096-int(at%4096))
		page, ok := p.pages[at>>12]
		if !ok {
			page, _ = p.d.Page(at >> 12) // nothing is there
		}
		if page == nil {
			clear(b[done : done+n])
		} else {
			copy(b[done:done+n], page[at%4096:])
		}
		done += n
	}
	return len(b), nil
}

// FuzzTriage lies in the memory of a kernel, word by word.
func FuzzTriage(f *testing.F) {
	d, err := testdump.Open()
	if err != nil {
		f.Fatal(err)
	}
	ranges := d.Ranges()
	size := int64(ranges[len(ranges)-1].End)
	var frames []uint64
	for pfn := range uint64(size >> 12) {
		if d.Present(pfn) {
			frames = append(frames, pfn)
		}
	}
	info := d.VMCoreInfo()
	rng := rand.New(rand.NewPCG(4, 2))
	f.Add([]byte{})
	for n := range 6 {
		lies := make([]byte, changeSize<<n)
		for i := range lies {
			lies[i] = byte(rng.Uint32())
		}
		f.Add(lies)
	}
	f.Fuzz(func(t *testing.T, lies []byte) {
		raw, err := dump.Open([]dump.Input{{Name: "hostile", R: patch(d, frames, lies), Size: size}}, dump.Options{Raw: true})
		if err != nil {
			t.Fatal(err)
		}
		hostileKernel(t, raw, kernel.Options{VMCoreInfo: info}, map[kernel.Rung]int{})
	})
}
