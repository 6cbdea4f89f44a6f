package dwarf

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

func TestCursorNumbers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bytes []byte
		read  func(*cursor) uint64
		want  uint64
	}{
		{"uleb", []byte{0xe5, 0x8e, 0x26}, (*cursor).uleb, 624485},
		{"uleb with padding", []byte{0x81, 0x80, 0x80, 0x00}, (*cursor).uleb, 1},
		{"largest uleb", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, (*cursor).uleb, math.MaxUint64},
		{"uleb of more than 64 bits", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, (*cursor).uleb, math.MaxUint64},
		{"sleb -2", []byte{0x7e}, signed, ^uint64(1)},
		{"sleb -129", []byte{0xff, 0x7e}, signed, ^uint64(128)},
		{"sleb 128", []byte{0x80, 0x01}, signed, 128},
		{"24 bits", []byte{1, 2, 3}, func(c *cursor) uint64 { return uint64(c.u24()) }, 0x030201},
		{"word of 2", []byte{1, 2}, func(c *cursor) uint64 { return c.word(2) }, 0x0201},
		{"length", []byte{0x10, 0, 0, 0}, func(c *cursor) uint64 { n, _ := c.length(); return n }, 0x10},
		{"length of 64-bit DWARF", []byte{0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0, 0, 0, 0, 0}, func(c *cursor) uint64 { n, _ := c.length(); return n }, 0x10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &cursor{b: tt.bytes, order: binary.LittleEndian}
			if got := tt.read(c); got != tt.want || c.err != nil || c.left() != 0 {
				t.Errorf("%#x, %v, %d bytes left; want %#x", got, c.err, c.left(), tt.want)
			}
			for n := range tt.bytes {
				c := &cursor{b: tt.bytes[:n], order: binary.LittleEndian}
				if tt.read(c); !errors.Is(c.err, errShort) {
					t.Errorf("cut to %d bytes: %v", n, c.err)
				}
			}
		})
	}
}

func signed(c *cursor) uint64 { return uint64(c.sleb()) }

// The first error stays, and nothing is read after it.
func TestCursorStops(t *testing.T) {
	c := &cursor{b: []byte{1, 2, 3, 4}, order: binary.BigEndian}
	if got := c.u64(); got != 0 || !errors.Is(c.err, ErrFormat) {
		t.Errorf("%#x, %v", got, c.err)
	}
	if got := c.u8(); got != 0 {
		t.Errorf("read %d after an error", got)
	}
	if c.text() != nil || c.take(1) != nil {
		t.Error("read bytes after an error")
	}
}

// Rows and sequences in the order that compilers write, and not.
func TestLineTable(t *testing.T) {
	p := &lineProgram{t: &lineTable{version: 5, compDir: "/src", dirs: []string{"/src", "include"}, files: []lineFile{{"a.c", 0}, {"b.h", 1}, {"/abs/c.h", 0}}}}
	p.endSequence([]row{{0x10, 0, 1, 0}, {0x18, 1, 2, 0}}, 0x20)
	p.endSequence([]row{{0x48, 2, 4, 0}, {0x40, 0, 3, 0}}, 0x50)
	p.endSequence(nil, 0x60)
	for _, tt := range []struct {
		pc   uint64
		line uint32
		file string
	}{{0x10, 1, "/src/a.c"}, {0x17, 1, "/src/a.c"}, {0x1f, 2, "/src/include/b.h"}, {0x20, 0, ""}, {0x3f, 0, ""}, {0x40, 3, "/src/a.c"}, {0x4f, 4, "/abs/c.h"}, {0x50, 0, ""}} {
		r, ok := p.t.at(tt.pc)
		if ok != (tt.line != 0) || r.line != tt.line || ok && p.t.path(uint64(r.file)) != tt.file {
			t.Errorf("%#x: %+v %q, want %d %q", tt.pc, r, p.t.path(uint64(r.file)), tt.line, tt.file)
		}
	}
	if got := p.t.path(99); got != "" {
		t.Errorf("a file that is not there: %q", got)
	}
}
