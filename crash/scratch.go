package crash

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"

	"ringside/klog"
)

// scratch is the memory that a parser works in: report builders with the room
// that their slices have grown to, and the names that it has met. A parser that
// is done hands it on, so that a log costs no more than what is kept of it.
type scratch struct {
	names   *names
	fields  *names // "registers." and the name
	regs    []register
	hex     []byte
	caps    []capture
	free    []*builder
	frames  [][]Frame
	cited   [][]Evidence
	aliens  [][]alien
	streams map[streamKey]*stream
	idle    []*stream
	windows []*window
	reader  klog.Reader // of [Parse]
	parser  Parser      // likewise
	room    room        // of the parser at work
	listed  []Location  // candidates
	waits   *waitBuilder
}

// What a scratch may hold while nobody uses it.
const (
	maxIdle      = 32   // builders, streams, windows, lists of frames and of evidence
	maxIdleItems = 1536 // in each list
)

var scratches = sync.Pool{New: func() any {
	return &scratch{names: newNames(), fields: newNames(), streams: map[streamKey]*stream{}}
}}

// release hands the scratch on. Nothing in it may be used any more.
func (s *scratch) release() {
	clear(s.streams)
	s.reader.Reset(nil, klog.Options{}) // and let go of the input
	s.parser = Parser{}
	scratches.Put(s)
}

// builder returns an empty builder.
func (s *scratch) builder() *builder {
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		return b
	}
	return &builder{regs: make(map[string]string, 24)}
}

// put takes a builder back whose report has been copied out.
func (s *scratch) put(b *builder) {
	if len(s.free) >= maxIdle {
		return
	}
	clear(b.sites)
	clear(b.regs)
	reuse(&s.aliens, b.aliens)
	*b = builder{sites: b.sites[:0], regs: b.regs}
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
	regs := make(map[string]string, len(r.Registers))
	maps.Copy(regs, r.Registers)
	r.Registers = regs
	cited := r.Evidence
	r.Evidence = slices.Clone(cited)
	reuse(&s.cited, cited)
}

// drop takes back the lists of a builder whose report nobody will see.
func (s *scratch) drop(b *builder) {
	r := &b.rep
	reuse(&s.frames, r.Frames)
	reuse(&s.cited, r.Evidence)
	for i := range r.Stacks {
		reuse(&s.frames, r.Stacks[i].Frames)
	}
	reuse(&s.aliens, b.aliens)
	r.Frames, r.Evidence, r.Stacks, b.aliens = nil, nil, nil, nil
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

// names keeps one copy of texts that come again and again: the same functions
// are on stack after stack, the same registers in dump after dump. Each text has
// one slot, where the next text with that hash takes its place.
type names struct {
	seed  maphash.Seed
	slots []string
}

// Bounds of names. A longer text is copied each time.
const (
	maxNames   = 1 << 12
	maxNameLen = 96
)

func newNames() *names { return &names{seed: maphash.MakeSeed(), slots: make([]string, maxNames)} }

// of returns text as a string.
func (n *names) of(text []byte) string {
	if len(text) == 0 || len(text) > maxNameLen || n == nil {
		return string(text)
	}
	slot := &n.slots[maphash.Bytes(n.seed, text)%maxNames]
	if *slot != string(text) {
		*slot = string(text)
	}
	return *slot
}

// with returns prefix and text as one string. A table of names is for one
// prefix.
func (n *names) with(prefix, text string) string {
	slot := &n.slots[maphash.String(n.seed, text)%maxNames]
	if len(*slot) != len(prefix)+len(text) || (*slot)[len(prefix):] != text {
		*slot = prefix + text
	}
	return *slot
}
