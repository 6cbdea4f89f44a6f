package kbuild

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"ringside/kbuild/gmake"
)

// Presence says where the code of a file is in the build. NotCompiled is said only where
// no compiled source reaches the file by any chain of includes, whatever #if they stand
// under, and the Makefiles have a reason that can be named.
func (b *Build) Presence(file string) Presence {
	clean, ok := gmake.Clean(file)
	if !ok {
		return Presence{Path: file, State: Absent, Why: []Step{{Text: "not a path in a kernel tree"}}}
	}
	p := Presence{Path: clean}
	b.units(&p)
	if p.State == Compiled || len(b.sources[clean]) > 0 {
		return p
	}
	if !b.tree.make.Exists(clean) {
		p.State = Absent
		p.Why = []Step{{File: clean, Text: "the tree has no such file; it may have another name here"}}
		return p
	}
	if s, ok := b.foreign(path.Dir(clean)); ok && !b.reaches(clean) {
		p.State, p.Why = NotCompiled, []Step{s}
		return p
	}
	if !code(clean) {
		p.Why = []Step{{File: clean, Text: "not a file that is compiled, so the Makefiles do not decide about it"}}
		return p
	}
	if b.included(&p) {
		return p
	}
	steps, proved := b.whyNot(clean)
	p.Why = steps
	if proved {
		p.State = NotCompiled
	}
	return p
}

// code says whether a file is one whose text becomes code.
func code(p string) bool {
	switch path.Ext(p) {
	case ".c", ".h", ".S", ".s", ".rs", ".inc":
		return true
	}
	return false
}

// units answers for a file that is the source of objects.
func (b *Build) units(p *Presence) {
	unsure := false
	var first *Unit
	for _, i := range b.sources[p.Path] {
		u := &b.Units[i]
		if u.Unsure {
			unsure = true
			continue
		}
		if first == nil || first.Side && !u.Side {
			first = u
		}
		p.State = Compiled
		for _, t := range u.Targets {
			if !slices.Contains(p.Targets, t) {
				p.Targets = append(p.Targets, t)
			}
		}
	}
	slices.Sort(p.Targets)
	switch {
	case first != nil:
		p.Why = b.Why(first)
	case unsure:
		u := &b.Units[b.sources[p.Path][0]]
		p.Why = append([]Step{{File: p.Path, Text: "whether it is compiled depends on what a program answers that was not run"}}, b.Why(u)...)
	}
}

// reaches says whether a compiled source includes a file.
func (b *Build) reaches(file string) bool {
	if !code(file) {
		return false
	}
	_, ok := b.closure().by[file]
	return ok
}

// maxIncluders bounds how many files are looked at for the targets of a header.
const maxIncluders = 20000

// included answers for a file that compiled sources include.
func (b *Build) included(p *Presence) bool {
	c := b.closure()
	by, ok := c.by[p.Path]
	if !ok {
		return false
	}
	if !c.sure[p.Path] {
		p.Why = []Step{{File: p.Path, Text: "included by a source of which it is not known whether it is compiled"}}
		return true
	}
	p.State = Compiled
	for at := p.Path; by != "" && len(p.Why) < 32; at, by = by, c.by[by] {
		p.Why = append(p.Why, Step{File: by, Text: fmt.Sprintf("includes %s", at)})
	}
	targets := map[string]bool{}
	seen := map[string]bool{p.Path: true}
	queue := []string{p.Path}
	for len(queue) > 0 && len(seen) < maxIncluders && !targets[Vmlinux] {
		f := queue[0]
		queue = queue[1:]
		for _, i := range b.sources[f] {
			for _, t := range b.Units[i].Targets {
				targets[t] = true
			}
		}
		for _, u := range c.users[f] {
			if !seen[u] {
				seen[u] = true
				queue = append(queue, u)
			}
		}
	}
	if c.by[p.Path] == "" || targets[Vmlinux] { // forced into all sources, or in vmlinux anyway
		targets = map[string]bool{Vmlinux: true}
	}
	for t := range targets {
		p.Targets = append(p.Targets, t)
	}
	slices.Sort(p.Targets)
	if n := len(p.Why); n > 0 {
		if list := b.sources[p.Why[n-1].File]; len(list) > 0 {
			p.Why = append(p.Why, b.Why(&b.Units[list[0]])...)
		}
	}
	return true
}

// Symbols gives the names of the configuration symbols in a chain, in its order.
func Symbols(why []Step) []string {
	var names []string
	for _, s := range why {
		if s.Symbol != "" && !slices.Contains(names, s.Symbol) {
			names = append(names, s.Symbol)
		}
	}
	return names
}

// symbolIn gives the first CONFIG_ symbol in a text, without the prefix.
func symbolIn(text string) string {
	_, rest, ok := strings.Cut(text, "CONFIG_")
	if !ok {
		return ""
	}
	n := 0
	for n < len(rest) && (rest[n] == '_' || rest[n] >= '0' && rest[n] <= '9' || rest[n] >= 'A' && rest[n] <= 'Z' || rest[n] >= 'a' && rest[n] <= 'z') {
		n++
	}
	return rest[:n]
}
