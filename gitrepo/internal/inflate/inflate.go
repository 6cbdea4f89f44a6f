// Package inflate unpacks zlib streams (RFC 1950, RFC 1951) whose unpacked size is known,
// from memory into memory. A pack of git is hundreds of thousands of small streams of that
// kind, and what a reader of streams of any length does for each of them – a window, a
// state to come back to, tables for codes that are never used – costs more than unpacking.
package inflate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
)

// Slack is how many bytes behind what it unpacks a buffer should have room for: matches are
// then copied in words. It need not have it.
const Slack = 16

// What can be wrong with a stream.
var (
	ErrHeader   = errors.New("no zlib stream")
	ErrCode     = errors.New("a code of the stream is not valid")
	ErrDistance = errors.New("the stream refers to before its begin")
	ErrSize     = errors.New("the stream is not of the size that it should have")
	ErrCut      = errors.New("the stream is cut off")
	ErrChecksum = errors.New("the stream's checksum is wrong")
)

const (
	litBits  = 10
	distBits = 8
	preBits  = 7
	maxBits  = 15

	maxLit  = 288
	maxDist = 32
	endCode = 256
)

// A table entry says what a code stands for:
//
//	bits 0–7   how many bits it takes, those of the number behind it included
//	bits 8–12  how many of these are the code's
//	bits 13–15 kind
//	bits 16–31 the literal, the length or distance to which the number is added, or where
//	           the table for longer codes is
type entry uint32

const (
	literal  entry = 0 << 13
	match    entry = 1 << 13
	longer   entry = 2 << 13 // the low byte is what the code takes here, bits 8–12 the table's width
	end      entry = 3 << 13
	invalid  entry = 4 << 13
	kindMask entry = 7 << 13
)

// A Decoder unpacks one stream after the other. It keeps its tables, and must not be used by
// two goroutines at once. [NewDecoder] makes one.
type Decoder struct {
	// No valid code of so many symbols needs more than 1334 and 402, as zlib's enough.c
	// counts; with powers of two the compiler sees that no index is outside.
	lit      [1 << 11]entry
	dist     [1 << 9]entry
	pre      [1 << preBits]entry
	litBits  uint
	distBits uint

	fixedLit  [1 << 11]entry
	fixedDist [1 << 9]entry

	litSyms  [maxLit]entry // what symbols stand for, the lengths of codes left out
	distSyms [maxDist]entry
	lens     [maxLit + maxDist]uint8
	sorted   [maxLit]uint16
}

// stream is a position in what is unpacked.
type stream struct {
	src  []byte
	pos  int    // of the next byte that is not in bits
	bits uint64 // the low n are valid; above them may be more of the same bytes
	n    uint
	over uint // how many of the bytes in bits are none of src, but zeros behind its end
}

// fill brings at least 56 bits.
func (s *stream) fill() {
	if s.pos+8 <= len(s.src) {
		s.bits |= binary.LittleEndian.Uint64(s.src[s.pos:]) << s.n
		s.pos += int((63 - s.n) >> 3)
		s.n |= 56
		return
	}
	for s.n < 56 {
		if s.pos < len(s.src) {
			s.bits |= uint64(s.src[s.pos]) << s.n
			s.pos++
		} else {
			s.over++
		}
		s.n += 8
	}
}

func (s *stream) take(n uint) uint {
	v := uint(s.bits & (1<<n - 1))
	s.bits >>= n
	s.n -= n
	return v
}

// cut tells whether more was taken than there is.
func (s *stream) cut() bool { return s.over*8 > s.n }

// Zlib fills dst from a stream that must be of just this size, and says how many bytes of
// src it takes. What is behind dst, up to its capacity, may be overwritten.
func (d *Decoder) Zlib(dst, src []byte) (n int, err error) {
	if len(src) < 2 || src[0]&15 != 8 || src[0]>>4 > 7 || (uint(src[0])<<8|uint(src[1]))%31 != 0 || src[1]&0x20 != 0 {
		return 0, ErrHeader
	}
	n, err = d.Deflate(dst, src[2:])
	if err != nil {
		return 0, err
	}
	n += 2
	if len(src) < n+4 {
		return 0, ErrCut
	}
	if adler(dst) != binary.BigEndian.Uint32(src[n:]) {
		return 0, ErrChecksum
	}
	return n + 4, nil
}

