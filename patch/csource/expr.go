package csource

// binding are the binary operators, weakest first.
var binding = map[string]int{
	"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, ">": 7, "<=": 7, ">=": 7,
	"<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}

var assigns = map[string]bool{
	"=": true, "+=": true, "-=": true, "*=": true, "/=": true, "%=": true, "&=": true, "|=": true, "^=": true, "<<=": true, ">>=": true,
}

// whole reads all tokens as one expression; what is left over makes it Bad, with what was
// read below it. It gives nil if there are none.
func (p *parser) whole() *Expr {
	if p.done() {
		return nil
	}
	e := p.expr()
	if !p.done() {
		b := &Expr{Kind: Bad, Line: e.Line, toks: p.t, X: []*Expr{e}}
		for !p.done() {
			at := p.i
			b.X = append(b.X, p.expr())
			if p.i == at {
				p.i++
			}
		}
		return b
	}
	return e
}

// bad takes all that is left.
func (p *parser) bad(from int) *Expr {
	e := &Expr{Kind: Bad, Line: p.peek(0).Line, toks: p.t[min(from, len(p.t)):]}
	p.i = len(p.t)
	return e
}

func (p *parser) made(e *Expr, from int) *Expr {
	e.toks = p.t[from:min(p.i, len(p.t))]
	if e.Line == 0 && len(e.toks) > 0 {
		e.Line = e.toks[0].Line
	}
	return e
}

func (p *parser) expr() *Expr {
	from := p.i
	e := p.assignment()
	for p.is(",") {
		p.i++
		if p.done() {
			break
		}
		e = p.made(&Expr{Kind: Comma, Op: ",", X: []*Expr{e, p.assignment()}}, from)
	}
	return e
}

func (p *parser) assignment() *Expr {
	if p.depth >= maxDepth {
		return p.bad(p.i)
	}
	p.depth++
	defer func() { p.depth-- }()
	from := p.i
	e := p.ternary()
	if op := p.tok().Text; assigns[op] {
		line := p.tok().Line
		p.i++
		e = p.made(&Expr{Kind: Assign, Op: op, X: []*Expr{e, p.assignment()}, Line: min(line, p.t[from].Line)}, from)
	}
	return e
}

func (p *parser) ternary() *Expr {
	from := p.i
	e := p.binary(1)
	if !p.is("?") {
		return e
	}
	p.i++
	var yes *Expr
	if !p.is(":") {
		yes = p.expr()
	}
	p.take(":")
	no := p.assignment()
	return p.made(&Expr{Kind: Ternary, Op: "?", X: []*Expr{e, yes, no}}, from)
}

func (p *parser) binary(level int) *Expr {
	from := p.i
	e := p.unary()
	for {
		op := p.tok().Text
		n := binding[op]
		if n < level || p.done() {
			return e
		}
		p.i++
		if p.depth >= maxDepth {
			return p.bad(from)
		}
		p.depth++
		e = p.made(&Expr{Kind: Binary, Op: op, X: []*Expr{e, p.binary(n + 1)}}, from)
		p.depth--
	}
}

func (p *parser) unary() *Expr {
	if p.depth >= maxDepth {
		return p.bad(p.i)
	}
	p.depth++
	defer func() { p.depth-- }()
	from, t := p.i, p.tok()
	switch t.Text {
	case "!", "~", "-", "+", "*", "&", "++", "--":
		if t.Kind == Punct {
			p.i++
			return p.made(&Expr{Kind: Unary, Op: t.Text, X: []*Expr{p.unary()}}, from)
		}
	case "&&": // the address of a label
		p.i++
		return p.made(&Expr{Kind: Unary, Op: "&&", X: []*Expr{p.unary()}}, from)
	case "sizeof", "__alignof__", "typeof", "__typeof__":
		p.i++
		if p.is("(") {
			end := match(p.t, p.i, "(", ")")
			inside := p.t[p.i+1 : max(end, p.i+1)]
			if typeTokens(inside) {
				p.i = end + 1
				return p.made(&Expr{Kind: Sizeof, Op: t.Text}, from)
			}
		}
		return p.made(&Expr{Kind: Sizeof, Op: t.Text, X: []*Expr{p.unary()}}, from)
	case "__extension__":
		p.i++
		return p.unary()
	case "(":
		end := match(p.t, p.i, "(", ")")
		inside := p.t[p.i+1 : max(end, p.i+1)]
		if p.isCast(inside, end) {
			p.i = end + 1
			if p.is("{") {
				b := p.braces()
				b.toks = p.t[from:p.i]
				return p.postfix(b, from)
			}
			return p.made(&Expr{Kind: Cast, Op: join(inside), X: []*Expr{p.unary()}}, from)
		}
	}
	return p.postfix(p.primary(), from)
}

// typeTokens tells whether tokens are a type.
func typeTokens(t []Token) bool {
	if len(t) == 0 {
		return false
	}
	if basic[t[0].Text] && t[0].Text != "typeof" && t[0].Text != "__typeof__" {
		return true
	}
	stars := 0
	for i, tok := range t {
		switch {
		case tok.Text == "*":
			stars++
		case tok.Kind == Ident && (stars == 0 || tok.Text == "const") && i < 4:
		default:
			return t[0].Text == "typeof" || t[0].Text == "__typeof__"
		}
	}
	return t[0].Kind == Ident && (stars > 0 || len(t) > 1 || typeName(t[0].Text))
}

// isCast tells whether what stands in parentheses is a type that is cast to.
func (p *parser) isCast(inside []Token, end int) bool {
	if len(inside) == 0 || inside[0].Kind != Ident || inside[0].Text == "sizeof" {
		return false
	}
	if end+1 >= len(p.t) {
		return false
	}
	next := p.t[end+1]
	operand := next.Kind != Punct || next.Text == "(" || next.Text == "{" || next.Text == "~" || next.Text == "!"
	sign := next.Text == "-" || next.Text == "&" || next.Text == "*" || next.Text == "+" || next.Text == "++" || next.Text == "--"
	if typeTokens(inside) {
		if len(inside) == 1 && !typeName(inside[0].Text) {
			return operand && next.Text != "("
		}
		return operand || sign
	}
	// (name) followed by an operand can be nothing else.
	return len(inside) == 1 && operand && next.Text != "(" && next.Text != "{"
}

func (p *parser) primary() *Expr {
	from, t := p.i, p.tok()
	if p.done() {
		return &Expr{Kind: Bad, Line: t.Line}
	}
	switch {
	case t.Text == "(":
		end := match(p.t, p.i, "(", ")")
		if p.peek(1).Text == "{" {
			inner := parser{t: p.t[p.i+1 : max(end, p.i+1)], depth: p.depth}
			body := inner.block()
			p.i = end + 1
			return p.made(&Expr{Kind: Inner, Body: body, Line: t.Line}, from)
		}
		inner := parser{t: p.t[p.i+1 : max(end, p.i+1)], depth: p.depth}
		p.i = end + 1
		if e := inner.whole(); e != nil {
			return e
		}
		return p.made(&Expr{Kind: Bad, Line: t.Line}, from)
	case t.Text == "{":
		return p.braces()
	case t.Kind == String || t.Kind == Ident && p.peek(1).Kind == String: // KERN_ERR "…"
		p.i++
		for !p.done() && (p.tok().Kind == String || p.tok().Kind == Ident && (p.peek(1).Kind == String || p.peek(-1).Kind == String)) {
			p.i++
		}
		return p.made(&Expr{Kind: Literal, Op: t.Text}, from)
	case t.Kind == Number || t.Kind == Char:
		p.i++
		return p.made(&Expr{Kind: Literal, Op: t.Text}, from)
	case t.Kind == Ident:
		p.i++
		switch t.Text {
		case "struct", "union", "enum":
			p.i = len(p.t)
			return p.made(&Expr{Kind: Type, Op: t.Text}, from)
		case "asm", "__asm__", "__asm", "asm_volatile_goto":
			for p.tok().Kind == Ident {
				p.i++
			}
			if p.is("(") {
				p.i = match(p.t, p.i, "(", ")") + 1
			}
			return p.made(&Expr{Kind: Bad, Op: "asm"}, from)
		}
		return p.made(&Expr{Kind: Name, Op: t.Text}, from)
	}
	p.i++
	return p.made(&Expr{Kind: Bad}, from)
}

// braces reads an initialiser: the values of its members, without their names.
func (p *parser) braces() *Expr {
	from := p.i
	end := match(p.t, p.i, "{", "}")
	e := &Expr{Kind: Braces, Line: p.tok().Line}
	if p.depth < maxDepth {
		for _, part := range split(p.t[p.i+1 : max(end, p.i+1)]) {
			inner := parser{t: part, depth: p.depth + 1}
			if inner.is(".") || inner.is("[") {
				for i, tok := range part {
					if tok.Text == "=" {
						inner.i = i + 1
						break
					}
				}
			}
			if x := inner.whole(); x != nil {
				e.X = append(e.X, x)
			}
		}
	}
	p.i = end + 1
	return p.made(e, from)
}

func (p *parser) postfix(e *Expr, from int) *Expr {
	for !p.done() {
		switch t := p.tok(); t.Text {
		case "(":
			end := match(p.t, p.i, "(", ")")
			c := &Expr{Kind: Call, X: []*Expr{e}, Line: t.Line}
			for _, part := range split(p.t[p.i+1 : max(end, p.i+1)]) {
				c.X = append(c.X, p.argument(part))
			}
			p.i = end + 1
			e = p.made(c, from)
			c.Line = c.toks[0].Line
		case "[":
			end := match(p.t, p.i, "[", "]")
			inner := parser{t: p.t[p.i+1 : max(end, p.i+1)], depth: p.depth}
			p.i = end + 1
			x := inner.whole()
			if x == nil {
				x = &Expr{Kind: Bad, Line: t.Line}
			}
			e = p.made(&Expr{Kind: Index, X: []*Expr{e, x}, Line: t.Line}, from)
		case ".", "->":
			p.i++
			name := p.tok().Text
			p.i = min(p.i+1, len(p.t))
			e = p.made(&Expr{Kind: Member, Op: t.Text, Name: name, X: []*Expr{e}, Line: t.Line}, from)
		case "++", "--":
			p.i++
			e = p.made(&Expr{Kind: Postfix, Op: t.Text, X: []*Expr{e}, Line: t.Line}, from)
		default:
			return e
		}
	}
	return e
}

// argument reads an argument of a call, which may be a type.
func (p *parser) argument(t []Token) *Expr {
	if len(t) == 0 {
		return &Expr{Kind: Bad, Line: p.peek(0).Line}
	}
	if basic[t[0].Text] && t[0].Text != "typeof" || len(t) > 1 && typeTokens(t) && t[len(t)-1].Text == "*" {
		return &Expr{Kind: Type, Op: t[0].Text, Line: t[0].Line, toks: t}
	}
	inner := parser{t: t, depth: p.depth + 1}
	if inner.depth >= maxDepth {
		return inner.bad(0)
	}
	return inner.whole()
}
