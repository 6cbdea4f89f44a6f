package crash

import (
	"strconv"
	"strings"
)

// Bounds of a demangled name: back references make names that are exponentially
// longer than their symbols.
const (
	maxRustDepth = 64
	maxRustName  = 512
)

// demangleRust reads a symbol in Rust's v0 mangling (RFC 2603), which is what
// the kernel prints, as its source has it, without the hashes of crates:
//
//	_RNvMs3_NtCs1_11rust_binder7processNtB5_7Process10update_ref
//	<rust_binder::process::Process>::update_ref
//
// Any other name, and what it cannot read, it returns as it is.
func demangleRust(symbol string) string {
	rest, ok := strings.CutPrefix(symbol, "_R")
	if !ok {
		return symbol
	}
	rest, _, _ = strings.Cut(rest, ".") // what LLVM appends
	d := rustName{text: rest}
	d.path(false)
	if d.bad || d.out.Len() == 0 {
		return symbol
	}
	return d.out.String()
}

// rustName is a symbol being read.
type rustName struct {
	text  string
	at    int
	out   strings.Builder
	mute  int // paths that are read and not written
	depth int
	bad   bool
}

func (d *rustName) fail() { d.bad = true }

func (d *rustName) next() byte {
	if d.at >= len(d.text) {
		d.fail()
		return 0
	}
	d.at++
	return d.text[d.at-1]
}

func (d *rustName) eat(b byte) bool {
	if d.at < len(d.text) && d.text[d.at] == b {
		d.at++
		return true
	}
	return false
}

func (d *rustName) put(s string) {
	if d.mute > 0 {
		return
	}
	if d.out.Len()+len(s) > maxRustName {
		d.fail()
		return
	}
	d.out.WriteString(s)
}

// enter guards a recursive rule.
func (d *rustName) enter() bool {
	d.depth++
	if d.depth > maxRustDepth {
		d.fail()
	}
	return !d.bad
}

func (d *rustName) leave() { d.depth-- }

// base62 reads a number in base 62 that ends in '_'.
func (d *rustName) base62() int {
	if d.eat('_') {
		return 0
	}
	n := 0
	for {
		b := d.next()
		n = min(n, 1<<40) // the hashes of crates are longer; nobody counts with them
		switch {
		case d.bad:
			return 0
		case b == '_':
			return n + 1
		case isDigit(b):
			n = n*62 + int(b-'0')
		case 'a' <= b && b <= 'z':
			n = n*62 + int(b-'a') + 10
		case 'A' <= b && b <= 'Z':
			n = n*62 + int(b-'A') + 36
		default:
			d.fail()
			return 0
		}
	}
}

// identifier reads a length and a name, with the number that tells equal names
// apart in front.
func (d *rustName) identifier() (name string, disambiguator int) {
	if d.eat('s') {
		disambiguator = d.base62() + 1
	}
	puny := d.eat('u')
	n := 0
	for d.at < len(d.text) && isDigit(d.text[d.at]) && n < maxRustName {
		n = n*10 + int(d.text[d.at]-'0')
		d.at++
	}
	d.eat('_')
	if n > len(d.text)-d.at {
		d.fail()
		return "", 0
	}
	name = d.text[d.at : d.at+n]
	d.at += n
	if puny {
		name = "punycode{" + name + "}"
	}
	return name, disambiguator
}

// back reads what a back reference points to.
func (d *rustName) back(read func()) {
	start := d.at - 1
	to := d.base62()
	if to >= start {
		d.fail()
		return
	}
	if d.mute > 0 {
		return
	}
	at := d.at
	d.at = to
	read()
	d.at = at
}

// path reads a path. value says that generic arguments are written with "::"
// in front, as in an expression.
func (d *rustName) path(value bool) {
	if !d.enter() {
		return
	}
	defer d.leave()
	switch d.next() {
	case 'C':
		name, _ := d.identifier()
		d.put(name)
	case 'N':
		space := d.next()
		d.path(value)
		name, n := d.identifier()
		switch {
		case space == 'C':
			d.put("::{closure#" + strconv.Itoa(n) + "}")
		case space == 'S':
			d.put("::{shim}")
		case name != "":
			d.put("::" + name)
		}
	case 'M':
		d.implPath()
		d.put("<")
		d.typ()
		d.put(">")
	case 'X':
		d.implPath()
		d.asTrait()
	case 'Y':
		d.asTrait()
	case 'I':
		d.path(value)
		if value {
			d.put("::")
		}
		d.put("<")
		d.list(", ", d.genericArg)
		d.put(">")
	case 'B':
		d.back(func() { d.path(value) })
	default:
		d.fail()
	}
}

