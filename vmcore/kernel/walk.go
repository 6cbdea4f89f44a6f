package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// Limits of one walk. They are far above what a section of a report needs on a
// machine with a hundred thousand tasks, and end a walk through lies in a second
// or two.
const (
	defaultReads = 50_000_000
	maxFaults    = 16
	tlbEntries   = 1024
)

// ErrBudget says that a walk read more than it may. What it had found until then
// is good.
var ErrBudget = errors.New("the walk read more than it may: the dump's structures lead in circles, or there are more of them than anybody reads")

// Fault is something that a walk could not read, or that contradicts itself.
type Fault struct {
	Addr uint64 `json:"addr"`
	Path string `json:"path,omitempty"` // what was being read: "struct task_struct.mm"
	// Corrupt says that the memory is there and wrong, as a list is whose next
	// entry does not point back.
	Corrupt bool   `json:"corrupt,omitempty"`
	Text    string `json:"text"`
}

// Walk reads the memory of a kernel. It belongs to one goroutine.
type Walk struct {
	k      *Kernel
	ctx    context.Context
	left   int
	stop   error
	faults []Fault
	more   int
	tlb    [tlbEntries]tlbEntry
}

// tlbEntry keeps the page under a virtual page.
type tlbEntry struct {
	vpn  uint64 // +1, so that zero is none
	page []byte
	err  error
}

// Walk begins a walk. It ends early when ctx does.
func (k *Kernel) Walk(ctx context.Context) *Walk { return &Walk{k: k, ctx: ctx, left: defaultReads} }

// walk is for what the kernel reads of itself, bounded by the sizes that it
// allows.
func (k *Kernel) walk() *Walk { return k.Walk(context.Background()) }

// Budget sets how many reads are left and returns the walk.
func (w *Walk) Budget(reads int) *Walk { w.left = reads; return w }

// Kernel returns what the walk goes through.
func (w *Walk) Kernel() *Kernel { return w.k }

// Err tells why the walk ended before its end: its budget or its context. Faults
// do not end a walk.
func (w *Walk) Err() error { return w.stop }

// Faults returns the first things that could not be read, and how many more
// there were.
func (w *Walk) Faults() (first []Fault, more int) { return w.faults, w.more }

// fault keeps what went wrong.
func (w *Walk) fault(f Fault) {
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, f)
	} else {
		w.more++
	}
}

// Corrupt keeps a contradiction that a reader of objects found.
func (w *Walk) Corrupt(addr uint64, path, text string) {
	w.fault(Fault{Addr: addr, Path: path, Corrupt: true, Text: text})
}

// spend takes n reads from the budget.
func (w *Walk) spend(n int) error {
	if w.stop != nil {
		return w.stop
	}
	if w.left -= n; w.left < 0 {
		w.stop = ErrBudget
		return w.stop
	}
	if w.left&0xfff == 0 && w.ctx != nil {
		w.stop = w.ctx.Err()
	}
	return w.stop
}

// page returns the page that holds a virtual address, and where in it that is.
func (w *Walk) page(va uint64) ([]byte, int, error) {
	if err := w.spend(1); err != nil {
		return nil, 0, err
	}
	va = w.k.Canonical(va)
	vpn := va >> w.k.pageShift
	e := &w.tlb[vpn%tlbEntries]
	if e.vpn != vpn+1 {
		e.vpn = vpn + 1
		e.page, e.err = w.k.pageAt(vpn << w.k.pageShift)
	}
	return e.page, int(va & (1<<w.k.pageShift - 1)), e.err
}

// Read reads memory at a virtual address. It fails without leaving a fault: for
// those who look whether something is there.
func (w *Walk) Read(p []byte, va uint64) error {
	if va+uint64(len(p)) < va {
		return fmt.Errorf("%d bytes at %#x reach beyond the end of all addresses: %w", len(p), va, ErrNotMapped)
	}
	for len(p) > 0 {
		page, off, err := w.page(va)
		if err != nil {
			return err
		}
		n := copy(p, page[off:])
		p, va = p[n:], va+uint64(n)
	}
	return nil
}

