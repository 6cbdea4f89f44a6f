package klog

import (
	"encoding/binary"
	"math/bits"
)

// Byte masks of the eight-bytes-at-a-time scanners below.
const (
	eachByte  = 0x0101010101010101
	highBits  = 0x80 * eachByte
	spaces    = ' ' * eachByte
	zeros     = '0' * eachByte
	highHalf  = 0xf0 * eachByte
	sixToTens = 0x06 * eachByte // carries '9'+1 and above into the high half
)

func load64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// controls marks, in the high bit of each byte of w, the bytes below a blank.
// The lowest mark is exact; those above a true one may be false.
func controls(w uint64) uint64 { return (w - spaces) &^ w }

// indexControl returns the index of the first control byte other than a tab,
// or -1. It finds the end of a line and proves the line clean in one pass,
// which is what keeps the fast path to a single look at each byte.
func indexControl(b []byte) int {
	i := 0
	for i+32 <= len(b) {
		c := b[i : i+32 : i+32]
		w0, w1, w2, w3 := load64(c), load64(c[8:]), load64(c[16:]), load64(c[24:])
		if (controls(w0)|controls(w1)|controls(w2)|controls(w3))&highBits == 0 {
			i += 32
			continue
		}
		for k := 0; k < 32; k += 8 {
			for m := controls(load64(c[k:])) & highBits; m != 0; m &= m - 1 {
				j := k + bits.TrailingZeros64(m)>>3
				if c[j] < ' ' && c[j] != '\t' {
					return i + j
				}
			}
		}
		i += 32
	}
	for ; i < len(b); i++ {
		if b[i] < ' ' && b[i] != '\t' {
			return i
		}
	}
	return -1
}

// allDigits reports whether every byte of w is an ASCII digit.
func allDigits(w uint64) bool {
	return w&highHalf == zeros && (w+sixToTens)&highHalf == zeros
}

// eightDigits converts eight ASCII digits, first digit in the lowest byte.
func eightDigits(w uint64) uint64 {
	w -= zeros
	w = w*10 + w>>8
	return ((w&0x000000ff000000ff)*0x000f424000000064 + (w>>16&0x000000ff000000ff)*0x0000271000000001) >> 32
}

// stampWidth is the least length of printk's "[%5lu.%06lu]".
const stampWidth = len("[    0.000000]")

// scanStamp reads printk's "[%5lu.%06lu]" at the start of b and returns the
// microseconds and the length, or 0, 0. It takes the padded form only, of
// which the kernel never prints another; see scanLooseStamp for stamps that
// lost their padding on the way.
func scanStamp(b []byte) (us int64, n int) {
	if len(b) < 24 || b[0] != '[' {
		if len(b) < stampWidth || b[0] != '[' {
			return 0, 0
		}
		var pad [24]byte
		copy(pad[:], b)
		us, n = scanStamp(pad[:])
		if n > len(b) {
			return 0, 0
		}
		return us, n
	}
	w := 5
	for b[1+w] != '.' {
		if w++; w > 8 {
			return 0, 0
		}
	}
	frac := load64(b[1+w:]) // ".uuuuuu]"
	if frac>>56 != ']' {
		return 0, 0
	}
	frac = frac>>8<<16 | '0' | '0'<<8
	// A blank becomes '0' with one bit, so padding and digits are checked and
	// converted together; blanks between or behind digits are caught after.
	raw := load64(b[1:]) << (8 * (8 - w))
	secs := raw | 0x10*eachByte | zeros>>(8*w)
	if !allDigits(frac) || !allDigits(secs) {
		return 0, 0
	}
	k := 1
	for b[k] == ' ' {
		k++
	}
	for j := k; j <= w; j++ {
		if b[j] == ' ' {
			return 0, 0
		}
	}
	if k > w || (w > 5 && k > 1) {
		return 0, 0
	}
	return int64(eightDigits(secs))*1e6 + int64(eightDigits(frac)), w + 9
}

// scanLooseStamp is scanStamp for any padding, as pasted or re-flowed logs
// have it, and for more than eight digits of seconds.
func scanLooseStamp(b []byte) (us int64, n int) {
	if len(b) < len("[0.000000]") || b[0] != '[' {
		return 0, 0
	}
	i := 1
	for i < len(b) && i < 16 && b[i] == ' ' {
		i++
	}
	secs, d := scanUint(b[i:], 11)
	i += d
	if d == 0 || i+8 > len(b) || b[i] != '.' || b[i+7] != ']' {
		return 0, 0
	}
	frac, d := scanUint(b[i+1:], 6)
	if d != 6 {
		return 0, 0
	}
	return int64(secs)*1e6 + int64(frac), i + 8
}

// scanCaller reads printk's caller ID "[%6s]" of "T<tid>" or "C<cpu>".
func scanCaller(b []byte) (c Caller, n int) {
	if len(b) < len("[T1]") || b[0] != '[' {
		return c, 0
	}
	i := 1
	for i < len(b) && i < 16 && b[i] == ' ' {
		i++
	}
	if i == len(b) {
		return c, 0
	}
	switch b[i] {
	case 'T':
		c.Kind = CallerTask
	case 'C':
		c.Kind = CallerCPU
	default:
		return Caller{}, 0
	}
	i++
	id, d := scanUint(b[i:], 10)
	i += d
	if d == 0 || id > 1<<32-1 || i >= len(b) || b[i] != ']' {
		return Caller{}, 0
	}
	c.ID = uint32(id)
	return c, i + 1
}

// scanUint reads up to limit digits; limit ≤ 19.
func scanUint(b []byte, limit int) (v uint64, n int) {
	for n < len(b) && n < limit && isDigit(b[n]) {
		v = v*10 + uint64(b[n]-'0')
		n++
	}
	return v, n
}

// scanPri reads a syslog priority "<0>" to "<191>".
func scanPri(b []byte) (pri int, n int) {
	if len(b) < 3 || b[0] != '<' {
		return 0, 0
	}
	v, d := scanUint(b[1:], 3)
	if d == 0 || v > 191 || 1+d >= len(b) || b[1+d] != '>' {
		return 0, 0
	}
	return int(v), d + 2
}

func isDigit(c byte) bool { return c-'0' <= 9 }
func isUpper(c byte) bool { return c-'A' <= 'Z'-'A' }
func isLower(c byte) bool { return c-'a' <= 'z'-'a' }

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// indexWithin returns the index of c among the first limit bytes of b, or -1.
func indexWithin(b []byte, c byte, limit int) int {
	for i := 0; i < len(b) && i < limit; i++ {
		if b[i] == c {
			return i
		}
	}
	return -1
}
