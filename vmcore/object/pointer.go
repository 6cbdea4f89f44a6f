package object

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"ringside/vmcore/kernel"
)

// Pointer is what an address points to.
type Pointer struct {
	Addr  uint64 `json:"-"`
	Class string `json:"class"`
	// Text is what it is, in words.
	Text   string       `json:"text"`
	Symbol string       `json:"symbol,omitempty"`
	Object *SlabObject  `json:"object,omitempty"`
	Area   *VmallocArea `json:"vmalloc,omitempty"`
	Page   *Page        `json:"page,omitempty"`
	TID    int          `json:"tid,omitempty"` // of the task whose stack it is in
	Phys   *uint64      `json:"physical,omitempty"`
}

// The classes of a pointer.
const (
	PointsNull         = "null"
	PointsError        = "error"
	PointsPoison       = "poison"
	PointsUser         = "user"
	PointsNonCanonical = "non-canonical"
	PointsUnmapped     = "unmapped"
	PointsSymbol       = "symbol"
	PointsModule       = "module"
	PointsPerCPU       = "per-cpu"
	PointsStack        = "stack"
	PointsSlab         = "slab"
	PointsFreed        = "freed" // a free object of a slab cache
	PointsVmalloc      = "vmalloc"
	PointsPage         = "page"
)

// Good reports whether the kernel may use such a pointer.
func (p Pointer) Good() bool {
	switch p.Class {
	case PointsNull, PointsError, PointsPoison, PointsUser, PointsNonCanonical, PointsUnmapped, PointsFreed:
		return false
	}
	return p.Page == nil || p.Page.State != PageFree
}

// Pointers says what addresses point to. It reads the kernel's tables when it
// first needs them, and keeps them.
type Pointers struct {
	w      *kernel.Walk
	mem    *memmap
	slubs  *slubs
	areas  []VmallocArea
	stacks []stackRange
	asked  bool // for areas
	ranged bool // for stacks
}

type stackRange struct {
	start uint64
	tid   int
	comm  string
}

// NewPointers returns what looks addresses up.
func NewPointers(w *kernel.Walk) *Pointers { return &Pointers{w: w} }

// Describe says what an address points to.
func Describe(w *kernel.Walk, addr uint64) Pointer { return NewPointers(w).Describe(addr) }

// Describe says what an address points to.
func (p *Pointers) Describe(addr uint64) Pointer {
	k := p.w.Kernel()
	out := Pointer{Addr: addr}
	set := func(class, format string, args ...any) Pointer {
		out.Class, out.Text = class, fmt.Sprintf(format, args...)
		return out
	}
	switch {
	case addr == 0:
		return set(PointsNull, "NULL")
	case addr < 4096:
		return set(PointsNull, "NULL + %#x", addr)
	case addr > ^uint64(4095):
		return set(PointsError, "the error pointer -%d", -addr)
	}
	if text := poison(addr); text != "" {
		return set(PointsPoison, "%s", text)
	}
	if class, text := p.half(addr); class != "" {
		return set(class, "%s", text)
	}
	addr = k.Canonical(addr)
	phys, err := k.Translate(addr)
	if err != nil {
		return set(PointsUnmapped, "not mapped%s", p.near(addr))
	}
	out.Phys = &phys
	if text, ok := p.perCPU(addr); ok {
		return set(PointsPerCPU, "%s", text)
	}
	if loc, ok := k.Locate(addr); ok {
		out.Symbol = loc.String()
		if loc.Module != "" && loc.Symbol == "" {
			return set(PointsModule, "memory of the module %s", loc.Module)
		}
		what := "the variable"
		if k.IsText(addr) {
			what = "the function"
		}
		return set(PointsSymbol, "%s %s", what, loc)
	}
	if m := k.ModuleAt(addr); m != nil {
		return set(PointsModule, "memory of the module %s", m.Name)
	}
	p.init()
	if text := p.stack(&out, addr); text != "" {
		return set(PointsStack, "%s", text)
	}
	pfn := phys >> k.PageShift()
	direct := p.mem.first != 0 && p.mem.virt(pfn) == addr&^(1<<k.PageShift()-1)
	if !direct {
		if a, ok := p.area(addr); ok {
			out.Area = &a
			text := fmt.Sprintf("%s memory, %d bytes from %#x", a.Kind, a.Size, a.Start)
			if a.Caller != "" {
				text += ", asked for by " + a.Caller
			}
			return set(PointsVmalloc, "%s", text)
		}
	}
	page, ok := p.mem.describe(pfn)
	if !ok {
		return set(PointsPage, "mapped, and no page of memory is known there: a device, or its struct page is not in the dump")
	}
	out.Page = &page
	if page.State == PageSlab && direct {
		if o, ok := p.slubs.object(addr, pfn); o.Cache != "" {
			out.Object = &o
			return set(slabClass(o, ok), "%s", o.text(addr, ok))
		}
	}
	return set(PointsPage, "%s", page.text())
}

