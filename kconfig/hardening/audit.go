package hardening

import (
	"context"
	"slices"
	"strings"

	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
)

// A Verdict is what became of a rule.
type Verdict string

// The verdicts.
const (
	OK Verdict = "ok"
	// Settable: it does not hold, but a legal change would make it.
	Settable Verdict = "settable"
	// Impossible: under this tree and toolchain nothing can make it hold.
	Impossible Verdict = "impossible"
	// Failed: it does not hold; there was no tree to say more, or no end to the search.
	Failed Verdict = "failed"
	// NotApplicable: the rule is for other architectures, or its condition does not hold.
	NotApplicable Verdict = "not_applicable"
	// Unknown: what the rule is about was not given.
	Unknown Verdict = "unknown"
)

// A Cause is why something is impossible.
type Cause string

// The causes.
const (
	Absent     Cause = "absent"     // the tree has no such symbol under any of its names
	Forced     Cause = "forced"     // other symbols select it
	Toolchain  Cause = "toolchain"  // the compiler, assembler or linker cannot do it
	Dependency Cause = "dependency" // what it depends on cannot be had
	Value      Cause = "value"      // the range does not allow it
)

// A Subject is what is audited. Parts that are not there make their rules Unknown.
type Subject struct {
	Arch string // of the tree's arch folder: x86, arm64
	// File is the configuration; Config, where a tree is at hand, its evaluation.
	File    *dotconfig.File
	Config  *kconfig.Config
	Cmdline *string
	Sysctl  map[string]string
}

// A Finding is a rule with its verdict.
type Finding struct {
	Rule
	Verdict Verdict `json:"verdict"`
	Name    string  `json:"name,omitempty"` // the name that the symbol has in this tree
	Got     string  `json:"got"`            // the value that was found, "" for none
	Cause   Cause   `json:"cause,omitempty"`
	// Settings are the smallest change that makes it hold; Follow counts the other
	// symbols that change with it.
	Settings []kconfig.Setting `json:"settings,omitempty"`
	Follow   int               `json:"follow,omitempty"`
	Reasons  []kconfig.Reason  `json:"reasons,omitempty"`
}

// Open says that the rule does not hold.
func (f *Finding) Open() bool {
	return f.Verdict == Settable || f.Verdict == Impossible || f.Verdict == Failed
}

// Counts are how many findings have each verdict.
type Counts map[Verdict]int

// A Report is an audit.
type Report struct {
	Arch     string    `json:"arch"`
	Kernel   string    `json:"kernel"` // heading of the tree, else of the configuration
	Tree     bool      `json:"tree"`   // a tree was at hand
	Counts   Counts    `json:"counts"`
	Findings []Finding `json:"findings"`
}

// Audit holds a subject to all rules of a table.
func (t *Table) Audit(ctx context.Context, s Subject) (*Report, error) {
	r := &Report{Arch: s.Arch, Tree: s.Config != nil, Counts: Counts{}, Findings: []Finding{}}
	if s.Config != nil {
		r.Kernel = s.Config.Tree().Title()
	} else if s.File != nil {
		for _, h := range s.File.Header {
			if strings.Contains(h, "Kernel Configuration") {
				r.Kernel = h
			}
		}
	}
	for _, rule := range t.Rules {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		f := s.Check(ctx, rule)
		r.Counts[f.Verdict]++
		r.Findings = append(r.Findings, f)
	}
	return r, nil
}

// Check holds the subject to one rule.
func (s *Subject) Check(ctx context.Context, rule Rule) Finding {
	f := Finding{Rule: rule, Verdict: NotApplicable}
	if len(rule.arches) > 0 && !slices.Contains(rule.arches, s.Arch) {
		return f
	}
	switch rule.Kind {
	case Cmdline:
		s.checkCmdline(&f)
	case Sysctl:
		s.checkSysctl(&f)
	default:
		s.checkKconfig(ctx, &f)
	}
	return f
}

// value gives a symbol's value by the first of its names that the tree, or the file, has.
func (s *Subject) value(names []string) (name, value string, known bool) {
	for _, n := range names {
		if s.Config != nil {
			if _, ok := s.Config.Tree().Lookup(n); ok {
				if !s.Config.Written(n) {
					return n, "", true
				}
				return n, s.Config.Value(n), true
			}
		} else if v, ok := s.File.Lookup(n); ok {
			return n, v.Text, true
		}
	}
	return names[0], "", false
}

// Value gives a symbol's value, "" where it has none; known says that the tree, or the
// configuration where there is no tree, has the symbol.
func (s *Subject) Value(name string) (value string, known bool) {
	if s.File == nil && s.Config == nil {
		return "", false
	}
	_, value, known = s.value([]string{name})
	return value, known
}

func (s *Subject) holds(t test) bool {
	_, v, _ := s.value(t.names)
	return t.holds(v)
}

