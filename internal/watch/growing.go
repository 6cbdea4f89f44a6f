package watch

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// growing is a regular file that something appends to. Reading begins at its
// end as it is now, and goes on with the file that takes its name when it is
// rotated, and from the beginning when it is truncated.
type growing struct{ path string }

// look is how often a file is asked whether it has grown: network file systems
// and the ones of guests tell nobody when it has.
const lookEvery = 200 * time.Millisecond

func (s growing) Open(ctx context.Context) (io.ReadCloser, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &grower{ctx: ctx, path: s.path, f: f, at: at}, nil
}
func (s growing) Again() bool    { return true }
func (s growing) String() string { return s.path }

type grower struct {
	ctx  context.Context
	path string
	f    *os.File
	at   int64
}

func (g *grower) Read(p []byte) (int, error) {
	for {
		n, err := g.f.Read(p)
		g.at += int64(n)
		if n > 0 || err != nil && err != io.EOF {
			return n, err
		}
		if err := g.again(); err != nil {
			return 0, err
		}
		timer := time.NewTimer(lookEvery)
		select {
		case <-g.ctx.Done():
			timer.Stop()
			return 0, g.ctx.Err()
		case <-timer.C:
		}
	}
}

// again turns to the file that now has the name, if it is another, and to the
// beginning of a file that has become shorter.
func (g *grower) again() error {
	old, err := g.f.Stat()
	if err != nil {
		return err
	}
	// Between two files there is none; the next look may find it.
	f, err := os.Open(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	now, err := f.Stat()
	if err == nil && !os.SameFile(now, old) {
		g.f, f, g.at = f, g.f, 0
	} else if err == nil && now.Size() < g.at {
		g.at, err = g.f.Seek(0, io.SeekStart)
	}
	return errors.Join(err, f.Close())
}

func (g *grower) Close() error { return g.f.Close() }
