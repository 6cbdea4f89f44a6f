package flame

import (
	"cmp"
	"slices"

	"ringside/profile"
)

// document is what a page embeds. Names are short because they are in the page
// as often as there are nodes; lists are columns.
type document struct {
	Title  string   `json:"title"`
	Unit   string   `json:"unit"`
	Facts  []string `json:"facts"`
	Losses []string `json:"losses"`
	// Frames: name, module and kind of each, as indices into Strings.
	Strings []string `json:"s"`
	Names   []int    `json:"fn"`
	Modules []int    `json:"fm"`
	Kinds   []int    `json:"fk"`
	Inlined []int    `json:"fi"`
	// Nodes: the caller's node, as the distance to it, and the frame. Node 0 is
	// the root.
	Parents []int `json:"np"`
	Frames  []int `json:"nf"`
	// Labels: task, process, CPU, cgroup.
	Comms   []int `json:"lc"`
	PIDs    []int `json:"lp"`
	CPUs    []int `json:"lu"`
	Cgroups []int `json:"lg"`
	// Cells by slice. Where all cells would be too many for a page, these have the
	// heavy stacks only, and Whole has all of them without their time.
	columns
	Whole columns `json:"whole,omitzero"`
	// Width of a slice in ns, 0 without time.
	Width uint64 `json:"width"`
	// Pruned is the share of weight whose leaves were too small to be kept: it is
	// counted to their callers.
	Pruned float64 `json:"pruned"`
	// Diff says of each function of a comparison, by name and module, how it has
	// changed.
	Diff *difference `json:"diff,omitempty"`
}

// columns are cells: slice (as the distance to the one before), node, label,
// weight and, of a comparison, the weight in B.
type columns struct {
	Slices  []int64 `json:"cs"`
	Nodes   []int32 `json:"cn"`
	Labels  []int32 `json:"cl"`
	Weights []int64 `json:"cw"`
	Others  []int64 `json:"co,omitempty"`
}

// IsZero says that there are no cells.
func (c columns) IsZero() bool { return len(c.Nodes) == 0 }

func (c *columns) fill(cells []cell, two bool) {
	last := int64(0)
	for _, x := range cells {
		c.Slices = append(c.Slices, x.slice-last)
		last = x.slice
		c.Nodes = append(c.Nodes, x.node)
		c.Labels = append(c.Labels, x.label)
		c.Weights = append(c.Weights, x.a)
		if two {
			c.Others = append(c.Others, x.b)
		}
	}
}

// difference is what a comparison found.
type difference struct {
	NameA   string   `json:"a"`
	NameB   string   `json:"b"`
	TotalA  int64    `json:"ta"`
	TotalB  int64    `json:"tb"`
	Verdict string   `json:"verdict"`
	Why     []string `json:"why"`
	// Functions by "name\x00module".
	Functions map[string]change `json:"functions"`
}

// change is a function's share in A and B, with the interval of its difference.
type change struct {
	A       float64 `json:"a"`
	B       float64 `json:"b"`
	Low     float64 `json:"lo"`
	High    float64 `json:"hi"`
	Verdict string  `json:"v"`
	// Self is the verdict of the function without what it calls.
	Self string `json:"sv"`
}

// Bounds of a page: beyond them small leaves are counted to their callers, and
// time becomes coarser.
const (
	maxNodes = 100_000
	maxCells = 120_000
	// maxTimed is how many cells carry time, where not all can.
	maxTimed = 80_000
)

// interner numbers texts.
type interner struct {
	list []string
	ids  map[string]int
}

func (t *interner) id(s string) int {
	if id, ok := t.ids[s]; ok {
		return id
	}
	if t.ids == nil {
		t.ids = map[string]int{}
	}
	t.ids[s] = len(t.list)
	t.list = append(t.list, s)
	return len(t.list) - 1
}

// cell is a profile's cell with two weights.
type cell struct {
	slice       int64
	node, label int32
	a, b        int64
}

// tree is the union of one or two profiles' stacks.
type tree struct {
	frames  []profile.Frame
	frameID map[profile.Frame]int
	parent  []int
	frame   []int
	nodeID  map[uint64]int32 // by caller and frame
	labels  []profile.Labels
	labelID map[profile.Labels]int
	cells   []cell
}

func newTree() *tree {
	return &tree{frameID: map[profile.Frame]int{}, parent: []int{0}, frame: []int{-1}, nodeID: map[uint64]int32{}, labelID: map[profile.Labels]int{}}
}

// add takes a profile's cells of one event, -1 for all, into side 0 or 1.
func (t *tree) add(p *profile.Profile, event, side int) {
	if len(t.nodeID) == 0 {
		t.nodeID = make(map[uint64]int32, len(p.Nodes))
	}
	t.cells = slices.Grow(t.cells, len(p.Cells))
	nodes := make([]int32, len(p.Nodes))
	frames := make([]int, len(p.Frames)) // plus one
	for i := 1; i < len(p.Nodes); i++ {
		id := frames[p.Nodes[i].Frame] - 1
		if id < 0 {
			id = t.frameOf(p.Frames[p.Nodes[i].Frame])
			frames[p.Nodes[i].Frame] = id + 1
		}
		up := nodes[p.Nodes[i].Parent]
		key := uint64(uint32(up))<<32 | uint64(uint32(id))
		n, ok := t.nodeID[key]
		if !ok {
			n = int32(len(t.parent))
			t.parent, t.frame = append(t.parent, int(up)), append(t.frame, id)
			t.nodeID[key] = n
		}
		nodes[i] = n
	}
	labels := make([]int, len(p.Labels))
	for i, l := range p.Labels {
		l.Event, l.TID = 0, 0
		id, ok := t.labelID[l]
		if !ok {
			id = len(t.labels)
			t.labels = append(t.labels, l)
			t.labelID[l] = id
		}
		labels[i] = id
	}
	for _, c := range p.Cells {
		if event >= 0 && p.Labels[c.Label].Event != event {
			continue
		}
		x := cell{slice: c.Slice, node: nodes[c.Stack], label: int32(labels[c.Label])}
		if side == 0 {
			x.a = c.Weight
		} else {
			x.b, x.slice = c.Weight, 0
		}
		t.cells = append(t.cells, x)
	}
}

