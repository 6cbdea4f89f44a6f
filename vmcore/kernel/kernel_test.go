package kernel

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestInfo(t *testing.T) {
	in := ParseInfo([]byte("OSRELEASE=6.1.0-56-cloud-amd64\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffff9dc00000\nSIZE(page)=64\nOFFSET(page.flags)=0\n" +
		"LENGTH(zone.free_area)=11\nNUMBER(phys_base)=-253755392\nNUMBER(KERNELPACMASK)=0xff7f000000000000\nKERNELOFFSET=1cc00000\nCRASHTIME=1795419897\nhalf a li\x00SYMBOL(x)=1\n"))
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"release", in.Get("OSRELEASE"), "6.1.0-56-cloud-amd64"},
		{"page size", in.PageSize(), uint64(4096)},
		{"symbol", first(in.Symbol("_stext")), uint64(0xffffffff9dc00000)},
		{"size", first(in.Size("page")), uint64(64)},
		{"offset", first(in.Offset("page.flags")), uint64(0)},
		{"length", first(in.Length("zone.free_area")), uint64(11)},
		{"negative number", first(in.Number("phys_base")), int64(-253755392)},
		{"mask", uint64(first(in.Number("KERNELPACMASK"))), uint64(0xff7f000000000000)},
		{"kernel offset without 0x", first(in.KernelOffset()), uint64(0x1cc00000)},
		{"what comes after a zero byte", first(in.Symbol("x")), uint64(0)},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	if at, ok := in.CrashTime(); !ok || !at.Equal(time.Unix(1795419897, 0)) {
		t.Errorf("crash time %v, %v", at, ok)
	}
	for _, bad := range []string{"PAGESIZE=0", "PAGESIZE=4097", "PAGESIZE=99999999999999999999", "PAGESIZE=-4096"} {
		if n := ParseInfo([]byte(bad)).PageSize(); n != 0 {
			t.Errorf("%s: %d", bad, n)
		}
	}
}

func first[T any](v T, _ bool) T { return v }

func TestBadBuildID(t *testing.T) {
	for release, want := range map[string]bool{
		"6.1.112": false, "6.1.113": true, "6.1.118-1": true, "6.1.119": false, "6.6.55": true, "6.6.63": false, "5.15.167": false, "5.15.168+": true,
		"6.10.14": true, "6.11.2": false, "6.11.3": true, "6.11.10": false, "6.12.0": false, "6.1.0-56-cloud-amd64": false, "": false, "x": false,
	} {
		if got := badBuildID(release); got != want {
			t.Errorf("%q: %v, want %v", release, got, want)
		}
	}
}

// ram is physical memory in a map of words.
type ram map[uint64]uint64

func (m ram) ReadPhys(p []byte, addr uint64) error {
	w, ok := m[addr]
	if !ok || len(p) != 8 {
		return errors.New("no memory there")
	}
	binary.LittleEndian.PutUint64(p, w)
	return nil
}

func info(lines ...string) Info { return ParseInfo([]byte(strings.Join(lines, "\n"))) }