// bytes returns n bytes at va for a short while: they are the page's own where
// they do not cross its end.
func (w *Walk) bytes(va uint64, n int, buf []byte) ([]byte, error) {
	page, off, err := w.page(va)
	if err != nil {
		return nil, err
	}
	if off+n <= len(page) {
		return page[off : off+n], nil
	}
	if err := w.Read(buf[:n], va); err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// Uint reads an unsigned integer of 1 to 8 bytes.
func (w *Walk) Uint(va uint64, size int) (uint64, error) {
	if size < 1 || size > 8 {
		return 0, fmt.Errorf("an integer of %d bytes at %#x", size, va)
	}
	var buf [8]byte
	b, err := w.bytes(va, size, buf[:])
	if err != nil {
		return 0, err
	}
	return w.k.uint(b), nil
}

// U64 reads 8 bytes.
func (w *Walk) U64(va uint64) (uint64, error) { return w.Uint(va, 8) }

// U32 reads 4 bytes.
func (w *Walk) U32(va uint64) (uint32, error) { n, err := w.Uint(va, 4); return uint32(n), err }

// Pointer reads a pointer.
func (w *Walk) Pointer(va uint64) (uint64, error) { return w.Uint(va, w.k.ptrSize) }

// CString reads up to max bytes until a zero byte.
func (w *Walk) CString(va uint64, max int) (string, error) {
	var out []byte
	for len(out) < max {
		page, off, err := w.page(va + uint64(len(out)))
		if err != nil {
			if len(out) > 0 {
				return string(out), nil
			}
			return "", err
		}
		part := page[off:min(len(page), off+max-len(out))]
		for i, c := range part {
			if c == 0 {
				return string(append(out, part[:i]...)), nil
			}
		}
		out = append(out, part...)
	}
	return string(out), nil
}

// Readable reports whether memory at va is there.
func (w *Walk) Readable(va uint64, n int) bool {
	for end := va + uint64(n); va < end; va = (va | (1<<w.k.pageShift - 1)) + 1 {
		if _, _, err := w.page(va); err != nil {
			return false
		}
		if va|(1<<w.k.pageShift-1) == ^uint64(0) {
			break
		}
	}
	return true
}

// uint reads an integer in the machine's byte order.
func (k *Kernel) uint(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(k.Order.Uint16(b))
	case 4:
		return uint64(k.Order.Uint32(b))
	case 8:
		return k.Order.Uint64(b)
	}
	var n uint64
	for i := range b {
		j := i
		if k.Order != binary.ByteOrder(binary.BigEndian) {
			j = len(b) - 1 - i
		}
		n = n<<8 | uint64(b[j])
	}
	return n
}

// Translate returns the physical address of a virtual one.
func (k *Kernel) Translate(va uint64) (uint64, error) {
	if k.mmu == nil {
		return 0, fmt.Errorf("%#x: %w: %s", va, ErrNotMapped, k.why(RungVMCoreInfo))
	}
	pa, _, err := k.mmu.translate(k.Dump, k.Canonical(va))
	return pa, err
}

// Canonical removes from a kernel pointer what is not address.
func (k *Kernel) Canonical(va uint64) uint64 {
	if k.mmu == nil {
		return va
	}
	return k.mmu.canonical(va)
}

// pageAt returns the page at a page-aligned virtual address.
func (k *Kernel) pageAt(va uint64) ([]byte, error) {
	if k.virtual {
		p := make([]byte, 1<<k.pageShift)
		return p, k.Dump.ReadVirt(p, va)
	}
	pa, err := k.Translate(va)
	if err != nil {
		return nil, err
	}
	page, err := k.Dump.Page(pa >> k.dumpShift)
	if err != nil {
		return nil, fmt.Errorf("%#x: %w", va, err)
	}
	if k.dumpShift == k.pageShift {
		return page, nil
	}
	if k.dumpShift > k.pageShift { // a block of the dump holds several pages
		off := pa & (1<<k.dumpShift - 1)
		return page[off : off+1<<k.pageShift], nil
	}
	whole := make([]byte, 1<<k.pageShift)
	if err := k.Dump.ReadPhys(whole, pa); err != nil {
		return nil, fmt.Errorf("%#x: %w", va, err)
	}
	return whole, nil
}
