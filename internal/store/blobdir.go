package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// staleUpload is the age from which an unfinished upload that nobody holds is
// taken to be left over from a process that died. It only has to be longer than
// it takes to make a file and to lock it.
const staleUpload = time.Minute

// OpenBlobDir opens a blob store in a folder, creating it if needed. A delivery
// is acknowledged on the strength of its writes, so file and folder are synced.
func OpenBlobDir(dir string) (*Blobs, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	incoming := filepath.Join(dir, "incoming")
	if err := os.MkdirAll(incoming, 0o700); err != nil {
		return nil, fmt.Errorf("create blob folder: %w", diskFull(err))
	}
	if err := removeStale(incoming, time.Now().Add(-staleUpload)); err != nil {
		return nil, fmt.Errorf("clear unfinished uploads: %w", err)
	}
	return &Blobs{&blobDir{root: dir, incoming: incoming}}, nil
}

func removeStale(dir string, before time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process finished or removed it
		}
		if err != nil {
			return err
		}
		if name := filepath.Join(dir, e.Name()); info.ModTime().Before(before) && !held(name, info) {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// blobDir is a folder that blobs are written to.
type blobDir struct {
	root     string
	incoming string   // uploads that are not finished
	durable  sync.Map // folders whose names are known to be on the disk
}

func (d *blobDir) begin(context.Context) (upload, error) {
	f, err := os.CreateTemp(d.incoming, "upload-*")
	if err != nil {
		return nil, err
	}
	hold(f)
	return &fileUpload{File: f, dir: d}, nil
}

func (d *blobDir) open(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	f, size, err := d.file(ctx, key)
	if err != nil {
		return nil, 0, err // and not a nil file in an interface
	}
	return f, size, nil
}

func (d *blobDir) file(_ context.Context, key string) (*os.File, int64, error) {
	f, err := os.Open(filepath.Join(d.root, filepath.FromSlash(key)))
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func (d *blobDir) room() int64 { return freeSpace(d.root) }

func (d *blobDir) ping(context.Context) error {
	_, err := os.ReadDir(d.incoming)
	return err
}

// fileUpload writes a blob to a file of this machine.
type fileUpload struct {
	*os.File
	dir  *blobDir
	size int64
	done bool
}

func (u *fileUpload) Write(p []byte) (int, error) {
	n, err := u.File.Write(p)
	u.size += int64(n)
	return n, err
}

func (u *fileUpload) commit(_ context.Context, key string) (bool, error) {
	if err := u.Sync(); err != nil {
		return false, err
	}
	final := filepath.Join(u.dir.root, filepath.FromSlash(key))
	folder := filepath.Dir(final)
	if err := u.dir.durableDir(folder); err != nil {
		return false, err
	}
	// The same content may be there already. A file of another size is what a
	// failing disk left of it, and the upload heals it.
	info, err := os.Stat(final)
	created := err != nil || info.Size() != u.size
	if created {
		if err := os.Rename(u.Name(), final); err != nil {
			return false, err
		}
	}
	// Also when the blob was there: the upload that made it may not have
	// synced the folder yet, and this one is about to be acknowledged too.
	return created, syncDir(folder)
}

func (u *fileUpload) abort() {
	if u.done {
		return
	}
	u.done = true
	u.Close()
	os.Remove(u.Name())
}

// durableDir creates the folders between the root and dir and makes their
// names durable. It trusts only what this process synced itself: a folder that
// is there may have been made a moment ago by one that has not synced it yet.
func (d *blobDir) durableDir(dir string) error {
	if dir == d.root {
		return nil
	}
	if _, ok := d.durable.Load(dir); ok {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := d.durableDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncDir(parent); err != nil {
		return err
	}
	d.durable.Store(dir, true)
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}
