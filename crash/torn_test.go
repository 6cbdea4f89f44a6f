package crash

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

// A ring buffer overwrites the oldest lines first: whatever of its head a
// report has lost, it is found, and says so.
func TestHeadLostInLab(t *testing.T) {
	found, of := 0, 0
	for _, name := range labLogs(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole := firstReport(parseFile(t, name))
		if whole == nil || whole.Lines.Last-whole.Lines.First < 12 {
			continue
		}
		lines := bytes.SplitAfter(data, []byte("\n"))
		for cut := 1; cut <= 3; cut++ {
			rest := bytes.Join(lines[whole.Lines.First-1+cut:whole.Lines.Last], nil)
			doc := parseLog(t, string(rest))
			of++
			if len(doc.Reports) == 0 {
				t.Logf("%s: %s is not found without its first %d lines", name, whole.Title, cut)
				continue
			}
			found++
		}
	}
	if found*100 < of*95 {
		t.Errorf("%d of %d reports are found without their head, want 95 %%", found, of)
	}
}

// One line that only one kind of report has is enough to name the kind.
func TestTornKind(t *testing.T) {
	const stack = "[    1.000001] Call Trace:\n[    1.000001]  foo+0x1/0x20\n[    1.000001]  bar+0x2/0x20\n[    1.000001]  baz+0x3/0x20\n"
	for _, tt := range []struct {
		line string
		kind Kind
	}{
		{"foo/123 is trying to acquire lock:", KindDeadlock},
		{"foo/123 is trying to release lock (&mm->mmap_lock) at:", KindLockdep},
		{"foo/123 [HC0[0]:SC1[1]:HE1:SE0] takes:", KindLockState},
		{"./include/linux/rcupdate.h:302 Illegal context switch in RCU read-side critical section!", KindRCUUsage},
		{" lock: foo_lock+0x0/0x20, .magic: dead4ead, .owner: foo/12, .owner_cpu: 0", KindSpinlock},
		{"task:kworker/1:2     state:D stack:0     pid:53    ppid:2", KindHungTask},
		{"syz-executor5   D24856 10045   3712 0x00000004", KindHungTask},
		{"Uninit was created at:", KindKMSAN},
		{"race at unknown origin, with read to 0xffff933db8a2ae6c of 1 bytes by interrupt on cpu 0:", KindKCSAN},
		{"kfence-#12: 0xffff88810a0b0c00-0xffff88810a0b0c3f, size=64, cache=kmalloc-64", KindKFENCE},
		{"rcu: \t0-....: (785 ticks this GP) idle=0374/1/0x4000000000000000 softirq=324/324 fqs=517", KindRCUStall},
		{"in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 123, name: foo", KindAtomicSleep},
		{"Read at addr 0bff00002a0f4600 by task foo/123", KindKASAN},
	} {
		doc := parseLog(t, "[    1.000000] "+tt.line+"\n"+stack)
		if len(doc.Reports) != 1 {
			t.Errorf("%q: %d reports, want 1", tt.line, len(doc.Reports))
			continue
		}
		r := &doc.Reports[0]
		if r.Kind != tt.kind || !slices.Contains(r.Missing, "head") || r.Confidence >= 1 {
			t.Errorf("%q: %s, missing %v, confidence %v; want %s without its head", tt.line, r.Kind, r.Missing, r.Confidence, tt.kind)
		}
	}
}
