package dump

import (
	"encoding/binary"
	"errors"
	"hash/adler32"
	"math/bits"
)

// An inflater decompresses zlib (RFC 1950, 1951) from one slice into another.
//
// Libraries read from streams into windows of 32 KiB, which for pages of 4 KiB is
// much of the work; here the page is the window, and a page costs little more
// than half. Most dumps are zlib, QEMU's and those of makedumpfile -c, so this
// decides what their triage costs.
type inflater struct {
	literals, distances huffman
	lengths             [maxLiterals + maxDistances]uint8
	fixed               bool // the tables are those of fixed blocks

	src  []byte
	pos  int
	hold uint64 // bits not yet used, of which there are n
	n    int
}

const (
	maxLiterals  = 286
	maxDistances = 30
	maxCodeBits  = 15
	tableBits    = 10
)

// huffman decodes a code: those of up to tableBits bits by a table, longer ones,
// which are rare by nature, by counting.
type huffman struct {
	table  [1 << tableBits]entry
	count  [maxCodeBits + 1]uint16 // codes of each length
	sorted [288]uint16             // symbols by code
	// symbols turns a symbol into an entry without its length in bits.
	symbols *[288]entry
}

// entry is what a code stands for: bits 0–3 the length of the code (0: none, or
// one too long for the table), 4–7 how many extra bits follow, 8–9 the kind, and
// from 16 on the value.
type entry uint32

const (
	kindLiteral entry = iota << 8
	kindMatch         // a length or a distance
	kindEnd
	kindBad
	kindMask entry = 3 << 8
)

func (e entry) bits() int   { return int(e & 15) }
func (e entry) extra() int  { return int(e >> 4 & 15) }
func (e entry) value() int  { return int(e >> 16) }
func (e entry) kind() entry { return e & kindMask }

// The meanings of symbols, by RFC 1951, 3.2.5.
var (
	literalSymbols = func() (t [288]entry) {
		for i := range t {
			switch {
			case i < 256:
				t[i] = entry(i)<<16 | kindLiteral
			case i == 256:
				t[i] = kindEnd
			case i < 265:
				t[i] = entry(i-254)<<16 | kindMatch
			case i < 285:
				extra := (i - 261) / 4
				t[i] = entry((4+(i-261)%4)<<extra+3)<<16 | entry(extra)<<4 | kindMatch
			case i == 285:
				t[i] = 258<<16 | kindMatch
			default:
				t[i] = kindBad
			}
		}
		return t
	}()
	distanceSymbols = func() (t [288]entry) {
		for i := range t {
			switch {
			case i < 4:
				t[i] = entry(i+1)<<16 | kindMatch
			case i < maxDistances:
				extra := i/2 - 1
				t[i] = entry((2+i%2)<<extra+1)<<16 | entry(extra)<<4 | kindMatch
			default:
				t[i] = kindBad
			}
		}
		return t
	}()
	plainSymbols = func() (t [288]entry) {
		for i := range t {
			t[i] = entry(i) << 16
		}
		return t
	}()
)

var (
	errInflateShort  = errors.New("it ends early")
	errInflateLong   = errors.New("it is longer than a page")
	errInflateCode   = errors.New("it has an impossible code")
	errInflateFar    = errors.New("it refers to what is before the page")
	errInflateHeader = errors.New("it has no zlib header")
	errInflateSum    = errors.New("its checksum is wrong")
)

// zlib decompresses src into dst and returns how many bytes there were.
func (f *inflater) zlib(dst, src []byte) (int, error) {
	if len(src) < 6 {
		return 0, errInflateShort
	}
	// Deflate, a window of at most 32 KiB, no dictionary.
	if h := binary.BigEndian.Uint16(src); h%31 != 0 || src[0]&15 != 8 || src[0]>>4 > 7 || src[1]&0x20 != 0 {
		return 0, errInflateHeader
	}
	f.src, f.pos, f.hold, f.n = src, 2, 0, 0
	defer func() { f.src = nil }()
	out := 0
	for last := false; !last; {
		f.refill()
		last = f.take(1) == 1
		var err error
		switch f.take(2) {
		case 0:
			out, err = f.stored(dst, out)
		case 1:
			if !f.fixed {
				f.fixedTables()
			}
			out, err = f.block(dst, out)
		case 2:
			if err = f.tables(); err == nil {
				out, err = f.block(dst, out)
			}
		default:
			err = errInflateCode
		}
		if err == nil && f.n < 0 {
			err = errInflateShort
		}
		if err != nil {
			return out, err
		}
	}
	f.align()
	if len(src)-f.pos < 4 {
		return out, errInflateShort
	}
	if binary.BigEndian.Uint32(src[f.pos:]) != adler32.Checksum(dst[:out]) {
		return out, errInflateSum
	}
	return out, nil
}

