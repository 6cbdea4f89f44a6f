package object

import (
	"fmt"
	"iter"
	"math/bits"
	"strings"

	"ringside/vmcore/kernel"
)

// SlabObject is an object of a slab cache.
type SlabObject struct {
	Cache string `json:"cache"`
	Start uint64 `json:"-"`
	Index uint64 `json:"index"` // within its slab
	Size  uint64 `json:"size"`
	Free  bool   `json:"free"`
	// Type is the structure that the cache is known to hold.
	Type string `json:"type,omitempty"`
}

// slabOf returns the slab that a page of it belongs to, its cache, and where its
// objects begin.
func (s *slubs) slabOf(pfn uint64) (cache, slab kernel.Value, base uint64, ok bool) {
	page, ok := s.mem.page(pfn)
	if !ok {
		return cache, slab, 0, false
	}
	head := s.mem.head(page)
	if !s.mem.isSlab(head) {
		return cache, slab, 0, false
	}
	slab = head.As(s.typ)
	cache = slab.Field("slab_cache").Deref()
	first, ok := s.mem.pfn(head.Addr())
	return cache, slab, s.mem.virt(first), ok && cache.Valid() && cache.Field("size").Uint() > 0
}

// object says which object of a slab an address is in. addr is in the direct map.
func (s *slubs) object(addr, pfn uint64) (SlabObject, bool) {
	cache, slab, base, ok := s.slabOf(pfn)
	if !ok || addr < base {
		return SlabObject{}, false
	}
	size, pad := cache.Field("size").Uint(), redZone(cache)
	o := SlabObject{Cache: cache.Field("name").Str(), Size: cache.Field("object_size").Uint(), Index: (addr - base) / size}
	if o.Index >= slab.Field("objects").Uint() {
		return SlabObject{Cache: o.Cache, Size: o.Size, Start: addr, Index: o.Index}, false
	}
	o.Start = base + o.Index*size + pad
	o.Type = typeOfCache(s.w.Kernel(), o.Cache)
	for at := range s.free(cache, slab) {
		if at == o.Start {
			o.Free = true
			break
		}
	}
	if !o.Free {
		o.Free = s.inSheaf(cache, o.Start)
	}
	return o, true
}

// redZone is what SLUB's debugging keeps before an object.
func redZone(cache kernel.Value) uint64 {
	if cache.Has("red_left_pad") {
		return cache.Field("red_left_pad").Uint()
	}
	return 0
}

// free goes through the free objects of a slab: those on its own list, and those
// on the list of a CPU that allocates from it. With each comes the word that
// links it to the next as it is in memory.
func (s *slubs) free(cache, slab kernel.Value) iter.Seq2[uint64, uint64] {
	return func(yield func(uint64, uint64) bool) {
		for at, raw := range s.freeList(cache, slab, slab.Field("freelist").Ptr()) {
			if !yield(at, raw) {
				return
			}
		}
		for cpu := range s.cpus(cache) {
			if cpu.First("slab", "page").Ptr() != slab.Addr() {
				continue
			}
			for at, raw := range s.freeList(cache, slab, cpu.Field("freelist").Ptr()) {
				if !yield(at, raw) {
					return
				}
			}
		}
	}
}

// freeList follows a list of free objects. Its links are encoded where the
// kernel is hardened: with a secret of the cache and with their own address,
// whose bytes are turned round since 5.7.
func (s *slubs) freeList(cache, slab kernel.Value, first uint64) iter.Seq2[uint64, uint64] {
	return func(yield func(uint64, uint64) bool) {
		pfn, ok := s.mem.pfn(slab.Addr())
		if !ok || s.mem.first == 0 {
			s.cut = true
			return
		}
		k := s.w.Kernel()
		base, size := s.mem.virt(pfn), cache.Field("size").Uint()
		objects := min(slab.Field("objects").Uint(), maxPerSlab)
		off, pad := cache.Field("offset").Uint(), redZone(cache)
		var random uint64
		hardened := cache.Has("random")
		if hardened {
			random = cache.Field("random").Uint()
		}
		inside := func(p uint64) bool {
			at := p - base - pad
			return size > 0 && at/size < objects && at%size == 0
		}
		path := "the free list of " + cache.Field("name").Str()
		for at, n := first, uint64(0); at != 0; n++ {
			switch {
			case !inside(at):
				s.cut = true
				s.w.Corrupt(at, path, fmt.Sprintf("it leaves its slab at %#x, which begins at %#x, after %d objects", at, base, n))
				return
			case n >= objects:
				s.cut = true
				s.w.Corrupt(at, path, fmt.Sprintf("it runs in a circle: a slab of %d objects has more free", objects))
				return
			}
			link := at + off
			raw, err := s.w.Pointer(link)
			if err != nil {
				s.cut = true // its page is not in the dump
				return
			}
			if !yield(at, raw) {
				return
			}
			next := raw
			if hardened {
				next = raw ^ random ^ bits.ReverseBytes64(link)
				if old := raw ^ random ^ link; next != 0 && !inside(next) && (old == 0 || inside(old)) {
					next = old
				}
			}
			at = k.Canonical(next)
			if next == 0 {
				return
			}
		}
	}
}

