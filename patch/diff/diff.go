// Package diff reads unified diffs as they are found in the field: git's own format with
// renames, modes and binary files, plain diff -u as quilt keeps it (with or without
// "diff" and "index" lines, from p0 to p1), inside of mails and with CR LF.
//
// [Parse] keeps what it can: a file whose hunks are malformed is marked and named with
// its line, the others are whole. Paths that would lead out of a tree, or into its .git,
// are refused. Nothing is ever written.
package diff

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// An Op is what a diff does to a file.
type Op uint8

// The operations.
const (
	Modify Op = iota
	Add
	Delete
	Rename
	Copy
)

var ops = [...]string{"modify", "add", "delete", "rename", "copy"}

// String gives the operation's name.
func (o Op) String() string { return ops[min(int(o), len(ops)-1)] }

// A File is what a diff changes of one file.
type File struct {
	// Old and New are the paths in the tree, without the prefixes that the diff has; Old
	// is empty of a file that is added, New of one that is deleted.
	Old, New string
	Op       Op
	OldMode  string // octal, where the diff says it
	NewMode  string
	Binary   bool // it has no hunks: the change is a blob's
	Hunks    []Hunk
	Line     int // in the diff, from 1
	// Err says why the file cannot be used: a hunk that is malformed, a path that is
	// refused.
	Err error

	bare bool // the paths have no prefix
}

// Path is where the file is, after the change if it is still there.
func (f *File) Path() string {
	if f.New != "" {
		return f.New
	}
	return f.Old
}

// A Hunk is one stretch of changes.
type Hunk struct {
	OldStart, OldLines int
	NewStart, NewLines int
	// Section is what follows the second @@: the function that the hunk is in, mostly.
	Section string
	Lines   []Line
	Line    int // in the diff
}

// A Line is one line of a hunk.
type Line struct {
	Op   byte // ' ', '-' or '+'
	Text string
	// NoEOL says that the file ends with this line, without a newline.
	NoEOL bool
}

// Bounds of what is read.
const (
	maxLine  = 1 << 20
	maxFiles = 1 << 16
)

// The errors of files, to be compared with errors.Is.
var (
	ErrPath = errors.New("the path is refused")
	ErrHunk = errors.New("the hunk is malformed")
)

// ErrNone is the error for a text without a diff.
var ErrNone = errors.New("no diff in it: neither \"diff --git\" nor \"---\" and \"+++\" with a hunk")

// Parse reads all diffs of a text. Lines that belong to none, as those of a mail or of a
// commit message, are passed. Files with an Err are among the result.
func Parse(text string) ([]File, error) {
	p := parser{rest: text}
	p.next()
	for !p.end {
		if len(p.files) >= maxFiles {
			return p.files, fmt.Errorf("line %d: more than %d files", p.n, maxFiles)
		}
		switch {
		case strings.HasPrefix(p.line, "diff --git "):
			p.git()
		case strings.HasPrefix(p.line, "--- ") && strings.HasPrefix(p.peek(), "+++ ") && strings.HasPrefix(p.peek2(), "@@ "):
			p.plain()
		default:
			p.next()
		}
	}
	for i := range p.files {
		p.files[i].settle()
	}
	if len(p.files) == 0 {
		return nil, ErrNone
	}
	return p.files, nil
}

// parser walks over lines.
type parser struct {
	rest  string
	line  string // without its end
	n     int
	end   bool
	files []File
}

// next goes to the next line.
func (p *parser) next() {
	if p.rest == "" {
		p.line, p.end = "", true
		return
	}
	p.n++
	p.line, p.rest = cut(p.rest)
}

// cut takes the first line off a text.
func cut(text string) (line, rest string) {
	i := strings.IndexByte(text, '\n')
	if i < 0 {
		return text, ""
	}
	return text[:i], text[i+1:]
}

func (p *parser) peek() string {
	line, _ := cut(p.rest)
	return line
}

func (p *parser) peek2() string {
	_, rest := cut(p.rest)
	line, _ := cut(rest)
	return line
}

