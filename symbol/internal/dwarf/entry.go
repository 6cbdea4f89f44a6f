package dwarf

import (
	"errors"
	"fmt"
)

// function is a subprogram with code.
type function struct {
	off    uint64 // of its entry, from the unit's start
	ranges []Range
}

// entry attributes that a lookup may want.
type codeEntry struct {
	sibling               value
	low, high, ranges     value
	origin, specification value
	name, linkage         value
	callFile, callLine    value
	callColumn            value
}

// readCode reads the attributes of a subprogram or an inlined call.
func (u *unit) readCode(c *cursor, a *abbrev) codeEntry {
	var e codeEntry
	for _, f := range a.fields {
		var to *value
		switch f.attr {
		case atSibling:
			to = &e.sibling
		case atLowPC:
			to = &e.low
		case atHighPC:
			to = &e.high
		case atRanges:
			to = &e.ranges
		case atAbstractOrigin:
			to = &e.origin
		case atSpecification:
			to = &e.specification
		case atName:
			to = &e.name
		case atLinkageName, atMIPSLinkageName:
			to = &e.linkage
		case atCallFile:
			to = &e.callFile
		case atCallLine:
			to = &e.callLine
		case atCallColumn:
			to = &e.callColumn
		default:
			u.skipForm(c, f.form)
			continue
		}
		*to = u.readForm(c, f)
	}
	return e
}

// skipEntry moves past the attributes of an entry and returns its sibling.
func (u *unit) skipEntry(c *cursor, a *abbrev) value {
	var sibling value
	if a.fixed >= 0 && !a.sibling {
		c.skip(uint64(a.fixed))
		return sibling
	}
	for _, f := range a.fields {
		if f.attr == atSibling {
			sibling = u.readForm(c, f)
		} else {
			u.skipForm(c, f.form)
		}
	}
	return sibling
}

// skipChildren moves past the children of the entry that was just read.
func (u *unit) skipChildren(c *cursor, a *abbrev, sibling value) error {
	if !a.children {
		return nil
	}
	if sibling.set() {
		switch sibling.form {
		case formRef1, formRef2, formRef4, formRef8, formRefUdata:
			// Only forward, or a hostile file could make us run in circles.
			if sibling.u > uint64(c.pos) && sibling.u <= uint64(len(c.b)) {
				c.pos = int(sibling.u)
				return nil
			}
		}
	}
	for depth := 1; depth > 0; {
		a, err := u.entry(c)
		if err != nil {
			return err
		}
		if a == nil {
			depth--
			continue
		}
		sibling := u.skipEntry(c, a)
		if c.err != nil {
			return c.err
		}
		if !a.children {
			continue
		}
		if sibling.form == formRef4 && sibling.u > uint64(c.pos) && sibling.u <= uint64(len(c.b)) {
			c.pos = int(sibling.u)
			continue
		}
		depth++
	}
	return nil
}

// scan collects the subprograms of a unit that have code. It stays on the
// surface: types are jumped over, and so are the bodies of functions.
func (u *unit) scan() error {
	if !u.scanned {
		u.scanned = true
		u.scanErr = u.scanSurface()
	}
	return u.scanErr
}

func (u *unit) scanSurface() error {
	if err := u.load(); err != nil {
		return err
	}
	c := u.at(u.first)
	for depth := 0; ; {
		if uint64(c.pos) >= uint64(len(c.b)) {
			break // producers leave out the last end of children, or pad
		}
		off := uint64(c.pos)
		a, err := u.entry(c)
		if err != nil {
			return u.wrap(off, err)
		}
		if a == nil {
			if depth--; depth <= 0 {
				break
			}
			continue
		}
		var sibling value
		switch {
		case a.tag == tagSubprogram:
			e := u.readCode(c, a)
			sibling = e.sibling
			if c.err == nil && (e.low.set() || e.ranges.set()) {
				ranges, err := u.extent(e.low, e.high, e.ranges)
				if err != nil {
					return u.wrap(off, err)
				}
				if len(ranges) > 0 {
					u.functions = append(u.functions, function{off, ranges})
				}
			}
		case u.holdsFunctions(a.tag) && a.children:
			u.skipEntry(c, a)
			depth++
			if c.err != nil {
				return u.wrap(off, c.err)
			}
			continue
		default:
			sibling = u.skipEntry(c, a)
		}
		if c.err == nil {
			err = u.skipChildren(c, a, sibling)
		}
		if err = errors.Join(err, c.err); err != nil {
			return u.wrap(off, err)
		}
		if depth == 0 {
			break // a first entry without children
		}
	}
	return nil
}

func (u *unit) wrap(off uint64, err error) error {
	return fmt.Errorf("entry at %#x of .debug_info: %w", u.off+off, err)
}

// holdsFunctions says whether entries with code may be below a tag. In C they
// are at the top; C++ and Rust put them in namespaces and types.
func (u *unit) holdsFunctions(tag uint16) bool {
	switch tag {
	case tagCompileUnit, tagPartialUnit, tagSkeletonUnit, tagNamespace, tagModule:
		return true
	case tagStructureType, tagClassType, tagUnionType, tagEnumerationType, tagVariantPart:
		return !isC(u.root.language)
	}
	return false
}

