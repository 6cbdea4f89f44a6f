package printfmt

import (
	"maps"
	"strings"

	"ringside/trace/event"
)

// ctype is a C type as far as expressions need it.
type ctype struct {
	size    int // in bytes; of a pointer, of what it points to; 0 for a struct
	signed  bool
	pointer bool
}

// castType reads "type)" and says whether that is what is there.
func (p *parser) castType() (ctype, bool) {
	var words []string
	pointers := 0
	for p.tok.kind == tokName || p.is("*") {
		if p.is("*") {
			pointers++
		} else if pointers > 0 && p.tok.text != "const" {
			return ctype{}, false
		} else {
			words = append(words, p.tok.text)
		}
		if p.advance() != nil {
			return ctype{}, false
		}
	}
	if len(words) == 0 || !p.is(")") || p.advance() != nil {
		return ctype{}, false
	}
	t, known := typeOf(words, p.layout)
	if !known && pointers == 0 {
		// Of "(name) - x" it cannot be said whether it is a cast; of
		// "(name) x" it can.
		starts := p.tok.kind == tokName || p.tok.kind == tokNumber || p.is("(") || p.is("~") || p.is("!")
		if !starts || len(words) > 1 && words[0] != "struct" && words[0] != "enum" && words[0] != "const" || words[0] == "REC" {
			return ctype{}, false
		}
		// A typedef that is not known, such as gfp_t, hardly narrows a value.
		t = ctype{size: 8}
		if words[0] == "enum" {
			t = ctype{size: 4}
		}
	}
	if pointers > 1 {
		t = ctype{size: p.layout.LongSize}
	}
	t.pointer = pointers > 0
	return t, true
}

// typeOf resolves the words of a type.
func typeOf(words []string, layout event.Layout) (ctype, bool) {
	known := false
	for _, w := range words {
		switch strings.Trim(w, "_") {
		case "const", "volatile", "force", "user", "iomem", "rcu":
		case "void":
			return ctype{size: 1}, true
		case "unsigned", "signed", "char", "short", "int", "long", "bool", "Bool", "size_t", "ssize_t",
			"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64",
			"le16", "le32", "le64", "be16", "be32", "be64",
			"uint8_t", "uint16_t", "uint32_t", "uint64_t", "int8_t", "int16_t", "int32_t", "int64_t",
			"dev_t", "pid_t", "loff_t", "sector_t", "blkcnt_t", "ino_t", "uintptr_t", "dma_addr_t", "phys_addr_t", "ktime_t":
			known = true
		default:
			return ctype{}, false
		}
	}
	if !known {
		return ctype{}, false
	}
	size, signed := event.TypeSize(words, layout)
	return ctype{size: size, signed: signed}, true
}

// statements reads "{ int a = x; …; value; })" into the value, with what was
// declared put in place.
func (p *parser) statements() (*node, error) {
	outer := p.locals
	if p.locals = maps.Clone(outer); p.locals == nil {
		p.locals = map[string]*node{}
	}
	defer func() { p.locals = outer }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	for {
		var value *node
		if p.declares() {
			name, t, err := p.declaration()
			if err != nil {
				return nil, err
			}
			if value, err = p.expr(); err != nil {
				return nil, err
			}
			cast, err := p.node(nodeCast, "", value)
			if err != nil {
				return nil, err
			}
			cast.typ = t
			p.locals[name] = cast
		} else {
			var err error
			if value, err = p.expr(); err != nil {
				return nil, err
			}
		}
		if err := p.expect(";"); err != nil {
			return nil, err
		}
		if !p.is("}") {
			continue
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		return value, p.expect(")")
	}
}

// declares says whether a declaration of a number follows.
func (p *parser) declares() bool {
	if p.tok.kind != tokName {
		return false
	}
	_, known := typeOf([]string{p.tok.text}, p.layout)
	return known || p.tok.text == "const"
}

// declaration reads "int a =".
func (p *parser) declaration() (string, ctype, error) {
	var words []string
	for p.tok.kind == tokName {
		words = append(words, p.tok.text)
		if err := p.advance(); err != nil {
			return "", ctype{}, err
		}
	}
	if len(words) < 2 {
		return "", ctype{}, p.unexpected()
	}
	t, ok := typeOf(words[:len(words)-1], p.layout)
	if !ok {
		return "", ctype{}, p.unexpected()
	}
	return words[len(words)-1], t, p.expect("=")
}
