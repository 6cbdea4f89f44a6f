package symbol

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"

	"ringside/symbol/internal/dwarf"
)

// File is an ELF file with symbols: vmlinux, a module, or the debug file of
// one. It can be used by several goroutines. The reader must stay open.
type File struct {
	Name string // as given to Open, for messages

	r     io.ReaderAt
	size  int64
	elf   *elf.File
	id    Identity
	debug *elf.Section // .debug_info

	bases         []uint64 // addresses of sections of a relocatable file
	ends          []uint64
	relIsImplicit bool

	symbols   func() (*Table, error)
	values    func() ([]uint64, error)
	dwarfData *dwarf.Data
	alt       *File // what dwz moved out of it
	spans     spanIndex
	cache     IndexCache
	closer    io.Closer

	mu    sync.Mutex
	notes []string
}

// Identity is what a file says about the build that it is of.
type Identity struct {
	BuildID string `json:"build_id,omitempty"`
	Release string `json:"release,omitempty"` // "6.1.0-56-amd64"
	Version string `json:"version,omitempty"` // "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)"
	Module  string `json:"module,omitempty"`  // empty for the kernel itself
	Machine string `json:"machine"`           // "x86_64", "aarch64", ...
	Kernel  bool   `json:"kernel"`            // it is a vmlinux
	Lines   bool   `json:"lines"`             // it has debug information
	Symbols bool   `json:"symbols"`           // it has a symbol table
	// DebugLink and AltLink name the files that this one points to for debug
	// information and for what dwz moved out of it.
	DebugLink  string `json:"debug_link,omitempty"`
	AltLink    string `json:"alt_link,omitempty"`
	AltBuildID string `json:"alt_build_id,omitempty"`
}

func elfError(err error) error {
	return fmt.Errorf("%w: not an ELF file that can be read: %w", ErrFormat, err)
}

// Open reads the headers of an ELF file, which may be compressed as modules are.
// Symbols and lines are read when they are asked for.
func Open(name string, r io.ReaderAt, size int64) (f *File, err error) {
	defer guard(&err)
	if data, err := expand(r, size); err != nil {
		return nil, err
	} else if data != nil {
		r, size = bytes.NewReader(data), int64(len(data))
	}
	e, err := elf.NewFile(r)
	if err != nil {
		return nil, elfError(err)
	}
	f = &File{Name: name, r: r, size: size, elf: e}
	if e.Type == elf.ET_REL {
		if f.bases, f.ends, err = layout(e); err != nil {
			return nil, err
		}
	}
	f.symbols = sync.OnceValues(f.readSymbols)
	f.values = sync.OnceValues(f.readSymbolValues)
	f.debug = e.Section(".debug_info")
	if f.debug != nil && f.debug.Type == elf.SHT_NOBITS {
		f.debug = nil
	}
	f.dwarfData = f.openDWARF()
	f.identify()
	return f, nil
}

// OpenPath opens a file by its path; it has to be closed.
func OpenPath(path string) (*File, error) {
	f, err := openFile(path)
	if err == nil {
		f.openAlt(path)
	}
	return f, err
}

// openFile opens one file alone.
func openFile(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open symbols: %w", err)
	}
	info, err := r.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open symbols: %s is not a file", path)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	f, err := Open(path, r, info.Size())
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.closer = r
	return f, nil
}

// Close closes what [OpenPath] opened. Of a file that was only read there is
// nothing to report.
func (f *File) Close() {
	if f.closer != nil {
		f.closer.Close()
	}
	if f.alt != nil {
		f.alt.Close()
	}
}

// KeepIndex lets the file keep its index of units in a cache. It must be called
// before the first lookup.
func (f *File) KeepIndex(c IndexCache) { f.cache = c }

// Identity returns what the file says about its build.
func (f *File) Identity() Identity { return f.id }

// Relocatable reports whether the file is a module, whose addresses are only
// offsets within its sections.
func (f *File) Relocatable() bool { return f.elf.Type == elf.ET_REL }

// SectionAddress returns the address that the file's symbols and lines have for
// an offset within a section.
func (f *File) SectionAddress(section string, off uint64) (uint64, bool) {
	for i, s := range f.elf.Sections {
		if s.Name == section && s.Flags&elf.SHF_ALLOC != 0 && off < s.Size {
			return f.base(i) + off, true
		}
	}
	return 0, false
}

// base is the address of section i.
func (f *File) base(i int) uint64 {
	if f.bases != nil {
		return f.bases[i]
	}
	return f.elf.Sections[i].Addr
}

func (f *File) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(f.notes, text) && len(f.notes) < 16 {
		f.notes = append(f.notes, text)
	}
}

// Notes returns what was found wrong with the file so far.
func (f *File) Notes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.notes)
}

