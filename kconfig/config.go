package kconfig

import (
	"slices"
	"strconv"
	"strings"

	"ringside/kconfig/dotconfig"
)

// userValue is what a .config or a person gave a symbol.
type userValue struct {
	has  bool
	tri  tristate
	text string
}

// state is what is computed of a symbol.
type state struct {
	valid, write               bool
	tri                        tristate
	visible, dir, rev, implied tristate
	needChoice                 bool // old choices: the members are to be set yet
	text                       string
	chosen                     symID // old choices
}

// A Config is one evaluation of a tree: what a user wants and the values that follow.
// It is for one goroutine at a time.
type Config struct {
	// Warnings are lines of the input that could not be used.
	Warnings []string

	t        *Tree
	user     []userValue
	state    []state
	values   []uint8   // of expressions: 1 + value, 0 is unknown
	order    [][]symID // of choices by number: members, most wanted first
	modules  tristate
	answers  []Answer
	userPick []symID // old choices: what the user picked
	unmet    []symID // selected against their dependencies
}

// New gives an evaluation in which the user wants nothing.
func (t *Tree) New() *Config {
	c := &Config{Warnings: []string{}, t: t, user: make([]userValue, len(t.symbols)), state: make([]state, len(t.symbols)), values: make([]uint8, len(t.exprs.list))}
	c.order = make([][]symID, len(t.symbols))
	c.userPick = make([]symID, len(t.symbols))
	c.answers = make([]Answer, len(t.probes))
	for i, q := range t.probes {
		c.answers[i] = Answer{Command: q.command, Value: q.answer, From: FromShell}
		if !q.known {
			c.answers[i].From = Assumed
		}
	}
	return c
}

// Clone gives a copy that can be changed by itself.
func (c *Config) Clone() *Config {
	d := *c
	d.user, d.state, d.values = slices.Clone(c.user), slices.Clone(c.state), slices.Clone(c.values)
	d.userPick, d.answers = slices.Clone(c.userPick), slices.Clone(c.answers)
	d.unmet = slices.Clone(c.unmet)
	d.order = slices.Clone(c.order)
	for i := range d.order {
		d.order[i] = slices.Clone(d.order[i])
	}
	return &d
}

// Tree gives the tree.
func (c *Config) Tree() *Tree { return c.t }

// members gives a choice's members, most wanted first.
func (c *Config) members(choice symID) []symID {
	if c.order[choice] == nil {
		c.order[choice] = slices.Clone(c.t.symbols[choice].members)
	}
	return c.order[choice]
}

// prefer makes a member of a choice the most wanted one.
func (c *Config) prefer(id symID) {
	list := c.members(c.t.symbols[id].choiceOf)
	if i := slices.Index(list, id); i > 0 {
		copy(list[1:i+1], list[:i])
		list[0] = id
	}
}

// read takes the values of a file, as conf reads a .config.
func (c *Config) read(f *dotconfig.File) {
	old := c.t.Dialect.OldChoices
	clear(c.user)
	if old {
		for id := range c.t.symbols {
			if c.t.symbols[id].choice {
				c.user[id].has = true
				c.userPick[id] = 0
			}
		}
	}
	lines := make([]dotconfig.Value, 0, f.Len())
	for v := range f.All() {
		lines = append(lines, v)
	}
	// Of members of a choice, and of a symbol that is set twice, the last one counts.
	slices.SortStableFunc(lines, func(a, b dotconfig.Value) int { return a.Line - b.Line })
	for _, v := range lines {
		id, ok := c.t.names[v.Name]
		if !ok {
			continue
		}
		if !c.take(id, v) {
			c.warn("line %d: symbol value '%s' invalid for %s", v.Line, v.Text, v.Name)
			continue
		}
		choice := c.t.symbols[id].choiceOf
		if choice == 0 || !c.user[id].has {
			continue
		}
		if !old {
			c.prefer(id)
			continue
		}
		u := &c.user[choice]
		switch c.user[id].tri {
		case mod:
			if u.tri == yes {
				u.has = false
			}
		case yes:
			c.userPick[choice] = id
		}
		u.tri = max(u.tri, c.user[id].tri)
	}
	c.invalidate()
}

