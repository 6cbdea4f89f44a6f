package landed

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ringside/patch"
	"ringside/patch/diff"
	"ringside/patch/present"
)

// tally is how much there is of something.
type tally struct{ found, total float64 }

func (t tally) share() float64 {
	if t.total == 0 {
		return -1
	}
	return t.found / t.total
}

// counts is what has survived of a patch.
type counts struct {
	added, removed, names tally
	missing, files        int
	// raw are the lines with their blanks, counted where nothing else could be.
	rawAdded, rawRemoved tally
	renamed, kept        int // files that it renames: those that are, those that are not
	moved                map[string]string
}

// count looks in the files of a patch for what it adds, removes and names.
func (f *Finder) count(p *patch.Patch, l *lines, landed func(int) bool) (counts, error) {
	c := counts{moved: map[string]string{}}
	var have []*file
	for i := range p.Files {
		d := &p.Files[i]
		if d.Err != nil || d.Binary {
			continue
		}
		c.files++
		names := []string{d.Path()}
		if d.Old != "" && d.Old != d.New {
			names = append(names, d.Old)
		}
		found := false
		for _, name := range names {
			file, err := f.tree.file(name)
			if err != nil {
				return c, err
			}
			if file != nil {
				have = append(have, file)
				found = true
			}
		}
		if d.Op == diff.Rename {
			was, err := f.tree.file(d.Old)
			if err != nil {
				return c, err
			}
			now, err := f.tree.file(d.New)
			switch {
			case err != nil:
				return c, err
			case now != nil && was == nil:
				c.renamed++
			case was != nil && now == nil:
				c.kept++
			}
		}
		for _, name := range l.heirs[d.Path()] {
			file, err := f.tree.file(name)
			if err != nil {
				return c, err
			}
			if file != nil {
				have = append(have, file)
				if !found {
					c.moved[d.Path()] = name
				}
				found = true
			}
		}
		if found {
			continue
		}
		moved := f.tree.moved(d.Path())
		for _, name := range moved {
			file, err := f.tree.file(name)
			if err != nil {
				return c, err
			}
			if file != nil {
				have = append(have, file)
				c.moved[d.Path()] = name
				found = true
			}
		}
		if !found {
			c.missing++
		}
	}
	if len(have) == 0 {
		return c, nil
	}
	in := func(s string) bool {
		for _, file := range have {
			if file.lines[s] > 0 {
				return true
			}
		}
		return false
	}
	for s := range l.added {
		if n := letters(s); n >= minLetters && !l.gone[s] {
			c.added.add(float64(min(n, maxLetters)), in(s))
		}
	}
	for s := range l.removed {
		if n := letters(s); n >= minLetters && !l.back[s] {
			if k, ok := l.from[s]; ok && !landed(k) {
				continue // it never was here
			}
			c.removed.add(float64(min(n, maxLetters)), in(s))
		}
	}
	for _, name := range l.names {
		found := false
		for _, file := range have {
			found = found || file.names[name]
		}
		c.names.add(1, found)
	}
	if c.added.total+c.removed.total+c.names.total == 0 {
		return c, f.countRaw(p, &c)
	}
	return c, nil
}

// countRaw counts lines with their blanks.
func (f *Finder) countRaw(p *patch.Patch, c *counts) error {
	for i := range p.Files {
		d := &p.Files[i]
		if d.Err != nil || d.Binary {
			continue
		}
		text, err := fs.ReadFile(f.tree.fsys, d.Path())
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look for a patch in %s: %w", d.Path(), err)
		}
		have := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			have[strings.TrimRight(line, "\r\n")] = true
		}
		for _, h := range d.Hunks {
			for _, l := range h.Lines {
				switch {
				case letters(l.Text) < minLetters:
				case l.Op == '+':
					c.rawAdded.add(1, have[l.Text])
				case l.Op == '-':
					c.rawRemoved.add(1, have[l.Text])
				}
			}
		}
	}
	return nil
}

// certain tells whether a verdict is so clear that it outweighs what others suggest.
func (c *counts) certain(s State, pieces present.Result) int {
	fixed, unfixed := stretches(pieces)
	switch {
	case s == Present && unfixed == 0 && fixed > 0 && c.added.total >= enough && c.added.share() >= sure:
		return 1
	case s == Present && c.added.total >= 4*enough && c.added.share() >= mostly && c.removed.share() <= gone:
		return 1
	case s == Absent && c.added.total >= enough && c.added.share() <= leftover && unfixed > 0 && (c.removed.total == 0 || c.removed.share() >= mostly):
		return -1
	case s == Absent && c.removed.total >= enough && c.removed.share() >= sure && unfixed > 0:
		return -1
	}
	return 0
}

