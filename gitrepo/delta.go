package gitrepo

import "fmt"

// varint reads a size as deltas have it: seven bits a byte, the lowest first.
func varint(b []byte) (value uint64, rest []byte, ok bool) {
	for shift := uint(0); shift < 63; shift += 7 {
		if len(b) == 0 {
			return 0, nil, false
		}
		c := b[0]
		b = b[1:]
		value |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return value, b, true
		}
	}
	return 0, nil, false
}

// applyDelta makes an object out of a base and a delta, in a buffer that get gives.
func applyDelta(get func(int) []byte, base, delta []byte) ([]byte, error) {
	from, delta, ok := varint(delta)
	if !ok || from != uint64(len(base)) {
		return nil, fmt.Errorf("a delta is for another base: %w", ErrCorrupt)
	}
	size, delta, ok := varint(delta)
	if !ok || size > MaxObject {
		return nil, fmt.Errorf("a delta's size: %w", ErrCorrupt)
	}
	// The size is only believed as far as there is something to fill it: the longest copy
	// takes a byte of the delta for 64 KiB.
	if size > uint64(len(delta))*0x1000000 {
		return nil, fmt.Errorf("a delta's size: %w", ErrCorrupt)
	}
	dst := get(int(size))[:0]
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		if op == 0 {
			return nil, fmt.Errorf("a delta has a reserved instruction: %w", ErrCorrupt)
		}
		if op < 0x80 {
			n := int(op)
			if n > len(delta) {
				return nil, fmt.Errorf("a delta is cut off: %w", ErrCorrupt)
			}
			dst, delta = append(dst, delta[:n]...), delta[n:]
		} else {
			var off, n uint32
			for i := range uint(4) {
				if op>>i&1 == 1 {
					if len(delta) == 0 {
						return nil, fmt.Errorf("a delta is cut off: %w", ErrCorrupt)
					}
					off |= uint32(delta[0]) << (8 * i)
					delta = delta[1:]
				}
			}
			for i := range uint(3) {
				if op>>(4+i)&1 == 1 {
					if len(delta) == 0 {
						return nil, fmt.Errorf("a delta is cut off: %w", ErrCorrupt)
					}
					n |= uint32(delta[0]) << (8 * i)
					delta = delta[1:]
				}
			}
			if n == 0 {
				n = 0x10000
			}
			if uint64(off)+uint64(n) > uint64(len(base)) {
				return nil, fmt.Errorf("a delta copies from outside of its base: %w", ErrCorrupt)
			}
			dst = append(dst, base[off:off+n]...)
		}
		if uint64(len(dst)) > size {
			return nil, fmt.Errorf("a delta makes more than it says: %w", ErrCorrupt)
		}
	}
	if uint64(len(dst)) != size {
		return nil, fmt.Errorf("a delta makes less than it says: %w", ErrCorrupt)
	}
	return dst, nil
}
