package crash

// class is a set of bytes.
type class uint8

const (
	digits class = 1 << iota
	hexDigits
	symbols // of names of functions, with the suffixes of compilers
	blanks
)

// classes tells for each byte the classes that it is in.
var classes = func() (t [256]class) {
	for i := range t {
		b := byte(i)
		switch {
		case '0' <= b && b <= '9':
			t[i] = digits | hexDigits | symbols
		case 'a' <= b && b <= 'f', 'A' <= b && b <= 'F':
			t[i] = hexDigits | symbols
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', b == '_', b == '.', b == '$':
			t[i] = symbols
		case b == ' ', b == '\t':
			t[i] = blanks
		}
	}
	return t
}()

func isDigit(b byte) bool  { return b-'0' <= 9 }
func isHex(b byte) bool    { return classes[b]&hexDigits != 0 }
func isSymbol(b byte) bool { return classes[b]&symbols != 0 }

// run returns how many bytes at the start of text are in c.
func run(text []byte, c class) int {
	for i, b := range text {
		if classes[b]&c == 0 {
			return i
		}
	}
	return len(text)
}

// trimBlanks removes leading blanks and tabs.
func trimBlanks(text []byte) []byte {
	for i, b := range text {
		if b != ' ' && b != '\t' {
			return text[i:]
		}
	}
	return nil
}

func hexLen(text []byte) int {
	n := 0
	if len(text) > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && isHex(text[2]) {
		n = 2
	}
	return n + run(text[n:], hexDigits)
}
