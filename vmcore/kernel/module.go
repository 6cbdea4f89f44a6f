package kernel

import (
	"cmp"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"ringside/symbol/btf"
	"ringside/symbol/orc"
)

// Module is a module that was loaded, with its symbols, unwind tables and types
// out of the dump.
type Module struct {
	Name   string
	Addr   uint64 // of its struct module
	Ranges []ModuleRange
	State  string

	k       *Kernel
	symOnce sync.Once
	syms    []moduleSymbol
	orcOnce sync.Once
	orc     *orc.Table
	btfOnce sync.Once
	btf     *btf.Spec
}

// ModuleRange is a part of a module's memory.
type ModuleRange struct {
	Start, Size uint64
	Text        bool
	Kind        string // "text", "data", "rodata", "init_text" …; "core" and "init" before 6.4
}

type moduleSymbol struct {
	name       string
	addr, size uint64
	typ        byte
}

// maxModules is more than any kernel has loaded.
const maxModules = 10_000

// memKinds are the names of enum mod_mem_type, less its prefix.
var memKinds = []string{"text", "data", "rodata", "ro_after_init", "init_text", "init_data", "init_rodata"}

// loadModules reads the list of modules.
func (k *Kernel) loadModules(w *Walk) {
	if k.Types == nil {
		return
	}
	if _, ok := k.Symbol("modules"); !ok {
		return
	}
	for v := range w.List(w.Global("modules", "struct list_head"), "struct module", "list") {
		if len(k.modules) == maxModules {
			v.Fault("there are more modules than any kernel has")
			break
		}
		m := &Module{k: k, Addr: v.Addr(), Name: v.Field("name").Str(), State: strings.ToLower(strings.TrimPrefix(v.Field("state").Enum(), "MODULE_STATE_"))}
		m.readRanges(v)
		k.modules = append(k.modules, m)
	}
}

func (m *Module) readRanges(v Value) {
	add := func(kind string, text bool, start, size uint64) {
		if start != 0 && size != 0 && size < 1<<30 {
			m.Ranges = append(m.Ranges, ModuleRange{start, size, text, kind})
		}
	}
	switch {
	case v.Has("mem"): // 6.4 and later
		for i, mem := range v.Field("mem").Elements() {
			kind := fmt.Sprint(i)
			if i < len(memKinds) {
				kind = memKinds[i]
			}
			add(kind, strings.HasSuffix(kind, "text"), mem.Field("base").Ptr(), mem.Field("size").Uint())
		}
	case v.Has("core_layout"): // 4.5 and later
		for _, kind := range []string{"core", "init"} {
			l := v.Field(kind + "_layout")
			base, text := l.Field("base").Ptr(), l.Field("text_size").Uint()
			add(kind, true, base, text)
			if size := l.Field("size").Uint(); size > text {
				add(kind, false, base+text, size-text)
			}
		}
		if v.Has("data_layout") { // architectures that keep data apart
			add("data", false, v.Field("data_layout.base").Ptr(), v.Field("data_layout.size").Uint())
		}
	default:
		add("core", true, v.First("module_core").Ptr(), v.First("core_size").Uint())
	}
}

// Modules returns the loaded modules, newest first as the kernel's list has them.
func (k *Kernel) Modules() []*Module { return k.modules }

// ModuleAt returns the module whose memory holds an address.
func (k *Kernel) ModuleAt(addr uint64) *Module {
	for _, m := range k.modules {
		for _, r := range m.Ranges {
			if addr-r.Start < r.Size {
				return m
			}
		}
	}
	return nil
}

// Value returns the module's struct module.
func (m *Module) Value(w *Walk) Value { return w.At("struct module", m.Addr) }

func (m *Module) isText(addr uint64) bool {
	for _, r := range m.Ranges {
		if r.Text && addr-r.Start < r.Size {
			return true
		}
	}
	return false
}

// maxModuleSymbols bounds one module's symbol table.
const maxModuleSymbols = 200_000