// TestTranslate walks page tables laid out by hand, as the manuals say.
func TestTranslate(t *testing.T) {
	x86 := []string{"SYMBOL(swapper_pg_dir)=ffffffff80010000", "NUMBER(phys_base)=0"}
	arm := func(bits, t1sz int) []string {
		return []string{"SYMBOL(swapper_pg_dir)=ffff800008010000", "NUMBER(kimage_voffset)=0xffff800008000000", fmt.Sprintf("NUMBER(VA_BITS)=%d", bits), fmt.Sprintf("NUMBER(TCR_EL1_T1SZ)=0x%x", t1sz)}
	}
	for _, c := range []struct {
		name    string
		machine elf.Machine
		info    []string
		page    uint64
		mem     ram
		va, pa  uint64
		cont    uint64
		fails   bool
	}{
		{name: "x86_64, 4 levels, 4 KiB", machine: elf.EM_X86_64, info: x86, page: 4096, va: 0xffff888000123456, pa: 0x7123456, cont: 0xbaa,
			mem: ram{0x10000 + 0x111*8: 0x20001, 0x20000: 0x30001, 0x30000: 0x40001, 0x40000 + 0x123*8: 0x8000000007123063}},
		{name: "x86_64, 2 MiB page", machine: elf.EM_X86_64, info: x86, page: 4096, va: 0xffff888000323456, pa: 0x40123456, cont: 0x200000 - 0x123456,
			mem: ram{0x10000 + 0x111*8: 0x20001, 0x20000: 0x30001, 0x30008: 0x400000e3}},
		{name: "x86_64, 1 GiB page", machine: elf.EM_X86_64, info: x86, page: 4096, va: 0xffff888040000010, pa: 0x80000010, cont: 1<<30 - 0x10,
			mem: ram{0x10000 + 0x111*8: 0x20001, 0x20008: 0x800000e3}},
		{name: "x86_64, 5 levels", machine: elf.EM_X86_64, info: append(x86[:2:2], "NUMBER(pgtable_l5_enabled)=1"), page: 4096, va: 0xff11000000001008, pa: 0x5008, cont: 0xff8,
			mem: ram{0x10000 + 0x111*8: 0x18001, 0x18000: 0x20001, 0x20000: 0x30001, 0x30000: 0x40001, 0x40008: 0x5063}},
		{name: "x86_64, memory encryption", machine: elf.EM_X86_64, info: append(x86[:2:2], "NUMBER(sme_mask)=140737488355328"), page: 4096, va: 0xffff888000000000, pa: 0x5000, cont: 0x1000,
			mem: ram{0x10000 + 0x111*8: 0x800000020001, 0x20000: 0x800000030001, 0x30000: 0x800000040001, 0x40000: 0x800000005063}},
		{name: "x86_64, negative phys_base", machine: elf.EM_X86_64, info: []string{"SYMBOL(swapper_pg_dir)=ffffffff90010000", "NUMBER(phys_base)=-268435456"}, page: 4096, va: 0xffff888000000000, pa: 0x5000, cont: 0x1000,
			mem: ram{0x10000 + 0x111*8: 0x20001, 0x20000: 0x30001, 0x30000: 0x40001, 0x40000: 0x5063}},
		{name: "x86_64, not present", machine: elf.EM_X86_64, info: x86, page: 4096, va: 0xffff888000000000, fails: true, mem: ram{0x10000 + 0x111*8: 0x20000}},
		{name: "x86_64, not canonical", machine: elf.EM_X86_64, info: x86, page: 4096, va: 0xdead000000000100, fails: true, mem: ram{}},
		{name: "x86_64, a table that is its own child", machine: elf.EM_X86_64, info: x86, page: 4096, va: 0xffff888000000000 | 0x111<<39, pa: 0x10000, cont: 0x1000,
			mem: ram{0x10000 + 0x111*8: 0x10001, 0x10000: 0x10001}},
		{name: "arm64, 4 KiB, 48 bits", machine: elf.EM_AARCH64, info: arm(48, 16), page: 4096, va: 0xffff000000001010, pa: 0x45010, cont: 0xff0,
			mem: ram{0x10000: 0x20003, 0x20000: 0x30003, 0x30000: 0x40003, 0x40008: 0x68000000045703}},
		{name: "arm64, 4 KiB, 39 bits, a block", machine: elf.EM_AARCH64, info: arm(39, 25), page: 4096, va: 0xffffff8000201010, pa: 0x80001010, cont: 0x200000 - 0x1010,
			mem: ram{0x10000: 0x20003, 0x20008: 0x68000080000701}},
		{name: "arm64, 16 KiB, 47 bits", machine: elf.EM_AARCH64, info: arm(47, 17), page: 16384, va: 0xffff800000004008, pa: 0x8008, cont: 0x3ff8,
			mem: ram{0x10000: 0x20003, 0x20000: 0x30003, 0x30008: 0x8703}},
		{name: "arm64, 64 KiB, 42 bits", machine: elf.EM_AARCH64, info: arm(42, 22), page: 65536, va: 0xfffffc0000010008, pa: 0x30008, cont: 0xfff8,
			mem: ram{0x10000: 0x20003, 0x20008: 0x30703}},
		{name: "arm64, 64 KiB, 52-bit physical", machine: elf.EM_AARCH64, info: arm(52, 12), page: 65536, va: 0xfff0000000000008, pa: 0x4000000030008, cont: 0xfff8,
			mem: ram{0x10000: 0x20003, 0x20000: 0x40003, 0x40000: 0x34703}},
		{name: "arm64, LPA2", machine: elf.EM_AARCH64, info: arm(52, 12), page: 4096, va: 0xfff0000000000008, pa: 0x8000000005008, cont: 0xff8,
			mem: ram{0x10000: 0x18003, 0x18000: 0x20003, 0x20000: 0x30003, 0x30000: 0x40003, 0x40000: 0x5603}},
		{name: "arm64, user address", machine: elf.EM_AARCH64, info: arm(48, 16), page: 4096, va: 0xaaaa00001000, fails: true, mem: ram{}},
		{name: "ppc64", machine: elf.EM_PPC64, page: 65536, va: 0xc000000001234567, pa: 0x1234567, cont: 0xc00fffffffffffff - 0xc000000001234567},
		{name: "riscv64 kernel", machine: elf.EM_RISCV, info: []string{"NUMBER(KERNEL_LINK_ADDR)=0xffffffff80000000", "NUMBER(va_kernel_pa_offset)=0xfffffffeffe00000"}, page: 4096, va: 0xffffffff80001000, pa: 0x80201000, cont: ^uint64(0) - 0xffffffff80001000},
		{name: "ppc64, vmalloc", machine: elf.EM_PPC64, page: 65536, va: 0xc008000000000000, pa: 0x8000000000000, cont: 0x7ffffffffffff},
		{name: "ppc64, beyond", machine: elf.EM_PPC64, page: 65536, va: 0xd000000000000000, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := newMMU(c.machine, info(c.info...), c.page)
			if err != nil {
				t.Fatal(err)
			}
			pa, cont, err := m.translate(c.mem, c.va)
			if c.fails {
				if err == nil {
					t.Fatalf("%#x is %#x, want an error", c.va, pa)
				}
				return
			}
			if err != nil || pa != c.pa || cont != c.cont {
				t.Errorf("%#x: %#x and %#x more, %v; want %#x and %#x", c.va, pa, cont, err, c.pa, c.cont)
			}
		})
	}
}

