package dump_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ringside/vmcore/dump"
)

const (
	textBase   = 0xffffffff81000000
	directBase = 0xffff888000000000
)

// fill returns n bytes that count up.
func fill(n int, from uint64) []byte {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], from+uint64(i))
	}
	return b
}

func wantRead(tb testing.TB, read func([]byte, uint64) error, addr uint64, want []byte) {
	tb.Helper()
	got := make([]byte, len(want))
	if err := read(got, addr); err != nil {
		tb.Errorf("at %#x: %v", addr, err)
	} else if !bytes.Equal(got, want) {
		tb.Errorf("at %#x: %x, want %x", addr, got[:min(16, len(got))], want[:min(16, len(want))])
	}
}

func wantGap(tb testing.TB, read func([]byte, uint64) error, addr uint64, n int, at uint64, why dump.Why) {
	tb.Helper()
	var g *dump.Gap
	if err := read(make([]byte, n), addr); !errors.As(err, &g) || g.Addr != at || g.Why != why {
		tb.Errorf("%d bytes at %#x: %v, want %q at %#x", n, addr, err, why, at)
	}
}

func TestELF(t *testing.T) {
	low, high := fill(0x9fc00-0x1000, 0x1000), fill(0x8000, 0x100000)
	info := note(binary.LittleEndian, "VMCOREINFO", 0, []byte("OSRELEASE=6.1.0-1\nPAGESIZE=4096\nCRASHTIME=1234567890\n"))
	spec := elfSpec{
		notes: slices.Concat(prstatus(elf.EM_X86_64, 5, 100), make([]byte, 8), info),
		loads: []loadSpec{
			{vaddr: textBase, paddr: 0x102000, data: high[0x2000:0x4000]},
			{vaddr: directBase + 0x1000, paddr: 0x1000, data: low},
			{vaddr: directBase + 0x100000, paddr: 0x100000, data: high, memsz: 0x10000},
		},
	}
	for name, change := range map[string]func(*elfSpec){
		"plain":             func(*elfSpec) {},
		"headers elsewhere": func(e *elfSpec) { e.phoff = 192 },
		"many headers":      func(e *elfSpec) { e.xnum = true },
	} {
		t.Run(name, func(t *testing.T) {
			e := spec
			change(&e)
			f := open(t, dump.Options{}, e.write())
			for n := 8; n <= 0x6000; n *= 4 {
				wantRead(t, f.ReadPhys, 0x1000, low[:n])
				wantRead(t, f.ReadPhys, 0x9fc00-uint64(n), low[len(low)-n:])
				wantRead(t, f.ReadPhys, 0x100000, high[:n])
				wantGap(t, f.ReadPhys, 0x9fbf8, 8+n, 0x9fc00, dump.WhyAbsent)
				wantGap(t, f.ReadPhys, 0xff0, n+16, 0xff0, dump.WhyAbsent)
				wantGap(t, f.ReadPhys, 0x108000-uint64(n), 2*n, 0x108000, dump.WhyExcluded)
			}
			wantRead(t, f.ReadVirt, textBase+0x100, high[0x2100:0x2200])
			wantRead(t, f.ReadVirt, directBase+0x100000, high)
			wantGap(t, f.ReadVirt, 0x1000, 8, 0x1000, dump.WhyAbsent)
			wantGap(t, f.ReadPhys, ^uint64(0)-3, 8, ^uint64(0)-3, dump.WhyAbsent)

			// RAM ends in the midst of a page; the rest of it reads as zeros.
			p, err := f.Page(0x9f)
			if err != nil || !bytes.Equal(p[:0xc00], low[len(low)-0xc00:]) || !bytes.Equal(p[0xc00:], make([]byte, 0x400)) {
				t.Errorf("the last page of low memory: %v", err)
			}
			for pfn, want := range map[uint64]dump.Why{0: dump.WhyAbsent, 1: "", 0x9f: "", 0xa0: dump.WhyAbsent, 0x107: "", 0x108: dump.WhyExcluded, 0x110: dump.WhyAbsent, 1 << 60: dump.WhyAbsent} {
				if pfn < 1<<52 {
					if got := gapAt(t, f, pfn); got != want {
						t.Errorf("page %#x is %q, want %q", pfn, got, want)
					}
				}
				if f.Present(pfn) != (want == "") {
					t.Errorf("page %#x is present: %v", pfn, want != "")
				}
			}
			if got := fmt.Sprintf("%x", f.Ranges()); got != "[{1000 9fc00} {100000 110000}]" {
				t.Errorf("RAM is %s", got)
			}
			maps := f.Mappings()
			if len(maps) != 3 || maps[0] != (dump.Mapping{VirtAddr: directBase + 0x1000, PhysAddr: 0x1000, Size: uint64(len(low))}) || maps[2].VirtAddr != textBase {
				t.Errorf("mappings: %x", maps)
			}
			i := f.Info()
			if i.Format != "elf" || i.Producer != "makedumpfile" || i.Release != "6.1.0-1" || i.Time.Unix() != 1234567890 || i.Incomplete || len(i.Warnings) > 0 {
				t.Errorf("%+v", i)
			}
			cpus := f.CPUs()
			if len(cpus) != 1 || cpus[0].PID != 5 || cpus[0].Regs.PC != 116 || cpus[0].Regs.SP != 119 || cpus[0].Regs.FP != 104 || cpus[0].Regs.Flags != 118 {
				t.Fatalf("%+v", cpus)
			}
			if v, ok := cpus[0].Regs.Get("gs_base"); !ok || v != 122 {
				t.Errorf("gs_base is %d, %v", v, ok)
			}
			if _, ok := cpus[0].Regs.Get("x0"); ok {
				t.Error("x86_64 has a register x0")
			}
		})
	}
	t.Run("cut", func(t *testing.T) {
		file := spec.write()
		f := open(t, dump.Options{}, file[:len(file)-0x3000])
		wantRead(t, f.ReadPhys, 0x104000, high[0x4000:0x5000])
		wantGap(t, f.ReadPhys, 0x105000, 8, 0x105000, dump.WhyTruncated)
		// Kernel text is there twice, and the other place has it.
		f = open(t, dump.Options{}, file[:len(file)-0x7000])
		wantRead(t, f.ReadPhys, 0x102000, high[0x2000:0x4000])
		wantGap(t, f.ReadPhys, 0x104000, 8, 0x104000, dump.WhyTruncated)
		if i := f.Info(); !i.Incomplete || len(i.Warnings) != 1 {
			t.Errorf("%+v", i)
		}
	})
	t.Run("flattened", func(t *testing.T) {
		f := open(t, dump.Options{}, flatten(spec.write(), 1000, 3))
		wantRead(t, f.ReadPhys, 0x100000, high)
		if i := f.Info(); !i.Flattened || i.Format != "elf" || i.Incomplete {
			t.Errorf("%+v", i)
		}
	})
	t.Run("incomplete", func(t *testing.T) {
		e := spec
		e.flags = 1
		if i := open(t, dump.Options{}, e.write()).Info(); !i.Incomplete {
			t.Errorf("%+v", i)
		}
	})
}

