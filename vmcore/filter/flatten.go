package filter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Flattened is a file that is written to a stream, in makedumpfile's flattened
// format: each piece with the offset at which it belongs.
type Flattened struct {
	w   io.Writer
	err error
}

const flattenedHeader = 4096

// NewFlattened begins the stream. That it cannot be written, the first
// [Flattened.WriteAt] says.
func NewFlattened(w io.Writer) *Flattened {
	head := make([]byte, flattenedHeader)
	copy(head, "makedumpfile")
	binary.BigEndian.PutUint64(head[16:], 1) // type
	binary.BigEndian.PutUint64(head[24:], 1) // version
	_, err := w.Write(head)
	return &Flattened{w: w, err: err}
}

// WriteAt implements [io.WriterAt], for one goroutine.
func (f *Flattened) WriteAt(p []byte, off int64) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if off < 0 {
		return 0, fmt.Errorf("offset %d is before the file", off)
	}
	if len(p) == 0 {
		return 0, nil
	}
	var head [16]byte
	binary.BigEndian.PutUint64(head[:], uint64(off))
	binary.BigEndian.PutUint64(head[8:], uint64(len(p)))
	if _, f.err = f.w.Write(head[:]); f.err != nil {
		return 0, f.err
	}
	n, err := f.w.Write(p)
	f.err = err
	return n, err
}

// Close writes the end of the stream, without which readers take it for cut off.
// It does not close what it writes to.
func (f *Flattened) Close() error {
	if f.err != nil {
		return f.err
	}
	var end [16]byte
	for i := range end {
		end[i] = 0xff
	}
	_, err := f.w.Write(end[:])
	f.err = errors.Join(err, errClosed)
	return err
}

var errClosed = errors.New("the flattened stream has ended")
