// Package read makes patches out of what people keep them in: mails and mailboxes, the
// files and the standard output of git format-patch, git log -p and git show, quilt series
// (Debian's, SUSE's series.conf with guards, OpenWrt's folders, StGit's exports), bare
// diffs, and what Gerrit's REST interface gives for a change.
//
// [File] and [Dir] read a whole stack, [Each] one patch after another in bounded memory.
// Nothing is skipped in silence: what has no diff, cannot be decoded or is malformed is
// named with its file and line, and the rest is kept. Paths that lead out of a series'
// folder are refused.
package read

import (
	"fmt"
	"io"
	"strings"

	"ringside/patch"
	"ringside/patch/diff"
)

// Options say how to read.
type Options struct {
	// Strip is how many components to take off the paths of diffs, as patch -p says; 0
	// finds out, [diff.P0] takes none. What a series says for a patch goes first.
	Strip int
	// Guards are the symbols that SUSE's series.conf asks for ("+name").
	Guards []string
	// Release chooses among folders for several releases: "6.1" for backport-6.1.
	Release string
}

// Bounds of what is read.
const (
	maxMessage  = 64 << 20
	maxStack    = 1 << 30
	maxPatches  = 1 << 20
	maxProblems = 10000
)

// File reads a file with one patch or many.
func File(name string, r io.Reader, o Options) (*patch.Stack, error) {
	s := &builder{Stack: patch.Stack{Name: name}}
	err := Each(name, r, o, s.add)
	if err == nil && len(s.Patches)+len(s.Covers)+len(s.Problems) == 0 {
		s.problem(name, 0, "it is empty")
	}
	return &s.Stack, err
}

// Text reads a text with one patch or many.
func Text(name, text string, o Options) *patch.Stack {
	// A string gives no errors, and add gives one only for what is too large.
	s, _ := File(name, strings.NewReader(text), o)
	return s
}

// Each gives the patches of a file to f, in their order. Those without a diff are among
// them: covers, replies, merges. It ends with f's error, or with that of reading.
func Each(name string, r io.Reader, o Options, f func(*patch.Patch) error) error {
	texts, err := open(name, r)
	if err != nil {
		return err
	}
	for _, t := range texts {
		sp := newSplitter(t)
		many := 0
		for {
			c, ok, err := sp.next()
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			if !ok {
				break
			}
			if c.blank() {
				continue
			}
			many++
			p := message(name, &c, o)
			if p.Name = name; p.Commit != "" && (many > 1 || sp.more()) {
				p.Name = p.Commit
			} else if many > 1 || sp.more() {
				p.Name = fmt.Sprintf("%s#%d", name, many)
			}
			settle(p, &c)
			if err := f(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// builder collects a stack.
type builder struct {
	patch.Stack
	size int
}

func (b *builder) problem(file string, line int, format string, args ...any) {
	switch n := len(b.Problems); {
	case n < maxProblems:
		b.Problems = append(b.Problems, patch.StackProblem{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
	case n == maxProblems:
		b.Problems = append(b.Problems, patch.StackProblem{File: file, Line: line, Text: "there are more problems than are kept"})
	}
}

// add takes a patch, or names what is not one.
func (b *builder) add(p *patch.Patch) error {
	for i := range p.Files {
		for k := range p.Files[i].Hunks {
			b.size += 40 * len(p.Files[i].Hunks[k].Lines)
		}
	}
	if b.size += len(p.Body) + len(p.Notes); b.size > maxStack || len(b.Patches) >= maxPatches {
		return fmt.Errorf("read %s: the stack has more than %d patches or %d bytes: read a part of it", p.File, maxPatches, maxStack)
	}
	if len(p.Files) > 0 {
		b.Patches = append(b.Patches, p)
		return nil
	}
	if p.Number == 0 && p.Total > 0 {
		b.Covers = append(b.Covers, p)
		return nil
	}
	for _, x := range p.Problems {
		b.problem(p.File, x.Line, "%s", x.Text)
	}
	return nil
}

// settle names what a patch without a diff is.
func settle(p *patch.Patch, c *chunk) {
	if len(p.Files) > 0 {
		return
	}
	what := "no diff in it"
	switch {
	case p.Number == 0 && p.Total > 0:
		return // a cover letter
	case c.merge:
		what = "a merge, which has no diff of its own"
	case p.Header("In-Reply-To") != "" && len(p.Tags) > 0 && strings.EqualFold(p.Tags[0], "Re:"):
		what = "a reply, without a diff"
	}
	if p.Subject != "" {
		what = fmt.Sprintf("%s: %.100q", what, p.Subject)
	}
	p.Problems = append(p.Problems, patch.Problem{Line: p.Line, Text: what})
}

// parse reads the diffs of a patch.
func parse(p *patch.Patch, t text, o Options) {
	files, err := diff.Options{Strip: o.Strip, Line: t.line}.Parse(t.s)
	if err != nil && len(files) > 0 {
		p.Problems = append(p.Problems, problem(err))
	}
	p.Files = files
	for i := range files {
		f := &files[i]
		switch {
		case f.Err != nil:
			p.Problems = append(p.Problems, problem(f.Err))
		case f.Surplus != nil:
			x := problem(f.Surplus)
			x.Text += "; patch drops it in silence"
			if f.Lost > 0 {
				x.Text += fmt.Sprintf(", with %d hunks behind it", f.Lost)
			}
			p.Problems = append(p.Problems, x)
		case f.Binary && f.Forward == nil && f.Op != diff.Rename && f.Op != diff.Copy:
			p.Problems = append(p.Problems, patch.Problem{Line: f.Line, Text: f.Path() + " is binary and its content is not in the diff: make it again with git format-patch, or diff --binary"})
		}
	}
}
