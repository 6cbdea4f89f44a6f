package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"ringside/klog"
)

var update = flag.Bool("update", false, "rewrite golden files")

// labAnswer is what must be found in a log of testdata/lab.
type labAnswer struct {
	Reports []labReport `json:"reports"`
	Dumps   []string    `json:"dumps,omitempty"`
}

type labReport struct {
	Kind     Kind     `json:"kind"`
	Title    string   `json:"title"`
	Guilty   string   `json:"guilty"`
	Module   string   `json:"module,omitempty"`
	Why      string   `json:"why"`
	Kernel   string   `json:"kernel"`
	Arch     string   `json:"arch"`
	CPU      *int     `json:"cpu"`
	Task     string   `json:"task"`
	Taint    string   `json:"taint"`
	Impact   string   `json:"impact"`
	CausedBy *int     `json:"caused_by"`
	RepeatOf *int     `json:"repeat_of,omitempty"`
	Frames   int      `json:"frames"`
	Reliable int      `json:"reliable"`
	Lines    string   `json:"lines"`
	Missing  []string `json:"missing"`
	Portable string   `json:"portable"`
}

func labLogs(t testing.TB) []string {
	files, err := filepath.Glob("testdata/lab/*")
	if err != nil {
		t.Fatal(err)
	}
	files = slicesDelete(files, func(f string) bool { return strings.HasSuffix(f, ".md") })
	if len(files) < 40 {
		t.Fatalf("testdata/lab holds %d logs, want at least 40", len(files))
	}
	sort.Strings(files)
	return files
}

func slicesDelete(list []string, drop func(string) bool) []string {
	var kept []string
	for _, s := range list {
		if !drop(s) {
			kept = append(kept, s)
		}
	}
	return kept
}

