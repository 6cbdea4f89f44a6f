package filter

import (
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// redactSockets overwrites what is on its way through sockets: the data of every
// struct sk_buff there is, in whichever queue. Fragments lie in pages that are
// not kept.
func (r *redactor) redactSockets() error {
	if r.k.SizeOf("struct sk_buff") == 0 {
		return nil // a kernel without network
	}
	caches := map[uint64]bool{}
	for _, name := range []string{"skbuff_cache", "skbuff_head_cache", "skbuff_fclone_cache"} {
		if v := r.global(name, "struct kmem_cache *"); v.Valid() {
			caches[v.Ptr()] = true
		}
	}
	if hot := r.global("net_hotdata", "struct net_hotdata"); hot.Valid() {
		for _, name := range []string{"skbuff_cache", "skbuff_fclone_cache"} {
			if hot.Has(name) {
				caches[hot.Field(name).Ptr()] = true
			}
		}
	}
	// A CPU keeps some that it has freed, whose pointers lead to what others have
	// now.
	cached := map[uint64]bool{}
	if _, ok := r.k.Symbol("napi_alloc_cache"); ok {
		for _, cpu := range r.k.CPUs() {
			c := r.w.PerCPU("napi_alloc_cache", "struct napi_alloc_cache", cpu)
			list := c.Field("skb_cache")
			for i := range min(int(c.Field("skb_count").Uint()), list.Len()) {
				cached[list.Index(i).Ptr()] = true
			}
		}
	}
	size := r.k.SizeOf("struct sk_buff")
	seen := 0
	for run := range r.slabRuns() {
		for slab := range r.slabs.Slabs(run) {
			if !caches[slab.CacheAddr] && slab.Cache != "skbuff_head_cache" && slab.Cache != "skbuff_fclone_cache" {
				continue
			}
			seen++
			for i := range slab.Objects {
				if slab.Free(i) || cached[slab.Object(i)] {
					continue
				}
				r.skb(r.w.At("struct sk_buff", slab.Object(i)))
				if slab.ObjectSize >= 2*size { // a pair, of which the second is a clone in waiting
					if second := r.w.At("struct sk_buff", slab.Object(i)+size); second.Field("users").Uint() != 0 {
						r.skb(second)
					}
				}
			}
		}
	}
	if len(caches) == 0 && seen == 0 {
		r.undecided("the caches of socket buffers were not found: what sockets hold in objects of the slab was kept")
	}
	return nil
}

// slabRuns goes through the rows of slab pages that are kept.
func (r *redactor) slabRuns() func(yield func(object.PageRun) bool) {
	return func(yield func(object.PageRun) bool) {
		for pfn, n := range r.ram.runs(r.frames + 1) {
			for run := range r.pages.Runs(pfn, pfn+n) {
				if run.State == object.PageSlab && !yield(run) {
					return
				}
			}
		}
	}
}

// skb overwrites the data of one buffer, up to the description of its fragments.
func (r *redactor) skb(v kernel.Value) {
	head, end := v.Field("head").Ptr(), v.Field("end").Uint()
	if head == 0 {
		return
	}
	if end >= head { // a pointer, on 32-bit kernels
		end -= head
	}
	if end == 0 || end > 1<<20 {
		return
	}
	r.wipe("data of socket buffers", head, end)
}

// maxKeys bounds the keyring.
const maxKeys = 1_000_000

// redactKeys overwrites what every key holds that is no keyring.
func (r *redactor) redactKeys() error {
	if r.k.SizeOf("struct key") == 0 {
		return nil // a kernel without keyrings
	}
	root := r.global("key_serial_tree", "struct rb_root")
	if !root.Valid() {
		return errNoKeys
	}
	n := 0
	for key := range r.w.RBTree(root, "struct key", "serial_node") {
		if n++; n > maxKeys {
			r.undecided("there are more than %d keys: the others were kept", maxKeys)
			break
		}
		typ := key.Field("type").Deref().Field("name").Str()
		if typ == "keyring" {
			continue
		}
		data := key.Field("payload.data")
		for i := range data.Len() {
			r.payload(typ, data.Index(i).Ptr())
		}
	}
	return nil
}

// payload overwrites the object that a key points to, and what that points to
// where its type is known to.
func (r *redactor) payload(typ string, at uint64) {
	what := "payloads of keys"
	start, size, ok := r.slabs.Find(at)
	if !ok {
		return // a constant, an error number, or in pages that are not kept
	}
	var inner kernel.Value
	switch typ {
	case "asymmetric":
		if r.k.SizeOf("struct public_key") > 0 && size >= r.k.SizeOf("struct public_key") && start == at {
			inner = r.w.At("struct public_key", at).Field("key")
		}
	case "big_key":
		if r.k.SizeOf("struct big_key_payload") > 0 {
			inner = r.w.At("struct big_key_payload", at).Field("data")
		}
	}
	if inner.Valid() {
		if s, n, ok := r.slabs.Find(inner.Ptr()); ok {
			r.wipe(what, s, n)
		}
	}
	// The first two words of most payloads are those of RCU.
	skip := uint64(0)
	if typ == "user" || typ == "logon" {
		if skip = r.k.SizeOf("struct callback_head"); skip >= size || start != at {
			skip = 0
		}
	}
	r.wipe(what, start+skip, size-skip)
}
