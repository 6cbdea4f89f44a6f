package shell

import (
	"cmp"
	"regexp"
	"strings"

	"ringside/symbol/btf"
	"ringside/vmcore/kernel"
)

// node is a compiled expression.
type node struct {
	eval func(e *env) (value, error)
	col  int
	name string // of an expression that is nothing but a name
	text string // of one that is nothing but a text
}

// parser makes nodes of tokens.
type parser struct {
	k     *kernel.Kernel
	toks  []token
	at    int
	depth int
}

// maxDepth bounds how deep parentheses nest.
const maxDepth = 200

// compile makes an expression of its source.
func compile(k *kernel.Kernel, src string) (node, error) {
	toks, err := lex(src)
	if err != nil {
		return node{}, err
	}
	p := &parser{k: k, toks: toks}
	n, err := p.binary(0)
	if err == nil && p.peek().kind != tokEnd {
		err = exprErr(p.peek().col, "%s is after the end of the expression; an operator is expected", p.peek())
	}
	return n, err
}

func (p *parser) peek() token { return p.toks[p.at] }

func (p *parser) next() token {
	t := p.toks[p.at]
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

func (p *parser) isOp(text string) bool { return p.peek().kind == tokOp && p.peek().text == text }

func (p *parser) expect(text string) error {
	if !p.isOp(text) {
		return exprErr(p.peek().col, "%q is expected, not %s", text, p.peek())
	}
	p.at++
	return nil
}

// levels are the binary operators, the weakest first. | separates stages, and so
// joins bits within parentheses only, where no stage can begin.
var levels = [][]string{{"||"}, {"&&"}, {"==", "=", "!=", "~", "!~"}, {"<", "<=", ">", ">="}, {"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"}}

func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		t, found := p.peek(), false
		for _, op := range levels[level] {
			found = found || t.kind == tokOp && t.text == op
		}
		if !found {
			return left, nil
		}
		p.at++
		var right node
		if right, err = p.binary(level + 1); err != nil {
			return left, err
		}
		left, err = join(t, left, right)
	}
	return left, err
}

// join makes a node of an operator and its two sides.
func join(op token, a, b node) (node, error) {
	switch op.text {
	case "&&", "||":
		stop := op.text == "||"
		return node{col: op.col, eval: func(e *env) (value, error) {
			x, err := a.eval(e)
			if err != nil {
				return x, err
			}
			if t, err := x.truth(e); err != nil || t == stop {
				return boolValue(t), err
			}
			if x, err = b.eval(e); err != nil {
				return x, err
			}
			t, err := x.truth(e)
			return boolValue(t), err
		}}, nil
	case "~", "!~":
		return matcher(op, a, b)
	}
	compare := strings.ContainsAny(op.text, "=<>") && op.text != "<<" && op.text != ">>"
	return node{col: op.col, eval: func(e *env) (value, error) {
		x, err := a.eval(e)
		if err != nil {
			return x, err
		}
		y, err := e.right(x, b)
		if err != nil {
			return y, err
		}
		if compare {
			return e.compare(op, x, y)
		}
		return e.arithmetic(op, x, y)
	}}, nil
}

// matcher compares with a regular expression, which is compiled once.
func matcher(op token, a, b node) (node, error) {
	pattern := cmp.Or(b.text, b.name)
	if pattern == "" {
		return a, exprErr(b.col, "a regular expression is expected to the right of %s", op.text)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return a, exprErr(b.col, "%v", err)
	}
	want := op.text == "~"
	return node{col: op.col, eval: func(e *env) (value, error) {
		x, err := a.eval(e)
		if err != nil {
			return x, err
		}
		s, err := x.text(e)
		return boolValue(re.MatchString(s) == want), err
	}}, nil
}

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return node{}, exprErr(p.peek().col, "the expression nests deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	t := p.peek()
	if t.kind == tokOp && strings.Contains("-!~*&", t.text) {
		p.at++
		x, err := p.unary()
		return node{col: t.col, eval: func(e *env) (value, error) {
			if t.text == "&" && x.name != "" {
				return e.addressOf(t, x)
			}
			v, err := x.eval(e)
			if err != nil {
				return v, err
			}
			return e.unary(t, v)
		}}, err
	}
	if t.kind == tokOp && t.text == "(" {
		if spec, id, n := p.castAt(p.at + 1); n > 0 {
			p.at = n
			x, err := p.unary()
			return node{col: t.col, eval: func(e *env) (value, error) {
				v, err := x.eval(e)
				if err != nil {
					return v, err
				}
				return e.cast(t, v, spec, id)
			}}, err
		}
	}
	return p.postfix()
}