// isC reports whether a DW_LANG code is C or assembler.
func isC(language uint64) bool {
	switch language {
	case 0x01, 0x02, 0x0c, 0x1d, 0x2c, 0x8001:
		return true
	}
	return false
}

// functionAt returns the innermost subprogram with code at pc.
func (u *unit) functionAt(pc uint64) (function, bool) {
	var best function
	size := ^uint64(0)
	for _, f := range u.functions {
		for _, r := range f.ranges {
			if r.contains(pc) && r.High-r.Low < size {
				best, size = f, r.High-r.Low
			}
		}
	}
	return best, size != ^uint64(0)
}

// call is one level of a stack of inlined calls.
type call struct {
	entry      codeEntry
	file       uint64
	line, col  uint64
	hasCallPos bool
}

// inlined returns the inlined calls of f that pc is in, outermost first.
func (u *unit) inlined(f function, pc uint64) ([]call, error) {
	c := u.at(f.off)
	a, err := u.entry(c)
	if err != nil || a == nil {
		return nil, u.wrap(f.off, errors.Join(err, errShortUnless(a)))
	}
	u.skipEntry(c, a)
	if !a.children {
		return nil, c.err
	}
	var chain []call
	// found is the depth at which the children of the last call of the chain
	// are; when the walk comes above it, nothing more can hold pc.
	found := 0
	for depth := 1; depth > 0 && c.err == nil; {
		off := uint64(c.pos)
		a, err := u.entry(c)
		if err != nil {
			return chain, u.wrap(off, err)
		}
		if a == nil {
			if depth--; depth < found {
				break
			}
			continue
		}
		switch a.tag {
		case tagInlinedSubroutine:
			e := u.readCode(c, a)
			if c.err != nil {
				return chain, u.wrap(off, c.err)
			}
			ranges, err := u.extent(e.low, e.high, e.ranges)
			if err != nil {
				return chain, u.wrap(off, err)
			}
			if !covers(ranges, pc) {
				if err := u.skipChildren(c, a, e.sibling); err != nil {
					return chain, u.wrap(off, err)
				}
				continue
			}
			if len(chain) == maxInlineDepth {
				return chain, u.wrap(off, fmt.Errorf("%w: calls inlined more than %d deep", ErrFormat, maxInlineDepth))
			}
			chain = append(chain, call{entry: e, file: e.callFile.u, line: e.callLine.u, col: e.callColumn.u, hasCallPos: e.callLine.set()})
			if !a.children {
				return chain, nil
			}
			depth++
			found = depth
		case tagLexicalBlock, tagTryBlock, tagCatchBlock, tagWithStmt:
			u.skipEntry(c, a)
			if a.children {
				depth++
			}
		default:
			sibling := u.skipEntry(c, a)
			if c.err == nil {
				if err := u.skipChildren(c, a, sibling); err != nil {
					return chain, u.wrap(off, err)
				}
			}
		}
	}
	return chain, c.err
}

func errShortUnless(a *abbrev) error {
	if a == nil {
		return errShort
	}
	return nil
}

func covers(ranges []Range, pc uint64) bool {
	for _, r := range ranges {
		if r.contains(pc) {
			return true
		}
	}
	return false
}

// nameOf follows an entry to where its name is: the abstract instance of an
// inlined function, the declaration of a method.
func (u *unit) nameOf(e codeEntry) (string, error) {
	for range maxReferenceDepth {
		switch {
		case e.linkage.set():
			return u.text(e.linkage)
		case e.origin.set():
		case e.specification.set():
		case e.name.set():
			return u.text(e.name)
		default:
			return "", nil
		}
		ref, name := e.origin, e.name
		if !ref.set() {
			ref = e.specification
		}
		to, off, err := u.follow(ref)
		if err != nil {
			return "", err
		}
		c := to.at(off)
		a, err := to.entry(c)
		if err != nil || a == nil {
			return "", u.wrap(off, errors.Join(err, errShortUnless(a)))
		}
		u, e = to, to.readCode(c, a)
		if c.err != nil {
			return "", u.wrap(off, c.err)
		}
		if !e.name.set() && !e.linkage.set() && !e.origin.set() && !e.specification.set() {
			return u.text(name)
		}
	}
	return "", fmt.Errorf("%w: a name behind more than %d references", ErrFormat, maxReferenceDepth)
}

// follow resolves a reference to the unit and offset that it means.
func (u *unit) follow(v value) (*unit, uint64, error) {
	switch v.form {
	case formRef1, formRef2, formRef4, formRef8, formRefUdata:
		if v.u < u.first || v.u >= uint64(len(u.data)) {
			return nil, 0, fmt.Errorf("%w: reference to %#x outside its unit", ErrFormat, v.u)
		}
		return u, v.u, nil
	case formRefAddr:
		to, err := u.d.unitHolding(v.u)
		if err != nil {
			return nil, 0, err
		}
		return to, v.u - to.off, nil
	case formGNURefAlt, formRefSup4, formRefSup8:
		if u.d.alt == nil {
			return nil, 0, ErrAlt
		}
		to, err := u.d.alt.unitHolding(v.u)
		if err != nil {
			return nil, 0, err
		}
		return to, v.u - to.off, nil
	}
	return nil, 0, fmt.Errorf("%w: form %#x for a reference", ErrFormat, v.form)
}
