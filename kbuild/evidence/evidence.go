// Package evidence takes what a finished build says of itself over what its Makefiles
// promise.
//
// Three kinds of it are read. A build tree ([Tree]) has, beside each object, the command
// that made it and every file that the compiler opened; its archives and lists say what
// was linked into vmlinux and into which module. Debug information ([Debug]) names the
// sources of vmlinux and modules. A set of modules ([Modules]), as a machine has it under
// /lib/modules, says which modules exist and which are built in.
//
// [Evidence] joins them with a [kbuild.Build]: what was built counts, and where the
// Makefiles say otherwise, the answer's reasons say so. That something is not there is
// believed only of a kind that would have it: debug information has no unit for assembly
// without instructions and does not name each header, and proves nothing before vmlinux
// and every module were read.
package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"ringside/kbuild"
)

// Evidence is what is known of one build. It is not for several goroutines.
type Evidence struct {
	Build   *kbuild.Build // what the Makefiles say under the configuration
	Tree    *Tree         // nil without a build tree
	Debug   *Debug        // nil without debug information
	Modules *Modules      // nil without a set of modules

	debug *resolved // Debug with the names of the source tree
	side  map[string]bool
	extra map[string]bool // folders with modules that the Makefiles would not build
}

// Presence says where the code of a file is in the build, as [kbuild.Build.Presence] does.
func (e *Evidence) Presence(file string) kbuild.Presence {
	p := e.Build.Presence(file)
	for _, better := range []func(kbuild.Presence) (kbuild.Presence, bool){e.byTree, e.byDebug, e.byModules} {
		if q, ok := better(p); ok {
			return q
		}
	}
	return p
}

// Lines says where the code of some lines of a file is in the build.
func (e *Evidence) Lines(file string, s kbuild.Span) kbuild.Presence {
	p := e.Presence(file)
	if p.State == kbuild.NotCompiled {
		return p
	}
	if q := e.Build.Lines(file, s); q.State == kbuild.NotCompiled && q.Lines != nil {
		return q
	}
	p.Lines = &s
	return p
}

// Idle says whether the tree has a folder of which the build has nothing.
func (e *Evidence) Idle(dir string) bool {
	if !e.Build.Idle(dir) {
		return false
	}
	below := strings.Trim(dir, "/") + "/"
	if e.Tree != nil {
		for f := range e.Tree.files {
			if strings.HasPrefix(f, below) {
				return false
			}
		}
	}
	if r := e.resolve(); r != nil {
		for f := range r.files {
			if strings.HasPrefix(f, below) {
				return false
			}
		}
	}
	for d := range e.strange() {
		if strings.HasPrefix(d+"/", below) {
			return false
		}
	}
	return true
}

