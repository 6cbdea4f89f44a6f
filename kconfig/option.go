package kconfig

import "strings"

// prompt reads what may follow a prompt's text and adds it to an entry.
func (p *parser) prompt(l *lexer, m int32, kind propKind, text token, cond exprID) int32 {
	s := text.text
	if trimmed := strings.TrimLeft(s, " \t\n\v\f\r"); trimmed != s {
		p.t.report(l.file, text.line, Warning, "leading whitespace ignored")
		s = trimmed
	}
	if p.t.entries[m].prompt != 0 {
		p.t.report(l.file, text.line, Warning, "prompt redefined")
	}
	own := cond
	if kind == propPrompt {
		for up := p.t.entries[m].parent; m != 0; up = p.t.entries[up].parent {
			if v := p.t.entries[up].visibility; v != 0 {
				cond = p.t.exprs.and(cond, v)
			}
			if up == 0 {
				break
			}
		}
	}
	id := p.t.addProp(prop{kind: kind, file: l.file, line: int32(text.line), menu: m, text: s, cond: cond, own: own})
	p.t.entries[m].prompt = id
	return id
}

// config reads a config or menuconfig.
func (p *parser) config(l *lexer, tok token) {
	name := l.next()
	if name.kind != tokWord {
		p.syntax(l, tok.line, "invalid statement")
		return
	}
	p.endOfLine(l)
	kind := entryConfig
	if tok.text == "menuconfig" {
		kind = entryMenuconfig
	}
	m := p.add(kind, l, tok.line, p.t.word(name.text))
	p.options(l, m)
	e := &p.t.entries[m]
	if kind == entryMenuconfig {
		if e.prompt == 0 {
			p.t.report(l.file, tok.line, Note, "warning: menuconfig statement without prompt")
		} else {
			p.t.props[e.prompt].kind = propMenu
		}
	}
	if p.inChoice != 0 && !p.t.Dialect.OldChoices {
		if e.prompt == 0 {
			p.t.report(l.file, tok.line, Error, "error: choice member must have a prompt")
		}
		if p.t.symbols[e.sym].Type != Bool {
			p.t.report(l.file, tok.line, Error, "error: choice member must be bool")
		}
	}
}

func (p *parser) choice(l *lexer, tok token) {
	old := p.t.Dialect.OldChoices
	next := l.next()
	name := ""
	if next.kind == tokWord && old {
		name = next.text
		next = l.next()
	}
	if next.kind != tokEOL {
		p.syntax(l, tok.line, "syntax error at '%.40s'", next.text)
	}
	sym := p.choiceSymbol(name)
	m := p.add(entryChoice, l, tok.line, sym)
	if !old {
		p.t.setType(m, Bool)
	}
	p.options(l, m)
	if p.t.entries[m].prompt == 0 && !old {
		p.t.report(l.file, tok.line, Error, "error: choice must have a prompt")
	}
	p.within(l, m, entryChoice)
}

func (p *parser) choiceSymbol(name string) symID {
	key := "choice " + name
	if id, ok := p.t.names[key]; ok && name != "" {
		return id
	}
	id := p.t.newSymbol(symbol{choice: true})
	if name != "" {
		p.t.names[key] = id
	}
	return id
}

func (p *parser) menu(l *lexer, tok token) {
	text := l.next()
	if text.kind != tokQuoted {
		p.syntax(l, tok.line, "invalid statement")
		return
	}
	p.endOfLine(l)
	m := p.add(entryMenu, l, tok.line, 0)
	p.prompt(l, m, propMenu, text, 0)
	p.options(l, m)
	p.within(l, m, entryMenu)
}

func (p *parser) comment(l *lexer, tok token) {
	text := l.next()
	if text.kind != tokQuoted {
		p.syntax(l, tok.line, "invalid statement")
		return
	}
	p.endOfLine(l)
	m := p.add(entryComment, l, tok.line, 0)
	p.prompt(l, m, propComment, text, 0)
	p.options(l, m)
}

func (p *parser) conditional(l *lexer, tok token) {
	e, ok := p.expression(l)
	if !ok {
		e = p.t.exprs.symbol(symNo)
	}
	m := p.add(entryIf, l, tok.line, 0)
	p.depend(m, e)
	p.within(l, m, entryIf)
}