// Deflate is [Decoder.Zlib] for a stream without head and checksum.
func (d *Decoder) Deflate(dst, src []byte) (n int, err error) {
	s := stream{src: src}
	out := 0
	for last := false; !last; {
		s.fill()
		last = s.take(1) == 1
		switch s.take(2) {
		case 0:
			out, err = s.stored(dst, out)
		case 1:
			out, err = s.codes(dst, out, &d.fixedLit, &d.fixedDist, 9, 5)
		case 2:
			if err = d.readCodes(&s); err == nil {
				out, err = s.codes(dst, out, &d.lit, &d.dist, d.litBits, d.distBits)
			}
		default:
			err = ErrCode
		}
		if err == nil && s.cut() {
			err = ErrCut
		}
		if err != nil {
			if s.cut() {
				err = ErrCut
			}
			return 0, err
		}
	}
	if out != len(dst) {
		return 0, ErrSize
	}
	return s.pos - int(s.n/8) + int(s.over), nil
}

// stored copies a block that is not packed.
func (s *stream) stored(dst []byte, out int) (int, error) {
	s.take(s.n & 7)
	// Whole bytes that were read ahead go back.
	s.pos -= int(s.n/8) - int(s.over)
	if s.cut() || s.pos < 0 || s.pos+4 > len(s.src) {
		return out, ErrCut
	}
	s.bits, s.n, s.over = 0, 0, 0
	size := int(binary.LittleEndian.Uint16(s.src[s.pos:]))
	if size^0xffff != int(binary.LittleEndian.Uint16(s.src[s.pos+2:])) {
		return out, ErrCode
	}
	s.pos += 4
	if s.pos+size > len(s.src) {
		return out, ErrCut
	}
	if out+size > len(dst) {
		return out, ErrSize
	}
	copy(dst[out:], s.src[s.pos:s.pos+size])
	s.pos += size
	return out + size, nil
}

// codes unpacks a block of literals and matches. The position is kept in variables of its
// own while it goes on: the compiler puts those into registers.
func (s *stream) codes(dst []byte, out int, lit *[1 << 11]entry, dist *[1 << 9]entry, litBits, distBits uint) (int, error) {
	src, pos, acc, n := s.src, s.pos, s.bits, s.n
	litMask, distMask := uint64(1)<<litBits-1, uint64(1)<<distBits-1
	room := dst[:cap(dst)]
	for {
		if pos+8 <= len(src) {
			acc |= binary.LittleEndian.Uint64(src[pos:]) << (n & 63)
			pos += int((63 - n) >> 3)
			n |= 56
		} else {
			s.pos, s.bits, s.n = pos, acc, n
			if s.fill(); s.cut() {
				// Zeros behind the end would go on for as long as there is room.
				return out, ErrCut
			}
			pos, acc, n = s.pos, s.bits, s.n
		}
		e := lit[acc&litMask&(1<<11-1)]
		// A match takes up to 48 bits, a literal of the first table no more than 10.
		for e&kindMask == literal {
			if out >= len(dst) {
				return out, ErrSize
			}
			dst[out] = byte(e >> 16)
			out++
			acc >>= e & 63
			n -= uint(e & 63)
			e = lit[acc&litMask&(1<<11-1)]
			if n < 48 {
				break
			}
		}
		if n < 48 {
			continue
		}
		if e&kindMask == longer {
			acc >>= e & 63
			n -= uint(e & 63)
			e = lit[(uint64(e>>16)+acc&(1<<(e>>8&31)-1))&(1<<11-1)]
		}
		here := acc
		acc >>= e & 63
		n -= uint(e & 63)
		switch e & kindMask {
		case match:
		case literal:
			if out >= len(dst) {
				return out, ErrSize
			}
			dst[out] = byte(e >> 16)
			out++
			continue
		case end:
			s.pos, s.bits, s.n = pos, acc, n
			return out, nil
		default:
			s.pos, s.bits, s.n = pos, acc, n
			return out, ErrCode
		}
		length := int(e>>16) + int(here&(1<<(e&63)-1)>>(e>>8&31))
		e = dist[acc&distMask&(1<<9-1)]
		if e&kindMask == longer {
			acc >>= e & 63
			n -= uint(e & 63)
			e = dist[(uint64(e>>16)+acc&(1<<(e>>8&31)-1))&(1<<9-1)]
		}
		if e&kindMask != match {
			s.pos, s.bits, s.n = pos, acc, n
			return out, ErrCode
		}
		back := int(e>>16) + int(acc&(1<<(e&63)-1)>>(e>>8&31))
		acc >>= e & 63
		n -= uint(e & 63)
		from := out - back
		if from < 0 {
			return out, ErrDistance
		}
		if length > len(dst)-out {
			return out, ErrSize
		}
		switch {
		case back >= 8 && out+length+Slack <= len(room):
			for k := 0; k < length; k += 8 {
				binary.LittleEndian.PutUint64(room[out+k:], binary.LittleEndian.Uint64(room[from+k:]))
			}
		case back >= length:
			copy(dst[out:out+length], dst[from:])
		default:
			for k := range length {
				dst[out+k] = dst[from+k]
			}
		}
		out += length
	}
}

