package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// blockSize is the number of names that are decoded one after the other.
// Smaller blocks are faster to search, larger ones smaller to store; at 128
// a lookup takes a few microseconds.
const blockSize = 128

// maxName is the longest name kept; the kernel's own limit (KSYM_NAME_LEN) is
// 512, and the longest in any released C source has 90 bytes.
const maxName = 255

// errCorrupt is the cause of every decoding failure.
var errCorrupt = errors.New("index is damaged: build or download the program again")

// endOfName marks the last byte of a name's text. Names are ASCII, so the bit
// is free, and the mark costs far less than a stream of lengths. A name that
// adds nothing to the one before is the mark alone.
const endOfName = 0x80

// Strings is a sorted list of names that may occur more than once.
type Strings struct {
	shared []byte   // per name: bytes shared with the one before, 0 at a block's start
	text   []byte   // per name: the bytes that follow, the last one marked
	starts []uint32 // per block: where its text starts
}

// appendStrings encodes sorted names.
func appendStrings(dst []byte, names []string) ([]byte, error) {
	if !slices.IsSorted(names) {
		return nil, errors.New("names are not sorted")
	}
	var shared, text []byte
	prev := ""
	for i, s := range names {
		if len(s) == 0 || len(s) > maxName {
			return nil, fmt.Errorf("name %.40q has %d bytes, from 1 to %d can be stored", s, len(s), maxName)
		}
		for k := range len(s) {
			if s[k] == 0 || s[k] >= endOfName {
				return nil, fmt.Errorf("name %q is not ASCII", s)
			}
		}
		n := 0
		if i%blockSize != 0 {
			for n < len(s) && n < len(prev) && s[n] == prev[n] {
				n++
			}
		}
		shared = append(shared, byte(n))
		if n == len(s) {
			text = append(text, endOfName)
		} else {
			text = append(text, s[n:]...)
			text[len(text)-1] |= endOfName
		}
		prev = s
	}
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	dst = append(dst, shared...)
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...), nil
}

// decodeStrings reads what appendStrings wrote. The result refers to src.
func decodeStrings(src []byte) (s *Strings, rest []byte, err error) {
	n, src, err := uvarint(src)
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(src)) {
		return nil, nil, fmt.Errorf("%d names in %d bytes: %w", n, len(src), errCorrupt)
	}
	s = &Strings{shared: src[:n]}
	size, src, err := uvarint(src[n:])
	if err != nil {
		return nil, nil, err
	}
	if size > uint64(len(src)) {
		return nil, nil, fmt.Errorf("names of %d bytes in %d: %w", size, len(src), errCorrupt)
	}
	s.text = src[:size]
	s.starts = make([]uint32, 0, n/blockSize+1)
	pos, prev := 0, 0
	for i, shared := range s.shared {
		if i%blockSize == 0 {
			s.starts = append(s.starts, uint32(pos))
			prev = 0
		}
		start := pos
		for pos < len(s.text) && s.text[pos] < endOfName {
			pos++
		}
		if pos == len(s.text) || int(shared) > prev {
			return nil, nil, fmt.Errorf("name %d: %w", i, errCorrupt)
		}
		prev = int(shared) + pos - start
		if s.text[pos] != endOfName {
			prev++
		}
		pos++
		if prev > maxName {
			return nil, nil, fmt.Errorf("name %d has %d bytes: %w", i, prev, errCorrupt)
		}
	}
	if pos != len(s.text) {
		return nil, nil, fmt.Errorf("names use %d bytes of %d: %w", pos, len(s.text), errCorrupt)
	}
	return s, src[size:], nil
}

// Len is the number of names.
func (s *Strings) Len() int { return len(s.shared) }

// At returns the i-th name.
func (s *Strings) At(i int) string {
	block := i / blockSize
	var buf [maxName + 1]byte
	name := buf[:0]
	pos := s.starts[block]
	for k := block * blockSize; k <= i; k++ {
		name, pos = s.step(name, k, pos)
	}
	return string(name)
}

// step turns name k-1 into name k.
func (s *Strings) step(name []byte, k int, pos uint32) ([]byte, uint32) {
	name = name[:s.shared[k]]
	for {
		c := s.text[pos]
		pos++
		if c < endOfName {
			name = append(name, c)
			continue
		}
		if c != endOfName {
			name = append(name, c&^endOfName)
		}
		return name, pos
	}
}

// Search returns the positions of name as a half-open range, empty when the
// name is not there.
func (s *Strings) Search(name string) (first, end int) {
	// The smallest string after name is name with a zero byte.
	return s.seek(name), s.seek(name + "\x00")
}

// seek returns the position of the first name that is not before the given
// one, or the number of names.
func (s *Strings) seek(name string) int {
	// The first block that starts at or after name; the place may be within
	// the block before it.
	var buf [maxName + 1]byte
	block := sort.Search(len(s.starts), func(i int) bool {
		head, _ := s.step(buf[:0], i*blockSize, s.starts[i])
		return string(head) >= name
	})
	if block == 0 {
		return 0
	}
	block--
	cur := buf[:0]
	pos := s.starts[block]
	end := min((block+1)*blockSize, s.Len())
	for k := block * blockSize; k < end; k++ {
		if cur, pos = s.step(cur, k, pos); string(cur) >= name {
			return k
		}
	}
	return end
}

func uvarint(src []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(src)
	if n <= 0 {
		return 0, nil, fmt.Errorf("number cut off: %w", errCorrupt)
	}
	return v, src[n:], nil
}
