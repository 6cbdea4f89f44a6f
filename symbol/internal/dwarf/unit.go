package dwarf

import (
	"errors"
	"fmt"
)

// header is what opens a unit of .debug_info.
type header struct {
	off       uint64 // of the unit in .debug_info
	end       uint64
	first     uint64 // offset of the first entry, from off
	version   int
	kind      uint8
	is64      bool
	addrSize  int
	abbrevOff uint64
}

func (h *header) offsetSize() int {
	if h.is64 {
		return 8
	}
	return 4
}

// maxHeader is the longest a unit header can be.
const maxHeader = 40

// headerAt reads the unit header at off of .debug_info.
func (d *Data) headerAt(off uint64) (header, error) {
	h := header{off: off}
	if d.s.Info == nil {
		return h, fmt.Errorf("%w: no section .debug_info", ErrFormat)
	}
	size := d.s.Info.Size()
	if off >= size {
		return h, fmt.Errorf("%w: no unit at %#x of .debug_info", ErrFormat, off)
	}
	b, err := read(d.s.Info, ".debug_info", off, min(maxHeader, size-off))
	if err != nil {
		return h, err
	}
	c := &cursor{b: b, order: d.s.Order}
	n, is64 := c.length()
	h.is64 = is64
	start := uint64(c.pos)
	if c.err == nil && n > size-off-start {
		return h, fmt.Errorf("%w: the unit at %#x claims %d bytes, the section ends after %d", ErrFormat, off, n, size-off-start)
	}
	h.end = off + start + n
	h.version = int(c.u16())
	switch {
	case c.err != nil:
		return h, c.err
	case h.version < 2 || h.version > 5:
		return h, fmt.Errorf("%w: the unit at %#x has DWARF version %d; versions 2 to 5 are read", ErrFormat, off, h.version)
	case h.version == 5:
		h.kind = c.u8()
		h.addrSize = int(c.u8())
		h.abbrevOff = c.offset(is64)
		switch h.kind {
		case unitSkeleton, unitSplitCompile:
			c.skip(8)
		case unitType, unitSplitType:
			c.skip(8)
			c.offset(is64)
		}
	default:
		h.kind = unitCompile
		h.abbrevOff = c.offset(is64)
		h.addrSize = int(c.u8())
	}
	if c.err != nil {
		return h, c.err
	}
	if h.addrSize != 4 && h.addrSize != 8 {
		return h, fmt.Errorf("%w: the unit at %#x has addresses of %d bytes", ErrFormat, off, h.addrSize)
	}
	h.first = uint64(c.pos)
	if h.off+h.first > h.end {
		return h, errShort
	}
	return h, nil
}

// unit is a unit whose first entry has been read.
type unit struct {
	header
	d       *Data
	abbrevs *abbrevs
	data    []byte // from off to end, empty until load
	root    root

	functions []function // made by scan; after an error those before it
	scanned   bool
	scanErr   error
	lines     *lineTable // made by lineTable
	linesErr  error
}

// root is the unit's first entry.
type root struct {
	tag            uint16
	name, compDir  value
	stmtList       value
	low, high      value
	ranges         value
	language       uint64
	strOffsetsBase uint64
	addrBase       uint64
	rnglistsBase   uint64
	dwo            value
}

// open reads header, abbreviations and first entry of the unit at off.
func (d *Data) open(off uint64) (*unit, error) {
	h, err := d.headerAt(off)
	if err != nil {
		return nil, err
	}
	u := &unit{header: h, d: d}
	if u.abbrevs, err = d.abbrevsAt(&u.header); err != nil {
		return nil, fmt.Errorf("unit at %#x: %w", off, err)
	}
	start := u.off + u.first
	piece := min(512, u.end-start)
	for {
		b, err := read(d.s.Info, ".debug_info", start, piece)
		if err != nil {
			return nil, err
		}
		err = u.readRoot(&cursor{b: b, order: d.s.Order})
		if err == nil {
			return u, nil
		}
		if !errors.Is(err, errShort) || piece == u.end-start {
			return nil, fmt.Errorf("unit at %#x: %w", off, err)
		}
		piece = min(piece*8, u.end-start)
	}
}

