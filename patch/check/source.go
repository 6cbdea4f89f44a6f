package check

import (
	"fmt"
	"strings"

	"ringside/patch/apply"
	"ringside/patch/csource"
	"ringside/patch/diff"
	"ringside/patch/flaw"
)

// onTree applies the patch at hand and looks at the functions that it changes, before and
// after. It gives the functions that have too many paths.
func (r *reviewer) onTree() []string {
	before := map[string]string{}
	for i := range r.p.Files {
		f := &r.p.Files[i]
		if strings.HasSuffix(f.Path(), ".c") && f.Old != "" {
			before[f.Old] = read(r.o.Tree, f.Old)
		}
	}
	res := r.o.Tree.Apply(r.p, apply.Options{})
	for i := range res.Files {
		f := &res.Files[i]
		switch {
		case f.Err != nil:
			r.add("apply", Finding{File: f.Path, At: f.Line, Text: f.Err.Error()})
		case f.Outcome == apply.Fail && res.There:
			r.add("apply", Finding{File: f.Path, At: f.Line, Severity: Warning, Text: "the tree has this change already"})
		case f.Outcome != apply.Clean:
			for j := range f.Hunks {
				h := &f.Hunks[j]
				if h.Outcome == apply.Fail {
					r.add("apply", Finding{File: f.Path, At: h.Line, Text: "it does not apply: " + h.Why()})
				}
			}
			if f.Outcome == apply.Fuzz {
				r.add("apply-fuzz", Finding{File: f.Path, At: f.Line, Text: "some of its context is not in the tree"})
			}
		}
	}
	if res.Outcome == apply.Fail {
		r.withoutTree()
		return nil
	}
	var complex []string
	for i := range r.p.Files {
		f := &r.p.Files[i]
		if f.Err != nil || !strings.HasSuffix(f.New, ".c") {
			continue
		}
		after := read(r.o.Tree, f.New)
		if after == "" {
			continue
		}
		complex = append(complex, r.functions(f, before[f.Old], after)...)
	}
	return complex
}

// functions looks for flaws that the functions of a file have got.
func (r *reviewer) functions(f *diff.File, before, after string) []string {
	now := csource.Parse(after)
	var old *csource.File
	if before != "" {
		old = csource.Parse(before)
	}
	bodies := map[string]string{}
	if old != nil {
		for _, fn := range old.Funcs {
			bodies[fn.Name] = span(before, fn)
		}
	}
	touched := func(fn *csource.Func) bool { return bodies[fn.Name] != span(after, fn) }
	list, complex := flaw.New(old, now, touched)
	for i := range list {
		r.flaw(f, &list[i], after)
	}
	r.signaturesOf(f, old, now, after)
	return complex
}

// span is the text of a function.
func span(src string, fn *csource.Func) string {
	return between(src, fn.First, fn.Last)
}

// between gives lines of a text, from 1.
func between(src string, first, last int) string {
	n, begin := 1, 0
	for i := 0; i < len(src); i++ {
		if n == first && begin == 0 && first > 1 {
			begin = i
			first = -1
		}
		if src[i] == '\n' {
			if n == last {
				return src[begin:i]
			}
			n++
		}
	}
	return src[begin:]
}

func (r *reviewer) flaw(f *diff.File, x *flaw.Finding, src string) {
	out := Finding{File: f.New, Line: x.Line, Text: x.Func + "(): " + x.Text, Quote: strings.TrimSpace(between(src, x.Line, x.Line)), Confidence: x.Sure}
	for _, s := range x.Steps {
		out.Steps = append(out.Steps, Step{s.Line, s.Text})
	}
	for _, c := range lines(f) {
		if c.op != '-' && c.line == x.Line {
			out.At = c.at
		}
	}
	r.add(x.Rule, out)
}

// signaturesOf looks whether exported functions get other parameters.
func (r *reviewer) signaturesOf(f *diff.File, old, now *csource.File, after string) {
	if old == nil {
		return
	}
	for _, fn := range now.Funcs {
		was := old.Func(fn.Name)
		if fn.Static || was == nil || !strings.Contains(after, "EXPORT_SYMBOL") || !exported(after, fn.Name) {
			continue
		}
		if a, b := signature(was), signature(fn); a != b {
			r.add("export-signature", Finding{File: f.New, Line: fn.Line, Quote: b, Text: fmt.Sprintf("%s() is exported and was %s", fn.Name, a)})
		}
	}
}

func exported(src, name string) bool {
	for rest := src; ; {
		i := strings.Index(rest, "EXPORT_SYMBOL")
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
		if m := export.FindStringSubmatch("E" + rest[:min(len(rest), 200)]); m != nil && m[2] == name {
			return true
		}
	}
}

func signature(fn *csource.Func) string {
	var b strings.Builder
	b.WriteString(fn.Result + " " + fn.Name + "(")
	for i, p := range fn.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strings.TrimSpace(p.Type + " " + strings.Repeat("*", p.Stars)))
	}
	return b.String() + ")"
}

// withoutTree looks at what a patch shows whole: new files, and functions whose hunk has
// all of them.
func (r *reviewer) withoutTree() {
	for i := range r.p.Files {
		f := &r.p.Files[i]
		if f.Err != nil || !strings.HasSuffix(f.New, ".c") {
			continue
		}
		for j := range f.Hunks {
			h := &f.Hunks[j]
			var old, now strings.Builder
			for _, l := range h.Lines {
				if l.Op != '+' {
					old.WriteString(l.Text + "\n")
				}
				if l.Op != '-' {
					now.WriteString(l.Text + "\n")
				}
			}
			after := csource.Parse(now.String())
			var before *csource.File
			if f.Op != diff.Add {
				before = csource.Parse(old.String())
			}
			list, _ := flaw.New(before, after, func(fn *csource.Func) bool { return whole(now.String(), fn) })
			for k := range list {
				x := list[k]
				src := now.String()
				quote := strings.TrimSpace(between(src, x.Line, x.Line))
				x.Line += h.NewStart - 1
				for s := range x.Steps {
					x.Steps[s].Line += h.NewStart - 1
				}
				out := Finding{File: f.New, Line: x.Line, Text: x.Func + "(): " + x.Text, Quote: quote, Confidence: x.Sure}
				for _, c := range lines(f) {
					if c.op != '-' && c.line == x.Line {
						out.At = c.at
					}
				}
				for _, s := range x.Steps {
					out.Steps = append(out.Steps, Step{s.Line, s.Text})
				}
				r.add(x.Rule, out)
			}
		}
	}
}

// whole tells whether a function is in a hunk from its first to its last line.
func whole(src string, fn *csource.Func) bool {
	return between(src, fn.Last, fn.Last) == "}" && !strings.HasPrefix(between(src, fn.First, fn.First), "\t")
}