// symbols reads the module's symbol table, which the kernel keeps for kallsyms.
func (m *Module) symbols() []moduleSymbol {
	m.symOnce.Do(func() {
		w := m.k.walk()
		v := m.Value(w)
		table := v
		if v.Has("kallsyms") { // 4.5 and later
			table = v.Field("kallsyms").Deref()
		}
		if !table.Valid() {
			return
		}
		n := min(table.Field("num_symtab").Uint(), maxModuleSymbols)
		raw := w.some(table.Field("symtab").Ptr(), n*24, 24)
		strtab := table.Field("strtab").Ptr()
		for ; len(raw) >= 24; raw = raw[24:] {
			info, shndx := raw[4], elf.SectionIndex(m.k.Order.Uint16(raw[6:]))
			addr, size := m.k.Order.Uint64(raw[8:]), m.k.Order.Uint64(raw[16:])
			if shndx == elf.SHN_UNDEF || addr == 0 || elf.ST_TYPE(info) == elf.STT_SECTION || elf.ST_TYPE(info) == elf.STT_FILE {
				continue
			}
			name, err := w.CString(strtab+uint64(m.k.Order.Uint32(raw)), 512)
			if err != nil || name == "" || name[0] == '$' || strings.HasPrefix(name, ".L") || strings.HasPrefix(name, "__UNIQUE_ID_") {
				continue
			}
			m.syms = append(m.syms, moduleSymbol{strings.ToValidUTF8(name, "?"), addr, size, byte(elf.ST_TYPE(info))})
		}
		slices.SortStableFunc(m.syms, func(a, b moduleSymbol) int { return cmp.Compare(a.addr, b.addr) })
	})
	return m.syms
}

// Symbol returns the address of one of the module's symbols.
func (m *Module) Symbol(name string) (uint64, bool) {
	for _, s := range m.symbols() {
		if s.name == name {
			return s.addr, true
		}
	}
	return 0, false
}

// EachSymbol calls f with the module's symbols in the order of their addresses.
func (m *Module) EachSymbol(f func(name string, addr, size uint64)) {
	for _, s := range m.symbols() {
		f(s.name, s.addr, s.size)
	}
}

// locate returns the symbol at an address of the module. A symbol has a size
// here, and what is beyond it belongs to no symbol.
func (m *Module) locate(addr uint64) (Location, bool) {
	syms := m.symbols()
	i, _ := slices.BinarySearchFunc(syms, addr, func(s moduleSymbol, a uint64) int {
		if s.addr <= a {
			return -1
		}
		return 1
	})
	for j := i - 1; j >= 0 && i-j < 16; j-- {
		s := syms[j]
		if size := s.size; addr-s.addr < max(size, 1) || size == 0 && m.sameRange(addr, s.addr) {
			if size == 0 && i < len(syms) && m.sameRange(syms[i].addr, addr) {
				size = syms[i].addr - s.addr
			}
			return Location{Symbol: s.name, Module: m.Name, Addr: s.addr, Offset: addr - s.addr, Size: size}, true
		}
	}
	return Location{Module: m.Name}, false
}

func (m *Module) sameRange(a, b uint64) bool {
	for _, r := range m.Ranges {
		if a-r.Start < r.Size {
			return b-r.Start < r.Size
		}
	}
	return false
}

// orcTable reads the module's unwind tables.
func (m *Module) orcTable() *orc.Table {
	m.orcOnce.Do(func() {
		w := m.k.walk()
		v := m.Value(w)
		if !v.Has("arch.num_orcs") || m.k.orcVer == 0 {
			return
		}
		n := v.Field("arch.num_orcs").Uint()
		ip := v.Field("arch.orc_unwind_ip").Ptr()
		if n == 0 || n > maxTable/6 {
			return
		}
		t, err := orc.New(w.some(ip, n*4, 4), w.some(v.Field("arch.orc_unwind").Ptr(), n*6, 6), ip, m.k.orcVer)
		if err == nil {
			m.orc = t
		}
	})
	return m.orc
}

// Types returns the module's BTF, which stands on the kernel's; nil where it has
// none.
func (m *Module) Types() *btf.Spec {
	m.btfOnce.Do(func() {
		if m.k.Types == nil || !m.k.HasField("struct btf_module", "btf") {
			return
		}
		w := m.k.walk()
		for bm := range w.List(w.Global("btf_modules", "struct list_head"), "struct btf_module", "list") {
			if bm.Field("module").Ptr() != m.Addr {
				continue
			}
			b := bm.Field("btf").Deref()
			size := b.Field("data_size").Uint()
			data := w.some(b.Field("data").Ptr(), size, size)
			if spec, err := btf.Parse(data, m.k.Types); err == nil {
				m.btf = spec
			}
			return
		}
	})
	return m.btf
}

// BuildID returns the module's build ID, which the kernel keeps where it can
// print it with a stack.
func (m *Module) BuildID(w *Walk) string {
	v := m.Value(w)
	if !v.Has("build_id") {
		return ""
	}
	f := v.Field("build_id")
	id := w.some(f.Addr(), uint64(f.Len()), 1)
	if strings.Trim(string(id), "\x00") == "" {
		return ""
	}
	return hex.EncodeToString(id)
}
