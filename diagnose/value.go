package diagnose

import (
	"fmt"
	"strings"

	"ringside/crash"
)

// The classes of a [Value].
const (
	ValueNull         = "null"
	ValueNullOffset   = "null-offset"
	ValueError        = "error-pointer"
	ValuePoison       = "poison"
	ValueShadow       = "kasan-shadow"
	ValueUser         = "user"
	ValueNonCanonical = "non-canonical"
	ValueDirect       = "direct-map"
	ValueVmalloc      = "vmalloc"
	ValueVmemmap      = "vmemmap"
	ValueText         = "kernel-image"
	ValueModule       = "module"
	ValueFixmap       = "fixmap"
	ValueKernel       = "kernel" // the kernel's half, no region that is known
)

// Value says what a number is that code used as an address.
type Value struct {
	Class string `json:"class"`
	Text  string `json:"text"` // in words
	// Poison is the byte or pointer that the kernel writes there on purpose.
	Poison string `json:"poison,omitempty"`
	// Offset is how far the number is from that poison, or from NULL.
	Offset int64 `json:"offset,omitempty"`
	// Real is the address whose KASAN shadow the number is.
	Real string `json:"real,omitempty"`
}

// bad reports whether no kernel code means to use such an address.
func (v Value) bad() bool {
	switch v.Class {
	case ValueNull, ValueNullOffset, ValueError, ValuePoison, ValueShadow, ValueUser, ValueNonCanonical:
		return true
	}
	return false
}

// space is what of an architecture's memory layout a report shows.
type space struct {
	arch   string
	levels int  // of x86_64's page tables
	kasan  bool // the kernel checks with KASAN's shadow
}

// spaceOf reads the layout off a report.
func spaceOf(r *crash.Report) space {
	s := space{arch: archOf(r), levels: 4, kasan: strings.Contains(r.Headline, "KASAN")}
	if cr4, err := parseAddress(r.Registers["CR4"]); err == nil && cr4&(1<<12) != 0 { // X86_CR4_LA57
		s.levels = 5
	}
	if f := r.Fault; f != nil && (strings.Contains(f.Reason, "null-ptr-deref") || strings.Contains(f.Reason, "wild-memory-access") || strings.Contains(f.Reason, "user-memory-access")) {
		s.kasan = true
	}
	return s
}

// archOf names the architecture of a report, by its registers where the log does
// not say.
func archOf(r *crash.Report) string {
	if r.Arch != "" {
		return r.Arch
	}
	for _, g := range []struct{ register, arch string }{{"RAX", "x86_64"}, {"EAX", "i386"}, {"x0", "arm64"}, {"a0", "riscv64"}, {"r0", "arm"}} {
		if _, ok := r.Registers[g.register]; ok {
			return g.arch
		}
	}
	return ""
}

// wide reports whether addresses have 64 bits.
func (s space) wide() bool { return s.arch != "arm" && s.arch != "i386" && s.arch != "mips" }

// classify says what v is.
func (s space) classify(v uint64) Value {
	top := ^uint64(0)
	if !s.wide() {
		v, top = v&(1<<32-1), 1<<32-1
	}
	switch {
	case v == 0:
		return Value{Class: ValueNull, Text: "NULL"}
	case v < pageSize:
		return Value{Class: ValueNullOffset, Text: fmt.Sprintf("NULL + 0x%x", v), Offset: int64(v)}
	case v > top-maxErrno:
		n := int(top - v + 1)
		return Value{Class: ValueError, Text: "the error pointer " + errnoText(n, s.arch), Offset: -int64(n)}
	}
	if p, ok := s.poison(v); ok {
		return p
	}
	if real, ok := s.shadow(v); ok {
		inner := space{arch: s.arch, levels: s.levels}.classify(real)
		return Value{Class: ValueShadow, Text: fmt.Sprintf("KASAN's shadow of 0x%x (%s)", real, inner.Text), Real: fmt.Sprintf("0x%x", real)}
	}
	return s.region(v)
}

// region says which part of the address space v is in.
func (s space) region(v uint64) Value {
	in := func(class, text string) Value { return Value{Class: class, Text: text} }
	for _, r := range s.regions() {
		if v >= r.from && v <= r.to {
			return in(r.class, r.text)
		}
	}
	if s.wide() && v>>63 == 1 {
		return in(ValueKernel, "an address in the kernel's half")
	}
	return in(ValueUser, "an address of user space")
}

type region struct {
	from, to    uint64
	class, text string
}

const notCanonical = "not an address: bits that must be equal differ (non-canonical)"

