package cvefeed

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ringside/vuln/feed"
)

// keyOf identifies what is in a feed now: by names, sizes and times of the files of a
// folder, by the bytes of a single file. A checkout has thirty thousand files, and this
// is most of what a second scan takes, so they are asked for by their folder's
// descriptor and by all CPUs.
func keyOf(ctx context.Context, where string, info os.FileInfo) (string, error) {
	h := sha256.New()
	if !info.IsDir() {
		f, err := os.Open(where)
		if err != nil {
			return "", err
		}
		defer f.Close()
		if _, err := io.Copy(h, f); err != nil {
			return "", err
		}
		return "file:" + hex.EncodeToString(h.Sum(nil)), nil
	}
	w := &walker{ctx: ctx}
	w.folder(where)
	if err := w.stat(); err != nil {
		return "", err
	}
	slices.SortFunc(w.parts, func(a, b *part) int {
		if c := strings.Compare(a.dir, b.dir); c != 0 {
			return c
		}
		return strings.Compare(a.files[0], b.files[0])
	})
	for _, p := range w.parts {
		h.Write([]byte(p.dir + "\n"))
		h.Write(p.sum[:])
	}
	return "folder:" + hex.EncodeToString(h.Sum(nil)), nil
}

// part is some of a folder's files, so that several workers share a large one.
type part struct {
	dir   string
	files []string
	sum   [sha256.Size]byte
}

// partSize is how many files one worker takes at a time.
const partSize = 1000

type walker struct {
	ctx   context.Context
	parts []*part
	errs  []error
}

// folder collects the files of a folder and of those below it.
func (w *walker) folder(dir string) {
	if err := w.ctx.Err(); err != nil {
		w.errs = append(w.errs, err)
		return
	}
	d, err := os.Open(dir)
	if err != nil {
		w.errs = append(w.errs, err)
		return
	}
	entries, err := d.ReadDir(-1)
	d.Close()
	if err != nil {
		w.errs = append(w.errs, err)
		return
	}
	files := make([]string, 0, len(entries))
	for _, e := range entries {
		switch {
		case e.IsDir():
			if !strings.HasPrefix(e.Name(), ".") {
				w.folder(filepath.Join(dir, e.Name()))
			}
		case feed.Wanted(e.Name()):
			files = append(files, e.Name())
		}
	}
	slices.Sort(files)
	for chunk := range slices.Chunk(files, partSize) {
		w.parts = append(w.parts, &part{dir: dir, files: chunk})
	}
}

// stat asks for all files.
func (w *walker) stat() error {
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for w.ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(w.parts) {
					return
				}
				if err := w.parts[i].stat(); err != nil {
					mu.Lock()
					w.errs = append(w.errs, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(append(w.errs, w.ctx.Err())...)
}

func (p *part) stat() error {
	d, err := os.Open(p.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	b := make([]byte, 0, 48*len(p.files))
	var st unix.Stat_t
	for _, name := range p.files {
		if err := unix.Fstatat(int(d.Fd()), name, &st, 0); err != nil {
			return &os.PathError{Op: "stat", Path: filepath.Join(p.dir, name), Err: err}
		}
		b = append(b, name...)
		b = binary.LittleEndian.AppendUint64(append(b, 0), uint64(st.Size))
		b = binary.LittleEndian.AppendUint64(b, uint64(st.Mtim.Nano()))
	}
	p.sum = sha256.Sum256(b)
	return nil
}
