package kconfig

import (
	"fmt"
	"slices"

	"ringside/kconfig/dotconfig"
)

// A Setting is a value that a user gives a symbol: y, m, n, a number or a text.
type Setting struct {
	Symbol string `json:"symbol"`
	Value  string `json:"value"`
}

// String gives SYMBOL=value.
func (s Setting) String() string { return s.Symbol + "=" + s.Value }

// A Change is a symbol whose value is another than before. A value is dotconfig.Absent
// where the .config has no line for the symbol.
type Change struct {
	Symbol string `json:"symbol"`
	Old    string `json:"old"`
	New    string `json:"new"`
	// Set says that the user asked for it; the other changes follow.
	Set bool `json:"set,omitempty"`
}

// Set gives symbols the values that a user wants, as the last lines of a .config would,
// and computes the configuration anew. Whether a value holds is another matter: ask
// Value, and Why.
func (c *Config) Set(settings ...Setting) error {
	for _, s := range settings {
		if err := c.want(s); err != nil {
			return err
		}
	}
	c.invalidate()
	c.all()
	return nil
}

// want records one setting.
func (c *Config) want(s Setting) error {
	id, ok := c.t.names[s.Symbol]
	if !ok || c.t.symbols[id].Type == Unknown {
		return fmt.Errorf("%s: no file of the tree defines it", s.Symbol)
	}
	sym := &c.t.symbols[id]
	v := dotconfig.Value{Name: s.Symbol, Text: s.Value, Quoted: sym.Type == String}
	if !c.take(id, v) || sym.Type == Bool && s.Value == "m" {
		return fmt.Errorf("%s is a %s: it cannot be %q", s.Symbol, sym.Type, s.Value)
	}
	choice := sym.choiceOf
	if choice == 0 {
		return nil
	}
	if c.user[id].tri == yes {
		// The user has picked one: the others are not.
		for _, m := range sym.choiceMembers(c.t) {
			if m != id {
				c.user[m] = userValue{has: true, tri: no}
			}
		}
	}
	if c.t.Dialect.OldChoices {
		u := &c.user[choice]
		u.has = true
		if c.user[id].tri == yes {
			c.userPick[choice], u.tri = id, yes
		}
		return nil
	}
	c.prefer(id)
	return nil
}

func (s *symbol) choiceMembers(t *Tree) []symID { return t.symbols[s.choiceOf].members }

// lineOf gives a symbol's value as Changes have it.
func (c *Config) lineOf(id symID) string {
	c.calc(id)
	if !c.state[id].write {
		return dotconfig.Absent
	}
	text := c.text(id)
	if c.t.symbols[id].Type == String {
		return dotconfig.Quote(text)
	}
	return text
}

// Changes gives the symbols that have other values than in another evaluation of the
// same tree, in the order of the files.
func (c *Config) Changes(before *Config) []Change {
	list := []Change{}
	for s := range c.t.Symbols() {
		if before.state[s.id].valid && c.state[s.id].valid && before.state[s.id] == c.state[s.id] {
			continue
		}
		if old, now := before.lineOf(s.id), c.lineOf(s.id); old != now {
			list = append(list, Change{Symbol: s.Name(), Old: old, New: now})
		}
	}
	return list
}

// WhatIf gives all that would change if a user changed symbols. The configuration stays
// as it is. A setting that is not among the changes with its value does not hold: the
// symbol is selected, or cannot be set.
func (c *Config) WhatIf(settings ...Setting) ([]Change, error) {
	d := c.Clone()
	if err := d.Set(settings...); err != nil {
		return nil, err
	}
	list := d.Changes(c)
	for i := range list {
		list[i].Set = slices.ContainsFunc(settings, func(s Setting) bool { return s.Symbol == list[i].Symbol })
	}
	return list, nil
}

// Holds says that a symbol has the value that a setting asks for.
func (c *Config) Holds(s Setting) bool {
	id, ok := c.t.names[s.Symbol]
	if !ok {
		return s.Value == "n"
	}
	return c.text(id) == s.Value
}

// Settable gives the values that a user can give a bool or tristate now, least first;
// none where the symbol is selected, cannot be seen, or is of another type.
func (c *Config) Settable(name string) []string {
	id, ok := c.t.names[name]
	if !ok {
		return nil
	}
	return c.settable(id)
}

func (c *Config) settable(id symID) []string {
	c.calc(id)
	st := &c.state[id]
	kind := c.effective(id)
	if st.visible == no || kind != Bool && kind != Tristate || st.visible <= st.rev {
		return nil
	}
	var list []string
	for v := max(st.rev, no); v <= st.visible; v++ {
		if v != mod || kind == Tristate {
			list = append(list, v.String())
		}
	}
	return list
}
