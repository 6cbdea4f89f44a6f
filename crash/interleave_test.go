package crash

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// Two reports as two CPUs print them.
var (
	oopsLines = strings.Split(`BUG: kernel NULL pointer dereference, address: 0000000000000018
#PF: supervisor read access in kernel mode
#PF: error_code(0x0000) - not-present page
PGD 0 P4D 0
Oops: 0000 [#1] PREEMPT SMP NOPTI
CPU: 1 PID: 101 Comm: writer Not tainted 6.1.0 #1
Hardware name: QEMU Standard PC
RIP: 0010:foo_write+0x12/0x40 [foo]
RSP: 0018:ffffc90000a3bff8 EFLAGS: 00010246
RAX: 0000000000000000 RBX: ffff888012345678 RCX: 0000000000000000
RDX: 0000000000000001 RSI: 0000000000000002 RDI: 0000000000000000
Call Trace:
 <TASK>
 foo_flush+0x1/0x10 [foo]
 vfs_write+0x2/0x20
 ksys_write+0x3/0x30
 do_syscall_64+0x4/0x40
 entry_SYSCALL_64_after_hwframe+0x5/0x50
 </TASK>
Modules linked in: foo bar
---[ end trace 0000000000000000 ]---`, "\n")
	kasanLines = strings.Split(`BUG: KASAN: slab-use-after-free in bar_poll+0x22/0x80 [bar]
Read of size 8 at addr ffff88810a0b0c0d by task reader/202
CPU: 0 PID: 202 Comm: reader Not tainted 6.1.0 #1
Hardware name: QEMU Standard PC
Call Trace:
 <TASK>
 dump_stack_lvl+0x1/0x10
 print_report+0x1/0x10
 kasan_report+0x1/0x10
 bar_poll+0x22/0x80 [bar]
 do_sys_poll+0x2/0x20
 __x64_sys_poll+0x3/0x30
 do_syscall_64+0x4/0x40
 entry_SYSCALL_64_after_hwframe+0x5/0x50
 </TASK>
Allocated by task 77:
 kasan_save_stack+0x1/0x10
 bar_open+0x1/0x10 [bar]
 do_sys_openat2+0x1/0x10
 do_syscall_64+0x4/0x40`, "\n")
)

// stamped joins lines with time stamps.
func stamped(lines []string) string {
	var b strings.Builder
	for i, l := range lines {
		b.WriteString("[   10." + strconv.Itoa(100000+i) + "] " + l + "\n")
	}
	return b.String()
}

// woven puts one line of b after each of a.
func woven(a, b []string) []string {
	var lines []string
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			lines = append(lines, a[i])
		}
		if i < len(b) {
			lines = append(lines, b[i])
		}
	}
	return lines
}

func TestInterleavedReports(t *testing.T) {
	one := parseLog(t, stamped(oopsLines)).Reports[0]
	other := parseLog(t, stamped(kasanLines)).Reports[0]
	if one.Confidence != 1 || other.Confidence != 1 {
		t.Fatalf("the reports by themselves have confidence %v and %v", one.Confidence, other.Confidence)
	}
	doc := parseLog(t, stamped(woven(oopsLines, kasanLines)))
	if len(doc.Reports) != 2 {
		t.Fatalf("%d reports, want 2", len(doc.Reports))
	}
	for i, want := range []*Report{&one, &other} {
		got := &doc.Reports[i]
		if got.Signature.Stack != want.Signature.Stack || got.Signature.Portable != want.Signature.Portable {
			t.Errorf("report %d is %s with basis %q, want %s with %q", i, got.Title, got.Signature.Basis, want.Title, want.Signature.Basis)
		}
		if got.Task != want.Task || *got.PID != *want.PID || *got.CPU != *want.CPU {
			t.Errorf("report %d is of %s:%d, want %s:%d", i, got.Task, *got.PID, want.Task, *want.PID)
		}
		if !slices.Contains(got.Missing, "interleaved") || got.Confidence >= 1 {
			t.Errorf("report %d does not say that it was interleaved: missing %v, confidence %v", i, got.Missing, got.Confidence)
		}
	}
}

// A foreign stack between the lines, over and over, in a report that goes on.
func TestForeignStack(t *testing.T) {
	foreign := []string{"Call Trace:", " alpha+0x1/0x10", " beta+0x2/0x20", " gamma+0x3/0x30", " delta+0x4/0x40"}
	for _, tt := range []struct {
		name  string
		lines []string
	}{{"oops", oopsLines}, {"kasan", kasanLines}} {
		want := parseLog(t, stamped(tt.lines)).Reports[0]
		var lines []string
		for i, l := range tt.lines {
			lines = append(lines, l, foreign[i%len(foreign)])
		}
		doc := parseLog(t, stamped(lines))
		if len(doc.Reports) != 1 || doc.Reports[0].Signature.Stack != want.Signature.Stack {
			t.Errorf("%s: a foreign stack changes the report: %+v", tt.name, doc.Reports)
		}
	}
}

// One report by itself is never taken for two, whatever its lines look like.
func TestNotInterleaved(t *testing.T) {
	for _, name := range labLogs(t) {
		doc := parseFile(t, name)
		for i := range doc.Reports {
			if slices.Contains(doc.Reports[i].Missing, "interleaved") {
				t.Errorf("%s: report %d (%s) is said to be interleaved", name, i, doc.Reports[i].Title)
			}
		}
	}
}

func TestAlternation(t *testing.T) {
	shapes := map[byte]shape{'h': shapeHead, 'o': shapeOther, 'f': shapeFrame, 'r': shapeRegister, '.': shapeBlank}
	for lines, want := range map[string]bool{
		"hooorrrrrffffffffffoo":                false,
		"hofofofofofofofofoff":                 true, // details and a foreign stack
		"hhoforofrfrfrffofofofofo":             true,
		"h.o.o.o.o.o.o.ffff.ffff":              false, // lockdep's empty lines
		"hffffffffffffffffffff":                false,
		"hooofrfrfrfrfrfrfrffffffff":           true, // a foreign stack that begins later
		"hofo":                                 false,
		"hfffffofffffofffffofffffofffffofffff": false,
	} {
		w := &window{}
		for i := range lines {
			w.shapes = append(w.shapes, shapes[lines[i]])
		}
		if from, to, ok := w.alternation(); ok != want {
			t.Errorf("%s: alternates is %v (%d-%d), want %v", lines, ok, from, to, want)
		}
	}
}

// A syslog that arrives byte by byte, so that each line takes the place of the
// one before: the hosts of lines that are kept for a later judgement must
// outlive the lines.
func TestInterleavedByteByByte(t *testing.T) {
	var log strings.Builder
	for i, l := range woven(oopsLines, kasanLines) {
		if i%3 == 0 {
			log.WriteString("<4>")
		}
		log.WriteString("Nov 23 16:29:07 node1 kernel: " + l + "\n")
	}
	doc, err := Parse(t.Context(), iotest.OneByteReader(strings.NewReader(log.String())), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Reports) != 2 || doc.Reports[0].Kind != KindNullDeref || doc.Reports[1].Kind != KindKASAN {
		t.Fatalf("%d reports, want the two that were interleaved", len(doc.Reports))
	}
}
