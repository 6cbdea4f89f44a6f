package kbuild

import (
	"path"
	"slices"
	"strings"

	"ringside/kbuild/gmake"
)

// resolve finds the sources of a file that the build makes: by the rules of the folder's
// Makefile, else by those that scripts/Makefile.build has for all.
func (w *walk) resolve(f *folder, target string, l link) {
	key := target + "\x00" + f.dir + "\x00" + l.target
	if l.unsure {
		key += "?"
	}
	if w.done[key] || len(w.busy) > maxChain || len(w.done) > 4*maxUnits {
		return
	}
	w.done[key] = true
	w.busy[target] = true
	defer delete(w.busy, target)
	defer func(at string) { w.at = at }(w.at)
	w.at = f.dir

	found := false
	for _, r := range f.rules[target] {
		found = w.rule(f, target, "", r, l) || found
	}
	if strings.HasSuffix(target, ".o") {
		if !found && !w.implicit(f, target, l) && !l.unsure && !f.host[target] {
			w.problem(gmake.Problem{File: path.Join(f.dir, "Makefile"), Text: "no source and no rule for " + target})
		}
		return
	}
	if !found {
		w.derived(f, target, l)
	}
}

// rule follows a rule's prerequisites and the makes that its recipe starts. It says
// whether the rule makes the target.
func (w *walk) rule(f *folder, target, stem string, r *gmake.Rule, l link) bool {
	sources := 0
	for _, p := range r.Prereqs {
		p = clean(strings.Replace(p, "%", stem, 1))
		if p == target || p == "FORCE" || f.host[p] || w.busy[p] {
			continue
		}
		if strings.HasPrefix(p, "scripts/") || strings.HasPrefix(p, "tools/") && !compiled(p) {
			continue
		}
		if w.b.tree.make.Exists(p) {
			switch {
			case strings.HasSuffix(target, ".o") && compiled(p) && (len(r.Recipe) > 0 || stem != "") && sources == 0:
				sources++
				w.unit(Unit{Source: p, Object: target}, l)
			case compiled(p):
				w.input(p, target, l)
			}
			continue
		}
		next := l
		if !strings.HasSuffix(target, ".o") && !strings.HasSuffix(target, ".a") || !strings.HasSuffix(p, ".o") && !strings.HasSuffix(p, ".a") {
			// What goes through another image or a generated file is not linked itself.
			next.side = true
			next.target = target
			if l.side {
				next.target = l.target
			}
		}
		if strings.HasSuffix(p, ".o") && strings.HasSuffix(target, ".o") {
			sources++
		}
		w.resolve(f, p, next)
	}
	for _, line := range r.Recipe {
		w.recipe(f, target, stem, r, line)
	}
	if sources == 0 && len(r.Recipe) > 0 && strings.HasSuffix(target, ".o") {
		// cmd_as_o_S of a generated file, or an object made by a program.
		for _, p := range r.Prereqs {
			if p = clean(strings.Replace(p, "%", stem, 1)); compiled(p) && !f.host[p] {
				w.unit(Unit{Source: p, Object: target, Generated: true, Inputs: w.inputs(f, p)}, l)
				return true
			}
		}
	}
	return len(r.Recipe) > 0 || sources > 0
}

// input notes a file of the tree that the build reads to make something else than an
// object of that name.
func (w *walk) input(file, target string, l link) {
	l.side = true
	if l.target == Vmlinux || l.module {
		l.target = target
	}
	w.unit(Unit{Source: file, Object: target}, l)
}

// implicit applies the pattern rules of the folder, then those of every folder.
func (w *walk) implicit(f *folder, target string, l link) bool {
	if w.patterns(f, target, l) {
		return true
	}
	stem := strings.TrimSuffix(target, ".o")
	exists := w.b.tree.make.Exists
	for _, ext := range []string{".c", ".S", ".rs"} {
		src := stem + ext
		if exists(src) {
			w.unit(Unit{Source: src, Object: target}, l)
			return true
		}
		if exists(src + "_shipped") {
			w.unit(Unit{Source: src, Object: target, Generated: true, Inputs: []string{src + "_shipped"}}, l)
			return true
		}
		if w.made(f, src) {
			w.unit(Unit{Source: src, Object: target, Generated: true, Inputs: w.inputs(f, src)}, l)
			w.resolve(f, src, link{target: target, side: true, unsure: l.unsure})
			return true
		}
	}
	for _, g := range [...]struct{ suffix, from, source string }{
		{".asn1", ".asn1", ".c"}, {".tab", ".y", ".c"}, {".lex", ".l", ".c"}, {".dtb", ".dts", ".S"}, {".dtbo", ".dtso", ".S"}, {".dtbo", ".dts", ".S"},
	} {
		base, ok := strings.CutSuffix(stem, g.suffix)
		if ok && exists(base+g.from) {
			w.unit(Unit{Source: stem + g.source, Object: target, Generated: true, Inputs: []string{base + g.from}}, l)
			return true
		}
	}
	return false
}

