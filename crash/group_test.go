package crash

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"testing"
)

// oops is a report as one caller prints it.
func oops(function string, cpu int) []string {
	return []string{
		"BUG: kernel NULL pointer dereference, address: 0000000000000010",
		"#PF: supervisor read access in kernel mode",
		"Oops: 0000 [#1] SMP",
		fmt.Sprintf("CPU: %d PID: %d Comm: task%d Not tainted 6.1.0 #1", cpu, 100+cpu, cpu),
		fmt.Sprintf("RIP: 0010:%s+0x10/0x20", function),
		fmt.Sprintf("RAX: 000000000000000%d RBX: 0000000000000000 RCX: 0000000000000000", cpu),
		"Call Trace:",
		" <TASK>",
		fmt.Sprintf(" %s_caller+0x1/0x2", function),
		fmt.Sprintf(" %s_top+0x1/0x2", function),
		" </TASK>",
		"---[ end trace 0000000000000000 ]---",
	}
}

// Two CPUs print at the same time, line by line. With printk's caller IDs the
// two reports come apart exactly.
func TestInterleavedCallers(t *testing.T) {
	a, b := oops("alpha", 0), oops("beta", 1)
	var log strings.Builder
	for i := range a {
		fmt.Fprintf(&log, "[   10.0000%02d][  T100] %s\n", i, a[i])
		fmt.Fprintf(&log, "[   10.0000%02d][  T101] %s\n", i, b[i])
	}
	doc, err := Parse(context.Background(), strings.NewReader(log.String()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Reports) != 2 {
		t.Fatalf("%d reports, want 2", len(doc.Reports))
	}
	for i, name := range []string{"alpha", "beta"} {
		r := &doc.Reports[i]
		if r.Guilty == nil || r.Guilty.Function != name || r.CPU == nil || *r.CPU != i || len(r.Frames) != 3 ||
			r.Registers["RAX"] != fmt.Sprintf("000000000000000%d", i) || r.Caller != fmt.Sprintf("T%d", 100+i) {
			t.Errorf("report %d: %s of %s on CPU %v with %d frames and registers %v", i, r.Title, r.Caller, r.CPU, len(r.Frames), r.Registers)
		}
	}
}

// Benign lines between the lines of a report change nothing.
func TestBenignLinesBetween(t *testing.T) {
	var plain, mixed strings.Builder
	for i, line := range oops("alpha", 0) {
		fmt.Fprintf(&plain, "[   10.0000%02d] %s\n", i, line)
		fmt.Fprintf(&mixed, "[   10.0000%02d] %s\n[   10.0000%02d] e1000e: eth0 NIC Link is Up\nlogin: \n", i, line, i)
	}
	var want Signature
	for i, log := range []string{plain.String(), mixed.String()} {
		doc, err := Parse(context.Background(), strings.NewReader(log), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(doc.Reports) != 1 {
			t.Fatalf("%d reports, want 1", len(doc.Reports))
		}
		got := doc.Reports[0].Signature
		if i == 0 {
			want = got
		} else if got.Exact != want.Exact {
			t.Errorf("the signature changed: %v, want %v", got, want)
		}
	}
}

// The same log from two hosts through one syslog is two reports.
func TestHostsInOneLog(t *testing.T) {
	var log strings.Builder
	a, b := oops("alpha", 0), oops("beta", 1)
	for i := range a {
		fmt.Fprintf(&log, "Nov 23 16:29:06 web-1 kernel: [   10.0000%02d] %s\n", i, a[i])
		fmt.Fprintf(&log, "Nov 23 16:29:06 web-2 kernel: [   10.0000%02d] %s\n", i, b[i])
	}
	doc, err := Parse(context.Background(), strings.NewReader(log.String()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Reports) != 2 || doc.Reports[0].Guilty.Function != "alpha" || doc.Reports[1].Guilty.Function != "beta" {
		for i := range doc.Reports {
			t.Logf("report %d: %s, %d frames", i, doc.Reports[i].Title, len(doc.Reports[i].Frames))
		}
		t.Errorf("%d reports, want alpha's and beta's", len(doc.Reports))
	}
}

// What only looks like a kernel's words is no report.
func TestProvenance(t *testing.T) {
	for _, log := range []string{
		"[    1.000000] Linux version 6.1.0\nuser@host:~$ echo 'BUG: kernel NULL pointer dereference, address: 0000000000000018'\nBUG: kernel NULL pointer dereference, address: 0000000000000018\n[    2.000000] all is well\n",
		"Nov 23 16:29:06 host myprog[12]: WARNING: CPU: 1 PID: 2 at mm/slab.c:12 foo+0x1/0x2\n",
		"WARNING: RO_VPD is uninitialized or empty.\nINFO:    MT8186 bl31_setup\n",
	} {
		doc, err := Parse(context.Background(), bufio.NewReader(strings.NewReader(log)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range doc.Reports {
			t.Errorf("%q gives %s", log, doc.Reports[i].Title)
		}
	}
}
