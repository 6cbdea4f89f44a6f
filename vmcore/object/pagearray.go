package object

import (
	"errors"
	"iter"
	"math/bits"

	"ringside/vmcore/kernel"
)

// The states that only [PageArray] tells.
const (
	PageUnknown  = "not described"    // its struct page is not in the dump
	PageForeign  = "not the kernel's" // it never had one
	PagePoisoned = "broken"           // the hardware reported it
	PageKmalloc  = "large kmalloc"
)

// PageRun is a row of pages in the same state.
type PageRun struct {
	PFN, N uint64
	State  string
	// Private says that a page of a cache has something of its file system
	// attached, as buffer heads.
	Private bool
}

// maxPageOrder is above the largest block and the largest huge page.
const maxPageOrder = 20

// PageArray reads struct page of all of memory, one after the other. It is for
// those who want to know of every page what it is; who wants to know it of one
// asks [Describe]. It decides by what the page, or the first of a compound page,
// says of itself, and by the lists of the page allocator.
type PageArray struct {
	*memmap
	off      pageOffsets
	sections bool // each says where its own pages are
	perSect  uint64
	// cpuFree are blocks on the lists of CPUs, by their first page.
	cpuFree  map[uint64]uint64
	mappings map[uint64]bool // which addresses are those of a struct address_space
	zsmalloc pageType
	large    pageType
	unacc    pageType
	hugeDtor int64
	dtorOff  int64 // in the second page of a compound page
	hugeFlag int   // in the flags of the second page
	lru      int
	swap     int
	backed   int
	poison   int
	private  uint64

	chunk    []byte
	chunkPFN uint64
	chunkN   uint64
}

// pageOffsets are where the members of struct page are.
type pageOffsets struct{ flags, mapping, private, typ, refs, compound, order int64 }

// maxMappings bounds which mappings are remembered.
const maxMappings = 1 << 20

