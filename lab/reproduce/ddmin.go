package reproduce

import (
	"slices"

	"ringside/lab"
)

// part is a part of a recipe that may be left out.
type part struct {
	kind string // step, module, option, file
	at   int    // its place in the recipe's list
	name string
}

func (p part) String() string { return p.kind + " " + p.name }

// partsOf lists what may be left out. Links stay: they take no room and many of them
// stand for one program.
func partsOf(r *lab.Recipe) []part {
	var list []part
	for i, s := range r.Steps {
		list = append(list, part{"step", i, stepName(&s)})
	}
	for i, m := range r.Modules {
		list = append(list, part{"module", i, m.Name})
	}
	for i, o := range r.Cmdline {
		list = append(list, part{"option", i, o})
	}
	for i, f := range r.Files {
		if f.Link == "" {
			list = append(list, part{"file", i, f.Path})
		}
	}
	return list
}

func stepName(s *lab.Step) string {
	name := ""
	for _, a := range s.Argv {
		name += a + " "
	}
	return name[:max(0, len(name)-1)]
}

func holds(list []part, p part) bool { return slices.Contains(list, p) }

// without is the recipe with only those of its parts that are kept.
func without(r lab.Recipe, all, kept []part) lab.Recipe {
	out := func(kind string, at int) bool {
		is := func(p part) bool { return p.kind == kind && p.at == at }
		return slices.ContainsFunc(all, is) && !slices.ContainsFunc(kept, is)
	}
	r.Steps = leave(r.Steps, "step", out)
	r.Modules = leave(r.Modules, "module", out)
	r.Cmdline = leave(r.Cmdline, "option", out)
	r.Files = leave(r.Files, "file", out)
	return r
}

func leave[T any](list []T, kind string, out func(string, int) bool) []T {
	kept := []T{}
	for i, x := range list {
		if !out(kind, i) {
			kept = append(kept, x)
		}
	}
	return kept
}

// ddmin makes a list smaller as long as test holds, after Zeller and Hildebrandt,
// "Simplifying and Isolating Failure-Inducing Input" (2002): halves, quarters and so on
// are left out. Where test fails to answer, what was reached is returned with its error.
func ddmin(list []part, test func([]part) (bool, error)) ([]part, error) {
	for n := min(2, len(list)); len(list) > 0 && n > 0; {
		size := (len(list) + n - 1) / n
		smaller := false
		for from := 0; from < len(list); from += size {
			rest := slices.Concat(list[:from], list[min(len(list), from+size):])
			ok, err := test(rest)
			if err != nil {
				return list, err
			}
			if ok {
				list, smaller = rest, true
				break
			}
		}
		switch {
		case smaller:
			n = max(min(n-1, len(list)), min(2, len(list)))
		case size == 1:
			return list, nil
		default:
			n = min(len(list), 2*n)
		}
	}
	return list, nil
}
