// Package costs says in a kernel engineer's words what a profile's time went
// into: spinning on locks, reclaim, page faults, mitigations, printing to a
// slow console.
//
// A table of classes (classes.go) names the kernel's functions that stand for
// each cost and says what it means and what to look at next. [Find] sums up how
// much of the time that was not idle is in each. Classes may overlap: a page
// fault that reclaims memory is in both, and shares do not add up.
//
// The functions are the kernel's own names from 4.14 to 6.18; compilers' suffixes
// (".isra.0") do not matter.
package costs

import (
	"cmp"
	"slices"
	"strings"

	"ringside/profile"
)

// Cost is how much of a profile went into one class.
type Cost struct {
	ID    string `json:"id"`    // "lock-spin"
	Title string `json:"title"` // "Spinning on locks"
	// Weight is in the event's unit, Share its part of all that was not idle.
	Weight  int64   `json:"weight"`
	Share   float64 `json:"share"`
	Samples int64   `json:"samples"`
	// Functions are where it was spent, Callers what led there, both with their
	// share of all that was not idle, the largest first.
	Functions []Part `json:"functions"`
	Callers   []Part `json:"callers,omitempty"`
	Meaning   string `json:"meaning"`
	Next      string `json:"next"`
}

// Part is a function's share of a cost.
type Part struct {
	Name   string  `json:"name"`
	Module string  `json:"module,omitempty"`
	Share  float64 `json:"share"`
}

// Summary is what the time of a profile went into.
type Summary struct {
	// Idle, Kernel and User are shares of all weight by where the leaf of the
	// stack is; what is left is a hypervisor's or a guest's.
	Idle   float64 `json:"idle"`
	Kernel float64 `json:"kernel"`
	User   float64 `json:"user"`
	// Costs are those of at least the asked share, the largest first.
	Costs []Cost `json:"costs"`
}

// maxParts bounds the lists of a cost.
const maxParts = 5

// Find sums up a profile's event, -1 for all. Costs with a smaller share than
// least are left out.
func Find(p *profile.Profile, event int, least float64) Summary {
	s := Summary{Costs: []Cost{}}
	weight, count := make([]int64, len(p.Nodes)), make([]int64, len(p.Nodes))
	var all int64
	for i := range p.Cells {
		c := &p.Cells[i]
		if event < 0 || p.Labels[c.Label].Event == event {
			weight[c.Stack] += c.Weight
			count[c.Stack] += c.Count
			all += c.Weight
		}
	}
	if all == 0 {
		return s
	}
	idle := within(p, frameSet(p, idleFunctions))
	busy := all
	for i := range p.Nodes {
		switch {
		case i == 0:
		case idle[i]:
			busy -= weight[i]
			s.Idle += float64(weight[i]) / float64(all)
		case p.Frames[p.Nodes[i].Frame].Kind == profile.Kernel:
			s.Kernel += float64(weight[i]) / float64(all)
		case p.Frames[p.Nodes[i].Frame].Kind == profile.User:
			s.User += float64(weight[i]) / float64(all)
		}
	}
	if busy == 0 {
		return s
	}
	for i := range classes {
		c := sum(p, &classes[i], idle, weight, count, float64(busy))
		if c.Share >= least && c.Weight > 0 {
			s.Costs = append(s.Costs, c)
		}
	}
	slices.SortStableFunc(s.Costs, func(a, b Cost) int { return cmp.Compare(b.Weight, a.Weight) })
	return s
}

// Idle says whether a function of the kernel is where a CPU waits that has nothing
// to do.
func Idle(function string) bool {
	name, _, _ := strings.Cut(function, ".")
	return slices.Contains(idleFunctions, name)
}

// sum is one class's part of a profile.
func sum(p *profile.Profile, c *class, idle []bool, weight, count []int64, busy float64) Cost {
	out := Cost{ID: c.id, Title: c.title, Meaning: c.meaning, Next: c.next, Functions: []Part{}}
	set := frameSet(p, c.functions)
	under := within(p, set)
	own, callers := map[profile.FrameID]int64{}, map[profile.FrameID]int64{}
	for i := 1; i < len(p.Nodes); i++ {
		leaf := p.Nodes[i].Frame
		if weight[i] == 0 || idle[i] || !under[i] || c.self && !set[leaf] {
			continue
		}
		out.Weight += weight[i]
		out.Samples += count[i]
		own[leaf] += weight[i]
		if f, ok := caller(p, profile.StackID(i), set); ok {
			callers[f] += weight[i]
		}
	}
	out.Share = float64(out.Weight) / busy
	out.Functions = parts(p, own, busy)
	out.Callers = parts(p, callers, busy)
	return out
}

// caller is who led to the outermost function of a class: the first frame above
// it that is no mere wrapper.
func caller(p *profile.Profile, s profile.StackID, set []bool) (profile.FrameID, bool) {
	outermost := profile.StackID(0)
	for at := s; at != 0; at = p.Nodes[at].Parent {
		if set[p.Nodes[at].Frame] {
			outermost = at
		}
	}
	for at := p.Nodes[outermost].Parent; at != 0; at = p.Nodes[at].Parent {
		f := p.Nodes[at].Frame
		if p.Frames[f].Func != "" && !wrapper(p.Frames[f].Func) {
			return f, true
		}
	}
	return 0, false
}

// wrapper says whether a function only passes on what it is called for.
func wrapper(name string) bool {
	for _, prefix := range []string{"_raw_", "__raw_", "asm_", "exc_", "do_raw_", "__pv_", "native_", "mutex_lock", "__mutex_lock", "down_read", "down_write", "rwsem_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// frameSet marks the kernel's frames with one of the names.
func frameSet(p *profile.Profile, names []string) []bool {
	want := make(map[string]bool, len(names))
	for _, n := range names {
		want[n] = true
	}
	set := make([]bool, len(p.Frames))
	for i := range p.Frames {
		f := &p.Frames[i]
		if f.Kind != profile.Kernel {
			continue
		}
		name, _, _ := strings.Cut(f.Func, ".")
		set[i] = name != "" && want[name] || f.Module != "" && want[f.Module]
	}
	return set
}

// within marks the stacks that have a frame of a set.
func within(p *profile.Profile, set []bool) []bool {
	in := make([]bool, len(p.Nodes))
	for i := 1; i < len(p.Nodes); i++ {
		in[i] = in[p.Nodes[i].Parent] || set[p.Nodes[i].Frame]
	}
	return in
}

// parts are the largest of a sum by frame. Frames that differ only in what a
// reader does not see here are one.
func parts(p *profile.Profile, sums map[profile.FrameID]int64, busy float64) []Part {
	type key struct{ name, module string }
	byName := map[key]int64{}
	for f, w := range sums {
		byName[key{p.Frames[f].Caption(), p.Frames[f].Module}] += w
	}
	list := make([]Part, 0, len(byName))
	for k, w := range byName {
		list = append(list, Part{Name: k.name, Module: k.module, Share: float64(w) / busy})
	}
	slices.SortFunc(list, func(a, b Part) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Module, b.Module))
	})
	return list[:min(len(list), maxParts)]
}
