package object

import (
	"cmp"
	"fmt"
	"slices"

	"ringside/vmcore/kernel"
)

// SlabCache is one cache of the slab allocator.
type SlabCache struct {
	Name       string `json:"name"`
	Addr       uint64 `json:"-"`
	ObjectSize uint64 `json:"object_size"`
	Size       uint64 `json:"size"` // with what is kept beside each object
	PerSlab    uint64 `json:"objects_per_slab"`
	Slabs      uint64 `json:"slabs"`
	Objects    uint64 `json:"objects"`
	Used       uint64 `json:"used"`
	Bytes      uint64 `json:"bytes"` // of its slabs
	// Reclaimable says that the kernel can make room in it.
	Reclaimable bool `json:"reclaimable,omitempty"`
	// Estimate says that not all slabs were looked at.
	Estimate bool `json:"estimate,omitempty"`

	// Aliases are the names under which others made a cache that the kernel merged
	// into this one.
	Aliases []string `json:"aliases,omitempty"`

	order uint
}

// Limits of the slab allocator's lists.
const (
	maxCaches   = 20_000
	maxPartials = 200_000 // slabs of all caches together
	maxPerSlab  = 1<<15 - 1
	maxChecked  = 256 // free lists that are followed
)

// slubs reads SLUB's structures. SLAB and SLOB, which left the kernel with 6.8
// and 6.4, are not read.
type slubs struct {
	w       *kernel.Walk
	mem     *memmap
	typ     string // of a slab: "struct slab" since 5.17, "struct page" before
	list    string // its entry in a list
	left    int    // slabs that may still be looked at
	recFlag uint64 // SLAB_RECLAIM_ACCOUNT
	// unchecked is how many free lists may still be compared with their slab's
	// counters, which reads the objects; cut says that the last list was not read
	// to its end.
	unchecked int
	cut       bool
	lost      int // sheaves that are not in the dump
}

func newSlubs(w *kernel.Walk, m *memmap) *slubs {
	k := w.Kernel()
	s := &slubs{w: w, mem: m, typ: "struct slab", list: "slab_list", left: maxPartials, unchecked: maxChecked, recFlag: 0x20000}
	if !k.HasField(s.typ, "slab_cache") {
		s.typ = "struct page"
	}
	if !k.HasField(s.typ, s.list) {
		s.list = "lru"
	}
	if n, ok := enumOf(k, "_slab_flag_bits", "_SLAB_RECLAIM_ACCOUNT"); ok {
		s.recFlag = 1 << (n & 63)
	}
	return s
}

// Slabs reads all slab caches, the largest first.
func Slabs(w *kernel.Walk) []SlabCache {
	s := newSlubs(w, newMemmap(w))
	caches := []SlabCache{}
	uncounted := map[uint64]int{}
	for v := range s.caches() {
		c, counted := s.cache(v)
		if !counted {
			uncounted[c.Addr] = len(caches)
		}
		caches = append(caches, c)
	}
	aliases := slabAliases(w)
	for i := range caches {
		caches[i].Aliases = slices.DeleteFunc(aliases[caches[i].Addr], func(name string) bool { return name == caches[i].Name })
	}
	if s.lost > 0 {
		optional(w, "slab_caches", "struct list_head").Fault(fmt.Sprintf("%d arrays of free objects are not in the dump: so many more objects may be free", s.lost))
	}
	if len(uncounted) > 0 {
		s.count(caches, uncounted)
	}
	slices.SortStableFunc(caches, func(a, b SlabCache) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name)) })
	return caches
}

// caches goes through all struct kmem_cache.
func (s *slubs) caches() func(yield func(kernel.Value) bool) {
	return func(yield func(kernel.Value) bool) {
		head := optional(s.w, "slab_caches", "struct list_head")
		if !head.Valid() || !s.w.Kernel().HasField("struct kmem_cache", "offset") {
			return
		}
		n := 0
		for v := range s.w.List(head, "struct kmem_cache", "list") {
			if n++; n > maxCaches || !yield(v) {
				return
			}
		}
	}
}