func parseFile(t testing.TB, name string) *Document {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := Parse(context.Background(), bytes.NewReader(data), Options{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	checkSpans(t, name, doc, data)
	return doc
}

// checkSpans holds the promise that each fact points to the bytes it was read
// from.
func checkSpans(t testing.TB, name string, doc *Document, data []byte) {
	t.Helper()
	in := func(what string, s klog.Span) {
		if s.Start < 0 || s.End < s.Start || s.End > int64(len(data)) {
			t.Errorf("%s: %s has span %v outside of %d bytes", name, what, s, len(data))
		}
	}
	for i := range doc.Boots {
		b := &doc.Boots[i]
		values := map[string]string{"release": b.Release, "version": b.Version, "compiler": b.Compiler, "cmdline": b.Cmdline, "hardware": b.Hardware}
		for _, e := range b.Evidence {
			in("boot", e.Span)
			if got := string(data[e.Span.Start:e.Span.End]); !strings.HasSuffix(name, "netconsole.raw") && got != values[e.Field] {
				t.Errorf("%s: boot's %s is %q but its evidence reads %q", name, e.Field, values[e.Field], got)
			}
		}
		if b.Release != "" && len(b.Evidence) == 0 {
			t.Errorf("%s: boot of %s has no evidence", name, b.Release)
		}
	}
	for i := range doc.Reports {
		r := &doc.Reports[i]
		in("report", r.Span)
		for _, e := range r.Evidence {
			in(e.Field, e.Span)
			if strings.HasSuffix(name, "netconsole.raw") {
				continue // escaped on the wire: the span is the record
			}
			got := string(data[e.Span.Start:e.Span.End])
			var want string
			switch {
			case e.Field == "headline":
				want = r.Headline
			case e.Field == "task" && !strings.HasPrefix(e.Rule, "body/task"):
				want = r.Task
			case e.Field == "kernel":
				want = r.Kernel
			case strings.HasPrefix(e.Field, "registers."):
				want = r.Registers[strings.TrimPrefix(e.Field, "registers.")]
			case e.Field == "fault.address":
				want = r.Fault.Address
			default:
				continue
			}
			if got != want {
				t.Errorf("%s: %s is %q but its evidence at %v (rule %s) reads %q", name, e.Field, want, e.Span, e.Rule, got)
			}
		}
		for _, f := range r.Frames {
			in("frame", f.Span)
			if !strings.HasSuffix(name, "netconsole.raw") && f.Function != "" && !bytes.Contains(data[f.Span.Start:f.Span.End], []byte(f.Function)) {
				t.Errorf("%s: frame %s is not in its span %q", name, f.Function, data[f.Span.Start:f.Span.End])
			}
		}
	}
}

func TestLab(t *testing.T) {
	got := map[string]labAnswer{}
	for _, name := range labLogs(t) {
		doc := parseFile(t, name)
		a := labAnswer{Reports: []labReport{}}
		for i := range doc.Reports {
			r := &doc.Reports[i]
			l := labReport{Kind: r.Kind, Title: r.Title, Kernel: r.Kernel, Arch: r.Arch, CPU: r.CPU, Task: r.Task, Taint: r.TaintFlags,
				Impact: r.Impact, CausedBy: r.CausedBy, RepeatOf: r.RepeatOf, Frames: len(r.Frames), Missing: r.Missing, Portable: r.Signature.Portable,
				Lines: strings.Join([]string{itoa(r.Lines.First), itoa(r.Lines.Last)}, "-")}
			for _, f := range r.Frames {
				if f.Reliable {
					l.Reliable++
				}
			}
			if r.Guilty != nil {
				l.Guilty, l.Module, l.Why = r.Guilty.Function, r.Guilty.Module, r.Guilty.Why
			}
			a.Reports = append(a.Reports, l)
		}
		for i := range doc.Dumps {
			a.Dumps = append(a.Dumps, doc.Dumps[i].Headline)
		}
		got[filepath.Base(name)] = a
	}
	const golden = "testdata/lab.golden.json"
	text, err := json.MarshalIndent(got, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("the answers differ from %s; if the change is meant, run with -update and read the diff.\n%s", golden, firstDiff(string(want), string(text)))
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func firstDiff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "line " + itoa(i+1) + "\nwant " + w[i] + "\ngot  " + g[i]
		}
	}
	return "one has more lines"
}

// TestLabTruth states by hand what the golden file must say: one line per log,
// what was provoked and which function is to blame.
func TestLabTruth(t *testing.T) {
	for _, tt := range []struct {
		log      string
		kind     Kind
		function string // "" where nothing may be found
	}{
		{"boot-clean.log", "", ""},
		{"crash-init-exit.log", "", ""},          // init exits and powers off in order
		{"crash-lkdtm-ARRAY_BOUNDS.log", "", ""}, // built without UBSAN_BOUNDS: survived
		{"crash-lkdtm-DOUBLE_FAULT.log", "", ""}, // ia32 only: XFAIL
		{"crash-lkdtm-CORRUPT_LIST_ADD.log", KindListCorruption, "lkdtm_CORRUPT_LIST_ADD"},
		{"crash-lkdtm-CORRUPT_STACK_STRONG.log", KindStackCorruption, "lkdtm_CORRUPT_STACK_STRONG"},
		{"crash-lkdtm-EXEC_NULL.log", KindNullDeref, "execute_location"},
		{"crash-lkdtm-EXEC_USERSPACE.log", KindPageFault, "lkdtm_EXEC_USERSPACE"},
		{"crash-lkdtm-EXHAUST_STACK.log", KindStackOverflow, "recursive_loop"},
		{"crash-lkdtm-FORTIFY_MEM_OBJECT.log", KindFortify, "lkdtm_FORTIFY_MEM_OBJECT"},
		{"crash-lkdtm-FORTIFY_STR_OBJECT.log", KindFortify, "lkdtm_FORTIFY_STR_OBJECT"},
		{"crash-lkdtm-PANIC.log", KindPanic, "lkdtm_PANIC"},
		{"crash-lkdtm-REFCOUNT_DEC_ZERO.log", KindRefcount, "lkdtm_REFCOUNT_DEC_ZERO"},
		{"crash-lkdtm-REFCOUNT_INC_OVERFLOW.log", KindRefcount, "lkdtm_REFCOUNT_INC_OVERFLOW"},
		{"crash-lkdtm-SLAB_FREE_DOUBLE.log", KindBug, "direct_entry"}, // the compiler made lkdtm_SLAB_FREE_DOUBLE a tail call
		{"crash-lkdtm-SLAB_FREE_PAGE.log", KindWarning, "lkdtm_SLAB_FREE_PAGE"},
		{"crash-lkdtm-SPINLOCKUP.log", KindAtomicSleep, "exit_to_user_mode_prepare"},
		{"crash-lkdtm-STACK_GUARD_PAGE_TRAILING.log", KindPageFault, "lkdtm_STACK_GUARD_PAGE_TRAILING"},
		{"crash-lkdtm-USERCOPY_SLAB_SIZE_TO.log", KindPanic, "setup_IO_APIC"}, // died before the test could run
		{"crash-lkdtm-WARNING_MESSAGE.log", KindWarning, "lkdtm_WARNING_MESSAGE"},
		{"crash-lkdtm-WRITE_RO.log", KindPageFault, "lkdtm_WRITE_RO"},
		{"crash-mod-atomicsleep.log", KindAtomicSleep, "lab_init"},
		{"crash-mod-bug.log", KindBug, "lab_init"},
		{"crash-mod-dfree.log", KindBug, "lab_init"},
		{"crash-mod-div0.log", KindDivide, "divide"},
		{"crash-mod-flaky.log", KindNullDeref, "lab_init"},
		{"crash-mod-gpf.log", KindGPF, "lab_init"},
		{"crash-mod-hardlockup.log", KindRCUStall, "lab_init"}, // no NMI watchdog in the guest: RCU sees it
		{"crash-mod-hung.log", KindHungTask, "holder"},
		{"crash-mod-listcorrupt.log", KindPageFault, "lab_init"},
		{"crash-mod-null.log", KindNullDeref, "null_in_thread"},
		{"crash-mod-oom.log", KindAllocFailure, "lab_init"},
		{"crash-mod-rcustall.log", KindRCUStall, "rcustall"},
		{"crash-mod-softlockup.log", KindRCUStall, "spinner"}, // RCU notices first, the soft lockup follows
		{"crash-mod-warn.log", KindWarning, "lab_init"},
		{"crash-sysrq-c.log", KindPanic, "sysrq_handle_crash"},
		{"crash-sysrq-l.log", "", ""}, // a dump that was asked for
		{"crash-sysrq-w.log", "", ""},
		{"dmesg-ramoops-0", KindPanic, "sysrq_handle_crash"},
		{"netconsole.raw", KindPanic, "sysrq_handle_crash"},
		{"vmcore-hang.console", KindHungTask, "abba1"},
		{"vmcore-oops.console", KindNullDeref, "klab_deref"},
		{"vmcore-oops612.console", KindNullDeref, "klab_deref"},
	} {
		doc := parseFile(t, filepath.Join("testdata/lab", tt.log))
		r := firstReport(doc)
		if tt.function == "" {
			if r != nil {
				t.Errorf("%s: found %s, want nothing", tt.log, r.Title)
			}
			continue
		}
		switch {
		case r == nil:
			t.Errorf("%s: nothing found, want %s in %s", tt.log, tt.kind, tt.function)
		case r.Kind != tt.kind || r.Guilty == nil || r.Guilty.Function != tt.function:
			t.Errorf("%s: %s, want %s in %s", tt.log, r.Title, tt.kind, tt.function)
		}
	}
}

// The same panic over two transports is the same signature, at every level.
func TestTransportsAgree(t *testing.T) {
	a := parseFile(t, "testdata/lab/dmesg-ramoops-0").Reports
	b := parseFile(t, "testdata/lab/netconsole.raw").Reports
	if len(a) != 1 || len(b) != 1 {
		t.Fatalf("%d and %d reports, want one each", len(a), len(b))
	}
	sa, sb := a[0].Signature, b[0].Signature
	if sa.Exact != sb.Exact || sa.Stack != sb.Stack || sa.Portable != sb.Portable || sa.Family != sb.Family {
		t.Errorf("ramoops %+v\nnetconsole %+v", sa, sb)
	}
}

// firstReport is the first report of doc that is a crash and not an event.
func firstReport(doc *Document) *Report {
	for i := range doc.Reports {
		if doc.Reports[i].Kind.Weight() > WeightEvent {
			return &doc.Reports[i]
		}
	}
	return nil
}