func TestELFMachines(t *testing.T) {
	data := fill(0x2000, 0)
	t.Run("arm64", func(t *testing.T) {
		f := open(t, dump.Options{}, elfSpec{machine: elf.EM_AARCH64, notes: prstatus(elf.EM_AARCH64, 9, 500), loads: []loadSpec{{paddr: 0x40000000, data: data}}}.write())
		c := f.CPUs()
		if len(c) != 1 || c[0].Regs.PC != 532 || c[0].Regs.SP != 531 || c[0].Regs.FP != 529 || c[0].Regs.Flags != 533 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("32 bits", func(t *testing.T) {
		for _, xnum := range []bool{false, true} {
			f := open(t, dump.Options{}, elfSpec{class: elf.ELFCLASS32, machine: elf.EM_ARM, xnum: xnum, notes: prstatus(elf.EM_X86_64, 9, 500), loads: []loadSpec{{vaddr: 0xc0000000, paddr: 0x80000000, data: data}}}.write())
			wantRead(t, f.ReadPhys, 0x80000ff0, data[0xff0:0x1100])
			if len(f.CPUs()) != 0 || len(f.Notes()) != 1 || f.Info().Arch != "armv7l" {
				t.Errorf("%+v %+v %+v", f.CPUs(), f.Notes(), f.Info())
			}
		}
	})
	t.Run("big endian", func(t *testing.T) {
		f := open(t, dump.Options{}, elfSpec{order: binary.BigEndian, machine: elf.EM_S390, notes: note(binary.BigEndian, "VMCOREINFO", 0, []byte("OSRELEASE=5\n")), loads: []loadSpec{{data: data}}}.write())
		wantRead(t, f.ReadPhys, 0x10, data[0x10:0x100])
		if f.Info().Release != "5" {
			t.Errorf("%+v", f.Info())
		}
	})
	t.Run("page size", func(t *testing.T) {
		e := elfSpec{machine: elf.EM_AARCH64, notes: note(binary.LittleEndian, "VMCOREINFO", 0, []byte("PAGESIZE=65536\n")), loads: []loadSpec{{data: fill(0x20000, 0)}}}
		f := open(t, dump.Options{}, e.write())
		if p, err := f.Page(1); err != nil || len(p) != 65536 {
			t.Errorf("%d bytes, %v", len(p), err)
		}
		if got := open(t, dump.Options{PageSize: 16384}, e.write()).Info().PageSize; got != 16384 {
			t.Errorf("pages of %d bytes", got)
		}
	})
}

// qemuNote is what QEMU says of an x86 CPU: each word is its own number.
func qemuNote(size int) []byte {
	desc := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		binary.LittleEndian.PutUint64(desc[i:], uint64(i/8))
	}
	return note(binary.LittleEndian, "QEMU", 0, desc)
}

func TestQEMUNotes(t *testing.T) {
	notes := slices.Concat(prstatus(elf.EM_X86_64, 1, 100), prstatus(elf.EM_X86_64, 2, 200), qemuNote(440), qemuNote(432), qemuNote(440))
	f := open(t, dump.Options{}, elfSpec{phoff: 192, notes: notes, loads: []loadSpec{{data: fill(4096, 0)}}}.write())
	c := f.CPUs()
	if len(c) != 3 || len(f.Notes()) != 0 || f.Info().Producer != "qemu" {
		t.Fatalf("%+v %+v", c, f.Info())
	}
	k := c[0].Control
	if k.CR0 != 49 || k.CR2 != 51 || k.CR3 != 52 || k.CR4 != 53 || k.KernelGSBase != 54 || k.FSBase != 30 || k.GSBase != 33 || k.GDT.Base != 45 || k.IDT.Base != 48 {
		t.Errorf("%+v", k)
	}
	if c[1].Regs.PC != 216 || c[1].Control.KernelGSBase != 0 {
		t.Errorf("%+v", c[1])
	}
	// The third CPU has only QEMU's.
	if c[2].Index != 2 || c[2].Regs.PC != 17 || c[2].Regs.SP != 7 {
		t.Errorf("%+v", c[2])
	}
	if len(f.Mappings()) != 0 {
		t.Error("physical addresses were taken for the kernel's")
	}
}

func TestKcore(t *testing.T) {
	notes := slices.Concat(prstatus(elf.EM_X86_64, 1, 0), note(binary.LittleEndian, "CORE", 3, make([]byte, 136)), note(binary.LittleEndian, "CORE", 4, make([]byte, 64)),
		note(binary.LittleEndian, "VMCOREINFO", 0, []byte("OSRELEASE=7.0\n")))
	ram, vmalloc := fill(0x4000, 0x100000), fill(0x2000, 0xc0)
	loads := []loadSpec{
		{vaddr: 0xffffc90000000000, paddr: dump.NoPhys, data: vmalloc},
		{vaddr: directBase + 0x100000, paddr: 0x100000, data: ram},
	}
	file := elfSpec{notes: notes, loads: loads}.write()
	in := input("/proc/kcore", file)
	in.Size = -1
	in.R = &selfish{r: in.R, t: t}
	f, err := dump.Open([]dump.Input{in}, dump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// The kernel mixes up what it gives to those who read at once.
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range uint64(200) {
				var p [64]byte
				if err := f.ReadPhys(p[:], 0x100000+i%0x4000&^63); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	wantRead(t, f.ReadPhys, 0x101000, ram[0x1000:0x1008])
	wantRead(t, f.ReadPhys, 0x100ff0, ram[0xff0:0x3000])
	wantRead(t, f.ReadVirt, 0xffffc90000000010, vmalloc[0x10:0x20])
	wantRead(t, f.ReadVirt, directBase+0x100010, ram[0x10:0x20])
	wantGap(t, f.ReadPhys, 0x104000, 8, 0x104000, dump.WhyAbsent)
	if i := f.Info(); i.Format != "kcore" || i.Release != "7.0" || i.Incomplete || len(f.Ranges()) != 1 {
		t.Errorf("%+v %x", i, f.Ranges())
	}
	// The kernel goes on while it is read.
	at := bytes.Index(file, ram[:0x100])
	file[at] = 0x55
	wantRead(t, f.ReadPhys, 0x100000, []byte{0x55})

	// Before 4.13 no segment has a physical address.
	loads[0].paddr, loads[1].paddr = 0, 0
	f = open(t, dump.Options{}, elfSpec{notes: notes, loads: loads}.write())
	wantGap(t, f.ReadPhys, 0, 8, 0, dump.WhyAbsent)
	wantRead(t, f.ReadVirt, directBase+0x100010, ram[0x10:0x20])
	if m := f.Mappings(); len(m) != 2 || m[0].PhysAddr != dump.NoPhys {
		t.Errorf("%x", m)
	}
}

func TestRaw(t *testing.T) {
	data := fill(0x3800, 0x80000000)
	f := open(t, dump.Options{Raw: true, Base: 0x80000000, Machine: elf.EM_AARCH64}, data)
	wantRead(t, f.ReadPhys, 0x80000100, data[0x100:0x3000])
	wantRead(t, f.ReadPhys, 0x800037f8, data[0x37f8:])
	wantGap(t, f.ReadPhys, 0x800037f8, 16, 0x80003800, dump.WhyAbsent)
	wantGap(t, f.ReadPhys, 0x7ffffff8, 16, 0x7ffffff8, dump.WhyAbsent)
	if i := f.Info(); i.Format != "raw" || i.Machine != elf.EM_AARCH64 || i.PageSize != 4096 {
		t.Errorf("%+v", i)
	}
	if got := open(t, dump.Options{Raw: true}, data).Info().Machine; got != elf.EM_X86_64 {
		t.Errorf("the machine is %v", got)
	}
	// What has a header is read by it.
	k := memory(4096)
	wantPages(t, open(t, dump.Options{Raw: true}, k.write(t)), k.pages)
}

func TestOpenErrors(t *testing.T) {
	k := memory(4096)
	kdump := k.write(t)
	core := elfSpec{notes: prstatus(elf.EM_X86_64, 1, 1), loads: []loadSpec{{data: fill(4096, 0)}}}.write()
	edit := func(b []byte, at int, v ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], v)
		return b
	}
	ff := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	short := edit(kdump, 428, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(short[416:], 4096)
	for _, c := range []struct {
		name string
		file []byte
		o    dump.Options
		want string
	}{
		{"empty", nil, dump.Options{}, "nothing can be read"},
		{"text", []byte("Linux version 6.1"), dump.Options{}, "is no dump that is known"},
		{"gzip", []byte("\x1f\x8b\x08\x00"), dump.Options{}, "compressed with gzip"},
		{"zstd", []byte("\x28\xb5\x2f\xfd    "), dump.Options{}, "compressed with zstd"},
		{"LiME", []byte("EMiL\x01\x00\x00\x00"), dump.Options{}, "a LiME image"},
		{"page size", core, dump.Options{PageSize: 5000}, "a page size of 5000"},
		{"ELF head", core[:40], dump.Options{}, "the ELF header is cut off at 40 bytes"},
		{"ELF, half a head", core[:60], dump.Options{}, "the ELF header is cut off at 60 bytes"},
		{"vmlinux", edit(core, 16, 2, 0), dump.Options{}, "give the vmcore, not a kernel"},
		{"class", edit(core, 4, 9), dump.Options{}, "unknown class 9"},
		{"order", edit(core, 5, 9), dump.Options{}, "unknown byte order 9"},
		{"phentsize", edit(core, 54, 8, 0), dump.Options{}, "program headers of 8 bytes"},
		{"no phoff", edit(core, 32, make([]byte, 8)...), dump.Options{}, "names no program headers"},
		{"phoff beyond", edit(core, 32, 0, 0, 0, 0, 1), dump.Options{}, "neither memory nor notes"},
		{"process", elfSpec{notes: note(binary.LittleEndian, "CORE", 6, fill(64, 0)), loads: []loadSpec{{data: fill(64, 0)}}}.write(), dump.Options{}, "the core of a process"},
		{"KDUMP head", kdump[:100], dump.Options{}, "cut off at 100 bytes"},
		{"KDUMP sub-header", kdump[:4100], dump.Options{}, "sub-header is cut off"},
		{"version", edit(kdump, 8, 0, 0, 0, 0), dump.Options{}, "version 0 is not known"},
		{"block size", edit(kdump, 428, 1, 2, 3, 4), dump.Options{}, "a block size of"},
		{"32 bits", short, dump.Options{}, "the dump of a 32-bit machine"},
		{"blocks", edit(kdump, 436, ff[:4]...), dump.Options{}, "-1 of bitmaps"},
		{"pages", edit(kdump, 4096+96, ff...), dump.Options{}, "more than any machine has"},
		{"part", edit(edit(kdump, 4096+12, 1), 4096+80, ff...), dump.Options{}, "says that the part has pages"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := dump.Open([]dump.Input{input("vmcore", c.file)}, c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		if _, err := dump.Open(nil, dump.Options{}); err == nil {
			t.Error("nothing was opened")
		}
	})
	t.Run("two ELF", func(t *testing.T) {
		if _, err := dump.Open([]dump.Input{input("a", core), input("b", core)}, dump.Options{}); err == nil || !strings.Contains(err.Error(), "a is no KDUMP file") {
			t.Error(err)
		}
	})
	t.Run("raw without a size", func(t *testing.T) {
		in := input("mem", fill(4096, 0))
		in.Size = -1
		if _, err := dump.Open([]dump.Input{in}, dump.Options{Raw: true}); err == nil || !strings.Contains(err.Error(), "size of plain RAM") {
			t.Error(err)
		}
	})
}

// Headers that lie cost no memory and leave what is true.
func TestLyingHeaders(t *testing.T) {
	k := memory(4096)
	k.notes = prstatus(elf.EM_X86_64, 1, 1)
	file := k.write(t)
	binary.LittleEndian.PutUint64(file[4096+96:], 1<<35) // max_mapnr: a bitmap of 4 GiB
	var f *dump.File
	allocated := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			f = open(b, dump.Options{}, file)
			f.Info()
		}
	}).AllocedBytesPerOp()
	if allocated > 16<<20 {
		t.Errorf("opening took %d bytes", allocated)
	}
	if len(f.CPUs()) != 1 || len(f.Info().Warnings) == 0 {
		t.Errorf("%+v", f.Info())
	}

	core := elfSpec{notes: prstatus(elf.EM_X86_64, 1, 1), loads: []loadSpec{{data: fill(4096, 0)}}}.write()
	binary.LittleEndian.PutUint64(core[64+32:], 1<<40) // filesz of the notes
	binary.LittleEndian.PutUint16(core[56:], 5000)     // and more headers than there are
	f = open(t, dump.Options{}, core)
	if len(f.CPUs()) != 1 || len(f.Info().Warnings) == 0 {
		t.Errorf("%+v", f.Info())
	}
	wantRead(t, f.ReadPhys, 0, fill(4096, 0))
}

// selfish is a file that may be read by one at a time, as /proc/kcore is.
type selfish struct {
	r    io.ReaderAt
	busy atomic.Bool
	t    *testing.T
}

func (s *selfish) ReadAt(p []byte, off int64) (int, error) {
	if !s.busy.CompareAndSwap(false, true) {
		s.t.Error("two read at once")
	}
	defer s.busy.Store(false)
	runtime.Gosched()
	return s.r.ReadAt(p, off)
}
