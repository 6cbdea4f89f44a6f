package crash

import (
	"bytes"
	"fmt"
	"strings"
)

// A pattern matches one line. It is written like the printk format string that
// printed the line, with captures in braces in place of the conversions:
//
//	BUG: kernel NULL pointer dereference, address: {address:hex}
//	{?NMI }{?watchdog: }BUG: soft lockup - CPU#{cpu:int} stuck for {secs:int}s! [{comm:any}:{pid:int}]
//
// {name:type} captures; {:type} matches without capturing; {?text} is text that
// may be absent; {name:a|b|c} is one of several texts. The types are
//
//	int   decimal digits
//	hex   hexadecimal digits, with or without 0x
//	word  one or more bytes without a blank, as few as fit what follows
//	path  one or more bytes up to a blank or a colon
//	sym   a symbol: name, or name+0xoff/0xsize, with its [module] if any
//	any   as few bytes as possible, perhaps none
//	rest  everything up to the end of the line
//
// A pattern starts at the first byte of the message and need not reach its end.
type pattern struct {
	src string
	ops []op
}

type opKind uint8

const (
	opLit opKind = iota
	opOpt
	opInt
	opHex
	opWord
	opPath
	opSym
	opAny
	opRest
	opAlt
)

type op struct {
	kind opKind
	name string
	lit  []byte
	alts [][]byte
}

// compilePattern parses src. It fails on a syntax error, which is a mistake in
// a table and is caught by the package's tests.
func compilePattern(src string) (*pattern, error) {
	p := &pattern{src: src}
	for rest := src; rest != ""; {
		open := strings.IndexByte(rest, '{')
		// A brace that does not start a capture is text: "{1}[Hardware Error]".
		for open >= 0 && !startsCapture(rest[open:]) {
			next := strings.IndexByte(rest[open+1:], '{')
			if next < 0 {
				open = -1
				break
			}
			open += 1 + next
		}
		if open != 0 {
			lit := rest
			if open > 0 {
				lit = rest[:open]
			}
			p.ops = append(p.ops, op{kind: opLit, lit: []byte(lit)})
			rest = rest[len(lit):]
			continue
		}
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return nil, fmt.Errorf("pattern %q: capture without closing brace", src)
		}
		o, err := compileCapture(rest[1:end])
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", src, err)
		}
		p.ops = append(p.ops, o)
		rest = rest[end+1:]
	}
	return p, nil
}

func startsCapture(s string) bool {
	if len(s) < 2 {
		return false
	}
	if s[1] == '?' || s[1] == ':' {
		return true
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == ':':
			return true
		case c < 'a' || c > 'z':
			return false
		}
	}
	return false
}

func compileCapture(s string) (op, error) {
	if lit, ok := strings.CutPrefix(s, "?"); ok {
		return op{kind: opOpt, lit: []byte(lit)}, nil
	}
	name, typ, _ := strings.Cut(s, ":")
	if strings.TrimLeft(typ, "abcdefghijklmnopqrstuvwxyz") != "" {
		// Anything that cannot be the name of a type is text.
		o := op{kind: opAlt, name: name}
		for alt := range strings.SplitSeq(typ, "|") {
			o.alts = append(o.alts, []byte(alt))
		}
		return o, nil
	}
	simple := map[string]opKind{"int": opInt, "hex": opHex, "word": opWord, "path": opPath, "sym": opSym, "any": opAny, "rest": opRest}
	k, ok := simple[typ]
	if !ok {
		return op{}, fmt.Errorf("unknown type %q", typ)
	}
	return op{kind: k, name: name}, nil
}

// capture is one named part of a matched line.
type capture struct {
	name       string
	start, end int
}

// captures are the named parts of a matched line.
type captures struct {
	text []byte
	c    []capture
}

// get returns the text captured under name, nil if there is none.
func (c *captures) get(name string) []byte {
	for _, x := range c.c {
		if x.name == name {
			return c.text[x.start:x.end]
		}
	}
	return nil
}

// shift makes the captures ones of text, of which the matched line was the part
// from offset n.
func (c *captures) shift(text []byte, n int) {
	c.text = text
	for i := range c.c {
		c.c[i].start += n
		c.c[i].end += n
	}
}

func (c *captures) str(name string) string { return string(c.get(name)) }

// maxMatchSteps bounds the backtracking of one match. Real patterns need a few
// dozen steps; the bound is for hostile lines.
const maxMatchSteps = 4096

