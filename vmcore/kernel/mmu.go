package kernel

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

// mmu translates the kernel's virtual addresses. next returns where the
// translation of va is, and how many bytes from there are contiguous.
type mmu interface {
	translate(m physical, va uint64) (pa, contiguous uint64, err error)
	// canonical removes from a kernel pointer what is not address: the
	// signature of pointer authentication, memory tags.
	canonical(va uint64) uint64
	// name is for reports: "x86_64, 5 levels".
	name() string
}

// physical is the memory under the page tables.
type physical interface {
	ReadPhys(p []byte, addr uint64) error
}

// ErrNotMapped says that the page tables have no translation of an address.
var ErrNotMapped = errors.New("the kernel's page tables do not map it")

// newMMU makes what translates the addresses of a machine, from VMCOREINFO.
func newMMU(machine elf.Machine, in Info, pageSize uint64) (mmu, error) {
	switch machine {
	case elf.EM_X86_64:
		return newX86(in)
	case elf.EM_AARCH64:
		return newARM64(in, pageSize)
	default:
		return newLinear(machine, in)
	}
}

// tables walks page tables of 64-bit little-endian entries, as those of x86_64
// and arm64 are.
type tables struct {
	root      uint64 // physical address of the top table
	pageShift uint
	levels    int
	vaBits    uint
	// step reads an entry: where it points to, and whether that is a page of
	// this level's size.
	step func(entry uint64, level int) (next uint64, leaf, ok bool)
}

// translate walks down. A table that is its own child costs what any other does:
// every step goes one level down.
func (t *tables) translate(m physical, va uint64) (pa, contiguous uint64, err error) {
	bits := t.pageShift - 3
	table := t.root
	for level := t.levels - 1; level >= 0; level-- {
		shift := t.pageShift + uint(level)*bits
		width := bits
		if level == t.levels-1 {
			width = t.vaBits - shift
		}
		index := va >> shift & (1<<width - 1)
		var raw [8]byte
		if err := m.ReadPhys(raw[:], table+index*8); err != nil {
			return 0, 0, fmt.Errorf("page table of %#x, level %d: %w", va, level+1, err)
		}
		next, leaf, ok := t.step(binary.LittleEndian.Uint64(raw[:]), level)
		if !ok {
			return 0, 0, fmt.Errorf("%#x: %w", va, ErrNotMapped)
		}
		if leaf {
			size := uint64(1) << shift
			off := va & (size - 1)
			return next&^(size-1) + off, size - off, nil
		}
		table = next
	}
	return 0, 0, fmt.Errorf("%#x: %w", va, ErrNotMapped) // no leaf at the last level
}

// x86 is x86_64 with four or five levels.
type x86 struct{ tables }

const (
	x86KernelMap = 0xffffffff80000000 // __START_KERNEL_map
	x86Present   = 1 << 0
	x86Huge      = 1 << 7
	x86Frame     = 0x000ffffffffff000
)

func newX86(in Info) (mmu, error) {
	pgd, ok := in.Symbol("swapper_pg_dir")
	base, ok2 := in.Number("phys_base")
	if !ok || !ok2 {
		return nil, errors.New("VMCOREINFO lacks swapper_pg_dir or phys_base: without them no page table is found")
	}
	sme, _ := in.Number("sme_mask")
	t := tables{root: pgd - x86KernelMap + uint64(base), pageShift: 12, levels: 4, vaBits: 48}
	if five, _ := in.Number("pgtable_l5_enabled"); five == 1 {
		t.levels, t.vaBits = 5, 57
	}
	t.step = func(e uint64, level int) (uint64, bool, bool) {
		// A kernel page that was made inaccessible by protection keys or page
		// debugging has the present bit clear and is not read here.
		return e & x86Frame &^ uint64(sme), level == 0 || level <= 2 && e&x86Huge != 0, e&x86Present != 0
	}
	return &x86{t}, nil
}

func (x *x86) translate(m physical, va uint64) (pa, contiguous uint64, err error) {
	if int64(va)<<(64-x.vaBits)>>(64-x.vaBits) != int64(va) {
		return 0, 0, fmt.Errorf("%#x is not canonical: %w", va, ErrNotMapped)
	}
	return x.tables.translate(m, va)
}

func (x *x86) canonical(va uint64) uint64 { return va }
func (x *x86) name() string               { return fmt.Sprintf("x86_64, %d-level page tables", x.levels) }

// arm64 has pages of 4, 16 and 64 KiB and addresses of 36 to 52 bits.
type arm64 struct {
	tables
	pac uint64
}

