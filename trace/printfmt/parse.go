package printfmt

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringside/trace/event"
)

// nodeKind says what an expression is.
type nodeKind uint8

const (
	nodeNumber nodeKind = iota
	nodeString
	nodeField  // REC->text
	nodeName   // a name that the kernel did not resolve
	nodeUnary  // text is the operator
	nodeBinary // text is the operator
	nodeCond   // a ? b : c
	nodeCast
	nodeIndex // a[b]
	nodeCall  // text is the function
	nodeList  // { a, b }
)

// node is one expression.
type node struct {
	kind  nodeKind
	text  string
	value uint64
	typ   ctype // of a number or a cast
	kids  []*node
}

// String says in an error what an expression is.
func (n *node) String() string {
	switch n.kind {
	case nodeNumber:
		return "the number " + strconv.FormatUint(n.value, 10)
	case nodeString:
		return "the text " + strconv.Quote(n.text)
	case nodeField:
		return "the field " + n.text
	case nodeName:
		return "the name " + n.text
	case nodeUnary, nodeBinary:
		return "the operator " + n.text
	case nodeCond:
		return "a condition"
	case nodeCast:
		return "a cast"
	case nodeIndex:
		return "an element of an array"
	case nodeCall:
		return "a call of " + n.text
	}
	return "a list"
}

// Bounds of a format.
const (
	maxNodes = 1 << 16
	maxDepth = 200
)

// parser reads the arguments of a print format.
type parser struct {
	lex    lexer
	tok    token
	layout event.Layout
	nodes  int
	depth  int
	locals map[string]*node // of a statement expression
}

// parse reads a print format: its string and its arguments.
func parse(text string, layout event.Layout) (format string, args []*node, err error) {
	p := &parser{lex: lexer{src: text, long: layout.LongSize}, layout: layout}
	if err := p.advance(); err != nil {
		return "", nil, err
	}
	if p.tok.kind != tokString {
		return "", nil, p.unexpected()
	}
	if format, err = p.strings(); err != nil {
		return "", nil, err
	}
	for p.is(",") {
		if err := p.advance(); err != nil {
			return "", nil, err
		}
		arg, err := p.expr()
		if err != nil {
			return "", nil, err
		}
		args = append(args, arg)
	}
	if p.tok.kind != tokEnd {
		return "", nil, p.unexpected()
	}
	return format, args, nil
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lex.next()
	return err
}

func (p *parser) is(punct string) bool { return p.tok.kind == tokPunct && p.tok.text == punct }

func (p *parser) unexpected() error {
	if p.tok.kind == tokEnd {
		return errors.New("it ends too early")
	}
	return fmt.Errorf("offset %d: %q is not understood", p.tok.offset, p.tok.text)
}

func (p *parser) expect(punct string) error {
	if !p.is(punct) {
		return p.unexpected()
	}
	return p.advance()
}

func (p *parser) name() (string, error) {
	if p.tok.kind != tokName {
		return "", p.unexpected()
	}
	text := p.tok.text
	return text, p.advance()
}

func (p *parser) node(kind nodeKind, text string, kids ...*node) (*node, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, fmt.Errorf("more than %d expressions", maxNodes)
	}
	return &node{kind: kind, text: text, kids: kids}, nil
}

// strings reads string literals, which C joins.
func (p *parser) strings() (string, error) {
	var all []string
	for p.tok.kind == tokString {
		all = append(all, p.tok.text)
		if err := p.advance(); err != nil {
			return "", err
		}
	}
	return strings.Join(all, ""), nil
}

