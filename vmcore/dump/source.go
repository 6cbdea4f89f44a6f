package dump

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
)

// A source is a file of the dump, unflattened where it is flattened.
type source struct {
	name string
	r    io.ReaderAt
	size int64 // negative: unknown
	flat *flattened
	// physical is the size of the input itself.
	physical int64
	// alone says that the file gives wrong bytes where two read it at once:
	// /proc/kcore has one buffer for each time that it was opened.
	alone bool
	mu    sync.Mutex
}

// read fills p from off. Fewer bytes come with an error, io.ErrUnexpectedEOF
// where the file ends there.
func (s *source) read(p []byte, off int64) (int, error) {
	if off < 0 || off > math.MaxInt64-int64(len(p)) {
		return 0, fmt.Errorf("offset %#x is beyond any file", uint64(off))
	}
	if s.size >= 0 && off+int64(len(p)) > s.size {
		if off >= s.size {
			return 0, io.ErrUnexpectedEOF
		}
		n, err := s.read(p[:s.size-off], off)
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return n, err
	}
	var n int
	var err error
	if s.flat != nil {
		n, err = s.flat.read(p, off)
	} else {
		n, err = s.readAt(p, off)
	}
	if n == len(p) {
		return n, nil
	}
	if n < 0 || n > len(p) {
		return 0, fmt.Errorf("%s: the reader returned %d of %d bytes", s.name, n, len(p))
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (s *source) readAt(p []byte, off int64) (int, error) {
	if s.alone {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	return s.r.ReadAt(p, off)
}

// prefix reads up to n bytes, in steps where nobody knows whether the file has
// as many, and returns those that there are.
func (s *source) prefix(off int64, n uint64) ([]byte, error) {
	if off < 0 {
		return nil, fmt.Errorf("offset %#x is beyond any file", uint64(off))
	}
	const step = 1 << 20
	if s.size >= 0 && uint64(max(0, s.size-off)) >= n {
		p := make([]byte, n)
		got, err := s.read(p, off)
		return p[:got], err
	}
	var p []byte
	for uint64(len(p)) < n {
		want := int(min(step, n-uint64(len(p))))
		if s.size >= 0 {
			// All the rest in one, and one byte more to see the end.
			want = int(min(uint64(max(0, s.size-off-int64(len(p))))+1, n-uint64(len(p))))
		}
		have := len(p)
		p = append(p, make([]byte, want)...)
		got, err := s.read(p[have:], off+int64(have))
		if err != nil {
			return p[:have+got], err
		}
	}
	return p, nil
}

// why says which gap an error of reading makes.
func why(err error) Why {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return WhyTruncated
	}
	return WhyDamaged
}
