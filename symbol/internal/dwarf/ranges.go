package dwarf

import "fmt"

// Range is the addresses from Low up to, not including, High.
type Range struct{ Low, High uint64 }

func (r Range) contains(pc uint64) bool { return r.Low <= pc && pc < r.High }

// extent resolves the attributes that say which addresses an entry covers.
func (u *unit) extent(low, high, ranges value) ([]Range, error) {
	if ranges.set() {
		return u.rangeList(ranges)
	}
	if !low.set() {
		return nil, nil
	}
	lo, err := u.address(low)
	if err != nil || !high.set() {
		return nil, err
	}
	hi := high.u
	switch high.form {
	case formAddr, formAddrx, formAddrx1, formAddrx2, formAddrx3, formAddrx4, formGNUAddrIndex:
		if hi, err = u.address(high); err != nil {
			return nil, err
		}
	default:
		hi += lo
	}
	if hi <= lo {
		return nil, nil
	}
	return []Range{{lo, hi}}, nil
}

// base is the address that range lists count from.
func (u *unit) base() uint64 {
	if !u.root.low.set() {
		return 0
	}
	lo, err := u.address(u.root.low)
	if err != nil {
		return 0
	}
	return lo
}

func (u *unit) rangeList(v value) ([]Range, error) {
	if u.version < 5 {
		return u.oldRanges(v.u)
	}
	off := v.u
	if v.form == formRnglistx {
		rel, err := u.indexed(u.d.s.Rnglists, ".debug_rnglists", u.root.rnglistsBase, v.u, u.offsetSize())
		if err != nil {
			return nil, err
		}
		off = u.root.rnglistsBase + rel
	}
	var list []Range
	err := u.d.readList(u.d.s.Rnglists, ".debug_rnglists", off, 1<<10, func(c *cursor) error {
		list = list[:0]
		return u.readRnglist(c, &list)
	})
	return list, err
}

func (u *unit) readRnglist(c *cursor, list *[]Range) error {
	base := u.base()
	indexed := func() uint64 {
		i := c.uleb()
		if c.err != nil {
			return 0
		}
		a, err := u.indexed(u.d.s.Addr, ".debug_addr", u.root.addrBase, i, u.addrSize)
		if err != nil {
			c.fail(err)
		}
		return a
	}
	for c.err == nil {
		var r Range
		switch op := c.u8(); op {
		case rleEndOfList:
			return c.err
		case rleBaseAddressx:
			base = indexed()
			continue
		case rleBaseAddress:
			base = c.word(u.addrSize)
			continue
		case rleStartxEndx:
			r.Low, r.High = indexed(), indexed()
		case rleStartxLength:
			r.Low = indexed()
			r.High = r.Low + c.uleb()
		case rleOffsetPair:
			r.Low, r.High = base+c.uleb(), base+c.uleb()
		case rleStartEnd:
			r.Low, r.High = c.word(u.addrSize), c.word(u.addrSize)
		case rleStartLength:
			r.Low = c.word(u.addrSize)
			r.High = r.Low + c.uleb()
		default:
			return fmt.Errorf("%w: unknown range entry %#x", ErrFormat, op)
		}
		if err := addRange(list, r); err != nil {
			return err
		}
	}
	return c.err
}

// oldRanges reads a list of .debug_ranges (DWARF 2 to 4).
func (u *unit) oldRanges(off uint64) ([]Range, error) {
	var list []Range
	top := uint64(1)<<(8*uint(u.addrSize)-1)<<1 - 1
	err := u.d.readList(u.d.s.Ranges, ".debug_ranges", off, 1<<10, func(c *cursor) error {
		list = list[:0]
		base := u.base()
		for {
			lo, hi := c.word(u.addrSize), c.word(u.addrSize)
			switch {
			case c.err != nil || lo == 0 && hi == 0:
				return c.err
			case lo == top:
				base = hi
			default:
				if err := addRange(&list, Range{base + lo, base + hi}); err != nil {
					return err
				}
			}
		}
	})
	return list, err
}

func addRange(list *[]Range, r Range) error {
	if r.High <= r.Low {
		return nil
	}
	if len(*list) == maxRangesOfEntry {
		return fmt.Errorf("%w: a list of more than %d ranges", ErrFormat, maxRangesOfEntry)
	}
	*list = append(*list, r)
	return nil
}
