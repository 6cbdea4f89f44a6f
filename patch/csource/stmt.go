package csource

import "strings"

// Bounds of what is read of a body.
const (
	maxDepth  = 200
	maxTokens = 1 << 20
)

// Body gives the function's statements.
func (fn *Func) Body() *Stmt {
	if fn.block == nil {
		t := fn.body
		if len(t) > maxTokens {
			t = t[:maxTokens]
		}
		p := parser{t: t}
		if len(t) > 0 && t[0].Text == "{" {
			fn.block = p.block()
		} else {
			fn.block = &Stmt{Kind: Block, Line: fn.Line, Last: fn.Last}
		}
	}
	return fn.block
}

// parser reads statements and expressions out of tokens.
type parser struct {
	t     []Token
	i     int
	depth int
}

var endToken = Token{Kind: Punct}

func (p *parser) tok() Token { return p.peek(0) }

func (p *parser) peek(n int) Token {
	if i := p.i + n; i >= 0 && i < len(p.t) {
		return p.t[p.i+n]
	}
	e := endToken
	if len(p.t) > 0 {
		e.Line = p.t[len(p.t)-1].Line
	}
	return e
}

func (p *parser) is(s string) bool { return p.tok().Text == s }

func (p *parser) take(s string) bool {
	if p.is(s) && p.i < len(p.t) {
		p.i++
		return true
	}
	return false
}

func (p *parser) done() bool { return p.i >= len(p.t) }

// block reads from a brace to the one that closes it.
func (p *parser) block() *Stmt {
	s := &Stmt{Kind: Block, Line: p.tok().Line, Last: p.tok().Line}
	if p.done() {
		return s
	}
	if p.depth >= maxDepth {
		end := match(p.t, p.i, "{", "}")
		s.Last = p.t[end].Line
		p.i = end + 1
		return s
	}
	p.depth++
	defer func() { p.depth-- }()
	p.i++
	for !p.done() && !p.is("}") {
		at := p.i
		if t := p.stmt(); t != nil {
			s.List = append(s.List, t)
		}
		if p.i == at {
			p.i++ // always on
		}
	}
	s.Last = p.tok().Line
	p.take("}")
	return s
}

// paren reads an expression in parentheses.
func (p *parser) paren() *Expr {
	if !p.is("(") {
		return p.bad(p.i)
	}
	end := match(p.t, p.i, "(", ")")
	inner := parser{t: p.t[p.i+1 : max(end, p.i+1)], depth: p.depth}
	line := p.tok().Line
	p.i = end + 1
	e := inner.whole()
	if e == nil {
		e = &Expr{Kind: Bad, Line: line}
	}
	return e
}

// stmt reads a statement.
func (p *parser) stmt() *Stmt {
	if p.depth >= maxDepth {
		return p.simple()
	}
	p.depth++
	defer func() { p.depth-- }()
	t := p.tok()
	s := &Stmt{Line: t.Line}
	defer func() { s.Last = p.peek(-1 + min(0, len(p.t)-p.i)).Line }()
	switch t.Text {
	case "{":
		return p.block()
	case ";":
		p.i++
		s.Kind = Empty
	case "if":
		p.i++
		s.Kind, s.Cond, s.Body = If, p.paren(), p.stmt()
		if p.take("else") {
			s.Else = p.stmt()
		}
	case "while":
		p.i++
		s.Kind, s.Cond, s.Body = While, p.paren(), p.stmt()
	case "do":
		p.i++
		s.Kind, s.Body = DoWhile, p.stmt()
		if p.take("while") {
			s.Cond = p.paren()
		}
		p.take(";")
	case "for":
		p.i++
		p.forHead(s)
		s.Body = p.stmt()
	case "switch":
		p.i++
		s.Kind, s.Cond, s.Body = Switch, p.paren(), p.stmt()
	case "case":
		p.i++
		s.Kind, s.Cond = Case, p.until(":")
		p.take(":")
	case "default":
		if p.peek(1).Text != ":" {
			return p.simple()
		}
		p.i += 2
		s.Kind = Case
	case "goto":
		p.i++
		s.Kind, s.Name = Goto, p.tok().Text
		p.until(";")
		p.take(";")
	case "return":
		p.i++
		s.Kind = Return
		if !p.is(";") {
			s.Expr = p.until(";")
		}
		p.take(";")
	case "break", "continue":
		p.i++
		s.Kind = Break
		if t.Text == "continue" {
			s.Kind = Continue
		}
		p.take(";")
	case "__label__":
		p.until(";")
		p.take(";")
		s.Kind = Empty
	case "else": // without its if, which was left out
		p.i++
		return p.stmt()
	default:
		if t.Kind == Ident && p.peek(1).Text == ":" && p.peek(2).Text != ":" {
			p.i += 2
			s.Kind, s.Name = Label, t.Text
			for p.is("__attribute__") || p.is("__maybe_unused") {
				p.i++
				if p.is("(") {
					p.i = match(p.t, p.i, "(", ")") + 1
				}
			}
			return s
		}
		if p.declares() {
			return p.declare()
		}
		if m := p.macro(); m != nil {
			return m
		}
		return p.simple()
	}
	return s
}