// git reads a file in git's extended format.
func (p *parser) git() {
	f := File{Line: p.n}
	f.Old, f.New = gitPaths(strings.TrimRight(p.line[len("diff --git "):], "\r"))
	similar := Modify
	var from, to string
	for p.next(); !p.end; p.next() {
		line := strings.TrimRight(p.line, "\r")
		key, value, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "old mode "):
			f.OldMode = line[9:]
		case strings.HasPrefix(line, "new mode "):
			f.NewMode = line[9:]
		case strings.HasPrefix(line, "deleted file mode "):
			f.Op, f.OldMode = Delete, line[18:]
		case strings.HasPrefix(line, "new file mode "):
			f.Op, f.NewMode = Add, line[14:]
		case strings.HasPrefix(line, "rename from "):
			similar, from = Rename, unquote(line[12:])
		case strings.HasPrefix(line, "rename to "):
			similar, to = Rename, unquote(line[10:])
		case strings.HasPrefix(line, "copy from "):
			similar, from = Copy, unquote(line[10:])
		case strings.HasPrefix(line, "copy to "):
			similar, to = Copy, unquote(line[8:])
		case key == "similarity", key == "dissimilarity", key == "index":
			if i := strings.LastIndexByte(value, ' '); key == "index" && i >= 0 {
				f.OldMode, f.NewMode = value[i+1:], value[i+1:]
			}
		case strings.HasPrefix(line, "Binary files "):
			f.Binary = true
		case line == "GIT binary patch":
			f.Binary = true
			p.binary()
		case strings.HasPrefix(line, "--- ") && strings.HasPrefix(p.peek(), "+++ ") && f.named(name(line[4:]), name(p.peek()[4:]), from, to):
			p.names(&f, true)
			p.hunks(&f)
			p.finish(&f, similar, from, to)
			return
		default:
			p.finish(&f, similar, from, to)
			return
		}
		if f.Binary {
			if line != "GIT binary patch" {
				p.next()
			}
			break
		}
	}
	p.finish(&f, similar, from, to)
}

// named tells whether two names are those of the file, and not of a diff that follows
// without a line of its own.
func (f *File) named(old, now, from, to string) bool {
	same := func(s string, list ...string) bool {
		for _, t := range list {
			if t != "" && path.Base(s) == path.Base(t) {
				return true
			}
		}
		return s == "/dev/null"
	}
	return same(old, f.Old, from) && same(now, f.New, to)
}

// binary passes the lines of a binary patch.
func (p *parser) binary() {
	for p.next(); !p.end; p.next() {
		line := strings.TrimRight(p.line, "\r")
		if strings.HasPrefix(line, "diff --git ") || line == "-- " || strings.HasPrefix(line, "From ") {
			return
		}
	}
}

func (p *parser) finish(f *File, similar Op, from, to string) {
	if similar != Modify {
		f.Op, f.Old, f.New, f.bare = similar, from, to, true
	}
	p.files = append(p.files, *f)
}

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

// plain reads a file that begins with its names.
func (p *parser) plain() {
	f := File{Line: p.n}
	p.names(&f, false)
	p.hunks(&f)
	p.files = append(p.files, f)
}