// refill makes sure of 56 bits. Beyond the end there are zeros; that they were
// used is seen by n having become negative.
func (f *inflater) refill() {
	if len(f.src)-f.pos >= 8 {
		f.hold |= binary.LittleEndian.Uint64(f.src[f.pos:]) << f.n
		f.pos += (63 - f.n) >> 3
		f.n |= 56
		return
	}
	for f.n <= 56 && f.pos < len(f.src) {
		f.hold |= uint64(f.src[f.pos]) << f.n
		f.pos++
		f.n += 8
	}
}

func (f *inflater) take(n int) int {
	v := int(f.hold & (1<<n - 1))
	f.hold >>= n
	f.n -= n
	return v
}

// align goes back to the first byte of which no bit was used.
func (f *inflater) align() {
	f.pos -= f.n >> 3
	f.hold, f.n = 0, 0
}

func (f *inflater) stored(dst []byte, out int) (int, error) {
	if f.n < 0 {
		return out, errInflateShort
	}
	f.align()
	if len(f.src)-f.pos < 4 {
		return out, errInflateShort
	}
	n, not := binary.LittleEndian.Uint16(f.src[f.pos:]), binary.LittleEndian.Uint16(f.src[f.pos+2:])
	f.pos += 4
	switch {
	case n != ^not:
		return out, errInflateCode
	case len(f.src)-f.pos < int(n):
		return out, errInflateShort
	case len(dst)-out < int(n):
		return out, errInflateLong
	}
	copy(dst[out:], f.src[f.pos:f.pos+int(n)])
	f.pos += int(n)
	return out + int(n), nil
}

func (f *inflater) fixedTables() {
	var l [288]uint8
	for i := range l {
		switch {
		case i < 144, i >= 280:
			l[i] = 8
		case i < 256:
			l[i] = 9
		default:
			l[i] = 7
		}
	}
	f.literals.build(l[:], &literalSymbols)
	for i := range 32 {
		l[i] = 5
	}
	f.distances.build(l[:32], &distanceSymbols)
	f.fixed = true
}

// codeOrder is the order in which the lengths of the code's code come.
var codeOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// tables reads the codes of a block.
func (f *inflater) tables() error {
	f.fixed = false
	f.refill()
	literals, distances, n := f.take(5)+257, f.take(5)+1, f.take(4)+4
	if literals > maxLiterals || distances > maxDistances {
		return errInflateCode
	}
	var lengths [19]uint8
	for i := range n {
		if i%16 == 0 {
			f.refill()
		}
		lengths[codeOrder[i]] = uint8(f.take(3))
	}
	// The distances' tables serve for the lengths first.
	code := &f.distances
	if !code.build(lengths[:], &plainSymbols) {
		return errInflateCode
	}
	all := f.lengths[:literals+distances]
	for i := 0; i < len(all); {
		f.refill()
		e := f.symbol(code)
		if e.kind() == kindBad {
			return errInflateCode
		}
		var v uint8
		var times int
		switch s := e.value(); {
		case s < 16:
			all[i] = uint8(s)
			i++
			continue
		case s == 16:
			if i == 0 {
				return errInflateCode
			}
			v, times = all[i-1], 3+f.take(2)
		case s == 17:
			times = 3 + f.take(3)
		default:
			times = 11 + f.take(7)
		}
		if f.n < 0 || times > len(all)-i {
			return errInflateCode
		}
		for range times {
			all[i] = v
			i++
		}
	}
	if f.n < 0 {
		return errInflateShort
	}
	if !f.literals.build(all[:literals], &literalSymbols) || !f.distances.build(all[literals:], &distanceSymbols) {
		return errInflateCode
	}
	return nil
}

