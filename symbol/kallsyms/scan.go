package kallsyms

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Scan finds the tables in the memory of a kernel's image, of which r reads size
// bytes from the image's beginning. It is for kernels before 6.0, whose
// VMCOREINFO does not say where they are. What r cannot read is taken as zero.
// The OffsetsAddr of the result counts from the beginning of the image: add its
// virtual address before [Decode].
//
// The token table is what gives itself away: every build has the ten digits in
// it as tokens of their own, at the place of their ASCII code. All other tables
// lie around it. Until 6.3 the order was offsets, relative_base, num_syms,
// names, markers, (seqs_of_names,) token_table, token_index; since 6.4 it is
// num_syms, names, markers, token_table, token_index, offsets, relative_base,
// seqs_of_names (Debian 6.12.117), and since 7.0 there is no relative_base
// (Debian 7.2.13).
func Scan(r io.ReaderAt, size int64) (Tables, error) {
	const chunk = 1 << 20
	digits := []byte("0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00")
	buf := make([]byte, chunk+len(digits))
	found := errors.New("there is no token table in it")
	tries := 0
	var around []byte
	for at := int64(0); at < size; at += chunk {
		b := buf[:min(int64(len(buf)), size-at)]
		readZero(r, b, at)
		for from := 0; ; {
			i := bytes.Index(b[from:], digits)
			if i < 0 || from+i >= chunk {
				break
			}
			from += i + 1
			// Each try reads some megabytes; a real image has one hit or two.
			if tries++; tries > maxTries {
				return Tables{}, fmt.Errorf("kallsyms: more than %d places look like a token table: give the addresses of the tables", maxTries)
			}
			if around == nil {
				around = make([]byte, min(size, scanBefore+scanBehind))
			}
			t, err := scanAround(r, size, at+int64(from-1), around)
			if err == nil {
				return t, nil
			}
			found = err
		}
	}
	return Tables{}, fmt.Errorf("kallsyms: no symbol tables found in %d bytes of the kernel's image: %w", size, found)
}

const maxTries = 16

// What is read before and behind the digits. The names of 300k symbols are 4 MB.
const (
	scanBefore = 10 << 20
	scanBehind = 5 << 20
)

// readZero reads what can be read, page by page once that is not all.
func readZero(r io.ReaderAt, b []byte, off int64) {
	if n, err := r.ReadAt(b, off); n == len(b) || (n > 0 && errors.Is(err, io.EOF)) {
		clear(b[n:])
		return
	}
	const page = 4096
	for len(b) > 0 {
		p := b[:min(int64(len(b)), page-off%page)]
		n, _ := r.ReadAt(p, off)
		clear(p[n:])
		b, off = b[len(p):], off+int64(len(p))
	}
}

// scanAround tries the place of the digits in a token table. What it returns lies
// in b.
func scanAround(r io.ReaderAt, size, digits int64, b []byte) (Tables, error) {
	// Tables are aligned in the image, so the window is, too.
	start := (max(0, digits-scanBefore) + 7) &^ 7
	b = b[:min(size, digits+scanBehind)-start]
	readZero(r, b, start)
	var err error
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		w := window{b: b, start: start, order: order, steps: maxWalk}
		if err = w.tokens(int(digits - start)); err != nil {
			continue
		}
		if err = w.names(); err != nil {
			continue
		}
		return w.offsets()
	}
	return Tables{}, err
}

// window is a part of the image, with what has been found in it.
type window struct {
	b     []byte
	start int64 // of b in the image
	order binary.ByteOrder

	tokenTable, tokenIndex int
	namesAt, numAt, n      int
	steps                  int // names that may still be stepped over
}

func align(at, n int) int { return (at + n - 1) &^ (n - 1) }

// tokens finds the token index behind the table that the digits are in, and with
// it the table's beginning.
func (w *window) tokens(digits int) error {
	end := digits
	for range 256 - '0' {
		i := bytes.IndexByte(w.b[end:min(len(w.b), end+maxToken)], 0)
		if i < 0 {
			return errors.New("a token table has no end")
		}
		end += i + 1
	}
	// Unused values at the end have empty tokens, padding looks the same: the
	// index begins with the zero that is followed by what fits.
	for at := align(end, 4); at < end+64 && at+512 <= len(w.b); at += 4 {
		index := func(i int) int { return int(w.order.Uint16(w.b[at+2*i:])) }
		if index(0) != 0 || index('0') > digits || index('9')-index('0') != 18 {
			continue
		}
		table := digits - index('0')
		ok := true
		for i := 1; i < 256 && ok; i++ {
			here := table + index(i)
			ok = index(i) > index(i-1) && here < at && w.b[here-1] == 0
		}
		if ok {
			w.tokenTable, w.tokenIndex = table, at
			return nil
		}
	}
	return errors.New("a token table has no index behind it")
}