// lengthOf and distOf give what symbols stand for: a base, and how many bits are added.
func lengthOf(sym int) (base, extra uint, ok bool) {
	switch k := uint(sym - endCode - 1); {
	case k < 8:
		return 3 + k, 0, true
	case k < 28:
		extra = k/4 - 1
		return 3 + (4+k%4)<<extra, extra, true
	case k == 28:
		return 258, 0, true
	}
	return 0, 0, false
}

func distOf(sym int) (base, extra uint, ok bool) {
	switch k := uint(sym); {
	case k < 4:
		return 1 + k, 0, true
	case k < 30:
		extra = k/2 - 1
		return 1 + (2+k%2)<<extra, extra, true
	}
	return 0, 0, false
}

// NewDecoder makes a decoder.
func NewDecoder() *Decoder {
	d := &Decoder{}
	for sym := range d.litSyms {
		d.litSyms[sym] = invalid
		if base, extra, ok := lengthOf(sym); sym < endCode {
			d.litSyms[sym] = literal | entry(sym)<<16
		} else if sym == endCode {
			d.litSyms[sym] = end
		} else if ok {
			d.litSyms[sym] = match | entry(base)<<16 | entry(extra)
		}
	}
	for sym := range d.distSyms {
		d.distSyms[sym] = invalid
		if base, extra, ok := distOf(sym); ok {
			d.distSyms[sym] = match | entry(base)<<16 | entry(extra)
		}
	}
	for i := range d.lens[:maxLit] {
		switch {
		case i < 144:
			d.lens[i] = 8
		case i < 256:
			d.lens[i] = 9
		case i < 280:
			d.lens[i] = 7
		default:
			d.lens[i] = 8
		}
	}
	d.build(d.fixedLit[:], d.lens[:maxLit], d.litSyms[:], 9)
	for i := range d.lens[:maxDist] {
		d.lens[i] = 5
	}
	d.build(d.fixedDist[:], d.lens[:maxDist], d.distSyms[:], 5)
	return d
}

// preOrder is in which order the lengths of the codes for lengths are given.
var preOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readCodes reads the codes of a block.
func (d *Decoder) readCodes(s *stream) error {
	s.fill()
	nlit, ndist, npre := int(s.take(5))+257, int(s.take(5))+1, int(s.take(4))+4
	if nlit > 286 || ndist > 30 {
		return ErrCode
	}
	var lens [19]uint8
	for i := range npre {
		if s.n < 3 {
			s.fill()
		}
		lens[preOrder[i]] = uint8(s.take(3))
	}
	width, ok := d.build(d.pre[:], lens[:], d.litSyms[:len(lens)], preBits)
	if !ok {
		return ErrCode
	}
	mask := uint64(1)<<width - 1
	all := d.lens[:nlit+ndist]
	for i := 0; i < len(all); {
		if s.n < preBits+7 {
			s.fill()
		}
		e := d.pre[s.bits&mask]
		if e&kindMask != literal {
			return ErrCode
		}
		s.take(uint(e & 63))
		sym := uint8(e >> 16)
		if sym < 16 {
			all[i] = sym
			i++
			continue
		}
		var again uint8
		var n int
		switch sym {
		case 16:
			if i == 0 {
				return ErrCode
			}
			again, n = all[i-1], 3+int(s.take(2))
		case 17:
			n = 3 + int(s.take(3))
		default:
			n = 11 + int(s.take(7))
		}
		if n > len(all)-i {
			return ErrCode
		}
		for k := range n {
			all[i+k] = again
		}
		i += n
	}
	if s.cut() {
		return ErrCut
	}
	if all[endCode] == 0 {
		return ErrCode
	}
	if d.litBits, ok = d.build(d.lit[:], all[:nlit], d.litSyms[:], litBits); !ok {
		return ErrCode
	}
	if d.distBits, ok = d.build(d.dist[:], all[nlit:], d.distSyms[:], distBits); !ok {
		return ErrCode
	}
	return nil
}