// match reports whether text starts with p, filling c.
func (p *pattern) match(text []byte, c *captures) bool {
	c.text = text
	c.c = c.c[:0]
	steps := maxMatchSteps
	return p.run(text, 0, 0, c, &steps)
}

func (p *pattern) run(text []byte, i, n int, c *captures, steps *int) bool {
	for ; n < len(p.ops); n++ {
		if *steps--; *steps < 0 {
			return false
		}
		o := &p.ops[n]
		start := i
		switch o.kind {
		case opLit:
			if !bytes.HasPrefix(text[i:], o.lit) {
				return false
			}
			i += len(o.lit)
			continue
		case opOpt:
			if bytes.HasPrefix(text[i:], o.lit) {
				mark := len(c.c)
				if p.run(text, i+len(o.lit), n+1, c, steps) {
					return true
				}
				c.c = c.c[:mark]
			}
			continue
		case opInt:
			i += run(text[i:], digits)
		case opHex:
			i += hexLen(text[i:])
		case opPath:
			i += spanOf(text[i:], func(b byte) bool { return b != ' ' && b != ':' && b != '\t' })
		case opSym:
			i += symLen(text[i:])
		case opRest:
			i = len(text)
			c.add(o.name, start, i)
			continue
		case opAlt:
			for _, alt := range o.alts {
				if bytes.HasPrefix(text[i:], alt) {
					mark := len(c.c)
					c.add(o.name, i, i+len(alt))
					if p.run(text, i+len(alt), n+1, c, steps) {
						return true
					}
					c.c = c.c[:mark]
				}
			}
			return false
		case opAny:
			return p.runAny(text, i, i, len(text), n, c, steps)
		case opWord:
			end := i + spanOf(text[i:], func(b byte) bool { return b != ' ' && b != '\t' })
			if end == i {
				return false
			}
			if n+1 == len(p.ops) {
				c.add(o.name, i, end)
				return true
			}
			return p.runAny(text, i, i+1, end, n, c, steps)
		}
		if i == start {
			return false
		}
		c.add(o.name, start, i)
	}
	return true
}

// runAny tries every end in [from, to] for the capture at ops[n] that starts at
// start, nearest first, jumping to the places where the literal that follows it
// occurs.
func (p *pattern) runAny(text []byte, start, from, to, n int, c *captures, steps *int) bool {
	if n+1 == len(p.ops) {
		c.add(p.ops[n].name, start, from)
		return true
	}
	next := p.ops[n+1]
	for end := from; end <= to; end++ {
		if next.kind == opLit {
			j := bytes.Index(text[end:], next.lit)
			if j < 0 || end+j > to {
				return false
			}
			end += j
		}
		mark := len(c.c)
		c.add(p.ops[n].name, start, end)
		if p.run(text, end, n+1, c, steps) {
			return true
		}
		c.c = c.c[:mark]
		if *steps < 0 {
			return false
		}
	}
	return false
}

func (c *captures) add(name string, start, end int) {
	if name != "" {
		c.c = append(c.c, capture{name, start, end})
	}
}

// heads returns the texts a line can start with to match p, one for each choice
// of its leading optional parts, or nil if p starts with a capture.
func (p *pattern) heads() []string {
	heads := []string{""}
	for _, o := range p.ops {
		switch o.kind {
		case opLit:
			for i := range heads {
				heads[i] += string(o.lit)
			}
			if shortest(heads) >= headBytes {
				return heads
			}
		case opOpt:
			for _, h := range heads[:len(heads):len(heads)] {
				heads = append(heads, h+string(o.lit))
			}
		case opAlt:
			var grown []string
			for _, h := range heads {
				for _, alt := range o.alts {
					grown = append(grown, h+string(alt))
				}
			}
			heads = grown
		default:
			if shortest(heads) == 0 {
				return nil
			}
			return heads
		}
	}
	return heads
}

func shortest(texts []string) int {
	n := len(texts[0])
	for _, t := range texts {
		n = min(n, len(t))
	}
	return n
}

// needle returns the longest literal in p, which every line matching p contains.
func (p *pattern) needle() string {
	var best []byte
	for _, o := range p.ops {
		if o.kind == opLit && len(o.lit) > len(best) {
			best = o.lit
		}
	}
	return string(best)
}

func spanOf(text []byte, in func(byte) bool) int {
	for i, b := range text {
		if !in(b) {
			return i
		}
	}
	return len(text)
}
