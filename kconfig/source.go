package kconfig

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// source reads files, and ahead of the parser those that they name: a second processor
// is there for nearly half of the work.
type source struct {
	tree  fs.FS
	queue chan string
	done  chan struct{}
	wait  sync.WaitGroup

	mu    sync.Mutex
	files map[string]*reading
}

type reading struct {
	once sync.Once
	text string
	err  error
}

// readers read ahead.
const readers = 2

func newSource(tree fs.FS) *source {
	s := &source{tree: tree, queue: make(chan string, 4096), done: make(chan struct{}), files: map[string]*reading{}}
	for range readers {
		s.wait.Go(func() {
			for {
				select {
				case name := <-s.queue:
					_, _ = s.read(name)
				case <-s.done:
					return
				}
			}
		})
	}
	return s
}

func (s *source) stop() {
	close(s.done)
	s.wait.Wait()
}

// read gives the text of a file.
func (s *source) read(name string) (string, error) {
	s.mu.Lock()
	r, ok := s.files[name]
	if !ok {
		r = &reading{}
		s.files[name] = r
	}
	s.mu.Unlock()
	r.once.Do(func() {
		var b []byte
		if b, r.err = fs.ReadFile(s.tree, clean(name)); r.err == nil {
			r.text = string(b)
			s.ahead(b)
		}
	})
	return r.text, r.err
}

// ahead queues the files that a file names without macros.
func (s *source) ahead(text []byte) {
	for {
		i := bytes.Index(text, []byte("source \""))
		if i < 0 {
			return
		}
		text = text[i+len("source \""):]
		n := bytes.IndexAny(text, "\"$\n")
		if n < 0 || text[n] != '"' || len(s.queue) > cap(s.queue)/2 {
			continue
		}
		select {
		case s.queue <- string(text[:n]):
		default:
		}
	}
}

// glob gives the files of a pattern, in order.
func (s *source) glob(pattern string) []string {
	names, err := fs.Glob(s.tree, clean(pattern))
	if err != nil {
		return nil
	}
	slices.Sort(names)
	if len(names) > 1000 {
		names = names[:1000]
	}
	return names
}

// clean makes a name one of an fs.FS, which has no "./".
func clean(name string) string {
	for {
		rest, ok := strings.CutPrefix(name, "./")
		if !ok {
			return name
		}
		name = rest
	}
}
