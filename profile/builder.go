package profile

import (
	"cmp"
	"fmt"
	"slices"
)

// Limits bound what a Builder keeps. A zero value takes the default.
type Limits struct {
	// Cells is how many cells may be kept before slices are widened: 1 Mi.
	Cells int
	// SliceWidth is the first length of a slice in ns: 10 ms.
	SliceWidth uint64
	// Nodes is how many stacks may be kept before the rarest are counted to their
	// callers: 512 Ki.
	Nodes int
	// Moved is called when stacks were given up: to says for each [StackID] that
	// was handed out which one it is now. Where it is nil nothing is given up but
	// the resolution of time.
	Moved func(to []StackID)
}

// Builder makes a Profile. Samples may come in any order; those that come in
// the order of time cost least. It is not safe for concurrent use.
type Builder struct {
	p      Profile
	limits Limits

	frames map[Frame]FrameID
	nodes  index // by caller and frame
	labels map[Labels]LabelID

	// recent says where in the cells a stack and label were seen last: most
	// samples are like one shortly before.
	recent [recentCells]int32
	// settled is how many of the cells are in order, settle how many there may
	// be before all are.
	settled, settle int
	room            []Cell // for sorting and widening

	timed       bool
	first, last uint64

	rare   int64     // samples that were counted to their callers
	coarse int       // how coarse labels are
	now    []LabelID // what the labels that were finer once are now
}

// recentCells is how many cells are remembered, a power of two.
const recentCells = 1 << 12

// NewBuilder returns an empty builder.
func NewBuilder(l Limits) *Builder {
	if l.Cells <= 0 {
		l.Cells = 1 << 20
	}
	if l.SliceWidth == 0 {
		l.SliceWidth = 10e6
	}
	if l.Nodes <= 0 {
		l.Nodes = 1 << 19
	}
	l.SliceWidth = max(l.SliceWidth, 2) // slice numbers must fit an int64
	return &Builder{
		p:      Profile{Nodes: make([]Node, 1), SliceWidth: l.SliceWidth},
		limits: l,
		frames: make(map[Frame]FrameID),
		labels: make(map[Labels]LabelID),
		settle: 2 * l.Cells,
	}
}

// Event adds an event and returns its index.
func (b *Builder) Event(e Event) int {
	b.p.Events = append(b.p.Events, e)
	return len(b.p.Events) - 1
}

// Frame returns the ID of a frame.
func (b *Builder) Frame(f Frame) FrameID {
	id, ok := b.frames[f]
	if !ok {
		id = FrameID(len(b.p.Frames))
		b.p.Frames = append(b.p.Frames, f)
		b.frames[f] = id
	}
	return id
}

// FrameOf returns the frame with an ID.
func (b *Builder) FrameOf(id FrameID) *Frame { return &b.p.Frames[id] }

// Push returns the stack that is caller's with f on top of it.
func (b *Builder) Push(caller StackID, f FrameID) StackID {
	key := nodeKey(caller, f)
	s := b.nodes.slot(key)
	if s.id == 0 {
		b.nodes.fill(s, key, StackID(len(b.p.Nodes)))
		b.p.Nodes = append(b.p.Nodes, Node{Parent: caller, Frame: f})
	}
	return s.id
}

func nodeKey(caller StackID, f FrameID) uint64 { return uint64(uint32(caller))<<32 | uint64(uint32(f)) }

// Label returns the ID of a set of labels.
func (b *Builder) Label(l Labels) LabelID {
	l = l.coarse(b.coarse)
	id, ok := b.labels[l]
	if !ok {
		id = LabelID(len(b.p.Labels))
		b.p.Labels = append(b.p.Labels, l)
		b.labels[l] = id
	}
	return id
}

// Lost notes a part of the recording that is not in the profile.
func (b *Builder) Lost(l Loss) { b.p.Losses = append(b.p.Losses, l) }

// Warn notes what a reader of the profile should know.
func (b *Builder) Warn(msg string) {
	if !slices.Contains(b.p.Warnings, msg) {
		b.p.Warnings = append(b.p.Warnings, msg)
	}
}

// Source sets what was recorded.
func (b *Builder) Source(s Source) { b.p.Source = s }

// AddAt counts n samples of a stack that together weigh weight, at time t in ns.
func (b *Builder) AddAt(t uint64, s StackID, l LabelID, n, weight int64) {
	if !b.timed {
		b.timed, b.first, b.last = true, t, t
	}
	b.first, b.last = min(b.first, t), max(b.last, t)
	b.add(t, s, l, n, weight)
}

// Add counts samples that have no time.
func (b *Builder) Add(s StackID, l LabelID, n, weight int64) { b.add(0, s, l, n, weight) }

func (b *Builder) add(t uint64, s StackID, l LabelID, n, weight int64) {
	// While it is built, a slice's number counts from time 0: a sample from
	// before the first one needs no room made for it.
	if int(l) < len(b.now) {
		l = b.now[l]
	}
	c := Cell{Stack: s, Label: l, Slice: int64(t / b.p.SliceWidth), Count: n, Weight: weight}
	at := &b.recent[(c.order()*0x9e3779b97f4a7c15)>>32&(recentCells-1)]
	if i := int(*at); i < len(b.p.Cells) {
		if x := &b.p.Cells[i]; x.same(&c) {
			x.Count += n
			x.Weight += weight
			return
		}
	}
	if len(b.p.Cells) >= b.settle {
		b.squeeze()
		c.Slice = int64(t / b.p.SliceWidth)
	}
	if n := len(b.p.Cells); n == cap(b.p.Cells) {
		b.p.Cells = slices.Grow(b.p.Cells, min(max(n, 256), b.settle-n))
	}
	*at = int32(len(b.p.Cells))
	b.p.Cells = append(b.p.Cells, c)
	if len(b.p.Nodes) > b.limits.Nodes && b.limits.Moved != nil {
		b.giveUp(b.limits.Nodes / 2)
	}
}

