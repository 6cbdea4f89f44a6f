package crash

import (
	"strings"
	"testing"
)

// TestKernelIdentity: what symbols are chosen by, with the bytes it was read from,
// in every report of the boot.
func TestKernelIdentity(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef01234567"
	log := `WARNING: CPU: 0 PID: 12 at drivers/bar/bar.c:7 bar_open+0x1/0x20 [bar]
CPU: 0 PID: 12 Comm: foo Not tainted 6.12.0-1-amd64 #1 Debian 6.12-1 ` + id + `
RIP: 0010:bar_open+0x1/0x20 [bar]
Call Trace:
 <TASK>
 do_syscall_64+0x4/0x40
 </TASK>
---[ end trace 0000000000000000 ]---
BUG: kernel NULL pointer dereference, address: 0000000000000018
Oops: 0000 [#1] PREEMPT SMP NOPTI
CPU: 0 PID: 13 Comm: foo Not tainted 6.12.0-1-amd64 #1
RIP: 0010:bar_read+0x1/0x20 [bar]
RAX: 0000000000000000 RBX: ffff888012345678 RCX: 0000000000000000
Call Trace:
 <TASK>
 do_syscall_64+0x4/0x40
 </TASK>
---[ end trace 0000000000000000 ]---
Kernel panic - not syncing: Fatal exception
Kernel Offset: 0x23000000 from 0xffffffff81000000 (relocation range: 0xffffffff80000000-0xffffffffbfffffff)`
	text := stamped(strings.Split(log, "\n"))
	doc := parseLog(t, text)
	if len(doc.Reports) != 2 {
		t.Fatalf("%d reports, want 2", len(doc.Reports))
	}
	for i := range doc.Reports {
		r := &doc.Reports[i]
		if r.Version != "#1 Debian 6.12-1" && i == 0 || r.Kernel != "6.12.0-1-amd64" {
			t.Errorf("report %d is of %q, %q", i, r.Kernel, r.Version)
		}
		want := map[string]string{"kernel_build_id": id, "kernel_offset": "0x23000000", "kernel_base": "0xffffffff81000000"}
		got := map[string]string{"kernel_build_id": r.KernelBuildID, "kernel_offset": r.KernelOffset, "kernel_base": r.KernelBase}
		for field, v := range want {
			if got[field] != v {
				t.Errorf("report %d: %s is %q, want %q", i, field, got[field], v)
			}
			cited := ""
			for _, e := range r.Evidence {
				if e.Field == field {
					cited = text[e.Span.Start:e.Span.End]
				}
			}
			if cited != v {
				t.Errorf("report %d: %s cites %q, want %q", i, field, cited, v)
			}
		}
	}
}
