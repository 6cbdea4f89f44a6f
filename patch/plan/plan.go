// Package plan tells what becomes of a stack of patches when its base changes: which
// patches can be dropped since the new base has them, which are kept as they are, which
// have to be adapted, and which conflict, with an estimate of the work and the order in
// which to do it.
//
// Both trees are only read. On the old one the stack is put on to know what each patch
// changes there; on the new one each patch is tried on top of those before it. Where it
// does not go on, its change is merged three-way. A conflict is taken as solved for the
// patches after it, so that each counts only what is its own.
package plan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ringside/patch"
	"ringside/patch/apply"
	"ringside/patch/diff"
	"ringside/patch/landed"
	"ringside/patch/merge"
)

// An Action is what is to be done with a patch.
type Action string

// The actions.
const (
	Drop     Action = "drop"     // the new base has it
	Keep     Action = "keep"     // it goes on as it is
	Adapt    Action = "adapt"    // it goes on with fuzz or by a merge: to be looked at
	Conflict Action = "conflict" // a person has to decide
)

// A Step is what becomes of one patch.
type Step struct {
	Patch  *patch.Patch
	Action Action
	// Reasons say why, the decisive one first.
	Reasons []string
	// Minutes is an estimate of the work.
	Minutes int
	// Landed is what the new base has of it.
	Landed landed.Verdict
	// Applied is what becomes of it on the new base, for a patch that is not dropped.
	Applied *apply.Result
	Files   []File
	// Diff is the patch as the new base has it, for one that goes on; also for one that
	// conflicts, as if each conflict was decided for the patch. Empty where it does not go
	// on the old base.
	Diff string
	// After are the steps before it that it shares lines' surroundings with: they go
	// first.
	After []int
}

// A File is what a merge makes of a patch's change of one file.
type File struct {
	Path      string // in the new base
	From      string // in the patch, where that is another name
	Missing   bool
	Conflicts []merge.Conflict

	before string // where it has another name
}

// A Package is work that one person does by itself: steps that have files in common.
type Package struct {
	Steps   []int
	Files   []string
	Minutes int
}

// A Plan is what becomes of a stack.
type Plan struct {
	Steps []Step
	// Packages are the steps that need work, those with the most work first.
	Packages []Package
	Drop     int
	Keep     int
	Adapt    int
	Conflict int
	Minutes  int
	// Version of the new base, as its Makefile says: "6.6.0".
	Version string
	// Broken are patches that do not go on the old base either.
	Broken int
}

// Input is a stack with its old and its new base.
type Input struct {
	Patches  []*patch.Patch
	From, To fs.FS
	// Verdicts are what is known of the new base already; nil asks its content.
	Verdicts []landed.Verdict
}

// maker makes a plan.
type maker struct {
	Input
	old, now *apply.Tree
	plan     *Plan
}

// Make plans the change.
func Make(ctx context.Context, in Input) (*Plan, error) {
	m := &maker{Input: in, old: apply.New(in.From), now: apply.New(in.To), plan: &Plan{Version: version(in.To)}}
	if in.Verdicts == nil {
		v, err := landed.New(in.To).Stack(in.Patches)
		if err != nil {
			return nil, err
		}
		m.Verdicts = v
	}
	if len(m.Verdicts) != len(in.Patches) {
		return nil, fmt.Errorf("%d verdicts for %d patches", len(m.Verdicts), len(in.Patches))
	}
	for i, p := range in.Patches {
		if err := ctx.Err(); err != nil {
			return m.plan, err
		}
		s, err := m.step(i, p)
		if err != nil {
			return m.plan, fmt.Errorf("%s: %w", p.Name, err)
		}
		m.plan.add(s)
	}
	m.plan.order()
	return m.plan, nil
}

func (p *Plan) add(s Step) {
	switch s.Action {
	case Drop:
		p.Drop++
	case Keep:
		p.Keep++
	case Adapt:
		p.Adapt++
	case Conflict:
		p.Conflict++
	}
	p.Minutes += s.Minutes
	p.Steps = append(p.Steps, s)
}

