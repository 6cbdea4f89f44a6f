package profile

import (
	"cmp"
	"slices"
)

// Limits bound what a Builder keeps. A zero value takes the default.
type Limits struct {
	// Cells is how many cells may be kept before slices are widened: 1 Mi.
	Cells int
	// SliceWidth is the first length of a slice in ns: 10 ms.
	SliceWidth uint64
}

// Builder makes a Profile. Samples may come in any order; those that come in
// the order of time cost least. It is not safe for concurrent use.
type Builder struct {
	p      Profile
	limits Limits

	frames map[Frame]FrameID
	nodes  map[Node]StackID
	labels map[Labels]LabelID

	// open are the cells of the slice that is being filled, by stack and label.
	open      map[cellKey]openCell
	openSlice int64
	// settle is how many cells there may be before they are sorted and added up.
	settle int

	timed       bool
	first, last uint64
}

type cellKey struct {
	stack StackID
	label LabelID
}

type openCell struct{ count, weight int64 }

// NewBuilder returns an empty builder.
func NewBuilder(l Limits) *Builder {
	if l.Cells <= 0 {
		l.Cells = 1 << 20
	}
	if l.SliceWidth == 0 {
		l.SliceWidth = 10e6
	}
	l.SliceWidth = max(l.SliceWidth, 2) // slice numbers must fit an int64
	return &Builder{
		p:      Profile{Nodes: make([]Node, 1), SliceWidth: l.SliceWidth},
		limits: l,
		frames: make(map[Frame]FrameID),
		nodes:  make(map[Node]StackID),
		labels: make(map[Labels]LabelID),
		open:   make(map[cellKey]openCell),
		settle: l.Cells,
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

// Push returns the stack that is caller's with f on top of it.
func (b *Builder) Push(caller StackID, f FrameID) StackID {
	n := Node{Parent: caller, Frame: f}
	id, ok := b.nodes[n]
	if !ok {
		id = StackID(len(b.p.Nodes))
		b.p.Nodes = append(b.p.Nodes, n)
		b.nodes[n] = id
	}
	return id
}

// Label returns the ID of a set of labels.
func (b *Builder) Label(l Labels) LabelID {
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
	if int64(t/b.p.SliceWidth) != b.openSlice {
		b.closeSlice()
		b.openSlice = int64(t / b.p.SliceWidth) // closing may have widened slices
	}
	k := cellKey{s, l}
	c := b.open[k]
	c.count += n
	c.weight += weight
	b.open[k] = c
	if len(b.open) > b.limits.Cells {
		b.closeSlice()
	}
}

// closeSlice moves the open slice's cells to the others and, when there are too
// many, adds up those that are equal and widens slices until they fit.
func (b *Builder) closeSlice() {
	for k, c := range b.open {
		b.p.Cells = append(b.p.Cells, Cell{
			Stack: k.stack, Label: k.label, Slice: b.openSlice, Count: c.count, Weight: c.weight,
		})
	}
	clear(b.open)
	if len(b.p.Cells) <= b.settle {
		return
	}
	b.p.Cells = settled(b.p.Cells)
	for len(b.p.Cells) > b.limits.Cells*3/4 && b.p.Cells[0].Slice != b.p.Cells[len(b.p.Cells)-1].Slice {
		b.widen()
	}
	// With all time in one slice there may still be more than the limit: then
	// that many stacks are different, and none can be given up.
	b.settle = max(b.limits.Cells, 2*len(b.p.Cells))
}

// widen doubles the length of a slice.
func (b *Builder) widen() {
	b.p.SliceWidth *= 2
	b.openSlice /= 2
	for i := range b.p.Cells {
		b.p.Cells[i].Slice /= 2
	}
	b.p.Cells = settled(b.p.Cells)
}

// settled sorts cells and adds up those that are equal. Cells nearly always come
// slice by slice: then only what is in one slice has to be sorted.
func settled(cells []Cell) []Cell {
	bySlice := func(a, b Cell) int { return cmp.Compare(a.Slice, b.Slice) }
	if !slices.IsSortedFunc(cells, bySlice) {
		slices.SortFunc(cells, bySlice)
	}
	for from := 0; from < len(cells); {
		to := from + 1
		for to < len(cells) && cells[to].Slice == cells[from].Slice {
			to++
		}
		slices.SortFunc(cells[from:to], func(a, b Cell) int { return cmp.Compare(a.order(), b.order()) })
		from = to
	}
	out := cells[:0]
	for _, c := range cells {
		if n := len(out); n > 0 && out[n-1].Slice == c.Slice && out[n-1].order() == c.order() {
			out[n-1].Count += c.Count
			out[n-1].Weight += c.Weight
			continue
		}
		out = append(out, c)
	}
	return out
}

// order is where a cell is among those of its slice.
func (c *Cell) order() uint64 { return uint64(uint32(c.Stack))<<32 | uint64(uint32(c.Label)) }

// Profile returns what was built. The builder must not be used afterwards.
func (b *Builder) Profile() *Profile {
	b.closeSlice()
	p := &b.p
	p.Cells = settled(p.Cells)
	if b.timed {
		origin := b.first / p.SliceWidth
		for i := range p.Cells {
			p.Cells[i].Slice -= int64(origin)
		}
		p.Start = origin * p.SliceWidth
		p.Duration = b.last - p.Start
	} else {
		p.SliceWidth = 0
	}
	return p
}
