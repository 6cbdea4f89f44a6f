package crash

import (
	"slices"
	"sync"
)

// scratch is the memory that a parser works in: report builders with the room
// that their slices have grown to, and the names that it has met. A parser that
// is done hands it on, so that a log costs no more than what is kept of it.
type scratch struct {
	names   names
	fields  names // "registers." and the name
	regs    []register
	hex     []byte
	caps    []capture
	free    []*builder
	frames  [][]Frame
	cited   [][]Evidence
	streams map[streamKey]*stream
	idle    []*stream
	windows []*window
}

// What a scratch may hold while nobody uses it.
const (
	maxIdle      = 32   // builders, streams, windows, lists of frames and of evidence
	maxIdleItems = 1536 // in each list
)

var scratches = sync.Pool{New: func() any {
	return &scratch{names: names{}, fields: names{}, streams: map[streamKey]*stream{}}
}}

// release hands the scratch on. Nothing in it may be used any more.
func (s *scratch) release() {
	s.names.trim()
	s.fields.trim()
	clear(s.streams)
	scratches.Put(s)
}

// builder returns an empty builder.
func (s *scratch) builder() *builder {
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		return b
	}
	return &builder{}
}

// put takes a builder back whose report has been copied out.
func (s *scratch) put(b *builder) {
	if len(s.free) >= maxIdle {
		return
	}
	clear(b.sites)
	clear(b.aliens)
	*b = builder{sites: b.sites[:0], aliens: b.aliens[:0]}
	s.free = append(s.free, b)
}

// detach gives a report memory of its own, of just the size that it needs.
func (s *scratch) detach(r *Report) {
	n := len(r.Frames)
	for i := range r.Stacks {
		n += len(r.Stacks[i].Frames)
	}
	all := make([]Frame, 0, n)
	own := func(frames []Frame) []Frame {
		from := len(all)
		all = append(all, frames...)
		reuse(&s.frames, frames)
		return all[from:len(all):len(all)]
	}
	r.Frames = own(r.Frames)
	for i := range r.Stacks {
		if st := &r.Stacks[i]; st.Frames != nil {
			st.Frames = own(st.Frames)
		}
	}
	cited := r.Evidence
	r.Evidence = slices.Clone(cited)
	reuse(&s.cited, cited)
}

// spare returns an empty list that was used before, or a new one.
func spare[T any](lists *[][]T) []T {
	if n := len(*lists); n > 0 {
		l := (*lists)[n-1]
		*lists = (*lists)[:n-1]
		return l
	}
	return make([]T, 0, 32)
}

// reuse takes a list whose entries have been copied out, unless it is large.
func reuse[T any](lists *[][]T, list []T) {
	if c := cap(list); c < 32 || c > maxIdleItems || len(*lists) >= maxIdle {
		return
	}
	clear(list)
	*lists = append(*lists, list[:0])
}

// stream returns a stream without an open report.
func (s *scratch) stream() *stream {
	if n := len(s.idle); n > 0 {
		st := s.idle[n-1]
		s.idle = s.idle[:n-1]
		*st = stream{to: targetMain}
		return st
	}
	return &stream{to: targetMain}
}

// window returns an empty window.
func (s *scratch) window() *window {
	if n := len(s.windows); n > 0 {
		w := s.windows[n-1]
		s.windows = s.windows[:n-1]
		return w
	}
	return &window{}
}

func (s *scratch) putWindow(w *window) {
	if len(s.windows) < maxIdle {
		w.reset()
		s.windows = append(s.windows, w)
	}
}

func (s *scratch) putStream(st *stream) {
	if len(s.idle) < maxIdle {
		s.idle = append(s.idle, st)
	}
}

// names keeps one copy of each text: the same functions are on stack after
// stack, the same registers in dump after dump.
type names map[string]string

// Bounds of names. Beyond them a text is copied each time.
const (
	maxNames   = 4096
	maxNameLen = 96
)

// of returns text as a string.
func (n names) of(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if s, ok := n[string(text)]; ok {
		return s
	}
	s := string(text)
	n.keep(s, s)
	return s
}

// with returns prefix and text as one string.
func (n names) with(prefix, text string) string {
	if s, ok := n[text]; ok {
		return s
	}
	s := prefix + text
	n.keep(text, s)
	return s
}

func (n names) keep(key, s string) {
	if len(n) < maxNames && len(s) <= maxNameLen {
		n[key] = s
	}
}

// trim forgets the names of a table that is full: those of another log will be
// others.
func (n names) trim() {
	if len(n) >= maxNames {
		clear(n)
	}
}
