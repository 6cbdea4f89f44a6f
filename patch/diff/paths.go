package diff

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// gitPaths reads the two paths of a "diff --git" line. Where they have spaces and are the
// same, they are told by their being the same.
func gitPaths(s string) (a, b string) {
	if strings.HasPrefix(s, `"`) {
		if end := quoteEnd(s); end > 0 {
			return unquote(s[:end]), unquote(strings.TrimSpace(s[end:]))
		}
	}
	if n := len(s); n%2 == 1 && s[n/2] == ' ' {
		x, y := s[:n/2], s[n/2+1:]
		if _, xs, ok := strings.Cut(x, "/"); ok {
			if _, ys, _ := strings.Cut(y, "/"); xs == ys {
				return x, y
			}
		}
	}
	a, b, _ = strings.Cut(s, " ")
	return a, unquote(b)
}

// quoteEnd is where a quoted name that begins a text ends.
func quoteEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// unquote reads a name as git quotes it: C escapes, octal for bytes beyond ASCII.
func unquote(s string) string {
	if !strings.HasPrefix(s, `"`) {
		return s
	}
	if t, err := strconv.Unquote(s); err == nil {
		return t
	}
	return strings.Trim(s, `"`)
}

// name cuts what diff -u puts behind a name: a tab and a time.
func name(s string) string {
	s = strings.TrimRight(s, "\r")
	if strings.HasPrefix(s, `"`) {
		if end := quoteEnd(s); end > 0 {
			return unquote(s[:end])
		}
	}
	s, _, _ = strings.Cut(s, "\t")
	return strings.TrimRight(s, " ")
}

// settle takes the prefixes off the paths and refuses what leads out of a tree.
func (p *parser) settle(f *File) {
	if f.Old == "" && f.New == "" && f.Err != nil {
		return // it has said so
	}
	if !f.bare {
		var ok bool
		if f.Old, f.New, ok = p.o.strip(f.Old, f.New); !ok && f.Err == nil {
			f.Err = &Error{f.Line, fmt.Errorf("%w: -p%d leaves nothing of it", ErrPath, p.o.Strip)}
		}
	}
	if f.Op == Add {
		f.Old = ""
	}
	if f.Op == Delete {
		f.New = ""
	}
	for _, name := range []string{f.Old, f.New} {
		if err := CheckPath(name); name != "" && err != nil && f.Err == nil {
			f.Err = &Error{f.Line, err}
		}
	}
	if f.Old == "" && f.New == "" && f.Err == nil {
		f.Err = &Error{f.Line, fmt.Errorf("%w: the diff names no file", ErrPath)}
	}
}

// strip takes components off two names, as patch -p does.
func (o Options) strip(a, b string) (string, string, bool) {
	switch {
	case o.Strip == 0:
		a, b = strip(a, b)
		return a, b, true
	case o.Strip < 0:
		return strings.TrimPrefix(a, "./"), strings.TrimPrefix(b, "./"), true
	}
	cut := func(s string) string {
		for range o.Strip {
			// Several slashes count as one.
			_, rest, ok := strings.Cut(s, "/")
			if !ok {
				return ""
			}
			s = strings.TrimLeft(rest, "/")
		}
		return s
	}
	x, y := cut(a), cut(b)
	// Where one name is too short, the other stands for both.
	if a != "" && b != "" {
		if x == "" {
			x = y
		}
		if y == "" {
			y = x
		}
	}
	return x, y, x != "" || y != ""
}

// strip takes the first component off two names, as patch -p1 does. Names without one,
// and a pair that is the same down from the first component, are from diff -p0.
func strip(a, b string) (string, string) {
	one := func(s string) (string, string) {
		s = strings.TrimPrefix(s, "./")
		first, rest, ok := strings.Cut(s, "/")
		if !ok {
			return "", s
		}
		return first, rest
	}
	fa, ra := one(a)
	fb, rb := one(b)
	if a != "" && b != "" && fa == fb && !prefix(fa) {
		// diff -u x/y.c x/y.c, which nobody writes with -p1 but quilt with --no-index and
		// p0: the component is a part of the path.
		return strings.TrimPrefix(a, "./"), strings.TrimPrefix(b, "./")
	}
	if (a == "" || b == "") && !prefix(fa+fb) && fa+fb != "" && !strings.Contains(fa+fb, "linux") {
		return strings.TrimPrefix(a, "./"), strings.TrimPrefix(b, "./")
	}
	return ra, rb
}

// prefix tells whether a component is one of those that git puts in front of paths.
func prefix(s string) bool {
	switch s {
	case "a", "b", "i", "w", "c", "o", "old", "new", "orig":
		return true
	}
	return false
}

// CheckPath refuses a path that is not inside of a tree, or is inside of its .git.
func CheckPath(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrPath)
	case strings.ContainsAny(name, "\x00\\") || path.IsAbs(name) || len(name) > 4096:
		return fmt.Errorf("%w: %.120q is no path in a tree", ErrPath, name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." || part == "." || part == "" || strings.EqualFold(part, ".git") {
			return fmt.Errorf("%w: %.120q leads out of the tree, or into its .git", ErrPath, name)
		}
	}
	return nil
}