func (u *unit) readRoot(c *cursor) error {
	a, err := u.entry(c)
	if err != nil || a == nil {
		return err
	}
	// Bases default to what follows the header of the only contribution.
	u.root = root{tag: a.tag}
	if u.version >= 5 {
		base := uint64(8)
		if u.is64 {
			base = 16
		}
		u.root.strOffsetsBase, u.root.addrBase = base, base
	}
	for _, f := range a.fields {
		var v value
		switch f.attr {
		case atName:
			u.root.name = u.readForm(c, f)
		case atCompDir:
			u.root.compDir = u.readForm(c, f)
		case atStmtList:
			u.root.stmtList = u.readForm(c, f)
		case atLowPC:
			u.root.low = u.readForm(c, f)
		case atHighPC:
			u.root.high = u.readForm(c, f)
		case atRanges:
			u.root.ranges = u.readForm(c, f)
		case atDwoName, atGNUDwoName:
			u.root.dwo = u.readForm(c, f)
		case atLanguage, atStrOffsetsBase, atAddrBase, atGNUAddrBase, atRnglistsBase:
			v = u.readForm(c, f)
		default:
			u.skipForm(c, f.form)
		}
		switch f.attr {
		case atLanguage:
			u.root.language = v.u
		case atStrOffsetsBase:
			u.root.strOffsetsBase = v.u
		case atAddrBase, atGNUAddrBase:
			u.root.addrBase = v.u
		case atRnglistsBase:
			u.root.rnglistsBase = v.u
		}
	}
	return c.err
}

// entry reads the abbreviation code of an entry; nil is the end of a list of
// children.
func (u *unit) entry(c *cursor) (*abbrev, error) {
	code := c.uleb()
	if c.err != nil {
		return nil, c.err
	}
	if code == 0 {
		return nil, nil
	}
	a, ok := u.abbrevs.get(code)
	if !ok {
		return nil, fmt.Errorf("%w: unknown abbreviation %d", ErrFormat, code)
	}
	return a, nil
}

// load reads the unit's bytes.
func (u *unit) load() error {
	if u.data != nil {
		return nil
	}
	n := u.end - u.off
	if n > maxUnitBytes {
		return fmt.Errorf("%w: the unit at %#x has %d bytes", ErrFormat, u.off, n)
	}
	b, err := read(u.d.s.Info, ".debug_info", u.off, n)
	u.data = b
	return err
}

// at returns a cursor at off, counted from the unit's start.
func (u *unit) at(off uint64) *cursor {
	c := &cursor{b: u.data, order: u.d.s.Order}
	c.skip(off)
	return c
}

// text resolves a string attribute. ErrAlt says that it is in another file.
func (u *unit) text(v value) (string, error) {
	switch v.form {
	case 0:
		return "", nil
	case formString:
		return string(v.text), nil
	case formStrp:
		return u.d.stringAt(u.d.s.Str, ".debug_str", v.u)
	case formLineStrp:
		return u.d.stringAt(u.d.s.LineStr, ".debug_line_str", v.u)
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4, formGNUStrIndex:
		off, err := u.indexed(u.d.s.StrOffsets, ".debug_str_offsets", u.root.strOffsetsBase, v.u, u.offsetSize())
		if err != nil {
			return "", err
		}
		return u.d.stringAt(u.d.s.Str, ".debug_str", off)
	case formGNUStrpAlt, formStrpSup:
		if u.d.alt == nil {
			return "", ErrAlt
		}
		return u.d.alt.stringAt(u.d.alt.s.Str, ".debug_str", v.u)
	}
	return "", fmt.Errorf("%w: form %#x for a string", ErrFormat, v.form)
}

// indexed reads entry i of a table of words.
func (u *unit) indexed(s Section, name string, base, i uint64, size int) (uint64, error) {
	if i > 1<<32 || base > 1<<40 {
		return 0, fmt.Errorf("%w: index %d of %s", ErrFormat, i, name)
	}
	b, err := read(s, name, base+i*uint64(size), uint64(size))
	if err != nil {
		return 0, err
	}
	c := cursor{b: b, order: u.d.s.Order}
	return c.word(size), c.err
}

// address resolves an address attribute.
func (u *unit) address(v value) (uint64, error) {
	switch v.form {
	case formAddr:
		return v.u, nil
	case formAddrx, formAddrx1, formAddrx2, formAddrx3, formAddrx4, formGNUAddrIndex:
		return u.indexed(u.d.s.Addr, ".debug_addr", u.root.addrBase, v.u, u.addrSize)
	}
	return 0, fmt.Errorf("%w: form %#x for an address", ErrFormat, v.form)
}
