package symbol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Store is a folder of ELF files that are found by build ID, or by release and
// module. gdb, elfutils and debuginfod read the same layout.
//
//	.build-id/ab/cdef….debug                  the file
//	.build-id/ab/cdef….units                  its index of units, once one was needed
//	.build-id/ab/cdef….fetched                it came from a server and may go again
//	release/6.1.0-56-amd64/vmlinux/abcdef…    link to the file
//	release/6.1.0-56-amd64/nvme/abcdef…
//
// Several processes may use a store at a time: files appear complete, by
// renaming.
type Store struct {
	dir string
}

// OpenStore returns the store in a folder, which is made when it is needed.
func OpenStore(dir string) *Store { return &Store{dir: filepath.Clean(dir)} }

// Dir returns the store's folder.
func (s *Store) Dir() string { return s.dir }

// Entry is one file of a store.
type Entry struct {
	Identity
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	New   bool   `json:"new"` // it was not there before
}

// errNoBuildID says why a file cannot be kept.
var errNoBuildID = errors.New("it has no build ID, so nothing can be found by it; link with --build-id")

// Add keeps a file: as a hard link where the file system allows, else as a
// copy. A file without debug information does not replace one that has it.
// Release names the kernel where the file itself does not; it may be empty.
func (s *Store) Add(path, release string) (Entry, error) {
	f, err := OpenPath(path)
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	id := f.Identity()
	if id.BuildID == "" {
		return Entry{}, fmt.Errorf("keep %s: %w", path, errNoBuildID)
	}
	if id.Release == "" {
		id.Release = release
	}
	e := Entry{Identity: id, Path: s.path(id.BuildID, "debug"), Bytes: f.size}
	if old, err := OpenPath(e.Path); err == nil {
		oldID, size := old.Identity(), old.size
		old.Close()
		if oldID.BuildID == id.BuildID && (oldID.Lines || !id.Lines) {
			e.Bytes = size
			return e, s.name(id)
		}
	}
	if err := os.MkdirAll(filepath.Dir(e.Path), 0o755); err != nil {
		return Entry{}, fmt.Errorf("keep %s: %w", path, err)
	}
	if err := linkOrCopy(path, e.Path); err != nil {
		return Entry{}, fmt.Errorf("keep %s: %w", path, err)
	}
	e.New = true
	return e, s.name(id)
}

// name makes the file findable by release and module.
func (s *Store) name(id Identity) error {
	module := id.Module
	if module == "" && id.Kernel {
		module = "vmlinux"
	}
	if !safeName(id.Release) || !safeName(module) {
		return nil // by build ID only
	}
	link := filepath.Join(s.dir, "release", id.Release, module, id.BuildID)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return fmt.Errorf("name symbols: %w", err)
	}
	err := os.Symlink(filepath.Join("..", "..", "..", ".build-id", id.BuildID[:2], id.BuildID[2:]+".debug"), link)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("name symbols: %w", err)
	}
	return nil
}

// safeName reports whether a name that came out of a log or a file can be the
// name of a folder.
func safeName(name string) bool {
	return name != "" && len(name) < 200 && name[0] != '.' && !strings.ContainsAny(name, "/\\\x00")
}

// path returns where a file of a build ID is.
func (s *Store) path(buildID, ext string) string {
	return filepath.Join(s.dir, ".build-id", buildID[:2], buildID[2:]+"."+ext)
}

// linkOrCopy makes to appear, complete or not at all.
func linkOrCopy(from, to string) error {
	tmp, err := os.CreateTemp(filepath.Dir(to), ".new-*")
	if err != nil {
		return err
	}
	name := tmp.Name()
	defer os.Remove(name)
	real, err := filepath.EvalSymlinks(from)
	if err != nil {
		return errors.Join(err, tmp.Close())
	}
	// A link needs a name that is free, which the temporary file has reserved.
	if linkErr := os.Link(real, name+"l"); linkErr == nil {
		return errors.Join(tmp.Close(), renameAway(name+"l", to))
	}
	in, err := os.Open(real)
	if err != nil {
		return errors.Join(err, tmp.Close())
	}
	defer in.Close()
	_, err = io.Copy(tmp, in)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(name, to)
}

