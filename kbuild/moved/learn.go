package moved

import (
	"bytes"
	"hash/maphash"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// An Edge says that a file's lines were in other files of another version, and are not
// there any more: it was renamed, split off or merged.
type Edge struct {
	File string
	// From are the files that had the lines, those with the most first.
	From []From
}

// From is one of the files that a file's lines were in.
type From struct {
	File  string
	Share int // per cent of the file's lines
}

// Bounds of what counts.
const (
	maxSize   = 4 << 20 // of a file; larger ones are tables of registers
	common    = 4       // a line that more files have says nothing
	minLetter = 10      // of a line that says something
	minShare  = 3       // per cent of a file's lines for another to count as where they were
	minLines  = 3
	minKnown  = 30 // per cent of a file's lines that must be known to come from somewhere
	mostKnown = 50 // per cent of them from which on it is known where most came from
)

// Learn finds where the files of one tree that another tree does not have were in that
// one. A line counts where few files have it, and only if the file that had it has lost
// it: otherwise it was copied, not moved.
func Learn(tree, other fs.FS) ([]Edge, error) {
	l := learner{seed: maphash.MakeSeed()}
	here, err := sources(tree)
	if err != nil {
		return nil, err
	}
	there, err := sources(other)
	if err != nil {
		return nil, err
	}
	// Lines of the files that are new.
	wanted := map[uint64][]int32{} // line → files of there that have it
	lines := map[string][]uint64{}
	for file := range here {
		if there[file] {
			continue
		}
		list, err := l.lines(tree, file)
		if err != nil {
			return nil, err
		}
		lines[file] = list
		for _, h := range list {
			wanted[h] = nil
		}
	}
	var names []string
	for file := range there {
		names = append(names, file)
	}
	slices.Sort(names)
	for i, file := range names {
		list, err := l.lines(other, file)
		if err != nil {
			return nil, err
		}
		var kept map[uint64]bool // that the file still has
		for _, h := range list {
			files, ok := wanted[h]
			if !ok || len(files) > common || len(files) > 0 && files[len(files)-1] == int32(i) { //nolint:gosec // a tree has less than 2^31 files
				continue
			}
			if kept == nil {
				if kept, err = l.set(tree, file, here[file]); err != nil {
					return nil, err
				}
			}
			at := int32(i) //nolint:gosec // as above
			if kept[h] {
				at = -1 - at
			}
			wanted[h] = append(files, at)
		}
	}
	var edges []Edge
	for file, list := range lines {
		if e := origin(file, list, wanted, names); len(e.From) > 0 {
			edges = append(edges, e)
		}
	}
	slices.SortFunc(edges, func(a, b Edge) int { return strings.Compare(a.File, b.File) })
	return edges, nil
}

// origin finds the fewest files that had a file's lines.
func origin(file string, list []uint64, wanted map[uint64][]int32, names []string) Edge {
	total := 0
	rest := map[uint64][]int32{}
	for _, h := range list {
		files := wanted[h]
		if len(files) > common {
			continue
		}
		total++
		var left []int32
		for _, f := range files {
			if f >= 0 {
				left = append(left, f)
			}
		}
		if len(left) > 0 {
			rest[h] = left
		}
	}
	e := Edge{File: file}
	known := 0
	for len(e.From) < 12 {
		count := map[int32]int{}
		best := int32(-1)
		for _, files := range rest {
			for _, f := range files {
				count[f]++
			}
		}
		for f, n := range count {
			if best < 0 || n > count[best] || n == count[best] && closer(file, names[f], names[best]) {
				best = f
			}
		}
		if best < 0 || count[best] < minLines || count[best]*100 < minShare*total {
			break
		}
		known += count[best]
		e.From = append(e.From, From{names[best], count[best] * 100 / total})
		for h, files := range rest {
			if slices.Contains(files, best) {
				delete(rest, h)
			}
		}
	}
	if known*100 < minKnown*total {
		return Edge{}
	}
	return e
}

// closer says whether a name resembles a file's more than another does.
func closer(file, a, b string) bool {
	same := func(n string) int {
		score := 0
		if path.Base(n) == path.Base(file) {
			score = 1000
		}
		for i := 0; i < min(len(n), len(file)) && n[i] == file[i]; i++ {
			score++
		}
		return score
	}
	if x, y := same(a), same(b); x != y {
		return x > y
	}
	return a < b
}

type learner struct{ seed maphash.Seed }

func (l *learner) set(fsys fs.FS, file string, exists bool) (map[uint64]bool, error) {
	m := map[uint64]bool{}
	if !exists {
		return m, nil
	}
	list, err := l.lines(fsys, file)
	for _, h := range list {
		m[h] = true
	}
	return m, err
}

// lines gives the hashes of a file's lines that say something, each once.
func (l *learner) lines(fsys fs.FS, file string) ([]uint64, error) {
	data, err := fs.ReadFile(fsys, file)
	if err != nil || len(data) > maxSize {
		return nil, err
	}
	seen := map[uint64]bool{}
	var list []uint64
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) < 12 || bytes.HasPrefix(line, []byte("#include")) || bytes.HasPrefix(line, []byte("*")) || bytes.HasPrefix(line, []byte("/*")) || bytes.HasPrefix(line, []byte("//")) {
			continue
		}
		letters := 0
		for _, c := range line {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
				letters++
			}
		}
		if letters < minLetter {
			continue
		}
		h := maphash.Bytes(l.seed, line)
		if !seen[h] {
			seen[h] = true
			list = append(list, h)
		}
	}
	return list, nil
}

// sources lists the files of a kernel tree that hold code.
func sources(fsys fs.FS) (map[string]bool, error) {
	list := map[string]bool{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			switch name {
			case "Documentation", "tools", "samples", "scripts", "debian", ".git", "drivers/gpu/drm/amd/include":
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		switch path.Ext(name) {
		case ".c", ".h", ".S":
			list[name] = true
		}
		return nil
	})
	return list, err
}
