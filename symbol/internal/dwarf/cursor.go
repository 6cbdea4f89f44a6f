package dwarf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrFormat is the root of every complaint about the bytes of a section.
var ErrFormat = errors.New("damaged DWARF")

// errShort says that a cursor ran off its bytes. Readers that fetched only a
// piece of a section fetch a larger one.
var errShort = fmt.Errorf("%w: it ends in the middle of a field", ErrFormat)

// cursor reads fields one after the other. The first error sticks, and what is
// read after it is zero.
type cursor struct {
	b     []byte
	pos   int
	order binary.ByteOrder
	err   error
}

func (c *cursor) take(n int) []byte {
	if c.err != nil || n < 0 || n > len(c.b)-c.pos {
		c.fail(errShort)
		return nil
	}
	b := c.b[c.pos : c.pos+n]
	c.pos += n
	return b
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.pos = len(c.b)
}

func (c *cursor) left() int { return len(c.b) - c.pos }

func (c *cursor) u8() uint8 {
	if c.pos >= len(c.b) {
		c.fail(errShort)
		return 0
	}
	v := c.b[c.pos]
	c.pos++
	return v
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return c.order.Uint16(b)
	}
	return 0
}

func (c *cursor) u24() uint32 {
	b := c.take(3)
	switch {
	case b == nil:
		return 0
	case c.order == binary.BigEndian:
		return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	}
	return uint32(b[2])<<16 | uint32(b[1])<<8 | uint32(b[0])
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return c.order.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return c.order.Uint64(b)
	}
	return 0
}

// word reads an address or another field whose size the unit decides.
func (c *cursor) word(size int) uint64 {
	switch size {
	case 1:
		return uint64(c.u8())
	case 2:
		return uint64(c.u16())
	case 4:
		return uint64(c.u32())
	case 8:
		return c.u64()
	}
	c.fail(fmt.Errorf("%w: a field of %d bytes", ErrFormat, size))
	return 0
}

// offset reads an offset into a section.
func (c *cursor) offset(is64 bool) uint64 {
	if is64 {
		return c.u64()
	}
	return uint64(c.u32())
}

// length reads the length that opens a unit, and whether it is 64-bit DWARF.
func (c *cursor) length() (n uint64, is64 bool) {
	switch v := c.u32(); {
	case v == 0xffffffff:
		return c.u64(), true
	case v >= 0xfffffff0:
		c.fail(fmt.Errorf("%w: reserved unit length %#x", ErrFormat, v))
		return 0, false
	default:
		return uint64(v), false
	}
}

func (c *cursor) uleb() uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := c.u8()
		if shift < 64 {
			v |= uint64(b&0x7f) << shift
		}
		if b < 0x80 {
			return v
		}
	}
}

func (c *cursor) sleb() int64 {
	var v int64
	for shift := uint(0); ; {
		b := c.u8()
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		shift += 7
		if b < 0x80 {
			if b&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
}

func (c *cursor) skip(n uint64) {
	if n > uint64(c.left()) {
		c.fail(errShort)
		return
	}
	c.pos += int(n)
}

// text reads a string that ends with a zero byte.
func (c *cursor) text() []byte {
	n := bytes.IndexByte(c.b[c.pos:], 0)
	if n < 0 {
		c.fail(errShort)
		return nil
	}
	s := c.b[c.pos : c.pos+n]
	c.pos += n + 1
	return s
}