// names finds the markers before the token table, and before these the names
// and their number.
func (w *window) names() error {
	for at := (w.tokenTable - 8) &^ 3; at >= 8; at -= 4 {
		if w.order.Uint32(w.b[at:]) != 0 {
			continue
		}
		// A run of offsets that grow by what 256 names may be long.
		count := 1
		last := uint32(0)
		for p := at + 4; p+4 <= w.tokenTable; p += 4 {
			m := w.order.Uint32(w.b[p:])
			if m < last+minStretch || m > last+maxStretch {
				break
			}
			last = m
			count++
		}
		if count < 4 || int(last) > at {
			continue
		}
		// The names end right before the markers, so their beginning is known but
		// for the length of the last stretch; their number is right before them.
		first := max(8, at-int(last)-maxStretch)
		for p := (at - int(last)) &^ 3; p >= first; p -= 4 {
			for _, gap := range []int{4, 8} {
				if n := int(w.order.Uint32(w.b[p-gap:])); n > 0 && marksOf(n) == count && w.fit(p, at, n) {
					w.namesAt, w.numAt, w.n = p, p-gap, n
					return nil
				}
			}
		}
	}
	return errors.New("there are no names before a token table")
}

// fit walks the names and compares with the markers; the last stretch first,
// which tells a wrong beginning soon even where all names look alike.
func (w *window) fit(names, markers, n int) bool {
	b := w.b[names:markers]
	last := marksOf(n) - 1
	at, ok := w.walk(b, int(w.order.Uint32(w.b[markers+4*last:])), n-last*perMark)
	if !ok || len(b)-at >= 8 {
		return false
	}
	at = 0
	for i := range last {
		if int(w.order.Uint32(w.b[markers+4*i:])) != at {
			return false
		}
		if at, ok = w.walk(b, at, perMark); !ok {
			return false
		}
	}
	return int(w.order.Uint32(w.b[markers+4*last:])) == at
}

// walk steps over n names.
func (w *window) walk(b []byte, at, n int) (int, bool) {
	if w.steps -= n; w.steps < 0 {
		return 0, false
	}
	for range n {
		size, head := nameLen(b, at)
		if at += head + size; size == 0 || at > len(b) {
			return 0, false
		}
	}
	return at, true
}

// maxWalk bounds the names that are stepped over in one window: some times those
// of the largest kernel.
const maxWalk = 1 << 24

// offsets finds the addresses, in one of the places where they have been.
func (w *window) offsets() (Tables, error) {
	base := Tables{
		Names:      w.b[w.namesAt:w.tokenTable],
		TokenTable: w.b[w.tokenTable:w.tokenIndex],
		TokenIndex: w.b[w.tokenIndex : w.tokenIndex+512],
		NumSyms:    w.n,
	}
	var best Tables
	score := 0
	try := func(at, width, relative int) {
		if at < 0 || at+width*w.n > len(w.b) || relative+8 > len(w.b) || (relative < 0 && relative != none) {
			return
		}
		t := base
		t.Offsets = w.b[at : at+width*w.n]
		t.OffsetsAddr = uint64(w.start) + uint64(at)
		if relative != none {
			t.RelativeBase = w.order.Uint64(w.b[relative:])
		}
		if s := t.plausible(w.order); s > score {
			best, score = t, s
		}
	}
	for _, a := range []int{8, 4} {
		behind := align(w.tokenIndex+512, a)
		try(behind, 4, align(behind+4*w.n, a))
		try(behind, 4, none)
		try(behind, 8, none)
		before := w.numAt &^ (a - 1)
		try((before-8-4*w.n)&^(a-1), 4, before-8)
		try((before-8*w.n)&^(a-1), 8, none)
	}
	if score < 900 {
		return Tables{}, errors.New("there are names, but no addresses in order before or behind them")
	}
	return best, nil
}

const none = -1

// plausible says, in a thousandth, how much of the offsets lies in order in the
// best layout. Where the image is in memory is not known here.
func (t Tables) plausible(order binary.ByteOrder) int {
	if t.RelativeBase != 0 && t.RelativeBase>>47 != 1<<17-1 {
		return 0
	}
	t.OffsetsAddr += 0xffff_8000_0000_0000
	best := 0
	off := t.offsets(order)
	for _, l := range t.candidates() {
		if t.RelativeBase != 0 && l == PlaceRelative {
			continue
		}
		best = max(best, t.inOrder(l, off, nil, 1))
	}
	return best
}