// build makes a decoder of the lengths of codes. A code that leaves bits without
// meaning is refused, but for one of a single symbol and one of none.
func (h *huffman) build(lengths []uint8, symbols *[288]entry) bool {
	h.symbols = symbols
	h.count = [maxCodeBits + 1]uint16{}
	for _, l := range lengths {
		h.count[l]++
	}
	used := len(lengths) - int(h.count[0])
	h.count[0] = 0
	clear(h.table[:])
	var code, first [maxCodeBits + 2]uint16
	left := 1
	for l := 1; l <= maxCodeBits; l++ {
		left = left<<1 - int(h.count[l])
		if left < 0 {
			return false
		}
		code[l+1] = (code[l] + h.count[l]) << 1
		first[l+1] = first[l] + h.count[l]
	}
	if left > 0 && used != 0 && (used != 1 || h.count[1] != 1) {
		return false
	}
	for s, l := range lengths {
		if l == 0 {
			continue
		}
		h.sorted[first[l]] = uint16(s)
		first[l]++
		c := code[l]
		code[l]++
		if l <= tableBits {
			e := symbols[s] | entry(l)
			for i := int(bits.Reverse16(c) >> (16 - l)); i < len(h.table); i += 1 << l {
				h.table[i] = e
			}
		}
	}
	return true
}

// symbol decodes one that begins with the next bit.
func (f *inflater) symbol(h *huffman) entry {
	e := h.table[f.hold%(1<<tableBits)]
	if e.bits() == 0 {
		e = h.long(f.hold)
	}
	f.hold >>= e.bits()
	f.n -= e.bits()
	return e
}

// long decodes a code bit by bit: those of each length are successive numbers.
func (h *huffman) long(hold uint64) entry {
	code, first, index := 0, 0, 0
	for l := 1; l <= maxCodeBits; l++ {
		code |= int(hold & 1)
		hold >>= 1
		count := int(h.count[l])
		if code-first < count {
			return h.symbols[h.sorted[index+code-first]] | entry(l)
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return kindBad
}

// block decodes until the end of a block. What it changes all the time is in
// variables of its own: this loop is where a triage spends its time.
func (f *inflater) block(dst []byte, out int) (int, error) {
	src, pos, hold, n := f.src, f.pos, f.hold, f.n
	defer func() { f.pos, f.hold, f.n = pos, hold, n }()
	for {
		// A match takes 48 bits at most.
		if n < 48 {
			if len(src)-pos >= 8 {
				hold |= binary.LittleEndian.Uint64(src[pos:]) << n
				pos += (63 - n) >> 3
				n |= 56
			} else {
				f.pos, f.hold, f.n = pos, hold, n
				f.refill()
				pos, hold, n = f.pos, f.hold, f.n
			}
		}
		e := f.literals.table[hold%(1<<tableBits)]
		if e.bits() == 0 {
			e = f.literals.long(hold)
		}
		hold >>= e.bits()
		n -= e.bits()
		if e.kind() == kindLiteral {
			switch {
			case n < 0:
				return out, errInflateShort
			case out >= len(dst):
				return out, errInflateLong
			}
			dst[out] = byte(e.value())
			out++
			continue
		}
		if e.kind() != kindMatch {
			if e.kind() == kindBad {
				return out, errInflateCode
			}
			return out, nil
		}
		length := e.value() + int(hold&(1<<e.extra()-1))
		hold >>= e.extra()
		n -= e.extra()

		e = f.distances.table[hold%(1<<tableBits)]
		if e.bits() == 0 {
			e = f.distances.long(hold)
		}
		if e.kind() == kindBad {
			return out, errInflateCode
		}
		hold >>= e.bits()
		distance := e.value() + int(hold&(1<<e.extra()-1))
		hold >>= e.extra()
		n -= e.bits() + e.extra()
		switch {
		case n < 0:
			return out, errInflateShort
		case distance > out:
			return out, errInflateFar
		case length > len(dst)-out:
			return out, errInflateLong
		}
		end := out + length
		if distance >= 8 && length <= 16 && out+16 <= len(dst) {
			// Most are short: what is copied beyond the end is overwritten.
			from, to := dst[out-distance:][:16], dst[out:][:16]
			binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(from))
			binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(from[8:]))
			out = end
			continue
		}
		for out < end {
			out += copy(dst[out:end], dst[out-distance:out])
		}
	}
}
