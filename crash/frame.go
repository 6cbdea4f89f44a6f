package crash

import (
	"bytes"
	"strings"
)

// symLen returns the length of the symbol at the start of text: a name, with
// +0xoffset/0xsize and [module] where they follow. 0 means that there is none.
func symLen(text []byte) int {
	_, n := scanSymbol(text)
	return n
}

// symbol is a parsed code location.
type symbol struct {
	name    string
	offset  uint64
	size    uint64
	hasOff  bool
	module  string
	buildID string
}

// scanned is a code location in place: its parts point into the line.
type scanned struct {
	name    []byte
	offset  uint64
	size    uint64
	hasOff  bool
	module  []byte
	buildID []byte
}

// scanSymbol reads "name+0xoff/0xsize [module buildid]" at the start of text.
// Offset and module are optional. It returns how many bytes it used.
func scanSymbol(text []byte) (scanned, int) {
	n := nameLen(text)
	if n == 0 || n >= 8 && hexLen(text[:n]) == n {
		return scanned{}, 0
	}
	s := scanned{name: text[:n]}
	if off, size, m := parseOffset(text[n:]); m > 0 {
		s.offset, s.size, s.hasOff = off, size, true
		n += m
	}
	if mod, id, m := scanModule(text[n:]); m > 0 {
		s.module, s.buildID = mod, id
		n += m
	}
	return s, n
}

// parseSymbol is scanSymbol with strings of its own.
func parseSymbol(text []byte) (symbol, int) {
	s, n := scanSymbol(text)
	return symbol{string(s.name), s.offset, s.size, s.hasOff, string(s.module), string(s.buildID)}, n
}

// nameLen returns the length of the function name at the start of text. Besides
// C identifiers with their compiler suffixes it takes demangled Rust paths and
// the angle brackets of their generics: "<kernel::sync::Arc<T>>::drop".
func nameLen(text []byte) int {
	if len(text) == 0 || isDigit(text[0]) || text[0] == '.' && len(text) == 1 {
		return 0
	}
	depth := 0
	for i, b := range text {
		switch {
		case isSymbol(b):
		case b == ':' && i+1 < len(text) && i > 0 && (text[i+1] == ':' || text[i-1] == ':'):
		case b == '<':
			// "<TASK>" and "<IRQ>" are stack markers, not names.
			if i == 0 && !bytes.Contains(text, []byte("::")) {
				return 0
			}
			depth++
		case b == '>' && depth > 0:
			depth--
		case depth > 0 && (b == ' ' || b == '&' || b == ',' || b == '*' || b == '[' || b == ']' || b == '(' || b == ')'):
		default:
			return i
		}
		if i > 512 {
			return 0
		}
	}
	return len(text)
}

// parseOffset reads "+0xoff/0xsize" or "+0xoff".
func parseOffset(text []byte) (off, size uint64, n int) {
	if len(text) < 4 || text[0] != '+' || text[1] != '0' || text[2] != 'x' {
		return 0, 0, 0
	}
	off, m := parseHex(text[1:])
	if m == 0 {
		return 0, 0, 0
	}
	n = 1 + m
	if n+2 < len(text) && text[n] == '/' && text[n+1] == '0' {
		if v, m := parseHex(text[n+1:]); m > 0 {
			return off, v, n + 1 + m
		}
	}
	return off, 0, n
}

// scanModule reads " [module]" or " [module buildid]".
func scanModule(text []byte) (module, buildID []byte, n int) {
	if len(text) < 4 || text[0] != ' ' || text[1] != '[' {
		return nil, nil, 0
	}
	end := bytes.IndexByte(text, ']')
	if end < 0 {
		return nil, nil, 0
	}
	name, id, _ := bytes.Cut(text[2:end], []byte(" "))
	if !isModuleName(name) || string(name) == "inline" {
		return nil, nil, 0
	}
	return name, id, end + 1
}

func isModuleName(s []byte) bool {
	for _, b := range s {
		if !isSymbol(b) && b != '-' {
			return false
		}
	}
	return len(s) > 0
}

// parseHex reads a hexadecimal number of at most 64 bits, with or without 0x.
func parseHex(text []byte) (uint64, int) {
	n := hexLen(text)
	digits := text[:n]
	if len(digits) > 2 && (digits[1] == 'x' || digits[1] == 'X') {
		digits = digits[2:]
	}
	if len(digits) == 0 || len(digits) > 16 {
		return 0, 0
	}
	var v uint64
	for _, b := range digits {
		d := uint64(b - '0')
		if b > '9' {
			d = uint64(b|0x20-'a') + 10
		}
		v = v<<4 | d
	}
	return v, n
}

// frameLine is one line of a stack in place.
type frameLine struct {
	sym      scanned
	file     []byte
	line     int
	address  []byte
	inline   bool
	reliable bool
}

// frame makes a Frame of the line, with names out of n.
func (l *frameLine) frame(n *names) Frame {
	return Frame{Function: n.of(l.sym.name), Offset: l.sym.offset, Size: l.sym.size, Module: n.of(l.sym.module), BuildID: n.of(l.sym.buildID),
		File: n.of(l.file), Line: l.line, Address: string(l.address), Inline: l.inline, Reliable: l.reliable}
}

// parseFrame is scanFrame with strings of its own.
func parseFrame(text []byte) (Frame, bool) {
	l, ok := scanFrame(text)
	return l.frame(nil), ok
}

