// Package apply puts patches on a tree in memory and tells what becomes of each: it goes
// on clean, with fuzz, or it fails, and why. The tree itself is only read.
//
// The outcome is that of GNU patch -p1 with its fuzz factor of 2, hunk by hunk: where a
// hunk may lie, in which order places are tried, when context may be left out. A patch
// that fails changes nothing; the next one finds the tree as it was before.
//
// Where a hunk fails, its nearest place is looked for, and the lines are named in which
// tree and patch differ; where all of a patch is in the tree already, that is said.
package apply

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ringside/patch"
	"ringside/patch/diff"
	"ringside/patch/present"
)

// An Outcome is what becomes of a patch, a file or a hunk.
type Outcome uint8

// The outcomes, from the best to the worst.
const (
	Clean Outcome = iota
	Fuzz          // some context was left out
	Fail
)

// String names the outcome.
func (o Outcome) String() string { return [...]string{"clean", "fuzz", "fail"}[min(o, 2)] }

// A Result is what becomes of a patch.
type Result struct {
	Patch   *patch.Patch
	Outcome Outcome
	// There says that the tree has the change of a patch that fails already.
	There bool
	Files []File
}

// A File is what becomes of a patch's change of one file.
type File struct {
	Path    string // in the tree
	Line    int    // of the patch's file
	Outcome Outcome
	// There says that the tree has what the change makes.
	There bool
	Hunks []Hunk
	// Err says why the whole of it cannot be done.
	Err error
	// Warning is what GNU patch passes over in silence.
	Warning string
}

// A Hunk is what becomes of a hunk.
type Hunk struct {
	Line    int // of the patch's file
	Outcome Outcome
	At      int // line of the tree's file that it begins at; 0 if it fails
	Offset  int // from where it says to lie
	Fuzz    int
	There   bool  // what it makes is in the tree already
	Near    *Near // where it would lie best, if it fails
}

// Options say how patches are put on.
type Options struct {
	// Fuzz is how many lines of context may be left out; 0 stands for GNU patch's 2, -1
	// for none.
	Fuzz int
	// Dry leaves the tree as it is.
	Dry bool
}

func (o Options) fuzz() int {
	switch {
	case o.Fuzz < 0:
		return 0
	case o.Fuzz == 0:
		return 2
	}
	return o.Fuzz
}

// maxSteps bounds the comparisons for one patch.
const maxSteps = 1 << 26

// Stack puts all patches on the tree, one after another.
func (t *Tree) Stack(ctx context.Context, patches []*patch.Patch, o Options) ([]Result, error) {
	out := make([]Result, 0, len(patches))
	for _, p := range patches {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		out = append(out, t.Apply(p, o))
	}
	return out, nil
}

// Apply puts a patch on the tree, if all of it can be.
func (t *Tree) Apply(p *patch.Patch, o Options) Result {
	r := Result{Patch: p}
	s := &stage{t: t, files: map[string]*file{}, fuzz: o.fuzz(), steps: maxSteps}
	for i := range p.Files {
		d := &p.Files[i]
		if p.Reverse {
			d = reverse(d)
		}
		f := s.file(d)
		r.Outcome = max(r.Outcome, f.Outcome)
		r.Files = append(r.Files, f)
	}
	if len(p.Files) == 0 {
		r.Outcome = Fail
	}
	if r.Outcome == Fail {
		t.already(p, &r)
		return r
	}
	if !o.Dry {
		s.commit()
	}
	return r
}

// already finds out whether what a patch makes is there: the patch can be taken back, or
// the lines that it makes are found.
func (t *Tree) already(p *patch.Patch, r *Result) {
	if len(p.Files) == 0 {
		return
	}
	s := &stage{t: t, files: map[string]*file{}, steps: maxSteps}
	all := true
	for i := range p.Files {
		d := &p.Files[i]
		if d.Err != nil {
			return
		}
		if !p.Reverse {
			d = reverse(d)
		}
		back := s.file(d)
		r.Files[i].There = back.Outcome == Clean
		for k := range back.Hunks {
			if k < len(r.Files[i].Hunks) {
				r.Files[i].Hunks[k].There = back.Hunks[k].Outcome == Clean
			}
		}
		all = all && r.Files[i].There
	}
	if r.There = all; all || p.Reverse {
		return
	}
	// Lines near it may have changed since: ask for the content alone.
	if found, err := present.New(t).Check(p.Files, nil); err == nil && found.State == present.Fixed && len(found.Missing) == 0 {
		r.There = true
	}
}

