package apply

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ringside/patch/diff"
)

// find gives the file that a change is about; nil where it makes one.
func (s *stage) find(d *diff.File) (string, *file, error) {
	for _, name := range []string{d.Old, d.New} {
		if name == "" {
			continue
		}
		if err := diff.CheckPath(name); err != nil {
			return name, nil, &diff.Error{Line: d.Line, Err: err}
		}
		if err := s.t.folder(path.Dir(name)); err != nil {
			return name, nil, &diff.Error{Line: d.Line, Err: err}
		}
	}
	switch d.Op {
	case diff.Add:
		f, err := s.get(d.New)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return d.New, nil, nil
		case err != nil:
			return d.New, nil, &diff.Error{Line: d.Line, Err: err}
		case !f.empty():
			return d.New, f, errExists
		}
		return d.New, f, nil
	case diff.Rename, diff.Copy:
		f, err := s.get(d.Old)
		_, there := s.get(d.New)
		switch {
		case err == nil && there == nil && d.Op == diff.Rename && d.Old != d.New:
			// GNU patch would overwrite it.
			return d.New, nil, fmt.Errorf("%w, and %s, too, which it is renamed from", errExists, d.Old)
		case errors.Is(err, fs.ErrNotExist) && there == nil && d.Op == diff.Rename:
			f, err = s.get(d.New) // somebody has renamed it
			return d.New, f, err
		case errors.Is(err, fs.ErrNotExist):
			err = errMissing
		}
		return d.Old, f, wrapAt(d, err)
	}
	return s.named(d)
}

func wrapAt(d *diff.File, err error) error {
	if err == nil {
		return nil
	}
	return &diff.Error{Line: d.Line, Err: err}
}

// named chooses between the two names of a diff without git's line: the one that is
// there, then the shorter one, as GNU patch does.
func (s *stage) named(d *diff.File) (string, *file, error) {
	var names []string
	for _, n := range []string{d.Old, d.New} {
		if n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), cmp.Compare(len(path.Base(a)), len(path.Base(b))), cmp.Compare(len(a), len(b)))
	})
	for _, n := range names {
		f, err := s.get(n)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return n, f, wrapAt(d, err)
	}
	if d.Op == diff.Modify && len(d.Hunks) > 0 && d.Hunks[0].OldStart == 0 && d.Hunks[0].OldLines == 0 {
		return d.Path(), nil, nil // it makes the file, and does not say so in its names
	}
	return d.Path(), nil, wrapAt(d, errMissing)
}

// reverse turns a change round.
func reverse(d *diff.File) *diff.File {
	r := *d
	r.Old, r.New, r.OldMode, r.NewMode = d.New, d.Old, d.NewMode, d.OldMode
	r.Forward, r.Reverse = d.Reverse, d.Forward
	r.OldBlob, r.NewBlob = d.NewBlob, d.OldBlob
	switch d.Op {
	case diff.Add:
		r.Op = diff.Delete
	case diff.Delete:
		r.Op = diff.Add
	case diff.Copy:
		r.Op, r.Old, r.New = diff.Delete, d.New, ""
	}
	r.Hunks = make([]diff.Hunk, len(d.Hunks))
	for i, h := range d.Hunks {
		h.OldStart, h.OldLines, h.NewStart, h.NewLines = h.NewStart, h.NewLines, h.OldStart, h.OldLines
		lines := make([]diff.Line, 0, len(h.Lines))
		// Removed lines come before added ones.
		for k := 0; k < len(h.Lines); {
			if h.Lines[k].Op == ' ' {
				lines = append(lines, h.Lines[k])
				k++
				continue
			}
			end := k
			for end < len(h.Lines) && h.Lines[end].Op != ' ' {
				end++
			}
			for _, op := range []byte{'+', '-'} {
				for _, l := range h.Lines[k:end] {
					if l.Op == op {
						l.Op = '+' + '-' - op
						lines = append(lines, l)
					}
				}
			}
			k = end
		}
		h.Lines = lines
		r.Hunks[i] = h
	}
	return &r
}