// patterns applies the first pattern rule whose prerequisites are there or can be made.
func (w *walk) patterns(f *folder, target string, l link) bool {
	for _, r := range f.patterns {
		for _, t := range r.Targets {
			stem, ok := gmake.Match(clean(t), target)
			if !ok || stem == "" || len(r.Prereqs) == 0 {
				continue
			}
			if w.possible(f, r, stem) && w.rule(f, target, stem, r, l) {
				return true
			}
		}
	}
	return false
}

// possible says whether a pattern rule's prerequisites are there or can be made.
func (w *walk) possible(f *folder, r *gmake.Rule, stem string) bool {
	for _, p := range r.Prereqs {
		if !strings.Contains(p, "%") {
			continue
		}
		p = clean(strings.Replace(p, "%", stem, 1))
		if w.busy[p] {
			return false
		}
		if !w.b.tree.make.Exists(p) && !w.made(f, p) && !(strings.HasSuffix(p, ".o") && w.hasSource(p)) {
			return false
		}
	}
	return true
}

// made says whether the folder has a rule with a recipe for a file.
func (w *walk) made(f *folder, file string) bool {
	for _, r := range f.rules[file] {
		if len(r.Recipe) > 0 || len(r.Prereqs) > 0 {
			return true
		}
	}
	key := file + "\x00" + f.dir
	if known, ok := w.makes[key]; ok {
		return known
	}
	if w.chain >= maxChain {
		return false
	}
	w.chain++
	found := false
	for _, r := range f.patterns {
		// A pattern may ask for longer and longer names: as make does, a rule is used once
		// in a chain.
		if w.using[r] {
			continue
		}
		w.using[r] = true
		found = slices.ContainsFunc(r.Targets, func(t string) bool {
			stem, ok := gmake.Match(clean(t), file)
			return ok && stem != "" && w.possible(f, r, stem)
		})
		delete(w.using, r)
		if found {
			break
		}
	}
	w.chain--
	// Within a chain "no" may only mean that a rule is in use.
	if found || w.chain == 0 {
		w.makes[key] = found
	}
	return found
}

// inputs gives the files of the tree that a generated file is made of.
func (w *walk) inputs(f *folder, file string) []string {
	var in []string
	add := func(r *gmake.Rule, stem string) {
		for _, p := range r.Prereqs {
			p = clean(strings.Replace(p, "%", stem, 1))
			if p != "FORCE" && !f.host[p] && !strings.HasPrefix(p, "scripts/") && w.b.tree.make.Exists(p) && !slices.Contains(in, p) {
				in = append(in, p)
			}
		}
	}
	for _, r := range f.rules[file] {
		add(r, "")
	}
	for _, r := range f.patterns {
		for _, t := range r.Targets {
			if stem, ok := gmake.Match(clean(t), file); ok && stem != "" {
				add(r, stem)
			}
		}
	}
	return in
}

// derived finds what makes a file that is no object: a linker script, a device tree, a
// table of offsets.
func (w *walk) derived(f *folder, target string, l link) {
	if w.patterns(f, target, l) {
		return
	}
	exists := w.b.tree.make.Exists
	stem := strings.TrimSuffix(target, path.Ext(target))
	switch path.Ext(target) {
	case ".c", ".S", ".h":
		if exists(target + "_shipped") {
			w.input(target+"_shipped", target, l)
		}
	case ".lds", ".s":
		for _, src := range []string{target + ".S", stem + ".c"} {
			if exists(src) {
				w.input(src, target, l)
				return
			}
		}
	case ".dtb", ".dtbo":
		for _, src := range []string{stem + ".dts", stem + ".dtso"} {
			if exists(src) {
				w.input(src, target, l)
				return
			}
		}
	case ".a":
		// Another folder's library: descended into elsewhere.
	case "":
		if exists(target + ".c") {
			return // a program for the building machine
		}
	}
}
