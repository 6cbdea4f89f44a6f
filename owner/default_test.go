package owner

import (
	"slices"
	"strings"
	"testing"
)

func defaultIndex(t testing.TB) *Index {
	t.Helper()
	x, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestDefault(t *testing.T) {
	x := defaultIndex(t)
	p := x.Provenance()
	if !strings.HasPrefix(p.Package, "linux-source-") || p.Functions < 400_000 || p.Modules < 5_000 || p.Files < 30_000 {
		t.Errorf("provenance %+v is not that of a kernel tree", p)
	}
	if n := len(slices.Collect(x.Sections())); n < 2_000 {
		t.Errorf("%d sections", n)
	}
	if len(x.Problems()) > 0 {
		t.Errorf("problems in the kernel's own file: %v", x.Problems())
	}
}

func TestDefaultLookup(t *testing.T) {
	x := defaultIndex(t)
	tests := []struct {
		name  string
		query Query
		want  string // the first subsystem; "" for nobody
		path  string // of the first match, if it matters
	}{
		{"file", Query{File: "fs/ext4/inode.c"}, "EXT4 FILE SYSTEM", "fs/ext4/inode.c"},
		{"file as WARNING prints it", Query{File: "fs/ext4/inode.c:2763"}, "EXT4 FILE SYSTEM", "fs/ext4/inode.c"},
		{"file of a build directory", Query{File: "/build/kernel/linux-6.12/fs/ext4/inode.c:1"}, "EXT4 FILE SYSTEM", "fs/ext4/inode.c"},
		{"file relative to an object directory", Query{File: "../fs/ext4/inode.c"}, "EXT4 FILE SYSTEM", "fs/ext4/inode.c"},
		{"file newer than the index", Query{File: "fs/ext4/zzz.c"}, "EXT4 FILE SYSTEM", "fs/ext4/zzz.c"},
		{"function", Query{Function: "ext4_writepages"}, "EXT4 FILE SYSTEM", "fs/ext4/inode.c"},
		{"function with offset", Query{Function: "ext4_do_writepages.part.0+0x1c/0x40"}, "EXT4 FILE SYSTEM", "fs/ext4/inode.c"},
		{"system call on x86", Query{Function: "__x64_sys_futex"}, "FUTEX SUBSYSTEM", "kernel/futex/syscalls.c"},
		{"system call on arm64", Query{Function: "__arm64_sys_bpf"}, "BPF [CORE]", "kernel/bpf/syscall.c"},
		{"function narrowed by its module", Query{Function: "lkdtm_PANIC", Module: "lkdtm"}, "LINUX KERNEL DUMP TEST MODULE (LKDTM)", "drivers/misc/lkdtm/bugs.c"},
		{"module", Query{Module: "lkdtm"}, "LINUX KERNEL DUMP TEST MODULE (LKDTM)", "drivers/misc/lkdtm/bugs.c"},
		{"module of several files", Query{Module: "nvme"}, "NVM EXPRESS DRIVER", "drivers/nvme/host/pci.c"},
		{"module of many files", Query{Module: "amdgpu"}, "RADEON and AMDGPU DRM DRIVERS", ""},
		{"module by its other spelling", Query{Module: "snd-hda-intel.ko"}, "SOUND", "sound/pci/hda/hda_intel.c"},
		{"function unknown, module known", Query{Function: "no_such_function", Module: "e1000e"}, "INTEL ETHERNET DRIVERS", ""},
		{"function of another module of that name", Query{Function: "e1000_probe", Module: "e1000e"}, "INTEL ETHERNET DRIVERS", "drivers/net/ethernet/intel/e1000e/netdev.c"},
		{"module out of the tree, common name", Query{Function: "init_once", Module: "acme"}, "", ""},
		{"hint", Query{Function: "no_such_function", Hints: []string{"no_such_hint", "nvme_reset_work"}}, "NVM EXPRESS DRIVER", "drivers/nvme/host/pci.c"},
		{"hint that is a module", Query{Hints: []string{"ext4"}}, "EXT4 FILE SYSTEM", ""},
		{"file before function", Query{File: "fs/ext4/inode.c", Function: "nvme_reset_work"}, "EXT4 FILE SYSTEM", "fs/ext4/inode.c"},
		{"assembler, by architecture", Query{Function: "memcpy", Arch: "aarch64"}, "ARM64 PORT (AARCH64 ARCHITECTURE)", "arch/arm64/lib/memcpy.S"},
		{"exception entry", Query{Function: "asm_exc_page_fault"}, "X86 MM", "arch/x86/mm/fault.c"},
		{"nothing", Query{}, "", ""},
		{"file out of the tree", Query{File: "/build/lab/labcrash.c:12"}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := x.Lookup(tt.query)
			if len(got) == 0 {
				if tt.want != "" {
					t.Fatalf("nobody, want %s", tt.want)
				}
				return
			}
			m := got[0]
			if m.Subsystem != tt.want || tt.path != "" && m.Path != tt.path {
				t.Errorf("got %s for %s (%+v), want %s for %s; all: %q", m.Subsystem, m.Path, m.Why, tt.want, tt.path, subsystems(got))
			}
			if m.Why.Line == 0 || m.Why.Pattern == "" || m.Why.Source == "" {
				t.Errorf("no evidence: %+v", m.Why)
			}
		})
	}
}

func BenchmarkFile(b *testing.B) {
	x := defaultIndex(b)
	for _, path := range []string{"kernel/fork.c", "drivers/net/ethernet/intel/e1000e/netdev.c", "drivers/clk/sunxi-ng/ccu-sun50i-a64.c"} {
		b.Run(strings.ReplaceAll(path, "/", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if len(x.File(path)) == 0 {
					b.Fatal("nobody")
				}
			}
		})
	}
}

func BenchmarkFunction(b *testing.B) {
	x := defaultIndex(b)
	b.ReportAllocs()
	for b.Loop() {
		if len(x.Function("ext4_writepages", "ext4")) == 0 {
			b.Fatal("nobody")
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode(compressed); err != nil {
			b.Fatal(err)
		}
	}
}
