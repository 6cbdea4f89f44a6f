package kconfig

// expression reads one; ok is false, and the line skipped, where it is none.
func (p *parser) expression(l *lexer) (e exprID, ok bool) {
	p.terms = 0
	e, ok = p.disjunction(l, l.next())
	if !ok {
		return 0, false
	}
	if l.last.kind != tokEOL && l.last.kind != tokEOF && !l.last.is(tokKeyword, "if") {
		p.syntax(l, l.last.line, "syntax error at '%.40s'", l.last.text)
		return 0, false
	}
	return e, true
}

// The readers of operands take the first token and leave the one after theirs in l.last.

func (p *parser) disjunction(l *lexer, tok token) (exprID, bool) {
	e, ok := p.conjunction(l, tok)
	for ok && l.last.is(tokOp, "||") {
		var r exprID
		if r, ok = p.conjunction(l, l.next()); ok {
			e = p.t.exprs.or(e, r)
		}
	}
	return e, ok
}

func (p *parser) conjunction(l *lexer, tok token) (exprID, bool) {
	e, ok := p.operand(l, tok)
	for ok && l.last.is(tokOp, "&&") {
		var r exprID
		if r, ok = p.operand(l, l.next()); ok {
			e = p.t.exprs.and(e, r)
		}
	}
	return e, ok
}

func (p *parser) operand(l *lexer, tok token) (exprID, bool) {
	if p.terms++; p.terms > maxTerms {
		p.syntax(l, tok.line, "more than %d operands in an expression", maxTerms)
		return 0, false
	}
	x := &p.t.exprs
	switch {
	case tok.is(tokOp, "("):
		e, ok := p.disjunction(l, l.next())
		if !ok {
			return 0, false
		}
		if !l.last.is(tokOp, ")") {
			p.syntax(l, tok.line, "missing )")
			return 0, false
		}
		l.next()
		return e, true
	case tok.is(tokOp, "!"):
		e, ok := p.operand(l, l.next())
		if !ok {
			return 0, false
		}
		return x.not(e), true
	}
	s, ok := p.symbolToken(tok)
	if !ok {
		p.syntax(l, tok.line, "syntax error at '%.40s'", tok.text)
		return 0, false
	}
	op := l.next()
	if op.kind == tokOp {
		for o := opEqual; int(o) < len(opText); o++ {
			if opText[o] != op.text {
				continue
			}
			tok := l.next()
			r, ok := p.symbolToken(tok)
			if !ok {
				p.syntax(l, tok.line, "syntax error at '%.40s'", tok.text)
				return 0, false
			}
			l.next()
			return x.compare(o, s, r), true
		}
	}
	return x.symbol(s), true
}

func (p *parser) symbolToken(tok token) (symID, bool) {
	switch tok.kind {
	case tokWord:
		return p.t.word(tok.text), true
	case tokQuoted:
		return p.t.quotedWord(tok.text), true
	}
	return 0, false
}

// ifExpression reads "if …" or the end of the line.
func (p *parser) ifExpression(l *lexer) (e exprID, ok bool) {
	if l.last.kind != tokKeyword || l.last.text != "if" {
		l.next()
	}
	return p.ifAfter(l)
}

// ifAfter does so where the token is read already.
func (p *parser) ifAfter(l *lexer) (e exprID, ok bool) {
	switch {
	case l.last.kind == tokEOL || l.last.kind == tokEOF:
		return 0, true
	case l.last.is(tokKeyword, "if"):
		e, ok := p.expression(l)
		if ok && l.last.is(tokKeyword, "if") {
			p.syntax(l, l.last.line, "syntax error at 'if'")
			return 0, false
		}
		return e, ok
	}
	p.syntax(l, l.last.line, "syntax error at '%.40s'", l.last.text)
	return 0, false
}

// dependsOn reads "depends on A", and "depends on A if B": A unless B is n.
func (p *parser) dependsOn(l *lexer, m int32, tok token) {
	if on := l.next(); !on.is(tokKeyword, "on") {
		p.syntax(l, tok.line, "invalid statement")
		return
	}
	e, ok := p.expression(l)
	if !ok {
		return
	}
	cond, ok := p.ifAfter(l)
	if !ok {
		return
	}
	if cond != 0 {
		e = p.t.exprs.or(e, p.t.compared(cond, opEqual, symNo))
	}
	p.depend(m, e)
}