// frameOf numbers a frame: in a picture a function is one.
func (t *tree) frameOf(f profile.Frame) int {
	f.Addr, f.File, f.Line = 0, "", 0
	id, ok := t.frameID[f]
	if !ok {
		id = len(t.frames)
		t.frames = append(t.frames, f)
		t.frameID[f] = id
	}
	return id
}

// prune counts the smallest leaves to their callers until no more than most
// nodes are left, and returns the share of weight that was moved.
func (t *tree) prune(most int) float64 {
	n := len(t.parent)
	if n <= most {
		return 0
	}
	total := make([]int64, n)
	var all int64
	for _, c := range t.cells {
		total[c.node] += c.a + c.b
		all += c.a + c.b
	}
	for i := n - 1; i > 0; i-- {
		total[t.parent[i]] += total[i]
	}
	sorted := slices.Clone(total)
	slices.SortFunc(sorted, func(a, b int64) int { return cmp.Compare(b, a) })
	least := sorted[most-1]
	// A caller weighs at least what its callees do: what is kept is a tree.
	to := make([]int, n)
	kept := 1
	parent, frame := []int{0}, []int{-1}
	dropped := make([]bool, n)
	for i := 1; i < n; i++ {
		p := t.parent[i]
		if dropped[p] || total[i] < least || kept >= most {
			dropped[i] = true
			to[i] = to[p]
			continue
		}
		to[i] = kept
		parent, frame = append(parent, to[p]), append(frame, t.frame[i])
		kept++
	}
	var moved int64
	for i := range t.cells {
		c := &t.cells[i]
		if dropped[c.node] {
			moved += c.a + c.b
		}
		c.node = int32(to[c.node])
	}
	t.parent, t.frame = parent, frame
	return float64(moved) / float64(max(1, all))
}

// settle adds up cells that are equal and widens slices until there are no more
// than most; it returns by how much slices became wider. Where time alone does
// not do, CPUs and processes are given up too.
func (t *tree) settle(most int) (factor uint64) {
	factor = 1
	for step := 0; ; step++ {
		slices.SortFunc(t.cells, func(a, b cell) int {
			if a.slice != b.slice {
				return cmp.Compare(a.slice, b.slice)
			}
			return cmp.Compare(int64(a.node)<<32|int64(a.label), int64(b.node)<<32|int64(b.label))
		})
		out := t.cells[:0]
		for _, c := range t.cells {
			if k := len(out); k > 0 && out[k-1].slice == c.slice && out[k-1].node == c.node && out[k-1].label == c.label {
				out[k-1].a += c.a
				out[k-1].b += c.b
				continue
			}
			out = append(out, c)
		}
		t.cells = out
		if len(out) <= most || len(out) == 0 || step > 80 {
			return factor
		}
		if out[len(out)-1].slice > 99 {
			factor *= 2
			for i := range t.cells {
				t.cells[i].slice /= 2
			}
			continue
		}
		if !t.forget() {
			if out[len(out)-1].slice == 0 {
				return factor
			}
			factor *= 2
			for i := range t.cells {
				t.cells[i].slice /= 2
			}
		}
	}
}

// forget joins labels that differ only in what a filter needs least.
func (t *tree) forget() bool {
	ids := map[profile.Labels]int{}
	to := make([]int, len(t.labels))
	var labels []profile.Labels
	for i, l := range t.labels {
		l.PID, l.CPU = -1, -1
		id, ok := ids[l]
		if !ok {
			id = len(labels)
			ids[l] = id
			labels = append(labels, l)
		}
		to[i] = id
	}
	if len(labels) == len(t.labels) {
		return false
	}
	t.labels = labels
	for i := range t.cells {
		t.cells[i].label = int32(to[t.cells[i].label])
	}
	return true
}

// fill writes the tree into a document.
func (t *tree) fill(d *document, two bool) {
	var texts interner
	for _, f := range t.frames {
		inl := 0
		if f.Inlined {
			inl = 1
		}
		d.Names = append(d.Names, texts.id(f.Caption()))
		d.Modules = append(d.Modules, texts.id(f.Module))
		d.Kinds = append(d.Kinds, int(f.Kind))
		d.Inlined = append(d.Inlined, inl)
	}
	for i := range t.parent {
		d.Parents = append(d.Parents, i-t.parent[i])
		d.Frames = append(d.Frames, t.frame[i])
	}
	for _, l := range t.labels {
		d.Comms = append(d.Comms, texts.id(l.Comm))
		d.PIDs = append(d.PIDs, int(l.PID))
		d.CPUs = append(d.CPUs, int(l.CPU))
		d.Cgroups = append(d.Cgroups, texts.id(l.Cgroup))
	}
	d.columns.fill(t.cells, two)
	d.Strings = texts.list
}
