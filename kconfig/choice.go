package kconfig

import "slices"

// choiceDefault gives the member that a choice has where the user does not say: its
// first default that can be seen, else its first member that can.
func (c *Config) choiceDefault(choice symID) symID {
	t := c.t
	s := &t.symbols[choice]
	for p := s.firstProp; p != 0; p = t.props[p].next {
		q := &t.props[p]
		if q.kind != propDefault || c.eval(q.cond) == no {
			continue
		}
		if id, ok := t.exprs.isSymbol(q.expr); ok && c.state[id].visible != no {
			return id
		}
	}
	for _, id := range s.members {
		if c.state[id].visible != no {
			return id
		}
	}
	return 0
}

// choose computes a choice and all its members, by the rules of 6.11 and later.
func (c *Config) choose(choice symID) symID {
	picked := c.pick(choice)
	for _, id := range c.t.symbols[choice].members {
		st := &c.state[id]
		if st.visible == no {
			continue
		}
		st.tri = no
		if id == picked {
			st.tri = yes
		}
		st.valid, st.write = true, true
	}
	return picked
}

func (c *Config) pick(choice symID) symID {
	ranked := c.members(choice)
	for _, id := range ranked {
		c.visibility(id)
		if u := c.user[id]; c.state[id].visible != no && u.has && u.tri == yes {
			return id
		}
	}
	if id := c.choiceDefault(choice); id != 0 && (!c.user[id].has || c.user[id].tri != no) {
		return id
	}
	for _, id := range c.t.symbols[choice].members {
		if c.state[id].visible != no && !c.user[id].has {
			return id
		}
	}
	for _, id := range slices.Backward(ranked) {
		if c.state[id].visible != no {
			return id
		}
	}
	return 0
}

// oldChoice computes which member an old choice has, once its own value is known.
func (c *Config) oldChoice(choice symID) {
	st := &c.state[choice]
	if st.tri != yes {
		st.chosen = 0
		return
	}
	allSet := true
	for _, id := range c.t.symbols[choice].members {
		c.visibility(id)
		if c.state[id].visible != no && !c.user[id].has {
			allSet = false
		}
	}
	if !allSet {
		c.user[choice].has = false
	}
	if id := c.userPick[choice]; id != 0 && c.state[id].visible != no {
		st.chosen = id
		return
	}
	st.chosen = c.choiceDefault(choice)
	if st.chosen == 0 {
		st.tri = no
	}
}

// afterChoice marks the members of an old choice as written.
func (c *Config) afterChoice(choice symID) {
	if !c.t.Dialect.OldChoices || !c.state[choice].write {
		return
	}
	for _, id := range c.t.symbols[choice].members {
		if c.state[id].visible != no {
			c.state[id].write = true
		}
	}
}

// setMembers makes the members of an old choice that the user did not set n.
func (c *Config) setMembers(choice symID) {
	for _, id := range c.t.symbols[choice].members {
		if !c.user[id].has {
			c.user[id].tri = no
		}
	}
	c.user[choice].has = true
	c.state[choice].valid, c.state[choice].needChoice = false, false
}
