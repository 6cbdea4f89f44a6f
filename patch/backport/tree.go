package backport

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"ringside/gitrepo"
)

// A Tree is what a backport goes on: a commit's tree in the repository, or a folder.
type Tree struct {
	// Commit is the tree's commit; zero for a folder.
	Commit gitrepo.ID

	rd    *gitrepo.Reader
	root  gitrepo.ID
	fsys  fs.FS
	files []string            // all of them, once they were asked for
	bases map[string][]string // files by their last name
}

// InRepo is the tree of a commit.
func InRepo(rd *gitrepo.Reader, commit gitrepo.ID) (*Tree, error) {
	c, err := rd.Commit(commit)
	if err != nil {
		return nil, err
	}
	return &Tree{Commit: c.ID, rd: rd, root: c.Tree}, nil
}

// InFolder is a tree in a folder.
func InFolder(fsys fs.FS) *Tree { return &Tree{fsys: fsys} }

// file is a file's content with its mode as git has it.
type file struct {
	text string
	mode string
}

// maxText is the largest file that is merged.
const maxText = 32 << 20

// get reads a file; nil where there is none.
func (t *Tree) get(name string) (*file, error) {
	if t.fsys == nil {
		return readBlob(t.rd, t.root, name)
	}
	info, err := fs.Lstat(t.fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxText {
		return nil, fmt.Errorf("%s is no file, or too large a one", name)
	}
	data, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return nil, err
	}
	mode := "100644"
	if info.Mode()&0o111 != 0 {
		mode = "100755"
	}
	return &file{string(data), mode}, nil
}

func readBlob(rd *gitrepo.Reader, root gitrepo.ID, name string) (*file, error) {
	id, mode, err := rd.File(root, name)
	if errors.Is(err, gitrepo.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return blob(rd, id, mode)
}

func blob(rd *gitrepo.Reader, id gitrepo.ID, mode uint32) (*file, error) {
	if id.IsZero() || mode&0o170000 == 0o040000 || mode&0o170000 == 0o160000 {
		return nil, nil
	}
	data, err := rd.Blob(id)
	if err != nil {
		return nil, err
	}
	if len(data) > maxText {
		return nil, fmt.Errorf("%s has more than %d bytes", id, maxText)
	}
	return &file{string(data), fmt.Sprintf("%06o", mode)}, nil
}

// maxFiles bounds the files of a tree that are looked through.
const maxFiles = 500000

// list names all files of the tree.
func (t *Tree) list() ([]string, error) {
	if t.files != nil {
		return t.files, nil
	}
	if t.fsys == nil {
		all, err := t.rd.Changes(gitrepo.ID{}, t.root)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			t.files = append(t.files, c.Path)
		}
	} else {
		err := fs.WalkDir(t.fsys, ".", func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == ".git":
				return fs.SkipDir
			case len(t.files) >= maxFiles:
				return fmt.Errorf("the tree has more than %d files", maxFiles)
			case d.Type().IsRegular():
				t.files = append(t.files, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	t.bases = map[string][]string{}
	for _, f := range t.files {
		t.bases[path.Base(f)] = append(t.bases[path.Base(f)], f)
	}
	return t.files, nil
}

// state is the tree with what has been put on it so far.
type state struct {
	t     *Tree
	files map[string]*file // nil where a file was deleted
}

func (s *state) clone() *state {
	c := &state{t: s.t, files: make(map[string]*file, len(s.files))}
	for k, v := range s.files {
		c.files[k] = v
	}
	return c
}

func (s *state) get(name string) (*file, error) {
	if f, ok := s.files[name]; ok {
		return f, nil
	}
	f, err := s.t.get(name)
	if err == nil {
		s.files[name] = f
	}
	return f, err
}

// similar tells how much of two texts is the same lines: 0 to 1.
func similar(a, b string) float64 {
	if a == b {
		return 1
	}
	have := map[string]int{}
	for l := range strings.Lines(a) {
		have[l]++
	}
	same := 0
	for l := range strings.Lines(b) {
		if have[l] > 0 {
			have[l]--
			same += len(l)
		}
	}
	if n := max(len(a), len(b)); n > 0 {
		return float64(same) / float64(n)
	}
	return 0
}

// half is how similar files are that are taken for one under two names, as in git.
const half = 0.5

// moved finds the name that a file of the source has in the target: one that the source
// does not have, with at least half of the content.
func (s *state) moved(name string, f *file, candidates []string) (string, *file) {
	best, found := half, ""
	var content *file
	for _, c := range candidates {
		if c == name {
			continue
		}
		g, err := s.get(c)
		if err != nil || g == nil {
			continue
		}
		if n := min(len(g.text), len(f.text)); n*2 < max(len(g.text), len(f.text)) {
			continue
		}
		if x := similar(f.text, g.text); x >= best {
			best, found, content = x, c, g
		}
	}
	return found, content
}