// expr reads an expression that may be a condition.
func (p *parser) expr() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("offset %d: too deep", p.tok.offset)
	}
	defer func() { p.depth-- }()
	cond, err := p.binary(0)
	if err != nil || !p.is("?") {
		return cond, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	yes, err := p.expr()
	if err != nil {
		return nil, err
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	no, err := p.expr()
	if err != nil {
		return nil, err
	}
	return p.node(nodeCond, "", cond, yes, no)
}

// levels are C's binary operators, those that bind least first.
var levels = [][]string{
	{"||"}, {"&&"}, {"|"}, {"^"}, {"&"}, {"==", "!="},
	{"<", ">", "<=", ">="}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"},
}

func (p *parser) binary(level int) (*node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil && p.tok.kind == tokPunct && slices.Contains(levels[level], p.tok.text) {
		op := p.tok.text
		if err = p.advance(); err != nil {
			break
		}
		var right *node
		if right, err = p.binary(level + 1); err == nil {
			left, err = p.node(nodeBinary, op, left, right)
		}
	}
	return left, err
}

func (p *parser) unary() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("offset %d: too deep", p.tok.offset)
	}
	defer func() { p.depth-- }()
	if p.tok.kind == tokPunct && strings.Contains("!~-+&*", p.tok.text) {
		op := p.tok.text
		if err := p.advance(); err != nil {
			return nil, err
		}
		kid, err := p.unary()
		if err != nil || op == "+" {
			return kid, err
		}
		return p.node(nodeUnary, op, kid)
	}
	if !p.is("(") {
		return p.postfix()
	}
	// A cast, a statement expression or an expression in parentheses.
	back, tok := p.lex, p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.is("{") {
		inner, err := p.statements()
		if err != nil {
			return nil, err
		}
		return p.tail(inner)
	}
	if t, ok := p.castType(); ok {
		kid, err := p.unary()
		if err != nil {
			return nil, err
		}
		cast, err := p.node(nodeCast, "", kid)
		if err == nil {
			cast.typ = t
		}
		return cast, err
	}
	p.lex, p.tok = back, tok
	return p.postfix()
}

// postfix reads a value and what follows it.
func (p *parser) postfix() (*node, error) {
	n, err := p.primary()
	if err != nil {
		return nil, err
	}
	return p.tail(n)
}

func (p *parser) tail(n *node) (*node, error) {
	for p.is("[") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		i, err := p.expr()
		if err != nil {
			return nil, err
		}
		if err := p.expect("]"); err != nil {
			return nil, err
		}
		if n, err = p.node(nodeIndex, "", n, i); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (p *parser) primary() (*node, error) {
	switch {
	case p.tok.kind == tokNumber:
		n, err := p.node(nodeNumber, "")
		if err != nil {
			return nil, err
		}
		n.value, n.typ = p.tok.value, p.tok.typ
		return n, p.advance()
	case p.tok.kind == tokString:
		text, err := p.strings()
		if err != nil {
			return nil, err
		}
		return p.node(nodeString, text)
	case p.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.expr()
		if err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil || n.kind != nodeName || n.text != "REC" {
			return n, err
		}
		return p.member()
	case p.is("{"):
		return p.list()
	case p.tok.kind != tokName:
		return nil, p.unexpected()
	}
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	switch {
	case name == "REC" && p.is("->"):
		return p.member()
	case name == "sizeof" && p.is("("):
		return p.sizeof()
	case p.is("("):
		return p.call(name)
	}
	if v := p.locals[name]; v != nil {
		return v, nil
	}
	return p.node(nodeName, name)
}

// member reads "->field".
func (p *parser) member() (*node, error) {
	if err := p.expect("->"); err != nil {
		return nil, err
	}
	field, err := p.name()
	if err != nil {
		return nil, err
	}
	if p.is(".") || p.is("->") {
		return nil, p.unexpected() // a member of a member is no field
	}
	return p.node(nodeField, field)
}

// list reads "{ a, b }".
func (p *parser) list() (*node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	kids, err := p.until("}")
	if err != nil {
		return nil, err
	}
	return p.node(nodeList, "", kids...)
}

func (p *parser) call(name string) (*node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	kids, err := p.until(")")
	if err != nil {
		return nil, err
	}
	return p.node(nodeCall, name, kids...)
}

// until reads expressions up to what closes them.
func (p *parser) until(end string) ([]*node, error) {
	var kids []*node
	for !p.is(end) {
		kid, err := p.expr()
		if err != nil {
			return nil, err
		}
		kids = append(kids, kid)
		if p.is(",") {
			if err := p.advance(); err != nil {
				return nil, err
			}
		} else if !p.is(end) {
			return nil, p.unexpected()
		}
	}
	return kids, p.advance()
}

// sizeof reads "(type)".
func (p *parser) sizeof() (*node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	t, ok := p.castType()
	if !ok || t.size == 0 {
		return nil, p.unexpected()
	}
	n, err := p.node(nodeNumber, "")
	if err != nil {
		return nil, err
	}
	n.value, n.typ = uint64(t.size), ctype{size: p.layout.LongSize}
	if t.pointer {
		n.value = uint64(p.layout.LongSize)
	}
	return n, nil
}
