package dwarf

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Section is one section of a file. Read returns n bytes from off on,
// relocated where the file is relocatable; the bytes must not be changed.
type Section interface {
	Size() uint64
	Read(off, n uint64) ([]byte, error)
}

// Sections are the sections a file has; the others are nil.
type Sections struct {
	Info, Abbrev, Str, LineStr, Line, Ranges, Rnglists, Addr, StrOffsets, Aranges Section
	Order                                                                         binary.ByteOrder
}

// read returns n bytes of s, which must all be there.
func read(s Section, name string, off, n uint64) ([]byte, error) {
	if s == nil {
		return nil, fmt.Errorf("%w: no section %s", ErrFormat, name)
	}
	size := s.Size()
	if off > size || n > size-off {
		return nil, fmt.Errorf("%w: %d bytes at %#x are outside %s (%#x bytes)", ErrFormat, n, off, name, size)
	}
	b, err := s.Read(off, n)
	if err != nil {
		return nil, fmt.Errorf("read %s at %#x: %w", name, off, err)
	}
	return b, nil
}

// readList hands parse a piece of s from off on, and a larger one for as long
// as parse runs off its end. What parse built from a piece that was too short
// has to be thrown away by parse.
func (d *Data) readList(s Section, name string, off, piece uint64, parse func(*cursor) error) error {
	if s == nil {
		return fmt.Errorf("%w: no section %s", ErrFormat, name)
	}
	size := s.Size()
	if off >= size {
		return fmt.Errorf("%w: offset %#x is outside %s (%#x bytes)", ErrFormat, off, name, size)
	}
	for {
		n := min(piece, size-off)
		b, err := read(s, name, off, n)
		if err != nil {
			return err
		}
		err = parse(&cursor{b: b, order: d.s.Order})
		if !errors.Is(err, errShort) || n == size-off {
			if err != nil {
				return fmt.Errorf("%s at %#x: %w", name, off, err)
			}
			return nil
		}
		piece *= 8
	}
}

// stringAt reads the string at off of a string section.
func (d *Data) stringAt(s Section, name string, off uint64) (string, error) {
	var text string
	err := d.readList(s, name, off, 128, func(c *cursor) error {
		b := c.text()
		if c.err == nil {
			text = string(b)
		} else if len(c.b) > maxNameLength {
			return fmt.Errorf("%w: a string of more than %d bytes", ErrFormat, maxNameLength)
		}
		return c.err
	})
	return text, err
}
