package compare

import (
	"errors"
	"fmt"
	"strconv"

	"ringside/profile"
)

// batches is into how many parts of equal time a recording is cut; coarse is how
// many of these are joined when waves are longer than a part.
const (
	batches = 40
	coarse  = 4
)

// maxUnits bounds what is told apart: beyond it, what is light is one.
const maxUnits = 200_000

// unit is what weights are summed up by.
type unit struct {
	name, module string
	kind         profile.Kind
}

// series holds the weights of all units of one side.
type series struct {
	// by[i] are unit i's weights in each replicate, sum their sum, square the
	// variance that sampling alone gives the sum.
	by     [][]float64
	sum    []float64
	square []float64
}

func (s *series) grow(n int) {
	for len(s.by) < n {
		s.by = append(s.by, nil)
		s.sum = append(s.sum, 0)
		s.square = append(s.square, 0)
	}
}

func (s *series) add(unit, replicate, replicates int, w float64) {
	if s.by[unit] == nil {
		s.by[unit] = make([]float64, replicates)
	}
	s.by[unit][replicate] += w
	s.sum[unit] += w
}

// side is one side's replicates.
type side struct {
	whole   []float64 // the weight of each replicate
	seconds []float64 // its length; 0 without time
	runs    int
	timed   bool
	sum     float64
	square  float64
	samples float64
}

// table is both sides' weights.
type table struct {
	by     profile.By
	frames bool // units are of frames: there are totals
	units  []unit
	index  map[unit]int
	sides  [2]side
	self   [2]series
	total  [2]series
}

func newTable(by profile.By) *table {
	return &table{by: by, frames: by == profile.ByFunction || by == profile.ByModule, index: map[unit]int{}}
}

func (t *table) unit(u unit) int {
	kind := u.kind
	u.kind = 0 // a function is one, whatever it was called for
	i, ok := t.index[u]
	if !ok {
		i = len(t.units)
		t.index[u] = i
		u.kind = kind
		t.units = append(t.units, u)
		for s := range 2 {
			t.self[s].grow(len(t.units))
			t.total[s].grow(len(t.units))
		}
	}
	return i
}

// side sums the recordings of a side up. Each has its batches; several are put
// one behind the other, so that both kinds of replicates can be had.
func (t *table) side(n int, list []*profile.Profile, e profile.Event, index int) (Side, error) {
	s := &t.sides[n]
	s.runs, s.timed = len(list), true
	s.whole = make([]float64, len(list)*batches)
	s.seconds = make([]float64, len(list)*batches)
	out := Side{Recordings: len(list)}
	for k, p := range list {
		i := index
		if k > 0 {
			if i = find(p, e); i < 0 {
				return out, fmt.Errorf("recording %d has no event %s that counts %s", k+1, e.Name, e.Unit)
			}
		}
		count, weight := p.Total(i)
		if weight <= 0 {
			return out, errors.New("a recording has no samples of this event")
		}
		out.Samples += count
		out.Weight += weight
		out.Seconds += float64(p.Duration) / 1e9
		t.sum(n, k*batches, p, i)
	}
	s.samples = float64(out.Samples)
	return out, nil
}

func find(p *profile.Profile, e profile.Event) int {
	for i, x := range p.Events {
		if x.Name == e.Name && x.Unit == e.Unit {
			return i
		}
	}
	return -1
}

// sum adds one recording's cells to a side, beginning with replicate first.
func (t *table) sum(n, first int, p *profile.Profile, event int) {
	s := &t.sides[n]
	replicates := len(s.whole)
	parts := int64(batches)
	last := int64(1)
	if n := len(p.Cells); p.SliceWidth > 0 && n > 0 {
		last = p.Cells[n-1].Slice + 1
	}
	if last < batches {
		// Too short to be cut, or without time.
		s.timed, parts = false, 1
	}
	for i := range parts {
		s.seconds[first+int(i)] = float64(p.Duration) / 1e9 / float64(parts)
	}
	of, outer := t.unitsOf(p)
	weight := make([]float64, len(p.Nodes))
	square := make([]float64, len(p.Nodes))
	at := 0
	for part := range parts {
		r := first + int(part)
		clear(weight)
		for ; at < len(p.Cells); at++ {
			c := &p.Cells[at]
			if parts > 1 && min(c.Slice*parts/last, parts-1) > part {
				break
			}
			if p.Labels[c.Label].Event != event || c.Count <= 0 {
				continue
			}
			w, v := float64(c.Weight), float64(c.Weight)*float64(c.Weight)/float64(c.Count)
			s.whole[r] += w
			s.sum += w
			s.square += v
			if !t.frames {
				u := t.unit(unit{name: labelName(&p.Labels[c.Label], t.by)})
				t.self[n].add(u, r, replicates, w)
				t.self[n].square[u] += v
				continue
			}
			weight[c.Stack] += w
			square[c.Stack] += v
		}
		if t.frames {
			t.spread(p, of, weight, func(u int, w float64) { t.self[n].add(u, r, replicates, w) }, nil, nil)
			t.spread(p, of, weight, nil, outer, func(u int, w float64) { t.total[n].add(u, r, replicates, w) })
		}
	}
	if t.frames {
		t.spread(p, of, square, func(u int, v float64) { t.self[n].square[u] += v }, nil, nil)
		t.spread(p, of, square, nil, outer, func(u int, v float64) { t.total[n].square[u] += v })
	}
}

// spread hands what nodes have to their units: to self what is theirs, then,
// summed up from the leaves, to total what is theirs and their callees'. With
// total, values are sums afterwards.
func (t *table) spread(p *profile.Profile, of []int, values []float64, self func(int, float64), outer []bool, total func(int, float64)) {
	if self != nil {
		for i := 1; i < len(values); i++ {
			if values[i] != 0 {
				self(of[i], values[i])
			}
		}
	}
	if total == nil {
		return
	}
	for i := len(values) - 1; i > 0; i-- {
		if values[i] == 0 {
			continue
		}
		if outer[i] {
			total(of[i], values[i])
		}
		values[p.Nodes[i].Parent] += values[i]
	}
}

// unitsOf returns each node's unit, and whether no caller of it is of the same:
// a function that is in a stack twice counts once.
func (t *table) unitsOf(p *profile.Profile) (of []int, outer []bool) {
	if !t.frames {
		return nil, nil
	}
	frames := make([]int, len(p.Frames))
	for i := range p.Frames {
		f := &p.Frames[i]
		u := unit{name: f.Caption(), module: f.Module, kind: f.Kind}
		if t.by == profile.ByModule {
			u.name, u.module = f.Module, ""
			if u.name == "" {
				u.name = "[unknown]"
			}
		}
		if len(t.units) >= maxUnits {
			u = unit{name: "[others]"}
		}
		frames[i] = t.unit(u)
	}
	of, outer = make([]int, len(p.Nodes)), make([]bool, len(p.Nodes))
	for i := 1; i < len(p.Nodes); i++ {
		of[i] = frames[p.Nodes[i].Frame]
		outer[i] = true
		for s := p.Nodes[i].Parent; s != 0; s = p.Nodes[s].Parent {
			if of[s] == of[i] {
				outer[i] = false
				break
			}
		}
	}
	return of, outer
}

// labelName is what a label's cells are counted to.
func labelName(l *profile.Labels, by profile.By) string {
	name := l.Comm
	switch by {
	case profile.ByCPU:
		name = strconv.Itoa(int(l.CPU))
	case profile.ByCgroup:
		name = l.Cgroup
	}
	if name == "" || name == "-1" {
		return "[unknown]"
	}
	return name
}