// files gives those that the evidence names, or the Makefiles compile.
func (e *Evidence) files() []string {
	all := map[string]bool{}
	for _, f := range e.Build.Sources(true) {
		all[f] = true
	}
	if e.Tree != nil {
		for f := range e.Tree.files {
			all[f] = true
		}
	}
	if r := e.resolve(); r != nil {
		for f := range r.files {
			all[f] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Contradictions gives the files of which the Makefiles say otherwise than what was built.
func (e *Evidence) Contradictions() (list []kbuild.Presence) {
	for _, f := range e.files() {
		if p := e.Presence(f); p.State != e.Build.Presence(f).State {
			list = append(list, p)
		}
	}
	return list
}

// Sources gives the files that compilers are given and whose code is in vmlinux, a module
// or a vDSO, and with side those of the other images, too.
func (e *Evidence) Sources(side bool) (list []string) {
	promised := map[string]bool{}
	for _, f := range e.Build.Sources(side) {
		promised[f] = true
	}
	for _, f := range e.files() {
		switch path.Ext(f) {
		case ".c", ".S", ".rs", ".s":
		default:
			continue
		}
		// A source that others include is compiled, and is given to no compiler.
		if p := e.Presence(f); p.State == kbuild.Compiled && (promised[f] || e.Build.Presence(f).State != kbuild.Compiled) {
			list = append(list, f)
		}
	}
	return list
}

// settle makes an answer out of a finding, with what the Makefiles say after it.
func settle(said kbuild.Presence, state kbuild.State, targets []string, step kbuild.Step) kbuild.Presence {
	p := kbuild.Presence{Path: said.Path, State: state, Targets: targets, Why: []kbuild.Step{step}}
	switch said.State {
	case state:
		p.Why = append(p.Why, said.Why...)
	case kbuild.Unknown:
	default:
		// What decides comes last.
		p.Why = []kbuild.Step{{File: said.Path, Text: fmt.Sprintf("the Makefiles say %s under this configuration, and what was built counts", words[said.State])}, step}
	}
	return p
}

var words = map[kbuild.State]string{kbuild.Compiled: "compiled", kbuild.NotCompiled: "not compiled", kbuild.Absent: "absent"}

func (e *Evidence) byTree(p kbuild.Presence) (kbuild.Presence, bool) {
	t := e.Tree
	if t == nil {
		return p, false
	}
	if objects := t.files[p.Path]; len(objects) > 0 {
		var targets []string
		linked := ""
		for _, i := range objects {
			o := &t.objects[i]
			for _, to := range o.targets {
				if !slices.Contains(targets, to) {
					targets = append(targets, to)
				}
			}
			if linked == "" && len(o.targets) > 0 {
				linked = o.name
			}
		}
		slices.Sort(targets)
		if linked != "" {
			return settle(p, kbuild.Compiled, targets, kbuild.Step{File: command(linked), Text: "the build made " + linked + " of it"}), true
		}
		if p.State == kbuild.NotCompiled {
			// It may be left from an earlier build, or be part of an image that the
			// Makefiles do not know.
			return settle(p, kbuild.Unknown, nil, kbuild.Step{File: command(t.objects[objects[0]].name), Text: "the build made an object of it that is neither in vmlinux nor in a module"}), true
		}
		return p, false
	}
	if !t.Complete || p.State == kbuild.Absent || !isCode(p.Path) || e.inSide(p.Path) {
		return p, false
	}
	return settle(p, kbuild.NotCompiled, nil, kbuild.Step{File: p.Path, Text: fmt.Sprintf("no compiler of the finished build opened it: %d objects are recorded", len(t.objects))}), true
}

func command(object string) string {
	return path.Join(path.Dir(object), "."+path.Base(object)+".cmd")
}

// isCode says whether a compiler may open a file.
func isCode(file string) bool {
	switch path.Ext(file) {
	case ".c", ".h", ".S", ".s", ".rs", ".inc":
		return true
	}
	return false
}

func (e *Evidence) byDebug(p kbuild.Presence) (kbuild.Presence, bool) {
	r := e.resolve()
	if r == nil {
		return p, false
	}
	if targets := r.files[p.Path]; len(targets) > 0 {
		return settle(p, kbuild.Compiled, targets, kbuild.Step{File: p.Path, Text: "the debug information of " + some(targets) + " names it"}), true
	}
	// Sources in C have a unit or a place in a line table whatever they hold; of assembly
	// without instructions and of headers the same cannot be said.
	if path.Ext(p.Path) != ".c" || p.State == kbuild.Absent || e.Missing() != "" || e.inSide(p.Path) {
		return p, false
	}
	return settle(p, kbuild.NotCompiled, nil, kbuild.Step{File: p.Path, Text: fmt.Sprintf("the debug information of vmlinux and all %d modules does not name it", len(e.Debug.targets)-1)}), true
}

func some(targets []string) string {
	if len(targets) > 3 {
		return fmt.Sprintf("%s and %d others", strings.Join(targets[:2], ", "), len(targets)-2)
	}
	return strings.Join(targets, ", ")
}

// Missing gives what the debug information would have to be read of before it proves that
// something is not there: vmlinux, or a module that the set or the Makefiles have; "" for
// nothing.
func (e *Evidence) Missing() string {
	if !e.Debug.targets[kbuild.Vmlinux] {
		return kbuild.Vmlinux
	}
	if e.Modules != nil && e.Modules.Complete {
		for m := range e.Modules.modules {
			if !e.Debug.targets[m] {
				return m
			}
		}
		return ""
	}
	for i := range e.Build.Units {
		for _, t := range e.Build.Units[i].Targets {
			if strings.HasSuffix(t, ".ko") && !e.Debug.targets[t] {
				return t
			}
		}
	}
	return ""
}

func (e *Evidence) byModules(p kbuild.Presence) (kbuild.Presence, bool) {
	m := e.Modules
	if m == nil {
		return p, false
	}
	switch {
	case p.State == kbuild.NotCompiled && e.strange()[nearest(e.strange(), p.Path)]:
		return settle(p, kbuild.Unknown, nil, kbuild.Step{File: p.Path, Text: "the set has a module of this folder that the configuration would not build"}), true
	case p.OnlyModules() && m.Complete:
		var there []string
		for _, t := range p.Targets {
			if m.modules[t] {
				there = append(there, t)
			} else if m.builtin[t] {
				there = append(there, kbuild.Vmlinux)
			}
		}
		if len(there) == 0 && !e.inSide(p.Path) {
			return settle(p, kbuild.NotCompiled, nil, kbuild.Step{File: p.Path, Text: "the set has none of the modules that it would be in, and they are not built in: " + some(p.Targets)}), true
		}
		slices.Sort(there)
		there = slices.Compact(there)
		if len(there) > 0 && !slices.Equal(there, p.Targets) {
			q := p
			q.Targets = there
			q.Why = append([]kbuild.Step{{File: p.Path, Text: "by the set of modules it is in " + some(there)}}, p.Why...)
			return q, true
		}
	}
	return p, false
}

// nearest gives the folder of a set that a file is in or below, "" for none.
func nearest(dirs map[string]bool, file string) string {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if dirs[dir] {
			return dir
		}
	}
	return ""
}

// strange gives the folders of modules that exist and that the Makefiles do not build
// under the configuration: what they say of those folders is not to be believed.
func (e *Evidence) strange() map[string]bool {
	if e.extra != nil {
		return e.extra
	}
	e.extra = map[string]bool{}
	if e.Modules == nil {
		return e.extra
	}
	built := map[string]bool{}
	for i := range e.Build.Units {
		for _, t := range e.Build.Units[i].Targets {
			built[t] = true
		}
	}
	for m := range e.Modules.modules {
		if !built[m] {
			e.extra[path.Dir(m)] = true
		}
	}
	return e.extra
}

// Strange gives the modules that the set has and the configuration would not build, in
// order: a sign that the configuration is not this kernel's.
func (e *Evidence) Strange() (list []string) {
	if e.Modules == nil {
		return nil
	}
	dirs := e.strange()
	built := map[string]bool{}
	for i := range e.Build.Units {
		for _, t := range e.Build.Units[i].Targets {
			built[t] = true
		}
	}
	for m := range e.Modules.modules {
		if dirs[path.Dir(m)] && !built[m] {
			list = append(list, m)
		}
	}
	slices.Sort(list)
	return list
}

// inSide says whether a file may be part of an image beside vmlinux and modules: a vDSO,
// boot code. Those are not linked with the rest, and their debug information is elsewhere.
func (e *Evidence) inSide(file string) bool {
	if e.side == nil {
		e.side = e.Build.SideFiles()
	}
	return e.side[file]
}

func (e *Evidence) resolve() *resolved {
	if e.debug == nil && e.Debug != nil {
		e.debug = e.Debug.in(e.Build.Exists)
	}
	return e.debug
}

// Digest identifies what was read.
func (e *Evidence) Digest() string {
	h := sha256.New()
	sum := func(kind string, m map[string]bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(h, "%s %s\n", kind, name)
		}
	}
	if t := e.Tree; t != nil {
		fmt.Fprintf(h, "tree %v\n", t.Complete)
		for _, f := range slices.Sorted(maps.Keys(t.files)) {
			fmt.Fprintf(h, "%s\n", f)
		}
		for _, o := range t.objects {
			fmt.Fprintf(h, "%s %q\n", o.name, o.targets)
		}
	}
	if r := e.resolve(); r != nil {
		for _, f := range slices.Sorted(maps.Keys(r.files)) {
			fmt.Fprintf(h, "debug %s %q\n", f, r.files[f])
		}
		sum("read", e.Debug.targets)
	}
	if m := e.Modules; m != nil {
		sum("module", m.modules)
		sum("builtin", m.builtin)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