// squeeze adds up cells that are equal, and widens slices until there are not
// too many. Where time alone does not do, labels become coarser, and at last the
// rarest stacks are given up.
func (b *Builder) squeeze() {
	b.settleCells(b.settled)
	for len(b.p.Cells) > b.limits.Cells && b.p.Cells[0].Slice != b.p.Cells[len(b.p.Cells)-1].Slice {
		b.p.SliceWidth *= 2
		for i := range b.p.Cells {
			b.p.Cells[i].Slice /= 2
		}
		b.p.Cells, b.room = widened(b.p.Cells, b.room)
	}
	b.settled = len(b.p.Cells)
	for b.limits.Moved != nil && len(b.p.Cells) > 4*b.limits.Cells {
		if !b.coarsen() {
			b.giveUp(len(b.p.Nodes) / 2)
			break
		}
	}
	// What is left may still be more than the limit: none of it is given up.
	b.settle = 2 * max(b.limits.Cells, len(b.p.Cells))
}

// settleCells puts cells in order, of which the first done are.
func (b *Builder) settleCells(done int) {
	b.p.Cells, b.room = settled(b.p.Cells, done, b.room)
	b.settled = len(b.p.Cells)
}

func (c *Cell) same(x *Cell) bool {
	return c.Slice == x.Slice && c.Stack == x.Stack && c.Label == x.Label
}

// settled sorts cells and adds up those that are equal; the first done are in
// order already. room is for a copy of some of those.
func settled(cells []Cell, done int, room []Cell) (_, _ []Cell) {
	tail := sorted(cells[done:])
	if len(tail) == 0 {
		return cells[:done], room
	}
	// What comes is nearly always later than what was: little is merged.
	from := done
	for from > 0 && cells[from-1].after(&tail[0]) {
		from--
	}
	room = append(room[:0], cells[from:done]...)
	return merge(cells[:from], room, tail), room
}

// sorted sorts cells, which nearly always come slice by slice: then only what is
// in one slice has to be sorted.
func sorted(cells []Cell) []Cell {
	bySlice := func(a, b Cell) int { return cmp.Compare(a.Slice, b.Slice) }
	if !slices.IsSortedFunc(cells, bySlice) {
		slices.SortFunc(cells, bySlice)
	}
	out := cells[:0]
	for from := 0; from < len(cells); {
		to := from + 1
		for to < len(cells) && cells[to].Slice == cells[from].Slice {
			to++
		}
		slices.SortFunc(cells[from:to], func(a, b Cell) int { return cmp.Compare(a.order(), b.order()) })
		for i := from; i < to; i++ {
			out = appendCell(out, cells[i])
		}
		from = to
	}
	return out
}

// merge appends two lists that are in order. out may share its array with right,
// which it never gets ahead of.
func merge(out, left, right []Cell) []Cell {
	for len(left) > 0 && len(right) > 0 {
		if right[0].after(&left[0]) {
			out, left = appendCell(out, left[0]), left[1:]
		} else {
			out, right = appendCell(out, right[0]), right[1:]
		}
	}
	for _, c := range left {
		out = appendCell(out, c)
	}
	for _, c := range right {
		out = appendCell(out, c)
	}
	return out
}

// after says whether a cell comes behind another.
func (c *Cell) after(x *Cell) bool {
	if c.Slice != x.Slice {
		return c.Slice > x.Slice
	}
	return c.order() > x.order()
}

// appendCell appends a cell, or adds it to the last one if they are the same.
func appendCell(out []Cell, c Cell) []Cell {
	if n := len(out); n > 0 && out[n-1].same(&c) {
		out[n-1].Count += c.Count
		out[n-1].Weight += c.Weight
		return out
	}
	return append(out, c)
}

// widened joins pairs of slices that have become one: each is in order.
// room is for one of a pair.
func widened(cells, room []Cell) (out, _ []Cell) {
	out = cells[:0]
	for from := 0; from < len(cells); {
		mid := from + 1
		for mid < len(cells) && cells[mid].Slice == cells[from].Slice && cells[mid].order() > cells[mid-1].order() {
			mid++
		}
		to := mid
		for to < len(cells) && cells[to].Slice == cells[from].Slice {
			to++
		}
		room = append(room[:0], cells[from:mid]...)
		out = merge(out, room, cells[mid:to])
		from = to
	}
	return out, room
}

// order is where a cell is among those of its slice.
func (c *Cell) order() uint64 { return uint64(uint32(c.Stack))<<32 | uint64(uint32(c.Label)) }

// Profile returns what was built. The builder must not be used afterwards.
func (b *Builder) Profile() *Profile {
	b.squeeze()
	if b.rare > 0 {
		b.Warn(fmt.Sprintf("there are too many different stacks to keep all: %d samples of the rarest are counted to their callers", b.rare))
	}
	if b.coarse > 0 {
		b.dropLabels()
	}
	p := &b.p
	if b.timed {
		origin := b.first / p.SliceWidth
		for i := range p.Cells {
			p.Cells[i].Slice -= int64(origin)
		}
		p.Start = origin * p.SliceWidth
		p.Duration = b.last - b.first
	} else {
		p.SliceWidth = 0
	}
	return p
}
