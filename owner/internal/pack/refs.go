package pack

import (
	"encoding/binary"
	"fmt"
)

// Refs is a list of file numbers, one per name of a [Strings], in the same
// blocks. Neighbours in the alphabet mostly live in the same few files, so a
// number is stored as its place in a short list of those seen last, and only
// where it is not among them as a distance from the previous one.
type Refs struct {
	n      int
	data   []byte
	starts []uint32 // per block: where its data starts
}

// recent is the list of file numbers seen last in a block.
type recent struct {
	list [16]uint32
	n    int
}

// touch moves the number at place i, or a new one where i is n, to the front.
func (r *recent) touch(i int, v uint32) {
	if i == r.n && r.n < len(r.list) {
		r.n++
	}
	i = min(i, len(r.list)-1)
	copy(r.list[1:i+1], r.list[:i])
	r.list[0] = v
}

func (r *recent) find(v uint32) int {
	for i, have := range r.list[:r.n] {
		if have == v {
			return i
		}
	}
	return r.n
}

func appendRefs(dst []byte, refs []uint32) []byte {
	var data []byte
	var seen recent
	prev := uint32(0)
	for i, v := range refs {
		if i%blockSize == 0 {
			seen, prev = recent{}, 0
		}
		if at := seen.find(v); at < seen.n {
			data = append(data, byte(at))
			seen.touch(at, v)
		} else {
			d := int64(v) - int64(prev)
			data = binary.AppendUvarint(data, uint64(d<<1^d>>63)+uint64(len(seen.list)))
			seen.touch(seen.n, v)
		}
		prev = v
	}
	dst = binary.AppendUvarint(dst, uint64(len(refs)))
	dst = binary.AppendUvarint(dst, uint64(len(data)))
	return append(dst, data...)
}

// decodeRefs reads what appendRefs wrote and checks that every number is below
// limit. The result refers to src.
func decodeRefs(src []byte, limit int) (r *Refs, rest []byte, err error) {
	n, src, err := uvarint(src)
	if err != nil {
		return nil, nil, err
	}
	size, src, err := uvarint(src)
	if err != nil {
		return nil, nil, err
	}
	if size > uint64(len(src)) || n > size {
		return nil, nil, fmt.Errorf("%d references in %d of %d bytes: %w", n, size, len(src), errCorrupt)
	}
	r = &Refs{n: int(n), data: src[:size]}
	pos := 0
	var d refDecoder
	for i := range r.n {
		if i%blockSize == 0 {
			r.starts = append(r.starts, uint32(pos))
			d = refDecoder{}
		}
		v, next, ok := d.next(r.data, pos)
		if !ok || v >= uint32(limit) {
			return nil, nil, fmt.Errorf("reference %d: %w", i, errCorrupt)
		}
		pos = next
	}
	if pos != len(r.data) {
		return nil, nil, fmt.Errorf("references use %d bytes of %d: %w", pos, len(r.data), errCorrupt)
	}
	return r, src[size:], nil
}

type refDecoder struct {
	seen recent
	prev uint32
}

func (d *refDecoder) next(data []byte, pos int) (v uint32, end int, ok bool) {
	code, n := binary.Uvarint(data[pos:])
	if n <= 0 {
		return 0, 0, false
	}
	if code < uint64(len(d.seen.list)) {
		at := int(code)
		if at >= d.seen.n {
			return 0, 0, false
		}
		v = d.seen.list[at]
		d.seen.touch(at, v)
	} else {
		code -= uint64(len(d.seen.list))
		delta := int64(code>>1) ^ -int64(code&1)
		sum := int64(d.prev) + delta
		if sum < 0 || sum > 1<<31 {
			return 0, 0, false
		}
		v = uint32(sum)
		d.seen.touch(d.seen.n, v)
	}
	d.prev = v
	return v, pos + n, true
}

// Range returns the numbers at positions first to end.
func (r *Refs) Range(first, end int) []uint32 {
	out := make([]uint32, 0, end-first)
	block := first / blockSize
	pos := 0
	var d refDecoder
	for k := block * blockSize; k < end; k++ {
		if k%blockSize == 0 {
			pos, d = int(r.starts[k/blockSize]), refDecoder{}
		}
		v, next, _ := d.next(r.data, pos) // checked when it was decoded
		pos = next
		if k >= first {
			out = append(out, v)
		}
	}
	return out
}
