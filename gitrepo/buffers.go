package gitrepo

import "math/bits"

// buffers are what a reader has forgotten and can fill again. What is forgotten may still
// be looked at by who asked for it, and waits until the reader is told that nobody does.
type buffers struct {
	free    [bits.UintSize][][]byte // by the number of bits of their size
	waiting [][]byte
	bytes   int // of all
}

const (
	// maxFree bounds what is kept to be filled again.
	maxFree    = 32 << 20
	maxWaiting = 4096
)

// get gives a buffer of a size; what is in it is anything.
func (b *buffers) get(size int) []byte {
	if size == 0 {
		return []byte{}
	}
	class := bits.Len(uint(size - 1))
	if n := len(b.free[class]); n > 0 {
		buf := b.free[class][n-1]
		b.free[class] = b.free[class][:n-1]
		b.bytes -= cap(buf)
		return buf[:size]
	}
	return make([]byte, size, 1<<class)
}

// forget takes a buffer back; it is not filled again before [buffers.recycle].
func (b *buffers) forget(buf []byte) {
	// Only what get has made has such a size.
	if c := cap(buf); c >= 64 && c&(c-1) == 0 && b.bytes+c <= maxFree && len(b.waiting) < maxWaiting {
		b.waiting = append(b.waiting, buf)
		b.bytes += c
	}
}

// recycle says that nobody looks at what was forgotten.
func (b *buffers) recycle() {
	for _, buf := range b.waiting {
		class := bits.Len(uint(cap(buf) - 1))
		b.free[class] = append(b.free[class], buf)
	}
	clear(b.waiting)
	b.waiting = b.waiting[:0]
}
