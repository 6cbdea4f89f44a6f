package diff

import (
	"fmt"
	"path"
	"strings"
)

// Options say how to read a diff.
type Options struct {
	// Strip is how many components to take off the paths, as patch -p says: 1 for a/ and
	// b/, [P0] for none. 0 finds out.
	Strip int
	// Line gives the line of a text's line where the text is a part of a file, or was
	// encoded there; nil counts from 1.
	Line func(int) int
}

// P0 takes nothing off the paths.
const P0 = -1

// Parse reads all diffs of a text. Lines that belong to none, as those of a mail or of a
// commit message, are passed. Files with an Err are among the result.
func Parse(text string) ([]File, error) { return Options{}.Parse(text) }

// Parse reads all diffs of a text.
func (o Options) Parse(text string) ([]File, error) {
	p := parser{rest: text, o: o}
	p.next()
	for !p.end {
		if len(p.files) >= maxFiles {
			return p.files, p.wrong(p.n, fmt.Errorf("more than %d files", maxFiles))
		}
		switch {
		case strings.HasPrefix(p.line, "diff --git "):
			p.broken = false
			p.git()
		case strings.HasPrefix(p.line, "--- ") && strings.HasPrefix(p.peek(), "+++ ") && strings.HasPrefix(p.peek2(), "@@ "):
			p.broken = false
			p.plain()
		default:
			p.foreign()
			p.next()
		}
	}
	for i := range p.files {
		p.settle(&p.files[i])
	}
	if len(p.files) == 0 {
		return nil, ErrNone
	}
	return p.files, nil
}

// foreign names lines outside of the diffs that are a part of one all the same.
func (p *parser) foreign() {
	line := strings.TrimRight(p.line, "\r")
	f := File{Line: p.at(p.n)}
	switch {
	case p.broken && len(p.files) > 0 && strings.HasPrefix(line, "@@ -"):
		p.files[len(p.files)-1].Lost++
		return
	case line == "" || p.broken && !strings.HasPrefix(line, "diff --"):
		return
	case strings.HasPrefix(line, "*** ") && strings.HasPrefix(p.peek(), "--- ") && strings.HasPrefix(p.peek2(), "********"):
		f.Old, f.New = name(line[4:]), name(p.peek()[4:])
		f.Err = p.wrong(p.n, fmt.Errorf("%w: a context diff; make it again with diff -u", ErrForm))
		p.broken = true // its hunks have heads of their own
	case strings.HasPrefix(line, "diff --cc "), strings.HasPrefix(line, "diff --combined "):
		_, f.New, _ = strings.Cut(line[7:], " ")
		f.Old, f.bare = f.New, true
		f.Err = p.wrong(p.n, fmt.Errorf("%w: the combined diff of a merge; make it again with git log -m or --first-parent -m", ErrForm))
		p.broken = true
	case strings.HasPrefix(line, "@@ -") && strings.Contains(line[4:], " @@"):
		f.Err = p.wrong(p.n, fmt.Errorf("%w: it has no names of files before it", ErrHunk))
	case strings.HasPrefix(line, "Binary files ") && strings.HasSuffix(line, " differ"):
		a, b, ok := strings.Cut(strings.TrimSuffix(line[13:], " differ"), " and ")
		if !ok {
			return
		}
		f.Old, f.New, f.Binary = name(a), name(b), true
		if f.Old == "/dev/null" {
			f.Op, f.Old = Add, ""
		}
		if f.New == "/dev/null" {
			f.Op, f.New = Delete, ""
		}
	case strings.HasPrefix(line, "Only in ") && strings.Contains(line, ": ") && len(p.files) > 0:
		dir, base, _ := strings.Cut(line[8:], ": ")
		f.Old, f.New = path.Join(dir, base), path.Join(dir, base)
		f.Err = p.wrong(p.n, fmt.Errorf("%w: diff -r without -N says only that this file is there", ErrForm))
	default:
		return
	}
	p.files = append(p.files, f)
}

// parser walks over lines.
type parser struct {
	o     Options
	rest  string
	line  string // without its end
	n     int
	end   bool
	files []File
	// broken says that the last file could not be read to its end: what follows may be
	// the rest of it.
	broken bool
}

// at gives the line in the file.
func (p *parser) at(n int) int {
	if p.o.Line == nil {
		return n
	}
	return p.o.Line(n)
}

func (p *parser) wrong(n int, err error) error { return &Error{Line: p.at(n), Err: err} }

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
	f := File{Line: p.at(p.n)}
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
			if key == "index" {
				f.index(value)
			}
		case strings.HasPrefix(line, "Binary files "):
			f.Binary = true
		case line == "GIT binary patch":
			f.Binary = true
			p.binary(&f)
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

// index reads "1111111..2222222 100644".
func (f *File) index(value string) {
	ids, mode, ok := strings.Cut(value, " ")
	if ok {
		f.OldMode, f.NewMode = mode, mode
	}
	f.OldBlob, f.NewBlob, _ = strings.Cut(ids, "..")
}

func (p *parser) finish(f *File, similar Op, from, to string) {
	if similar != Modify {
		f.Op, f.Old, f.New, f.bare = similar, from, to, true
	}
	p.files = append(p.files, *f)
}

// plain reads a file that begins with its names.
func (p *parser) plain() {
	f := File{Line: p.at(p.n)}
	p.names(&f, false)
	p.hunks(&f)
	p.files = append(p.files, f)
}

// names reads "---" and "+++".
func (p *parser) names(f *File, git bool) {
	old := name(p.line[4:])
	f.CR = strings.HasSuffix(p.line, "\r")
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