// cache reads one cache. counted says whether the kernel counts its slabs: an
// option, CONFIG_SLUB_DEBUG, that distributions set.
func (s *slubs) cache(v kernel.Value) (c SlabCache, counted bool) {
	oo := v.Field("oo.x").Uint()
	c = SlabCache{Addr: v.Addr(), Name: v.Field("name").Str(), ObjectSize: v.Field("object_size").Uint(), Size: v.Field("size").Uint(),
		PerSlab: oo & 0xffff, order: uint(oo >> 16), Reclaimable: v.Field("flags").Uint()&s.recFlag != 0}
	if c.order > 20 {
		v.Fault("no slab has 2^" + v.Field("oo.x").Enum() + " pages")
		c.order = 0
	}
	var free uint64
	for _, n := range s.nodes(v) {
		if n.Has("nr_slabs") {
			counted = true
			c.Slabs += n.Field("nr_slabs").Uint()
			c.Objects += n.Field("total_objects").Uint()
		}
		if n.Field("nr_partial").Uint() == 0 {
			continue
		}
		for slab := range s.w.List(n.Field("partial"), s.typ, s.list) {
			if s.left--; s.left < 0 {
				c.Estimate = true
				break
			}
			objects, inuse := slab.Field("objects").Uint(), slab.Field("inuse").Uint()
			if inuse > objects {
				s.w.Corrupt(slab.Addr(), s.typ+".inuse of "+c.Name, "a slab has more objects in use than it has")
				continue
			}
			free += objects - inuse
			s.check(v, slab, objects-inuse)
		}
	}
	for cpu := range s.cpus(v) {
		for _, slab := range s.cpuSlabs(cpu) {
			free += s.freeIn(v, cpu, slab)
		}
	}
	for _, sheaf := range s.sheaves(v) {
		free += min(sheaf.Field("size").Uint(), maxPerSlab)
	}
	if counted {
		if free > c.Objects {
			s.w.Corrupt(c.Addr, "struct kmem_cache of "+c.Name, "more objects are free than there are")
			free = c.Objects
		}
		c.Used = c.Objects - free
	} else {
		c.Used = -free // completed when all slabs are counted
	}
	c.Bytes = c.Slabs << c.order << s.w.Kernel().PageShift()
	return c, counted
}

// nodes are a cache's struct kmem_cache_node.
func (s *slubs) nodes(v kernel.Value) (list []kernel.Value) {
	var nodes kernel.Value
	member := ""
	switch {
	case v.Has("node"):
		nodes = v.Field("node")
	case v.Has("per_node"): // 7.0 and later
		nodes, member = v.Field("per_node"), "node"
	default:
		return nil
	}
	for i := range min(nodes.Len(), maxNodes, nodeIDs(s.w)) {
		n := nodes.Index(i)
		if member != "" {
			n = n.Field(member)
		}
		if n = n.Deref(); n.Valid() {
			list = append(list, n)
		}
	}
	return list
}

// cpus are a cache's struct kmem_cache_cpu, which kernels with sheaves do not
// have.
func (s *slubs) cpus(v kernel.Value) func(yield func(kernel.Value) bool) {
	return func(yield func(kernel.Value) bool) {
		if !v.Has("cpu_slab") {
			return
		}
		p := v.Field("cpu_slab")
		for _, cpu := range s.w.Kernel().CPUs() {
			if c := p.PerCPUOf(cpu); c.Valid() && !yield(c) {
				return
			}
		}
	}
}

// cpuSlabs are the slabs that a CPU has for itself: the one it allocates from,
// and partial ones.
func (s *slubs) cpuSlabs(cpu kernel.Value) (list []kernel.Value) {
	if slab := cpu.First("slab", "page").Deref(); slab.Valid() {
		list = append(list, slab)
	}
	if cpu.Has("partial") {
		for slab := range s.w.Chain(cpu.Field("partial").Deref(), "next") {
			if s.left--; s.left < 0 {
				break
			}
			list = append(list, slab)
		}
	}
	return list
}

