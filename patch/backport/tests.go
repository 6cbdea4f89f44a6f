package backport

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"ringside/owner"
)

// A Test is one that covers what a backport changes.
type Test struct {
	Kind string // "kunit" or "selftest"
	Path string // a file, or a folder below tools/testing/selftests
	Why  string
	For  []string // the files that it covers
}

var kunit = regexp.MustCompile(`(?:^|[-_])(?:k?unit[-_]?)?tests?\.c$|[-_]kunit\.c$`)

// Tests finds the KUnit tests next to the files that the plan changes, and the selftests
// that MAINTAINERS lists for the same subsystem.
func (p *Plan) Tests(t *Tree) ([]Test, error) {
	files, err := t.list()
	if err != nil {
		return nil, err
	}
	var text string
	var index *owner.Index
	if f, err := t.get("MAINTAINERS"); err == nil && f != nil {
		text = f.text
		if index, err = owner.Parse(strings.NewReader(text)); err != nil {
			index = nil // no list is no error: there are trees without
		}
	}
	var out []Test
	add := func(kind, where, why, file string) {
		for i := range out {
			if out[i].Path == where {
				if !slices.Contains(out[i].For, file) {
					out[i].For = append(out[i].For, file)
				}
				return
			}
		}
		out = append(out, Test{kind, where, why, []string{file}})
	}
	for _, file := range p.Paths() {
		if !strings.HasSuffix(file, ".c") && !strings.HasSuffix(file, ".h") && !strings.HasSuffix(file, ".rs") {
			continue
		}
		dir := path.Dir(file)
		for _, f := range files {
			d := path.Dir(f)
			if (d == dir || d == dir+"/tests" || d == dir+"/test") && kunit.MatchString(path.Base(f)) && f != file {
				add("kunit", f, "next to it", file)
			}
		}
		if index == nil {
			continue
		}
		for _, m := range index.File(file) {
			if m.Section == nil || m.Section.Rest() {
				continue
			}
			for _, s := range listed(text, m.Section.Line) {
				kind := "selftest"
				if kunit.MatchString(path.Base(s)) {
					kind = "kunit"
				}
				add(kind, s, "MAINTAINERS: "+m.Section.Subsystem, file)
			}
		}
	}
	return out, nil
}

// listed gives the tests among the files of the section of MAINTAINERS that begins in a
// line.
func listed(text string, line int) (out []string) {
	lines := strings.Split(text, "\n")
	for i := line; i < len(lines) && strings.TrimSpace(lines[i]) != ""; i++ {
		f, ok := strings.CutPrefix(lines[i], "F:")
		f = strings.TrimSpace(f)
		if ok && (strings.HasPrefix(f, "tools/testing/selftests/") || kunit.MatchString(path.Base(f))) {
			out = append(out, strings.TrimSuffix(f, "/"))
		}
	}
	return out
}

// Paths are the files of the target that the plan changes.
func (p *Plan) Paths() (out []string) {
	for i := range p.Steps {
		for k := range p.Steps[i].Files {
			f := &p.Steps[i].Files[k]
			if f.State != There && !slices.Contains(out, f.Path) {
				out = append(out, f.Path)
			}
		}
	}
	slices.Sort(out)
	return out
}

// A Risk is what a reviewer should know before taking a backport.
type Risk struct {
	Level string // low, medium, high
	Notes []string
}

// Risk sums up what could go wrong, the worst first.
func (p *Plan) Risk() Risk {
	var high, medium, low []string
	conflicts, along, merged, moved := 0, 0, 0, 0
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.State == Conflict {
			conflicts++
		}
		if !s.Asked {
			along++
		}
		for k := range s.Files {
			f := &s.Files[k]
			if f.State == Merged {
				merged++
			}
			if f.State != There && f.State != Conflict && f.Path != f.From {
				moved++
			}
		}
		for _, l := range s.Later {
			what := "is fixed by"
			if l.Revert {
				what = "is taken back by"
			}
			high = append(high, short(s.Commit)+" "+what+" "+short(l.Commit)+" later in the history")
		}
	}
	count := func(list *[]string, n int, one, many string) {
		if n == 1 {
			*list = append(*list, "1 "+one)
		} else if n > 1 {
			*list = append(*list, itoa(n)+" "+many)
		}
	}
	count(&high, conflicts, "commit conflicts: a person has to decide", "commits conflict: a person has to decide")
	count(&medium, along, "other commit has to come along", "other commits have to come along")
	count(&medium, moved, "file has another name in the target", "files have another name in the target")
	count(&medium, merged, "file was merged with what the target has changed in it", "files were merged with what the target has changed in them")
	for _, f := range p.Paths() {
		switch {
		case strings.HasPrefix(f, "include/uapi/"), strings.Contains(f, "/include/uapi/"):
			high = append(high, f+" is what programs are built against")
		case strings.HasPrefix(f, "include/"), strings.HasPrefix(f, "arch/") && strings.Contains(f, "/include/"):
			medium = append(medium, f+" is included by code elsewhere, modules of others among it")
		case path.Base(f) == "Kconfig" || strings.HasPrefix(path.Base(f), "Kconfig."):
			medium = append(medium, f+" changes what configurations mean")
		case strings.HasPrefix(f, "mm/"), strings.HasPrefix(f, "kernel/sched/"), strings.HasPrefix(f, "kernel/locking/"), strings.HasPrefix(f, "kernel/rcu/"), strings.HasPrefix(f, "fs/") && strings.Count(f, "/") == 1, strings.HasPrefix(f, "arch/") && strings.Contains(f, "/entry/"):
			medium = append(medium, f+" runs on every machine")
		}
	}
	count(&low, len(p.Paths()), "file changes", "files change")
	r := Risk{Level: "low", Notes: slices.Concat(high, medium, low)}
	if len(medium) > 0 {
		r.Level = "medium"
	}
	if len(high) > 0 {
		r.Level = "high"
	}
	return r
}
