package object

import (
	"debug/elf"
	"fmt"
	"math/bits"
	"strings"

	"ringside/vmcore/kernel"
)

// memmap finds the struct page of a physical page. With a sparse memory map,
// which all 64-bit machines have, each section says where the pages of the whole
// memory would begin; with vmemmap they all say the same.
type memmap struct {
	w         *kernel.Walk
	base      uint64 // of the page with number 0
	size      uint64 // of struct page
	first     uint64 // where physical memory begins in the direct map
	phys      uint64
	buddy     pageType
	slab      pageType
	table     pageType
	offline   pageType
	hugetlb   pageType
	slabFlag  int // of kernels that keep "slab" among the flags
	headFlag  int
	resFlag   int
	flagNames map[int]string
}

// pageType is how a page's type is told: by its upper byte since 6.11, by a mask
// of inverted bits before.
type pageType struct {
	value uint32
	byTop bool
	ok    bool
}

func (t pageType) is(v uint32) bool {
	switch {
	case !t.ok:
		return false
	case t.byTop:
		return v>>24 == t.value>>24
	default:
		return v&0xf0000000 == 0xf0000000 && v&^t.value == 0 // the type's bit is clear
	}
}

func newMemmap(w *kernel.Walk) *memmap {
	k := w.Kernel()
	m := &memmap{w: w, size: k.SizeOf("struct page"), slabFlag: -1, headFlag: -1, resFlag: -1}
	if m.size == 0 {
		return m
	}
	for _, n := range pglists(w) {
		if m.base == 0 {
			m.base = m.section(n.Field("node_start_pfn").Uint())
		}
	}
	if v := optional(w, "vmemmap_base", "unsigned long"); m.base == 0 && v.Valid() {
		m.base = v.Uint()
	}
	m.directMap()
	m.buddy, m.slab = typeOf(k, "buddy", "PAGE_BUDDY_MAPCOUNT_VALUE"), typeOf(k, "slab", "PAGE_SLAB_MAPCOUNT_VALUE")
	m.table, m.offline = typeOf(k, "table", ""), typeOf(k, "offline", "PAGE_OFFLINE_MAPCOUNT_VALUE")
	m.hugetlb = typeOf(k, "hugetlb", "PAGE_HUGETLB_MAPCOUNT_VALUE")
	m.flagNames = map[int]string{}
	if id, ok := k.TypeID("enum pageflags"); ok {
		for _, e := range k.Types.Enum(id) {
			name, ok := strings.CutPrefix(e.Name, "PG_")
			if _, dup := m.flagNames[int(e.Value)]; !ok || dup {
				continue
			}
			m.flagNames[int(e.Value)] = name
			switch name {
			case "slab":
				m.slabFlag = int(e.Value)
			case "head":
				m.headFlag = int(e.Value)
			case "reserved":
				m.resFlag = int(e.Value)
			}
		}
	}
	return m
}

func typeOf(k *kernel.Kernel, name, number string) pageType {
	if v, ok := enumOf(k, "pagetype", "PGTY_"+name); ok {
		return pageType{uint32(v) << 24, true, true}
	}
	if n, ok := k.Info.Number(number); ok {
		return pageType{value: uint32(n), ok: true}
	}
	return pageType{}
}

// section returns what a section says of the page with number 0, or 0.
func (m *memmap) section(pfn uint64) uint64 {
	k := m.w.Kernel()
	sectionBits, ok := k.Info.Number("SECTION_SIZE_BITS")
	size := k.SizeOf("struct mem_section")
	at, found := k.Symbol("mem_section")
	if !ok || !found || size == 0 || sectionBits < int64(k.PageShift()) || sectionBits > 40 {
		return 0
	}
	nr := pfn >> (uint(sectionBits) - k.PageShift())
	word, err := m.w.Pointer(at)
	if err != nil {
		return 0
	}
	if m.sectionTable(at) {
		word = at
	}
	if word&1 == 0 && m.w.Readable(word, k.PtrSize()) { // CONFIG_SPARSEMEM_EXTREME: a table of tables
		perRoot := uint64(1) << k.PageShift() / size
		root, err := m.w.Pointer(word + nr/perRoot*uint64(k.PtrSize()))
		if err != nil || root == 0 {
			return 0
		}
		at, nr = root, nr%perRoot
	}
	off, _ := k.Info.Offset("mem_section.section_mem_map")
	code, err := m.w.Pointer(at + nr*size + off)
	if err != nil || code&1 == 0 {
		return 0
	}
	const flags = 0xff // SECTION_MAP_LAST_BIT has never been above
	return code &^ flags
}

// sectionTable reports whether mem_section is not where the kernel keeps the
// address of its table of tables, but that table: VMCOREINFO has the value of a
// pointer there, and the symbol table where the pointer is. Kernels that name no
// variables give nothing else.
func (m *memmap) sectionTable(at uint64) bool {
	in := m.w.Kernel().Info
	told, ok := in.Symbol("mem_section")
	length, ok2 := in.Length("mem_section")
	physical, ok3 := in.Number("MAX_PHYSMEM_BITS")
	section, ok4 := in.Number("SECTION_SIZE_BITS")
	return ok && ok2 && ok3 && ok4 && told == at && physical > section && physical < 64 && length < 1<<(physical-section)
}

// directMap finds where all of physical memory is mapped.
func (m *memmap) directMap() {
	k := m.w.Kernel()
	switch k.Machine {
	case elf.EM_X86_64:
		m.first = 0xffff888000000000
		if five, _ := k.Info.Number("pgtable_l5_enabled"); five == 1 {
			m.first = 0xff11000000000000
		}
		if v := optional(m.w, "page_offset_base", "unsigned long"); v.Valid() {
			m.first = v.Uint()
		}
	case elf.EM_AARCH64:
		n, _ := k.Info.Number("VA_BITS")
		m.first = ^uint64(0) << uint(n&63)
		if v := optional(m.w, "memstart_addr", "s64"); v.Valid() {
			m.phys = v.Uint()
		}
	}
}

