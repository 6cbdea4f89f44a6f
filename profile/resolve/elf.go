package resolve

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ulikunitz/xz"
)

// Bounds of what is read of a file.
const (
	maxEmbedded = 256 << 20 // of .gnu_debugdata, expanded
	maxSymtab   = 1 << 30   // of a symbol table, and of its names
	maxTexts    = 8
)

// A load says where a part of a file is in memory.
type load struct{ off, addr, size uint64 }

// loads are the parts of a file that are loaded.
type loads []load

// address returns where the byte at an offset is, as the file counts addresses.
func (l loads) address(off uint64) uint64 {
	for _, x := range l {
		if off >= x.off && off-x.off < x.size {
			return off - x.off + x.addr
		}
	}
	return off
}

// offset is the way back.
func (l loads) offset(addr uint64) (uint64, bool) {
	for _, x := range l {
		if addr >= x.addr && addr-x.addr < x.size {
			return addr - x.addr + x.off, true
		}
	}
	return 0, false
}

// openELF reads the headers of a file. The library panics on some broken ones.
func openELF(r io.ReaderAt) (f *elf.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its ELF headers are broken: %v", p)
		}
	}()
	return elf.NewFile(r)
}

func loadsOf(f *elf.File) loads {
	var list loads
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Filesz > 0 {
			list = append(list, load{p.Off, p.Vaddr, max(p.Filesz, p.Memsz)})
		}
	}
	return list
}

// readELF reads the symbols of a file by their offset in it: its symbol table –
// out of its debug file where there is one, or the one that is embedded
// (.gnu_debugdata) –, the one for dynamic linking, and the entries of the
// procedure linkage table, which call other objects. debug may be nil.
func readELF(r, debug io.ReaderAt) (l loads, t table, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its ELF headers are broken: %v", p)
		}
	}()
	f, err := openELF(r)
	if err != nil {
		return nil, table{}, err
	}
	l = loadsOf(f)
	syms := f
	if debug != nil {
		if d, err := openELF(debug); err == nil && section(d, elf.SHT_SYMTAB) != nil {
			syms = d
		}
	}
	if s := section(syms, elf.SHT_SYMTAB); s != nil {
		t.symbols(syms, s, l)
	} else if s := f.Section(".gnu_debugdata"); s != nil {
		t.embedded(s, l)
	}
	t.settle(nil)
	if s := section(f, elf.SHT_DYNSYM); s != nil {
		at := -1
		if syms == f {
			at = t.symbols(f, s, l)
			t.settle(nil)
		} else if int(s.Link) < len(f.Sections) && len(t.texts) < maxTexts {
			at = len(t.texts)
			t.texts = append(t.texts, data(f.Sections[s.Link]))
		}
		if at >= 0 {
			t.linkage(f, s, at)
		}
	}
	return l, t, nil
}

func section(f *elf.File, kind elf.SectionType) *elf.Section {
	for _, s := range f.Sections {
		if s.Type == kind {
			return s
		}
	}
	return nil
}

// data reads a section, as far as it is plausible.
func data(s *elf.Section) []byte {
	if s.Size > maxSymtab || s.Type == elf.SHT_NOBITS {
		return nil
	}
	b, err := s.Data()
	if err != nil {
		return nil
	}
	return b
}

// rawSym is an entry of a symbol table.
type rawSym struct {
	name       uint32
	info, vis  uint8
	shndx      uint16
	addr, size uint64
}

// symAt reads an entry, or returns false behind the last.
func symAt(f *elf.File, b []byte, i int) (s rawSym, ok bool) {
	o := f.ByteOrder
	if f.Class == elf.ELFCLASS64 {
		if i < 0 || len(b)/24 <= i {
			return s, false
		}
		b = b[24*i:]
		return rawSym{o.Uint32(b), b[4], b[5], o.Uint16(b[6:]), o.Uint64(b[8:]), o.Uint64(b[16:])}, true
	}
	if i < 0 || len(b)/16 <= i {
		return s, false
	}
	b = b[16*i:]
	return rawSym{o.Uint32(b), b[12], b[13], o.Uint16(b[14:]), uint64(o.Uint32(b[4:])), uint64(o.Uint32(b[8:]))}, true
}

