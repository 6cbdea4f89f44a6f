package kernel

import "iter"

// The kinds of nodes of a maple tree, enum maple_type. A pointer to a node has
// its kind in bits 3 to 6: nodes are aligned to 256 bytes.
const (
	mapleDense   = 0
	mapleLeaf64  = 1
	mapleRange64 = 2
	mapleArange  = 3
	mapleMask    = 0xff
)

// maxMapleDepth is more than any maple tree has: a node has ten slots at least.
const maxMapleDepth = 31

// MapleEntry is a range of indexes of a maple tree, with what is stored there.
type MapleEntry struct {
	First, Last uint64
	Entry       uint64
}

// Maple goes through a struct maple_tree in the order of its indexes, leaving
// out ranges that hold nothing.
func (w *Walk) Maple(tree Value) iter.Seq[MapleEntry] {
	return func(yield func(MapleEntry) bool) {
		root := tree.Field("ma_root").Uint()
		if root&3 != 2 || root < 4096 { // one entry at index 0, or none
			if root != 0 && root&3 != 2 {
				yield(MapleEntry{Entry: root})
			}
			return
		}
		left := maxEntries
		w.mapleNode(root, 0, ^uint64(0), maxMapleDepth, &left, yield)
	}
}

func (w *Walk) mapleNode(enode, first, last uint64, depth int, left *int, yield func(MapleEntry) bool) bool {
	if w.stop != nil {
		return false
	}
	addr, kind := enode&^uint64(mapleMask), enode>>3&0xf
	if *left--; depth == 0 || *left < 0 || kind > mapleArange {
		w.fault(Fault{Addr: addr, Corrupt: true, Path: "struct maple_node", Text: "the tree is deeper or larger than any maple tree, or a node is of no kind"})
		return false
	}
	node := w.At("struct maple_node", addr)
	if kind == mapleDense { // an entry a slot
		for i, slot := range node.Field("slot").Elements() {
			if e := slot.Uint(); e != 0 && !yield(MapleEntry{first + uint64(i), first + uint64(i), e}) {
				return false
			}
		}
		return true
	}
	body := node.First("mr64")
	if kind == mapleArange {
		body = node.First("ma64")
	}
	pivots, slots := body.Field("pivot"), body.Field("slot")
	for i := range slots.Len() {
		end := last
		if i < pivots.Len() {
			// The pivot of the last slot in use may be left out.
			if p := pivots.Index(i).Uint(); p != 0 || i == 0 {
				end = min(p, last)
			}
		}
		if end < first {
			w.fault(Fault{Addr: addr, Corrupt: true, Path: "struct maple_node", Text: "the pivots do not ascend"})
			return false
		}
		entry := slots.Index(i).Uint()
		switch {
		case entry == 0 || kind == mapleLeaf64 && entry&3 == 2 && entry < 4096: // nothing, or an entry of the tree's own
		case kind == mapleLeaf64:
			if *left--; *left < 0 || !yield(MapleEntry{first, end, entry}) {
				return false
			}
		default:
			if !w.mapleNode(entry, first, end, depth-1, left, yield) {
				return false
			}
		}
		if end == last {
			return true
		}
		first = end + 1
	}
	return true
}
