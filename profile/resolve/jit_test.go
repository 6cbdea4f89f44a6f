package resolve

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ringside/profile"
	"ringside/profile/jitdump"
)

// Functions that V8 compiled have the names that it wrote down, at the time at
// which they were sampled, with what perf inject makes of them.
func TestDumpedCode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: node is not installed")
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "perf.data")
	c := exec.CommandContext(t.Context(), "perf", "record", "-q", "-k", "mono", "-F", "2000", "-e", "cpu-clock", "-g", "-o", data, "--",
		node, "--perf-prof", "-e", "function fib(n){return n<2?n:fib(n-1)+fib(n-2)}; let s=0; for(let i=0;i<30;i++) s+=fib(26); console.log(s)")
	c.Dir = dir
	if text, err := c.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: perf: %v: %s", err, text)
	}
	p := profileOf(t, data, Options{Open: here, Kernel: runningKernel(t), Dump: func(path string) (io.ReadCloser, error) { return os.Open(path) }})
	var all, fib int64
	for _, c := range p.Cells {
		all += c.Count
		for f := range p.Stack(c.Stack) {
			if strings.Contains(f.Func, "fib") && strings.HasSuffix(f.Module, ".dump") {
				fib += c.Count
				break
			}
		}
	}
	inject := exec.CommandContext(t.Context(), "perf", "inject", "-j", "-i", data, "-o", data+".jit")
	inject.Dir = dir
	if text, err := inject.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: perf inject: %v: %s", err, text)
	}
	var theirs int64
	for stack := range strings.SplitSeq(string(perf(t, "script", "-i", data+".jit", "--no-inline", "-F", "comm,ip,sym,dso")), "\n\n") {
		if strings.Contains(stack, "fib") {
			theirs++
		}
	}
	t.Logf("%d of %d samples are in fib; perf inject says %d", fib, all, theirs)
	if fib == 0 || fib*100 < theirs*98 || theirs*100 < fib*98 {
		t.Errorf("%d samples are in fib, perf inject says %d", fib, theirs)
	}
}

// Code is called by what was at its address when it was sampled.
func TestDumpHasTimes(t *testing.T) {
	tasks := newTasks()
	p := tasks.proc(1)
	l := &loader{tasks: tasks, b: profile.NewBuilder(profile.Limits{})}
	l.jit(p).dump = madeDump()
	name := func(time, addr uint64) string {
		p.jit.dump.at(p, time, func() int { tasks.version++; return tasks.version })
		id, ok := l.dumpedFrame(p, addr)
		if !ok {
			return ""
		}
		return l.b.Profile().Frames[id].Func
	}
	for _, tc := range []struct {
		time, addr uint64
		want       string
	}{{5, 0x1000, ""}, {10, 0x1008, "first"}, {20, 0x1008, "second"}, {30, 0x1008, "second"}, {30, 0x3008, "second"}, {40, 0x1018, ""}} {
		if got := name(tc.time, tc.addr); got != tc.want {
			t.Errorf("%#x at %d: %q, want %q", tc.addr, tc.time, got, tc.want)
		}
	}
}

func madeDump() *dump {
	return &dump{timed: true, events: []jitdump.Event{
		{Time: 10, Addr: 0x1000, Size: 16, Name: "first"},
		{Time: 20, Addr: 0x1000, Size: 16, Name: "second"},
		{Kind: jitdump.Move, Time: 30, Old: 0x1000, Addr: 0x3000, Size: 16},
	}}
}
