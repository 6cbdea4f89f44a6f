package resolve

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringside/profile"
	"ringside/profile/perfdata"
)

func profileOf(t testing.TB, path string, o Options) *profile.Profile {
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
	p, err := Load(t.Context(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// here opens objects where they were recorded: on this machine.
func here(path, _ string) (File, error) { return os.Open(path) }

func debugHere(id string) (File, error) {
	return os.Open("/usr/lib/debug/.build-id/" + id[:2] + "/" + id[2:] + ".debug")
}

// runningKernel reads the functions of this machine's kernel.
func runningKernel(t testing.TB) func(string, string) (Kernel, error) {
	text, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	return func(string, string) (Kernel, error) { return ReadKallsyms(bytes.NewReader(text)) }
}

func perf(t testing.TB, args ...string) []byte {
	t.Helper()
	tool, err := exec.LookPath("perf")
	if err != nil {
		t.Skip("SKIPPED: perf is not installed")
	}
	var stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), tool, args...)
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Skipf("SKIPPED: perf %s: %v: %s", args[0], err, stderr.String())
	}
	return out
}

var frameLine = regexp.MustCompile(`^\s+[0-9a-f]+ (.*) \((.*)\)$`)

// Stacks have the names that perf script gives them: nearly all of the weight is
// in stacks that are the same frame by frame. What differs are aliases of kernel
// functions and entries of procedure linkage tables, which have no symbols.
func TestNamesArePerfs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "perf.data")
	work := "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; find /usr/share -type f | head -20000 | sort >/dev/null; gzip -c /usr/bin/perl > /dev/null"
	perf(t, "record", "-q", "-F", "4000", "-e", "cpu-clock", "-g", "-o", path, "--", "sh", "-c", work)
	theirs := map[string]int64{}
	var stack []string
	flush := func() {
		if stack != nil {
			theirs[strings.Join(stack, ";")]++
		}
		stack = nil
	}
	for row := range strings.Lines(string(perf(t, "script", "-i", path, "--no-inline", "-F", "comm,ip,sym,dso"))) {
		row = strings.TrimRight(row, "\n")
		switch m := frameLine.FindStringSubmatch(row); {
		case row == "":
			flush()
		case m != nil:
			stack = append(stack, m[1])
		default:
			stack = []string{}
		}
	}
	flush()
	p := profileOf(t, path, Options{Open: here, Debug: debugHere, Kernel: runningKernel(t)})
	ours := map[string]int64{}
	for _, c := range p.Cells {
		var list []string
		for f := range p.Stack(c.Stack) {
			list = append(list, f.Name())
		}
		ours[strings.Join(list, ";")] += c.Count
	}
	var all, same int64
	for k, n := range theirs {
		all += n
		same += min(n, ours[k])
		if d := n - min(n, ours[k]); d > 2 {
			t.Logf("%d of perf's samples are elsewhere: %s", d, k)
		}
	}
	if n, _ := p.Total(-1); n != all || all == 0 {
		t.Fatalf("%d samples, perf script prints %d", n, all)
	}
	t.Logf("%d of %d samples (%.2f %%) are in stacks with the same names", same, all, 100*float64(same)/float64(all))
	if same*1000 < all*999 {
		t.Errorf("%d of %d samples are in stacks with the same names", same, all)
	}
}

// A program that sleeps is off its CPU just as long, and somebody wakes it.
func TestOffCPU(t *testing.T) {
	path := filepath.Join(t.TempDir(), "perf.data")
	perf(t, "record", "-q", "-e", "sched:sched_switch,sched:sched_wakeup", "-a", "-g", "-o", path, "--", "sh", "-c", "sleep 0.3; sleep 0.3")
	kernel := runningKernel(t)
	sum := func(p *profile.Profile, comm string) (weight int64, frames map[string]bool) {
		frames = map[string]bool{}
		for _, c := range p.Cells {
			if p.Labels[c.Label].Comm != comm && comm != "" {
				continue
			}
			weight += c.Weight
			for f := range p.Stack(c.Stack) {
				frames[f.Name()] = true
			}
		}
		return weight, frames
	}
	off, frames := sum(profileOf(t, path, Options{Kind: OffCPU, Kernel: kernel}), "sleep")
	if got := time.Duration(off); got < 600*time.Millisecond || got > 5*time.Second {
		t.Errorf("sleep was off its CPU for %v, it slept for 600 ms", got)
	}
	if !frames["hrtimer_nanosleep"] {
		t.Errorf("it did not sleep in hrtimer_nanosleep: %v", frames)
	}
	wake, frames := sum(profileOf(t, path, Options{Kind: Wakeup, Kernel: kernel}), "")
	if wake <= 0 || !frames["woke sh"] || !frames["try_to_wake_up"] {
		t.Errorf("waits of %v; frames %v", time.Duration(wake), frames)
	}
}

// Scheduling events that were not recorded are asked for by name.
func TestOffCPUNeedsEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "perf.data")
	perf(t, "record", "-q", "-e", "cpu-clock", "-o", path, "--", "true")
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
	if _, err := Load(t.Context(), f, Options{Kind: OffCPU}); err == nil || !strings.Contains(err.Error(), "sched:sched_switch") {
		t.Errorf("got %v", err)
	}
}

