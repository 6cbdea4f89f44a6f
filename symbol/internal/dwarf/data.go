package dwarf

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrAlt says that a name is in the common file that dwz made of several
// (.gnu_debugaltlink), which is not read.
var ErrAlt = errors.New("the name is in the supplementary file that .gnu_debugaltlink names")

// Data is the DWARF of one file. It can be used by several goroutines.
type Data struct {
	s   Sections
	alt *Data // the supplementary file, nil where there is none at hand

	mu     sync.Mutex
	units  []*unit // least recently used first
	starts []uint64
}

// New returns the DWARF of the sections. It reads nothing yet.
func New(s Sections) *Data { return &Data{s: s} }

// Supplement names the file into which dwz moved what several files have in
// common. It must be called before the first lookup.
func (d *Data) Supplement(alt *Data) { d.alt = alt }

// Line is one level of what the code at an address came from.
type Line struct {
	Function string
	File     string // absolute or relative to the compiler's folder, as recorded
	CompDir  string // the folder that the compiler ran in
	Line     int
	Column   int
	Inline   bool // false for the function that has the code
}

// Lookup says what the code at pc, which is in the unit at off, came from:
// innermost inlined call first. The error tells why something is missing from
// the lines that come with it.
func (d *Data) Lookup(off, pc uint64) ([]Line, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u, err := d.cached(off)
	if err != nil {
		return nil, err
	}
	defer d.evict()
	var errs []error
	table, err := u.lineTable()
	if err != nil {
		errs = append(errs, err)
		table = &lineTable{}
	}
	innermost := Line{CompDir: table.compDir}
	if r, ok := table.at(pc); ok {
		innermost.File, innermost.Line, innermost.Column = table.path(uint64(r.file)), int(r.line), int(r.col)
	}
	if err := u.scan(); err != nil {
		errs = append(errs, err)
	}
	f, ok := u.functionAt(pc)
	if !ok {
		// Assembler has lines and no subprograms.
		if u.root.dwo.set() {
			name, _ := u.text(u.root.dwo)
			errs = append(errs, fmt.Errorf("functions and inlined calls are in the split file %q, which is not read", name))
		}
		if innermost.File == "" {
			return nil, errors.Join(errs...)
		}
		return []Line{innermost}, errors.Join(errs...)
	}
	chain, err := u.inlined(f, pc)
	if err != nil {
		errs = append(errs, err)
	}
	c := u.at(f.off)
	a, err := u.entry(c)
	if err != nil || a == nil {
		return nil, u.wrap(f.off, errors.Join(err, errShortUnless(a)))
	}
	outer, err := u.nameOf(u.readCode(c, a))
	if err != nil {
		errs = append(errs, fmt.Errorf("name of the function: %w", err))
	}
	// Positions move outwards: each call's place is where its caller stands.
	lines := make([]Line, 0, len(chain)+1)
	at := innermost
	for _, call := range slices.Backward(chain) {
		at.Inline = true
		if at.Function, err = u.nameOf(call.entry); err != nil {
			errs = append(errs, fmt.Errorf("name of an inlined function: %w", err))
		}
		lines = append(lines, at)
		at = Line{CompDir: table.compDir}
		if call.hasCallPos {
			at.File, at.Line, at.Column = table.path(call.file), int(clip(call.line)), int(clip(call.col))
		}
	}
	at.Function, at.Inline = outer, false
	return append(lines, at), errors.Join(errs...)
}

// cached returns the unit at off, which becomes the most recently used.
func (d *Data) cached(off uint64) (*unit, error) {
	for i, u := range d.units {
		if u.off == off {
			d.units = append(slices.Delete(d.units, i, i+1), u)
			return u, nil
		}
	}
	u, err := d.open(off)
	if err != nil {
		return nil, err
	}
	if err := u.load(); err != nil {
		return nil, err
	}
	d.units = append(d.units, u)
	return u, nil
}

// evict forgets units until the rest is small.
func (d *Data) evict() {
	total := 0
	for i, u := range slices.Backward(d.units) {
		total += u.weight()
		if total > maxCachedUnitBytes {
			// The most recent one stays whatever its size.
			d.units = slices.Delete(d.units, 0, min(i+1, len(d.units)-1))
			return
		}
	}
}

// weight is about how much memory the unit holds.
func (u *unit) weight() int {
	n := len(u.data)
	if u.lines != nil {
		for _, s := range u.lines.sequences {
			n += 24 * cap(s.rows)
		}
	}
	return n
}

// unitHolding returns the unit that an offset of .debug_info is in, loaded.
func (d *Data) unitHolding(off uint64) (*unit, error) {
	if d.starts == nil {
		for at := uint64(0); at < d.s.Info.Size(); {
			h, err := d.headerAt(at)
			if err != nil && h.end <= at {
				break
			}
			d.starts = append(d.starts, at)
			at = h.end
		}
	}
	i, exact := slices.BinarySearch(d.starts, off)
	if !exact {
		i--
	}
	if i < 0 {
		return nil, fmt.Errorf("%w: no unit holds %#x", ErrFormat, off)
	}
	u, err := d.cached(d.starts[i])
	if err != nil {
		return nil, err
	}
	if off < u.off+u.first || off >= u.end {
		return nil, fmt.Errorf("%w: no entry at %#x", ErrFormat, off)
	}
	return u, nil
}
