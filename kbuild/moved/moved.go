// Package moved knows under which other names the kernel's files have been.
//
// Records of flaws name files as mainline has them when the fix is made. An older tree may
// have the same code elsewhere: a folder was renamed (drivers/misc/habanalabs), a file
// split (kernel/sched/syscalls.c off core.c) or put into another. [Names] gives the files
// of a tree in which a file's lines were, or went, by a table that [Learn] made out of
// releases of Linux; scripts/movedfiles makes it anew.
//
// The table has an entry only where a third of a file's lines are known to come from the
// files that it names, and these have lost them: code that was copied, or is new, has none.
package moved

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed table.txt
var text string

var table = sync.OnceValue(func() map[string][]From {
	m, err := parse(text)
	if err != nil {
		panic("kbuild/moved: " + err.Error()) // the table is part of the program
	}
	return m
})

// maxNames bounds how many names are followed.
const maxNames = 32

// Names gives the files of a tree that had, or have, the code of one that the tree does
// not have, those with the most of it first. Whole says that most of the code is known to
// be in them: where they have nothing, it is nowhere. There are no names where some of the
// code went into files that the tree does not have.
func Names(file string, exists func(file string) bool) (names []string, whole bool) {
	type name struct {
		file  string
		share float64
	}
	share := map[string]float64{}
	queue := []name{{file, 1}}
	seen := map[string]bool{file: true}
	whole = true
	for len(queue) > 0 && len(seen) < maxNames {
		n := queue[0]
		queue = queue[1:]
		from := table()[n.file]
		if len(from) == 0 {
			return nil, false
		}
		known := 0
		for _, f := range from {
			known += f.Share
		}
		whole = whole && known >= mostKnown
		for _, f := range from {
			// What is not known of a file's lines is taken to be spread alike.
			part := n.share * float64(f.Share) / float64(known)
			switch {
			case exists(f.File):
				share[f.File] += part
			case seen[f.File]:
			default:
				seen[f.File] = true
				queue = append(queue, name{f.File, part})
			}
		}
	}
	if len(queue) > 0 || len(share) == 0 {
		return nil, false
	}
	for f := range share {
		names = append(names, f)
	}
	slices.SortFunc(names, func(a, b string) int {
		if share[a] != share[b] {
			if share[a] > share[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return names, whole
}

// Format writes a table: under a line with two folders, what moved from the second to the
// first; a name that stayed the same is written once. What came from several files has a
// line of its own with their shares.
func Format(edges []Edge) string {
	slices.SortStableFunc(edges, func(a, b Edge) int { return strings.Compare(a.File, b.File) })
	var b strings.Builder
	last := ""
	for i, e := range edges {
		if i > 0 && edges[i-1].File == e.File {
			continue // an earlier pair of trees knows it
		}
		if len(e.From) == 1 && e.From[0].Share >= mostKnown {
			to, from := path.Dir(e.File), path.Dir(e.From[0].File)
			if head := to + " < " + from; head != last {
				fmt.Fprintf(&b, "%s\n", head)
				last = head
			}
			b.WriteString("\t" + path.Base(e.File))
			if base := path.Base(e.From[0].File); base != path.Base(e.File) {
				b.WriteString(" " + base)
			}
			b.WriteByte('\n')
			continue
		}
		b.WriteString(e.File + " <")
		for _, f := range e.From {
			fmt.Fprintf(&b, " %s:%d", f.File, f.Share)
		}
		b.WriteByte('\n')
		last = ""
	}
	return b.String()
}

// parse reads a table. Lines that begin with # say where it is from.
func parse(text string) (map[string][]From, error) {
	m := map[string][]From{}
	to, from := "", ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0][0] == '#':
		case line[0] == '\t' && to != "":
			m[path.Join(to, f[0])] = []From{{path.Join(from, f[len(f)-1]), 100}}
		case len(f) == 3 && f[1] == "<" && !strings.Contains(f[2], ":"):
			to, from = f[0], f[2]
		case len(f) > 2 && f[1] == "<":
			for _, part := range f[2:] {
				file, share, _ := strings.Cut(part, ":")
				s, err := strconv.Atoi(share)
				if err != nil || s < 1 || s > 100 {
					return nil, fmt.Errorf("line %d: %q is no share of lines", n, part)
				}
				m[f[0]] = append(m[f[0]], From{file, s})
			}
			to = ""
		default:
			return nil, fmt.Errorf("line %d: neither folders nor a file", n)
		}
	}
	return m, nil
}
