package unwind

import "strings"

// A cie is what several descriptions have in common.
type cie struct {
	codeAlign uint64
	dataAlign int64
	ra        uint64 // the column of the return address
	enc       uint8  // how addresses are written
	augmented bool
	signal    bool
	wide      bool // addresses have 8 bytes
	program   reader
}

// An fde describes one range of code.
type fde struct {
	*cie
	start, end uint64
	program    reader
}

// A head is the beginning of an entry of a section.
type head struct {
	body   reader // at what is behind the head
	isCIE  bool
	common uint64 // of a description: where the common part is
	next   int    // where the next entry is
}

// head reads the beginning of the entry at an offset.
func (s *section) head(at int) (h head, ok bool) {
	r := s.reader
	r.at = at
	size := uint64(r.u32())
	wide := size == 0xffffffff
	if wide {
		size = r.u64()
	}
	if r.bad || size == 0 || size > uint64(len(r.b)-r.at) {
		return h, false
	}
	h.next = r.at + int(size)
	r.b = r.b[:h.next]
	here := r.at
	var id uint64
	if wide {
		id = r.u64()
	} else {
		id = uint64(r.u32())
	}
	if s.isEH {
		h.isCIE, h.common = id == 0, uint64(here)-id
	} else {
		h.isCIE, h.common = id == 0xffffffff && !wide || id == ^uint64(0), id
	}
	h.body = r
	return h, !r.bad
}

// fde reads the description at an offset.
func (s *section) fde(at int64) (*fde, bool) {
	if at < 0 || at >= int64(len(s.b)) {
		return nil, false
	}
	h, ok := s.head(int(at))
	if !ok || h.isCIE {
		return nil, false
	}
	return s.describe(h)
}

// describe reads a description behind its head.
func (s *section) describe(h head) (*fde, bool) {
	c, ok := s.cie(h.common)
	if !ok {
		return nil, false
	}
	r := h.body
	r.wide = c.wide
	f := &fde{cie: c}
	if f.start, ok = r.pointer(c.enc, 0); !ok {
		return nil, false
	}
	size, _ := r.pointer(c.enc&0xf, 0)
	f.end = f.start + size
	if c.augmented {
		r.take(int(min(r.uleb(), uint64(len(r.b)))))
	}
	f.program = r
	return f, !r.bad && f.end >= f.start
}

// cie reads the common part at an offset, once.
func (s *section) cie(at uint64) (*cie, bool) {
	if at >= uint64(len(s.b)) {
		return nil, false
	}
	if c, ok := s.cies[int(at)]; ok {
		return c, c != nil
	}
	c, ok := s.readCIE(int(at))
	if !ok {
		c = nil
	}
	s.cies[int(at)] = c
	return c, ok
}

func (s *section) readCIE(at int) (*cie, bool) {
	h, ok := s.head(at)
	if !ok || !h.isCIE {
		return nil, false
	}
	r := h.body
	c := &cie{}
	version := r.u8()
	augmentation := r.text()
	if strings.HasPrefix(augmentation, "eh") {
		r.word()
		augmentation = augmentation[2:]
	}
	if version == 4 {
		r.wide = r.u8() == 8
		r.u8()
	}
	c.codeAlign, c.dataAlign = r.uleb(), r.sleb()
	if version == 1 {
		c.ra = uint64(r.u8())
	} else {
		c.ra = r.uleb()
	}
	if rest, ok := strings.CutPrefix(augmentation, "z"); ok {
		c.augmented = true
		n := r.uleb()
		end := r.at + int(min(n, uint64(len(r.b)-r.at)))
		for _, x := range rest {
			switch x {
			case 'L':
				r.u8()
			case 'P':
				r.pointer(r.u8(), 0)
			case 'R':
				c.enc = r.u8()
			case 'S':
				c.signal = true
			}
		}
		r.at = end
	} else if augmentation != "" {
		return nil, false
	}
	c.program, c.wide = r, r.wide
	return c, !r.bad
}

// The kinds of rules for a register of the caller.
const (
	ruleNone      = iota // nobody has said
	ruleUndefined        // it cannot be known
	ruleSame
	ruleOffset    // saved at CFA + n
	ruleValOffset // it is CFA + n
	ruleRegister  // in another register
	ruleExpr      // saved where an expression says
	ruleValExpr   // it is what an expression says
)

// A rule says where the caller's value of a register is.
type rule struct {
	kind uint8
	n    int64
	expr []byte
}

// A row is the rules at one address.
type row struct {
	cfaReg  uint64
	cfaOff  int64
	cfaExpr []byte
	rules   [registers]rule
	ra      uint64
	signal  bool
	signed  bool // the return address carries an authentication code
}

// Bounds of a program.
const (
	maxRemembered = 16
	maxSteps      = 1 << 16
	maxRows       = 1 << 12
)

// row computes the rules at an address.
func (t *Tables) row(pc uint64) (*row, bool) {
	if x, ok := t.rows[pc]; ok {
		return x, x != nil
	}
	var x *row
	if f, ok := t.find(pc); ok {
		x = f.row(pc)
	}
	if len(t.rows) >= maxRows {
		clear(t.rows)
	}
	t.rows[pc] = x
	return x, x != nil
}

