package diagnose

import (
	"strings"
	"testing"
)

func TestSecurity(t *testing.T) {
	const kasan = "[    1.000000] ==================================================================\n"
	tail := func(call string) string {
		return "[    1.000003] CPU: 0 PID: 7 Comm: worker Not tainted 6.1.0 #1\n[    1.000004] Call Trace:\n[    1.000005]  dump_stack_lvl+0x1/0x2\n[    1.000006]  foo+0x1/0x20 [bar]\n[    1.000007]  " + call + "+0x1/0x2\n" + kasan
	}
	regs := func(r string) string {
		return "[    1.000001] CPU: 0 PID: 7 Comm: worker Not tainted 6.1.0 #1\n[    1.000002] RIP: 0010:foo+0x1/0x20 [bar]\n" + r + "[    1.000005] Call Trace:\n[    1.000006]  baz+0x1/0x2\n[    1.000008] ---[ end trace 0000000000000000 ]---\n"
	}
	tests := []struct {
		name, log                string
		class, primitive, rating string
		cwe                      int
		hint                     string
	}{
		{"use after free, write", kasan + "[    1.000000] BUG: KASAN: slab-use-after-free in foo+0x1/0x20 [bar]\n[    1.000001] Write of size 8 at addr ffff88810a0b0c0d by task worker/7\n" + tail("__x64_sys_ioctl"),
			"use-after-free write", "write", "high", 416, "system call ioctl"},
		{"use after free, read", kasan + "[    1.000000] BUG: KASAN: slab-use-after-free in foo+0x1/0x20 [bar]\n[    1.000001] Read of size 8 at addr ffff88810a0b0c0d by task worker/7\n" + tail("baz"),
			"use-after-free read", "read", "high", 416, ""},
		{"out of bounds, read", kasan + "[    1.000000] BUG: KASAN: slab-out-of-bounds in foo+0x1/0x20 [bar]\n[    1.000001] Read of size 8 at addr ffff88810a0b0c0d by task worker/7\n" + tail("net_rx_action"),
			"heap out-of-bounds read", "read", "medium", 125, "packet from the network"},
		{"double free", kasan + "[    1.000000] BUG: KASAN: double-free in foo+0x1/0x20 [bar]\n" + tail("baz"),
			"double free", "free", "high", 415, ""},
		{"null", "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000018\n[    1.000000] #PF: supervisor read access in kernel mode\n" + regs("[    1.000003] RAX: 0000000000000000 RBX: 0000000000000001 RCX: 0000000000000002\n"),
			"null pointer dereference", "crash", "low", 476, ""},
		{"poison without KASAN", "[    1.000000] general protection fault, probably for non-canonical address 0x6b6b6b6b6b6b6b83: 0000 [#1] SMP\n" + regs("[    1.000003] RAX: 6b6b6b6b6b6b6b6b RBX: 0000000000000001 RCX: 0000000000000002\n"),
			"use-after-free", "read", "high", 416, ""},
		{"text in a pointer", "[    1.000000] general protection fault, probably for non-canonical address 0x4141414142424242: 0000 [#1] SMP\n" +
			regs("[    1.000003] Code: 90 <48> 8b 00\n[    1.000003] RAX: 4141414142424242 RBX: 0000000000000001 RCX: 0000000000000002\n"),
			"wild pointer", "read", "medium", 822, "bytes that are text"},
		{"jump into user space", "[    1.000000] BUG: unable to handle page fault for address: 00007f27183cc000\n[    1.000000] #PF: supervisor instruction fetch in kernel mode\n" + regs("[    1.000003] RAX: 0000000000000000 RBX: 0000000000000001 RCX: 0000000000000002\n"),
			"jump into user space", "call", "high", 822, ""},
		{"reference count", "[    1.000000] ------------[ cut here ]------------\n[    1.000000] refcount_t: underflow; use-after-free.\n[    1.000000] WARNING: CPU: 0 PID: 7 at lib/refcount.c:28 refcount_warn_saturate+0x1/0x2\n" + regs(""),
			"reference count misuse", "free", "medium", 911, ""},
		{"assertion", "[    1.000000] kernel BUG at fs/foo.c:12!\n" + regs(""), "reachable assertion", "crash", "low", 617, ""},
	}
	for _, tt := range tests {
		d, doc := explain(t, tt.log, 0)
		s := d.Security
		if s == nil {
			t.Errorf("%s: no class", tt.name)
			continue
		}
		if s.Class != tt.class || s.Primitive != tt.primitive || s.Rating != tt.rating || s.CWE != tt.cwe {
			t.Errorf("%s: %s, %s, %s, CWE-%d; want %s, %s, %s, CWE-%d", tt.name, s.Class, s.Primitive, s.Rating, s.CWE, tt.class, tt.primitive, tt.rating, tt.cwe)
		}
		if hints := strings.Join(s.Hints, "; "); tt.hint == "" && hints != "" || !strings.Contains(hints, tt.hint) {
			t.Errorf("%s: hints %q, want %q", tt.name, hints, tt.hint)
		}
		if len(s.Reasons) == 0 {
			t.Errorf("%s: no reasons", tt.name)
		}
		fields := map[string]bool{}
		for _, e := range doc.Reports[0].Evidence {
			fields[e.Field] = true
		}
		for _, r := range s.Reasons {
			for _, e := range r.Evidence {
				if !fields[e] {
					t.Errorf("%s: cites %q, for which the report has no evidence", tt.name, e)
				}
			}
		}
	}
	for _, log := range []string{
		"[    1.000000] mce: [Hardware Error]: CPU 1: Machine Check Exception: 4 Bank 5: be00000000800400\n",
		"[    1.000000] blk_update_request: I/O error, dev sda, sector 12345\n",
	} {
		if d, _ := explain(t, log, 0); d.Security != nil {
			t.Errorf("%q is classed %+v", log, d.Security)
		}
	}
}
