package crash

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ringside/similar"
)

// CompareSchemaID names the JSON form of [Comparison].
const CompareSchemaID = "https://ringside.dev/schemas/crash-compare.v1.json"

// Level is how far the identities of two reports agree.
type Level string

// The levels, from the narrowest to the widest.
const (
	LevelExact    Level = "exact"
	LevelStack    Level = "stack"
	LevelPortable Level = "portable"
	LevelFamily   Level = "family"
	LevelNone     Level = "none"
)

// Comparison says whether two reports are the same, at which level, and why.
type Comparison struct {
	Schema     string      `json:"schema"`
	Exact      bool        `json:"exact"`
	Stack      bool        `json:"stack"`
	Portable   bool        `json:"portable"`
	Family     bool        `json:"family"`
	Level      Level       `json:"level"`      // the narrowest at which they are the same
	Verdict    string      `json:"verdict"`    // in words
	Components []Component `json:"components"` // what the signatures are made from, both values each
	Why        []string    `json:"why"`        // what speaks for and against one defect, in words
	Score      float64     `json:"score"`      // how much the stacks resemble each other, from 0 to 1
	Common     int         `json:"common"`     // frames that both stacks have
	Frames     []FramePair `json:"frames"`     // the two stacks side by side, innermost first
}

// Component is one of the things that a signature is made from.
type Component struct {
	Name   string  `json:"name"`
	A      string  `json:"a"`
	B      string  `json:"b"`
	Same   bool    `json:"same"`
	Levels []Level `json:"levels"` // that it is part of
	Means  string  `json:"means"`  // what the difference, or the sameness, says
}

// FramePair is one row of two aligned stacks; either side may be empty.
type FramePair struct {
	A      string  `json:"a"`
	B      string  `json:"b"`
	Same   bool    `json:"same"`
	Weight float64 `json:"weight"` // its share of the weight of both stacks, from 0 to 1
}

// Compare compares two reports by today's rules, whatever rules signed them. m
// weighs the frames; nil knows only what each function does for others.
func Compare(a, b *Report, m *similar.Model) Comparison {
	if m == nil {
		m = &similar.Model{Prior: Prior}
	}
	sa, sb := sign(a), sign(b)
	c := Comparison{
		Schema: CompareSchemaID, Why: []string{}, Frames: []FramePair{},
		Exact: sa.Exact == sb.Exact, Stack: sa.Stack == sb.Stack, Portable: sa.Portable == sb.Portable, Family: sa.Family == sb.Family,
	}
	switch {
	case c.Exact:
		c.Level, c.Verdict = LevelExact, "the same crash of the same build"
	case c.Stack:
		c.Level, c.Verdict = LevelStack, "the same crash, from another build"
	case c.Portable:
		c.Level, c.Verdict = LevelPortable, "the same defect, reached another way"
	case c.Family:
		c.Level, c.Verdict = LevelFamily, "probably the same defect, seen by another detector"
	default:
		c.Level, c.Verdict = LevelNone, "different defects"
	}
	stA, stB := StackOf(a), StackOf(b)
	match := m.Compare(&stA, &stB)
	c.Score = match.Score
	if c.Level == LevelNone && match.Zone != similar.Different {
		c.Verdict = "different signatures, but stacks so alike that somebody should look"
	}
	for _, p := range match.Pairs {
		c.Frames = append(c.Frames, FramePair{A: p.A, B: p.B, Same: p.Same(), Weight: p.Weight})
		if p.Same() {
			c.Common++
		}
	}
	c.Components = compareComponents(a, b, &c)
	for i := range c.Components {
		if x := &c.Components[i]; !x.Same {
			c.Why = append(c.Why, x.Name+": "+x.Means)
		}
	}
	if len(c.Why) == 0 {
		c.Why = append(c.Why, "every component of the signatures is the same")
	}
	c.Why = append(c.Why, match.Reasons...)
	return c
}