// scanFrame reads one line of a stack. The forms, newest first:
//
//	func+0x12/0x34 [mod]                     x86, arm64, riscv, s390 since 4.10
//	? func+0x12/0x34                         x86: found on the stack, perhaps stale
//	func+0x12/0x34 (P)                       arm64: with where the unwinder got it
//	func+0x12/0x34 fs/file.c:12 [inline]     symbolized
//	func from caller+0x12/0x34               arm since 5.14
//	[<ffffffff81234567>] ? func+0x12/0x34    until 4.9, and riscv, mips, loongarch
//	([<0000000000123456>] func+0x12/0x34)    s390
//	[<c0123456>] (func) from [<c0234567>] (caller+0x12/0x34)   arm
//	[c000000001234567] [c000000000765432] func+0x12/0x34 (unreliable)   powerpc
//	0xffffffffc040d000                       no symbol there
func scanFrame(text []byte) (frameLine, bool) {
	f := frameLine{reliable: true}
	rest := bytes.TrimLeft(text, " \t")
	rest = trimAddresses(rest, &f)
	if r, ok := bytes.CutPrefix(rest, []byte("? ")); ok {
		f.reliable = false
		rest = r
		rest = trimAddresses(bytes.TrimLeft(rest, " "), &f)
	}
	if len(rest) == 0 {
		return f, false
	}
	if rest[0] == '(' {
		if end := bytes.IndexByte(rest, ')'); end > 1 {
			inner, after := rest[1:end], rest[end+1:]
			if s, n := scanSymbol(inner); n == len(inner) && (s.hasOff || bytes.HasPrefix(after, []byte(" from "))) {
				f.sym = s
				return f, true
			}
		}
		return f, false
	}
	if bytes.HasPrefix(rest, []byte("0x")) {
		n := hexLen(rest)
		if n < 6 || len(bytes.TrimSpace(rest[n:])) > 0 && !bytes.HasPrefix(rest[n:], []byte(" [")) {
			return f, false
		}
		f.address = rest[:n]
		return f, true
	}
	s, n := scanSymbol(rest)
	if n == 0 {
		return f, false
	}
	after := bytes.TrimLeft(rest[n:], " ")
	if !s.hasOff {
		if n < len(rest) && rest[n] != ' ' {
			return f, false
		}
		// A name alone is a frame only with a place or as an inlined call.
		if file, line, m := scanPlace(after); m > 0 {
			f.sym = s
			f.file, f.line = file, line
			f.inline = bytes.Contains(after[m:], []byte("[inline]"))
			return f, true
		}
		if caller, ok := bytes.CutPrefix(after, []byte("from ")); ok {
			if c, m := scanSymbol(caller); m > 0 && c.hasOff {
				f.sym = s
				f.sym.module = c.module
				return f, true
			}
		}
		return f, false
	}
	f.sym = s
	if file, line, m := scanPlace(after); m > 0 {
		f.file, f.line = file, line
		after = bytes.TrimLeft(after[m:], " ")
		if len(f.sym.module) == 0 {
			// Behind the place, from the blank that was trimmed.
			if mod, id, k := scanModule(rest[len(rest)-len(after)-1:]); k > 0 {
				f.sym.module, f.sym.buildID = mod, id
			}
		}
	}
	switch {
	case bytes.HasPrefix(after, []byte("(unreliable)")):
		f.reliable = false
	case bytes.HasPrefix(after, []byte("[inline]")):
		f.inline = true
	case len(after) > 0 && !isFrameTail(after) && len(f.file) == 0 && len(f.sym.module) == 0:
		return f, false // a sentence that starts with a symbol
	}
	return f, true
}

// isFrameTail reports whether text may follow the symbol of a frame.
func isFrameTail(text []byte) bool {
	switch text[0] {
	case '(', '[', ')', '/':
		return true
	}
	return false
}

// trimAddresses removes the addresses and markers that older kernels and some
// architectures print in front of a symbol.
func trimAddresses(text []byte, f *frameLine) []byte {
	for range 3 {
		switch {
		case bytes.HasPrefix(text, []byte("([<")):
			text = text[1:]
		case len(text) > 4 && text[0] == '[':
			end := bytes.IndexByte(text, ']')
			if end < 0 {
				return text
			}
			addr := bytes.Trim(text[1:end], "<>")
			if len(addr) < 8 || hexLen(addr) != len(addr) {
				return text
			}
			f.address = addr
			text = bytes.TrimLeft(text[end+1:], " ")
		default:
			return text
		}
	}
	return text
}

// scanPlace reads "dir/file.c:123" and returns how many bytes it used.
func scanPlace(text []byte) (file []byte, line, n int) {
	colon := bytes.IndexByte(text, ':')
	if colon < 3 || bytes.ContainsAny(text[:colon], " ({[&") || bytes.IndexByte(text[:colon], '.') < 0 {
		return nil, 0, 0
	}
	line, digits := atoi(text[colon+1:])
	if digits == 0 {
		return nil, 0, 0
	}
	return text[:colon], line, colon + 1 + digits
}

// parsePlace is scanPlace with a string of its own.
func parsePlace(text []byte) (file string, line, n int) {
	f, line, n := scanPlace(text)
	return string(f), line, n
}

// baseName strips what compilers append to a function's name when they clone
// or split it: "foo.isra.0.cold" is foo.
func baseName(name string) string {
	if strings.Contains(name, "::") {
		return name
	}
	name = strings.TrimPrefix(name, ".") // ppc64 ELFv1: the code behind a descriptor
	if i := strings.IndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	if i := strings.Index(name, "$"); i > 0 {
		name = name[:i]
	}
	return name
}