// step decides about one patch.
func (m *maker) step(i int, p *patch.Patch) (Step, error) {
	s := Step{Patch: p, Landed: m.Verdicts[i]}
	before, err := m.contents(m.old, p)
	if err != nil {
		return s, err
	}
	old := m.old.Apply(p, apply.Options{})
	if old.Outcome == apply.Fail && !old.There {
		m.plan.Broken++
	}
	said := p.Origin.Release != "" && m.plan.Version != "" && notAfter(p.Origin.Release, m.plan.Version)
	if s.Landed.State == landed.Present {
		s.Action, s.Minutes = Drop, 1
		s.reason("the new base has it")
		if said {
			s.reason("it says that it is in %s", p.Origin.Release)
		}
		s.Reasons = append(s.Reasons, s.Landed.Evidence...)
		return s, nil
	}
	here, err := m.contents(m.now, p)
	if err != nil {
		return s, err
	}
	r := m.now.Apply(p, apply.Options{Dry: said})
	if said && r.Outcome != apply.Clean {
		// Names tell of the release; the code may have changed so that nothing of it is left.
		s.Action, s.Minutes = Drop, 10
		s.reason("it says that it is in %s, though the new base does not have its lines: see whether they were changed since, or reverted", p.Origin.Release)
		return s, nil
	}
	if said {
		s.reason("it says that it is in %s, but the new base does not have it, and it goes on", p.Origin.Release)
		r = m.now.Apply(p, apply.Options{})
	}
	s.Applied = &r
	switch {
	case r.Outcome == apply.Clean:
		s.Action = Keep
		s.reason("it goes on as it is")
	case r.Outcome == apply.Fuzz:
		s.Action = Adapt
		n := 0
		for _, f := range r.Files {
			for _, h := range f.Hunks {
				if h.Fuzz > 0 {
					n++
					s.reason("%s:%d: the context has changed", f.Path, h.At)
				}
			}
		}
		s.Minutes = 2 + n
	case r.There:
		s.Action, s.Minutes = Drop, 1
		s.reason("what it makes is in the new base already")
	case old.Outcome == apply.Fail:
		s.Action, s.Minutes = Conflict, s.work(&r)
		s.reason("it does not go on the old base either: there is nothing to merge from")
		s.failures(&r)
	default:
		if err := m.merge(&s, before, &r); err != nil {
			return s, err
		}
	}
	if s.Action == Drop {
		return s, nil
	}
	if s.Diff, err = m.refreshed(&s, here); err != nil {
		return s, err
	}
	if s.Landed.State == landed.Partly {
		s.reason("the new base has some of it: see what is left to do")
		if s.Action == Keep {
			s.Action = Adapt
		}
		s.Minutes += 5
	}
	return s, nil
}

func (s *Step) reason(format string, args ...any) {
	if len(s.Reasons) < 20 {
		s.Reasons = append(s.Reasons, fmt.Sprintf(format, args...))
	}
}

// failures names what is in the way.
func (s *Step) failures(r *apply.Result) {
	for _, f := range r.Files {
		if f.Err != nil {
			s.reason("%s: %s", f.Path, f.Err)
		}
		for k := range f.Hunks {
			if why := f.Hunks[k].Why(); why != "" {
				s.reason("%s, hunk in line %d of the patch: %s", f.Path, f.Hunks[k].Line, why)
			}
		}
	}
}

// work estimates what a conflict costs where there is no merge to count from.
func (s *Step) work(r *apply.Result) int {
	minutes := 15
	for _, f := range r.Files {
		if f.Err != nil {
			minutes += 30
		}
		for _, h := range f.Hunks {
			if h.Outcome == apply.Fail {
				minutes += 15
			}
		}
	}
	return min(minutes, 16*60)
}

// text is a file's content; missing where there is none.
type text struct {
	content string
	mode    string
	missing bool
}

// side is the text as one side of a diff.
func (x text) side(name string) diff.Side {
	if x.missing {
		return diff.Side{}
	}
	return diff.Side{Path: name, Mode: x.mode, Text: x.content}
}

// contents reads the files that a patch touches.
func (m *maker) contents(t *apply.Tree, p *patch.Patch) (map[string]text, error) {
	out := map[string]text{}
	for _, name := range p.Paths() {
		if diff.CheckPath(name) != nil {
			continue
		}
		x, err := content(t, name)
		if err != nil {
			return nil, err
		}
		out[name] = x
	}
	return out, nil
}

func content(t *apply.Tree, name string) (text, error) {
	data, err := fs.ReadFile(t, name)
	if errors.Is(err, fs.ErrNotExist) {
		return text{missing: true}, nil
	}
	if err != nil {
		return text{}, err
	}
	mode := "100644"
	if info, err := fs.Stat(t, name); err == nil && info.Mode()&0o111 != 0 {
		mode = "100755"
	}
	return text{content: string(data), mode: mode}, nil
}