// openDWARF gathers the debug sections.
func (f *File) openDWARF() *dwarf.Data {
	get := func(name string) dwarf.Section {
		for i, s := range f.elf.Sections {
			if s.Name != name {
				continue
			}
			sec := f.section(s)
			if sec == nil {
				return nil
			}
			if f.bases == nil {
				return sec
			}
			// Only a relocatable file has relocations to apply: vmlinux may
			// keep the ones that the linker applied already.
			for _, rel := range f.elf.Sections {
				//nolint:misspell // RELA is ELF's word for a relocation with its addend.
				if (rel.Type == elf.SHT_RELA || rel.Type == elf.SHT_REL) && rel.Info == uint32(i) {
					f.relIsImplicit = rel.Type == elf.SHT_REL
					return &relocatedSection{Section: sec, f: f, table: rel}
				}
			}
			return sec
		}
		return nil
	}
	return dwarf.New(dwarf.Sections{
		Info: get(".debug_info"), Abbrev: get(".debug_abbrev"), Str: get(".debug_str"), LineStr: get(".debug_line_str"),
		Line: get(".debug_line"), Ranges: get(".debug_ranges"), Rnglists: get(".debug_rnglists"), Addr: get(".debug_addr"),
		StrOffsets: get(".debug_str_offsets"), Aranges: get(".debug_aranges"), Order: f.order(),
	})
}

// rawSymbol is an entry of .symtab.
type rawSymbol struct {
	name    uint32
	info    byte
	section uint16
	value   uint64
}

// eachSymbol yields the entries of .symtab.
func (f *File) eachSymbol(yield func(rawSymbol)) (strings []byte, err error) {
	defer guard(&err)
	var table *elf.Section
	for _, s := range f.elf.Sections {
		if s.Type == elf.SHT_SYMTAB {
			table = s
			break
		}
	}
	if table == nil || table.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	b, err := readAll(f.section(table))
	if err != nil {
		return nil, fmt.Errorf("read symbols of %s: %w", f.Name, err)
	}
	o := f.order()
	size := 16
	if f.elf.Class == elf.ELFCLASS64 {
		size = 24
	}
	for ; len(b) >= size; b = b[size:] {
		if size == 24 {
			yield(rawSymbol{name: o.Uint32(b), info: b[4], section: o.Uint16(b[6:]), value: o.Uint64(b[8:])})
		} else {
			yield(rawSymbol{name: o.Uint32(b), value: uint64(o.Uint32(b[4:])), info: b[12], section: o.Uint16(b[14:])})
		}
	}
	if int(table.Link) >= len(f.elf.Sections) {
		return nil, fmt.Errorf("%w: %s has symbols without names", ErrFormat, f.Name)
	}
	if strings, err = readAll(f.section(f.elf.Sections[table.Link])); err != nil {
		return nil, fmt.Errorf("read names of %s: %w", f.Name, err)
	}
	return strings, nil
}

// readSymbolValues returns the value of each symbol, for relocations.
func (f *File) readSymbolValues() ([]uint64, error) {
	var values []uint64
	_, err := f.eachSymbol(func(s rawSymbol) {
		v := s.value
		if f.bases != nil && int(s.section) < len(f.bases) {
			v += f.bases[s.section]
		}
		values = append(values, v)
	})
	return values, err
}

func (f *File) symbolValues() ([]uint64, error) { return f.values() }

// Symbols returns the file's symbols.
func (f *File) Symbols() (*Table, error) { return f.symbols() }

func (f *File) readSymbols() (*Table, error) {
	var raw []rawSymbol
	blob, err := f.eachSymbol(func(s rawSymbol) {
		switch elf.ST_TYPE(s.info) {
		case elf.STT_NOTYPE, elf.STT_OBJECT, elf.STT_FUNC, elf.STT_GNU_IFUNC:
		default:
			return
		}
		if s.section == 0 || s.name == 0 || int(s.section) >= len(f.elf.Sections) {
			return // undefined, absolute, common
		}
		if f.elf.Sections[s.section].Flags&elf.SHF_ALLOC != 0 {
			raw = append(raw, s)
		}
	})
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("%s: %w: it has no symbol table; the one with debug information is needed", f.Name, ErrNotFound)
	}
	if len(blob) == 0 || len(blob) > math.MaxUint32 {
		return nil, fmt.Errorf("%w: %s has symbols without names", ErrFormat, f.Name)
	}
	thumb := f.elf.Machine == elf.EM_ARM
	entries := make([]tableEntry, 0, len(raw))
	for _, s := range raw {
		if int64(s.name) >= int64(len(blob)) {
			continue
		}
		name := blob[s.name:]
		if n := bytes.IndexByte(name, 0); n >= 0 {
			name = name[:n]
		}
		if isMarker(name) {
			continue
		}
		sec := f.elf.Sections[s.section]
		addr := s.value
		if f.bases != nil {
			addr += f.bases[s.section]
		}
		isFunc := elf.ST_TYPE(s.info) == elf.STT_FUNC
		if thumb && isFunc {
			addr &^= 1
		}
		kind := nmType(sec, elf.ST_BIND(s.info))
		rank := nameRank(kind, name)
		if !isFunc {
			rank += 8 // marks such as _stext share their address with a function
		}
		entries = append(entries, tableEntry{addr: addr, name: s.name, kind: kind, rank: rank})
	}
	ends := slices.Clone(f.ends)
	if f.bases == nil {
		ends = append(ends, f.end())
	}
	return newTable(entries, blob, []string{f.id.Module}, ends), nil
}

