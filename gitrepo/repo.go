// Package gitrepo reads a git repository's objects without git: packs, loose objects,
// references, commits, trees, and what a commit changes. It only reads, from the file
// systems that it is given, and is made for going through many commits fast: git's own
// library in Go takes longer for the blobs alone than git does for a whole log.
//
//   - repo.go: a repository, and where an object is;
//   - pack.go: a pack and its index; delta.go: an object out of its pieces;
//   - reader.go: what one goroutine reads with, and what it keeps;
//   - refs.go: names of commits; object.go: commits and trees;
//   - walk.go: commits in order; changes.go: what differs between two trees.
//
// Formats: gitformat-pack(5), gitformat-index(5) of git 2.39, and the descriptions of
// loose objects and packed references next to them. Repositories whose objects are named
// by SHA-256 are refused.
package gitrepo

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// An ID names an object: its SHA-1.
type ID [20]byte

// String gives the 40 digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero tells whether it names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads 40 hexadecimal digits.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 40 {
		return id, fmt.Errorf("%q is no object: 40 hexadecimal digits are needed", s)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return id, fmt.Errorf("%q is no object: %w", s, err)
	}
	return id, nil
}

// The errors, to be compared with errors.Is.
var (
	// ErrNotRepo is the error for a folder that holds no repository.
	ErrNotRepo = errors.New("no git repository: neither objects/ nor HEAD is in it")
	// ErrMissing is the error for an object that the repository does not have, as a
	// partial clone does not.
	ErrMissing = errors.New("the object is not in the repository")
	// ErrCorrupt is the error for an object that is not what its name says.
	ErrCorrupt = errors.New("the object is damaged")
	// ErrAmbiguous is the error for a name that several objects start with.
	ErrAmbiguous = errors.New("several objects have a name that starts so; give more digits")
)

// MaxObject is the largest object that is read, in bytes.
const MaxObject = 256 << 20

// A Repo is a repository that is open for reading. Its methods can be used by several
// goroutines at once; each needs a [Reader] of its own for the objects themselves.
type Repo struct {
	dir   fs.FS
	loose []fs.FS // objects directories
	packs []*pack
}

// Open opens the repository whose .git directory (or the bare repository itself) dir is.
// Alternates are objects directories of others that it borrows from, as
// objects/info/alternates names them.
func Open(dir fs.FS, alternates ...fs.FS) (*Repo, error) {
	if _, err := fs.Stat(dir, "HEAD"); err != nil {
		return nil, ErrNotRepo
	}
	if config, err := fs.ReadFile(dir, "config"); err == nil && strings.Contains(strings.ToLower(string(config)), "objectformat = sha256") {
		return nil, errors.New("the repository names its objects by SHA-256, which is not read yet")
	}
	objects, err := fs.Sub(dir, "objects")
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(objects, "."); err != nil {
		return nil, ErrNotRepo
	}
	r := &Repo{dir: dir, loose: append([]fs.FS{objects}, alternates...)}
	for _, o := range r.loose {
		names, err := fs.Glob(o, "pack/*.idx")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			p, err := openPack(o, strings.TrimSuffix(name, ".idx"))
			if err != nil {
				_ = r.Close()
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			r.packs = append(r.packs, p)
		}
	}
	// The largest pack has most of what is asked for.
	slices.SortStableFunc(r.packs, func(a, b *pack) int { return b.count - a.count })
	return r, nil
}

// Close closes the packs.
func (r *Repo) Close() error {
	var errs []error
	for _, p := range r.packs {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// place is where an object is: in a pack, or by itself.
type place struct {
	pack   *pack
	offset int64
}

// find says which pack holds an object; ok is false where none does.
func (r *Repo) find(id ID) (place, bool, error) {
	for _, p := range r.packs {
		offset, ok, err := p.find(id)
		if err != nil {
			return place{}, false, err
		}
		if ok {
			return place{p, offset}, true, nil
		}
	}
	return place{}, false, nil
}

// Abbrev finds the object that a shortened name of at least four digits stands for.
func (r *Repo) Abbrev(prefix string) (ID, error) {
	prefix = strings.ToLower(prefix)
	if len(prefix) == 40 {
		return ParseID(prefix)
	}
	if len(prefix) < 4 || len(prefix) > 40 || strings.Trim(prefix, "0123456789abcdef") != "" {
		return ID{}, fmt.Errorf("%q is no shortened object name: 4 to 40 hexadecimal digits are", prefix)
	}
	var found []ID
	add := func(id ID) {
		if !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	for _, p := range r.packs {
		ids, err := p.abbrev(prefix)
		if err != nil {
			return ID{}, err
		}
		for _, id := range ids {
			add(id)
		}
	}
	for _, o := range r.loose {
		entries, err := fs.ReadDir(o, prefix[:2])
		if err != nil {
			continue
		}
		for _, e := range entries {
			if name := prefix[:2] + e.Name(); strings.HasPrefix(name, prefix) {
				if id, err := ParseID(name); err == nil {
					add(id)
				}
			}
		}
	}
	switch len(found) {
	case 0:
		return ID{}, fmt.Errorf("%s: %w", prefix, ErrMissing)
	case 1:
		return found[0], nil
	}
	return ID{}, fmt.Errorf("%s: %w", prefix, ErrAmbiguous)
}

// openAt opens a file for reading anywhere in it.
func openAt(fsys fs.FS, name string) (readerAt, int64, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	if at, ok := f.(readerAt); ok {
		return at, st.Size(), nil
	}
	_ = f.Close()
	return nil, 0, fmt.Errorf("%s: the file system cannot read in the middle of a file", path.Base(name))
}

type readerAt interface {
	io.ReaderAt
	io.Closer
}
