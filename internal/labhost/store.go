package labhost

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"ringside/lab"
)

// Store is a folder with the contents and the runs of a lab.
type Store struct {
	dir string

	mu     sync.Mutex
	hashes map[string]hashed // by path
	dirty  bool
}

// hashed remembers a file's hash as long as the file looks the same.
type hashed struct {
	Size   int64  `json:"size"`
	Mtime  int64  `json:"mtime_ns"`
	Ctime  int64  `json:"ctime_ns"`
	Inode  uint64 `json:"inode"`
	SHA256 string `json:"sha256"`
}

// DefaultDir is where the lab's store is unless somebody says otherwise.
func DefaultDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "ringside", "lab"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no place for the lab's store: %w; name one with --store", err)
	}
	return filepath.Join(home, ".local", "state", "ringside", "lab"), nil
}

// Open opens the store in a folder, which is made if it is not there, and cleans up what
// runs that were killed have left.
func Open(dir string) (*Store, error) {
	for _, d := range []string{"contents", "runs", "packages"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("open the lab's store: %w", err)
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: abs, hashes: map[string]hashed{}}
	if b, err := os.ReadFile(s.hashFile()); err == nil {
		_ = json.Unmarshal(b, &s.hashes) // a cache: what cannot be read is made anew
	}
	return s, s.clean()
}

func (s *Store) hashFile() string { return filepath.Join(s.dir, "hashes.json") }

// Close keeps what the store has learned.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dirty {
		return nil
	}
	b, err := json.Marshal(s.hashes)
	if err != nil {
		return err
	}
	return writeFile(s.hashFile(), b)
}

// writeFile replaces a file at once.
func writeFile(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func (s *Store) contentFile(sum string) string {
	return filepath.Join(s.dir, "contents", sum[:2], sum[2:])
}

// Has tells whether a content is here.
func (s *Store) Has(sum string) bool {
	if len(sum) != 64 {
		return false
	}
	_, err := os.Stat(s.contentFile(sum))
	return err == nil
}

// Open opens a content.
func (s *Store) Open(c lab.Content) (io.ReadCloser, error) {
	name, err := s.Path(c)
	if err != nil {
		return nil, err
	}
	return os.Open(name)
}

// Path returns the file of a content, which nobody may change.
func (s *Store) Path(c lab.Content) (string, error) {
	if !s.Has(c.SHA256) {
		return "", fmt.Errorf("content %.12s (%s) is not in the store %s: add it with ringside lab add FILE", c.SHA256, c.Name, s.dir)
	}
	return s.contentFile(c.SHA256), nil
}

// Add keeps bytes, and returns what identifies them. want may be empty; where it is not,
// other bytes are refused.
func (s *Store) Add(name string, r io.Reader, want string) (lab.Content, error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, "contents"), ".new-*")
	if err != nil {
		return lab.Content{}, err
	}
	defer os.Remove(f.Name()) // it has another name if all went well
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), r)
	if err = errors.Join(err, f.Chmod(0o444), f.Close()); err != nil {
		return lab.Content{}, fmt.Errorf("keep %s: %w", name, err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if want != "" && want != sum {
		return lab.Content{}, fmt.Errorf("keep %s: it has the hash %.12s and not %.12s", name, sum, want)
	}
	to := s.contentFile(sum)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return lab.Content{}, err
	}
	if err := os.Rename(f.Name(), to); err != nil {
		return lab.Content{}, err
	}
	return lab.Content{SHA256: sum, Size: n, Name: filepath.Base(name)}, nil
}

// AddFile keeps a file of the host's. It is not read again as long as it looks the same.
func (s *Store) AddFile(name string) (lab.Content, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return lab.Content{}, err
	}
	f, err := os.Open(abs)
	if err != nil {
		return lab.Content{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return lab.Content{}, err
	}
	if !info.Mode().IsRegular() {
		return lab.Content{}, fmt.Errorf("%s is no regular file", name)
	}
	now := looks(info)
	s.mu.Lock()
	have := s.hashes[abs]
	s.mu.Unlock()
	now.SHA256 = have.SHA256
	if have == now && s.Has(have.SHA256) {
		return lab.Content{SHA256: have.SHA256, Size: info.Size(), Name: filepath.Base(name)}, nil
	}
	c, err := s.Add(name, f, "")
	if err != nil {
		return c, err
	}
	now.SHA256 = c.SHA256
	s.mu.Lock()
	s.hashes[abs], s.dirty = now, true
	s.mu.Unlock()
	return c, nil
}

func looks(info fs.FileInfo) hashed {
	h := hashed{Size: info.Size(), Mtime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		h.Ctime, h.Inode = st.Ctim.Nano(), st.Ino
	}
	return h
}

// Runs lists the records of runs, the newest first.
func (s *Store) Runs() ([]lab.Record, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil {
		return nil, err
	}
	slices.Reverse(entries)
	var list []lab.Record
	for _, e := range entries {
		r, err := s.read(e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // it runs
		}
		if err != nil {
			return nil, err
		}
		list = append(list, *r)
	}
	return list, nil
}

func (s *Store) read(id string) (*lab.Record, error) {
	b, err := os.ReadFile(filepath.Join(s.Folder(id), recordFile))
	if err != nil {
		return nil, err
	}
	r := new(lab.Record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	return r, nil
}

// Last is the name of the newest run.
const Last = "last"

// Record returns the record of a run by its ID, the begin of it, or "last".
func (s *Store) Record(id string) (*lab.Record, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil {
		return nil, err
	}
	slices.Reverse(entries)
	id = strings.ToLower(id)
	var found []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(s.Folder(e.Name()), recordFile)); err != nil {
			continue
		}
		if id == Last || e.Name() == id {
			return s.read(e.Name())
		}
		if id != "" && (strings.HasPrefix(e.Name(), id) || strings.HasSuffix(e.Name(), id)) {
			found = append(found, e.Name())
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("no run %q in %s: ringside lab list shows those that are there", id, s.dir)
	case 1:
		return s.read(found[0])
	}
	return nil, fmt.Errorf("%d runs begin or end with %q: say more of it", len(found), id)
}

// Folder is where the files of a run are.
func (s *Store) Folder(id string) string { return filepath.Join(s.dir, "runs", id) }