func (p *parser) depend(m int32, e exprID) {
	n := &p.t.entries[m]
	n.dep = p.t.exprs.and(n.dep, e)
	n.own = n.dep
}

// options reads the lines that belong to an entry, up to the next statement.
func (p *parser) options(l *lexer, m int32) {
	for {
		pos, line, last := l.pos, l.line, l.last
		tok := l.next()
		switch tok.kind {
		case tokEOF:
			return
		case tokEOL:
			continue
		}
		if p.option(l, m, tok) {
			continue
		}
		l.pos, l.line, l.last = pos, line, last
		return
	}
}

// option reads one of them; ok is false for what is none.
func (p *parser) option(l *lexer, m int32, tok token) (ok bool) {
	kind := p.t.entries[m].kind
	symbolic := kind == entryConfig || kind == entryMenuconfig
	if tok.kind == tokWord {
		return p.wordOption(l, m, tok, symbolic)
	}
	if tok.kind != tokKeyword {
		return false
	}
	switch tok.text {
	case "depends":
		p.dependsOn(l, m, tok)
		return true
	case "help":
		if kind == entryMenu || kind == entryComment {
			return false
		}
		p.endOfLine(l)
		p.t.entries[m].help = l.help()
		p.helpChecks(l, m, tok.line)
		return true
	case "visible":
		if kind != entryMenu {
			return false
		}
		if e, ok := p.ifExpression(l); ok && e != 0 {
			n := &p.t.entries[m]
			n.visibility = p.t.exprs.and(n.visibility, e)
		}
		return true
	case "prompt":
		if !symbolic && kind != entryChoice {
			return false
		}
		p.promptOption(l, m, tok)
		return true
	case "bool", "tristate", "int", "hex", "string":
		return p.typeOption(l, m, tok, symbolic)
	case "default", "def_bool", "def_tristate", "select", "imply", "range", "modules":
		if symbolic || kind == entryChoice && tok.text == "default" {
			p.symbolOption(l, m, tok)
			return true
		}
	}
	return false
}

// wordOption reads options that are keywords in some dialects only.
func (p *parser) wordOption(l *lexer, m int32, tok token, symbolic bool) bool {
	kind := p.t.entries[m].kind
	switch {
	case tok.text == "transitional" && symbolic:
		p.endOfLine(l)
		p.t.symbols[p.t.entries[m].sym].transitional = true
		return true
	case tok.text == "optional" && kind == entryChoice:
		p.endOfLine(l)
		if p.t.Dialect.OldChoices {
			p.t.symbols[p.t.entries[m].sym].optional = true
		} else {
			p.t.report(l.file, tok.line, Error, "optional choices are no longer part of the language")
		}
		return true
	case tok.text == "option" && symbolic:
		p.oldOption(l, m, tok)
		return true
	}
	return false
}

// oldOption reads "option …", which trees before 5.13 have.
func (p *parser) oldOption(l *lexer, m int32, tok token) {
	what := l.next()
	switch {
	case what.is(tokWord, "modules"), what.is(tokKeyword, "modules"):
		p.endOfLine(l)
		p.setModules(l, m, tok.line)
		return
	case what.kind == tokWord && (what.text == "allnoconfig_y" || what.text == "defconfig_list"):
		p.skipLine(l)
		p.t.report(l.file, tok.line, Warning, "option %s of old trees was ignored", what.text)
		return
	case what.kind == tokWord && what.text == "env":
		if l.next().is(tokOp, "=") {
			if name := l.next(); name.kind == tokQuoted {
				p.endOfLine(l)
				value := p.env[name.text]
				p.t.addProp(prop{kind: propDefault, file: l.file, line: int32(tok.line), menu: m, expr: p.t.exprs.symbol(p.t.quotedWord(value))})
				p.t.report(l.file, tok.line, Warning, "option env=\"%.40s\" of old trees: write default \"$(%.40s)\"", name.text, name.text)
				return
			}
		}
	}
	p.syntax(l, tok.line, "unknown option '%.40s'", what.text)
}