func (c *Config) warn(format string, args ...any) {
	if len(c.Warnings) < maxDiagnostics {
		c.Warnings = append(c.Warnings, sprintf(format, args...))
	}
}

// take gives a symbol the value of a line; ok is false where the line does not fit it.
func (c *Config) take(id symID, v dotconfig.Value) (ok bool) {
	u := &c.user[id]
	switch kind := c.t.symbols[id].Type; kind {
	case Bool, Tristate:
		switch {
		case v.Quoted || v.Text == "":
			return false
		case v.Text[0] == 'm' && kind == Tristate:
			*u = userValue{has: true, tri: mod}
		case v.Text[0] == 'y':
			*u = userValue{has: true, tri: yes}
		case v.Text[0] == 'n':
			*u = userValue{has: true, tri: no}
		default:
			return false
		}
	case String:
		if v.Quoted {
			*u = userValue{has: true, text: v.Text}
		} else if v.Unset {
			return true
		}
	case Int, Hex:
		if v.Quoted || !validText(kind, v.Text) {
			return false
		}
		*u = userValue{has: true, text: v.Text}
	}
	return true
}

// invalidate forgets what was computed.
func (c *Config) invalidate() {
	for i := range c.state {
		c.state[i].valid, c.state[i].visible = false, no
	}
	c.forget()
}

// forget drops what was derived of symbols.
func (c *Config) forget() {
	clear(c.values)
	c.unmet = c.unmet[:0]
}

// recompute computes anew, as conf does after changes: how visible members of choices
// are is known from before.
func (c *Config) recompute() {
	for i := range c.state {
		c.state[i].valid = false
	}
	c.forget()
	c.calc(c.t.modules)
}

// all computes every symbol.
func (c *Config) all() {
	c.calc(c.t.modules)
	for id := range c.state {
		c.calc(symID(id))
	}
}

// Value gives a symbol's value as a .config has it, without quotes: y, m or n for bools
// and tristates.
func (c *Config) Value(name string) string {
	id, ok := c.t.names[name]
	if !ok {
		return ""
	}
	return c.text(id)
}

// text gives a value as conf does.
func (c *Config) text(id symID) string {
	c.calc(id)
	switch c.t.symbols[id].Type {
	case Bool, Tristate:
		return c.state[id].tri.String()
	}
	return c.state[id].text
}

// Tristate gives the value of a bool or tristate.
func (c *Config) Tristate(name string) dotconfig.Tristate {
	id, ok := c.t.names[name]
	if !ok {
		return no
	}
	c.calc(id)
	return c.state[id].tri
}

// Written says that the .config has a line for the symbol.
func (c *Config) Written(name string) bool {
	id, ok := c.t.names[name]
	if !ok || c.t.symbols[id].Type == Unknown {
		return false
	}
	c.calc(id)
	return c.state[id].write
}

// name gives the text of a name in which answers may be marked.
func (c *Config) name(id symID) string {
	s := &c.t.symbols[id]
	if !s.probe {
		return s.Name
	}
	return fill(s.Name, func(i int) string {
		if i < len(c.answers) {
			return c.answers[i].Value
		}
		return ""
	})
}

// number reads a value as strtoll does: as much of it as is a number.
func number(s string, base int) int64 {
	neg := false
	switch {
	case strings.HasPrefix(s, "-"):
		neg, s = true, s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	if (base == 16 || base == 0) && len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		base, s = 16, s[2:]
	}
	if base == 0 {
		base = 10
		if len(s) > 1 && s[0] == '0' {
			base = 8
		}
	}
	end := 0
	for end < len(s) && digit(s[end]) < base {
		end++
	}
	u, err := strconv.ParseUint(s[:end], base, 64)
	if end == 0 {
		return 0
	}
	switch {
	case err != nil || u > 1<<63-1 && !neg:
		if neg {
			return -1 << 63
		}
		return 1<<63 - 1
	case neg:
		return -int64(u)
	}
	return int64(u)
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 99
}
