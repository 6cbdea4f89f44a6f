package flame

import (
	"cmp"
	"slices"

	"ringside/profile"
)

// maxColumns is how many slices of time a page shows at most.
const maxColumns = 1024

// timed makes the cells that carry time where all of them are too many for a
// page: stacks are cut where they get light, and labels lose their process, until
// no more than most are left. It returns by how much slices became wider, and no
// cells where all may stay.
func (t *tree) timed(most int) (cells []cell, factor uint64) {
	if len(t.cells) == 0 {
		return nil, 1
	}
	if distinct(t.cells) <= maxCells {
		return nil, t.settle(maxCells)
	}
	last := int64(0)
	for _, c := range t.cells {
		last = max(last, c.slice)
	}
	factor = 1
	for last/int64(factor) >= maxColumns {
		factor *= 2
	}
	labels := t.anonymous()
	heavy := t.byWeight()
	for keep := 4096; ; keep /= 4 {
		to := t.cut(heavy, max(keep, 1))
		if keep < 64 {
			factor *= 2 // shorter stacks say nothing any more; time has to give
			keep = 64 * 4
		}
		if t.estimate(to, labels, factor) > most && last/int64(factor) > 1 {
			continue
		}
		return t.coarse(to, labels, factor), factor
	}
}

// distinct is how many cells there are when equal ones are one; cells of one
// slice are next to each other.
func distinct(cells []cell) int {
	type key struct{ node, label int32 }
	seen := map[key]struct{}{}
	n, slice := 0, int64(-1)
	for _, c := range cells {
		if c.slice != slice {
			slice = c.slice
			clear(seen)
		}
		k := key{c.node, c.label}
		if _, ok := seen[k]; !ok {
			seen[k] = struct{}{}
			n++
			if n > maxCells {
				return n
			}
		}
	}
	return n
}

// anonymous adds labels without processes and returns each label's.
func (t *tree) anonymous() []int32 {
	to := make([]int32, len(t.labels))
	ids := map[profile.Labels]int32{}
	for i, l := range t.labels {
		ids[l] = int32(i)
	}
	for i := range to {
		l := t.labels[i]
		l.PID = -1
		id, ok := ids[l]
		if !ok {
			id = int32(len(t.labels))
			ids[l] = id
			t.labels = append(t.labels, l)
		}
		to[i] = id
	}
	return to
}

// byWeight returns the nodes, the heaviest first; a caller is before those that
// it calls.
func (t *tree) byWeight() []int32 {
	total := make([]int64, len(t.parent))
	for _, c := range t.cells {
		total[c.node] += c.a
	}
	order := make([]int32, len(total))
	for i := len(total) - 1; i > 0; i-- {
		total[t.parent[i]] += total[i]
	}
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(x, y int32) int {
		return cmp.Or(cmp.Compare(total[y], total[x]), cmp.Compare(x, y))
	})
	return order
}

// cut maps each node to itself or, where it is not among the first keep of heavy,
// to its nearest caller that is.
func (t *tree) cut(heavy []int32, keep int) []int32 {
	in := make([]bool, len(t.parent))
	in[0] = true
	for _, n := range heavy[:min(keep, len(heavy))] {
		in[n] = true
	}
	to := make([]int32, len(t.parent))
	for i := 1; i < len(to); i++ {
		if to[i] = to[t.parent[i]]; in[i] {
			to[i] = int32(i)
		}
	}
	return to
}

// estimate says about how many cells a cut leaves, by looking at some slices.
func (t *tree) estimate(to, labels []int32, factor uint64) int {
	const every = 8
	type key struct{ node, label int32 }
	seen := map[key]struct{}{}
	n, slice := 0, int64(-1)
	for _, c := range t.cells {
		s := c.slice / int64(factor)
		if s%every != 0 {
			continue
		}
		if s != slice {
			n += len(seen)
			clear(seen)
			slice = s
		}
		seen[key{to[c.node], labels[c.label]}] = struct{}{}
	}
	return (n + len(seen)) * every
}

// coarse makes the cells that a cut leaves.
func (t *tree) coarse(to, labels []int32, factor uint64) []cell {
	type key struct{ node, label int32 }
	at := map[key]int{}
	var out []cell
	slice := int64(-1)
	for _, c := range t.cells {
		s := c.slice / int64(factor)
		if s != slice {
			clear(at)
			slice = s
		}
		k := key{to[c.node], labels[c.label]}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, cell{slice: s, node: k.node, label: k.label})
		}
		out[i].a += c.a
	}
	return out
}
