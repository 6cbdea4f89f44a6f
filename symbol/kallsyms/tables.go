package kallsyms

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Tables are the raw tables as they lie in memory. All but Markers must be given.
type Tables struct {
	// Names is kallsyms_names. It may go on behind its end, and should: where a
	// page is missing, kallsyms_markers behind it say how to go on.
	Names []byte
	// TokenTable and TokenIndex may go on too.
	TokenTable, TokenIndex []byte
	// Offsets is kallsyms_offsets, 4 bytes a symbol, or kallsyms_addresses, 8
	// bytes a symbol; it must not go on, because its length tells which it is.
	Offsets []byte
	NumSyms int
	// RelativeBase is the value of kallsyms_relative_base, 0 where there is none
	// (absolute before 4.6, place-relative since 7.0).
	RelativeBase uint64
	// OffsetsAddr is the virtual address of Offsets; without it no place-relative
	// table can be read.
	OffsetsAddr uint64
}

// maxSyms is far above any kernel's (a distribution's has 100k to 300k) and
// bounds what a lying count can make us allocate together with len(Offsets).
const maxSyms = 1 << 23

// maxNames bounds the expanded names: hostile tokens multiply by thousands.
const maxNames = 1 << 28

// Symbol is one symbol. Type is a letter as nm prints it: t is text, d data,
// b zeroed data, r read-only, a absolute, capital where it is global. Per-CPU
// variables of x86_64 are absolute until 6.14.
type Symbol struct {
	Name string
	Addr uint64
	Type byte
}

// Decode expands tables. The check, which may be nil, votes for a layout: it is
// asked for symbols with the addresses that the layout gives them, and returns
// more than 0 where it knows that address to be right, less where it knows it to
// be wrong. Where pages of the tables are missing (zero), the symbols on them are
// left out and [Table.Notes] says how many.
func Decode(t Tables, order binary.ByteOrder, check func(name string, addr uint64) int) (*Table, error) {
	if t.NumSyms <= 0 || t.NumSyms > maxSyms {
		return nil, fmt.Errorf("kallsyms: %d symbols cannot be: kallsyms_num_syms was read from the wrong place", t.NumSyms)
	}
	if len(t.Offsets) < 4*t.NumSyms {
		return nil, fmt.Errorf("kallsyms: %d bytes of offsets for %d symbols: the table is cut", len(t.Offsets), t.NumSyms)
	}
	tokens, err := t.tokens(order)
	if err != nil {
		return nil, err
	}
	x := &Table{}
	if err := x.expand(&t, tokens, order); err != nil {
		return nil, err
	}
	if err := x.place(&t, order, check); err != nil {
		return nil, err
	}
	return x, nil
}

// tokens is the token table cut up. Nearly all tokens are short, and copying a
// fixed number of bytes is faster than copying the right one.
type tokens struct {
	short [256][shortToken]byte
	len   [256]uint8 // 0 where there is none, longer than shortToken where it is in long
	long  [256]string
}

const shortToken = 16

// append expands a byte.
func (k *tokens) append(arena []byte, c byte) []byte {
	at, n := len(arena), int(k.len[c])
	if n > shortToken {
		return append(arena, k.long[c]...)
	}
	if cap(arena)-at < shortToken {
		return append(arena, k.short[c][:n]...)
	}
	*(*[shortToken]byte)(arena[at : at+shortToken]) = k.short[c]
	return arena[:at+n]
}