func (p *parser) promptOption(l *lexer, m int32, tok token) {
	text := l.next()
	if text.kind != tokQuoted {
		p.syntax(l, tok.line, "invalid statement")
		return
	}
	l.next()
	if cond, ok := p.ifAfter(l); ok {
		text.line = tok.line
		p.prompt(l, m, propPrompt, text, cond)
	}
}

var typeOf = map[string]Type{"bool": Bool, "tristate": Tristate, "int": Int, "hex": Hex, "string": String, "def_bool": Bool, "def_tristate": Tristate}

// typeOption reads a type and the prompt that may follow.
func (p *parser) typeOption(l *lexer, m int32, tok token, symbolic bool) bool {
	kind := typeOf[tok.text]
	if !symbolic {
		if p.t.entries[m].kind != entryChoice || kind != Bool && (kind != Tristate || !p.t.Dialect.OldChoices) {
			return false
		}
	}
	next := l.next()
	if next.kind == tokQuoted {
		l.next()
		cond, ok := p.ifAfter(l)
		if !ok {
			return true
		}
		next.line = tok.line
		p.prompt(l, m, propPrompt, next, cond)
	} else if next.kind != tokEOL && next.kind != tokEOF {
		p.syntax(l, next.line, "syntax error at '%.40s'", next.text)
		return true
	} else if !symbolic && !p.t.Dialect.OldChoices {
		p.t.report(l.file, tok.line, Error, "syntax error: the type of a choice needs a prompt")
	}
	if symbolic || p.t.Dialect.OldChoices {
		p.t.setType(m, kind)
	}
	return true
}

// symbolOption reads what gives a symbol values or gives others values.
func (p *parser) symbolOption(l *lexer, m int32, tok token) {
	q := prop{file: l.file, line: int32(tok.line), menu: m}
	x := &p.t.exprs
	choice := p.t.entries[m].kind == entryChoice
	switch tok.text {
	case "modules":
		p.endOfLine(l)
		p.setModules(l, m, tok.line)
		return
	case "select", "imply":
		q.kind = propSelect
		if tok.text == "imply" {
			q.kind = propImply
		}
		name := l.next()
		if name.kind != tokWord {
			p.syntax(l, tok.line, "invalid statement")
			return
		}
		q.expr = x.symbol(p.t.word(name.text))
		l.next()
	case "range":
		q.kind = propRange
		var okLow, okHigh bool
		q.low, okLow = p.symbolToken(l.next())
		q.hig, okHigh = p.symbolToken(l.next())
		if !okLow || !okHigh {
			p.syntax(l, tok.line, "range needs two numbers or symbols")
			return
		}
		l.next()
	default:
		q.kind = propDefault
		var ok bool
		if choice {
			name := l.next()
			if name.kind != tokWord {
				p.syntax(l, tok.line, "invalid statement")
				return
			}
			q.expr = x.symbol(p.t.word(name.text))
			l.next()
		} else if q.expr, ok = p.expression(l); !ok {
			return
		}
	}
	cond, ok := p.ifAfter(l)
	if !ok {
		return
	}
	q.cond, q.own = cond, cond
	p.t.addProp(q)
	if kind, ok := typeOf[tok.text]; ok {
		p.t.setType(m, kind)
	}
}

func (p *parser) setModules(l *lexer, m int32, line int) {
	sym := p.t.entries[m].sym
	if p.t.modules != 0 {
		p.t.report(l.file, line, Error, "symbol '%s' redefines option 'modules' already defined by symbol '%s'", p.t.symbols[sym].Name, p.t.symbols[p.t.modules].Name)
	}
	p.t.modules = sym
}

// helpChecks complains of empty help texts.
func (p *parser) helpChecks(l *lexer, m int32, line int) {
	e := &p.t.entries[m]
	for _, c := range []byte(l.text[e.help.start:e.help.end]) {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\v' {
			return
		}
	}
	name := p.t.symbols[e.sym].Name
	if p.t.symbols[e.sym].choice {
		name = "<choice>"
	}
	p.t.report(l.file, line, Note, "warning: '%s' defined with blank help text", name)
}
