package kconfig

import (
	"bufio"
	"io"

	"ringside/kconfig/dotconfig"
)

// prefix is what the names of symbols have in a .config.
const prefix = "CONFIG_"

// Write writes the .config, byte for byte as conf does.
func (c *Config) Write(w io.Writer) error {
	b := bufio.NewWriterSize(w, 64<<10)
	t := c.t
	_, _ = b.WriteString("#\n# Automatically generated file; DO NOT EDIT.\n# " + c.fillText(t.Title()) + "\n#\n")
	written := make([]bool, len(t.symbols))
	gap := false
	m := t.entries[0].list
	for m != 0 {
		e := &t.entries[m]
		switch {
		case e.sym == 0:
			if c.shown(m) {
				_, _ = b.WriteString("\n#\n# " + c.fillText(t.props[e.prompt].text) + "\n#\n")
				gap = false
			}
		case !t.symbols[e.sym].choice && !written[e.sym]:
			c.calc(e.sym)
			if !c.state[e.sym].write {
				break
			}
			if gap {
				_ = b.WriteByte('\n')
				gap = false
			}
			written[e.sym] = true
			c.line(b, e.sym, true)
		}
		if e.list != 0 {
			m = e.list
			continue
		}
		for {
			e := &t.entries[m]
			if e.sym == 0 && m != 0 && c.shown(m) && t.props[e.prompt].kind == propMenu {
				_, _ = b.WriteString("# end of " + c.fillText(t.props[e.prompt].text) + "\n")
				gap = true
			}
			if e.next != 0 {
				m = e.next
				break
			}
			if m = e.parent; m == 0 {
				break
			}
		}
	}
	return b.Flush()
}

// fillText puts answers into a text that may have marks.
func (c *Config) fillText(s string) string {
	if !hasProbe(s) {
		return s
	}
	return fill(s, func(i int) string { return c.answers[i].Value })
}

// shown says that a menu or comment can be seen.
func (c *Config) shown(m int32) bool {
	e := &c.t.entries[m]
	if e.prompt == 0 || c.eval(e.visibility) == no {
		return false
	}
	if e.sym != 0 {
		c.calc(e.sym)
		if c.promptVisible(e.prompt, e.sym) != no {
			return true
		}
		if c.state[e.sym].tri == no {
			return false
		}
	} else {
		return c.eval(c.t.props[e.prompt].cond) != no
	}
	for n := e.list; n != 0; n = c.t.entries[n].next {
		if c.shown(n) {
			return true
		}
	}
	return false
}

// line writes a symbol's line; unset says that n is "is not set".
func (c *Config) line(b *bufio.Writer, id symID, unset bool) {
	s := &c.t.symbols[id]
	if s.Type == Unknown {
		return
	}
	text := c.text(id)
	switch {
	case (s.Type == Bool || s.Type == Tristate) && text == "n" && unset:
		_, _ = b.WriteString("# " + prefix + s.Name + " is not set\n")
		return
	case s.Type == String:
		text = dotconfig.Quote(text)
	}
	_, _ = b.WriteString(prefix)
	_, _ = b.WriteString(s.Name)
	_ = b.WriteByte('=')
	_, _ = b.WriteString(text)
	_ = b.WriteByte('\n')
}

// File gives the configuration as the other rooms read it.
func (c *Config) File() *dotconfig.File {
	f := dotconfig.New()
	for s := range c.t.Symbols() {
		c.calc(s.id)
		if !c.state[s.id].write {
			continue
		}
		if s.Type() == String {
			f.SetString(s.Name(), c.text(s.id))
		} else {
			f.Set(s.Name(), c.text(s.id))
		}
	}
	return f
}

// changeable says that the user can change a symbol.
func (c *Config) changeable(id symID) bool {
	return (!c.t.symbols[id].choice || c.t.Dialect.OldChoices) && c.state[id].visible > c.state[id].rev
}

// WriteDefconfig writes the smallest file from which defconfig makes this configuration,
// as savedefconfig does. It computes the configuration anew.
func (c *Config) WriteDefconfig(w io.Writer) error {
	b := bufio.NewWriterSize(w, 64<<10)
	t := c.t
	c.recompute()
	for m := int32(0); ; {
		if id := t.entries[m].sym; id != 0 && !t.symbols[id].choice {
			c.calc(id)
			if c.state[id].write {
				c.state[id].write = false
				if c.changeable(id) && c.text(id) != c.defaultOf(id) && !c.isChoiceDefault(id) {
					c.line(b, id, true)
				}
			}
		}
		if m = t.after(m, 0); m == 0 {
			break
		}
	}
	c.recompute()
	c.all()
	return b.Flush()
}

// isChoiceDefault says that a symbol is what its choice has without the user.
func (c *Config) isChoiceDefault(id symID) bool {
	s := &c.t.symbols[id]
	if s.choiceOf == 0 || c.choiceDefault(s.choiceOf) != id || c.state[id].tri != yes {
		return false
	}
	return !c.t.Dialect.OldChoices || s.Type == Bool && !c.t.symbols[s.choiceOf].optional
}

// defaultOf gives the value that a symbol has where the user does not set it, as far as
// savedefconfig knows.
func (c *Config) defaultOf(id symID) string {
	s, st := &c.t.symbols[id], &c.state[id]
	c.visibility(id)
	c.calc(c.t.modules)
	v, text := no, ""
	if p, cond := c.firstOf(id, propDefault); p != 0 {
		q := &c.t.props[p]
		if s.Type == Bool || s.Type == Tristate {
			v = min(c.eval(q.expr), cond)
		} else if from, ok := c.t.exprs.isSymbol(q.expr); ok {
			text = c.defaultText(id, from)
		}
	}
	v = max(v, st.rev)
	if v == mod && (s.Type == Bool || s.choiceOf == 0 && c.state[c.t.modules].tri == no) {
		v = yes
	}
	v = max(v, st.implied)
	switch s.Type {
	case Bool, Tristate:
		return v.String()
	case Int, Hex:
		if text == "" && !c.t.Dialect.EmptyNumbers {
			text = zero[s.Type]
		}
	}
	return text
}

// WriteNew writes the symbols that can be set and have no value in the .config yet, as
// listnewconfig does.
func (c *Config) WriteNew(w io.Writer) error {
	b := bufio.NewWriter(w)
	c.listNew(b, 0)
	return b.Flush()
}

func (c *Config) listNew(b *bufio.Writer, m int32) {
	if !c.shown(m) {
		return
	}
	e := &c.t.entries[m]
	if e.sym != 0 && !c.t.symbols[e.sym].choice && !c.user[e.sym].has && c.changeable(e.sym) {
		c.line(b, e.sym, false)
	}
	for n := e.list; n != 0; n = c.t.entries[n].next {
		c.listNew(b, n)
	}
}