// simple reads an expression with its semicolon.
func (p *parser) simple() *Stmt {
	s := &Stmt{Kind: Simple, Line: p.tok().Line}
	s.Expr = p.until(";")
	s.Last = p.peek(0).Line
	p.take(";")
	return s
}

// until reads an expression that ends before a token of its own level, or before a brace
// that closes what is around it.
func (p *parser) until(stop string) *Expr {
	begin, depth, ternary := p.i, 0, 0
	for ; !p.done(); p.i++ {
		text := p.tok().Text
		if depth == 0 && ternary == 0 && text == stop {
			break
		}
		switch text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case "?":
			if depth == 0 {
				ternary++
			}
		case ":":
			if depth == 0 {
				ternary--
			}
		case ";":
			if depth == 0 {
				depth = -1 // never beyond a statement
			}
		}
		if depth < 0 {
			break
		}
	}
	inner := parser{t: p.t[begin:p.i], depth: p.depth}
	e := inner.whole()
	if e == nil {
		e = &Expr{Kind: Bad, Line: p.peek(0).Line}
	}
	return e
}

// forHead reads what stands in the parentheses of a for.
func (p *parser) forHead(s *Stmt) {
	s.Kind = For
	if !p.is("(") {
		return
	}
	end := match(p.t, p.i, "(", ")")
	inner := parser{t: p.t[p.i+1 : max(end, p.i+1)], depth: p.depth}
	p.i = end + 1
	if !inner.is(";") && !inner.done() {
		s.Init = inner.stmt()
	} else {
		inner.take(";")
	}
	if !inner.is(";") && !inner.done() {
		s.Cond = inner.until(";")
	}
	inner.take(";")
	if !inner.done() {
		s.Post = inner.whole()
	}
}

// macro reads a call that is followed by a statement: a loop, or a scope with a guard. It
// gives nil where there is none.
func (p *parser) macro() *Stmt {
	t := p.tok()
	if t.Kind != Ident || p.peek(1).Text != "(" {
		return nil
	}
	end := match(p.t, p.i+1, "(", ")")
	if end+1 >= len(p.t) {
		return nil
	}
	after := p.t[end+1]
	loop := IsLoop(t.Text)
	switch {
	case after.Text == "{":
	case loop && after.Text != ";" && (after.Kind == Ident || after.Text == "(" || after.Text == "*" || after.Text == "++" || after.Text == "--"):
	case !loop && after.Kind == Ident && after.Line > p.t[end].Line:
		// A macro without a semicolon.
		s := &Stmt{Kind: Simple, Line: t.Line, Last: p.t[end].Line}
		inner := parser{t: p.t[p.i : end+1], depth: p.depth}
		s.Expr = inner.whole()
		p.i = end + 1
		return s
	default:
		return nil
	}
	s := &Stmt{Kind: ForEach, Line: t.Line}
	inner := parser{t: p.t[p.i : end+1], depth: p.depth}
	s.Expr = inner.whole()
	p.i = end + 1
	s.Body = p.stmt()
	s.Last = p.peek(-1).Line
	return s
}

// IsLoop tells whether a macro is a loop by its name.
func IsLoop(name string) bool {
	return strings.Contains(name, "for_each") || strings.Contains(name, "foreach") || strings.Contains(name, "list_for_") ||
		strings.HasPrefix(name, "while_") || strings.HasSuffix(name, "_for_each")
}

// basic are words that begin a type, or are one.
var basic = map[string]bool{
	"void": true, "char": true, "short": true, "int": true, "long": true, "float": true, "double": true,
	"signed": true, "unsigned": true, "bool": true, "_Bool": true, "struct": true, "union": true, "enum": true,
	"const": true, "volatile": true, "static": true, "register": true, "extern": true, "typeof": true,
	"__typeof__": true, "__typeof": true, "__auto_type": true, "auto": true, "__always_unused": true, "__maybe_unused": true,
	"u8": true, "u16": true, "u32": true, "u64": true, "s8": true, "s16": true, "s32": true, "s64": true,
	"__u8": true, "__u16": true, "__u32": true, "__u64": true, "__s8": true, "__s16": true, "__s32": true, "__s64": true,
	"__le16": true, "__le32": true, "__le64": true, "__be16": true, "__be32": true, "__be64": true,
	"__signed__": true, "__int128": true, "va_list": true, "uint": true, "ulong": true, "ushort": true, "typedef": true,
}

