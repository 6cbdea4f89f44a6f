package printfmt

import (
	"fmt"
	"strconv"
	"strings"
)

// verb is one conversion of a printf format.
type verb struct {
	minus, plus, space, zero, sharp bool

	width, prec       int // prec is -1 for none
	starWidth, starPr bool
	size              int // bytes of the number, by its length modifier
	conv              byte
	pointer           string // what follows %p
}

// parseVerb reads what follows a '%' and says how long it is.
func parseVerb(s string, longSize int) (v verb, n int, err error) {
	v.prec = -1
	v.size = 4
	i := 0
flags:
	for ; i < len(s); i++ {
		switch s[i] {
		case '-':
			v.minus = true
		case '+':
			v.plus = true
		case ' ':
			v.space = true
		case '0':
			v.zero = true
		case '#':
			v.sharp = true
		default:
			break flags
		}
	}
	if i < len(s) && s[i] == '*' {
		v.starWidth = true
		i++
	} else {
		v.width, i = decimal(s, i)
	}
	if i < len(s) && s[i] == '.' {
		i++
		if i < len(s) && s[i] == '*' {
			v.starPr = true
			i++
		} else {
			v.prec, i = decimal(s, i)
		}
	}
	longs, shorts := 0, 0
length:
	for ; i < len(s); i++ {
		switch s[i] {
		case 'l':
			longs++
		case 'L':
			longs = 2
		case 'z', 'Z', 't':
			longs = 1
		case 'h':
			shorts++
		default:
			break length
		}
	}
	switch {
	case longs >= 2:
		v.size = 8
	case longs == 1:
		v.size = longSize
	case shorts >= 2:
		v.size = 1
	case shorts == 1:
		v.size = 2
	}
	if i == len(s) {
		return v, i, fmt.Errorf("a conversion that does not end: %q", s)
	}
	v.conv = s[i]
	i++
	switch v.conv {
	case 'd', 'i', 'u', 'x', 'X', 'o', 'c', 's':
	case 'p':
		end := i + pointerSuffix(s[i:])
		v.pointer = s[i:end]
		i = end
	default:
		return v, i, fmt.Errorf("conversion %%%c is not known", v.conv)
	}
	return v, i, nil
}

// maxWidth bounds what a width may add to a line.
const maxWidth = 4096

func decimal(s string, i int) (v, end int) {
	for ; i < len(s) && isDigit(s[i]); i++ {
		v = min(v*10+int(s[i]-'0'), maxWidth)
	}
	return v, i
}

// pointerSuffix is the length of the letters that extend %p.
func pointerSuffix(s string) int {
	if s == "" {
		return 0
	}
	among := func(i int, set string) int {
		if i < len(s) && strings.IndexByte(set, s[i]) >= 0 {
			return 1
		}
		return 0
	}
	switch s[0] {
	case 'F', 'S', 's', 'B', 'x', 'K', 'e':
		return 1
	case 'f':
		return 1
	case 'M', 'm':
		n := 1
		for among(n, "RF") > 0 {
			n++
		}
		return n
	case 'U':
		return 1 + among(1, "LlBb")
	case 'h':
		return 1 + among(1, "CDN")
	case 'b':
		return 1 + among(1, "l")
	case 'a':
		return 1 + among(1, "pd")
	case 'I', 'i':
		n := 1 + among(1, "46S")
		for n > 1 && among(n, "pfschnbl") > 0 {
			n++
		}
		return n
	}
	return 0
}

// plain says whether a number is printed by its digits alone.
func (v *verb) plain() bool {
	return !v.minus && !v.plus && !v.space && !v.sharp && v.width == 0 && v.prec < 0 && !v.starWidth && !v.starPr
}

const lower, upper = "0123456789abcdef", "0123456789ABCDEF"

// appendNumber appends a number as printf does.
func (v *verb) appendNumber(b []byte, val uint64) []byte {
	shift := uint(64 - 8*v.size)
	var digits [24]byte
	var d []byte
	sign := byte(0)
	switch v.conv {
	case 'c':
		return v.pad(append(b, byte(val)), len(b))
	case 'd', 'i':
		n := int64(val<<shift) >> shift
		if n < 0 {
			sign = '-'
			n = -n
		} else if v.plus {
			sign = '+'
		} else if v.space {
			sign = ' '
		}
		d = strconv.AppendUint(digits[:0], uint64(n), 10)
	case 'u':
		d = strconv.AppendUint(digits[:0], val<<shift>>shift, 10)
	case 'o':
		d = strconv.AppendUint(digits[:0], val<<shift>>shift, 8)
	default:
		set := lower
		if v.conv == 'X' {
			set = upper
		}
		val = val << shift >> shift
		i := len(digits)
		for n := val; ; n >>= 4 {
			i--
			digits[i] = set[n&15]
			if n < 16 {
				break
			}
		}
		d = digits[i:]
	}
	start := len(b)
	prefix := ""
	if v.sharp && val != 0 {
		switch v.conv {
		case 'x':
			prefix = "0x"
		case 'X':
			prefix = "0X"
		case 'o':
			prefix = "0"
		}
	}
	width := len(d) + len(prefix)
	if sign != 0 {
		width++
	}
	zeros := v.prec - len(d)
	if v.prec < 0 && v.zero && !v.minus {
		zeros = v.width - width
	}
	if zeros > 0 {
		width += zeros
	}
	if !v.minus {
		for n := width; n < v.width; n++ {
			b = append(b, ' ')
		}
	}
	if sign != 0 {
		b = append(b, sign)
	}
	b = append(b, prefix...)
	for ; zeros > 0; zeros-- {
		b = append(b, '0')
	}
	b = append(b, d...)
	return v.pad(b, start)
}

// pad fills what was appended since start up to the width.
func (v *verb) pad(b []byte, start int) []byte {
	n := v.width - (len(b) - start)
	if n <= 0 {
		return b
	}
	end := len(b)
	for range n {
		b = append(b, ' ')
	}
	if !v.minus {
		copy(b[start+n:], b[start:end])
		for i := range n {
			b[start+i] = ' '
		}
	}
	return b
}

// cut shortens what was appended since start to the precision, and fills it up
// to the width.
func (v *verb) cut(b []byte, start int) []byte {
	if v.prec >= 0 && len(b)-start > v.prec {
		b = b[:start+v.prec]
	}
	return v.pad(b, start)
}

// appendHex appends a number in hexadecimal.
func appendHex(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 16) }

// appendHexByte appends two digits.
func appendHexByte(b []byte, c byte) []byte { return append(b, lower[c>>4], lower[c&15]) }
