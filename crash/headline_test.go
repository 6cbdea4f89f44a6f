package crash

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// headlines are one line of each thing that kernels say when something is
// wrong, each by itself and without what follows it. KindNone marks lines that
// are no headline: a frame around one, a line in the middle of a report, and
// the name that a tool gives to a report.
var headlines = []struct {
	kind Kind
	line string
}{
	{KindNullDeref, "BUG: kernel NULL pointer dereference, address: 0000000000000010"},
	{KindPageFault, "BUG: unable to handle page fault for address: ffffc90000a3bff8"},
	{KindGPF, "Oops: general protection fault, probably for non-canonical address 0xdffffc0000000000: 000"},
	{KindOops, "Oops: Oops: 0000 [#1] SMP NOPTI"},
	{KindOops, "Oops: 0002 [#1] SMP"},
	{KindDivide, "Oops: divide error: 0000 [#1] PREEMPT SMP"},
	{KindInvalidOpcode, "Oops: invalid opcode: 0000 [#1] PREEMPT SMP"},
	{KindBug, "kernel BUG at fs/ext4/inode.c:2441!"},
	{KindNone, "------------[ cut here ]------------"},
	{KindWarning, "WARNING: CPU: 2 PID: 1194 at net/xfrm/xfrm_state.c:2381 xfrm_state_fini+0x440/0x5c0"},
	{KindWarning, "WARNING: net/xfrm/xfrm_state.c:2381 at xfrm_state_fini+0x440/0x5c0, CPU#2: kworker/2:1/119"},
	{KindKASAN, "BUG: KASAN: slab-use-after-free in foo+0x12/0x30"},
	{KindKFENCE, "BUG: KFENCE: use-after-free read in foo+0x12/0x30"},
	{KindKCSAN, "BUG: KCSAN: data-race in foo / bar"},
	{KindKMSAN, "BUG: KMSAN: uninit-value in foo+0x12/0x30"},
	{KindUBSAN, "UBSAN: shift-out-of-bounds in drivers/of/unittest.c:1893:36"},
	{KindLeak, "BUG: memory leak"},
	{KindDeadlock, "WARNING: possible circular locking dependency detected"},
	{KindDeadlock, "WARNING: possible recursive locking detected"},
	{KindRCUUsage, "WARNING: suspicious RCU usage"},
	{KindLockState, "WARNING: inconsistent lock state"},
	{KindAtomicSleep, "BUG: sleeping function called from invalid context at mm/slab.h:421"},
	{KindAtomicSleep, "BUG: scheduling while atomic: swapper/0/1/0x00000002"},
	{KindSoftLockup, "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [pulseaudio:158]"},
	{KindHardLockup, "NMI watchdog: Watchdog detected hard LOCKUP on cpu 3"},
	{KindHardLockup, "watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 3"},
	{KindRCUStall, "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"},
	{KindRCUStall, "rcu: INFO: rcu_preempt self-detected stall on CPU"},
	{KindRCUStall, "rcu: INFO: rcu_tasks_trace detected stalls on tasks:"},
	{KindRCUStall, "rcu: rcu_preempt kthread starved for 10502 jiffies! g1234 f0x0 RCU_GP_WAIT_FQS(5) ->state="},
	{KindHungTask, "INFO: task kworker/u8:2:123 blocked for more than 120 seconds."},
	{KindHungTask, "INFO: task kworker/u8:2:123 is blocked on a mutex likely owned by task foo:12."},
	{KindWorkqueueHog, "workqueue: foo_work_fn hogged CPU for >10000us 4 times, consider switching to WQ_UNBOUND"},
	{KindWorkqueueLockup, "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!"},
	{KindPanic, "Kernel panic - not syncing: Fatal exception in interrupt"},
	{KindPanic, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"},
	{KindPanic, "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"},
	{KindSError, "Kernel panic - not syncing: Asynchronous SError Interrupt"},
	{KindHardLockup, "Kernel panic - not syncing: Hard LOCKUP"},
	{KindSError, "SError Interrupt on CPU0, code 0x00000000be000011 -- SError"},
	{KindOops, "Internal error: Oops: 0000000096000004 [#1] PREEMPT SMP"},
	{KindBug, "Internal error: Oops - BUG: 00000000f2000800 [#1] SMP"},
	{KindExternalAbort, "Internal error: synchronous external abort: 0000000096000210 [#1] SMP"},
	{KindNullDeref, "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010"},
	{KindPageFault, "Unable to handle kernel paging request at virtual address dfff800000000003"},
	{KindPageFault, "Unable to handle kernel write to read-only memory at virtual address ffff800008a50000"},
	{KindPageFault, "Unable to handle kernel execute from non-executable memory at virtual address ffff0000c000"},
	{KindPageFault, "Unable to handle kernel pointer dereference in virtual kernel address space"},
	{KindPageFault, "Unable to handle kernel access to user memory outside uaccess routines at virtual address "},
	{KindSError, "Bad mode in Error handler detected on CPU0, code 0xbf000002 -- SError"},
	{KindInvalidOpcode, "undefined instruction: pc=ffffffc0105a3a50"},
	{KindOops, "Oops - illegal instruction [#1]"},
	{KindOops, "Oops - load access fault [#1]"},
	{KindOops, "Oops: Kernel access of bad area, sig: 11 [#1]"},
	{KindOops, "Oops: Exception in kernel mode, sig: 4 [#1]"},
	{KindNullDeref, "BUG: Kernel NULL pointer dereference on read at 0x00000010"},
	{KindOops, "specification exception: 0006 ilc:2 [#1] SMP"},
	{KindInvalidOpcode, "illegal operation: 0001 ilc:1 [#1] SMP"},
	{KindBug, "monitor event: 0040 ilc:2 [#1] SMP"},
	{KindBug, "Kernel bug detected[#1]:"},
	{KindPageFault, "CPU 0 Unable to handle kernel paging request at virtual address 00000010, epc == 80123456,"},
	{KindCFI, "CFI failure at foo+0x1c/0x40 (target: bar+0x0/0x10; expected type: 0x12345678)"},
	{KindCFI, "Internal error: Oops - CFI: 00000000f2008228 [#1] SMP"},
	{KindSlab, "BUG skbuff_head_cache (Tainted: G        W): Poison overwritten"},
	{KindSlab, "BUG kmalloc-64 (Not tainted): Right Redzone overwritten"},
	{KindSlab, "BUG task_struct (Tainted: G    B): Object already free"},
	{KindListCorruption, "list_del corruption. prev->next should be ffff888, but was 0000000"},
	{KindRefcount, "refcount_t: underflow; use-after-free."},
	{KindUsercopy, "usercopy: Kernel memory exposure attempt detected from SLUB object 'task_struct' (offset 0"},
	{KindBadPage, "page dumped because: nonzero mapcount"},
	{KindBadPage, "BUG: Bad page state in process syz  pfn:11bf4c"},
	{KindBadPage, "BUG: Bad page map in process foo  pte:8000000010f1e865 pmd:12345067"},
	{KindBadMM, "BUG: Bad rss-counter state mm:00000000f6b5 type:MM_ANONPAGES val:2"},
	{KindOOM, "foo invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"},
	{KindOOM, "Out of memory: Killed process 1234 (foo) total-vm:100kB, anon-rss:10kB"},
	{KindAllocFailure, "foo: page allocation failure: order:4, mode:0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO), nod"},
	{KindAllocFailure, "vmalloc error: size 4096, page order 0, failed to allocate pages"},
	{KindIRQ, `irq 16: nobody cared (try booting with the "irqpoll" option)`},
	{KindNetdevWatchdog, "NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out 5000 ms"},
	{KindMachineCheck, "mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 4: be00000000800400"},
	{KindMachineCheck, "mce: [Hardware Error]: Machine check events logged"},
	{KindHardwareError, "{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 4"},
	{KindEDAC, "EDAC MC0: 1 UE memory read error on CPU_SrcID#0_Ha#0_Chan#0_DIMM#0"},
	{KindFilesystem, "EXT4-fs error (device sda1): ext4_lookup:1785: inode #2: comm ls: deleted inode referenced"},
	{KindFilesystem, "XFS (dm-0): Internal error xfs_trans_cancel at line 957 of file fs/xfs/xfs_trans.c.  Calle"},
	{KindFSShutdown, "XFS (dm-0): Corruption of in-memory data (0x8) detected at xfs_trans_cancel. Shutting down"},
	{KindFilesystem, "BTRFS critical (device sda1): corrupt leaf: root=2 block=1 slot=1"},
	{KindFilesystem, "BTRFS: error (device sda1: state A) in btrfs_run_delayed_refs:2150: errno=-28 No space lef"},
	{KindFilesystem, "F2FS-fs (sda1): Inconsistent blkaddr"},
	{KindIOError, "blk_update_request: I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x0"},
	{KindIOTimeout, "nvme nvme0: I/O tag 123 (107b) QID 4 timeout, aborting req_op:READ(0) size:4096"},
	{KindNone, "INFO: task hung in foo"},
	{KindIOMMU, "DMAR: DRHD: handling fault status reg 3"},
	{KindIOMMU, "AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x0001 address=0x0 flags=0x0000]"},
	{KindGPU, "amdgpu 0000:01:00.0: [drm] *ERROR* ring gfx_0.0.0 timeout, signaled seq=1, emitted seq=2"},
	{KindGPU, "i915 0000:00:02.0: [drm] GPU HANG: ecode 12:1:85dcfffb, in Xorg [1234]"},
	{KindDMA, "DMA-API: nvme 0000:01:00.0: device driver frees DMA memory with wrong function"},
	{KindDuplicateName, "sysfs: cannot create duplicate filename '/devices/foo'"},
	{KindKobject, "kobject: can not set name properly!"},
	{KindDuplicateName, "debugfs: Directory 'foo' with parent 'bar' already present!"},
	{KindRustPanic, "rust_kernel: panicked at samples/rust/foo.rs:10:5:"},
	{KindDoubleFault, "traps: PANIC: double fault, error_code: 0x0"},
	{KindDoubleFault, "PANIC: double fault, error_code: 0x0"},
	{KindStackCorruption, "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: foo+0x1/0x2"},
	{KindMSR, "unchecked MSR access error: RDMSR from 0x123 at rIP: 0xffffffff81 (foo+0x1/0x2)"},
	{KindSplitLock, "x86/split lock detection: #AC: foo/123 took a split_lock trap at address: 0x1234"},
	{KindNetdevRef, "unregister_netdevice: waiting for lo to become free. Usage count = 2"},
	{KindPreempt, "BUG: using smp_processor_id() in preemptible [00000000] code: foo/1"},
	{KindSpinlock, "BUG: spinlock bad magic on CPU#0, foo/1"},
	{KindLockdep, "INFO: trying to register non-static key."},
	{KindNone, "DEADLOCK"},
	{KindODebug, "ODEBUG: free active (active state 0) object: ffff8881 object type: timer_list hint: foo+0x"},
	{KindRefTracker, "ref_tracker: reference already released."},
	{KindGPF, "general protection fault: 0000 [#1] SMP PTI"},
	{KindGPF, "general protection fault: 0000 [#3] SMP"},
	{KindDoubleFault, "double fault: 0000 [#1] SMP"},
	{KindPageFault, "kernel tried to execute NX-protected page - exploit attempt? (uid: 0)"},
	{KindSegfault, "traps: foo[123] general protection fault ip:7f sp:7f error:0 in libc.so[7f+1]"},
	{KindSegfault, "foo[123]: segfault at 0 ip 0000 sp 0000 error 4 in bar[400000+1000]"},
}

func TestHeadlines(t *testing.T) {
	classified := 0
	for _, h := range headlines {
		doc, err := Parse(context.Background(), strings.NewReader("[  123.456789] "+h.line+"\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := KindNone
		if len(doc.Reports) > 0 {
			got = doc.Reports[0].Kind
		}
		if got != h.kind {
			t.Errorf("%q is read as %q, want %q", h.line, got, h.kind)
		}
		if got != KindNone {
			classified++
		}
	}
	if classified < 115 {
		t.Errorf("%d of %d headlines are classified, want at least 115", classified, len(headlines))
	}
	t.Logf("%d of %d headlines classified", classified, len(headlines))
}

// TestIntegrity: what a report says of the parts that it lacks.
func TestIntegrity(t *testing.T) {
	const head = "BUG: using __this_cpu_read() in preemptible [00000000] code: foo/1234\n" +
		"CPU: 1 PID: 1234 Comm: foo Not tainted 6.1.0 #1\nCall Trace:\n dump_stack+0xc1/0x128\n check_preemption_disabled+0x1d4/0x200\n"
	for name, tt := range map[string]struct {
		log  string
		want string
	}{
		"whole":             {head + " bar_open+0x1/0x20\n do_syscall_64+0x1/0x20\n", ""},
		"breaks off":        {head, "frames"},
		"nothing vouched":   {"INFO: task foo:1234 blocked for more than 120 seconds.\nCall Trace:\n ? __schedule+0x1/0x2\n ? schedule+0x1/0x2\n ? bar_read+0x1/0x2\n", "frames"},
		"none":              {"INFO: task foo:1234 blocked for more than 120 seconds.\n", "stack"},
		"prints none":       {"WARNING: lock held when returning to user space!\n", ""},
		"named by the word": {"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: bar_read+0x1/0x2\n", ""},
		"another's failure": {head + "FAULT_INJECTION: forcing a failure.\nname failslab, interval 1, probability 0, space 0, times 0\n bar_open+0x1/0x20\n do_syscall_64+0x1/0x20\n" +
			"CPU: 0 PID: 1 Comm: x Not tainted 6.1.0 #1\nCall Trace:\n dump_stack+0xc1/0x128\n should_fail+0x1/0x2\n", "interleaved"},
	} {
		doc := parseLog(t, stamped(strings.Split(strings.TrimSuffix(tt.log, "\n"), "\n")))
		if len(doc.Reports) != 1 {
			t.Errorf("%s: %d reports, want 1", name, len(doc.Reports))
			continue
		}
		r := &doc.Reports[0]
		if got := strings.Join(r.Missing, " "); got != tt.want {
			t.Errorf("%s: missing %q, want %q", name, got, tt.want)
		}
		if strings.Contains(tt.log, "bar_open") && (r.Guilty == nil || r.Guilty.Function != "bar_open") {
			t.Errorf("%s: guilty %v, want bar_open", name, r.Guilty)
		}
	}
}

// TestCandidates: a stall is named after the operation that does not end, which
// here a timer interrupted; what the kernel was asked for comes second.
func TestCandidates(t *testing.T) {
	doc := parseLog(t, stamped(strings.Split(`watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [foo:1234]
CPU: 0 PID: 1234 Comm: foo Not tainted 6.1.0 #1
RIP: 0010:bar_spin+0x1/0x20
Call Trace:
 <IRQ>
 bar_timer+0x1/0x20
 call_timer_fn+0x1/0x20
 run_timer_softirq+0x1/0x20
 </IRQ>
 baz_wait+0x1/0x20
 baz_ioctl+0x1/0x20
 __x64_sys_ioctl+0x1/0x20
 do_syscall_64+0x1/0x20`, "\n")))
	var got []string
	for _, c := range doc.Reports[0].Candidates {
		if c.Why == "" {
			t.Errorf("%s: no reason", c.Function)
		}
		got = append(got, c.Function)
	}
	if want := []string{"bar_timer", "baz_ioctl", "bar_spin"}; !slices.Equal(got, want) {
		t.Errorf("candidates %v, want %v", got, want)
	}
}
