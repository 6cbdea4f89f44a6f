package kconfig

import (
	"fmt"

	"ringside/kconfig/dotconfig"
)

// A Mode is a way to make a configuration, named as conf's option.
type Mode string

// The modes.
const (
	OldDefConfig  Mode = "olddefconfig"
	DefConfig     Mode = "defconfig"
	AllYesConfig  Mode = "allyesconfig"
	AllNoConfig   Mode = "allnoconfig"
	AllModConfig  Mode = "allmodconfig"
	AllDefConfig  Mode = "alldefconfig"
	SaveDefConfig Mode = "savedefconfig"
	ListNewConfig Mode = "listnewconfig"
	Yes2ModConfig Mode = "yes2modconfig"
	Mod2YesConfig Mode = "mod2yesconfig"
	Mod2NoConfig  Mode = "mod2noconfig"
)

// Modes are all modes, in the order in which help lists them.
func Modes() []Mode {
	return []Mode{OldDefConfig, DefConfig, AllYesConfig, AllNoConfig, AllModConfig, AllDefConfig, SaveDefConfig, ListNewConfig, Yes2ModConfig, Mod2YesConfig, Mod2NoConfig}
}

// Run makes a configuration as conf does in a mode. f is the .config, the defconfig file,
// or for the all… modes what KCONFIG_ALLCONFIG would name; it may be nil for those.
func (t *Tree) Run(mode Mode, f *dotconfig.File) (*Config, error) {
	c := t.New()
	if f != nil {
		c.infer(f)
	}
	set, all := map[Mode]tristate{AllYesConfig: yes, AllNoConfig: no, AllModConfig: mod}[mode]
	switch mode {
	case AllYesConfig, AllNoConfig, AllModConfig, AllDefConfig:
		if f != nil {
			c.read(f)
		}
		c.setNew(all, set)
	case DefConfig, OldDefConfig, SaveDefConfig, ListNewConfig, Yes2ModConfig, Mod2YesConfig, Mod2NoConfig:
		if f != nil {
			c.read(f)
			c.all()
			c.dropOutOfRange()
		}
		switch mode {
		case DefConfig:
			c.setNew(false, no)
		case Yes2ModConfig:
			c.rewrite(yes, mod)
		case Mod2YesConfig:
			c.rewrite(mod, yes)
		case Mod2NoConfig:
			c.rewrite(mod, no)
		}
	default:
		return nil, fmt.Errorf("%q is no mode; use one of %v", mode, Modes())
	}
	c.all()
	return c, nil
}

// Eval gives what olddefconfig makes of a .config.
func (t *Tree) Eval(f *dotconfig.File) (*Config, error) { return t.Run(OldDefConfig, f) }

// rewrite changes all tristates of one value that the user set to another.
func (c *Config) rewrite(from, to tristate) {
	for id := range c.user {
		if c.effective(symID(id)) == Tristate && c.user[id].tri == from {
			c.user[id].tri = to
		}
	}
	c.recompute()
}

// dropOutOfRange forgets numbers that are not in their range, where the dialect does.
func (c *Config) dropOutOfRange() {
	if !c.t.Dialect.DropOutOfRange {
		return
	}
	var drop []symID
	for id := range c.user {
		kind := c.t.symbols[id].Type
		if !c.user[id].has || kind != Int && kind != Hex || c.t.symbols[id].choiceOf != 0 {
			continue
		}
		low, high, ok := c.bounds(symID(id))
		if !ok {
			continue
		}
		v := number(c.user[id].text, kind.base())
		if v < c.boundValue(low, kind.base()) || v > c.boundValue(high, kind.base()) {
			drop = append(drop, symID(id))
		}
	}
	for _, id := range drop {
		c.user[id].has = false
		c.state[id].valid = false
	}
	// What depends on them keeps its value, as in conf.
	if len(drop) > 0 {
		clear(c.values)
	}
}

// setNew gives symbols that the user has not set the value that a mode gives to all.
func (c *Config) setNew(all bool, v tristate) {
	if c.t.Dialect.OldChoices {
		c.setNewOld(all, v)
		return
	}
	if all {
		for m := int32(0); ; {
			e := &c.t.entries[m]
			s := &c.t.symbols[e.sym]
			if e.sym != 0 && e.prompt != 0 && !c.user[e.sym].has && (s.Type == Bool || s.Type == Tristate) && s.choiceOf == 0 && !s.choice {
				c.user[e.sym] = userValue{has: true, tri: v}
			}
			if m = c.t.after(m, 0); m == 0 {
				break
			}
		}
	}
	c.recompute()
}

// setNewOld is setNew by the rules before 6.11, where promptless symbols and choices are
// set too and choices are then computed one by one.
func (c *Config) setNewOld(all bool, v tristate) {
	t := c.t
	if all {
		for id := range c.user {
			kind := t.symbols[id].Type
			if id >= int(symFirst) && !c.user[id].has && !c.state[id].valid && (kind == Bool || kind == Tristate) {
				c.user[id].has, c.user[id].tri = true, v
			}
		}
	}
	c.recompute()
	for id := range t.symbols {
		s := &t.symbols[id]
		if s.choice && !c.user[id].has || s.choiceOf != 0 {
			c.state[id].needChoice = true
		}
	}
	for id := range t.symbols {
		if t.symbols[id].choice && !c.user[id].has {
			c.calc(symID(id))
			c.setMembers(symID(id))
		}
	}
	clear(c.values)
}