// compareComponents lists what the signatures are made from.
func compareComponents(a, b *Report, c *Comparison) []Component {
	ca, cb := componentsOf(a), componentsOf(b)
	list := []Component{
		{Name: "kind", A: string(a.Kind), B: string(b.Kind), Levels: []Level{LevelExact, LevelStack}},
		{Name: "trap", A: ca.trap, B: cb.trap, Levels: []Level{LevelPortable}},
		{Name: "mechanism", A: ca.mechanism, B: cb.mechanism, Levels: []Level{LevelPortable}},
		{Name: whereName(a, b), A: ca.where, B: cb.where, Levels: []Level{LevelPortable, LevelFamily}},
		{Name: "module", A: ca.module, B: cb.module, Levels: []Level{LevelPortable}},
		{Name: "family", A: ca.family, B: cb.family, Levels: []Level{LevelFamily}},
		{Name: "stack", A: countFrames(stackNames(a)), B: countFrames(stackNames(b)), Levels: []Level{LevelStack}},
		{Name: "build", A: cmp.Or(a.Kernel, "not said"), B: cmp.Or(b.Kernel, "not said"), Levels: []Level{LevelExact}},
	}
	for i := range list {
		x := &list[i]
		switch x.Name {
		case "stack":
			x.Same = c.Stack || slices.Equal(moduleNames(a), moduleNames(b))
		case "build":
			x.Same = c.Exact
		default:
			x.Same = x.A == x.B
		}
		x.Means = meaning(x, a, b, c)
	}
	return list
}

func whereName(a, b *Report) string {
	if a.Guilty == nil && b.Guilty == nil {
		return "headline"
	}
	return "guilty function"
}

func countFrames(names []string) string {
	if len(names) == 1 {
		return "1 frame"
	}
	return fmt.Sprintf("%d frames", len(names))
}

// moduleNames are the functions of a stack with their modules, as the stack
// level has them.
func moduleNames(r *Report) []string {
	var names []string
	for i := range r.Frames {
		if f := &r.Frames[i]; f.blamable() {
			names = append(names, PortableName(f.Function)+"@"+f.Module)
		}
	}
	return names
}

// meaning says what a component that is the same, or differs, tells.
func meaning(x *Component, a, b *Report, c *Comparison) string {
	if x.Same {
		return "the same"
	}
	switch x.Name {
	case "kind":
		text := fmt.Sprintf("%s and %s", a.Kind, b.Kind)
		switch {
		case trap(a) == trap(b):
			return text + " are one kind of event that architectures name differently"
		case a.Kind.Family() == b.Kind.Family():
			return text + ": detectors of the same family, " + a.Kind.Family()
		}
		return text + " have nothing in common"
	case "trap":
		if a.Kind.Family() == b.Kind.Family() {
			return "another detector of the same family, " + a.Kind.Family()
		}
		return "another kind of event"
	case "mechanism":
		return fmt.Sprintf("the check found %s on one side and %s on the other", orNothing(x.A), orNothing(x.B))
	case "guilty function":
		return guiltyMeans(x, a, b)
	case "headline":
		return "the kernel says something else, and no function is blamed"
	case "module":
		if x.A == "" || x.B == "" {
			return "built into one kernel, a module of the other; or two functions of one name"
		}
		return "two modules that have a function of the same name"
	case "family":
		return "no two detectors of one defect"
	case "stack":
		if c.Portable {
			return fmt.Sprintf("the same function reached another way: %d frames in common", c.Common)
		}
		return fmt.Sprintf("%d frames in common", c.Common)
	}
	return "offsets, sizes or build IDs differ: another build, or another place in the function"
}

func orNothing(s string) string { return cmp.Or(s, "nothing") }

// guiltyMeans says how two guilty functions stand to each other.
func guiltyMeans(x *Component, a, b *Report) string {
	if a.Guilty == nil || b.Guilty == nil {
		return "only one report blames a function"
	}
	for _, side := range []struct {
		name, guilty string
		other        *Report
	}{{"A", x.A, b}, {"B", x.B, a}} {
		for i := range side.other.Frames {
			f := &side.other.Frames[i]
			if PortableName(f.Function) != side.guilty {
				continue
			}
			if f.Inline {
				return fmt.Sprintf("%s blames %s, which the other's compiler inlined at that place", side.name, side.guilty)
			}
			return fmt.Sprintf("%s blames %s, which is on the other's stack too: one may call, or have inlined, the other", side.name, side.guilty)
		}
	}
	if strings.HasPrefix(x.A, x.B) || strings.HasPrefix(x.B, x.A) {
		return "other guilty functions, by names that suggest a helper of each other"
	}
	return "other guilty functions"
}
