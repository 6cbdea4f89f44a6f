package object

import (
	"errors"
	"iter"

	"ringside/vmcore/kernel"
)

// SlabWalk goes through the slabs that the pages of memory are in, whichever
// list they are on, and tells the objects in use from those that are free.
type SlabWalk struct {
	s      *slubs
	pages  *PageArray
	caches map[uint64]*slabLayout
	// onCPU are the free lists of the slabs that CPUs allocate from.
	onCPU   map[uint64][]uint64
	sheaves map[uint64]bool
	// Lost counts arrays of free objects that are not in the dump: what is in
	// them counts as used.
	Lost int
	// Broken counts slabs whose free list could not be followed to its end.
	Broken int
}

// slabLayout is a cache as its slabs need it.
type slabLayout struct {
	value        kernel.Value
	name         string
	size, object uint64
	pad, link    uint64
}

// Slab is one slab: a row of pages with objects of one size.
type Slab struct {
	Cache      string
	CacheAddr  uint64
	Base       uint64 // virtual address of its first page
	Objects    int
	Stride     uint64
	ObjectSize uint64
	// Link is where within a free object the address of the next one is.
	Link  uint64
	pad   uint64
	free  []bool
	Whole bool // its free list was followed to the end
}

// NewSlabWalk reads which objects CPUs and nodes keep for themselves.
func NewSlabWalk(w *kernel.Walk, pages *PageArray) (*SlabWalk, error) {
	s := &SlabWalk{s: newSlubs(w, pages.memmap), pages: pages, caches: map[uint64]*slabLayout{}, onCPU: map[uint64][]uint64{}, sheaves: map[uint64]bool{}}
	if pages.first == 0 {
		return nil, errors.New("where physical memory is mapped is not known, without which no object can be found")
	}
	for v := range s.s.caches() {
		s.caches[v.Addr()] = &slabLayout{value: v, name: v.Field("name").Str(), size: v.Field("size").Uint(), object: v.Field("object_size").Uint(),
			pad: redZone(v), link: v.Field("offset").Uint()}
		for cpu := range s.s.cpus(v) {
			if slab, list := cpu.First("slab", "page").Ptr(), cpu.Field("freelist").Ptr(); slab != 0 && list != 0 {
				s.onCPU[slab] = append(s.onCPU[slab], list)
			}
		}
		for _, sheaf := range s.s.sheaves(v) {
			objects := sheaf.Field("objects").Addr()
			for i := range min(sheaf.Field("size").Uint(), maxPerSlab) {
				at, err := w.Pointer(objects + i*uint64(w.Kernel().PtrSize()))
				if err != nil {
					break
				}
				s.sheaves[w.Kernel().Canonical(at)] = true
			}
		}
	}
	s.Lost = s.s.lost
	if len(s.caches) == 0 {
		return nil, errors.New("the kernel's slab caches were not found: it names no slab_caches, or has another allocator than SLUB")
	}
	return s, w.Err()
}

// Slabs goes through the slabs that begin in a run of slab pages.
func (s *SlabWalk) Slabs(run PageRun) iter.Seq[Slab] {
	return func(yield func(Slab) bool) {
		for pfn := run.PFN; pfn < run.PFN+run.N; pfn++ {
			e := s.pages.entry(pfn)
			if e == nil || s.pages.u64(e, s.pages.off.compound)&1 != 0 {
				continue
			}
			if slab, ok := s.at(pfn); ok && !yield(slab) {
				return
			}
		}
	}
}

// at reads the slab that begins with a page.
func (s *SlabWalk) at(pfn uint64) (Slab, bool) {
	page, ok := s.pages.page(pfn)
	if !ok {
		return Slab{}, false
	}
	v := page.As(s.s.typ)
	addr := v.Field("slab_cache").Ptr()
	c := s.caches[addr]
	if c == nil || c.size == 0 {
		return Slab{}, false
	}
	slab := Slab{Cache: c.name, CacheAddr: addr, Base: s.pages.virt(pfn), Objects: int(min(v.Field("objects").Uint(), maxPerSlab)), Stride: c.size,
		ObjectSize: min(c.object, c.size), Link: c.link, pad: c.pad}
	slab.free = make([]bool, slab.Objects)
	s.s.cut = false
	mark := func(first uint64) {
		for at := range s.s.freeList(c.value, v, first) {
			if i := (at - slab.Base) / c.size; i < uint64(len(slab.free)) {
				slab.free[i] = true
			}
		}
	}
	mark(v.Field("freelist").Ptr())
	for _, first := range s.onCPU[v.Addr()] {
		mark(first)
	}
	if slab.Whole = !s.s.cut; !slab.Whole {
		s.Broken++
	}
	if len(s.sheaves) > 0 {
		for i := range slab.free {
			slab.free[i] = slab.free[i] || s.sheaves[slab.Object(i)]
		}
	}
	return slab, true
}

// Object returns where an object begins.
func (s Slab) Object(i int) uint64 { return s.Base + uint64(i)*s.Stride + s.pad }

// Free reports whether an object is free.
func (s Slab) Free(i int) bool { return s.free[i] }

// Find returns the object that an address is in, if it is in one that is in use.
func (s *SlabWalk) Find(addr uint64) (start, size uint64, ok bool) {
	k := s.s.w.Kernel()
	pa, err := k.Translate(addr)
	if err != nil {
		return 0, 0, false
	}
	pfn := pa >> k.PageShift()
	page, ok := s.pages.page(pfn)
	if !ok {
		return 0, 0, false
	}
	head := s.pages.head(page)
	if !s.pages.isSlab(head) {
		return 0, 0, false
	}
	if pfn, ok = s.pages.pfn(head.Addr()); !ok {
		return 0, 0, false
	}
	slab, ok := s.at(pfn)
	if !ok || addr < slab.Base {
		return 0, 0, false
	}
	i := int((addr - slab.Base) / slab.Stride)
	if i >= slab.Objects || slab.Free(i) {
		return 0, 0, false
	}
	return slab.Object(i), slab.ObjectSize, true
}