// NewPageArray finds the array. It fails where the dump does not tell enough of
// it to say what a page is.
func NewPageArray(w *kernel.Walk) (*PageArray, error) {
	k := w.Kernel()
	if k.Types == nil {
		return nil, errors.New("the dump gives no types of its kernel, without which no page can be told from another")
	}
	a := &PageArray{memmap: newMemmap(w), cpuFree: map[uint64]uint64{}, mappings: map[uint64]bool{}}
	// Kernels that do not name their nodes name the sections in VMCOREINFO.
	for _, r := range k.Dump.Ranges() {
		if a.size > 0 && a.base == 0 {
			a.base = a.section(r.Start >> k.PageShift())
		}
	}
	if a.size == 0 || a.base == 0 {
		return nil, errors.New("the array of struct page was not found: it is not in the dump, or the kernel keeps it in an unknown way")
	}
	id, _ := k.TypeID("struct page")
	at := func(names ...string) int64 {
		for _, name := range names {
			if f, ok := k.Types.Field(id, name); ok {
				return int64(f.Offset)
			}
		}
		return -1
	}
	a.off = pageOffsets{flags: at("flags"), mapping: at("mapping"), private: at("private"), typ: at("page_type", "_mapcount"),
		refs: at("_refcount", "_count"), compound: at("compound_info", "compound_head"), order: at("compound_order")}
	o := a.off
	if min(o.flags, o.mapping, o.private, o.typ, o.refs, o.compound) < 0 || a.size > 1<<12 {
		return nil, errors.New("struct page of this kernel lacks members by which a page is known")
	}
	if !a.buddy.ok {
		return nil, errors.New("how this kernel marks free pages is not known")
	}
	if n, ok := k.Info.Number("SECTION_SIZE_BITS"); ok && n > int64(k.PageShift()) && n < 40 {
		_, a.sections = k.Symbol("mem_section")
		a.perSect = 1 << (uint(n) - k.PageShift())
	}
	a.findFlags(k)
	a.readCPUFree()
	if err := w.Err(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *PageArray) findFlags(k *kernel.Kernel) {
	flag := func(name string) int {
		if n, ok := enumOf(k, "pageflags", "PG_"+name); ok && n >= 0 && n < 64 {
			return n
		}
		return -1
	}
	a.lru, a.swap, a.backed, a.poison, a.hugeFlag = flag("lru"), flag("swapcache"), flag("swapbacked"), flag("hwpoison"), flag("hugetlb")
	for _, name := range []string{"private", "private_2"} {
		if n := flag(name); n >= 0 {
			a.private |= 1 << n
		}
	}
	a.zsmalloc, a.large, a.unacc = typeOf(k, "zsmalloc", ""), typeOf(k, "large_kmalloc", ""), typeOf(k, "unaccepted", "PAGE_UNACCEPTED_MAPCOUNT_VALUE")
	a.hugeDtor, a.dtorOff = -1, -1
	if n, ok := enumOf(k, "compound_dtor_id", "HUGETLB_PAGE_DTOR"); ok {
		a.hugeDtor = int64(n)
	} else if n, ok := k.Info.Number("HUGETLB_PAGE_DTOR"); ok {
		a.hugeDtor = n
	}
	id, _ := k.TypeID("struct page")
	if f, ok := k.Types.Field(id, "compound_dtor"); ok {
		a.dtorOff = int64(f.Offset)
	} else if id, ok := k.TypeID("struct folio"); ok {
		if f, ok := k.Types.Field(id, "_folio_dtor"); ok {
			a.dtorOff = int64(f.Offset) - int64(a.size)
		}
		if f, ok := k.Types.Field(id, "_folio_order"); ok {
			a.off.order = int64(f.Offset) - int64(a.size)
		}
	}
	if a.off.order < 0 {
		a.off.order = a.off.flags // the lowest byte of the second page's flags, since 6.6
		if k.BigEndian() {
			a.off.order += 7
		}
	}
}

// readCPUFree reads which blocks CPUs keep for the next who asks. Nothing in
// their struct page says so: the list that a block is in tells its size.
func (a *PageArray) readCPUFree() {
	k := a.w.Kernel()
	member := "lru"
	if k.HasField("struct page", "pcp_list") {
		member = "pcp_list"
	}
	kinds, ok := enumOf(k, "migratetype", "MIGRATE_PCPTYPES")
	if !ok || kinds < 1 {
		kinds = 3
	}
	const costly = 3          // PAGE_ALLOC_COSTLY_ORDER: above it there are lists of one huge page size
	huge := k.PageShift() - 3 // what one page table of the lowest level maps
	for _, n := range pglists(a.w) {
		zones := n.Field("node_zones")
		for i := range min(zones.Len(), maxZones) {
			sets := zones.Index(i).First("per_cpu_pageset", "pageset")
			for _, cpu := range k.CPUs() {
				set := sets.PerCPUOf(cpu)
				if set.Has("pcp") {
					set = set.Field("pcp")
				}
				if !set.Valid() || set.Field("count").Int() <= 0 {
					continue
				}
				lists := set.Field("lists")
				for j := range lists.Len() {
					order := uint(j / kinds)
					if lists.Len() <= kinds {
						order = 0
					} else if order > costly {
						order = huge
					}
					for page := range a.w.List(lists.Index(j), "struct page", member) {
						if pfn, ok := a.pfn(page.Addr()); ok && pfn&(1<<order-1) == 0 {
							a.cpuFree[pfn] = 1 << order
						}
					}
				}
			}
		}
	}
}

// Runs goes through the pages [start, end), in order. Every one of them is in a
// run; runs do not reach beyond end.
func (a *PageArray) Runs(start, end uint64) iter.Seq[PageRun] {
	return func(yield func(PageRun) bool) {
		run := PageRun{PFN: start}
		for pfn := start; pfn < end; {
			if a.w.Err() != nil {
				run.N = pfn - run.PFN
				if run.N == 0 || yield(run) {
					yield(PageRun{PFN: pfn, N: end - pfn, State: PageUnknown})
				}
				return
			}
			state, private, n := a.state(pfn)
			n = min(max(n, 1), end-pfn)
			if state != run.State || private != run.Private {
				if run.N = pfn - run.PFN; run.N > 0 && !yield(run) {
					return
				}
				run = PageRun{PFN: pfn, State: state, Private: private}
			}
			pfn += n
		}
		if run.N = end - run.PFN; run.N > 0 && start < end {
			yield(run)
		}
	}
}

// entry returns the bytes of a struct page, for a short while.
func (a *PageArray) entry(pfn uint64) []byte {
	if i := pfn - a.chunkPFN; i < a.chunkN {
		return a.chunk[i*a.size : (i+1)*a.size]
	}
	const many = 512
	first, base := pfn, a.base
	n := uint64(many) - pfn%many
	if a.sections {
		if base = a.section(pfn); base == 0 {
			a.chunkN = 0
			return nil
		}
		n = min(n, a.perSect-pfn%a.perSect)
	}
	if a.chunk == nil {
		a.chunk = make([]byte, many*a.size)
	}
	a.chunkPFN, a.chunkN = first, 0
	// A hole in the array costs the pages behind it one at a time.
	if a.w.Read(a.chunk[:n*a.size], base+pfn*a.size) == nil {
		a.chunkN = n
	} else if a.w.Read(a.chunk[:a.size], base+pfn*a.size) == nil {
		a.chunkN = 1
	} else {
		return nil
	}
	return a.chunk[:a.size]
}

func (a *PageArray) u64(e []byte, off int64) uint64 { return a.w.Kernel().Order.Uint64(e[off:]) }
func (a *PageArray) u32(e []byte, off int64) uint32 { return a.w.Kernel().Order.Uint32(e[off:]) }

// state says what a page is, and how many from it on are so for the same reason.
func (a *PageArray) state(pfn uint64) (state string, private bool, n uint64) {
	e := a.entry(pfn)
	if e == nil {
		if a.sections && a.section(pfn) == 0 {
			return PageForeign, false, a.perSect - pfn%a.perSect
		}
		return PageUnknown, false, 1
	}
	if n, ok := a.cpuFree[pfn]; ok {
		return PageUnused, false, n
	}
	if info := a.u64(e, a.off.compound); info&1 != 0 {
		page, ok := a.page(pfn)
		if !ok {
			return PageUnknown, false, 1
		}
		head, ok := a.pfn(a.head(page).Addr())
		if !ok || head >= pfn {
			return PageUnknown, false, 1
		}
		if e = a.entry(head); e == nil {
			return PageUnknown, false, 1
		}
		state, private, _ = a.named(e, head)
		return state, private, 1
	}
	return a.named(e, pfn)
}

// named says what a page is that is no tail of a compound one.
func (a *PageArray) named(e []byte, pfn uint64) (state string, private bool, n uint64) {
	flags, typ, mapping := a.u64(e, a.off.flags), a.u32(e, a.off.typ), a.u64(e, a.off.mapping)
	has := func(bit int) bool { return bit >= 0 && flags>>bit&1 != 0 }
	block := a.u64(e, a.off.private)
	private = flags&a.private != 0
	n = 1
	huge := false
	if has(a.headFlag) {
		n, huge = a.compound(pfn)
	}
	switch {
	case has(a.poison):
		return PagePoisoned, false, 1
	case a.slabFlag >= 0 && has(a.slabFlag), a.slabFlag < 0 && a.slab.is(typ):
		return PageSlab, false, n
	case a.buddy.is(typ):
		if block > maxPageOrder || pfn&(1<<block-1) != 0 {
			return PageFree, false, 1
		}
		return PageFree, false, 1 << block
	case a.table.is(typ):
		return PageTable, false, n
	case a.offline.is(typ), a.unacc.is(typ):
		return PageOffline, false, n
	case a.large.is(typ):
		return PageKmalloc, false, n
	case a.zsmalloc.is(typ):
		return PageKernel, false, n
	case huge, a.hugetlb.is(typ):
		return PageHuge, false, n
	case has(a.resFlag):
		return PageReserved, false, n
	case mapping&1 != 0 && mapping > 1<<20:
		return PageAnon, false, n
	case has(a.lru), has(a.swap) && (a.backed < 0 || has(a.backed)):
		return PageCache, private, n
	case mapping&3 == 0 && mapping > 1<<20 && a.isMapping(mapping):
		return PageCache, private, n
	}
	return PageKernel, private, n
}

// compound returns how many pages a compound page has, which its second one
// says, and whether it is one of hugetlbfs.
func (a *PageArray) compound(pfn uint64) (n uint64, huge bool) {
	// What is asked of the first page is read already, and this may drop it.
	e := a.second(pfn)
	if e == nil {
		return 1, false
	}
	if a.u64(e, a.off.compound)&1 == 0 {
		return 1, false
	}
	order := uint(e[a.off.order])
	if order == 0 || order > maxPageOrder || bits.TrailingZeros64(pfn) < int(order) && pfn != 0 {
		return 1, false
	}
	if a.dtorOff >= 0 && a.hugeDtor >= 0 && a.dtorOff < int64(a.size) {
		huge = int64(e[a.dtorOff]) == a.hugeDtor
	}
	if a.hugeFlag >= 0 && a.u64(e, a.off.flags)>>a.hugeFlag&1 != 0 {
		huge = true
	}
	return 1 << order, huge
}

func (a *PageArray) second(pfn uint64) []byte {
	if i := pfn + 1 - a.chunkPFN; i < a.chunkN {
		return a.chunk[i*a.size : (i+1)*a.size]
	}
	base := a.base
	if a.sections {
		if base = a.section(pfn + 1); base == 0 {
			return nil
		}
	}
	e := make([]byte, a.size)
	if a.w.Read(e, base+(pfn+1)*a.size) != nil {
		return nil
	}
	return e
}

// isMapping reports whether there is a struct address_space, whose inode knows
// of it. Kernel code keeps other things in this word of pages that are its own.
func (a *PageArray) isMapping(at uint64) bool {
	known, ok := a.mappings[at]
	if ok {
		return known
	}
	w := a.w
	if w.Readable(at, 8) {
		host := w.At("struct address_space", at).Field("host").Ptr()
		if host != 0 && w.Readable(host, 8) {
			inode := w.At("struct inode", host)
			known = inode.Field("i_data").Addr() == w.Kernel().Canonical(at) || inode.Field("i_mapping").Ptr() == w.Kernel().Canonical(at)
		}
	}
	if len(a.mappings) < maxMappings {
		a.mappings[at] = known
	}
	return known
}

// DirectMap returns where all of physical memory is mapped to a page.
func (a *PageArray) DirectMap(pfn uint64) uint64 { return a.virt(pfn) }

// PFN returns which physical page a struct page is of.
func (a *PageArray) PFN(page uint64) (uint64, bool) { return a.pfn(a.w.Kernel().Canonical(page)) }