func TestCanonical(t *testing.T) {
	m, err := newMMU(elf.EM_AARCH64, info("SYMBOL(swapper_pg_dir)=ffff800008010000", "NUMBER(kimage_voffset)=0xffff800008000000", "NUMBER(VA_BITS)=48", "NUMBER(KERNELPACMASK)=0xff7f000000000000"), 4096)
	if err != nil {
		t.Fatal(err)
	}
	for va, want := range map[uint64]uint64{
		0xffff800008123456:         0xffff800008123456,
		0xa5a3800008123456 | 1<<55: 0xffff800008123456, // signed
		0xf4ff000012345678:         0xffff000012345678, // tagged
		0x0000aaaac0de1234:         0x0000aaaac0de1234, // user space
	} {
		if got := m.canonical(va); got != want {
			t.Errorf("%#x: %#x, want %#x", va, got, want)
		}
	}
}

func TestNoTables(t *testing.T) {
	for _, m := range []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64, elf.EM_RISCV, elf.EM_SPARCV9} {
		if _, err := newMMU(m, Info{}, 4096); err == nil {
			t.Errorf("%v: page tables out of nothing", m)
		}
	}
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte("OSRELEASE=6.1\nSYMBOL(swapper_pg_dir)=ffffffff80010000\nNUMBER(phys_base)=-1\nNUMBER(VA_BITS)=48\nPAGESIZE=4096\n"))
	f.Add([]byte("SYMBOL(swapper_pg_dir)=ffff800008010000\nNUMBER(kimage_voffset)=0xffff800008000000\nNUMBER(VA_BITS)=52\nNUMBER(TCR_EL1_T1SZ)=0xc\nPAGESIZE=65536"))
	f.Fuzz(func(t *testing.T, text []byte) {
		in := ParseInfo(text)
		in.CrashTime()
		for _, machine := range []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64, elf.EM_PPC64, elf.EM_RISCV, elf.EM_S390} {
			for _, page := range []uint64{4096, 16384, 65536} {
				m, err := newMMU(machine, in, page)
				if err != nil {
					continue
				}
				for _, va := range []uint64{0, 0xffff800000000000, 0xffffffffffffffff, 0xdead000000000100} {
					m.translate(everywhere{}, m.canonical(va))
				}
			}
		}
	})
}

// everywhere is memory that maps everything to itself.
type everywhere struct{}

func (everywhere) ReadPhys(p []byte, addr uint64) error {
	binary.LittleEndian.PutUint64(p, addr&^0xfff|3)
	return nil
}
