package kconfig

// newSymbol adds a symbol.
func (t *Tree) newSymbol(s symbol) symID {
	t.symbols = append(t.symbols, s)
	return symID(len(t.symbols) - 1)
}

// word gives the symbol of a name written without quotes.
func (t *Tree) word(name string) symID {
	if len(name) == 1 {
		switch name[0] {
		case 'n':
			return symNo
		case 'm':
			return symModule
		case 'y':
			return symYes
		}
	}
	if id, ok := t.names[name]; ok {
		return id
	}
	id := t.newSymbol(symbol{Name: name, probe: hasProbe(name)})
	t.names[name] = id
	return id
}

// quotedWord gives the constant of a name written in quotes.
func (t *Tree) quotedWord(name string) symID {
	if len(name) == 1 && (name == "n" || name == "m" || name == "y") {
		return t.word(name)
	}
	if id, ok := t.quoted[name]; ok {
		return id
	}
	id := t.newSymbol(symbol{Name: name, constant: true, probe: hasProbe(name)})
	t.quoted[name] = id
	return id
}

// addEntry adds a node to the menus, for now without its neighbours.
func (t *Tree) addEntry(kind entryKind, file int32, line int, sym symID, parent int32) int32 {
	t.entries = append(t.entries, entry{kind: kind, file: file, line: int32(line), sym: sym, parent: parent})
	id := int32(len(t.entries) - 1)
	if sym != 0 {
		s := &t.symbols[sym]
		if s.lastMenu == 0 {
			s.firstMenu = id
		} else {
			t.entries[s.lastMenu].sameSym = id
		}
		s.lastMenu = id
	}
	return id
}

// addProp adds a property to an entry and its symbol.
func (t *Tree) addProp(p prop) int32 {
	t.props = append(t.props, p)
	id := int32(len(t.props) - 1)
	if sym := t.entries[p.menu].sym; sym != 0 {
		s := &t.symbols[sym]
		if s.lastProp == 0 {
			s.firstProp = id
		} else {
			t.props[s.lastProp].next = id
		}
		s.lastProp = id
	}
	return id
}

// setType gives an entry's symbol its type; the first one holds.
func (t *Tree) setType(m int32, kind Type) {
	e := &t.entries[m]
	s := &t.symbols[e.sym]
	switch s.Type {
	case Unknown:
		s.Type = kind
	case kind:
	default:
		name := s.Name
		if s.choice {
			name = "<choice>"
		}
		t.report(e.file, int(e.line), Warning, "ignoring type redefinition of '%s' from '%s' to '%s'", name, s.Type.conf(), kind.conf())
	}
}

// conf gives the type as conf's messages have it.
func (t Type) conf() string {
	if t == Int {
		return "integer"
	}
	return t.String()
}
