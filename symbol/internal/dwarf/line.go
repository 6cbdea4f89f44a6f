package dwarf

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"sort"
)

// row says that the code from addr on comes from a line of a file.
type row struct {
	addr uint64
	file uint32
	line uint32
	col  uint32
}

// sequence is rows without a gap in their addresses.
type sequence struct {
	Range
	rows []row
}

// lineTable is the decoded line program of a unit.
type lineTable struct {
	version   int
	compDir   string
	dirs      []string
	files     []lineFile
	sequences []sequence // by Low
}

type lineFile struct {
	name string
	dir  uint64
}

// path returns the name of a file of the table; files count from 1 until
// DWARF 5, which counts from 0.
func (t *lineTable) path(n uint64) string {
	if t.version < 5 {
		n--
	}
	if n >= uint64(len(t.files)) {
		return ""
	}
	f := t.files[n]
	if path.IsAbs(f.name) {
		return path.Clean(f.name)
	}
	dir := t.compDir
	switch {
	case t.version >= 5 && f.dir < uint64(len(t.dirs)):
		dir = join(t.compDir, t.dirs[f.dir])
	case t.version < 5 && f.dir > 0 && f.dir-1 < uint64(len(t.dirs)):
		dir = join(t.compDir, t.dirs[f.dir-1])
	}
	return join(dir, f.name)
}

func join(dir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(dir, name)
}

// at returns the row that covers pc.
func (t *lineTable) at(pc uint64) (row, bool) {
	n := sort.Search(len(t.sequences), func(i int) bool { return t.sequences[i].Low > pc })
	// Sequences seldom overlap; where they do the one that starts last wins.
	for i := n - 1; i >= 0 && i >= n-64; i-- {
		s := &t.sequences[i]
		if !s.contains(pc) {
			continue
		}
		k := sort.Search(len(s.rows), func(i int) bool { return s.rows[i].addr > pc })
		if k > 0 {
			return s.rows[k-1], true
		}
	}
	return row{}, false
}

// lineTable decodes the unit's line program once.
func (u *unit) lineTable() (*lineTable, error) {
	if u.lines == nil && u.linesErr == nil {
		u.lines, u.linesErr = u.readLines()
	}
	return u.lines, u.linesErr
}

func (u *unit) readLines() (*lineTable, error) {
	if !u.root.stmtList.set() {
		return nil, fmt.Errorf("unit at %#x of .debug_info has no line table", u.off)
	}
	off := u.root.stmtList.u
	head, err := u.lineProgramSize(off)
	if err != nil {
		return nil, err
	}
	b, err := read(u.d.s.Line, ".debug_line", off, head)
	if err != nil {
		return nil, err
	}
	compDir, err := u.text(u.root.compDir)
	if err != nil {
		compDir = "" // names stay relative
	}
	p := &lineProgram{u: u, c: cursor{b: b, order: u.d.s.Order}, t: &lineTable{compDir: compDir}}
	err = p.header()
	if err == nil {
		err = p.run()
	}
	if err != nil {
		return nil, fmt.Errorf("line program at %#x: %w", off, err)
	}
	slices.SortStableFunc(p.t.sequences, func(a, b sequence) int { return cmp.Compare(a.Low, b.Low) })
	return p.t, nil
}

// lineProgramSize returns how long the program at off is, with its header.
func (u *unit) lineProgramSize(off uint64) (uint64, error) {
	if u.d.s.Line == nil || off >= u.d.s.Line.Size() {
		return 0, fmt.Errorf("%w: no line program at %#x", ErrFormat, off)
	}
	left := u.d.s.Line.Size() - off
	b, err := read(u.d.s.Line, ".debug_line", off, min(12, left))
	if err != nil {
		return 0, err
	}
	c := cursor{b: b, order: u.d.s.Order}
	n, _ := c.length()
	if c.err != nil {
		return 0, c.err
	}
	if n > left-uint64(c.pos) || n > maxUnitBytes {
		return 0, fmt.Errorf("%w: the line program at %#x claims %d bytes, %d are left", ErrFormat, off, n, left)
	}
	return n + uint64(c.pos), nil
}

// lineProgram is the state machine of the standard, section 6.2.
type lineProgram struct {
	u *unit
	c cursor
	t *lineTable

	form              header // sizes of forms in the header's tables
	minInst           uint64
	lineBase          int64
	lineRange, opBase uint8
	opLengths         []byte
	rows              int
}

func (p *lineProgram) header() error {
	c := &p.c
	_, is64 := c.length()
	p.t.version = int(c.u16())
	if c.err == nil && (p.t.version < 2 || p.t.version > 5) {
		return fmt.Errorf("%w: version %d", ErrFormat, p.t.version)
	}
	p.form = header{version: p.t.version, is64: is64, addrSize: p.u.addrSize}
	if p.t.version >= 5 {
		p.form.addrSize = int(c.u8())
		c.u8() // segment selectors
	}
	n := c.offset(is64)
	if c.err != nil || n > uint64(c.left()) {
		return fmt.Errorf("%w: header of %d bytes", ErrFormat, n)
	}
	program := c.pos + int(n)
	p.minInst = uint64(c.u8())
	if p.t.version >= 4 {
		c.u8() // operations per instruction: no VLIW machine runs Linux
	}
	c.u8() // default is_stmt
	p.lineBase = int64(int8(c.u8()))
	p.lineRange = c.u8()
	p.opBase = c.u8()
	if c.err != nil || p.lineRange == 0 || p.opBase == 0 {
		return fmt.Errorf("%w: header without opcodes", ErrFormat)
	}
	p.opLengths = c.take(int(p.opBase) - 1)
	var err error
	if p.t.version >= 5 {
		err = p.tables5()
	} else {
		p.tables2()
	}
	if err == nil {
		err = c.err
	}
	if err != nil {
		return err
	}
	c.pos = program
	return nil
}

