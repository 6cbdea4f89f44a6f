package shell

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ringside/symbol/btf"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// maxEntries bounds a list or a tree.
const maxEntries = 1_000_000

// entry is what a list or tree leads to.
type entry struct {
	index uint64
	addr  uint64
}

// along are the options that list and tree share.
type along struct {
	typ, member string // of -o TYPE.MEMBER
	head        bool   // the member is a list_head
	offset      uint64 // of -o OFFSET
	shown       string // of -s: the type
	members     string // and its members
}

func (c *call) alongOptions(verb string) (a along, err error) {
	o, has, err := c.setting("-o")
	if err != nil {
		return a, err
	}
	s, _, err := c.setting("-s")
	if err != nil {
		return a, err
	}
	if !has && verb == "list" && len(c.args) > 1 { // crash takes it without -o too
		o, c.args = c.args[0], c.args[1:]
	}
	var dotted bool
	if a.typ, a.member, dotted = strings.Cut(o, "."); !dotted && o != "" {
		if a.offset, err = strconv.ParseUint(o, 0, 32); err != nil {
			return a, fmt.Errorf("-o %s: TYPE.MEMBER or an offset is expected", o)
		}
		a.typ = ""
	}
	if a.typ != "" {
		if a.typ, err = c.fullName(a.typ); err != nil {
			return a, err
		}
		id, _ := c.s.k.TypeID(a.typ)
		types := c.s.k.Types
		f, ok := types.Field(id, a.member)
		if !ok {
			return a, fmt.Errorf("%s has no member %q%s", a.typ, a.member, likely(types, id, a.member))
		}
		_, next := types.Field(types.Resolve(f.Type), "next")
		a.head = next
	}
	if a.shown, a.members, _ = strings.Cut(s, "."); a.shown != "" {
		a.shown, err = c.fullName(a.shown)
	}
	return a, err
}

// fullName returns a type's name with its keyword.
func (c *call) fullName(name string) (string, error) {
	for _, k := range []string{"struct ", "union "} {
		if _, ok := c.s.k.TypeID(k + name); ok {
			return k + name, nil
		}
	}
	_, _, err := c.s.resolve(name)
	return name, err
}

// list goes along a list.
func (c *call) list() (result, error) {
	fromHead, fromStruct := c.option("-H"), c.option("-h")
	a, err := c.alongOptions("list")
	if err != nil {
		return result{}, err
	}
	if err := c.only("list"); err != nil {
		return result{}, err
	}
	if len(c.args) != 1 || fromHead && fromStruct {
		return result{}, errors.New("list: an address is expected, with -H that of a list_head, with -h that of a structure in the list")
	}
	at, err := c.address(c.args[0])
	if err != nil {
		return result{}, err
	}
	var entries []entry
	add := func(addr uint64) bool {
		entries = append(entries, entry{addr: addr})
		return len(entries) < maxEntries
	}
	switch {
	case a.typ == "":
		err = c.rawList(at, a.offset, fromHead, add)
	case a.head:
		head := c.w.At("struct list_head", at)
		if !fromHead {
			add(at)
			head = c.w.At(a.typ, at).Field(a.member)
		}
		for v := range c.w.List(head, a.typ, a.member) {
			if !add(v.Addr()) {
				break
			}
		}
	default:
		for v := range c.w.Chain(c.w.At(a.typ, at), a.member) {
			if !add(v.Addr()) {
				break
			}
		}
	}
	if err != nil {
		return result{}, err
	}
	return c.shown(entries, a, false)
}

// rawList follows pointers at an offset until NULL or where it began.
func (c *call) rawList(start, offset uint64, fromHead bool, add func(uint64) bool) error {
	seen := map[uint64]bool{}
	at := start
	if fromHead {
		next, err := c.w.Pointer(start + offset)
		if err != nil {
			return err
		}
		at, seen[start] = next, true
	}
	for at != 0 && !seen[at] {
		seen[at] = true
		if !add(at) {
			return nil
		}
		next, err := c.w.Pointer(at + offset)
		if err != nil {
			c.w.Corrupt(at, "list", err.Error())
			return nil // what the list led to until here is good
		}
		at = next
	}
	return nil
}

// tree goes through a tree.
func (c *call) tree() (result, error) {
	kind, _, err := c.setting("-t")
	if err != nil {
		return result{}, err
	}
	a, err := c.alongOptions("tree")
	if err != nil {
		return result{}, err
	}
	if err := c.only("tree"); err != nil {
		return result{}, err
	}
	if len(c.args) != 1 {
		return result{}, errors.New("tree: the address of the root is expected")
	}
	root, err := c.address(c.args[0])
	if err != nil {
		return result{}, err
	}
	var entries []entry
	add := func(index, addr uint64) bool {
		entries = append(entries, entry{index, addr})
		return len(entries) < maxEntries
	}
	switch kind {
	case "rb", "rbtree":
		if a.typ == "" {
			a.typ, a.member = "struct rb_node", "__rb_parent_color"
		}
		for v := range c.w.RBTree(c.w.At("struct rb_root", root), a.typ, a.member) {
			if !add(uint64(len(entries)), v.Addr()) {
				break
			}
		}
	case "xa", "xarray", "radix", "ra":
		for i, e := range c.w.XArray(c.w.At("struct xarray", root)) {
			if !add(i, e) {
				break
			}
		}
	case "maple", "ma":
		for e := range c.w.Maple(c.w.At("struct maple_tree", root)) {
			if !add(e.First, e.Entry) {
				break
			}
		}
	default:
		return result{}, fmt.Errorf("tree -t %s: rbtree, xarray or maple is expected", kind)
	}
	return c.shown(entries, a, true)
}

// shown makes a table of entries, with the members that -s asks for as columns.
func (c *call) shown(entries []entry, a along, indexed bool) (result, error) {
	t := &table{cols: []string{"addr"}}
	if indexed {
		t.cols = []string{"index", "addr"}
	}
	typ := a.shown
	if typ == "" {
		typ = a.typ
	}
	var members []string
	if a.members != "" {
		members = strings.Split(a.members, ",")
		t.cols = append(t.cols, members...)
	}
	for _, x := range entries {
		r, err := c.entryRow(x, typ, members, indexed)
		if err != nil {
			return result{}, err
		}
		t.rows = append(t.rows, r)
	}
	return result{table: t}, c.w.Err()
}

// entryRow reads one entry.
func (c *call) entryRow(x entry, typ string, members []string, indexed bool) (row, error) {
	r := row{cells: []any{object.Addr(x.addr)}}
	if indexed {
		r.cells = []any{x.index, object.Addr(x.addr)}
	}
	if typ != "" && x.addr&1 == 0 {
		r.obj = c.w.At(typ, x.addr)
	}
	if typ == "struct task_struct" {
		task := object.TaskAt(c.w, x.addr)
		r.task = &task
	}
	for _, m := range members {
		if !r.obj.Valid() {
			r.cells = append(r.cells, nil)
			continue
		}
		if !r.obj.Has(m) {
			return r, fmt.Errorf("%s has no member %q%s", typ, m, likely(r.obj.Spec(), r.obj.TypeID(), m))
		}
		cell, err := placeCell(c.env(), r.obj.Field(m))
		if err != nil {
			return r, err
		}
		r.cells = append(r.cells, cell)
	}
	return r, nil
}

// placeCell makes a cell of a place; of a structure that is its address.
func placeCell(e *env, p kernel.Value) (any, error) {
	switch kindOf(p).Kind {
	case btf.KindStruct, btf.KindUnion:
		return object.Addr(p.Addr()), nil
	}
	return value{kind: kindPlace, place: p}.cell(e)
}