// refreshed is what a patch has changed of the new base.
func (m *maker) refreshed(s *Step, before map[string]text) (string, error) {
	after, err := m.contents(m.now, s.Patch)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	done := map[string]bool{}
	for i := range s.Patch.Files {
		f := &s.Patch.Files[i]
		if f.Op == diff.Rename && before[f.New].missing && after[f.Old].missing && !done[f.New] {
			done[f.Old], done[f.New] = true, true
			diff.Write(&b, before[f.Old].side(f.Old), after[f.New].side(f.New))
			continue
		}
		for _, name := range names(f.Old, f.New) {
			if _, ok := before[name]; ok && !done[name] {
				done[name] = true
				diff.Write(&b, before[name].side(name), after[name].side(name))
			}
		}
	}
	for _, f := range s.Files { // under their names in the new base
		if f.From != "" && !done[f.Path] {
			done[f.Path] = true
			now, err := content(m.now, f.Path)
			if err != nil {
				return "", err
			}
			diff.Write(&b, diff.Side{Path: f.Path, Mode: now.mode, Text: f.before}, now.side(f.Path))
		}
	}
	return b.String(), nil
}

// merge carries a patch's change over: what it makes of the old base's files, merged with
// the new one's.
func (m *maker) merge(s *Step, before map[string]text, r *apply.Result) error {
	p := s.Patch
	after, err := m.contents(m.old, p)
	if err != nil {
		return err
	}
	conflicts, missing, merged, lines := 0, 0, 0, 0
	for _, name := range p.Paths() {
		was, is := before[name], after[name]
		if was == is {
			continue
		}
		f := File{Path: name}
		here := name
		data, err := fs.ReadFile(m.now, name)
		if errors.Is(err, fs.ErrNotExist) && !was.missing && s.Landed.Moved[name] != "" {
			here = s.Landed.Moved[name]
			f.Path, f.From = here, name
			data, err = fs.ReadFile(m.now, here)
			f.before = string(data)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist) && was.missing:
			m.now.Put(apply.Change{Path: name, Mode: "100644", Content: is.content})
		case errors.Is(err, fs.ErrNotExist):
			f.Missing = true
			missing++
			s.reason("%s is not in the new base", name)
		case err != nil:
			return err
		case is.missing && string(data) == was.content:
			m.now.Put(apply.Change{Path: here, Deleted: true})
		case is.missing:
			conflicts++
			s.reason("it deletes %s, which the new base has changed", here)
			m.now.Put(apply.Change{Path: here, Deleted: true})
		default:
			x := merge.Three(was.content, string(data), is.content)
			f.Conflicts = x.Conflicts
			merged += x.Taken
			for _, c := range x.Conflicts {
				conflicts++
				lines += len(c.Ours) + len(c.Theirs)
				s.reason("%s:%d: %d lines of the new base are in the way of %d of the patch's", here, c.Line, len(c.Ours), len(c.Theirs))
			}
			m.now.Put(apply.Change{Path: here, Mode: "", Content: x.Preferred})
		}
		if f.From != "" {
			s.reason("%s is %s in the new base", f.From, f.Path)
		}
		s.Files = append(s.Files, f)
	}
	if conflicts == 0 && missing == 0 {
		s.Action, s.Minutes = Adapt, 5+2*merged
		s.Reasons = append([]string{"GNU patch fails, a three-way merge does not"}, s.Reasons...)
		return nil
	}
	s.Action = Conflict
	s.Minutes = min(15+10*conflicts+45*missing+lines/4, 16*60)
	s.failures(r)
	return nil
}

// version reads a tree's version out of its Makefile.
func version(t fs.FS) string {
	data, err := fs.ReadFile(t, "Makefile")
	if err != nil {
		return ""
	}
	parts := map[string]string{}
	for line := range strings.Lines(string(data[:min(len(data), 4096)])) {
		if key, value, ok := strings.Cut(line, "="); ok {
			parts[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	if parts["VERSION"] == "" || parts["PATCHLEVEL"] == "" {
		return ""
	}
	v := parts["VERSION"] + "." + parts["PATCHLEVEL"]
	if s := parts["SUBLEVEL"]; s != "" {
		v += "." + s
	}
	return v
}

// notAfter tells whether a release ("v6.5", "v6.6-rc1") is in a version ("6.6.0").
func notAfter(release, now string) bool {
	a, b := numbers(release), numbers(now)
	// A later patch level of another branch says nothing: 6.5.3 is not in 6.6.0 for sure,
	// but what mainline has since 6.5 is.
	return slices.Compare(a[:2], b[:2]) <= 0
}

func numbers(v string) [3]int {
	var out [3]int
	i := 0
	for _, r := range strings.TrimPrefix(v, "v") {
		switch {
		case r >= '0' && r <= '9':
			out[i] = min(out[i]*10+int(r-'0'), 1<<20)
		case r == '.' && i < 2:
			i++
		default:
			return out
		}
	}
	return out
}
