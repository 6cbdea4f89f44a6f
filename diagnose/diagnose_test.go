package diagnose

import (
	"context"
	"slices"
	"strings"
	"testing"

	"ringside/crash"
)

func explain(t *testing.T, log string, report int) (Diagnosis, *crash.Document) {
	t.Helper()
	doc, err := crash.Parse(context.Background(), strings.NewReader(log), crash.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Reports) <= report {
		t.Fatalf("%d reports, want at least %d", len(doc.Reports), report+1)
	}
	return Explain(doc, report), doc
}

const body = `[    1.000001] CPU: 0 PID: 7 Comm: worker Tainted: G           OE      6.1.0 #1
[    1.000002] RIP: 0010:foo+0x1/0x20 [bar]
[    1.000003] RAX: 0000000000000000 RBX: 6b6b6b6b6b6b6b6b RCX: dead000000000100
[    1.000004] RDX: ffff888000000000 RSI: ffff888000000000 RDI: ffff888000000000
[    1.000005] Call Trace:
[    1.000006]  baz+0x1/0x2
[    1.000007] Modules linked in: bar(OE) qux
[    1.000008] ---[ end trace 0000000000000000 ]---
`

func TestRules(t *testing.T) {
	tests := []struct {
		name, log, rule, text string
	}{
		{"slab poison in a register", "[    1.000000] BUG: unable to handle page fault for address: ffff888012345678\n" + body, "memory/slab-poison", "use after free"},
		{"list poison in a register", "[    1.000000] BUG: unable to handle page fault for address: ffff888012345678\n" + body, "memory/list-poison", "list_del"},
		{"null member", "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000018\n[    1.000000] #PF: supervisor read access in kernel mode\n" + body, "pointer/null-member", "was NULL"},
		{"null function", "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000\n[    1.000000] #PF: supervisor instruction fetch in kernel mode\n" + body, "pointer/null-function", "does not implement"},
		{"error pointer", "[    1.000000] BUG: unable to handle page fault for address: fffffffffffffff4\n" + body, "pointer/error-value", "errno 12"},
		{"shadow", "[    1.000000] general protection fault, probably for non-canonical address 0xdffffc0000000003: 0000 [#1] SMP KASAN\n" + body, "memory/kasan-shadow", "0x18"},
		{"out of tree", "[    1.000000] kernel BUG at fs/foo.c:12!\n" + body, "module/out-of-tree", "outside the kernel tree"},
		{"machine check before", strings.ReplaceAll("[    1.000000] kernel BUG at fs/foo.c:12!\n"+body, "G           OE ", "G   M       OE "), "hardware/taint", "machine check"},
		{"fragmentation", "[    1.000000] foo: page allocation failure: order:5, mode:0xcc0(GFP_KERNEL), nodemask=(null)\n" + body, "oom/high-order", "2^5"},
		{"shadow on arm64", "[    1.000000] Unable to handle kernel paging request at virtual address dfff800000000003\n[    1.000001] CPU: 0 PID: 7 Comm: w Not tainted 6.1.0 #1\n[    1.000002] pc : foo+0x1/0x20\n[    1.000003] x29: ffff800012345678 x28: 0000000000000000\n[    1.000004] Call trace:\n[    1.000005]  foo+0x1/0x20\n", "memory/kasan-shadow", "0x18"},
		{"bit flip", strings.ReplaceAll("[    1.000000] general protection fault, probably for non-canonical address 0xfbff888000000010: 0000 [#1] SMP\n"+body, "RSI: ffff888000000000", "RSI: ffff888000000000"), "memory/bit-flip", "one bit"},
		{"holder that the watchdog names", "[    1.000000] INFO: task foo:12 blocked for more than 120 seconds.\n[    1.000001] task:foo state:D stack:0 pid:12 ppid:2\n[    1.000002] Call Trace:\n[    1.000003]  __schedule+0x1/0x2\n[    1.000004]  __mutex_lock+0x1/0x2\n[    1.000005]  bar+0x1/0x2\n[    1.000006] INFO: task foo:12 is blocked on a mutex likely owned by task baz:34.\n", "hang/held-by", "baz:34 holds the mutex"},
		{"deadlock in lists of held locks", "[    1.000000] INFO: task foo:12 blocked for more than 120 seconds.\n[    1.000001] task:foo state:D stack:0 pid:12 ppid:2\n[    1.000002] Call Trace:\n[    1.000003]  __schedule+0x1/0x2\n[    1.000004]  bar+0x1/0x2\n" +
			"[    1.000005] Showing all locks held in the system:\n[    1.000006] 2 locks held by foo/12:\n[    1.000007]  #0: ffff888000000010 (a){+.+.}-{3:3}, at: bar+0x1/0x2\n[    1.000008]  #1: ffff888000000020 (b){+.+.}-{3:3}, at: bar+0x2/0x2\n" +
			"[    1.000009] 2 locks held by baz/34:\n[    1.000010]  #0: ffff888000000020 (b){+.+.}-{3:3}, at: qux+0x1/0x2\n[    1.000011]  #1: ffff888000000010 (a){+.+.}-{3:3}, at: qux+0x2/0x2\n", "hang/held-by", "They wait for each other"},
		{"lock", "[    1.000000] INFO: task foo:12 blocked for more than 120 seconds.\n[    1.000001] task:foo state:D stack:0 pid:12 ppid:2\n[    1.000002] Call Trace:\n[    1.000003]  __schedule+0x1/0x2\n[    1.000004]  __mutex_lock.constprop.0+0x1/0x2\n[    1.000005]  bar+0x1/0x2\n", "hang/waits-for-lock", "a mutex"},
	}
	for _, tt := range tests {
		d, doc := explain(t, tt.log, 0)
		i := slices.IndexFunc(d.Hypotheses, func(h Hypothesis) bool { return h.Rule == tt.rule })
		if i < 0 {
			t.Errorf("%s: no %s among %+v", tt.name, tt.rule, d.Hypotheses)
			continue
		}
		h := d.Hypotheses[i]
		if !strings.Contains(h.Text, tt.text) {
			t.Errorf("%s: %q does not say %q", tt.name, h.Text, tt.text)
		}
		if h.Confidence <= 0 || h.Confidence >= 1 || h.Check == "" || len(h.Evidence) == 0 {
			t.Errorf("%s: incomplete: %+v", tt.name, h)
		}
		fields := map[string]bool{"headline": true, "caused_by": true, "taint": true, "modules": true}
		for _, e := range doc.Reports[0].Evidence {
			fields[e.Field] = true
		}
		for _, e := range h.Evidence {
			if !fields[e] {
				t.Errorf("%s: %s cites %q, for which the report has no evidence", tt.name, h.Rule, e)
			}
		}
	}
}