// An object of another build gives no names.
func TestOtherBuild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "perf.data")
	perf(t, "record", "-q", "-e", "cpu-clock", "-F", "5000", "-o", path, "--", "sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
	other, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Fatal(err)
	}
	p := profileOf(t, path, Options{Open: func(path, _ string) (File, error) {
		if strings.HasSuffix(path, "/cat") {
			return os.Open(other)
		}
		return os.Open(cat)
	}})
	for _, f := range p.Frames {
		if f.Func != "" && f.Kind == profile.User {
			t.Errorf("%s has the name %s, of another build", f.Module, f.Func)
		}
	}
	if !strings.Contains(strings.Join(p.Warnings, "\n"), "another build") {
		t.Errorf("warnings: %q", p.Warnings)
	}
}

func TestSpace(t *testing.T) {
	var s space
	a, b := &object{path: "a"}, &object{path: "b"}
	s.add(mapping{0x1000, 0x5000, 0, a})
	s.add(mapping{0x2000, 0x3000, 0x100, b})
	for addr, want := range map[uint64]string{0x0fff: "", 0x1000: "a 0", 0x1fff: "a fff", 0x2000: "b 100", 0x2fff: "b 10ff", 0x3000: "a 2000", 0x4fff: "a 3fff", 0x5000: ""} {
		got := ""
		if m := s.find(addr); m != nil {
			got = fmt.Sprintf("%s %x", m.obj.path, addr-m.start+m.off)
		}
		if got != want {
			t.Errorf("%#x: %q, want %q", addr, got, want)
		}
	}
	s.add(mapping{0, ^uint64(0), 0, b})
	if len(s.maps) != 1 {
		t.Errorf("what covers all leaves %d mappings", len(s.maps))
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"main": "main", "_ZN4node6Buffer3NewEv": "node::Buffer::New", "_ZNSt6vectorIiSaIiEE9push_backEOi": "std::vector<int, std::allocator<int> >::push_back",
		"_RNvC6_123foo3bar": "123foo::bar", "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE": "core::fmt::Formatter::pad",
	} {
		if got := pretty(in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	tab := tableOf(
		sym{addr: 0x10, end: 0x10}, "label", sym{addr: 0x10, end: 0x18, bind: global}, "__strong", sym{addr: 0x10, end: 0x18, bind: weak}, "weak",
		sym{addr: 0x10, end: 0x18, bind: global}, "strong", sym{addr: 0x20, end: 0x20}, "open", sym{addr: 0x28, end: 0x2a}, "next",
	)
	for addr, want := range map[uint64]string{0xf: "", 0x10: "strong", 0x17: "strong", 0x18: "", 0x20: "open", 0x27: "open", 0x28: "next", 0x2a: ""} {
		got := ""
		if s, ok := tab.find(addr); ok {
			got = tab.name(s)
		}
		if got != want {
			t.Errorf("%#x: %q, want %q", addr, got, want)
		}
	}
}

// tableOf makes a table of symbols and their names in turn.
func tableOf(list ...any) *table {
	t := &table{texts: [][]byte{nil}}
	for i := 0; i < len(list); i += 2 {
		s := list[i].(sym)
		s.nameAt = uint32(len(t.texts[0]))
		t.texts[0] = append(t.texts[0], list[i+1].(string)+"\n"...)
		t.syms = append(t.syms, s)
	}
	t.settle(nil)
	return t
}

// A file that is no ELF, or a broken one, is an error and nothing else.
func FuzzReadELF(f *testing.F) {
	self, err := os.Executable()
	if err != nil {
		f.Fatal(err)
	}
	r, err := os.Open(self)
	if err != nil {
		f.Fatal(err)
	}
	defer r.Close()
	head := make([]byte, 4096)
	if _, err := io.ReadFull(r, head); err != nil {
		f.Fatal(err)
	}
	f.Add(head)
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, tab, err := readELF(bytes.NewReader(data), nil)
		if err != nil {
			return
		}
		elfBuildID(bytes.NewReader(data))
		for _, s := range tab.syms {
			tab.find(s.addr)
		}
	})
}

// The time from a recording to its profile, without reading it from disk:
//
//	perf record -F 20000 -e cpu-clock -g -a -o big.data -- …
//	RINGSIDE_PERF_DATA=big.data go test -run - -bench Load ./profile/resolve
func BenchmarkLoad(b *testing.B) {
	path := os.Getenv("RINGSIDE_PERF_DATA")
	if path == "" {
		b.Skip("SKIPPED: RINGSIDE_PERF_DATA names no recording")
	}
	k, err := runningKernel(b)("", "")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	samples := int64(0)
	for b.Loop() {
		p := profileOf(b, path, Options{Open: here, Debug: debugHere, Kernel: func(string, string) (Kernel, error) { return k, nil }, Limits: profile.Limits{Cells: 1 << 18}})
		n, _ := p.Total(-1)
		samples += n
	}
	b.ReportMetric(float64(samples)/b.Elapsed().Seconds(), "samples/s")
}
