package resolve

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"ringside/profile"
	"ringside/profile/perfdata"
)

// A walked is a sample's stack of a process: of its addresses, the offsets in a
// page, which are the same whether perf has made them relative to their object.
type walked []uint64

// ourStacks follows the stacks of all samples.
// With known, stacks end behind the first frame of an object that is not here:
// what called it cannot be told.
func ourStacks(t *testing.T, path string, known bool) (list []walked) {
	t.Helper()
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	st, err := r.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := perfdata.Open(r, st.Size(), perfdata.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	l := newLoader(f, Options{Open: here, Debug: debugHere})
	if l.copied == nil {
		t.Fatal("the recording has no copies of stacks")
	}
	l.copied.unwinder.Max = 127 // perf's limit
	for r, err := range f.Records() {
		if err != nil {
			t.Fatal(err)
		}
		l.copied.pcs = l.copied.pcs[:0]
		l.record(r)
		if r.Type != perfdata.RecordSample {
			continue
		}
		var w walked
		for _, pc := range l.copied.pcs {
			w = append(w, pc&0xfff)
			if x, _ := l.tablesAt(pc); known && x == nil {
				break
			}
		}
		list = append(list, w)
	}
	return list
}

// perfStacks reads the stacks of processes out of perf script's text.
func perfStacks(text io.Reader, t *testing.T) (list []walked) {
	t.Helper()
	all, err := io.ReadAll(text)
	if err != nil {
		t.Fatal(err)
	}
	var w walked
	open := false
	last := ""
	for row := range strings.Lines(string(all)) {
		part := strings.Fields(row)
		switch {
		case len(part) == 0:
			if open {
				list = append(list, w)
			}
			w, open, last = nil, false, ""
		case !strings.HasPrefix(row, "\t") && !strings.HasPrefix(row, " "):
			open = true
		case strings.Contains(row, "[kernel.kallsyms]") || strings.HasPrefix(part[0], "ffffffff"):
			// The kernel's; and where it has subtracted one from the zero that ends
			// a stack.
		default:
			ip, err := strconv.ParseUint(part[0], 16, 64)
			if err != nil {
				open = true
				continue
			}
			if part[0] == last && strings.Contains(row, "(inlined)") || strings.HasSuffix(last, "i") && part[0]+"i" == last {
				continue // of one frame, what is inlined in it
			}
			last = part[0]
			if strings.Contains(row, "(inlined)") {
				last += "i"
			}
			w = append(w, ip&0xfff)
		}
	}
	if open {
		list = append(list, w)
	}
	return list
}

// compareStacks counts how many frames are the same, frame by frame from the
// innermost.
func compareStacks(t *testing.T, ours, theirs []walked) (same, all int) {
	t.Helper()
	if len(ours) != len(theirs) {
		t.Fatalf("%d samples, perf prints %d", len(ours), len(theirs))
	}
	shown := 0
	for i := range ours {
		a, b := ours[i], theirs[i]
		n := 0
		for k := range min(len(a), len(b)) {
			if a[k] == b[k] {
				n++
			}
		}
		same += n
		all += max(len(a), len(b))
		if n != max(len(a), len(b)) {
			if shown++; shown <= 3 {
				t.Logf("sample %d: %x\nperf:      %x", i, a, b)
			}
		}
	}
	return same, all
}

// build compiles a program of the tests.
func build(t *testing.T, name string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name+".out")
	tool, err := exec.LookPath(args[0])
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	args = append(args[1:], "-o", out, filepath.Join("testdata", "prog", name))
	if text, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// Stacks of processes are those that perf finds.
func TestCopiedStacksArePerfs(t *testing.T) {
	for name, command := range map[string]func(*testing.T) []string{
		"C":              func(t *testing.T) []string { return []string{build(t, "deep.c", "gcc", "-O1", "-g")} },
		"C, no pointers": func(t *testing.T) []string { return []string{build(t, "deep.c", "gcc", "-O2", "-fomit-frame-pointer")} },
		"C++":            func(t *testing.T) []string { return []string{build(t, "throw.cc", "g++", "-O2")} },
		"Python": func(*testing.T) []string {
			return []string{"python3", "-c", "import json,re\nfor i in range(12): json.loads(json.dumps({str(j):[j]*9 for j in range(2000)})); re.findall('a+b','ab'*20000)"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "perf.data")
			perf(t, append([]string{"record", "-q", "-F", "1000", "-e", "cpu-clock", "--call-graph", "dwarf,16384", "-o", path, "--"}, command(t)...)...)
			theirs := perfStacks(bytes.NewReader(perf(t, "script", "-i", path, "--no-inline", "-F", "comm,ip,sym,dso")), t)
			same, all := compareStacks(t, ourStacks(t, path, false), theirs)
			t.Logf("%d of %d frames of %d stacks (%.2f %%) are the same", same, all, len(theirs), 100*float64(same)/float64(all))
			if same*100 < all*98 || all == 0 {
				t.Errorf("%d of %d frames are the same", same, all)
			}
		})
	}
}

// Go's programs have .debug_frame alone, with which perf goes no step. Their
// stacks end where goroutines and threads begin.
func TestCopiedStacksOfGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "perf.data")
	perf(t, "record", "-q", "-F", "1000", "-e", "cpu-clock", "--call-graph", "dwarf,16384", "-o", path, "--", build(t, "tasks.go", "go", "build"))
	p := profileOf(t, path, Options{Open: here, Debug: debugHere, Kernel: runningKernel(t)})
	begin := map[string]bool{}
	for _, name := range []string{"goexit", "mstart", "rt0_go", "mcall", "morestack", "systemstack", "clone", "newproc", "sigreturn__sigaction"} {
		begin["runtime."+name], begin["runtime."+name+".abi0"] = true, true
	}
	var all, good int64
	others := map[string]int64{}
	for _, c := range p.Cells {
		var last [2]string
		user := false
		for f := range p.Stack(c.Stack) {
			last[0], last[1] = last[1], f.Name()
			user = user || f.Kind == profile.User
		}
		if !user || p.Labels[c.Label].Comm != "tasks.go.out" {
			continue
		}
		all += c.Count
		if begin[last[0]] || begin[last[1]] {
			good += c.Count
		} else {
			others[last[1]] += c.Count
		}
	}
	t.Logf("%d of %d stacks end where a goroutine or a thread begins; others: %v", good, all, others)
	if good*100 < all*95 || all == 0 {
		t.Errorf("%d of %d stacks are whole", good, all)
	}
}

// The stacks of the corpus are those that perf found where it was recorded, as
// far as the objects are here too.
func TestCorpusStacks(t *testing.T) {
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set")
	}
	packed, err := os.Open(filepath.Join(dir, "profile", "cpuclock_dwarf.script.txt.xz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	text, err := xz.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := ourStacks(t, filepath.Join(dir, "profile", "cpuclock_dwarf.data"), true), perfStacks(text, t)
	for i := range ours {
		theirs[i] = theirs[i][:min(len(ours[i]), len(theirs[i]))]
	}
	same, all := compareStacks(t, ours, theirs)
	t.Logf("%d of %d frames (%.2f %%) are the same", same, all, 100*float64(same)/float64(all))
	if same*100 < all*98 || all == 0 {
		t.Errorf("%d of %d frames are the same", same, all)
	}
}
