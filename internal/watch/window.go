package watch

import "bytes"

// window is the end of a stream, from the beginning of a line.
type window struct {
	data  []byte
	base  int64 // offset in the stream of data[0]
	lines int   // lines that were dropped
	max   int
}

func (w *window) add(b []byte) { w.data = append(w.data, b...) }

// whole is the part of the window that ends with a line's end.
func (w *window) whole() []byte { return w.data[:bytes.LastIndexByte(w.data, '\n')+1] }

// excess is the offset in the stream from which on the window should be kept: at
// most half of its maximum, from the beginning of a line, but nothing from keep
// on unless the window would exceed its maximum.
func (w *window) excess(keep int64) int64 {
	if len(w.data) <= w.max {
		return w.base
	}
	cut := len(w.data) - w.max/2
	if before := int(keep - w.base); before < cut {
		cut = max(before, len(w.data)-w.max)
	}
	if cut <= 0 {
		return w.base
	}
	// Where no line ends, all goes.
	i := bytes.IndexByte(w.data[cut-1:], '\n')
	if i < 0 {
		return w.base + int64(len(w.data))
	}
	return w.base + int64(cut+i)
}

// drop drops what is before the offset from in the stream.
func (w *window) drop(from int64) {
	cut := int(from - w.base)
	w.lines += bytes.Count(w.data[:cut], []byte("\n"))
	w.base = from
	w.data = w.data[:copy(w.data, w.data[cut:])]
}