// Each kind is explained, so that no report ends in a shrug.
func TestEveryKindHasMeaning(t *testing.T) {
	general := []crash.Kind{
		crash.KindNullDeref, crash.KindInt3, crash.KindStackSegment, crash.KindAlignment, crash.KindKobject, crash.KindRefTracker, crash.KindRustPanic,
		crash.KindWorkqueueHog, crash.KindReboot, crash.KindSplitLock, crash.KindMSR, crash.KindDMA, crash.KindVFS, crash.KindDuplicateName,
	}
	for _, k := range crash.Kinds() {
		r := &crash.Report{Kind: k, Headline: "the line", Fault: &crash.Fault{Address: "0x18"}}
		m := meaning(r)
		if m == "" {
			t.Errorf("%s has no meaning", k)
		}
		if strings.Contains(m, "the line") && !slices.Contains(general, k) {
			t.Errorf("%s is explained by its own headline only", k)
		}
	}
}

func TestFaultMeaning(t *testing.T) {
	for addr, want := range map[string]string{
		"0000000000000000": "a NULL pointer itself",
		"0000000000000018": "offset 0x18 of a structure",
		"fffffffffffffff4": "an error number (-12, ENOMEM: out of memory)",
		"00007f27183cc000": "an address of user space",
	} {
		m := meaning(&crash.Report{Kind: crash.KindPageFault, Arch: "x86_64", Fault: &crash.Fault{Address: addr, Access: "read"}})
		if !strings.Contains(m, want) {
			t.Errorf("%s: %q does not say %q", addr, m, want)
		}
	}
}
