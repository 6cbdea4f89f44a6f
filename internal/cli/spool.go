package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"ringside/internal/triage"
	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// maxSpool is how much of a pipe is kept for a second reading.
const maxSpool = 1 << 30

// spooled is for verbs that read an input once for what it says and a second
// time for the lines to quote.
func spooled(name string, r io.ReadCloser) (triage.Input, func(), error) {
	s := &spool{name: name, src: r, max: maxSpool}
	return triage.Input{Name: name, Open: s.open, Dump: s.dump, File: s.whole}, s.remove, nil
}

// A spool hands a pipe on as it comes and keeps a copy of its beginning in a
// temporary file, for the second reading. What it cannot keep (beyond max, or
// for a full disk) is missing from that reading only, which then ends with
// [triage.ErrNotKept].
type spool struct {
	name   string
	src    io.ReadCloser
	max    int64
	file   *os.File
	n      int64 // bytes in file
	opened bool
	why    error // why something was not kept
}

func (s *spool) open() (io.ReadCloser, error) {
	if !s.opened {
		s.opened = true
		var err error
		if s.file, err = os.CreateTemp("", "ringside-pipe-*"); err != nil {
			s.why = err
		}
		return s, nil
	}
	if s.file == nil {
		return nil, s.notKept()
	}
	r := io.NewSectionReader(s.file, 0, s.n)
	return io.NopCloser(&ending{r, s}), nil
}

// Read reads the pipe and keeps a copy.
func (s *spool) Read(p []byte) (int, error) {
	n, err := s.src.Read(p)
	if n > 0 && s.why == nil {
		keep := p[:min(int64(n), s.max-s.n)]
		m, werr := s.file.Write(keep)
		s.n += int64(m)
		switch {
		case werr != nil:
			s.why = werr
		case len(keep) < n:
			s.why = fmt.Errorf("it is longer than %d MiB; pass a file to have all of it", s.max>>20)
		}
	}
	return n, err
}

// dump reads the rest of the pipe and opens all of it as a kernel dump.
func (s *spool) dump(ctx context.Context) (*kernel.Kernel, func(), error) {
	if _, err := io.Copy(io.Discard, contextReader{ctx, s}); err != nil {
		return nil, nil, err
	}
	if s.why != nil {
		return nil, nil, s.notKept()
	}
	in, end := dump.Input{Name: "dump", R: s.file, Size: s.n}, func() {}
	head := make([]byte, 6)
	if n, _ := s.file.ReadAt(head, 0); wrapped(head[:n]) {
		var err error
		if in, end, err = spoolDump(ctx, "dump", io.NewSectionReader(s.file, 0, s.n)); err != nil {
			return nil, nil, err
		}
	}
	var d dumpFlags
	return d.openInputs(ctx, []dump.Input{in}, []func(){end})
}

// whole reads the rest of the pipe and gives the file with all of it.
func (s *spool) whole(ctx context.Context) (string, func(), error) {
	if _, err := io.Copy(io.Discard, contextReader{ctx, s}); err != nil {
		return "", nil, err
	}
	if s.why != nil {
		return "", nil, s.notKept()
	}
	return expanded(ctx, s.file.Name())
}

// Close leaves the copy where it is; remove is what ends it.
func (s *spool) Close() error { return nil }

func (s *spool) notKept() error {
	return fmt.Errorf("%w of %s: %w", triage.ErrNotKept, s.name, s.why)
}

func (s *spool) remove() {
	s.src.Close()
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
	}
}

// ending tells at the end of the copy that the pipe had more.
type ending struct {
	io.Reader
	s *spool
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if errors.Is(err, io.EOF) && e.s.why != nil {
		err = e.s.notKept()
	}
	return n, err
}
