package dump

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	elfIncomplete = 1 // makedumpfile's e_flags: DUMP_ELF_INCOMPLETE
	pnXNum        = 0xffff
	// maxSegments is more than a paged dump of QEMU has ever had.
	maxSegments = 1 << 22
	maxNotes    = 64 << 20
)

// elfHead is what matters of an ELF header of either class.
type elfHead struct {
	class     elf.Class
	order     binary.ByteOrder
	machine   elf.Machine
	flags     uint32
	phoff     int64
	phentsize int
	phnum     uint64
}

// segment is a PT_LOAD.
type segment struct {
	vaddr, paddr, filesz, memsz uint64
	off                         int64
}

// elfCore is a core file's headers.
type elfCore struct {
	head     elfHead
	segments []segment
	notes    []Note
	warnings []string
}

// readELF reads the headers and notes of a core file. Nothing is where it
// usually is: QEMU puts section headers before the program headers.
func readELF(s *source) (*elfCore, error) {
	h, err := readELFHead(s)
	if err != nil {
		return nil, err
	}
	c := &elfCore{head: h}
	if h.flags&elfIncomplete != 0 {
		c.warn("makedumpfile marked the dump as incomplete: the disk was full")
	}
	noteBytes := uint64(0)
	err = eachProgramHeader(s, h, func(typ elf.ProgType, g segment) {
		switch typ {
		case elf.PT_LOAD:
			c.segments = append(c.segments, g)
		case elf.PT_NOTE:
			n := min(g.filesz, maxNotes-noteBytes)
			if n < g.filesz {
				c.warn("the notes at offset %#x have %d bytes; %d are read", g.off, g.filesz, n)
			}
			b, err := s.prefix(g.off, n)
			noteBytes += uint64(len(b))
			if err != nil {
				c.warn("the notes at offset %#x: %d of %d bytes can be read: %v", g.off, len(b), n, err)
			}
			notes, err := parseNotes(b, g.off, h.order)
			if err != nil {
				c.warn("%v", err)
			}
			c.notes = append(c.notes, notes...)
		}
	})
	if err != nil {
		c.warn("%v", err)
	}
	if len(c.segments) == 0 && len(c.notes) == 0 {
		return nil, fmt.Errorf("%s: the ELF core has neither memory nor notes that can be read: copy it again (%s)", s.name, joinWarnings(c.warnings))
	}
	return c, nil
}

func (c *elfCore) warn(format string, args ...any) {
	// Each of a million broken headers would have its own to say.
	if len(c.warnings) < maxWarnings {
		c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
	}
}

func readELFHead(s *source) (elfHead, error) {
	var h elfHead
	b, err := s.prefix(0, 64)
	if len(b) < 52 {
		return h, fmt.Errorf("%s: the ELF header is cut off at %d bytes: %w", s.name, len(b), err)
	}
	h.class = elf.Class(b[elf.EI_CLASS])
	switch elf.Data(b[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		h.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		h.order = binary.BigEndian
	default:
		return h, fmt.Errorf("%s: the ELF header has an unknown byte order %d: copy the file again", s.name, b[elf.EI_DATA])
	}
	if t := elf.Type(h.order.Uint16(b[16:])); t != elf.ET_CORE {
		return h, fmt.Errorf("%s is an ELF file of type %v and no dump: give the vmcore, not a kernel or module", s.name, t)
	}
	h.machine = elf.Machine(h.order.Uint16(b[18:]))
	var shoff, least, info int64
	switch h.class {
	case elf.ELFCLASS64:
		if len(b) < 64 {
			return h, fmt.Errorf("%s: the ELF header is cut off at %d bytes: %w", s.name, len(b), err)
		}
		h.phoff, shoff = int64(h.order.Uint64(b[32:])), int64(h.order.Uint64(b[40:]))
		h.flags = h.order.Uint32(b[48:])
		h.phentsize, h.phnum = int(h.order.Uint16(b[54:])), uint64(h.order.Uint16(b[56:]))
		least, info = 56, 44
	case elf.ELFCLASS32:
		h.phoff, shoff = int64(h.order.Uint32(b[28:])), int64(h.order.Uint32(b[32:]))
		h.flags = h.order.Uint32(b[36:])
		h.phentsize, h.phnum = int(h.order.Uint16(b[42:])), uint64(h.order.Uint16(b[44:]))
		least, info = 32, 28
	default:
		return h, fmt.Errorf("%s: the ELF header has an unknown class %d: copy the file again", s.name, b[elf.EI_CLASS])
	}
	if int64(h.phentsize) < least {
		return h, fmt.Errorf("%s: program headers of %d bytes are too small: copy the file again", s.name, h.phentsize)
	}
	if h.phoff <= 0 {
		return h, fmt.Errorf("%s: the ELF header names no program headers: copy the file again", s.name)
	}
	if h.phnum == pnXNum && shoff > 0 {
		// More than fit the field: section 0 has the number.
		var n [4]byte
		if _, err := s.read(n[:], shoff+info); err == nil && h.order.Uint32(n[:]) > 0 {
			h.phnum = uint64(h.order.Uint32(n[:]))
		}
	}
	return h, nil
}

func eachProgramHeader(s *source, h elfHead, yield func(elf.ProgType, segment)) error {
	const batch = 1024
	if h.phnum > maxSegments {
		return fmt.Errorf("%s: the ELF header speaks of %d program headers; %d are read", s.name, h.phnum, maxSegments)
	}
	buf := make([]byte, min(batch, h.phnum)*uint64(h.phentsize))
	for first := uint64(0); first < h.phnum; first += batch {
		n := int(min(batch, h.phnum-first))
		at := h.phoff + int64(first)*int64(h.phentsize)
		got, err := s.read(buf[:n*h.phentsize], at)
		for i := range got / h.phentsize {
			yield(programHeader(h, buf[i*h.phentsize:]))
		}
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = errors.New("the file ends there")
			}
			return fmt.Errorf("%s: %d of %d program headers at offset %#x can be read: %w",
				s.name, int(first)+got/h.phentsize, h.phnum, h.phoff, err)
		}
	}
	return nil
}

func programHeader(h elfHead, b []byte) (elf.ProgType, segment) {
	o := h.order
	typ := elf.ProgType(o.Uint32(b))
	if h.class == elf.ELFCLASS32 {
		return typ, segment{
			off:    int64(o.Uint32(b[4:])),
			vaddr:  uint64(o.Uint32(b[8:])),
			paddr:  uint64(o.Uint32(b[12:])),
			filesz: uint64(o.Uint32(b[16:])),
			memsz:  uint64(o.Uint32(b[20:])),
		}
	}
	return typ, segment{
		off:    int64(o.Uint64(b[8:])),
		vaddr:  o.Uint64(b[16:]),
		paddr:  o.Uint64(b[24:]),
		filesz: o.Uint64(b[32:]),
		memsz:  o.Uint64(b[40:]),
	}
}

func joinWarnings(w []string) string {
	if len(w) == 0 {
		return "its headers name none"
	}
	return strings.Join(w, "; ")
}