// symbols adds those of a symbol table and returns which text has their names,
// -1 where there is none.
func (t *table) symbols(f *elf.File, tab *elf.Section, l loads) int {
	if int(tab.Link) >= len(f.Sections) || len(t.texts) >= maxTexts {
		return -1
	}
	b, names := data(tab), data(f.Sections[tab.Link])
	if len(b) == 0 || len(names) == 0 {
		return -1
	}
	text := uint8(len(t.texts))
	t.texts = append(t.texts, names)
	usable := make([]struct{ alloc, named bool }, len(f.Sections))
	for i, s := range f.Sections {
		usable[i].alloc = s.Flags&elf.SHF_ALLOC != 0
		usable[i].named = strings.Contains(s.Name, "text") || strings.Contains(s.Name, "data")
	}
	mapping := f.Machine == elf.EM_ARM || f.Machine == elf.EM_AARCH64
	for i := 1; ; i++ {
		s, ok := symAt(f, b, i)
		if !ok {
			return int(text)
		}
		if s.name == 0 || s.shndx == 0 || int(s.shndx) >= len(usable) || !usable[s.shndx].alloc {
			continue
		}
		switch elf.SymType(s.info & 0xf) {
		case elf.STT_FUNC, elf.STT_GNU_IFUNC, elf.STT_OBJECT:
		case elf.STT_NOTYPE:
			// Labels of assembler code.
			if v := elf.SymVis(s.vis & 3); v == elf.STV_HIDDEN || v == elf.STV_INTERNAL || !usable[s.shndx].named {
				continue
			}
			if mapping && int(s.name) < len(names) && names[s.name] == '$' {
				continue // $x and $d mark code and data
			}
		default:
			continue
		}
		addr, ok := l.offset(s.addr)
		if !ok {
			addr = s.addr
		}
		x := sym{addr: addr, end: addr + s.size, nameAt: s.name, text: text}
		if x.end < addr {
			continue
		}
		switch elf.SymBind(s.info >> 4) {
		case elf.STB_GLOBAL:
			x.bind = global
		case elf.STB_WEAK:
			x.bind = weak
		}
		t.syms = append(t.syms, x)
	}
}

// linkage adds the entries of the procedure linkage table: each is called as
// the symbol that its relocation names. text is where those names are.
func (t *table) linkage(f *elf.File, dynsym *elf.Section, text int) {
	var rel *elf.Section
	for _, name := range []string{".rela.plt", ".rel.plt"} {
		if rel = f.Section(name); rel != nil {
			break
		}
	}
	plt := f.Section(".plt")
	if rel == nil || plt == nil {
		return
	}
	if int(rel.Link) >= len(f.Sections) || f.Sections[rel.Link] != dynsym {
		return
	}
	at, size := plt.Offset, plt.Entsize
	switch f.Machine {
	case elf.EM_ARM:
		at, size = at+20, 12
	case elf.EM_AARCH64:
		at, size = at+32, 16
	default:
		if size < 4 || size > 64 {
			size = 16
		}
		at += size
	}
	// With indirect branch tracking callers come to a second table, which has
	// one entry for each relocation and no head.
	if sec := f.Section(".plt.sec"); sec != nil {
		at, size = sec.Offset, 16
	}
	b, syms := data(rel), data(dynsym)
	step := 8
	if f.Class == elf.ELFCLASS64 {
		step = 16
	}
	info := step / 2
	if rel.Type != elf.SHT_REL {
		step += step / 2
	}
	for ; len(b) >= step; b, at = b[step:], at+size {
		var index uint64
		if f.Class == elf.ELFCLASS64 {
			index = f.ByteOrder.Uint64(b[info:]) >> 32
		} else {
			index = uint64(f.ByteOrder.Uint32(b[info:]) >> 8)
		}
		s, _ := symAt(f, syms, int(index))
		t.syms = append(t.syms, sym{addr: at, end: at + size, nameAt: s.name, text: uint8(text), bind: global, plt: true})
	}
	t.settle(nil)
}

// embedded adds the symbol table that distributions put into stripped files.
func (t *table) embedded(s *elf.Section, l loads) {
	packed := data(s)
	x, err := xz.ReaderConfig{DictCap: 64 << 20}.NewReader(bytes.NewReader(packed))
	if err != nil {
		return
	}
	var b bytes.Buffer
	if n, err := io.Copy(&b, io.LimitReader(x, maxEmbedded+1)); err != nil || n > maxEmbedded {
		return
	}
	f, err := openELF(bytes.NewReader(b.Bytes()))
	if err != nil {
		return
	}
	if s := section(f, elf.SHT_SYMTAB); s != nil {
		t.symbols(f, s, l)
	}
}

// elfBuildID reads the build ID of a file, hexadecimal.
func elfBuildID(r io.ReaderAt) (id string) {
	defer func() {
		if recover() != nil {
			id = ""
		}
	}()
	f, err := openELF(r)
	if err != nil {
		return ""
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > 1<<20 {
			continue
		}
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			continue
		}
		for len(b) >= 12 {
			name, desc := uint64(f.ByteOrder.Uint32(b)), uint64(f.ByteOrder.Uint32(b[4:]))
			at := 12 + (name+3)&^3
			end := at + (desc+3)&^3
			if end > uint64(len(b)) {
				break
			}
			if f.ByteOrder.Uint32(b[8:]) == 3 && bytes.HasPrefix(b[12:], []byte("GNU\x00")) {
				return fmt.Sprintf("%x", b[at:at+desc])
			}
			b = b[end:]
		}
	}
	return ""
}