// build makes the table of a code from the lengths of its symbols; syms says what they stand
// for. Codes that are longer than the table is wide go on in tables behind it. Only codes
// that leave nothing over are valid, or, as zlib has it, that have one symbol or none.
func (d *Decoder) build(table []entry, lens []uint8, syms []entry, width uint) (uint, bool) {
	var count [maxBits + 1]int
	for _, n := range lens {
		count[n]++
	}
	used := len(lens) - count[0]
	longest := uint(maxBits)
	for longest > 0 && count[longest] == 0 {
		longest--
	}
	if used <= 1 && longest <= 1 {
		table[0], table[1] = invalid, invalid
		if used == 1 {
			table[0] = syms[bytes.IndexByte(lens, 1)] + 0x101
		}
		return 1, true
	}
	left := 1
	var at [maxBits + 2]int // where the symbols of a length begin; soon, where they end
	for n := 1; n <= maxBits; n++ {
		if left = left<<1 - count[n]; left < 0 {
			return 0, false
		}
		at[n+1] = at[n] + count[n]
	}
	if left != 0 {
		return 0, false
	}
	for sym, n := range lens {
		if n != 0 {
			d.sorted[at[n]] = uint16(sym)
			at[n]++
		}
	}

	// Codes in the order of their length: those of a length fill a table that is as wide as
	// they are long, and that is doubled for the next length.
	width = min(width, longest)
	code, next := uint(0), 0
	for length := uint(1); length <= width; length++ {
		for ; next < at[length]; next++ {
			table[code] = syms[d.sorted[next]] + entry(length)*0x101
			code = advance(code, length)
		}
		if size := 1 << length; length < width {
			// What no code has reached yet is copied too, and overwritten.
			copy(table[size:2*size], table[:size])
		}
	}
	free := uint(1) << width // where the next table for longer codes is
	var sub uint             // how wide the last is
	prefix := ^uint(0)       // the low bits that its codes share
	for ; next < used; next++ {
		sym := d.sorted[next]
		length := uint(lens[sym])
		if low := code & (1<<width - 1); low != prefix {
			if sub > 0 {
				free += 1 << sub
			}
			prefix, sub = low, length-width
			for have := at[length] - next; have < 1<<sub; {
				sub++
				have = have<<1 + count[width+sub]
			}
			if free+1<<sub > uint(len(table)) {
				return 0, false
			}
			table[low] = longer | entry(free)<<16 | entry(sub)<<8 | entry(width)
		}
		e := syms[sym] + entry(length-width)*0x101
		for k := code >> width; k < 1<<sub; k += 1 << (length - width) {
			table[free+k] = e
		}
		code = advance(code, length)
	}
	return width, true
}

// advance gives the code behind one of a length, as it stands in the stream: its first bit
// is the lowest.
func advance(code, length uint) uint {
	// The code is a number whose highest bit is bit 0: add one from the other side.
	gap := bits.Len(^code & (1<<length - 1))
	if gap == 0 {
		return 0
	}
	bit := uint(1) << (gap - 1)
	return code&(bit-1) | bit
}

// adler is the checksum of RFC 1950, eight bytes at a time.
func adler(b []byte) uint32 {
	const (
		mod   = 65521
		lanes = 0x00ff00ff00ff00ff
	)
	s1, s2 := uint64(1), uint64(0)
	for len(b) >= 8 {
		// As many as surely fit: s2 grows by less than 8*s1 + 9,180 for each eight bytes.
		chunk := b[:min(len(b)&^7, 1<<14)]
		b = b[len(chunk):]
		for ; len(chunk) >= 8; chunk = chunk[8:] {
			w := binary.LittleEndian.Uint64(chunk)
			even, odd := w&lanes, w>>8&lanes
			// The highest of four lanes of a product is the sum of all lanes, each by its weight.
			s2 += 8*s1 + even*(8<<48|6<<32|4<<16|2)>>48
			s2 += odd * (7<<48 | 5<<32 | 3<<16 | 1) >> 48
			s1 += (even + odd) * (1<<48 | 1<<32 | 1<<16 | 1) >> 48
		}
		s1, s2 = s1%mod, s2%mod
	}
	for _, c := range b {
		s1 += uint64(c)
		s2 += s1
	}
	return uint32(s2%mod<<16 | s1%mod)
}