func typeName(s string) bool { return basic[s] || strings.HasSuffix(s, "_t") }

// declares tells whether a declaration begins here.
func (p *parser) declares() bool {
	t := p.tok()
	if t.Kind != Ident {
		return false
	}
	next := p.peek(1)
	if basic[t.Text] {
		return true
	}
	switch {
	case next.Kind == Ident: // type name
		switch t.Text {
		case "sizeof", "return", "case", "goto":
			return false
		}
		after := p.peek(2).Text
		return after == ";" || after == "=" || after == "," || after == "[" || after == "(" || p.peek(2).Kind == Ident || after == ":"
	case next.Text == "*": // type * name
		n := 1
		for p.peek(n).Text == "*" || p.peek(n).Text == "const" || p.peek(n).Text == "__user" || p.peek(n).Text == "__iomem" || p.peek(n).Text == "__rcu" {
			n++
		}
		if p.peek(n).Kind != Ident {
			return false
		}
		after := p.peek(n + 1).Text
		return after == ";" || after == "=" || after == "," || after == "["
	}
	return false
}

// declare reads a declaration up to its semicolon.
func (p *parser) declare() *Stmt {
	s := &Stmt{Kind: Declare, Line: p.tok().Line}
	begin, depth := p.i, 0
	for ; !p.done(); p.i++ {
		switch p.tok().Text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		}
		if depth < 0 || depth == 0 && p.is(";") {
			break
		}
	}
	t := p.t[begin:p.i]
	s.Last = p.peek(0).Line
	p.take(";")
	var base []Token
	for n, part := range split(t) {
		d, head, ok := p.declared(part, base)
		if n == 0 {
			base = head
		}
		if ok {
			s.Decls = append(s.Decls, d)
		}
	}
	if len(s.Decls) == 0 {
		inner := parser{t: t, depth: p.depth}
		return &Stmt{Kind: Simple, Line: s.Line, Last: s.Last, Expr: inner.bad(0)}
	}
	return s
}

// declared reads one declarator with its initialiser; base is the type of the first.
func (p *parser) declared(t, base []Token) (d Decl, head []Token, ok bool) {
	eq := len(t)
	depth := 0
	for i, tok := range t {
		switch tok.Text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case "=":
			if depth == 0 && eq == len(t) {
				eq = i
			}
		}
	}
	left := t[:eq]
	var cleanup string
	// Attributes behind the name go, and what they say.
	for len(left) > 2 && left[len(left)-1].Text == ")" {
		open := len(left) - 1
		for n := 0; open > 0; open-- {
			if left[open].Text == ")" {
				n++
			} else if left[open].Text == "(" {
				if n--; n == 0 {
					break
				}
			}
		}
		if open < 1 || left[open-1].Kind != Ident || !strings.HasPrefix(left[open-1].Text, "__") {
			break
		}
		if w := left[open-1].Text; w == "__free" || w == "__cleanup" {
			cleanup = join(left[open+1 : len(left)-1])
		}
		left = left[:open-1]
	}
	name := -1
	array, pointer := false, false
	for i := 0; i < len(left); i++ {
		switch tok := left[i]; {
		case tok.Text == "[":
			array = true
			i = match(left, i, "[", "]")
		case tok.Text == "{": // struct { … } name
			i = match(left, i, "{", "}")
		case tok.Text == "(":
			end := match(left, i, "(", ")")
			if i > 0 && (strings.Contains(left[i-1].Text, "typeof")) {
				i = end
				continue
			}
			if i+2 < len(left) && left[i+1].Text == "*" && left[i+2].Kind == Ident {
				name, pointer = i+2, true
			}
			i = len(left)
		case tok.Kind == Ident && !strings.HasPrefix(tok.Text, "__maybe") && !strings.HasPrefix(tok.Text, "__always") && !strings.HasPrefix(tok.Text, "__aligned") && tok.Text != "____cacheline_aligned":
			name = i
		}
	}
	if name < 0 {
		return d, left, false
	}
	head = left[:name]
	for len(head) > 0 && head[len(head)-1].Text == "(" {
		head = head[:len(head)-1]
	}
	stars := 0
	if base != nil {
		for _, tok := range head {
			if tok.Text == "*" {
				stars++
			}
		}
		d = typed(base, left[name])
		d.Stars = stars
	} else {
		if name == 0 {
			return d, left, false
		}
		d = typed(head, left[name])
	}
	for len(head) > 0 && (head[len(head)-1].Text == "*") {
		head = head[:len(head)-1]
	}
	if pointer {
		d.Stars++
	}
	d.Array, d.Cleanup = array, cleanup
	if eq+1 < len(t) {
		inner := parser{t: t[eq+1:], depth: p.depth}
		d.Init = inner.assignment()
	}
	return d, head, true
}
