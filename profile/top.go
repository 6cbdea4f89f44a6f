package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// By is what a table of a profile is broken down by.
type By string

// What a table can be broken down by.
const (
	ByFunction By = "function"
	ByModule   By = "module"
	ByTask     By = "task"
	ByCPU      By = "cpu"
	ByCgroup   By = "cgroup"
)

// Bys are all of them, for messages.
var Bys = []By{ByFunction, ByModule, ByTask, ByCPU, ByCgroup}

// A Row is one line of a table: a function's, a module's, a task's.
type Row struct {
	Name   string `json:"name"`
	Module string `json:"module,omitempty"`
	Kind   string `json:"kind,omitempty"`
	// Self is the weight of samples in which it was what ran, Total of those in
	// whose stack it was at all. Of tasks, CPUs and cgroups both are one.
	Self  int64 `json:"self"`
	Total int64 `json:"total"`
	Count int64 `json:"samples"`
}

// Top sums a profile's event up, the heaviest first; event -1 takes all.
func Top(p *Profile, by By, event int) ([]Row, error) {
	switch by {
	case ByFunction, ByModule:
		return topFrames(p, by, event), nil
	case ByTask, ByCPU, ByCgroup:
		return topLabels(p, by, event), nil
	}
	return nil, fmt.Errorf("a profile cannot be broken down by %q; use one of %v", by, Bys)
}

type rowKey struct {
	name, module string
	kind         Kind
}

func topFrames(p *Profile, by By, event int) []Row {
	self, count := weights(p, event)
	total := slices.Clone(self)
	for i := len(p.Nodes) - 1; i > 0; i-- {
		total[p.Nodes[i].Parent] += total[i]
	}
	index := map[rowKey]int{}
	var rows []Row
	of := make([]int, len(p.Frames))
	for i := range p.Frames {
		f := &p.Frames[i]
		k := rowKey{f.Name(), f.Module, f.Kind}
		if by == ByModule {
			k.name = f.Module
			if k.name == "" {
				k.name = "[unknown]"
			}
			k.module = ""
		}
		r, ok := index[k]
		if !ok {
			r = len(rows)
			index[k] = r
			rows = append(rows, Row{Name: k.name, Module: k.module, Kind: k.kind.String()})
		}
		of[i] = r
	}
	// A function that is in a stack twice counts once: where no caller is the
	// same.
	for i := 1; i < len(p.Nodes); i++ {
		r := of[p.Nodes[i].Frame]
		rows[r].Self += self[i]
		rows[r].Count += count[i]
		if total[i] != 0 && !called(p, of, i, r) {
			rows[r].Total += total[i]
		}
	}
	rows = slices.DeleteFunc(rows, func(r Row) bool { return r.Total == 0 && r.Self == 0 })
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Self, a.Self), cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Module, b.Module))
	})
	return rows
}

// called says whether a caller of node i is of row r.
func called(p *Profile, of []int, i, r int) bool {
	for s := p.Nodes[i].Parent; s != 0; s = p.Nodes[s].Parent {
		if of[p.Nodes[s].Frame] == r {
			return true
		}
	}
	return false
}

// weights sums cells by stack.
func weights(p *Profile, event int) (weight, count []int64) {
	weight, count = make([]int64, len(p.Nodes)), make([]int64, len(p.Nodes))
	for i := range p.Cells {
		c := &p.Cells[i]
		if event < 0 || p.Labels[c.Label].Event == event {
			weight[c.Stack] += c.Weight
			count[c.Stack] += c.Count
		}
	}
	return weight, count
}

func topLabels(p *Profile, by By, event int) []Row {
	index := map[string]int{}
	var rows []Row
	for i := range p.Cells {
		c := &p.Cells[i]
		l := &p.Labels[c.Label]
		if event >= 0 && l.Event != event {
			continue
		}
		name := l.Comm
		switch by {
		case ByCPU:
			name = strconv.Itoa(int(l.CPU))
		case ByCgroup:
			name = l.Cgroup
		}
		if name == "" || name == "-1" {
			name = "[unknown]"
		}
		r, ok := index[name]
		if !ok {
			r = len(rows)
			index[name] = r
			rows = append(rows, Row{Name: name})
		}
		rows[r].Self += c.Weight
		rows[r].Total += c.Weight
		rows[r].Count += c.Count
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Self, a.Self), cmp.Compare(a.Name, b.Name))
	})
	return rows
}