// castAt reads the name of a type up to a closing parenthesis; end is 0 where
// there is none.
func (p *parser) castAt(at int) (spec *btf.Spec, id btf.ID, end int) {
	if p.k == nil || p.k.Types == nil {
		return nil, 0, 0
	}
	var words []string
	for ; at < len(p.toks); at++ {
		t := p.toks[at]
		switch {
		case t.kind == tokName, t.kind == tokOp && t.text == "*" && len(words) > 0:
			words = append(words, t.text)
			continue
		case t.kind == tokOp && t.text == ")" && len(words) > 0:
			// (name) is a type only where no variable has the name.
			if _, symbol := p.k.Symbol(words[0]); symbol && len(words) == 1 {
				return nil, 0, 0
			}
			id, ok := p.k.TypeID(strings.Join(words, " "))
			if !ok {
				return nil, 0, 0
			}
			return p.k.Types, id, at + 1
		}
		break
	}
	return nil, 0, 0
}

func (p *parser) postfix() (node, error) {
	x, err := p.primary()
	for err == nil {
		t := p.peek()
		base := x
		switch {
		case p.isOp("->") || p.isOp("."):
			p.at++
			m := p.next()
			if m.kind != tokName {
				return x, exprErr(m.col, "the name of a member is expected after %s, not %s", t.text, m)
			}
			x = node{col: m.col, eval: func(e *env) (value, error) {
				v, err := base.eval(e)
				if err != nil {
					return v, err
				}
				return e.member(m.col, v, m.text)
			}}
		case p.isOp("["):
			p.at++
			i, err := p.binary(0)
			if err != nil {
				return x, err
			}
			if err := p.expect("]"); err != nil {
				return x, err
			}
			x = node{col: t.col, eval: func(e *env) (value, error) {
				v, err := base.eval(e)
				if err != nil {
					return v, err
				}
				n, err := i.eval(e)
				if err != nil {
					return n, err
				}
				return e.index(t.col, v, n)
			}}
		default:
			return x, nil
		}
	}
	return x, err
}

func (p *parser) primary() (node, error) {
	t := p.next()
	switch t.kind {
	case tokNumber:
		return constant(t, value{kind: kindNumber, n: t.n}), nil
	case tokFloat:
		return constant(t, value{kind: kindFloat, f: t.f}), nil
	case tokText:
		n := constant(t, value{kind: kindText, s: t.text})
		n.text = t.text
		return n, nil
	case tokName:
		if t.text == "sizeof" && p.isOp("(") {
			if spec, id, n := p.castAt(p.at + 1); n > 0 {
				size, _ := spec.Size(id)
				p.at = n
				return constant(t, value{kind: kindNumber, n: uint64(size)}), nil
			}
			return node{}, exprErr(p.peek().col, "a type that the kernel has is expected in sizeof()")
		}
		if p.isOp(":") {
			p.at++
			c := p.next()
			if c.kind != tokNumber {
				return node{}, exprErr(c.col, "the number of a CPU is expected after %s:, not %s", t.text, c)
			}
			return node{col: t.col, eval: func(e *env) (value, error) { return e.perCPU(t, c) }}, nil
		}
		return node{col: t.col, name: t.text, eval: func(e *env) (value, error) { return e.name(t) }}, nil
	case tokOp:
		if t.text == "(" {
			x, err := p.binary(0)
			if err != nil {
				return x, err
			}
			x.name = ""
			return x, p.expect(")")
		}
	}
	return node{}, exprErr(t.col, "a name, a number, a text or \"(\" is expected, not %s", t)
}

func constant(t token, v value) node {
	return node{col: t.col, eval: func(*env) (value, error) { return v, nil }}
}
