// Package patchindex makes indexes of changes out of what a user has at hand – git
// repositories, stacks of patches, kernel.org's ChangeLog files, the kernel CNA's records –
// and keeps those that take long in a cache.
package patchindex

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"ringside/patch/equiv"
	"ringside/patch/read"
)

// NoCache as Options.Cache makes every index anew.
const NoCache = "none"

// Options say how an index is made.
type Options struct {
	// Cache is the folder of the cache; empty for the user's own, NoCache for none.
	Cache string
	// Read is for stacks of patches.
	Read read.Options
	// Progress is told how many changes were read; it may be nil.
	Progress func(done int)
	// Warn is told of what is left out, if it is not nil.
	Warn func(error)
}

func (o *Options) warn(err error) {
	if o.Warn != nil && err != nil {
		o.Warn(err)
	}
}

func (o *Options) progress(n int) {
	if o.Progress != nil && n%256 == 0 {
		o.Progress(n)
	}
}

// ErrTree is the error for a source tree: it holds no changes, only what came of them.
var ErrTree = errors.New("a source tree without history")

// Index is an index that is open.
type Index struct {
	*equiv.Index
	close func() error
}

// Close closes its file.
func (x *Index) Close() error {
	if x.close == nil {
		return nil
	}
	return x.close()
}

// Open opens an index, or makes one of whatever where is.
func Open(ctx context.Context, where string, o Options) (*Index, error) {
	info, err := os.Stat(where)
	if err != nil {
		return nil, fmt.Errorf("open the changes to search: %w", err)
	}
	if !info.IsDir() {
		x, err := openFile(where, "")
		if !errors.Is(err, equiv.ErrIndex) {
			return x, err
		}
	}
	key, err := keyOf(where, info)
	if err != nil {
		return nil, err
	}
	kept := ""
	if key != "" {
		if dir := o.folder(); dir != "" {
			kept = filepath.Join(dir, nameOf(where)+".idx")
			if x, err := openFile(kept, key); err == nil {
				return x, nil
			}
		}
	}
	b := &equiv.Builder{Source: where, Tip: key}
	if err := Fill(ctx, b, where, o); err != nil {
		return nil, err
	}
	if kept != "" {
		if err := write(kept, b); err == nil {
			return openFile(kept, key)
		}
		// A cache that cannot be written keeps nothing from working.
	}
	var mem bytes.Buffer
	if err := b.Write(&mem); err != nil {
		return nil, err
	}
	x, err := equiv.OpenIndex(bytes.NewReader(mem.Bytes()), int64(mem.Len()))
	if err != nil {
		return nil, err
	}
	return &Index{Index: x}, nil
}

// Fill adds the changes of a source to an index that is being built.
func Fill(ctx context.Context, b *equiv.Builder, where string, o Options) error {
	info, err := os.Stat(where)
	if err != nil {
		return fmt.Errorf("open the changes to index: %w", err)
	}
	switch {
	case info.IsDir() && gitDir(where) != "":
		return fillGit(ctx, b, gitDir(where), o)
	case info.IsDir() && isRecords(where):
		return fillRecords(ctx, b, where, o)
	case info.IsDir() && isTree(where):
		return fmt.Errorf("%s: %w", where, ErrTree)
	case info.IsDir():
		return fillStack(b, where, o)
	}
	return fillFile(b, where, o)
}

// isTree tells whether a folder is a kernel's source tree.
func isTree(dir string) bool {
	for _, name := range []string{"Kbuild", "Kconfig", "Makefile", "kernel", "drivers"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// IsTree tells whether a folder is a kernel's source tree without history of its own.
func IsTree(dir string) bool { return isTree(dir) && gitDir(dir) == "" }

func fillStack(b *equiv.Builder, dir string, o Options) error {
	stack, err := read.Dir(os.DirFS(dir), o.Read)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	for _, p := range stack.Problems {
		o.warn(errors.New(p.String()))
	}
	for _, p := range stack.Patches {
		d := equiv.FromPatch(p)
		if err := b.Add(&d); err != nil {
			return err
		}
	}
	return nil
}

// fillFile reads patches, or a ChangeLog, out of one file.
func fillFile(b *equiv.Builder, name string, o Options) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if isChangeLog(f) {
		return fillChangeLog(b, f, name)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	stack, err := read.File(name, f, o.Read)
	if err != nil {
		return err
	}
	for _, p := range stack.Problems {
		o.warn(errors.New(p.String()))
	}
	for _, p := range stack.Patches {
		d := equiv.FromPatch(p)
		if err := b.Add(&d); err != nil {
			return err
		}
	}
	return nil
}

func openFile(path, key string) (*Index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		var x *equiv.Index
		if x, err = equiv.OpenIndex(f, st.Size()); err == nil && key != "" && x.Tip != key {
			err = errors.New("out of date")
		}
		if err == nil {
			return &Index{x, f.Close}, nil
		}
	}
	_ = f.Close()
	return nil, fmt.Errorf("%s: %w", path, err)
}

// folder is where indexes are kept; empty for nowhere.
func (o *Options) folder() string {
	switch o.Cache {
	case NoCache:
		return ""
	case "":
		dir, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		return filepath.Join(dir, "ringside", "patch-index")
	}
	return o.Cache
}

func nameOf(where string) string {
	if abs, err := filepath.Abs(where); err == nil {
		where = abs
	}
	sum := sha256.Sum256([]byte(where))
	return hex.EncodeToString(sum[:12])
}

func write(path string, b *equiv.Builder) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".index-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = b.Write(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// keyOf says which state of a source an index is for; empty for what is read anew each
// time.
func keyOf(where string, info os.FileInfo) (string, error) {
	switch {
	case !info.IsDir():
		return "", nil
	case gitDir(where) != "":
		return gitKey(gitDir(where))
	case isRecords(where):
		return recordsKey(where)
	}
	return "", nil
}

const version = "2 " // of what is kept

func hashed(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return version + hex.EncodeToString(sum[:])
}
