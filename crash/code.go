package crash

import (
	"bytes"

	"ringside/klog"
)

// maxCode bounds the bytes kept of a report's code. No architecture prints more
// than some 70.
const maxCode = 512

// codeForm is how the lines that follow go on with the code.
type codeForm uint8

const (
	codeWhole   codeForm = iota // a "Code:" line is all
	codeWords                   // powerpc before 6.7: words on lines of their own
	codeListing                 // s390: a disassembly
)

// codeLine reads a line of the code around the trap. It reports whether text,
// without leading blanks, is one.
func (b *builder) codeLine(s *stream, rec *klog.Record, text []byte) bool {
	rest, heading := bytes.CutPrefix(text, []byte("Krnl Code:"))
	switch {
	case bytes.HasPrefix(text, []byte("Instruction dump:")):
		b.codeForm, b.codeOpen = codeWords, b.rep.Code == nil
		return true
	case heading:
		b.codeForm, b.codeOpen = codeListing, b.rep.Code == nil
	}
	hex, trap, ok := b.mem.hex[:0], -1, false
	switch {
	case b.codeForm == codeWords && (isHex(text[0]) || text[0] == '<'):
		hex, trap = scanWords(text, hex)
		ok = len(hex) > 0
	case b.codeForm == codeListing:
		hex, trap, ok = scanListing(rest, hex)
	}
	if !ok {
		if hex, trap, ok = scanCode(text, hex[:0]); ok {
			b.codeOpen = b.rep.Code == nil
		}
		b.codeForm = codeWhole
	}
	b.mem.hex = hex
	if !ok || !b.codeOpen || s.user || b.stage >= stageEnded || len(hex) == 0 {
		return ok
	}
	if b.rep.Code == nil {
		b.rep.Code = &Code{Trap: -1}
		b.evidence("code", "body/code", rec, len(rec.Text)-len(text), len(rec.Text))
	}
	if c := b.rep.Code; len(c.Bytes)+len(hex) <= 2*maxCode {
		if trap >= 0 && c.Trap < 0 {
			c.Trap = len(c.Bytes)/2 + trap
		}
		c.Bytes += string(hex)
	}
	return true
}

// scanListing reads a line of the disassembly that s390 prints, of which the
// instruction at the program counter is marked '>':
//
//	Krnl Code: 000003ff803a4f22: e31020080004	lg	%r1,8(%r2)
//	          >000003ff803a4f2e: e54410000000	mvhhi	0(%r1),0
func scanListing(text, hex []byte) (_ []byte, trap int, ok bool) {
	trap = -1
	text = trimBlanks(text)
	if len(text) > 0 && (text[0] == '#' || text[0] == '>') {
		if text[0] == '>' {
			trap = 0
		}
		text = text[1:]
	}
	n := run(text, hexDigits)
	if n < 8 || !bytes.HasPrefix(text[n:], []byte(": ")) {
		return hex, -1, false
	}
	text = text[n+2:]
	n = run(text, hexDigits)
	if n != 4 && n != 8 && n != 12 {
		return hex, -1, n == 0
	}
	return append(hex, text[:n]...), trap, true
}

// scanCode reads a "Code:" line and appends its digits to hex. trap is the
// index of the trapping byte, which is marked <..> or (..), -1 without one.
func scanCode(text, hex []byte) (_ []byte, trap int, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte("Code:"))
	if !ok {
		return hex, -1, false
	}
	hex, trap = scanWords(rest, hex)
	return hex, trap, true
}

// scanWords appends the digits of the words in text to hex, up to the first
// that is none.
func scanWords(text, hex []byte) (_ []byte, trap int) {
	trap = -1
	for word := range bytes.FieldsSeq(text) {
		mark := word[0] == '<' || word[0] == '('
		word = bytes.Trim(word, "<>()")
		if hexLen(word) != len(word) || len(word)%2 != 0 || len(word) > 16 {
			break
		}
		if mark && trap < 0 {
			trap = len(hex) / 2
		}
		hex = append(hex, word...)
	}
	return hex, trap
}