// tables2 reads directories and files as until DWARF 4.
func (p *lineProgram) tables2() {
	c := &p.c
	for c.err == nil {
		s := c.text()
		if len(s) == 0 {
			break
		}
		p.t.dirs = append(p.t.dirs, string(s))
	}
	for c.err == nil {
		s := c.text()
		if len(s) == 0 {
			break
		}
		f := lineFile{name: string(s), dir: c.uleb()}
		c.uleb() // time
		c.uleb() // size
		p.t.files = append(p.t.files, f)
	}
}

// tables5 reads directories and files as from DWARF 5 on.
func (p *lineProgram) tables5() error {
	err := p.table5(func(f lineFile) { p.t.dirs = append(p.t.dirs, f.name) })
	if err == nil {
		err = p.table5(func(f lineFile) { p.t.files = append(p.t.files, f) })
	}
	return err
}

func (p *lineProgram) table5(add func(lineFile)) error {
	c := &p.c
	var formats []field
	for range c.u8() {
		formats = append(formats, field{attr: narrow(c.uleb()), form: narrow(c.uleb())})
	}
	n := c.uleb()
	if c.err != nil {
		return c.err
	}
	// Each entry takes at least a byte, or the count could be anything.
	if n > uint64(c.left()) || n > 0 && len(formats) == 0 {
		return fmt.Errorf("%w: a table of %d names", ErrFormat, n)
	}
	for range n {
		var f lineFile
		for _, ff := range formats {
			switch ff.attr {
			case lnctPath:
				v := p.form.readForm(c, ff)
				if c.err != nil {
					return c.err
				}
				name, err := p.u.text(v)
				if err != nil {
					return fmt.Errorf("file name: %w", err)
				}
				f.name = name
			case lnctDirectoryIndex:
				f.dir = p.form.readForm(c, ff).u
			default:
				p.form.skipForm(c, ff.form)
			}
		}
		if c.err != nil {
			return c.err
		}
		add(f)
	}
	return nil
}

// run executes the program and keeps its rows.
func (p *lineProgram) run() error {
	c := &p.c
	constAdd := uint64((255-p.opBase)/p.lineRange) * p.minInst
	var seq []row
	var addr uint64
	var file, line, col uint64
	reset := func() { addr, file, line, col, seq = 0, 1, 1, 0, nil }
	reset()
	emit := func() {
		r := row{addr, clip(file), clip(line), clip(col)}
		// Of several rows at one address the last describes the code.
		if n := len(seq); n > 0 && seq[n-1].addr == addr {
			seq[n-1] = r
			return
		}
		seq = append(seq, r)
		p.rows++
	}
	for c.left() > 0 && c.err == nil {
		op := c.u8()
		switch {
		case op >= p.opBase:
			op -= p.opBase
			addr += uint64(op/p.lineRange) * p.minInst
			line += uint64(p.lineBase + int64(op%p.lineRange))
			emit()
		case op == 0:
			n := c.uleb()
			if c.err != nil || n == 0 || n > uint64(c.left()) {
				return fmt.Errorf("%w: an extended opcode of %d bytes", ErrFormat, n)
			}
			next := c.pos + int(n)
			switch c.u8() {
			case lneEndSequence:
				p.endSequence(seq, addr)
				reset()
			case lneSetAddress:
				addr = c.word(int(n) - 1)
			case lneDefineFile:
				name := c.text()
				p.t.files = append(p.t.files, lineFile{name: string(name), dir: c.uleb()})
			}
			if c.err == nil {
				c.pos = next
			}
		case op == lnsCopy:
			emit()
		case op == lnsAdvancePC:
			addr += c.uleb() * p.minInst
		case op == lnsAdvanceLine:
			line += uint64(c.sleb())
		case op == lnsSetFile:
			file = c.uleb()
		case op == lnsSetColumn:
			col = c.uleb()
		case op == lnsConstAddPC:
			addr += constAdd
		case op == lnsFixedAdvancePC:
			addr += uint64(c.u16())
		default:
			// Known to the header, of no interest here.
			for range p.opLengths[op-1] {
				c.uleb()
			}
		}
		if p.rows > maxRowsOfUnit {
			return fmt.Errorf("%w: more than %d rows", ErrFormat, maxRowsOfUnit)
		}
	}
	return c.err
}

func clip(v uint64) uint32 { return uint32(min(v, 1<<32-1)) }

// endSequence keeps the rows of a sequence that ends before addr.
func (p *lineProgram) endSequence(rows []row, end uint64) {
	if len(rows) == 0 {
		return
	}
	byAddr := func(a, b row) int { return cmp.Compare(a.addr, b.addr) }
	if !slices.IsSortedFunc(rows, byAddr) {
		slices.SortStableFunc(rows, byAddr)
	}
	if lo := rows[0].addr; lo < end {
		p.t.sequences = append(p.t.sequences, sequence{Range{lo, end}, rows})
	}
}
