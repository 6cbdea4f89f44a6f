package testkernel

import (
	"encoding/binary"
	"errors"
	"slices"
)

// unlz4 undoes LZ4 in the legacy frame format, which kernels are packed in: a
// magic number, then blocks with their lengths. Each block stands for itself.
func unlz4(b []byte) ([]byte, error) {
	var out []byte
	for b = b[4:]; len(b) > 4; {
		n := int(binary.LittleEndian.Uint32(b))
		// The length of the whole kernel is behind the last block.
		if b = b[4:]; n > len(b) {
			break
		}
		var err error
		if out, err = unlz4Block(out, b[:n]); err != nil {
			return out, err
		}
		b = b[n:]
	}
	return out, nil
}

var errLZ4 = errors.New("an LZ4 block is damaged")

func unlz4Block(out, b []byte) ([]byte, error) {
	for len(b) > 0 {
		token := b[0]
		b = b[1:]
		length := func(n int) int {
			for more := n == 15; more && len(b) > 0; b = b[1:] {
				n += int(b[0])
				more = b[0] == 255
			}
			return n
		}
		literals := length(int(token >> 4))
		if literals > len(b) {
			return out, errLZ4
		}
		out = append(out, b[:literals]...)
		if b = b[literals:]; len(b) < 2 {
			break
		}
		back := int(binary.LittleEndian.Uint16(b))
		b = b[2:]
		n := length(int(token&15)) + 4
		if back == 0 || back > len(out) {
			return out, errLZ4
		}
		out = slices.Grow(out, n)
		for range n {
			out = append(out, out[len(out)-back])
		}
	}
	return out, nil
}