// end is where the last section of a linked file ends.
func (f *File) end() uint64 {
	var end uint64
	for _, s := range f.elf.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && s.Flags&elf.SHF_TLS == 0 && s.Addr+s.Size >= s.Addr {
			end = max(end, s.Addr+s.Size)
		}
	}
	return end
}

// nmType returns the letter that nm prints.
func nmType(s *elf.Section, bind elf.SymBind) byte {
	kind := byte('r')
	switch {
	case s.Flags&elf.SHF_EXECINSTR != 0:
		kind = 't'
	case s.Type == elf.SHT_NOBITS:
		kind = 'b'
	case s.Flags&elf.SHF_WRITE != 0:
		kind = 'd'
	}
	switch bind {
	case elf.STB_WEAK:
		return 'W'
	case elf.STB_GLOBAL:
		return kind - 'a' + 'A'
	}
	return kind
}

// identify collects what the file says about its build.
func (f *File) identify() {
	f.id.BuildID = buildID(f.elf, f.r)
	f.id.Machine = strings.ToLower(strings.TrimPrefix(f.elf.Machine.String(), "EM_"))
	f.id.Lines = f.debug != nil
	for _, s := range f.elf.Sections {
		f.id.Symbols = f.id.Symbols || s.Type == elf.SHT_SYMTAB
		switch s.Name {
		case ".gnu_debuglink":
			b := f.head(s, 4<<10)
			name, _, _ := bytes.Cut(b, []byte{0})
			f.id.DebugLink = string(name)
		case ".gnu_debugaltlink":
			b := f.head(s, 4<<10)
			name, id, _ := bytes.Cut(b, []byte{0})
			f.id.AltLink = string(name)
			f.id.AltBuildID = fmt.Sprintf("%x", id)
		case ".modinfo":
			f.readModinfo(f.head(s, 1<<20))
		}
	}
	if f.bases != nil {
		if f.id.Module == "" && f.elf.Section(".gnu.linkonce.this_module") != nil {
			f.id.Module = ModuleName(f.Name)
		}
		return
	}
	f.id.Kernel = f.elf.Section("__ksymtab") != nil || f.elf.Section(".init.text") != nil
	if f.id.Kernel {
		f.readBanner()
	}
}

// head returns at most n bytes of the start of a section.
func (f *File) head(s *elf.Section, n uint64) []byte {
	sec := f.section(s)
	if sec == nil {
		return nil
	}
	b, err := sec.Read(0, min(sec.Size(), n))
	if err != nil {
		return nil
	}
	return b
}

// readModinfo reads "key=value" strings.
func (f *File) readModinfo(b []byte) {
	for item := range bytes.SplitSeq(b, []byte{0}) {
		key, value, _ := strings.Cut(string(item), "=")
		switch key {
		case "name":
			f.id.Module = value
		case "vermagic":
			f.id.Release, _, _ = strings.Cut(value, " ")
		}
	}
}

// readBanner reads the release and version that the kernel prints at boot.
//
//	Linux version 6.1.0-56-amd64 (builder) (compiler) #1 SMP Debian 6.1.192-2
func (f *File) readBanner() {
	sec := f.elf.Section(".rodata")
	if sec == nil {
		return
	}
	t, err := f.Symbols()
	if err != nil {
		return
	}
	for _, s := range t.Named("linux_banner") {
		if s.Address < sec.Addr || s.Address-sec.Addr >= sec.Size {
			continue
		}
		data := f.section(sec)
		if data == nil || s.Address-sec.Addr >= data.Size() {
			return
		}
		off := s.Address - sec.Addr
		b, err := data.Read(off, min(data.Size()-off, 1<<10))
		if err != nil {
			return
		}
		b, _, _ = bytes.Cut(b, []byte{0})
		text, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "Linux version ")
		if !ok {
			return
		}
		f.id.Release, _, _ = strings.Cut(text, " ")
		if i := strings.LastIndex(text, " #"); i >= 0 {
			f.id.Version = text[i+1:]
		}
	}
}

// errNoLines says why a file gives functions only.
var errNoLines = errors.New("the file has no debug information: functions only")