// check follows the free list of a slab that no CPU has, and compares its length
// with the slab's counters.
func (s *slubs) check(cache, slab kernel.Value, free uint64) {
	if s.unchecked--; s.unchecked < 0 {
		return
	}
	s.cut = false
	n := uint64(0)
	for range s.freeList(cache, slab, slab.Field("freelist").Ptr()) {
		n++
	}
	if !s.cut && n != free {
		s.w.Corrupt(slab.Addr(), s.typ+" of "+cache.Field("name").Str(), fmt.Sprintf("its free list has %d objects, and its counters say %d", n, free))
	}
}

// inSheaf reports whether an object is in an array of free ones.
func (s *slubs) inSheaf(cache kernel.Value, object uint64) bool {
	k := s.w.Kernel()
	for _, sheaf := range s.sheaves(cache) {
		objects := sheaf.Field("objects").Addr()
		for i := range min(sheaf.Field("size").Uint(), maxPerSlab) {
			at, err := s.w.Pointer(objects + i*uint64(k.PtrSize()))
			if err != nil {
				break
			}
			if k.Canonical(at) == object {
				return true
			}
		}
	}
	return false
}

// holder looks for the free object whose link to the next is a certain word: the
// word is what code reads that uses the object after it was freed.
func (s *slubs) holder(word uint64) (o SlabObject, ok bool) {
	look := func(cache, slab kernel.Value, first uint64) bool {
		for at, raw := range s.freeList(cache, slab, first) {
			if raw == word {
				o = SlabObject{Cache: cache.Field("name").Str(), Start: at, Size: cache.Field("object_size").Uint(), Free: true}
				o.Type = typeOfCache(s.w.Kernel(), o.Cache)
				if pfn, known := s.mem.pfn(slab.Addr()); known {
					o.Index = (at - s.mem.virt(pfn)) / max(cache.Field("size").Uint(), 1)
				}
				return true
			}
		}
		return false
	}
	for cache := range s.caches() {
		for cpu := range s.cpus(cache) {
			for _, slab := range s.cpuSlabs(cpu) {
				if look(cache, slab, slab.Field("freelist").Ptr()) ||
					cpu.First("slab", "page").Ptr() == slab.Addr() && look(cache, slab, cpu.Field("freelist").Ptr()) {
					return o, true
				}
			}
		}
		for _, n := range s.nodes(cache) {
			if n.Field("nr_partial").Uint() == 0 {
				continue
			}
			for slab := range s.w.List(n.Field("partial"), s.typ, s.list) {
				if s.left--; s.left < 0 {
					return o, false
				}
				if look(cache, slab, slab.Field("freelist").Ptr()) {
					return o, true
				}
			}
		}
	}
	return o, false
}

// typeOfCache returns the structure that a cache is named after, if it is.
func typeOfCache(k *kernel.Kernel, cache string) string {
	known := map[string]string{"inode_cache": "inode", "filp": "file", "cred_jar": "cred", "mnt_cache": "mount", "radix_tree_node": "xa_node",
		"skbuff_head_cache": "sk_buff", "bdev_cache": "bdev_inode", "sock_inode_cache": "socket_alloc", "shmem_inode_cache": "shmem_inode_info",
		"ext4_inode_cache": "ext4_inode_info", "proc_inode_cache": "proc_inode", "kernfs_node_cache": "kernfs_node", "signal_cache": "signal_struct",
		"sighand_cache": "sighand_struct", "files_cache": "files_struct", "TCP": "tcp_sock", "UDP": "udp_sock", "UNIX": "unix_sock", "PID": "pid"}
	name, ok := known[cache]
	if !ok {
		name = strings.TrimSuffix(cache, "_cache")
	}
	if k.SizeOf("struct "+name) == 0 {
		return ""
	}
	return "struct " + name
}