func (f *fde) row(pc uint64) *row {
	m := machine{fde: f, pc: pc, at: f.start}
	m.ra, m.signal = f.ra, f.signal
	if !m.run(f.cie.program) {
		return nil
	}
	m.initial = m.row
	m.at = f.start
	if !m.run(f.program) {
		return nil
	}
	x := m.row
	return &x
}

// A machine runs the instructions of a description.
type machine struct {
	row
	fde     *fde
	pc, at  uint64
	steps   int
	initial row
	stack   []row
}

func (m *machine) rule(reg uint64, x rule) {
	if reg < registers {
		m.rules[reg] = x
	}
}

// run runs instructions up to the address that is asked for.
func (m *machine) run(r reader) bool {
	data := m.fde.dataAlign
	for r.at < len(r.b) {
		if m.steps++; m.steps > maxSteps || r.bad {
			return false
		}
		op := r.u8()
		low := uint64(op & 0x3f)
		switch op >> 6 {
		case 1: // advance_loc
			m.at += low * m.fde.codeAlign
			if m.at > m.pc {
				return true
			}
			continue
		case 2: // offset
			m.rule(low, rule{kind: ruleOffset, n: int64(r.uleb()) * data})
			continue
		case 3: // restore
			m.restore(low)
			continue
		}
		done, ok := m.extended(op, &r)
		if !ok {
			return false
		}
		if done {
			return true
		}
	}
	return !r.bad
}

func (m *machine) restore(reg uint64) {
	if reg < registers {
		m.rules[reg] = m.initial.rules[reg]
	}
}

// extended runs an instruction whose operands follow it; done says that the
// address was reached.
func (m *machine) extended(op uint8, r *reader) (done, ok bool) {
	data := m.fde.dataAlign
	advance := func(n uint64) (bool, bool) {
		m.at += n * m.fde.codeAlign
		return m.at > m.pc, true
	}
	switch op {
	case 0x00: // nop
	case 0x01: // set_loc
		at, ok := r.pointer(m.fde.enc, 0)
		if !ok {
			return false, false
		}
		m.at = at
		return m.at > m.pc, true
	case 0x02:
		return advance(uint64(r.u8()))
	case 0x03:
		return advance(uint64(r.u16()))
	case 0x04:
		return advance(uint64(r.u32()))
	case 0x05: // offset_extended
		reg := r.uleb()
		m.rule(reg, rule{kind: ruleOffset, n: int64(r.uleb()) * data})
	case 0x06: // restore_extended
		m.restore(r.uleb())
	case 0x07: // undefined
		m.rule(r.uleb(), rule{kind: ruleUndefined})
	case 0x08: // same_value
		m.rule(r.uleb(), rule{kind: ruleSame})
	case 0x09: // register
		reg := r.uleb()
		m.rule(reg, rule{kind: ruleRegister, n: int64(r.uleb())})
	case 0x0a: // remember_state
		if len(m.stack) >= maxRemembered {
			return false, false
		}
		m.stack = append(m.stack, m.row)
	case 0x0b: // restore_state
		n := len(m.stack)
		if n == 0 {
			return false, false
		}
		m.row, m.stack = m.stack[n-1], m.stack[:n-1]
	case 0x0c: // def_cfa
		m.cfaReg = r.uleb()
		m.cfaOff, m.cfaExpr = int64(r.uleb()), nil
	case 0x0d: // def_cfa_register
		m.cfaReg, m.cfaExpr = r.uleb(), nil
	case 0x0e: // def_cfa_offset
		m.cfaOff, m.cfaExpr = int64(r.uleb()), nil
	case 0x0f: // def_cfa_expression
		m.cfaExpr = block(r)
	case 0x10: // expression
		reg := r.uleb()
		m.rule(reg, rule{kind: ruleExpr, expr: block(r)})
	case 0x11: // offset_extended_sf
		reg := r.uleb()
		m.rule(reg, rule{kind: ruleOffset, n: r.sleb() * data})
	case 0x12: // def_cfa_sf
		m.cfaReg = r.uleb()
		m.cfaOff, m.cfaExpr = r.sleb()*data, nil
	case 0x13: // def_cfa_offset_sf
		m.cfaOff, m.cfaExpr = r.sleb()*data, nil
	case 0x14: // val_offset
		reg := r.uleb()
		m.rule(reg, rule{kind: ruleValOffset, n: int64(r.uleb()) * data})
	case 0x15: // val_offset_sf
		reg := r.uleb()
		m.rule(reg, rule{kind: ruleValOffset, n: r.sleb() * data})
	case 0x16: // val_expression
		reg := r.uleb()
		m.rule(reg, rule{kind: ruleValExpr, expr: block(r)})
	case 0x2d: // AARCH64_negate_ra_state
		m.signed = !m.signed
	case 0x2e: // GNU_args_size
		r.uleb()
	case 0x2f: // GNU_negative_offset_extended
		reg := r.uleb()
		m.rule(reg, rule{kind: ruleOffset, n: -int64(r.uleb()) * data})
	default:
		return false, false
	}
	return false, !r.bad
}

func block(r *reader) []byte {
	b := r.take(int(min(r.uleb(), uint64(len(r.b)))))
	if b == nil {
		return []byte{}
	}
	return b
}