// virt returns a physical page's address in the direct map.
func (m *memmap) virt(pfn uint64) uint64 {
	if m.first == 0 {
		return 0
	}
	return pfn<<m.w.Kernel().PageShift() - m.phys + m.first
}

// page returns the struct page of a physical page.
func (m *memmap) page(pfn uint64) (kernel.Value, bool) {
	if m.base == 0 || m.size == 0 || pfn > 1<<40 {
		return kernel.Value{}, false
	}
	at := m.base + pfn*m.size
	if !m.w.Readable(at, int(m.size)) {
		return kernel.Value{}, false
	}
	return m.w.At("struct page", at), true
}

// pfn returns the number of a struct page.
func (m *memmap) pfn(page uint64) (uint64, bool) {
	if m.base == 0 || m.size == 0 || page < m.base || (page-m.base)%m.size != 0 {
		return 0, false
	}
	n := (page - m.base) / m.size
	return n, n < 1<<40
}

// head returns the first page of the compound page that a page is in.
func (m *memmap) head(page kernel.Value) kernel.Value {
	info := page.First("compound_info", "compound_head").Uint()
	if info&1 == 0 {
		return page
	}
	at := info - 1
	if page.Has("compound_info") && -int64(info) > 0 && bits.Len64(-info) < 30 { // a mask since 7.1, where struct page is a power of two
		at = page.Addr() & (info - 1)
	}
	if _, ok := m.pfn(at); !ok || at > page.Addr() || !m.w.Readable(at, int(m.size)) {
		return page
	}
	return m.w.At("struct page", at)
}

func (m *memmap) isSlab(page kernel.Value) bool {
	if m.slabFlag >= 0 {
		return page.Field("flags").Uint()>>m.slabFlag&1 != 0
	}
	return m.slab.is(uint32(page.Field("page_type").Uint()))
}

// Page is the state of one page of memory.
type Page struct {
	PFN   uint64 `json:"pfn"`
	Addr  uint64 `json:"-"` // of its struct page
	State string `json:"state"`
	// Order says how many pages a free block or compound page has: 2^Order.
	Order int      `json:"order,omitempty"`
	Refs  int64    `json:"refs"`
	Flags []string `json:"flags,omitempty"`
	File  string   `json:"file,omitempty"` // whose page cache it is
}

// The states of a page.
const (
	PageFree     = "free"
	PageSlab     = "slab"
	PageTable    = "page table"
	PageReserved = "reserved"
	PageAnon     = "anonymous"
	PageCache    = "page cache"
	PageHuge     = "huge page"
	PageOffline  = "offline"
	PageKernel   = "allocated"
	PageUnused   = "free on a CPU's list"
)

// describe says what a page is used for.
func (m *memmap) describe(pfn uint64) (Page, bool) {
	v, ok := m.page(pfn)
	if !ok {
		return Page{}, false
	}
	head := m.head(v)
	p := Page{PFN: pfn, Addr: v.Addr(), Refs: head.Field("_refcount").Int()}
	flags := head.Field("flags").Uint()
	last, ok := enumOf(m.w.Kernel(), "pageflags", "__NR_PAGEFLAGS")
	if !ok {
		last = 24
	}
	for i := range min(last, 64) {
		if name := m.flagNames[i]; flags>>i&1 != 0 && name != "" {
			p.Flags = append(p.Flags, name)
		}
	}
	typ, mapping := uint32(head.Field("page_type").Uint()), head.Field("mapping").Ptr()
	switch {
	case m.isSlab(head):
		p.State = PageSlab
	case m.buddy.is(typ):
		p.State, p.Order = PageFree, int(head.Field("private").Uint()&0x3f)
	case m.table.is(typ):
		p.State = PageTable
	case m.offline.is(typ):
		p.State = PageOffline
	case m.hugetlb.is(typ):
		p.State = PageHuge
	case m.resFlag >= 0 && flags>>m.resFlag&1 != 0:
		p.State = PageReserved
	case p.Refs == 0:
		p.State = m.freeBlock(pfn, &p)
	case mapping&1 != 0 && mapping > 1<<20:
		p.State = PageAnon
	case mapping&3 == 0 && mapping > 1<<20 && m.w.Readable(mapping, 8):
		p.State, p.File = PageCache, fileOf(m.w, mapping)
	default:
		p.State = PageKernel
	}
	return p, true
}

// freeBlock looks whether a page without references is inside a free block: only
// the first page of one says so.
func (m *memmap) freeBlock(pfn uint64, p *Page) string {
	for order := range 11 {
		first := pfn &^ (1<<order - 1)
		v, ok := m.page(first)
		if !ok {
			break
		}
		if m.buddy.is(uint32(v.Field("page_type").Uint())) && int(v.Field("private").Uint()) >= order {
			p.Order = int(v.Field("private").Uint() & 0x3f)
			return PageFree
		}
	}
	return PageUnused
}

// fileOf names the file of a page cache by one of its directory entries.
func fileOf(w *kernel.Walk, mapping uint64) string {
	inode := w.At("struct address_space", mapping).Field("host").Deref()
	if !inode.Valid() {
		return ""
	}
	name := fmt.Sprintf("inode %d", inode.Field("i_ino").Uint())
	for d := range w.HList(inode.Field("i_dentry"), "struct dentry", "d_u.d_alias") {
		return d.Field("d_name.name").Str() + " (" + name + ")"
	}
	return name
}