// renameAway renames and leaves nothing behind, not even where both names are
// links of one file already, which rename(2) takes for done.
func renameAway(from, to string) error {
	err := os.Rename(from, to)
	if rm := os.Remove(from); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}

// Find returns the file of a build ID; without one, the file of a release and
// module if there is exactly one.
func (s *Store) Find(_ context.Context, want Identity) (*File, error) {
	if id := ParseBuildID(want.BuildID); id != "" {
		f, err := s.open(id)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	module := want.Module
	if module == "" {
		module = "vmlinux"
	}
	missing := fmt.Errorf("%w: %s has no file for %s; add it with 'ringside symbol index'", ErrNotFound, s.dir, want.what())
	if !safeName(want.Release) || !safeName(module) {
		return nil, missing
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "release", want.Release, module))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("find symbols: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if id := ParseBuildID(e.Name()); id != "" {
			ids = append(ids, id)
		}
	}
	switch {
	case len(ids) == 0:
		return nil, missing
	case want.BuildID != "":
		return nil, &MismatchError{File: filepath.Join(s.dir, "release", want.Release, module), What: "build ID", Has: strings.Join(ids, " or "), Want: want.BuildID}
	case len(ids) > 1:
		return s.pick(ids, want)
	}
	f, err := s.open(ids[0])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing
	}
	return f, err
}

// pick chooses among builds of the same release by the kernel's version line.
func (s *Store) pick(ids []string, want Identity) (*File, error) {
	var fitting []*File
	for _, id := range ids {
		f, err := s.open(id)
		if err != nil {
			continue
		}
		if want.Version != "" && f.id.Version == want.Version {
			fitting = append(fitting, f)
		} else {
			f.Close()
		}
	}
	if len(fitting) == 1 {
		return fitting[0], nil
	}
	for _, f := range fitting {
		f.Close()
	}
	return nil, fmt.Errorf("%w: %s has %d builds of %s (%s); say which by its build ID", ErrNotFound, s.dir, len(ids), want.what(), strings.Join(ids, ", "))
}

func (s *Store) open(id string) (*File, error) {
	f, err := OpenPath(s.path(id, "debug"))
	if err != nil {
		return nil, err
	}
	if f.id.BuildID != id {
		f.Close()
		return nil, &MismatchError{File: f.Name, What: "build ID", Has: cmpNone(f.id.BuildID), Want: id}
	}
	f.KeepIndex(unitFile{s.path(id, "units")})
	return f, nil
}

func cmpNone(id string) string {
	if id == "" {
		return "missing"
	}
	return id
}

// what says in words which file is wanted.
func (id Identity) what() string {
	name := "the kernel"
	if id.Module != "" {
		name = "module " + id.Module
	}
	if id.Release != "" {
		name += " of " + id.Release
	}
	if id.BuildID != "" {
		name += " (build ID " + id.BuildID + ")"
	}
	return name
}

// maxUnitFile bounds what is read back as an index of units.
const maxUnitFile = 256 << 20

// unitFile is an [IndexCache] in a file.
type unitFile struct{ path string }

func (u unitFile) Load() ([]byte, error) {
	info, err := os.Stat(u.path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxUnitFile {
		return nil, fmt.Errorf("%w: %s is too large", ErrFormat, u.path)
	}
	return os.ReadFile(u.path)
}

func (u unitFile) Save(b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(u.path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), u.path)
}

// Entries returns the files of the store by build ID, without opening them.
func (s *Store) Entries() ([]Entry, error) {
	names, err := filepath.Glob(filepath.Join(globQuote(s.dir), ".build-id", "??", "*.debug"))
	if err != nil {
		return nil, fmt.Errorf("list symbols: %w", err)
	}
	var list []Entry
	for _, name := range names {
		info, err := os.Stat(name)
		id := filepath.Base(filepath.Dir(name)) + strings.TrimSuffix(filepath.Base(name), ".debug")
		if err != nil || ParseBuildID(id) == "" {
			continue
		}
		list = append(list, Entry{Identity: Identity{BuildID: id}, Path: name, Bytes: info.Size()})
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.BuildID, b.BuildID) })
	return list, nil
}

var globQuote = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace
