package crash

import (
	"context"
	"strings"
	"testing"
)

// The same defect as it looks on two machines, and different ones that look
// alike. Each log is as the kernel of that side prints it.
const (
	nullX86 = `[   12.000001] BUG: kernel NULL pointer dereference, address: 0000000000000038
[   12.000002] #PF: supervisor read access in kernel mode
[   12.000003] #PF: error_code(0x0000) - not-present page
[   12.000004] Oops: 0000 [#1] PREEMPT SMP NOPTI
[   12.000005] CPU: 1 PID: 312 Comm: mount Not tainted 6.1.90 #1
[   12.000006] RIP: 0010:wren_open_log.isra.0+0x24/0x1a0 [wrenfs]
[   12.000007] RAX: 0000000000000000 RBX: ffff8881012a4000 RCX: 0000000000000000
[   12.000008] Call Trace:
[   12.000009]  <TASK>
[   12.000010]  wren_fill_super+0x2f1/0x8a0 [wrenfs]
[   12.000011]  get_tree_bdev+0x16b/0x260
[   12.000012]  vfs_get_tree+0x22/0xc0
[   12.000013]  path_mount+0x2f4/0xb40
[   12.000014]  __x64_sys_mount+0x103/0x140
[   12.000015]  do_syscall_64+0x58/0x80
[   12.000016]  entry_SYSCALL_64_after_hwframe+0x64/0xce
[   12.000017]  </TASK>
[   12.000018] ---[ end trace 0000000000000000 ]---
`
	nullARM64 = `[   31.400001] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000038
[   31.400002] Mem abort info:
[   31.400003]   ESR = 0x0000000096000004
[   31.400004]   EC = 0x25: DABT (current EL), IL = 32 bits
[   31.400005] Internal error: Oops: 0000000096000004 [#1] PREEMPT SMP
[   31.400006] CPU: 3 PID: 877 Comm: mount.wren Not tainted 6.12.10 #1
[   31.400007] pstate: 60400005 (nZCv daif +PAN -UAO -TCO -DIT -SSBS BTYPE=--)
[   31.400008] pc : wren_open_log+0x30/0x210 [wrenfs]
[   31.400009] lr : wren_fill_super+0x3a8/0x9d0 [wrenfs]
[   31.400010] sp : ffff80008331bb20
[   31.400011] x29: ffff80008331bb20 x28: ffff0000c6f8d280 x27: 0000000000000000
[   31.400012] Call trace:
[   31.400013]  wren_open_log+0x30/0x210 [wrenfs] (P)
[   31.400014]  wren_fill_super+0x3a8/0x9d0 [wrenfs]
[   31.400015]  get_tree_bdev_flags+0x140/0x1f8
[   31.400016]  vfs_get_tree+0x30/0xf8
[   31.400017]  path_mount+0x444/0xab8
[   31.400018]  __arm64_sys_mount+0x194/0x2c8
[   31.400019]  invoke_syscall+0x50/0x120
[   31.400020]  el0_svc_common.constprop.0+0x48/0xf0
[   31.400021]  el0t_64_sync+0x198/0x1a0
[   31.400022] Code: f9401c00 f9400001 (f9401c20) b4000080
[   31.400023] ---[ end trace 0000000000000000 ]---
`
	poisonX86 = `[    9.100001] general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] PREEMPT SMP NOPTI
[    9.100002] CPU: 0 PID: 45 Comm: kworker/0:2 Not tainted 6.1.90 #1
[    9.100003] RIP: 0010:wren_drop_ref+0x44/0x90 [wrenfs]
[    9.100004] RAX: dead000000000100 RBX: ffff8881012a4000 RCX: 0000000000000000
[    9.100005] Call Trace:
[    9.100006]  <TASK>
[    9.100007]  wren_gc_work+0x11/0x70 [wrenfs]
[    9.100008]  process_one_work+0x1c7/0x380
[    9.100009]  worker_thread+0x4d/0x380
[    9.100010]  </TASK>
[    9.100011] ---[ end trace 0000000000000000 ]---
`
	poisonARM64 = `[   77.500001] Unable to handle kernel paging request at virtual address dead000000000108
[   77.500002] Mem abort info:
[   77.500003]   ESR = 0x0000000096000044
[   77.500004] [dead000000000108] address between user and kernel address ranges
[   77.500005] Internal error: Oops: 0000000096000044 [#1] PREEMPT SMP
[   77.500006] CPU: 2 PID: 9 Comm: kworker/2:1 Not tainted 6.12.10 #1
[   77.500007] pc : wren_drop_ref+0x3c/0xb8 [wrenfs]
[   77.500008] lr : wren_gc_work+0x28/0x90 [wrenfs]
[   77.500009] x29: ffff80008331bb20 x28: ffff0000c6f8d280 x27: 0000000000000000
[   77.500010] Call trace:
[   77.500011]  wren_drop_ref+0x3c/0xb8 [wrenfs] (P)
[   77.500012]  wren_gc_work+0x28/0x90 [wrenfs]
[   77.500013]  process_one_work+0x15c/0x3c0
[   77.500014]  worker_thread+0x2ec/0x400
[   77.500015] ---[ end trace 0000000000000000 ]---
`
	warnGCC = `[    5.000001] ------------[ cut here ]------------
[    5.000002] WARNING: CPU: 1 PID: 700 at fs/wren/xattr.c:210 wren_setxattr.part.0.cold+0x14/0x2e [wrenfs]
[    5.000003] CPU: 1 PID: 700 Comm: setfattr Not tainted 6.1.90 #1
[    5.000004] RIP: 0010:wren_setxattr.part.0.cold+0x14/0x2e [wrenfs]
[    5.000005] RAX: 0000000000000000 RBX: ffff8881012a4000 RCX: 0000000000000000
[    5.000006] Call Trace:
[    5.000007]  <TASK>
[    5.000008]  wren_xattr_set+0x41/0x60 [wrenfs]
[    5.000009]  __do_sys_setxattr+0x8a/0xb0
[    5.000010]  do_syscall_64+0x58/0x80
[    5.000011]  </TASK>
[    5.000012] ---[ end trace 0000000000000000 ]---
`
	warnClang = `[    6.000001] ------------[ cut here ]------------
[    6.000002] WARNING: CPU: 0 PID: 12 at fs/wren/xattr.c:233 wren_setxattr.llvm.16077386517063341871+0x9c/0x1b0 [wrenfs]
[    6.000003] CPU: 0 UID: 0 PID: 12 Comm: rsync Not tainted 6.12.10 #3
[    6.000004] RIP: 0010:wren_setxattr.llvm.16077386517063341871+0x9c/0x1b0 [wrenfs]
[    6.000005] RAX: 0000000000000000 RBX: ffff8881012a4000 RCX: 0000000000000000
[    6.000006] Call Trace:
[    6.000007]  <TASK>
[    6.000008]  wren_xattr_set+0x41/0x60 [wrenfs]
[    6.000009]  __se_sys_setxattr+0x8a/0xb0
[    6.000010]  do_syscall_64+0x58/0x80
[    6.000011]  </TASK>
[    6.000012] ---[ end trace 0000000000000000 ]---
`
	// Another compiler, which inlined the callers of the guilty function.
	nullInlined = `[    8.000001] BUG: kernel NULL pointer dereference, address: 0000000000000038
[    8.000002] #PF: supervisor read access in kernel mode
[    8.000003] Oops: 0000 [#1] PREEMPT SMP NOPTI
[    8.000004] CPU: 1 PID: 312 Comm: mount Not tainted 6.6.30 #1
[    8.000005] RIP: 0010:wren_open_log+0x61/0x3a0 [wrenfs]
[    8.000006] RAX: 0000000000000000 RBX: ffff8881012a4000 RCX: 0000000000000000
[    8.000007] Call Trace:
[    8.000008]  <TASK>
[    8.000009]  vfs_get_tree+0x22/0xc0
[    8.000010]  __se_sys_mount+0x6b3/0x740
[    8.000011]  do_syscall_64+0x58/0x80
[    8.000012]  </TASK>
[    8.000013] ---[ end trace 0000000000000000 ]---
`
	// The same function frees twice, by the wording before and since 6.1.
	doubleFreeOld = `[    3.000001] ==================================================================
[    3.000002] BUG: KASAN: double-free or invalid-free in wren_put_super+0x3c/0x80
[    3.000003]
[    3.000004] CPU: 0 PID: 99 Comm: umount Not tainted 5.15.150 #1
[    3.000005] Call Trace:
[    3.000006]  <TASK>
[    3.000007]  dump_stack_lvl+0x45/0x5a
[    3.000008]  kasan_report_invalid_free+0x55/0x80
[    3.000009]  kfree+0xa3/0x260
[    3.000010]  wren_put_super+0x3c/0x80
[    3.000011]  generic_shutdown_super+0x98/0x1a0
[    3.000012]  </TASK>
[    3.000013] ==================================================================
`
	doubleFreeNew = `[    3.000001] ==================================================================
[    3.000002] BUG: KASAN: double-free in wren_put_super+0x44/0xa0
[    3.000003] Free of addr ffff888104e3c800 by task umount/101
[    3.000004]
[    3.000005] CPU: 1 PID: 101 Comm: umount Not tainted 6.6.30 #1
[    3.000006] Call Trace:
[    3.000007]  <TASK>
[    3.000008]  dump_stack_lvl+0x47/0x60
[    3.000009]  print_report+0xcf/0x660
[    3.000010]  kasan_report_invalid_free+0x9e/0xc0
[    3.000011]  __kasan_slab_free+0x10e/0x150
[    3.000012]  kfree+0xd1/0x2a0
[    3.000013]  wren_put_super+0x44/0xa0
[    3.000014]  generic_shutdown_super+0x98/0x1a0
[    3.000015]  </TASK>
[    3.000016] ==================================================================
`
)

func reportOf(t testing.TB, log string) *Report {
	t.Helper()
	doc, err := Parse(context.Background(), strings.NewReader(log), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if doc.Primary == nil {
		t.Fatalf("no report in\n%s", log)
	}
	return &doc.Reports[*doc.Primary]
}

func TestPortableSurvives(t *testing.T) {
	for _, c := range []struct{ name, a, b string }{
		{"architecture, release and a caller's new name", nullX86, nullARM64},
		{"an architecture's own name for a bad address", poisonX86, poisonARM64},
		{"gcc's outlined cold part and clang's local symbol", warnGCC, warnClang},
		{"inlined callers", nullX86, nullInlined},
		{"the wording of a sanitizer", doubleFreeOld, doubleFreeNew},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := reportOf(t, c.a), reportOf(t, c.b)
			if a.Signature.Portable != b.Signature.Portable || a.Signature.Family != b.Signature.Family {
				t.Errorf("portable %v (%s)\nand      %v (%s) differ", a.Signature.Basis, a.Title, b.Signature.Basis, b.Title)
			}
			if a.Signature.Exact == b.Signature.Exact {
				t.Error("two builds have one exact signature")
			}
		})
	}
}

func TestPortableTellsApart(t *testing.T) {
	other := strings.NewReplacer("wren_open_log", "wren_close_log")
	for _, c := range []struct {
		name, a, b string
		family     bool
	}{
		{"another function, same callers", nullX86, other.Replace(nullX86), false},
		{"a check and a fault", warnGCC, nullX86, false},
		{"NULL and poison in one function", strings.ReplaceAll(nullX86, "wren_open_log.isra.0", "wren_drop_ref"), poisonX86, true},
		{"a function of another module", nullX86, strings.ReplaceAll(nullX86, "[wrenfs]", "[larkfs]"), true},
		{"double free and use after free", doubleFreeNew, strings.Replace(doubleFreeNew, "double-free", "slab-use-after-free", 1), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := reportOf(t, c.a), reportOf(t, c.b)
			if a.Signature.Portable == b.Signature.Portable {
				t.Errorf("%s and %s have one portable signature: %v", a.Title, b.Title, a.Signature.Basis)
			}
			if (a.Signature.Family == b.Signature.Family) != c.family {
				t.Errorf("same family is %v, want %v", !c.family, c.family)
			}
		})
	}
}

// A task or a device that the headline names is not what the class is.
func TestAnonymousHeadline(t *testing.T) {
	a := &Report{Kind: KindHungTask, Class: ClassHang, Task: "rsync", Headline: "INFO: task rsync:812 blocked for more than 120 seconds."}
	b := &Report{Kind: KindHungTask, Class: ClassHang, Task: "kworker/u8:3", Headline: "INFO: task kworker/u8:3:77 blocked for more than 241 seconds."}
	if sign(a).Portable != sign(b).Portable {
		t.Errorf("%v and %v differ by the task", sign(a).Basis, sign(b).Basis)
	}
	c := &Report{Kind: KindIOError, Class: ClassIO, Subject: "sdb", Headline: "I/O error, dev sdb, sector 2048 op 0x0:(READ)"}
	d := &Report{Kind: KindIOError, Class: ClassIO, Subject: "nvme0n1", Headline: "I/O error, dev nvme0n1, sector 99 op 0x0:(READ)"}
	if sign(c).Portable != sign(d).Portable {
		t.Errorf("%v and %v differ by the device", sign(c).Basis, sign(d).Basis)
	}
}

// What a record was grouped by stays available, unchanged.
func TestSignKnowsOldRules(t *testing.T) {
	r := reportOf(t, poisonX86)
	now, ok := Sign(r, Algorithm)
	if !ok || now.Portable != r.Signature.Portable || now.Algorithm != Algorithm {
		t.Errorf("today's rules: %+v, %v", now, ok)
	}
	old, ok := Sign(r, "ringside-1")
	// The hash that releases before ringside-2 made of exactly this basis.
	if want := digest([]string{"general-protection-fault", "wren_drop_ref", "wrenfs"}); !ok || old.Algorithm != "ringside-1" || old.Portable != want {
		t.Errorf("ringside-1: %+v, %v; want %s", old, ok, want)
	}
	if _, ok := Sign(r, "ringside-99"); ok {
		t.Error("rules of the future are known")
	}
}

func TestPortableNames(t *testing.T) {
	for in, want := range map[string]string{
		".foo":                    "foo",
		"__pi_memcpy":             "memcpy",
		"__cfi_foo":               "foo",
		"foo.lto_priv.0":          "foo",
		"foo.cfi_jt":              "foo",
		"SyS_mount":               "sys_mount",
		"__se_sys_mount":          "sys_mount",
		"__do_sys_mount":          "sys_mount",
		"__powerpc_sys_mount":     "sys_mount",
		"sys_":                    "sys_",
		"__cfi_":                  "__cfi_",
		"a::b::h0123456789abcdef": "a::b",
		"_RNvMs_NtCs3yuwAp9tuer_6kernel4syncINtB4_3ArcE4drop": "_RNvMs_NtC6kernel4syncINtB4_3ArcE4drop",
		"_RNvMs_NtCsZ9k_6kernel4syncINtB4_3ArcE4drop":         "_RNvMs_NtC6kernel4syncINtB4_3ArcE4drop",
	} {
		if got := PortableName(in); got != want {
			t.Errorf("PortableName(%q) = %q, want %q", in, got, want)
		}
	}
}