// stretches counts those that are as after the patch, and those that are as before it.
func stretches(r present.Result) (fixed, unfixed int) {
	for i := range r.Changes {
		switch ch := &r.Changes[i]; {
		case ch.State == present.Fixed:
			fixed++
		case ch.State == present.Unfixed && ch.Context >= 1:
			unfixed++
		}
	}
	return fixed, unfixed
}

func (t *tally) add(weight float64, found bool) {
	t.total += weight
	if found {
		t.found += weight
	}
}

// Thresholds, set on OpenWrt's stack for 6.1 held against Linux 6.6.0; what they give on
// other pairs is in docs/patch.md. Weights are letters.
const (
	enough   = 60 // to decide by what survived
	little   = 16
	mostly   = 0.8
	half     = 0.5
	sure     = 0.95
	gone     = 0.1
	leftover = 0.3
	trace    = 0.05
)

// decide weighs what was found in one piece against what has survived.
func decide(pieces present.Result, c counts) (State, []string) {
	added, removed, names := c.added.share(), c.removed.share(), c.names.share()
	say := func() string {
		var parts []string
		for _, x := range []struct {
			share float64
			what  string
		}{{added, "of what it adds"}, {removed, "of what it removes"}, {names, "of the names that it brings"}} {
			if x.share >= 0 {
				parts = append(parts, fmt.Sprintf("%.0f %% %s", 100*x.share, x.what))
			}
		}
		if len(parts) == 0 {
			return "nothing of it can be told apart"
		}
		return strings.Join(parts, ", ") + " is in its files"
	}
	fixed, unfixed := stretches(pieces)
	piecewise := fmt.Sprintf("%d of %d stretches are as after it, %d as before it", fixed, len(pieces.Changes), unfixed)
	named := names < 0 || names >= 0.6
	whole := added >= sure || names >= sure
	switch {
	case c.kept > 0 && c.renamed == 0:
		return Absent, []string{"the files that it renames have their old names"}
	case pieces.State == present.Fixed && (unfixed == 0 || removed <= half) && (c.missing+len(c.moved) == 0 || added >= half):
		return Present, []string{piecewise}
	case c.files > 0 && c.missing == c.files:
		return Unknown, []string{"none of its files is in the tree"}
	case c.rawAdded.total > 0 && c.rawRemoved.total > 0:
		if c.rawRemoved.found == 0 && c.rawAdded.found == c.rawAdded.total {
			return Present, []string{"its blanks are as after it"}
		}
		if c.rawAdded.found == 0 && c.rawRemoved.found == c.rawRemoved.total {
			return Absent, []string{"its blanks are as before it"}
		}
	case c.added.total >= enough && added >= mostly && (removed >= 0 && removed <= leftover && named || removed < 0 && whole && named):
		return Present, []string{say()}
	case c.added.total >= enough && added >= half && c.removed.total >= enough && removed <= gone && named:
		return Present, []string{say()}
	case c.added.total < enough && c.removed.total >= enough && removed <= gone && unfixed == 0:
		return Present, []string{say()}
	case c.added.total >= little && added >= mostly && removed <= gone && named && unfixed == 0 && (fixed > 0 || c.removed.total >= little):
		return Present, []string{piecewise, say()}
	case added >= sure && c.added.total >= little && len(pieces.Changes) == 0 && removed <= leftover,
		added >= sure && c.added.total >= enough && names >= sure && unfixed == 0 && removed <= leftover,
		added >= sure && c.added.total >= enough && names >= sure && c.names.total >= 2,
		added >= 0.9 && c.added.total >= 4*enough && names >= sure && fixed > unfixed:
		return Present, []string{say(), piecewise}
	case fixed >= 3*max(unfixed, 1) && added >= sure && names >= sure:
		return Present, []string{piecewise, say()}
	case fixed > 0 && unfixed == 0 && c.removed.total >= little && removed <= gone && (c.added.total < enough || added >= leftover):
		return Present, []string{piecewise, say()}
	case c.added.total >= enough && added >= leftover && added < mostly && fixed > 0 && unfixed > 0 && c.added.found-c.removed.found > enough && named:
		return Partly, []string{say(), piecewise}
	case pieces.State == present.Unfixed && unfixed > 0, removed >= half && added < half:
		return Absent, []string{piecewise, say()}
	case c.added.total >= enough && added < leftover && (removed < 0 || removed >= half):
		return Absent, []string{say()}
	}
	return Unknown, []string{piecewise, say()}
}
