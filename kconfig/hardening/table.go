package hardening

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed rules.yaml
var builtin string

// A Kind is where a rule's subject is set.
type Kind string

// The kinds.
const (
	Kconfig Kind = "kconfig"
	Cmdline Kind = "cmdline"
	Sysctl  Kind = "sysctl"
)

// A Severity says how much a rule matters.
type Severity string

// The severities.
const (
	High   Severity = "high"
	Medium Severity = "medium"
	Low    Severity = "low"
)

// Rank orders severities, the gravest first.
func (s Severity) Rank() int { return slices.Index([]Severity{High, Medium, Low}, s) }

// A Rule is one recommendation.
type Rule struct {
	ID       string   `json:"id"` // kind and subject, as kconfig/STRICT_KERNEL_RWX
	Kind     Kind     `json:"kind"`
	Group    string   `json:"group"`
	Want     string   `json:"want"`
	Severity Severity `json:"severity"`
	Reason   string   `json:"reason"`
	Source   string   `json:"source"` // URL

	any     []test
	cond    *test
	unless  []test // command line: Kconfig tests under which the default will do
	arches  []string
	negated bool // command line: must not be there
}

// A Table is a list of rules.
type Table struct{ Rules []Rule }

// test is one comparison of a subject that may have had other names.
type test struct {
	names []string // newest first
	op    string
	value string
}

func (t test) String() string { return strings.Join(t.names, "/") + t.op + t.value }

type groupText struct {
	ID       string     `yaml:"id"`
	Kind     Kind       `yaml:"kind"`
	Severity Severity   `yaml:"severity"`
	Source   string     `yaml:"source"`
	Reason   string     `yaml:"reason"`
	Rules    []ruleText `yaml:"rules"`
}

type ruleText struct {
	Want     string   `yaml:"want"`
	Why      string   `yaml:"why"`
	Severity Severity `yaml:"severity"`
	Source   string   `yaml:"source"`
}

// UnmarshalYAML reads a rule that is only its want as a string.
func (r *ruleText) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		r.Want = n.Value
		return nil
	}
	type plain ruleText
	return n.Decode((*plain)(r))
}

// maxTable bounds a table that is read.
const maxTable = 4 << 20

// Builtin gives the table that Ringside brings.
func Builtin() *Table {
	t, err := Read(strings.NewReader(builtin))
	if err != nil {
		// A test reads it, too.
		panic("hardening: rules.yaml: " + err.Error())
	}
	return t
}

// Read reads a table.
func Read(r io.Reader) (*Table, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxTable+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxTable {
		return nil, fmt.Errorf("the table is larger than %d MiB", maxTable>>20)
	}
	var doc struct {
		Groups []groupText `yaml:"groups"`
	}
	d := yaml.NewDecoder(strings.NewReader(string(b)))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("a table of hardening rules: %w", err)
	}
	t := &Table{}
	seen := map[string]bool{}
	for _, g := range doc.Groups {
		for _, text := range g.Rules {
			rule, err := newRule(g, text)
			if err != nil {
				return nil, fmt.Errorf("group %s: %q: %w", g.ID, text.Want, err)
			}
			// One subject may have rules for several architectures.
			for n, id := 2, rule.ID; seen[rule.ID]; n++ {
				rule.ID = fmt.Sprintf("%s-%d", id, n)
			}
			seen[rule.ID] = true
			t.Rules = append(t.Rules, rule)
		}
	}
	if len(t.Rules) == 0 {
		return nil, fmt.Errorf("the table has no rules: want groups with rules")
	}
	return t, nil
}

func newRule(g groupText, text ruleText) (Rule, error) {
	r := Rule{Kind: g.Kind, Group: g.ID, Want: text.Want, Severity: g.Severity, Reason: g.Reason, Source: g.Source}
	if text.Severity != "" {
		r.Severity = text.Severity
	}
	if r.Severity.Rank() < 0 {
		return r, fmt.Errorf("severity %q is none of high, medium, low", r.Severity)
	}
	if text.Why != "" {
		r.Reason = strings.ToUpper(text.Why[:1]) + text.Why[1:] + "."
	}
	if text.Source != "" {
		r.Source = text.Source
	}
	if !strings.HasPrefix(r.Source, "https://") {
		return r, fmt.Errorf("it names no source")
	}
	if err := r.parse(); err != nil {
		return r, err
	}
	r.ID = string(r.Kind) + "/" + r.any[0].names[0]
	return r, nil
}

// ParseWant gives a rule that is only a want of Kconfig symbols, as "A=y or B=n".
func ParseWant(want string) (Rule, error) {
	r := Rule{Kind: Kconfig, Want: want, Severity: Medium}
	if err := r.parse(); err != nil {
		return r, err
	}
	r.ID = string(Kconfig) + "/" + r.any[0].names[0]
	return r, nil
}

// parse reads the want.
func (r *Rule) parse() error {
	s := strings.TrimSpace(r.Want)
	if i := strings.LastIndex(s, " @"); i >= 0 {
		r.arches = strings.Split(s[i+2:], ",")
		s = s[:i]
	}
	var err error
	switch r.Kind {
	case Kconfig:
		if body, cond, ok := strings.Cut(s, " if "); ok {
			c, err := parseTest(cond)
			if err != nil {
				return err
			}
			r.cond, s = &c, body
		}
		r.any, err = parseTests(s)
	case Sysctl:
		r.any, err = parseTests(s)
	case Cmdline:
		if rest, ok := strings.CutPrefix(s, "!"); ok {
			r.negated, s = true, rest
		}
		body, unless, ok := strings.Cut(s, " | ")
		if ok {
			if r.unless, err = parseTests(unless); err != nil {
				return err
			}
		}
		for part := range strings.SplitSeq(body, " or ") {
			name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
			t := test{names: []string{name}, value: value}
			if ok {
				t.op = "="
			}
			r.any = append(r.any, t)
		}
	default:
		return fmt.Errorf("kind %q is none of kconfig, cmdline, sysctl", r.Kind)
	}
	return err
}

func parseTests(s string) ([]test, error) {
	var list []test
	for part := range strings.SplitSeq(s, " or ") {
		t, err := parseTest(part)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

func parseTest(s string) (test, error) {
	s = strings.TrimSpace(s)
	for _, op := range []string{">=", "<=", "!=", "="} {
		name, value, ok := strings.Cut(s, op)
		if !ok {
			continue
		}
		if name == "" || strings.ContainsAny(name, " \t<>!=") {
			break
		}
		if op == ">=" || op == "<=" {
			if _, err := strconv.ParseInt(value, 0, 64); err != nil {
				return test{}, fmt.Errorf("%q: want a number after %s", s, op)
			}
		}
		return test{strings.Split(name, "/"), op, value}, nil
	}
	return test{}, fmt.Errorf("%q: want NAME=value, NAME!=value, NAME>=number or NAME<=number", s)
}

// holds compares a value. Values of Kconfig that are absent are "".
func (t test) holds(value string) bool {
	switch t.op {
	case "=":
		return value == t.value || t.value == "n" && value == ""
	case "!=":
		return value != t.value && (t.value != "n" || value != "")
	}
	have, err := strconv.ParseInt(strings.TrimSpace(value), 0, 64)
	want, err2 := strconv.ParseInt(t.value, 0, 64)
	if err != nil || err2 != nil {
		return false
	}
	if t.op == ">=" {
		return have >= want
	}
	return have <= want
}