// implPath reads where an impl stands, which nobody wants to know.
func (d *rustName) implPath() {
	if d.eat('s') {
		d.base62()
	}
	d.mute++
	d.path(false)
	d.mute--
}

func (d *rustName) asTrait() {
	d.put("<")
	d.typ()
	d.put(" as ")
	d.path(false)
	d.put(">")
}

// list reads entries up to 'E' and returns how many there were.
func (d *rustName) list(separator string, read func()) int {
	n := 0
	for !d.bad && !d.eat('E') {
		if n > 0 {
			d.put(separator)
		}
		read()
		n++
	}
	return n
}

func (d *rustName) genericArg() {
	switch {
	case d.eat('L'):
		d.base62()
		d.put("'_")
	case d.eat('K'):
		d.constant()
	default:
		d.typ()
	}
}

var rustBasic = map[byte]string{
	'a': "i8", 'b': "bool", 'c': "char", 'd': "f64", 'e': "str", 'f': "f32", 'h': "u8", 'i': "isize", 'j': "usize", 'l': "i32", 'm': "u32",
	'n': "i128", 'o': "u128", 's': "i16", 't': "u16", 'u': "()", 'v': "...", 'x': "i64", 'y': "u64", 'z': "!", 'p': "_",
}

func (d *rustName) typ() {
	if !d.enter() {
		return
	}
	defer d.leave()
	b := d.next()
	if name, ok := rustBasic[b]; ok {
		d.put(name)
		return
	}
	switch b {
	case 'R', 'Q':
		d.put("&")
		if d.eat('L') {
			d.base62()
		}
		if b == 'Q' {
			d.put("mut ")
		}
		d.typ()
	case 'P':
		d.put("*const ")
		d.typ()
	case 'O':
		d.put("*mut ")
		d.typ()
	case 'A', 'S':
		d.put("[")
		d.typ()
		if b == 'A' {
			d.put("; ")
			d.constant()
		}
		d.put("]")
	case 'T':
		d.put("(")
		if d.list(", ", d.typ) == 1 {
			d.put(",")
		}
		d.put(")")
	case 'F':
		d.function()
	case 'D':
		d.dyn()
	case 'B':
		d.back(d.typ)
	default:
		d.at--
		d.path(false)
	}
}

func (d *rustName) function() {
	if d.eat('G') {
		d.base62()
	}
	if d.eat('U') {
		d.put("unsafe ")
	}
	if d.eat('K') {
		abi := "C"
		if !d.eat('C') {
			abi, _ = d.identifier()
		}
		d.put("extern \"" + abi + "\" ")
	}
	d.put("fn(")
	d.list(", ", d.typ)
	d.put(")")
	if !d.eat('u') {
		d.put(" -> ")
		d.typ()
	}
}

func (d *rustName) dyn() {
	d.put("dyn ")
	if d.eat('G') {
		d.base62()
	}
	d.list(" + ", func() {
		d.path(false)
		for d.eat('p') {
			name, _ := d.identifier()
			d.put("<" + name + " = ")
			d.typ()
			d.put(">")
		}
	})
	if !d.eat('L') {
		d.fail()
		return
	}
	d.base62()
}

// constant reads the value of a constant argument.
func (d *rustName) constant() {
	if d.eat('p') {
		d.put("_")
		return
	}
	if d.eat('B') {
		d.back(d.constant)
		return
	}
	kind := d.next()
	negative := d.eat('n')
	start := d.at
	for !d.bad && d.next() != '_' {
	}
	if d.bad {
		return
	}
	digits := d.text[start : d.at-1]
	v, err := strconv.ParseUint("0"+digits, 16, 64)
	switch {
	case err != nil:
		d.put("0x" + digits)
	case kind == 'b':
		d.put(strconv.FormatBool(v != 0))
	case negative:
		d.put("-" + strconv.FormatUint(v, 10))
	default:
		d.put(strconv.FormatUint(v, 10))
	}
}