func slabClass(o SlabObject, inObject bool) string {
	if inObject && o.Free {
		return PointsFreed
	}
	return PointsSlab
}

func (o SlabObject) text(addr uint64, inObject bool) string {
	if !inObject {
		return fmt.Sprintf("behind the last object of a slab of %s", o.Cache)
	}
	text := "an object of " + o.Cache
	if o.Free {
		text = "a free object of " + o.Cache
	}
	if o.Type != "" {
		text += " (" + o.Type + ")"
	}
	switch {
	case addr > o.Start && addr-o.Start < o.Size:
		text = fmt.Sprintf("%d bytes into %s at %#x", addr-o.Start, text, o.Start)
	case addr != o.Start:
		text = fmt.Sprintf("beside %s at %#x", text, o.Start)
	}
	return text
}

func (p Page) text() string {
	text := "a page that is " + p.State
	switch p.State {
	case PageCache:
		text = "page cache of " + p.File
	case PageFree:
		text = fmt.Sprintf("a free page, in a block of 2^%d", p.Order)
	case PageReserved, PageAnon, PageOffline:
		text = "a page: " + p.State
	case PageTable:
		text = "a page table"
	}
	return text
}

func (p *Pointers) init() {
	if p.mem == nil {
		p.mem = newMemmap(p.w)
		p.slubs = newSlubs(p.w, p.mem)
	}
}

// poison names what the kernel writes on purpose where a pointer would be,
// include/linux/poison.h.
func poison(v uint64) string {
	const delta = 0xdead000000000000 // CONFIG_ILLEGAL_POINTER_VALUE
	switch v {
	case delta + 0x100:
		return "LIST_POISON1: an entry that was deleted from its list"
	case delta + 0x122, delta + 0x200:
		return "LIST_POISON2: an entry that was deleted from its list"
	}
	for _, b := range []struct {
		byte uint64
		text string
	}{
		{0x6b, "slab poison 0x6b: read from an object that was freed"},
		{0x5a, "slab poison 0x5a: read from an object that was not yet written"},
		{0xa5, "the end of slab poison"},
		{0xbb, "slab red zone of a free object"},
		{0xcc, "slab red zone, or code that was never written"},
		{0xaa, "page poison: read from a page that was freed"},
	} {
		// A member's displacement moves the number a little.
		if all := b.byte * 0x0101010101010101; v-all < 4096 || all-v < 4096 {
			return b.text
		}
	}
	if d := v - delta; d < 0x10000 {
		return fmt.Sprintf("near the kernel's poison for pointers (%#x + %#x)", uint64(delta), d)
	}
	return ""
}

// half tells user addresses and what is no address from those of the kernel.
func (p *Pointers) half(v uint64) (class, text string) {
	k := p.w.Kernel()
	bits := uint(48)
	switch k.Machine {
	case elf.EM_X86_64:
		if five, _ := k.Info.Number("pgtable_l5_enabled"); five == 1 {
			bits = 57
		}
	case elf.EM_AARCH64:
		if n, ok := k.Info.Number("VA_BITS"); ok && n >= 36 && n <= 52 {
			bits = uint(n) + 1 // both halves have all of the bits
		}
		v = k.Canonical(v)
	default:
		return "", ""
	}
	switch top := int64(v) >> (bits - 1); top {
	case 0:
		return PointsUser, "an address of user space"
	case -1:
		return "", ""
	}
	return PointsNonCanonical, "not an address: bits that must be equal differ"
}