func newARM64(in Info, pageSize uint64) (mmu, error) {
	pgd, ok := in.Symbol("swapper_pg_dir")
	voffset, ok2 := in.Number("kimage_voffset")
	vaBits, ok3 := in.Number("VA_BITS")
	if !ok || !ok2 || !ok3 || vaBits < 36 || vaBits > 52 {
		return nil, errors.New("VMCOREINFO lacks swapper_pg_dir, kimage_voffset or VA_BITS: without them no page table is found")
	}
	shift := uint(12)
	switch pageSize {
	case 16 << 10:
		shift = 14
	case 64 << 10:
		shift = 16
	}
	bits := uint(vaBits)
	// A kernel built for 52 bits runs with 48 where the machine has no more.
	// With 64 KiB pages its top table is laid out for 52 all the same.
	if t1sz, ok := in.Number("TCR_EL1_T1SZ"); ok && t1sz >= 12 && t1sz <= 28 && shift != 16 {
		bits = 64 - uint(t1sz)
	}
	a := &arm64{tables: tables{root: pgd - uint64(voffset), pageShift: shift, vaBits: bits}}
	a.levels = int((bits - 4) / (shift - 3)) // entries are 8 bytes: each level resolves shift-3 bits
	if pac, ok := in.Number("KERNELPACMASK"); ok {
		a.pac = uint64(pac)
	}
	lpa2 := bits == 52 && shift != 16
	a.step = func(e uint64, level int) (uint64, bool, bool) {
		addr := e & (1<<48 - 1) &^ (1<<shift - 1)
		switch {
		case lpa2:
			addr = e&(1<<50-1)&^(1<<shift-1) | e>>8&3<<50
		case shift == 16:
			addr |= e >> 12 & 0xf << 48
		}
		// Bit 1 of an entry above the last level tells a table from a block.
		return addr, level == 0 || e&2 == 0, e&1 != 0 && (level > 0 || e&2 != 0)
	}
	return a, nil
}

// translate knows the upper half of the addresses, which is the kernel's.
func (a *arm64) translate(m physical, va uint64) (pa, contiguous uint64, err error) {
	if va>>a.vaBits != 1<<(64-a.vaBits)-1 {
		return 0, 0, fmt.Errorf("%#x is not in the kernel's half: %w", va, ErrNotMapped)
	}
	return a.tables.translate(m, va)
}

// canonical sets what a kernel pointer has above its address: pointer
// authentication keeps a signature there, and memory tagging a tag.
func (a *arm64) canonical(va uint64) uint64 {
	if va>>55&1 == 0 {
		return va
	}
	return va | a.pac | 0xff<<56
}

func (a *arm64) name() string {
	return fmt.Sprintf("arm64, %d KiB pages, %d-bit addresses", 1<<a.pageShift>>10, a.vaBits)
}

// linear is for the machines whose page tables are not read: what their kernels
// map one to one is enough for the kernel log.
type linear struct {
	maps    []linearMap
	machine string
}

type linearMap struct{ start, end, phys uint64 }

func newLinear(machine elf.Machine, in Info) (mmu, error) {
	l := &linear{}
	add := func(start, end, phys uint64) { l.maps = append(l.maps, linearMap{start, end, phys}) }
	switch machine {
	case elf.EM_PPC64:
		l.machine = "ppc64"
		add(0xc000000000000000, 0xc00fffffffffffff, 0)
	case elf.EM_RISCV:
		l.machine = "riscv64"
		if off, ok := in.Number("va_kernel_pa_offset"); ok {
			start, _ := in.Number("KERNEL_LINK_ADDR")
			add(uint64(start), ^uint64(0), uint64(start)-uint64(off))
		}
		page, ok := in.Number("PAGE_OFFSET")
		phys, ok2 := in.Number("phys_ram_base")
		if ok && ok2 {
			add(uint64(page), uint64(page)+1<<46, uint64(phys))
		}
	case elf.EM_S390:
		l.machine = "s390x"
		add(0, 1<<53, 0)
	case elf.EM_LOONGARCH:
		l.machine = "loongarch64"
		for _, window := range []uint64{0x8000000000000000, 0x9000000000000000} {
			add(window, window+1<<48, 0)
		}
	case elf.EM_386:
		l.machine = "i386"
		add(0xc0000000, 0xf8000000, 0)
	case elf.EM_ARM:
		l.machine = "arm"
		phys, _ := in.Number("PHYS_OFFSET")
		add(0xc0000000, 0xf0000000, uint64(phys))
	}
	if len(l.maps) == 0 {
		return nil, fmt.Errorf("the page tables of %v are not read: what the notes say is all there is", machine)
	}
	return l, nil
}

func (l *linear) translate(_ physical, va uint64) (pa, contiguous uint64, err error) {
	for _, m := range l.maps {
		if va >= m.start && va < m.end {
			return va - m.start + m.phys, m.end - va, nil
		}
	}
	return 0, 0, fmt.Errorf("%#x is not in the part of memory that %s maps one to one, and its page tables are not read: %w", va, l.machine, ErrNotMapped)
}

func (l *linear) canonical(va uint64) uint64 { return va }
func (l *linear) name() string               { return l.machine + ", what the kernel maps one to one" }
