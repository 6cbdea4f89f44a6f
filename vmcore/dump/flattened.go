package dump

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
)

const (
	flatSignature = "makedumpfile"
	flatHeader    = 4096
	flatEnd       = -1
	// flatRecords bounds the index. QEMU's records are 16 KiB, makedumpfile's
	// larger, so this is far beyond 100 GB.
	flatRecords = 1 << 23
)

// flattened reads a stream of makedumpfile -F or of QEMU as the file that
// makedumpfile -R would make of it: each record says where its bytes belong,
// and later ones override.
type flattened struct {
	r     io.ReaderAt
	spans []span
	size  int64 // of the file it stands for
	// cut: the end record is missing, so that what was never written may be
	// what never arrived.
	cut error
}

// isFlattened looks at the head of a file.
func isFlattened(head []byte) bool {
	return len(head) >= 32 && string(head[:len(flatSignature)]) == flatSignature && head[len(flatSignature)] == 0 &&
		binary.BigEndian.Uint64(head[16:]) == 1
}

// openFlattened indexes the records, reading their heads only, or through a
// window where they are so small that skipping costs more than reading.
func openFlattened(in Input) (*flattened, error) {
	f := &flattened{r: in.R}
	src := source{name: in.Name, r: in.R, size: in.Size}
	var window []byte
	var windowAt int64
	buf := make([]byte, 256<<10)
	pos := int64(flatHeader)
	last := int64(0) // size of the record before
	for {
		if pos < windowAt || pos+16 > windowAt+int64(len(window)) {
			want := len(buf)
			if last > int64(len(buf))/4 {
				want = 16
			}
			n, err := src.read(buf[:want], pos)
			switch {
			case n >= 16:
			case errors.Is(err, io.ErrUnexpectedEOF):
				f.cut = fmt.Errorf("the flattened stream ends at offset %#x without its end record", pos)
			default:
				return nil, fmt.Errorf("%s: reading a flattened record at offset %#x: %w", in.Name, pos, err)
			}
			if f.cut != nil {
				break
			}
			window, windowAt = buf[:n], pos
		}
		head := window[pos-windowAt:]
		off, size := int64(binary.BigEndian.Uint64(head)), int64(binary.BigEndian.Uint64(head[8:]))
		if off == flatEnd {
			break
		}
		pos += 16
		if off < 0 || size < 0 || off > math.MaxInt64-size || pos > math.MaxInt64-size {
			f.cut = fmt.Errorf("the flattened record at offset %#x puts %#x bytes at %#x, which is nonsense", pos-16, uint64(size), uint64(off))
			break
		}
		have := size
		if in.Size >= 0 && in.Size-pos < size {
			have = max(0, in.Size-pos)
			f.cut = fmt.Errorf("the flattened record at offset %#x has %#x of its %#x bytes", pos-16, have, size)
		}
		if have > 0 {
			if len(f.spans) == flatRecords {
				return nil, fmt.Errorf("%s: more than %d flattened records: rearrange it with makedumpfile -R first", in.Name, flatRecords)
			}
			f.spans = append(f.spans, span{start: uint64(off), end: uint64(off + have), off: pos, rank: math.MaxUint32 - uint32(len(f.spans))})
			f.size = max(f.size, off+have)
		}
		if f.cut != nil {
			break
		}
		pos += size
		last = size
	}
	f.spans = overlay(f.spans)
	return f, nil //nolint:nilerr // a stream that ends early is read as far as it goes: see cut
}

func (f *flattened) read(p []byte, off int64) (int, error) {
	done := 0
	i := sort.Search(len(f.spans), func(i int) bool { return f.spans[i].end > uint64(off) })
	for done < len(p) {
		at := uint64(off) + uint64(done)
		if i == len(f.spans) {
			return done, io.ErrUnexpectedEOF
		}
		s := f.spans[i]
		if s.start > at {
			// A hole of the file that was seeked over reads as zeros; one of a
			// stream that broke off may be anything.
			if f.cut != nil {
				return done, io.ErrUnexpectedEOF
			}
			n := int(min(uint64(len(p)-done), s.start-at))
			clear(p[done : done+n])
			done += n
			continue
		}
		n := int(min(uint64(len(p)-done), s.end-at))
		got, err := f.r.ReadAt(p[done:done+n], s.off+int64(at-s.start))
		if got < n {
			return done + max(0, got), err
		}
		done += n
		i++
	}
	return done, nil
}
