package kernel

import (
	"errors"
	"fmt"
	"iter"
)

// maxEntries bounds every list and tree: more than any kernel has, and a second
// of reading.
const maxEntries = 4_000_000

// circle finds lists that come back to an entry other than their head (Brent's
// algorithm: one comparison an entry, no memory).
type circle struct {
	tortoise uint64
	steps    int
	limit    int
}

func (c *circle) seen(at uint64) bool {
	if c.limit == 0 {
		c.limit, c.tortoise = 1, at
		return false
	}
	if at == c.tortoise {
		return true
	}
	if c.steps++; c.steps == c.limit {
		c.tortoise, c.steps, c.limit = at, 0, c.limit*2
	}
	return false
}

// List goes through a struct list_head, whose entries are members of a type. An
// entry that does not point back to the one before it is kept as corrupt, and
// the walk follows it nevertheless as far as it leads.
func (w *Walk) List(head Value, typ, member string) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if !head.Valid() {
			return
		}
		var loop circle
		prev := head.addr
		ptr := uint64(w.k.ptrSize)
		for n := 0; w.stop == nil; n++ {
			at, err := w.Pointer(prev)
			if err != nil {
				w.fault(Fault{Addr: prev, Path: "struct list_head.next of a list of " + typ + "." + member, Text: err.Error()})
				return
			}
			at = w.k.Canonical(at)
			if back, err := w.Pointer(at + ptr); err != nil {
				// A page that was left out of the dump says nothing of the list.
				w.fault(Fault{Addr: prev, Corrupt: at == 0 || errors.Is(err, ErrNotMapped), Path: typ + "." + member,
					Text: fmt.Sprintf("entry %d points to %#x%s: %v", n, at, poisonName(at), err)})
				return
			} else if back = w.k.Canonical(back); back != prev {
				w.fault(Fault{Addr: at, Corrupt: true, Path: typ + "." + member,
					Text: fmt.Sprintf("entry %d at %#x points back to %#x%s and not to %#x, which points to it", n, at, back, poisonName(back), prev)})
			}
			if at == head.addr {
				return
			}
			if n >= maxEntries || loop.seen(at) {
				w.fault(Fault{Addr: at, Corrupt: true, Path: typ + "." + member,
					Text: fmt.Sprintf("the list runs in a circle that leaves out its head, seen after %d entries", n)})
				return
			}
			if !yield((Value{w: w, addr: at}).Container(typ, member)) {
				return
			}
			prev = at
		}
	}
}

// poisonName says what the kernel writes into the pointers of entries that it
// has taken out.
func poisonName(p uint64) string {
	const delta = 0xdead000000000000 // CONFIG_ILLEGAL_POINTER_VALUE
	switch p {
	case 0:
		return " (NULL)"
	case 0x100, delta + 0x100:
		return " (LIST_POISON1: it was deleted)"
	case 0x122, 0x200, delta + 0x122, delta + 0x200:
		return " (LIST_POISON2: it was deleted)"
	}
	return ""
}

// Chain goes along a pointer from one structure to the next of its kind, until
// NULL: an hlist, an llist, a singly linked list.
func (w *Walk) Chain(first Value, next string) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		var loop circle
		for v, n := first, 0; v.Valid() && w.stop == nil; v, n = v.Field(next).Deref(), n+1 {
			if n >= maxEntries || loop.seen(v.addr) {
				w.fault(Fault{Addr: v.addr, Corrupt: true, Path: v.Type() + "." + next,
					Text: fmt.Sprintf("the chain runs in a circle, seen after %d entries", n)})
				return
			}
			if !yield(v) {
				return
			}
		}
	}
}

// HList goes through a struct hlist_head (or hlist_nulls_head, whose end has its
// lowest bit set), whose entries are members of a type.
func (w *Walk) HList(head Value, typ, member string) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if !head.Valid() {
			return
		}
		var loop circle
		at, err := w.Pointer(head.addr)
		for n := 0; w.stop == nil; n++ {
			if err != nil {
				w.fault(Fault{Addr: at, Path: typ + "." + member, Text: err.Error()})
				return
			}
			if at = w.k.Canonical(at); at == 0 || at&1 != 0 {
				return
			}
			if n >= maxEntries || loop.seen(at) {
				w.fault(Fault{Addr: at, Corrupt: true, Path: typ + "." + member, Text: fmt.Sprintf("the list runs in a circle, seen after %d entries", n)})
				return
			}
			if !yield((Value{w: w, addr: at}).Container(typ, member)) {
				return
			}
			at, err = w.Pointer(at)
		}
	}
}

// maxTreeDepth is more than twice the height of a red-black tree of all entries
// that memory can hold.
const maxTreeDepth = 128

// RBTree goes through a struct rb_root (or rb_root_cached) in order.
func (w *Walk) RBTree(root Value, typ, member string) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if root.Has("rb_root") {
			root = root.Field("rb_root")
		}
		left := maxEntries
		w.rbNode(root.Field("rb_node").Deref(), typ, member, maxTreeDepth, &left, yield)
	}
}

func (w *Walk) rbNode(n Value, typ, member string, depth int, left *int, yield func(Value) bool) bool {
	if !n.Valid() || w.stop != nil {
		return w.stop == nil
	}
	if *left--; depth == 0 || *left < 0 {
		w.fault(Fault{Addr: n.addr, Corrupt: true, Path: typ + "." + member, Text: "the tree is deeper or larger than any red-black tree"})
		return false
	}
	return w.rbNode(n.Field("rb_left").Deref(), typ, member, depth-1, left, yield) &&
		yield(n.Container(typ, member)) &&
		w.rbNode(n.Field("rb_right").Deref(), typ, member, depth-1, left, yield)
}

// XArray goes through a struct xarray, or the radix tree and IDR that are built
// on it (4.20 and later): the entries with their indexes. An entry that is no
// pointer (its lowest bit is set) comes as it is.
func (w *Walk) XArray(xa Value) iter.Seq2[uint64, uint64] {
	return func(yield func(uint64, uint64) bool) {
		for _, inner := range []string{"idr_rt", "i_pages"} {
			if xa.Has(inner) {
				xa = xa.Field(inner)
			}
		}
		entry := xa.First("xa_head", "rnode").Ptr()
		left := maxEntries
		w.xaEntry(entry, 0, 12, &left, yield)
	}
}

func (w *Walk) xaEntry(entry, index uint64, depth int, left *int, yield func(uint64, uint64) bool) bool {
	switch {
	case entry == 0 || w.stop != nil:
		return w.stop == nil
	case entry&3 != 2: // not a node
		return yield(index, entry)
	case entry < 4096: // a sibling, a zero or a retry entry
		return true
	}
	node := w.At("struct xa_node", entry&^3)
	shift := node.Field("shift").Uint()
	if *left--; depth == 0 || *left < 0 || shift > 60 {
		w.fault(Fault{Addr: entry, Corrupt: true, Path: "struct xa_node", Text: "the tree is deeper or larger than any xarray"})
		return false
	}
	for i, slot := range node.Field("slots").Elements() {
		if !w.xaEntry(slot.Uint(), index+uint64(i)<<shift, depth-1, left, yield) {
			return false
		}
	}
	return true
}