func (s *Subject) checkKconfig(ctx context.Context, f *Finding) {
	if s.File == nil && s.Config == nil {
		f.Verdict = Unknown
		return
	}
	if f.cond != nil && !s.holds(*f.cond) {
		return
	}
	first := f.any[0]
	var known bool
	f.Name, f.Got, known = s.value(first.names)
	for _, t := range f.any {
		name, v, k := s.value(t.names)
		if t.holds(v) {
			f.Verdict, f.Name, f.Got = OK, name, v
			return
		}
		known = known || k
	}
	f.Verdict = Failed
	if s.Config == nil {
		return
	}
	if !known {
		f.Verdict, f.Cause = Impossible, Absent
		return
	}
	s.solve(ctx, f)
}

// maxTries bounds what the search for one rule's change may cost.
const maxTries = 60

// solve looks for the change that makes a rule hold.
func (s *Subject) solve(ctx context.Context, f *Finding) {
	given := true
	for _, t := range f.any {
		name, _, known := s.value(t.names)
		if !known || t.op == "!=" {
			continue
		}
		a, err := s.Config.SolveWithin(ctx, maxTries, kconfig.Setting{Symbol: name, Value: t.value})
		if err != nil {
			continue
		}
		if len(a.Solutions) > 0 {
			best := a.Solutions[0]
			if f.Verdict != Settable || len(best.Settings) < len(f.Settings) {
				f.Verdict, f.Name, f.Settings = Settable, name, best.Settings
				_, f.Got, _ = s.value(t.names)
				f.Follow = len(best.Changes) - len(best.Settings)
				f.Cause, f.Reasons = "", nil
			}
			continue
		}
		given = given && a.Impossible
		if f.Verdict != Settable && f.Reasons == nil && len(a.Obstacles) > 0 {
			f.Reasons = a.Obstacles[0].Reasons
			f.Cause = cause(f.Reasons)
		}
	}
	if f.Verdict == Failed && given && f.Reasons != nil {
		f.Verdict = Impossible
	}
}

// cause classes the reasons against a change.
func cause(reasons []kconfig.Reason) Cause {
	for _, c := range []struct {
		kind  kconfig.ReasonKind
		cause Cause
	}{{kconfig.BecauseToolchain, Toolchain}, {kconfig.BecauseSelected, Forced}, {kconfig.BecauseRange, Value}} {
		if hasKind(reasons, c.kind) {
			return c.cause
		}
	}
	return Dependency
}

func hasKind(reasons []kconfig.Reason, kind kconfig.ReasonKind) bool {
	return slices.ContainsFunc(reasons, func(r kconfig.Reason) bool { return r.Kind == kind || hasKind(r.Because, kind) })
}

func (s *Subject) checkCmdline(f *Finding) {
	if s.Cmdline == nil {
		f.Verdict = Unknown
		return
	}
	words := cmdline(*s.Cmdline)
	present := false
	for _, t := range f.any {
		v, ok := words[t.names[0]]
		if ok && !present {
			f.Got = t.names[0]
			if v != "" {
				f.Got += "=" + v
			}
			present = true
		}
		if match := ok && (t.op == "" || v == t.value); match {
			f.Got = t.names[0] + t.op + v
			f.Verdict = OK
			if f.negated {
				f.Verdict = Failed
			}
			return
		}
	}
	f.Verdict = Failed
	if f.negated {
		f.Verdict = OK
		return
	}
	// The default will do, unless the command line says otherwise.
	if !present && (s.File != nil || s.Config != nil) && slices.ContainsFunc(f.unless, s.holds) {
		f.Verdict = OK
	}
}

// cmdline reads a command line: the last value of a parameter holds.
func cmdline(s string) map[string]string {
	words := map[string]string{}
	quoted := false
	for w := range strings.FieldsFuncSeq(s, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return !quoted && (c == ' ' || c == '\t' || c == '\n')
	}) {
		if w == "--" {
			break
		}
		name, value, _ := strings.Cut(w, "=")
		words[strings.Trim(name, `"`)] = strings.Trim(value, `"`)
	}
	return words
}

func (s *Subject) checkSysctl(f *Finding) {
	f.Verdict = Unknown
	if s.Sysctl == nil {
		return
	}
	v, ok := s.Sysctl[f.any[0].names[0]]
	if !ok {
		// The kernel has no such setting.
		f.Verdict = NotApplicable
		return
	}
	f.Got, f.Verdict = v, Failed
	if f.any[0].holds(v) {
		f.Verdict = OK
	}
}

// ParseSysctl reads what sysctl -a prints.
func ParseSysctl(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, "="); ok {
			m[strings.ReplaceAll(strings.TrimSpace(key), "/", ".")] = strings.TrimSpace(value)
		}
	}
	return m
}