// stage collects what a patch makes of files until all of it is known to go on.
type stage struct {
	t     *Tree
	files map[string]*file
	fuzz  int
	steps int
}

func (s *stage) get(name string) (*file, error) {
	if f, ok := s.files[name]; ok {
		if f == nil {
			return nil, fs.ErrNotExist
		}
		return f, nil
	}
	return s.t.get(name)
}

func (s *stage) commit() {
	for name, f := range s.files {
		s.t.files[name] = f
	}
}

var (
	errExists  = errors.New("the tree has this file already")
	errMissing = errors.New("the tree has no such file")
	errRest    = errors.New("the file is not deleted: the tree has more in it than the patch takes away")
)

// file puts the change of one file on.
func (s *stage) file(d *diff.File) File {
	r := File{Path: d.Path(), Line: d.Line}
	fail := func(err error) File {
		r.Outcome, r.Err = Fail, err
		return r
	}
	if d.Err != nil {
		return fail(d.Err)
	}
	if d.Surplus != nil {
		r.Warning = d.Surplus.Error()
		if d.Lost > 0 {
			r.Warning += fmt.Sprintf("; %d hunks that follow are not applied", d.Lost)
		}
	}
	for _, mode := range []string{d.OldMode, d.NewMode} {
		if mode == "160000" {
			return fail(errors.New("it changes a submodule, which is no file"))
		}
	}
	name, old, err := s.find(d)
	r.Path = name
	if err != nil {
		return fail(err)
	}
	now := &file{mode: d.NewMode, dirty: true}
	if old != nil {
		if now.mode == "" {
			now.mode = old.mode
		}
		now.lines, now.noEOL, now.text, now.dirty = old.lines, old.noEOL, old.text, old.dirty
	} else {
		old = &file{}
		if now.mode == "" {
			now.mode = "100644"
		}
	}
	switch {
	case d.Binary:
		if err := binary(d, old, now); err != nil {
			return fail(err)
		}
	case len(d.Hunks) > 0:
		if !s.hunks(d, old, now, &r) {
			return r
		}
	}
	return s.put(d, r, now)
}

// put keeps what was made of a file.
func (s *stage) put(d *diff.File, r File, now *file) File {
	switch d.Op {
	case diff.Delete:
		if len(now.lines) > 0 {
			r.Outcome, r.Err = Fail, errRest
			return r
		}
		s.files[r.Path] = nil
		return r
	case diff.Rename:
		if r.Path != d.New {
			s.files[r.Path] = nil
		}
		r.Path = d.New
	case diff.Copy:
		r.Path = d.New
	}
	s.files[r.Path] = now
	return r
}

// blobID is what git calls a content.
func blobID(text string) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00%s", len(text), text)
	return hex.EncodeToString(h.Sum(nil))
}

// binary makes the content after the change of one that git has written in full.
func binary(d *diff.File, old, now *file) error {
	if d.Forward == nil {
		if d.Op == diff.Rename || d.Op == diff.Copy {
			return nil
		}
		return errors.New("it is binary, and its content is not in the patch")
	}
	text := old.content()
	if d.Op != diff.Add && !d.Forward.Delta && d.Reverse != nil && !d.Reverse.Delta && text != string(d.Reverse.Data) {
		return errors.New("it is binary, and the tree has another content than the one that the patch replaces")
	}
	if id := strings.Trim(d.OldBlob, "0"); d.Op != diff.Add && len(id) >= 7 && !strings.HasPrefix(blobID(text), d.OldBlob) {
		return fmt.Errorf("it is binary, and the tree has another content than the one that the patch replaces (%s)", d.OldBlob)
	}
	data, err := d.Forward.Apply([]byte(text))
	if err != nil {
		return err
	}
	mode := now.mode
	*now = *newFile(string(data), mode)
	return nil
}
