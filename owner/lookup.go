package owner

import (
	"cmp"
	"fmt"
	"slices"
)

// Query is what is known about a place in the kernel. Any field may be empty.
type Query struct {
	File     string   // as printed: absolute, with a line number, or relative
	Function string   // as printed, with or without offset and compiler suffix
	Module   string   // the module the function was printed with
	Arch     string   // x86_64, arm64, ...
	Hints    []string // further names, the best first: a work function, a driver
}

// Lookup returns the owners of a place. What is surest decides: the file where
// it is known, else the function, narrowed by the module, else the module, else
// the first hint that leads somewhere. Overlays come first whichever of the
// facts they speak of; THE REST comes last, and only when there is a file in
// the tree to be the rest of.
func (x *Index) Lookup(q Query) []Match {
	out := x.overlayNames(q.Function, q.Module)
	file := x.treePath(q.File)
	facts := []func() []Match{
		func() []Match {
			if file == "" {
				return nil
			}
			return x.fileMatches(file, 1)
		},
		func() []Match { return x.functionFiles(q.Function, q.Module, q.Arch) },
		func() []Match {
			// The module is where a function that is not in the index was
			// printed with it, and where it is in the index but elsewhere.
			return x.moduleFiles(q.Module)
		},
	}
	for _, h := range q.Hints {
		facts = append(facts,
			func() []Match { return merge(x.overlayNames(h, ""), x.functionFiles(h, "", q.Arch)) },
			func() []Match { return merge(x.overlayNames("", h), x.moduleFiles(h)) })
	}
	var rest []Match
	for _, ask := range facts {
		found := ask()
		own := slices.DeleteFunc(slices.Clone(found), func(m Match) bool { return m.Last })
		if len(own) > 0 {
			return arrange(merge(out, found))
		}
		rest = merge(rest, found)
	}
	return arrange(merge(out, rest))
}

// Function returns the owners of a function. The module, if not empty, is the
// one the function was printed with; it decides between functions of the same
// name, and stands in for those the index does not have.
func (x *Index) Function(name, module string) []Match {
	return x.Lookup(Query{Function: name, Module: module})
}

// Module returns the owners of a module's sources, the one with the most files
// first.
func (x *Index) Module(name string) []Match {
	return x.Lookup(Query{Module: name})
}

// ModuleFiles returns the sources of a module. Where several directories build
// a module of this name, all of theirs are returned.
func (x *Index) ModuleFiles(name string) []string {
	if x.sources == nil {
		return nil
	}
	return slices.Concat(x.sources.Modules(moduleName(name))...)
}

// maxCandidates bounds the files a name that is defined everywhere, such as
// "probe", is followed to.
const maxCandidates = 32

func (x *Index) functionFiles(function, module, arch string) []Match {
	if function == "" {
		return nil
	}
	files := x.definitions(function, module, arch)
	var out []Match
	for _, f := range files[:min(len(files), maxCandidates)] {
		via := fmt.Sprintf("function %s is defined in %s", FunctionName(function), f)
		steps := []string{via}
		if len(files) > 1 {
			steps = append(steps, fmt.Sprintf("one of %d files that define it", len(files)))
		}
		if module != "" {
			steps = append(steps, "narrowed by module "+moduleName(module))
		}
		out = merge(out, x.fileMatches(f, len(files), steps...))
	}
	return arrange(out)
}

func (x *Index) moduleFiles(module string) []Match {
	if module == "" || x.sources == nil {
		return nil
	}
	name := moduleName(module)
	modules := x.sources.Modules(name)
	type tally struct {
		match Match
		files int
	}
	var found []tally
	for _, files := range modules {
		for _, f := range files {
			via := fmt.Sprintf("module %s is compiled from %s", name, f)
			if len(files) > 1 {
				via += fmt.Sprintf(" and %d more", len(files)-1)
			}
			for _, m := range x.fileMatches(f, len(modules), via) {
				at := slices.IndexFunc(found, func(t tally) bool { return t.match.Section == m.Section })
				if at < 0 {
					found = append(found, tally{m, 1})
				} else {
					found[at].files++
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b tally) int {
		return cmp.Or(cmp.Compare(b.files, a.files), cmp.Compare(b.match.Depth, a.match.Depth))
	})
	out := make([]Match, len(found))
	for i, t := range found {
		out[i] = t.match
	}
	return arrange(out)
}

// overlayNames returns the sections whose O: and D: lines match.
func (x *Index) overlayNames(function, module string) []Match {
	var out []Match
	function, module = FunctionName(function), moduleName(module)
	for i, t := range x.tables {
		add := func(s *Section, tag, pattern string, line int, via string) {
			out = merge(out, []Match{{
				Section: s, Overlay: x.overlay(i), Candidates: 1,
				Why: Why{Source: t.name, Line: line, Tag: tag, Pattern: pattern, Via: []string{via}},
			}})
		}
		for k := range t.functions {
			if r := &t.functions[k]; function != "" && r.match(function) {
				add(r.section, "O", r.text, r.line, "function "+function)
			}
		}
		for k := range t.modules {
			if r := &t.modules[k]; module != "" && r.matchWhole(module) {
				add(r.section, "D", r.text, r.line, "module "+module)
			}
		}
	}
	return out
}
