package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Ref is a name for an object.
type Ref struct {
	Name string // "refs/tags/v6.1"
	ID   ID
	// Commit is what an annotated tag points to, where that is known without reading it.
	Commit ID
}

const maxRefs = 1 << 20

// Refs lists all references, by name.
func (r *Repo) Refs() ([]Ref, error) {
	all := map[string]Ref{}
	if packed, err := fs.ReadFile(r.dir, "packed-refs"); err == nil {
		last := ""
		for line := range strings.SplitSeq(string(packed), "\n") {
			if peeled, ok := strings.CutPrefix(line, "^"); ok {
				if id, err := ParseID(strings.TrimSpace(peeled)); err == nil && last != "" {
					ref := all[last]
					ref.Commit = id
					all[last] = ref
				}
				continue
			}
			hex, name, ok := strings.Cut(strings.TrimSpace(line), " ")
			if !ok || strings.HasPrefix(line, "#") {
				continue
			}
			if id, err := ParseID(hex); err == nil && len(all) < maxRefs {
				all[name] = Ref{Name: name, ID: id}
				last = name
			}
		}
	}
	err := fs.WalkDir(r.dir, "refs", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(r.dir, name)
		if err != nil {
			return err
		}
		if id, err := ParseID(strings.TrimSpace(string(text))); err == nil && len(all) < maxRefs {
			all[name] = Ref{Name: name, ID: id}
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := make([]Ref, 0, len(all))
	for _, ref := range all {
		out = append(out, ref)
	}
	slices.SortFunc(out, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Head is the commit that is checked out.
func (r *Repo) Head() (ID, error) { return r.symbolic("HEAD", 0) }

func (r *Repo) symbolic(name string, depth int) (ID, error) {
	if depth > 8 {
		return ID{}, fmt.Errorf("%s: references that point to each other", name)
	}
	text, err := fs.ReadFile(r.dir, name)
	if err != nil {
		refs, err := r.Refs()
		if err != nil {
			return ID{}, err
		}
		for _, ref := range refs {
			if ref.Name == name {
				return ref.ID, nil
			}
		}
		return ID{}, fmt.Errorf("%s: no such reference", name)
	}
	line := strings.TrimSpace(string(text))
	if to, ok := strings.CutPrefix(line, "ref: "); ok {
		if !fs.ValidPath(to) {
			return ID{}, fmt.Errorf("%s: points to %q", name, to)
		}
		return r.symbolic(to, depth+1)
	}
	return ParseID(line)
}

var ancestor = regexp.MustCompile(`^(.*?)([~^])(\d*)$`)

// Resolve finds what a name stands for: a reference with or without "refs/heads/",
// "refs/tags/" or "refs/remotes/", HEAD, an object's name, whole or shortened, and these
// with "~3" or "^2" behind them.
func (r *Repo) Resolve(rev string) (ID, error) {
	if m := ancestor.FindStringSubmatch(rev); m != nil {
		id, err := r.Resolve(m[1])
		if err != nil {
			return ID{}, err
		}
		n := 1
		if m[3] != "" {
			if n, err = strconv.Atoi(m[3]); err != nil || n > 1<<20 {
				return ID{}, fmt.Errorf("%q: no such ancestor", rev)
			}
		}
		return r.climb(id, rev, m[2] == "~", n)
	}
	if rev == "HEAD" || rev == "" || rev == "@" {
		return r.Head()
	}
	refs, err := r.Refs()
	if err != nil {
		return ID{}, err
	}
	for _, prefix := range []string{"", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"} {
		for _, ref := range refs {
			if ref.Name == prefix+rev {
				return ref.ID, nil
			}
		}
	}
	id, err := r.Abbrev(rev)
	if err != nil {
		return ID{}, fmt.Errorf("%q is no branch, tag or commit of the repository", rev)
	}
	return id, nil
}

// climb goes n first parents up, or to the n-th parent.
func (r *Repo) climb(id ID, rev string, first bool, n int) (ID, error) {
	rd := r.NewReader()
	steps, parent := n, 0
	if !first {
		steps, parent = min(n, 1), n-1
	}
	for range steps {
		c, err := rd.Commit(id)
		if err != nil {
			return ID{}, err
		}
		if parent >= len(c.Parents) {
			return ID{}, fmt.Errorf("%q: there is no such parent", rev)
		}
		id = c.Parents[parent]
	}
	return id, nil
}