// names reads "---" and "+++".
func (p *parser) names(f *File, git bool) {
	old := name(p.line[4:])
	p.next()
	now := name(p.line[4:])
	p.next()
	if old == "/dev/null" {
		f.Op, old = Add, ""
	}
	if now == "/dev/null" {
		f.Op, now = Delete, ""
	}
	if git && f.Op == Modify && (old == "" || now == "") {
		return
	}
	f.Old, f.New = old, now
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

// hunks reads all hunks of a file.
func (p *parser) hunks(f *File) {
	for !p.end && strings.HasPrefix(p.line, "@@ ") {
		h, err := hunkHead(strings.TrimRight(p.line, "\r"))
		h.Line = p.n
		if err != nil {
			f.Err = fmt.Errorf("line %d: %w: %w", p.n, ErrHunk, err)
			p.next()
			return
		}
		p.next()
		begin := *p
		if err := p.body(&h); err != nil {
			f.Err = fmt.Errorf("line %d: %w: %w", h.Line, ErrHunk, err)
			f.Hunks = append(f.Hunks, h)
			// What it took for its own may be the next diff.
			p.rest, p.line, p.n, p.end = begin.rest, begin.line, begin.n, begin.end
			return
		}
		f.Hunks = append(f.Hunks, h)
	}
}

// hunkHead reads "@@ -1,2 +3,4 @@ section".
func hunkHead(s string) (h Hunk, err error) {
	span, section, ok := strings.Cut(strings.TrimPrefix(s, "@@ "), " @@")
	old, now, ok2 := strings.Cut(span, " ")
	if !ok || !ok2 || !strings.HasPrefix(old, "-") || !strings.HasPrefix(now, "+") {
		return h, fmt.Errorf("%.60q is no head of a hunk", s)
	}
	h.Section = strings.TrimSpace(section)
	if h.OldStart, h.OldLines, err = lineRange(old[1:]); err == nil {
		h.NewStart, h.NewLines, err = lineRange(now[1:])
	}
	return h, err
}

func lineRange(s string) (start, lines int, err error) {
	a, b, two := strings.Cut(s, ",")
	lines = 1
	if start, err = strconv.Atoi(a); err == nil && two {
		lines, err = strconv.Atoi(b)
	}
	if err != nil || start < 0 || lines < 0 || lines > 1<<24 {
		return 0, 0, fmt.Errorf("%.40q is no range of lines", s)
	}
	return start, lines, nil
}

// body reads the lines that the head promises. An empty line stands for empty context:
// mailers and editors cut blanks at the ends of lines.
func (p *parser) body(h *Hunk) error {
	old, now := h.OldLines, h.NewLines
	for old > 0 || now > 0 {
		if p.end {
			return fmt.Errorf("it ends after %d of %d old and %d of %d new lines", h.OldLines-old, h.OldLines, h.NewLines-now, h.NewLines)
		}
		if len(p.line) > maxLine {
			return fmt.Errorf("line %d has %d bytes", p.n, len(p.line))
		}
		op, text := byte(' '), ""
		if bare := strings.TrimRight(p.line, "\r"); bare != "" {
			op, text = p.line[0], p.line[1:]
		}
		switch op {
		case ' ', '\t':
			if op == '\t' { // the blank was lost
				text = p.line
				op = ' '
			}
			old--
			now--
		case '-':
			old--
		case '+':
			now--
		case '\\':
			p.noEOL(h)
			p.next()
			continue
		default:
			return fmt.Errorf("line %d, %.40q, is neither context nor a change, and %d old and %d new lines are still to come", p.n, p.line, old, now)
		}
		if old < 0 || now < 0 {
			return fmt.Errorf("line %d: there are more lines than its head says", p.n)
		}
		h.Lines = append(h.Lines, Line{Op: op, Text: text})
		p.next()
	}
	if strings.HasPrefix(p.line, `\`) {
		p.noEOL(h)
		p.next()
	}
	return nil
}

func (p *parser) noEOL(h *Hunk) {
	if n := len(h.Lines); n > 0 {
		h.Lines[n-1].NoEOL = true
	}
}

// settle takes the prefixes off the paths and refuses what leads out of a tree.
func (f *File) settle() {
	if !f.bare {
		f.Old, f.New = strip(f.Old, f.New)
	}
	if f.Op == Add {
		f.Old = ""
	}
	if f.Op == Delete {
		f.New = ""
	}
	for _, name := range []string{f.Old, f.New} {
		if err := CheckPath(name); name != "" && err != nil && f.Err == nil {
			f.Err = fmt.Errorf("line %d: %w", f.Line, err)
		}
	}
	if f.Old == "" && f.New == "" && f.Err == nil {
		f.Err = fmt.Errorf("line %d: %w: the diff names no file", f.Line, ErrPath)
	}
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
