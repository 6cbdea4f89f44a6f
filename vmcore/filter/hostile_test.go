package filter_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"ringside/vmcore/dump"
	"ringside/vmcore/filter"
	"ringside/vmcore/internal/testdump"
	"ringside/vmcore/kernel"
)

// lieSize is one lie: which page of the dump, where in it, which word.
const lieSize = 4 + 2 + 8

// discard takes what is written.
type discard struct{}

func (discard) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// FuzzLies filters and redacts the memory of a kernel in which words were
// changed. There is an end to it, and a report or an error.
func FuzzLies(f *testing.F) {
	d, err := testdump.Open()
	if err != nil {
		f.Fatal(err)
	}
	ranges := d.Ranges()
	mem := make([]byte, ranges[len(ranges)-1].End)
	var frames []uint64
	for pfn := range uint64(len(mem)) / pageSize {
		if page, err := d.Page(pfn); err == nil {
			copy(mem[pfn*pageSize:], page)
			frames = append(frames, pfn)
		}
	}
	rng := rand.New(rand.NewPCG(7, 8))
	f.Add([]byte{})
	for n := range 6 {
		lies := make([]byte, lieSize<<n)
		for i := range lies {
			lies[i] = byte(rng.Uint32())
		}
		f.Add(lies)
	}
	f.Fuzz(func(t *testing.T, lies []byte) {
		type undo struct {
			at  uint64
			old uint64
		}
		var undos []undo
		for ; len(lies) >= lieSize && len(undos) < 1000; lies = lies[lieSize:] {
			at := frames[uint64(binary.LittleEndian.Uint32(lies))%uint64(len(frames))]*pageSize + uint64(binary.LittleEndian.Uint16(lies[4:]))%512*8
			undos = append(undos, undo{at, binary.LittleEndian.Uint64(mem[at:])})
			copy(mem[at:at+8], lies[6:])
		}
		defer func() {
			for i := len(undos) - 1; i >= 0; i-- {
				binary.LittleEndian.PutUint64(mem[undos[i].at:], undos[i].old)
			}
		}()
		raw, err := dump.Open([]dump.Input{{Name: "hostile", R: bytes.NewReader(mem), Size: int64(len(mem))}}, dump.Options{Raw: true})
		if err != nil {
			t.Fatal(err)
		}
		k, err := kernel.Open(t.Context(), raw, kernel.Options{VMCoreInfo: d.VMCoreInfo()})
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range []func() (*filter.Report, error){
			func() (*filter.Report, error) {
				return filter.Filter(t.Context(), k, discard{}, filter.Options{Level: filter.All, Compression: filter.None})
			},
			func() (*filter.Report, error) {
				return filter.Redact(t.Context(), k, discard{}, filter.RedactOptions{Compression: filter.None, Ask: filter.RedactAsk{NoLog: true, NoUserRegisters: true}})
			},
		} {
			r, err := run()
			if err != nil {
				continue
			}
			sum := r.Written + r.Missing + r.Unreadable
			for _, l := range r.LeftOut {
				sum += l.Pages
			}
			if sum != r.Pages {
				t.Errorf("%d of %d pages are accounted for: %+v", sum, r.Pages, r)
			}
		}
	})
}