func (t *Tables) tokens(order binary.ByteOrder) (*tokens, error) {
	if len(t.TokenIndex) < 512 {
		return nil, fmt.Errorf("kallsyms: token index of %d bytes, must be 512", len(t.TokenIndex))
	}
	// No token can begin after the highest index, or be longer than a name.
	table := string(t.TokenTable[:min(len(t.TokenTable), 1<<16+maxToken)])
	k := &tokens{}
	good := 0
	for i := range 256 {
		at := int(order.Uint16(t.TokenIndex[2*i:]))
		if at >= len(table) {
			continue
		}
		end := strings.IndexByte(table[at:min(len(table), at+maxToken)], 0)
		if end <= 0 {
			continue
		}
		good++
		k.len[i] = uint8(min(end, shortToken+1))
		k.long[i] = table[at : at+end]
		copy(k.short[i][:], k.long[i])
	}
	// Unused byte values have an empty token; letters and digits are always used.
	if good < 36 {
		return nil, errors.New("kallsyms: the token table holds no tokens: its page is missing or it was read from the wrong place")
	}
	return k, nil
}

// maxToken is longer than any token: they are parts of names, and a name is at
// most 512 bytes long (KSYM_NAME_LEN).
const maxToken = 512

// Table holds all symbols. It may be asked from many goroutines at once.
type Table struct {
	arena string   // types and names, one after another
	begin []uint32 // where in it symbol i begins; one more at the end
	addr  []uint64
	lost  []bool // whether there is no address; nil where all have one
	// sorted lists the symbols by address, nil where they lie so; those without
	// name or address are not on it.
	sorted []uint32
	layout Layout
	notes  []string

	indexOnce sync.Once
	index     nameIndex
}

// expand makes the names.
func (x *Table) expand(t *Tables, tokens *tokens, order binary.ByteOrder) error {
	// A byte of a compressed name is about two of the name.
	arena := make([]byte, 0, min(3*len(t.Names), 32*t.NumSyms))
	x.begin = make([]uint32, 0, t.NumSyms+1)
	var known, marks []uint32
	missing, at, size := 0, 0, 0
	for i := 0; i < t.NumSyms; {
		if i%perMark == 0 && i/perMark == len(known) {
			known = append(known, uint32(at))
		}
		n, head := nameLen(t.Names, at)
		if n == 0 || at+head+n > len(t.Names) {
			// A page that is not there. The symbol before may reach into it.
			if i > 0 && at > 0 && size > 0 && t.Names[min(at, len(t.Names))-1] == 0 {
				size = 0
				missing++
				arena = arena[:x.begin[i-1]]
			}
			if marks == nil {
				marks = findMarks(t.Names, at, known, t.NumSyms, order)
			}
			next, off := t.NumSyms, at
			for k := i/perMark + 1; k < len(marks); k++ {
				if int(marks[k]) > at {
					next, off = k*perMark, int(marks[k])
					break
				}
			}
			missing += next - i
			for ; i < next; i++ {
				x.begin = append(x.begin, uint32(len(arena)))
			}
			at = off
			continue
		}
		x.begin = append(x.begin, uint32(len(arena)))
		for _, c := range t.Names[at+head : at+head+n] {
			arena = tokens.append(arena, c)
		}
		if len(arena) > maxNames {
			return fmt.Errorf("kallsyms: the names of %d symbols fill more than %d bytes: these are no names", i, maxNames)
		}
		size = head + n
		at += size
		i++
	}
	if missing >= t.NumSyms {
		return errors.New("kallsyms: no name can be read: the pages of kallsyms_names are missing or it was read from the wrong place")
	}
	if missing > 0 {
		x.notes = append(x.notes, fmt.Sprintf("kallsyms: %d of %d names are on pages that are missing", missing, t.NumSyms))
	}
	x.begin = append(x.begin, uint32(len(arena)))
	x.arena = string(arena)
	return nil
}

// nameLen reads the length of the compressed name at an offset. It has two bytes
// where the first has its highest bit set (since 6.1; before, no name was as long
// as that would mean). 0 is no name.
func nameLen(names []byte, at int) (n, size int) {
	if at >= len(names) {
		return 0, 0
	}
	n = int(names[at])
	if n&0x80 == 0 {
		return n, 1
	}
	if at+1 >= len(names) {
		return 0, 0
	}
	return n&0x7f | int(names[at+1])<<7, 2
}
