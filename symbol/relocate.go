package symbol

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"sync"

	"ringside/symbol/internal/dwarf"
)

// A module is a relocatable file: its sections have no addresses yet, and its
// debug information refers to them through relocations. Both are settled here:
// layout gives each section an address as the kernel's loader would order them,
// relocatedSection applies the relocations to what is read.

// layoutStart keeps real addresses away from 0, which tools write for code that
// the linker dropped.
const (
	layoutStart = 0x10000
	layoutPage  = 0x1000
	layoutLimit = 1 << 40
)

// layout returns an address for each section, and where each group of sections
// ends. The groups are those of layout_sections in kernel/module/main.c.
func layout(f *elf.File) (bases, ends []uint64, err error) {
	bases = make([]uint64, len(f.Sections))
	group := func(s *elf.Section) int {
		switch {
		case s.Flags&elf.SHF_EXECINSTR != 0:
			return 0
		case s.Name == ".data..ro_after_init" || s.Name == "__jump_table":
			return 2
		case s.Flags&elf.SHF_WRITE == 0:
			return 1
		}
		return 3
	}
	addr := uint64(layoutStart)
	for _, init := range []bool{false, true} {
		for g := range 4 {
			for i, s := range f.Sections {
				isInit := len(s.Name) >= 5 && s.Name[:5] == ".init"
				if s.Flags&elf.SHF_ALLOC == 0 || isInit != init || group(s) != g {
					continue
				}
				align := max(s.Addralign, 1)
				if align&(align-1) != 0 || align > layoutLimit || s.Size > layoutLimit {
					return nil, nil, fmt.Errorf("%w: section %s has a size of %#x and an alignment of %#x", ErrFormat, s.Name, s.Size, s.Addralign)
				}
				addr = (addr + align - 1) &^ (align - 1)
				bases[i] = addr
				if addr += s.Size; addr > layoutLimit {
					return nil, nil, fmt.Errorf("%w: the sections do not fit into memory", ErrFormat)
				}
			}
			addr = (addr + layoutPage - 1) &^ (layoutPage - 1)
			ends = append(ends, addr)
		}
	}
	return bases, ends, nil
}

// relocation is one place of a section that refers to a symbol.
type relocation struct {
	off    uint64
	addend int64
	symbol uint32
	kind   uint32
}

// relocationOp says what a relocation does to its field.
type relocationOp struct {
	size int // bytes; 0 for none
	what byte
}

const (
	relSet  = '=' // symbol + addend
	relAdd  = '+' // what is there + symbol + addend
	relSub  = '-'
	relRel  = '.' // symbol + addend - place
	relSet6 = '6' // RISC-V keeps the upper two bits
	relSub6 = '7'
)

// relocations are those that compilers use in debug sections. A kind that is
// not here is refused: a wrong line is worse than none.
var relocations = map[elf.Machine]map[uint32]relocationOp{
	elf.EM_X86_64:    {0: {}, 1: {8, relSet}, 2: {4, relRel}, 10: {4, relSet}, 11: {4, relSet}, 24: {8, relRel}},
	elf.EM_AARCH64:   {0: {}, 256: {}, 257: {8, relSet}, 258: {4, relSet}, 260: {8, relRel}, 261: {4, relRel}},
	elf.EM_386:       {0: {}, 1: {4, relSet}},
	elf.EM_ARM:       {0: {}, 2: {4, relSet}},
	elf.EM_PPC:       {0: {}, 1: {4, relSet}},
	elf.EM_PPC64:     {0: {}, 1: {4, relSet}, 38: {8, relSet}},
	elf.EM_S390:      {0: {}, 4: {4, relSet}, 22: {8, relSet}},
	elf.EM_MIPS:      {0: {}, 2: {4, relSet}, 18: {8, relSet}},
	elf.EM_LOONGARCH: {0: {}, 1: {4, relSet}, 2: {8, relSet}, 47: {1, relAdd}, 48: {2, relAdd}, 50: {4, relAdd}, 51: {8, relAdd}, 52: {1, relSub}, 53: {2, relSub}, 55: {4, relSub}, 56: {8, relSub}},
	elf.EM_RISCV: {0: {}, 1: {4, relSet}, 2: {8, relSet}, 33: {1, relAdd}, 34: {2, relAdd}, 35: {4, relAdd}, 36: {8, relAdd}, 37: {1, relSub}, 38: {2, relSub}, 39: {4, relSub}, 40: {8, relSub},
		51: {}, 52: {1, relSub6}, 53: {1, relSet6}, 54: {1, relSet}, 55: {2, relSet}, 56: {4, relSet}, 57: {4, relRel}},
}