// freeIn counts the free objects of a CPU's slab: those on the CPU's own list
// count as used in the slab.
func (s *slubs) freeIn(cache, cpu, slab kernel.Value) uint64 {
	objects, inuse := slab.Field("objects").Uint(), slab.Field("inuse").Uint()
	if inuse > objects {
		return 0
	}
	free := objects - inuse
	if cpu.First("slab", "page").Ptr() == slab.Addr() {
		for range s.freeList(cache, slab, cpu.Field("freelist").Ptr()) {
			free++
		}
	}
	return free
}

// sheaves are the arrays of free objects that CPUs and nodes keep since 6.18.
func (s *slubs) sheaves(v kernel.Value) (list []kernel.Value) {
	if !v.Has("cpu_sheaves") || v.Field("cpu_sheaves").Ptr() == 0 {
		return nil
	}
	for _, cpu := range s.w.Kernel().CPUs() {
		c := v.Field("cpu_sheaves").PerCPUOf(cpu)
		for _, m := range []string{"main", "spare", "rcu_free"} {
			// makedumpfile leaves sheaves out where it does not know the kernel.
			if sheaf := c.Field(m).Deref(); sheaf.Valid() && s.w.Readable(sheaf.Addr(), sheaf.Size()) {
				list = append(list, sheaf)
			} else if sheaf.Valid() {
				s.lost++
			}
		}
	}
	for i := range nodeIDs(s.w) {
		var barn kernel.Value
		switch {
		case v.Has("per_node"):
			barn = v.Field("per_node").Index(i).Field("barn").Deref()
		case v.Has("node"):
			if n := v.Field("node").Index(i).Deref(); n.Has("barn") {
				barn = n.Field("barn").Deref()
			}
		}
		if !barn.Valid() {
			continue
		}
		full := barn.Field("sheaves_full")
		if first := full.Field("next").Ptr(); !s.w.Readable(first, 16) {
			s.lost++
			continue
		}
		for sheaf := range s.w.List(full, "struct slab_sheaf", "barn_list") {
			if list = append(list, sheaf); len(list) > maxPartials {
				return list
			}
		}
	}
	return list
}

// maxCounted is how many pages are looked at to count slabs: 64 GiB of 4 KiB.
const maxCounted = 16 << 20

// count finds the slabs of caches that the kernel does not count: it asks every
// page that is there.
func (s *slubs) count(caches []SlabCache, at map[uint64]int) {
	k, left := s.w.Kernel(), maxCounted
	id, _ := k.TypeID(s.typ)
	field, ok := k.Types.Field(id, "slab_cache")
	if !ok || s.mem.base == 0 {
		return
	}
	for _, n := range pglists(s.w) {
		start, end := n.Field("node_start_pfn").Uint(), n.Field("node_spanned_pages").Uint()
		for pfn := start; pfn-start < end && left > 0; pfn++ {
			left--
			p := s.mem.base + pfn*s.mem.size
			cache, err := s.w.Pointer(p + uint64(field.Offset))
			if err != nil { // a page of the map: the next
				pfn |= 1<<k.PageShift()/s.mem.size - 1
				continue
			}
			i, ok := at[k.Canonical(cache)]
			if !ok || !s.mem.isSlab(s.w.At("struct page", p)) {
				continue
			}
			caches[i].Slabs++
			caches[i].Objects += s.w.At(s.typ, p).Field("objects").Uint()
		}
	}
	for _, i := range at {
		c := &caches[i]
		c.Used = c.Objects - min(-c.Used, c.Objects)
		c.Bytes = c.Slabs << c.order << k.PageShift()
		c.Estimate = c.Estimate || left == 0
	}
}
