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

// Bounds of what terminals have.
const (
	maxDrivers   = 1000
	maxTerminals = 1 << 16
	maxBuffers   = 1 << 16
)

// redactTerminals overwrites what terminals have received and not handed out
// yet, and what is on the screens of the console.
func (r *redactor) redactTerminals() error {
	const what = "input of terminals and content of screens"
	if r.ask.KeepTerminals {
		r.keepMatter(what, "what was typed, passwords among it", 0, 0)
		return nil
	}
	if r.k.SizeOf("struct tty_struct") == 0 {
		return nil
	}
	drivers := r.global("tty_drivers", "struct list_head")
	if !drivers.Valid() {
		r.undecided("the terminals were not found: what was typed was kept")
		return nil
	}
	n := 0
	for d := range r.w.List(drivers, "struct tty_driver", "tty_drivers") {
		if n++; n > maxDrivers {
			break
		}
		ttys, ports := d.Field("ttys"), d.Field("ports")
		for i := range int(min(d.Field("num").Uint(), maxTerminals)) {
			var port kernel.Value
			if ttys.Ptr() != 0 {
				if tty := ttys.Index(i).Deref(); tty.Valid() {
					r.terminal(what, tty)
					port = tty.Field("port").Deref()
				}
			}
			if !port.Valid() && ports.Ptr() != 0 {
				port = ports.Index(i).Deref()
			}
			if port.Valid() {
				r.port(what, port)
			}
		}
	}
	if screens := r.global("vc_cons", "struct vc [63]"); screens.Valid() {
		for _, vc := range screens.Elements() {
			data := vc.Field("d").Deref()
			if !data.Valid() {
				continue
			}
			at, size := data.Field("vc_screenbuf").Ptr(), data.Field("vc_screenbuf_size").Uint()
			if at != 0 && size < 1<<24 {
				r.wipe(what, at, size)
			}
		}
	}
	return nil
}

// terminal overwrites what the line discipline holds of lines that are not
// complete.
func (r *redactor) terminal(what string, tty kernel.Value) {
	data := tty.Field("disc_data").Ptr()
	if data == 0 || tty.Field("ldisc").Deref().Field("ops").Deref().Field("num").Int() != 0 {
		return // not N_TTY
	}
	if r.k.SizeOf("struct n_tty_data") == 0 {
		r.undecided("struct n_tty_data is not known: lines that terminals hold were kept")
		return
	}
	v := r.w.At("struct n_tty_data", data)
	for _, m := range []string{"read_buf", "echo_buf"} {
		r.wipe(what, v.Field(m).Addr(), uint64(v.Field(m).Size()))
	}
	if at := tty.Field("write_buf").Ptr(); at != 0 {
		r.wipe(what, at, min(uint64(max(tty.Field("write_cnt").Int(), 0)), 1<<20))
	}
}

// port overwrites what a device has received.
func (r *redactor) port(what string, port kernel.Value) {
	n := 0
	sentinel := port.Field("buf.sentinel").Addr()
	for b := range r.w.Chain(port.Field("buf.head").Deref(), "next") {
		if n++; n > maxBuffers {
			break
		}
		if size := b.Field("size").Uint(); b.Addr() != sentinel && size < 1<<20 {
			r.wipe(what, b.Field("data").Addr(), size)
		}
	}
}
