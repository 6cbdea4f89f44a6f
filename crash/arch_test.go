package crash

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestArchitectures reads one oops of each architecture; see
// testdata/arch/README.md.
func TestArchitectures(t *testing.T) {
	for _, tt := range []struct {
		file      string
		kind      Kind
		arch      string
		address   string
		access    string
		registers string // some of them, name=value
		count     int    // of all
		trap      string // hex of the code from the trap on, its beginning
		frames    string // functions from the program counter on, without unreliable ones
		panicked  bool
	}{
		{file: "i386-null.log", kind: KindNullDeref, arch: "i386", address: "00000010", access: "read",
			registers: "EAX=00000000 EBX=c6d1fe30 ESP=c6d1ff1c SS=0068 EFLAGS=00010246 CR2=00000010", count: 19, trap: "8b5010",
			frames: "wren_read vfs_read ksys_read __ia32_sys_read do_int80_syscall_32 entry_INT80_32"},
		{file: "i386-null-2.6.32.log", kind: KindNullDeref, arch: "i386", address: "00000010",
			registers: "EAX=00000000 EBP=c6d1ff20 DS=007b SS=0068", count: 14, trap: "8b5010", frames: "wren_read"},
		{file: "arm-null.log", kind: KindNullDeref, arch: "arm", address: "00000010", access: "read",
			registers: "pc=bf000010 lr=c0284bb0 psr=60000013 sp=c6d1fe30 fp=c6d1fe4c r10=00000003 r3=00000000 r0=c6c0a000", count: 17, trap: "e5933010",
			frames: "wren_read vfs_read ksys_read"},
		{file: "arm-null-3.2.log", kind: KindNullDeref, arch: "arm", address: "00000010",
			registers: "pc=bf000010 lr=c00c4bb0 psr=60000013 r3=00000000", count: 17, trap: "e5933010",
			frames: "wren_read vfs_read sys_read"},
		{file: "arm64-paging.log", kind: KindPageFault, arch: "arm64", address: "dead000000000108", access: "write",
			registers: "pstate=60000005 sp=ffff800082c3bc60 x29=ffff800082c3bc60 x2=dead000000000100 x0=ffff0000c1d3c000", count: 12, trap: "f9000441",
			frames: "wren_unlink wren_read vfs_read ksys_read __arm64_sys_read invoke_syscall el0_svc_common.constprop.0 do_el0_svc el0_svc el0t_64_sync_handler el0t_64_sync"},
		{file: "riscv64-null.log", kind: KindNullDeref, arch: "riscv64", address: "0000000000000010",
			registers: "epc=ffffffff01a2c018 ra=ffffffff80280c1c sp=ff20000000a3bd40 gp=ffffffff81a9c2d0 s0=ff20000000a3bd70 a0=ff60000001d3c000 t6=0000000000000000 status=0000000200000120 badaddr=0000000000000010 cause=000000000000000d", count: 35, trap: "4b98",
			frames: "wren_read vfs_read ksys_read __riscv_sys_read do_trap_ecall_u ret_from_exception", panicked: true},
		{file: "ppc64le-null.log", kind: KindNullDeref, arch: "powerpc", address: "0x00000010", access: "read",
			registers: "NIP=c008000001a20034 LR=c0000000005a1b2c CTR=c008000001a20000 MSR=800000000280b033 CR=24002482 XER=20040000 CFAR=c0000000005a1b28 DAR=0000000000000010 DSISR=40000000 r0=c0000000005a1b2c r10=0000000000000000 r31=c00000000d3c3d98", count: 42, trap: "e9490010",
			frames: "wren_read vfs_read ksys_read system_call_exception system_call_vectored_common"},
		{file: "ppc64-null-3.10.log", kind: KindPageFault, arch: "powerpc", address: "0x00000010",
			registers: "NIP=d000000001a20034 LR=c0000000002a1b2c MSR=8000000000009032 DAR=0000000000000010 r7=0000000000000000", count: 18, trap: "e9490010",
			frames: ".wren_read .vfs_read .SyS_read system_call"},
		{file: "s390x-null.log", kind: KindPageFault, arch: "s390x", address: "0000000000000000",
			registers: "r0=0000000000000000 r2=00000000c2d5a000 r3=000003ffc1234560 r5=00000380003bbd98 r15=00000380003bbc80", count: 17, trap: "e32010100004ebeff1080004",
			frames: "wren_read vfs_read ksys_read __do_syscall system_call"},
		{file: "mips-paging.log", kind: KindPageFault, arch: "mips", address: "00000010",
			registers: "$0=00000000 $4=81d3c000 $25=c0012000 $28=82a3a000 $31=801a2b1c epc=c0012018 BadVA=00000010 Status=1100a403 Cause=00800008", count: 36, trap: "8c620010",
			frames: "wren_read vfs_read ksys_read syscall_common"},
		{file: "loongarch64-paging.log", kind: KindPageFault, arch: "loongarch64", address: "0000000000000010",
			registers: "pc=ffff800002012018 ra=90000000004a2b1c tp=9000000102a38000 a0=9000000101d3c000 t8=0000000000000000 s9=0000000000000000 s1=0000000000000200 s8=0000000000000000 BADV=0000000000000010 ESTAT=00010000", count: 0, trap: "28c04084",
			frames: "wren_read vfs_read ksys_read do_syscall handle_syscall"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			data, err := os.ReadFile("testdata/arch/" + tt.file)
			if err != nil {
				t.Fatal(err)
			}
			doc := parseLog(t, string(data))
			if len(doc.Reports) != 1 || len(doc.Dumps) != 0 {
				t.Fatalf("%d reports and %d dumps, want one report", len(doc.Reports), len(doc.Dumps))
			}
			r := &doc.Reports[0]
			if r.Kind != tt.kind || r.Arch != tt.arch {
				t.Errorf("a %s on %s, want %s on %s", r.Kind, r.Arch, tt.kind, tt.arch)
			}
			if r.Task != "cat" || r.PID == nil || *r.PID%1000 != 412 || r.Panicked != tt.panicked {
				t.Errorf("task %q, pid %v, panicked %v", r.Task, r.PID, r.Panicked)
			}
			if want := strings.Fields(tt.frames)[0]; r.Guilty == nil || r.Guilty.Function != strings.TrimPrefix(want, ".") || r.Guilty.Module != "wren" {
				t.Errorf("guilty %+v, want %s of wren", r.Guilty, want)
			}
			if r.Fault == nil || r.Fault.Address != tt.address || r.Fault.Access != tt.access {
				t.Errorf("fault %+v, want %s of %s", r.Fault, tt.access, tt.address)
			}
			for reg := range strings.FieldsSeq(tt.registers) {
				name, value, _ := strings.Cut(reg, "=")
				if r.Registers[name] != value {
					t.Errorf("register %s is %q, want %q", name, r.Registers[name], value)
				}
			}
			if tt.count > 0 && len(r.Registers) != tt.count {
				t.Errorf("%d registers, want %d: %v", len(r.Registers), tt.count, r.Registers)
			}
			if r.Code == nil || r.Code.Trap < 0 || !strings.HasPrefix(r.Code.Bytes[2*r.Code.Trap:], tt.trap) {
				t.Errorf("code %+v, want %s at the trap", r.Code, tt.trap)
			}
			var frames []string
			for _, f := range r.Frames {
				if f.Reliable {
					frames = append(frames, f.Function)
				}
			}
			if want := strings.Fields(tt.frames); !slices.Equal(frames, want) {
				t.Errorf("frames %v, want %v", frames, want)
			}
			if len(r.Missing) > 0 && tt.file != "i386-null-2.6.32.log" {
				t.Errorf("missing %v", r.Missing)
			}
		})
	}
}
