package triage

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"

	"ringside/crash"
	"ringside/owner"
)

// maxOwners is how many owners a finding names.
const maxOwners = 4

// ownerIndexes are the indexes that the reports of one input need.
type ownerIndexes struct {
	o         Options
	base      *owner.Index
	asked     bool
	byRelease map[string]*owner.Index
	err       error
}

func newOwnerIndexes(o Options) *ownerIndexes {
	return &ownerIndexes{o: o, byRelease: map[string]*owner.Index{}}
}

// of returns the index for r: that of its own kernel where there is a tree, else
// the general one, nil where there is none.
func (x *ownerIndexes) of(r *crash.Report) *owner.Index {
	if x.o.Tree != nil {
		idx, known := x.byRelease[r.Kernel]
		if !known {
			var err error
			if idx, err = x.o.Tree(r.Kernel); err != nil && x.err == nil {
				x.err = fmt.Errorf("owners are not those of the kernel tree: %w", err)
			}
			x.byRelease[r.Kernel] = idx
		}
		if idx != nil {
			return idx
		}
	}
	if !x.asked && x.o.Owners != nil {
		x.asked = true
		var err error
		if x.base, err = x.o.Owners(); err != nil {
			x.err = fmt.Errorf("owners are not shown: %w", err)
		}
	}
	return x.base
}

// Owners looks up who owns what r is about, without the document around it.
func Owners(idx *owner.Index, r *crash.Report) []Owner { return ownersOf(idx, nil, r) }

// ownersOf ranks who owns what r is about, by all that points at code.
func ownersOf(idx *owner.Index, doc *crash.Document, r *crash.Report) []Owner {
	list := []Owner{}
	if idx == nil {
		return list
	}
	for _, m := range idx.Rank(clues(doc, r)) {
		if len(list) >= maxOwners || len(list) > 0 && !m.Overlay && m.Score < list[0].Score/4 {
			break // others speak so much more that this one would only be noise
		}
		if r.Guilty != nil && r.Guilty.Module != "" && !slices.ContainsFunc(m.Reasons, func(why owner.Vote) bool { return !why.Generic }) {
			continue // a module is to blame: the code that serves everybody is not
		}
		list = append(list, newOwner(m))
	}
	return list
}

func newOwner(m owner.Ranked) Owner {
	o := Owner{Subsystem: m.Subsystem, Status: m.Status, File: m.Path, Overlay: m.Overlay, Candidates: m.Candidates, Trees: m.Trees,
		Maintainers: []string{}, Reviewers: []string{}, Lists: []string{}, Why: why(m.Why),
		Score: math.Round(m.Score*100) / 100, Reasons: m.Reasons}
	for i := range o.Reasons {
		o.Reasons[i].Weight = math.Round(o.Reasons[i].Weight*100) / 100
	}
	if o.Trees == nil {
		o.Trees = []string{}
	}
	for _, p := range m.Maintainers {
		o.Maintainers = append(o.Maintainers, p.String())
	}
	for _, p := range m.Reviewers {
		o.Reviewers = append(o.Reviewers, p.String())
	}
	for _, l := range m.Lists {
		o.Lists = append(o.Lists, l.Email)
	}
	return o
}

// The weights of clues: how often such a clue alone names the owner. A frame
// counts for less the farther it is from the fault.
const (
	weighGuilty    = 0.75
	weighHeadline  = 0.5
	weighHolder    = 0.6
	weighWorkqueue = 0.35
	weighModule    = 0.5
	weighLock      = 0.3
	weighFrame     = 0.3
	frameDecay     = 0.7
	maxFrameClues  = 6
)

// sourceFile is a place in the source as a headline names it.
var sourceFile = regexp.MustCompile(`\b((?:[a-z0-9_.-]+/)+[A-Za-z0-9_.-]+\.(?:c|h|S|rs)):[0-9]+`)

// clues are what in r points at code.
func clues(doc *crash.Document, r *crash.Report) []owner.Clue {
	var list []owner.Clue
	add := func(q owner.Query, weight float64, field, format string, args ...any) {
		q.Arch = r.Arch
		list = append(list, owner.Clue{Query: q, Weight: weight, Field: field, Text: fmt.Sprintf(format, args...)})
	}
	if g := r.Guilty; g != nil {
		q := owner.Query{Function: g.Function, Module: g.Module, File: g.File}
		what := "the guilty function " + g.Function
		if g.File != "" {
			what = "the guilty file " + g.File
		}
		add(q, weighGuilty, "guilty", "%s", what)
		if g.Module != "" {
			add(owner.Query{Module: g.Module}, weighModule, "guilty", "module %s", g.Module)
		}
	}
	if m := sourceFile.FindStringSubmatch(r.Headline); m != nil && (r.Guilty == nil || m[1] != r.Guilty.File) {
		add(owner.Query{File: m[1]}, weighHeadline, "headline", "the file that the headline names, %s", path.Base(m[1]))
	}
	if doc != nil {
		holderClue(doc, r, add)
	}
	if f := strings.Fields(r.Workqueue); len(f) > 1 {
		add(owner.Query{Function: f[len(f)-1]}, weighWorkqueue, "workqueue", "the work function %s", f[len(f)-1])
	}
	if r.Class == crash.ClassLocking {
		for i := range r.Locks {
			if l := &r.Locks[i]; i < 3 {
				add(owner.Query{Function: l.Function}, weighLock, "locks", "%s takes %s", l.Function, l.Lock)
			}
		}
	}
	weight := weighFrame
	shown := 0
	for i := range r.Frames {
		f := &r.Frames[i]
		if !f.Reliable || f.Function == "" || r.Guilty != nil && owner.FunctionName(f.Function) == r.Guilty.Function || crash.Generic(f.Function) {
			continue
		}
		if shown++; shown > maxFrameClues {
			break
		}
		add(owner.Query{Function: f.Function, Module: f.Module, File: f.File}, weight, "frames", "%s on the stack", owner.FunctionName(f.Function))
		weight *= frameDecay
	}
	return list
}

// holderClue points at the code of who holds what r's task waits for.
func holderClue(doc *crash.Document, r *crash.Report, add func(q owner.Query, weight float64, field, format string, args ...any)) {
	g := doc.Graph(r.Boot)
	if g == nil || r.PID == nil {
		return
	}
	chain, ring := g.Chain(g.Task(*r.PID))
	if len(chain) == 0 || ring {
		return
	}
	sure := 1.0
	for _, e := range chain {
		sure = min(sure, e.Confidence)
	}
	n := &g.Nodes[chain[len(chain)-1].To]
	for _, f := range n.Stack {
		name, module, _ := strings.Cut(f, " ")
		if !crash.Generic(name) {
			add(owner.Query{Function: name, Module: strings.Trim(module, "[]")}, weighHolder*sure, "waits", "%s in %s, which it waits for", name, n.Name)
			return
		}
	}
}

func why(w owner.Why) string {
	s := fmt.Sprintf("%s:%d %s: %s", w.Source, w.Line, w.Tag, w.Pattern)
	if len(w.Via) > 0 {
		s = strings.Join(w.Via, "; ") + "; " + s
	}
	return s
}