// regions are the parts of the address space. Where the layout is randomised the
// kernel keeps the order of the parts but moves their limits.
func (s space) regions() []region {
	switch {
	case s.arch == "x86_64" && s.levels == 5:
		return x86Regions5
	case s.arch == "x86_64":
		return x86Regions4
	case s.arch == "arm64":
		return arm64Regions
	case s.arch == "riscv64":
		return riscvRegions
	case s.arch == "i386" || s.arch == "arm":
		return regions32
	}
	return nil
}

// x86_64: Documentation/arch/x86/x86_64/mm.rst.
var (
	x86Regions4 = append([]region{
		{0, 1<<47 - 1, ValueUser, "an address of user space"},
		{1 << 47, 0xffff7fffffffffff, ValueNonCanonical, notCanonical},
		{0xffff888000000000, 0xffffc87fffffffff, ValueDirect, "in the direct map of memory (or vmalloc, where the layout is randomised)"},
		{0xffffc90000000000, 0xffffe8ffffffffff, ValueVmalloc, "in vmalloc space: stacks, modules' data, mapped I/O (or the direct map, where the layout is randomised)"},
		{0xffffea0000000000, 0xffffeaffffffffff, ValueVmemmap, "in vmemmap: an entry of struct page"},
	}, x86Top...)
	x86Regions5 = append([]region{
		{0, 1<<56 - 1, ValueUser, "an address of user space"},
		{1 << 56, 0xfeffffffffffffff, ValueNonCanonical, notCanonical},
		{0xff11000000000000, 0xff90ffffffffffff, ValueDirect, "in the direct map of memory (or vmalloc, where the layout is randomised)"},
		{0xffa0000000000000, 0xffd1ffffffffffff, ValueVmalloc, "in vmalloc space: stacks, modules' data, mapped I/O (or the direct map, where the layout is randomised)"},
		{0xffd4000000000000, 0xffd5ffffffffffff, ValueVmemmap, "in vmemmap: an entry of struct page"},
	}, x86Top...)
	x86Top = []region{
		{0xfffffe0000000000, 0xfffffe7fffffffff, ValueFixmap, "in the CPU entry area"},
		{0xffffffff80000000, 0xffffffffbfffffff, ValueText, "in the kernel image"},
		{0xffffffffc0000000, 0xfffffffffeffffff, ValueModule, "in module space"},
		{0xffffffffff000000, 0xffffffffffffffff, ValueFixmap, "in the fixmap"},
	}
)

// arm64: Documentation/arch/arm64/memory.rst, kernels since 5.4. Bits 56 to 63
// carry a tag where KASAN uses tags.
var arm64Regions = []region{
	{0, 1<<48 - 1, ValueUser, "an address of user space"},
	{1 << 48, 0x00ffffffffffffff, ValueNonCanonical, notCanonical},
	{0xffff000000000000, 0xffff7fffffffffff, ValueDirect, "in the linear map of memory"},
	{0xffff800000000000, 0xffff80007fffffff, ValueModule, "in module space"},
	{0xffff800080000000, 0xfffffbffffffffff, ValueVmalloc, "in vmalloc space, which holds the kernel image and stacks too"},
	{0xfffffc0000000000, 0xffffff7fffffffff, ValueVmemmap, "in vmemmap: an entry of struct page (48-bit addresses)"},
	{0xffffff8000000000, 0xffffffbfffffffff, ValueDirect, "in the linear map of memory (39-bit addresses)"},
	{0xffffffc000000000, 0xfffffffdffffffff, ValueVmalloc, "in vmalloc space (39-bit addresses)"},
	{0x0100000000000000, 0xfff7ffffffffffff, ValueNonCanonical, "not an address, unless the top byte is a tag"},
}

// riscv64: Documentation/arch/riscv/vm-layout.rst, Sv39.
var riscvRegions = []region{
	{0, 1<<38 - 1, ValueUser, "an address of user space"},
	{0x0100000000000000, 0xfeffffffffffffff, ValueNonCanonical, notCanonical},
	{0xffffffc600000000, 0xffffffc6ffffffff, ValueFixmap, "in the fixmap, the PCI I/O space or vmemmap"},
	{0xffffffc800000000, 0xffffffd5ffffffff, ValueVmalloc, "in vmalloc space"},
	{0xffffffd600000000, 0xfffffff5ffffffff, ValueDirect, "in the direct map of memory"},
	{0xffffffff00000000, 0xffffffff7fffffff, ValueModule, "in module space"},
	{0xffffffff80000000, 0xfffffffffffffff0, ValueText, "in the kernel image"},
}

var regions32 = []region{
	{0, 0xbfffffff, ValueUser, "an address of user space (where it gets 3 GiB)"},
	{0xc0000000, 0xefffffff, ValueDirect, "in the direct map of memory or in vmalloc space"},
	{0xf0000000, 0xffffffff, ValueKernel, "in vmalloc space, the fixmap or the kernel's own mappings"},
}