// near says which part of memory an address without a mapping is in.
func (p *Pointers) near(addr uint64) string {
	p.init()
	if a, ok := p.area(addr); ok {
		return fmt.Sprintf(", within the %s area of %d bytes at %#x of %s", a.Kind, a.Size, a.Start, a.Caller)
	}
	if i, ok := slices.BinarySearchFunc(p.areas, addr, func(a VmallocArea, at uint64) int { return cmp.Compare(a.Start, at) }); !ok && i > 0 {
		if a := p.areas[i-1]; addr-a.Start-a.Size < 1<<p.w.Kernel().PageShift() {
			return fmt.Sprintf(", in the guard page behind the %s area of %d bytes at %#x of %s", a.Kind, a.Size, a.Start, a.Caller)
		}
	}
	return ""
}

// area returns the vmalloc area that an address is in.
func (p *Pointers) area(addr uint64) (VmallocArea, bool) {
	if !p.asked {
		p.asked, p.areas = true, VmallocAreas(p.w)
	}
	i, ok := slices.BinarySearchFunc(p.areas, addr, func(a VmallocArea, at uint64) int { return cmp.Compare(a.Start, at) })
	if !ok {
		i--
	}
	if i < 0 || addr-p.areas[i].Start >= p.areas[i].Size {
		return VmallocArea{}, false
	}
	return p.areas[i], true
}

// stack looks whether an address is in a task's stack.
func (p *Pointers) stack(out *Pointer, addr uint64) string {
	if !p.ranged {
		p.ranged = true
		for t := range Tasks(p.w) {
			if start := t.Value.Field("stack").Ptr(); start != 0 {
				p.stacks = append(p.stacks, stackRange{start, t.PID, t.Comm})
			}
		}
		slices.SortFunc(p.stacks, func(a, b stackRange) int { return cmp.Compare(a.start, b.start) })
	}
	i, ok := slices.BinarySearchFunc(p.stacks, addr, func(s stackRange, at uint64) int { return cmp.Compare(s.start, at) })
	if !ok {
		i--
	}
	if i < 0 || addr-p.stacks[i].start >= stackSize(p.w.Kernel()) {
		return ""
	}
	s := p.stacks[i]
	out.TID = s.tid
	return fmt.Sprintf("the stack of %s:%d, %#x from its low end", s.comm, s.tid, addr-s.start)
}

// perCPU looks whether an address is a CPU's copy of a variable.
func (p *Pointers) perCPU(addr uint64) (string, bool) {
	k := p.w.Kernel()
	start, ok := k.Symbol("__per_cpu_start")
	end, ok2 := k.Symbol("__per_cpu_end")
	if !ok || !ok2 || k.Symbols() == nil {
		return "", false
	}
	unit := end - start
	if v := optional(p.w, "pcpu_unit_size", "int"); v.Valid() {
		unit = max(unit, v.Uint())
	}
	for _, cpu := range k.CPUs() {
		first, ok := k.PerCPU(start, cpu)
		if !ok || addr-first >= unit || first == start {
			continue
		}
		off := addr - first
		if off < end-start {
			if s, delta, ok := k.Symbols().Find(start + off); ok && !strings.HasPrefix(s.Name, "__per_cpu") {
				return fmt.Sprintf("CPU %d's copy of %s+%#x", cpu, s.Name, delta), true
			}
		}
		return fmt.Sprintf("the per-CPU memory of CPU %d, %#x from its beginning", cpu, off), true
	}
	return "", false
}

// FreedLink looks for the free object that holds a word as the link to the next
// free one: what code reads as a pointer that uses an object after it was freed.
func (p *Pointers) FreedLink(word uint64) (SlabObject, bool) {
	p.init()
	return p.slubs.holder(word)
}

// Flipped returns the pointer that a bad one becomes when one bit of it is
// turned: to the beginning of an object that is in use, or to a symbol. Where a
// displacement may be in it, it is to within an object of one of the caches
// that are given. It must be the only one.
func (p *Pointers) Flipped(bad uint64, caches []string) (good Pointer, bit int, ok bool) {
	const low = 3 // an object's address is a multiple of 8
	n := 0
	for i := low; i < 64; i++ {
		at := bad ^ 1<<i
		if at>>63 == 0 || !p.w.Readable(at, 8) {
			continue
		}
		d := p.Describe(at)
		fits := false
		switch d.Class {
		case PointsSlab:
			fits = d.Object.Start == at || slices.Contains(caches, d.Object.Cache) && at-d.Object.Start < d.Object.Size
		case PointsSymbol:
			loc, found := p.w.Kernel().Locate(at)
			fits = found && loc.Offset == 0
		}
		if fits {
			good, bit = d, i
			n++
		}
	}
	return good, bit, n == 1
}