// relocatedSection applies relocations to a section as it is read.
type relocatedSection struct {
	dwarf.Section
	f     *File
	table *elf.Section //nolint:misspell // SHT_RELA or SHT_REL
	once  sync.Once
	list  []relocation // by offset
	err   error
}

func (s *relocatedSection) Read(off, n uint64) ([]byte, error) {
	s.once.Do(func() { s.list, s.err = s.f.readRelocations(s.table) })
	if s.err != nil {
		return nil, s.err
	}
	plain, err := s.Section.Read(off, n)
	if err != nil {
		return nil, err
	}
	b := slices.Clone(plain)
	first := sort.Search(len(s.list), func(i int) bool { return s.list[i].off >= off })
	for _, r := range s.list[first:] {
		if r.off >= off+n {
			break
		}
		if err := s.f.relocate(b, r, r.off-off); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// relocate applies one relocation at b[at:]. A field that the piece cuts off
// is left alone: nobody can read it from this piece.
func (f *File) relocate(b []byte, r relocation, at uint64) error {
	op, ok := relocations[f.elf.Machine][r.kind]
	if !ok {
		return fmt.Errorf("%w: relocation of kind %d for %v is not known; link the module's debug file, or report this", ErrFormat, r.kind, f.elf.Machine)
	}
	if op.size == 0 || uint64(op.size) > uint64(len(b))-at {
		return nil
	}
	values, err := f.symbolValues()
	if err != nil {
		return err
	}
	var v uint64
	if uint64(r.symbol) < uint64(len(values)) {
		v = values[r.symbol]
	}
	v += uint64(r.addend)
	field := b[at : at+uint64(op.size)]
	old := word(f.order(), field)
	switch op.what {
	case relAdd:
		v = old + v
	case relSub:
		v = old - v
	case relRel:
		v -= r.off
	case relSet6:
		v = old&0xc0 | v&0x3f
	case relSub6:
		v = old&0xc0 | (old&0x3f-v)&0x3f
	case relSet:
		if f.relIsImplicit {
			v += old
		}
	}
	putWord(f.order(), field, v)
	return nil
}

func word(o binary.ByteOrder, b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(o.Uint16(b))
	case 4:
		return uint64(o.Uint32(b))
	}
	return o.Uint64(b)
}

func putWord(o binary.ByteOrder, b []byte, v uint64) {
	switch len(b) {
	case 1:
		b[0] = byte(v)
	case 2:
		o.PutUint16(b, uint16(v))
	case 4:
		o.PutUint32(b, uint32(v))
	default:
		o.PutUint64(b, v)
	}
}

// readRelocations reads a table of relocations, sorted by place.
func (f *File) readRelocations(s *elf.Section) ([]relocation, error) {
	b, err := readAll(f.section(s))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.Name, err)
	}
	o := f.order()
	//nolint:misspell // RELA is ELF's word for a relocation with its addend.
	is64, explicit := f.elf.Class == elf.ELFCLASS64, s.Type == elf.SHT_RELA
	size := 8
	if is64 {
		size = 16
	}
	if explicit {
		size += size / 2
	}
	list := make([]relocation, 0, len(b)/size)
	for ; len(b) >= size; b = b[size:] {
		var r relocation
		if is64 {
			info := o.Uint64(b[8:])
			r = relocation{off: o.Uint64(b), symbol: uint32(info >> 32), kind: uint32(info)}
			if f.elf.Machine == elf.EM_MIPS && o == binary.LittleEndian {
				// MIPS stores symbol and three kinds as bytes, not as one word.
				r.symbol, r.kind = uint32(info), uint32(info>>56)
			} else if f.elf.Machine == elf.EM_MIPS {
				r.kind &= 0xff
			}
			if explicit {
				r.addend = int64(o.Uint64(b[16:]))
			}
		} else {
			info := o.Uint32(b[4:])
			r = relocation{off: uint64(o.Uint32(b)), symbol: info >> 8, kind: info & 0xff}
			if explicit {
				r.addend = int64(int32(o.Uint32(b[8:])))
			}
		}
		list = append(list, r)
	}
	byOff := func(a, b relocation) int { return cmp.Compare(a.off, b.off) }
	if !slices.IsSortedFunc(list, byOff) {
		// Pairs of RISC-V (add, sub) at one place keep their order.
		slices.SortStableFunc(list, byOff)
	}
	return list, nil
}
