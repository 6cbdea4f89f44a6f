package kbuild

import (
	"path"
	"strings"

	"ringside/kbuild/gmake"
)

// traced is a folder's Makefile with every assignment in it, also in branches that are
// not taken.
type traced struct {
	dir     string
	assigns []gmake.Assign
	byWord  map[string][]int // path that a word names → assignments
}

const maxAssigns = 200000

// trace evaluates a folder's Makefile for its assignments.
func (b *Build) trace(dir string) *traced {
	b.lazy.Lock()
	defer b.lazy.Unlock()
	if t, ok := b.traced[dir]; ok {
		return t
	}
	t := &traced{dir: dir, byWord: map[string][]int{}}
	b.traced[dir] = t
	makefile, ok := b.tree.makefileOf(dir)
	if !ok {
		return t
	}
	b.tree.mu.Lock()
	defer b.tree.mu.Unlock()
	env := b.tree.folderEnv(b.top, dir)
	config, quote := b.Config, b.top.quote
	env.Config = func(name string) string { return lookup(config, quote, name) }
	env.Trace = func(a gmake.Assign) {
		if len(t.assigns) >= maxAssigns {
			return
		}
		n := len(t.assigns)
		t.assigns = append(t.assigns, a)
		for _, w := range a.Words {
			if !strings.ContainsAny(w, "./") {
				continue
			}
			w = strings.TrimPrefix(w, "./")
			p, ok := w, true
			if dir != "." && !strings.HasPrefix(w, dir+"/") {
				p, ok = under(dir, w)
			}
			if ok {
				t.byWord[clean(p)] = append(t.byWord[clean(p)], n)
			}
		}
	}
	_ = env.Read(makefile) // what is wrong in it has been reported by the walk
	return t
}

func (b *Build) value(symbol string) string {
	if v := lookup(b.Config, false, "CONFIG_"+symbol); v != "" {
		return v
	}
	return "n"
}

// condition gives why an assignment does not add to a list that is built, and ok false
// where it does.
func (b *Build) condition(a *gmake.Assign) (Step, bool) {
	for _, c := range a.Conds {
		if !c.Holds && !c.Unsure {
			s := Step{File: c.File, Line: c.Line, Text: c.Text + " does not hold"}
			if s.Symbol = symbolIn(c.Text); s.Symbol != "" {
				s.Value = b.value(s.Symbol)
			}
			return s, true
		}
	}
	if strings.HasSuffix(a.Name, "-") || strings.HasSuffix(a.Name, "-n") {
		s := Step{File: a.File, Line: a.Line, Text: short(a.Raw)}
		if s.Symbol = symbolIn(a.Left); s.Symbol != "" {
			s.Value = b.value(s.Symbol)
		}
		return s, true
	}
	return Step{}, false
}

// step is an assignment as a reason.
func (b *Build) step(a *gmake.Assign) Step {
	s := Step{File: a.File, Line: a.Line, Text: short(a.Raw)}
	if s.Symbol = symbolIn(a.Left); s.Symbol == "" {
		for i := len(a.Conds) - 1; i >= 0 && s.Symbol == ""; i-- {
			s.Symbol = symbolIn(a.Conds[i].Text)
		}
	}
	if s.Symbol != "" {
		s.Value = b.value(s.Symbol)
	}
	return s
}

func short(line string) string {
	line = strings.Join(strings.Fields(line), " ")
	if len(line) > 120 {
		line = line[:117] + "..."
	}
	return line
}

// Why gives the chain from the root's Makefile down to an object that is built.
func (b *Build) Why(u *Unit) []Step {
	why := b.whyBuilt(u.Object, 0)
	if len(why) == 0 {
		dir := path.Dir(u.Object)
		makefile, _ := b.tree.makefileOf(dir)
		why = append(b.whyDir(dir, 0), Step{File: makefile, Text: "a rule makes " + path.Base(u.Object)})
	}
	if stem := strings.TrimSuffix(u.Object, ".o"); strings.TrimSuffix(u.Source, path.Ext(u.Source)) != stem {
		why = append(why, Step{File: u.Source, Text: "is a source of " + u.Object})
	}
	return why
}

// whyBuilt finds the assignments that lead to an object.
func (b *Build) whyBuilt(object string, depth int) []Step {
	if depth > 8 {
		return nil
	}
	for dir := path.Dir(object); ; dir = path.Dir(dir) {
		if b.dirs[dir] != nil {
			t := b.trace(dir)
			for _, i := range t.byWord[object] {
				a := &t.assigns[i]
				if _, fails := b.condition(a); fails || a.Dead {
					continue
				}
				var above []Step
				switch whole := wholeOf(a.Name); {
				case list(dir, a.Name):
					above = b.whyDir(dir, depth+1)
				case whole != "" && path.Join(dir, whole) != object:
					if above = b.whyBuilt(path.Join(dir, whole), depth+1); above == nil {
						continue
					}
				default:
					continue
				}
				return append(above, b.step(a))
			}
		}
		if dir == "." {
			return nil
		}
	}
}

// whyDir gives the chain to a folder that the build goes into.
func (b *Build) whyDir(dir string, depth int) []Step {
	if depth > 24 || dir == "." {
		return nil
	}
	for up := path.Dir(dir); ; up = path.Dir(up) {
		if b.dirs[up] != nil {
			t := b.trace(up)
			for _, i := range t.byWord[dir] {
				a := &t.assigns[i]
				if _, fails := b.condition(a); fails || a.Dead || !list(up, a.Name) {
					continue
				}
				return append(b.whyDir(up, depth+1), b.step(a))
			}
		}
		if up == "." {
			return nil
		}
	}
}

// list says whether a variable is a list that Kbuild reads.
func list(dir, name string) bool {
	switch name {
	case "targets":
		return true
	case "core-y", "drivers-y", "libs-y", "head-y", "init-y", "net-y", "virt-y", "core-m", "drivers-m", "net-m":
		return dir == "." // of the top Makefile; elsewhere net-y are the parts of net.o
	}
	for _, p := range []string{"obj-", "lib-", "extra-", "always-", "subdir-"} {
		if rest, ok := strings.CutPrefix(name, p); ok && len(rest) <= 1 {
			return true
		}
	}
	return false
}

// wholeOf gives the object that a variable of parts is for: foo.o of foo-y, foo-objs.
func wholeOf(name string) string {
	for _, s := range []string{"-objs", "-y", "-m", "-n", "-"} {
		if stem, ok := strings.CutSuffix(name, s); ok && stem != "" {
			return stem + ".o"
		}
	}
	return ""
}
