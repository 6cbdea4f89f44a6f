package symbol_test

import (
	"errors"
	"strings"
	"testing"

	"ringside/symbol"
)

const systemMap = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T startup_64
ffffffff81000000 T _text
ffffffff81000040 t helper
ffffffff81000060 W __weak_alias
ffffffff81000060 T strong_name
ffffffff81000090 t helper
ffffffff810000a0 t $x
ffffffff810000a8 t .L42
ffffffff810000b0 T last
                 U undefined_one
`

func TestSystemMap(t *testing.T) {
	table, err := symbol.ReadSystemMap(strings.NewReader(systemMap))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		addr uint64
		want string
		off  uint64
		size uint64
	}{
		{0xffffffff81000000, "startup_64", 0, 0x40},
		{0xffffffff8100003f, "startup_64", 0x3f, 0x40},
		{0xffffffff81000041, "helper", 1, 0x20},
		{0xffffffff81000068, "strong_name", 8, 0x30},
		{0xffffffff810000a9, "helper", 0x19, 0x20},
		{0xffffffff810000b4, "last", 4, 0},
	} {
		s, ok := table.Lookup(tt.addr)
		if !ok || s.Name != tt.want || tt.addr-s.Address != tt.off || s.Size != tt.size {
			t.Errorf("Lookup(%#x) = %+v, %v; want %s+%#x/%#x", tt.addr, s, ok, tt.want, tt.off, tt.size)
		}
	}
	if n := len(table.Named("helper")); n != 2 {
		t.Errorf("%d symbols are named helper, want 2", n)
	}
	if s := table.Find("strong_name", 0x30, ""); len(s) != 1 || s[0].Address != 0xffffffff81000060 {
		t.Errorf("Find(strong_name) = %v", s)
	}
	if s := table.Find("helper", 0x20, ""); len(s) != 2 {
		t.Errorf("two helpers have the size 0x20, found %v", s)
	}
	if s := table.Find("nothing", 0, ""); len(s) != 0 {
		t.Errorf("Find(nothing) = %v", s)
	}
	n := 0
	for range table.All() {
		n++
	}
	if n != table.Len() || n != 9 {
		t.Errorf("All yields %d of %d symbols, want 9", n, table.Len())
	}
}

const kallsyms = `ffffffffa7000000 T _stext
ffffffffa7000100 T vfs_read
ffffffffa7000180 T vfs_write
ffffffffc0300000 t helper	[nvme]
ffffffffc0300030 t nvme_probe	[nvme]
ffffffffc0400000 t helper	[ext4]
ffffffffc0400050 t bpf_prog_6deef7357e7b4530_sd	[bpf]
`

func TestKallsyms(t *testing.T) {
	table, err := symbol.ReadKallsyms(strings.NewReader(kallsyms))
	if err != nil {
		t.Fatal(err)
	}
	s, ok := table.Lookup(0xffffffffc0300038)
	if want := (symbol.Symbol{Name: "nvme_probe", Address: 0xffffffffc0300030, Size: 0xfffd0, Module: "nvme", Type: 't'}); !ok || s != want {
		t.Errorf("Lookup = %+v, want %+v", s, want)
	}
	if got := table.Find("helper", 0, "ext4"); len(got) != 1 || got[0].Module != "ext4" {
		t.Errorf("helper of ext4: %v", got)
	}
	if got := table.Find("helper", 0, ""); len(got) != 0 {
		t.Errorf("the kernel itself has no helper, found %v", got)
	}
	linked, err := symbol.ReadSystemMap(strings.NewReader(systemMap))
	if err != nil {
		t.Fatal(err)
	}
	if off, ok := symbol.KernelOffset(table, linked); !ok || off != 0x26000000 {
		t.Errorf("KernelOffset = %#x, %v; want 0x26000000", off, ok)
	}
}

func TestTextTableErrors(t *testing.T) {
	read := map[string]func(string) (*symbol.Table, error){
		"kallsyms":   func(s string) (*symbol.Table, error) { return symbol.ReadKallsyms(strings.NewReader(s)) },
		"System.map": func(s string) (*symbol.Table, error) { return symbol.ReadSystemMap(strings.NewReader(s)) },
	}
	for _, tt := range []struct {
		name, format, text string
		want               error
		says               string
		kept               int
	}{
		{"hidden", "kallsyms", "0000000000000000 T _stext\n0000000000000000 t helper\t[nvme]\n", symbol.ErrHidden, "kptr_restrict", 0},
		{"empty", "kallsyms", "", symbol.ErrFormat, "empty", 0},
		{"not hexadecimal", "System.map", "ffffffff81000000 T a\nhello T b\n", symbol.ErrFormat, "line 2", 1},
		{"no name", "System.map", "ffffffff81000000 T\n", symbol.ErrFormat, "line 1", 0},
		{"long line", "System.map", "ffffffff81000000 T ok\nffffffff81000010 T " + strings.Repeat("x", 8<<10) + "\n", symbol.ErrFormat, "line 2", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table, err := read[tt.format](tt.text)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %v that says %q", err, tt.want, tt.says)
			}
			if table != nil && table.Len() != tt.kept {
				t.Errorf("%d symbols were kept, want %d", table.Len(), tt.kept)
			}
		})
	}
}

func TestModuleName(t *testing.T) {
	for file, want := range map[string]string{"/lib/modules/6.1/kernel/sound/snd-hda-intel.ko.xz": "snd_hda_intel", "nvme.ko": "nvme", "x/demo.ko.debug": "demo"} {
		if got := symbol.ModuleName(file); got != want {
			t.Errorf("ModuleName(%q) = %q, want %q", file, got, want)
		}
	}
}

func TestHints(t *testing.T) {
	const id = "fe19c8ad41bb3d0e2c9a6f7c4d5e6f708192a3b4"
	for _, tt := range []struct {
		name  string
		lines []string
		want  symbol.Hints
	}{
		{"offset", []string{"[   13.03] Kernel Offset: 0x27000000 from 0xffffffff81000000 (relocation range: 0xffffffff80000000-0xffffffffbfffffff)"}, symbol.Hints{Offset: 0x27000000, HasOffset: true}},
		{"disabled", []string{"Kernel Offset: disabled"}, symbol.Hints{HasOffset: true}},
		{"nonsense", []string{"Kernel Offset: 0xzz from", "Kernel Offset: "}, symbol.Hints{}},
		{"build ID", []string{"CPU: 4 PID: 4407 Comm: foo Tainted: G        W 6.9.0-rc2 #3 " + id}, symbol.Hints{BuildID: id}},
		{"no build ID", []string{"CPU: 4 PID: 4407 Comm: foo Not tainted 6.1.0-56-amd64 #1  Debian 6.1.192-2"}, symbol.Hints{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var h symbol.Hints
			for _, l := range tt.lines {
				h.Line([]byte(l))
			}
			if h != tt.want {
				t.Errorf("%+v, want %+v", h, tt.want)
			}
		})
	}
	var two symbol.Hints
	two.Line([]byte("CPU: 0 PID: 1 Comm: a Not tainted 6.9 #1 " + id))
	two.Line([]byte("CPU: 0 PID: 1 Comm: a Not tainted 6.9 #1 " + strings.Repeat("ab", 20)))
	if two.BuildID != "" {
		t.Errorf("two kernels in one log give no build ID, got %q", two.BuildID)
	}
}
