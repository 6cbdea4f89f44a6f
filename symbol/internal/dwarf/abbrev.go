package dwarf

import "fmt"

// field is one attribute of an abbreviation.
type field struct {
	attr, form uint16
	implicit   int64
}

// abbrev is the shape of an entry.
type abbrev struct {
	tag      uint16
	children bool
	sibling  bool // has DW_AT_sibling
	fixed    int  // bytes of the attributes where all sizes are known, else -1
	fields   []field
}

// abbrevs finds abbreviations by code. Compilers number them from 1.
type abbrevs struct {
	dense  []abbrev
	sparse map[uint64]abbrev
}

func (a *abbrevs) get(code uint64) (*abbrev, bool) {
	if code-1 < uint64(len(a.dense)) {
		return &a.dense[code-1], true
	}
	v, ok := a.sparse[code]
	return &v, ok
}

// abbrevsAt reads the abbreviations of a unit.
func (d *Data) abbrevsAt(h *header) (*abbrevs, error) {
	var table *abbrevs
	err := d.readList(d.s.Abbrev, ".debug_abbrev", h.abbrevOff, 8<<10, func(c *cursor) error {
		table = &abbrevs{sparse: map[uint64]abbrev{}}
		for n := 0; ; n++ {
			code := c.uleb()
			if code == 0 || c.err != nil {
				return c.err
			}
			if n == maxAbbrevsOfUnit {
				return fmt.Errorf("%w: more than %d abbreviations", ErrFormat, maxAbbrevsOfUnit)
			}
			a, err := readAbbrev(c, h)
			if err != nil {
				return err
			}
			if code == uint64(len(table.dense))+1 {
				table.dense = append(table.dense, a)
			} else {
				table.sparse[code] = a
			}
		}
	})
	return table, err
}

func readAbbrev(c *cursor, h *header) (abbrev, error) {
	a := abbrev{tag: narrow(c.uleb()), children: c.u8() != 0}
	for {
		f := field{attr: narrow(c.uleb()), form: narrow(c.uleb())}
		if f.form == formImplicitConst {
			f.implicit = c.sleb()
		}
		if c.err != nil {
			return a, c.err
		}
		if f.attr == 0 && f.form == 0 {
			break
		}
		if len(a.fields) == maxFieldsOfAbbrev {
			return a, fmt.Errorf("%w: an abbreviation of more than %d attributes", ErrFormat, maxFieldsOfAbbrev)
		}
		a.fields = append(a.fields, f)
		a.sibling = a.sibling || f.attr == atSibling
		if n := h.formSize(f.form); n < 0 || a.fixed < 0 {
			a.fixed = -1
		} else {
			a.fixed += n
		}
	}
	return a, nil
}

// narrow fits codes into 16 bits; what does not fit is no code of the standard.
func narrow(v uint64) uint16 {
	if v > 0xffff {
		return 0xffff
	}
	return uint16(v)
}

// formSize returns how many bytes a form takes, -1 where the bytes decide.
func (h *header) formSize(form uint16) int {
	switch form {
	case formFlagPresent, formImplicitConst:
		return 0
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		return 1
	case formData2, formRef2, formStrx2, formAddrx2:
		return 2
	case formStrx3, formAddrx3:
		return 3
	case formData4, formRef4, formStrx4, formAddrx4, formRefSup4:
		return 4
	case formData8, formRef8, formRefSig8, formRefSup8:
		return 8
	case formData16:
		return 16
	case formAddr:
		return h.addrSize
	case formRefAddr:
		if h.version <= 2 {
			return h.addrSize
		}
		return h.offsetSize()
	case formStrp, formSecOffset, formLineStrp, formStrpSup, formGNURefAlt, formGNUStrpAlt:
		return h.offsetSize()
	}
	return -1
}

// skipForm moves past one attribute.
func (h *header) skipForm(c *cursor, form uint16) {
	if n := h.formSize(form); n >= 0 {
		c.skip(uint64(n))
		return
	}
	switch form {
	case formBlock1:
		c.skip(uint64(c.u8()))
	case formBlock2:
		c.skip(uint64(c.u16()))
	case formBlock4:
		c.skip(uint64(c.u32()))
	case formBlock, formExprloc:
		c.skip(c.uleb())
	case formString:
		c.text()
	case formUdata, formSdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		c.uleb()
	case formIndirect:
		inner := narrow(c.uleb())
		if inner == formIndirect || inner == formImplicitConst {
			c.fail(fmt.Errorf("%w: indirect form %#x", ErrFormat, inner))
			return
		}
		h.skipForm(c, inner)
	default:
		c.fail(fmt.Errorf("%w: unknown form %#x", ErrFormat, form))
	}
}

// value is an attribute as it stands in the entry; what it means depends on
// its form and on bases that the unit's first entry names.
type value struct {
	form uint16
	u    uint64
	text []byte // formString
}

func (v value) set() bool { return v.form != 0 }

// readForm reads one attribute of a class that is asked for here.
func (h *header) readForm(c *cursor, f field) value {
	v := value{form: f.form}
	switch f.form {
	case formIndirect:
		inner := narrow(c.uleb())
		if inner == formIndirect || inner == formImplicitConst {
			c.fail(fmt.Errorf("%w: indirect form %#x", ErrFormat, inner))
			return value{}
		}
		return h.readForm(c, field{form: inner})
	case formImplicitConst:
		v.u = uint64(f.implicit)
	case formFlagPresent:
		v.u = 1
	case formString:
		v.text = c.text()
	case formSdata:
		v.u = uint64(c.sleb())
	case formUdata, formRefUdata, formStrx, formAddrx, formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		v.u = c.uleb()
	default:
		switch n := h.formSize(f.form); n {
		case 1, 2, 4, 8:
			v.u = c.word(n)
		case 3:
			v.u = uint64(c.u24())
		default:
			h.skipForm(c, f.form)
			return value{}
		}
	}
	return v
}
