package perfevent

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringside/probe"
	"ringside/probe/tracefs"
)

func engine(t *testing.T) *Engine {
	t.Helper()
	e := &Engine{Root: os.DirFS("/")}
	if tree, err := tracefs.Attach(); err == nil {
		e.Tree = tree
		t.Cleanup(func() { tree.Close() })
	}
	return e
}

// record records while a program of its own runs, and returns the file.
func record(t *testing.T, c probe.Capture) (string, *probe.Recording) {
	t.Helper()
	e := engine(t)
	if err := e.Check(c); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "perf.data"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var enough bool
	rec, err := e.Capture(ctx, c, probe.Session{Out: out, Progress: func(p probe.Progress) {
		if !enough {
			enough = true
			if err := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done").Run(); err != nil {
				t.Error(err)
			}
			return
		}
		cancel()
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Name(), rec
}

// script returns what perf prints of a recording.
func script(t *testing.T, path string, args ...string) string {
	t.Helper()
	tool, err := exec.LookPath("perf")
	if err != nil {
		t.Skip("SKIPPED: perf is not installed")
	}
	var stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), tool, append([]string{"script", "-i", path}, args...)...)
	c.Stderr = &stderr
	text, err := c.Output()
	if err != nil {
		t.Fatalf("perf script: %v: %s", err, stderr.String())
	}
	return string(text)
}

func TestProfile(t *testing.T) {
	path, rec := record(t, probe.Capture{With: probe.PerfEvent, Events: []probe.Event{{Name: "cpu-clock", Frequency: 999, Stack: true}}})
	if rec.Events == 0 {
		t.Errorf("recorded %+v", rec)
	}
	text := script(t, path, "-F", "comm,event,ip,sym,dso")
	if n := strings.Count(text, "cpu-clock"); uint64(n) != rec.Events {
		t.Errorf("perf reads %d samples, %d were recorded", n, rec.Events)
	}
	for _, want := range []string{"[kernel.kallsyms]", "\nsh ", "/dash)"} {
		if !strings.Contains(text, want) {
			t.Errorf("perf finds no %q in the recording", want)
		}
	}
}

func TestTracepoints(t *testing.T) {
	path, rec := record(t, probe.Capture{With: probe.PerfEvent, Events: []probe.Event{
		{Name: "sched:sched_switch", Period: 1, Stack: true}, {Name: "sched:sched_wakeup", Period: 1}, {Name: "sched:no_such_event", Optional: true},
	}})
	// On a busy machine the buffers may overrun, which is said too.
	rec.Notes = slices.DeleteFunc(rec.Notes, func(n string) bool { return strings.Contains(n, "did not fit into the buffers") })
	if len(rec.Notes) != 1 || !strings.Contains(rec.Notes[0], "no_such_event") {
		t.Errorf("notes: %q", rec.Notes)
	}
	text := script(t, path, "-F", "event,trace")
	if n := strings.Count(text, "sched:sched_"); uint64(n) != rec.Events || n == 0 {
		t.Errorf("perf reads %d events, %d were recorded", n, rec.Events)
	}
	if !strings.Contains(text, "==> next_comm=") && !strings.Contains(text, "==> ") {
		t.Errorf("perf cannot print the events:\n%.1000s", text)
	}
}

func TestCheckSaysWhy(t *testing.T) {
	e := engine(t)
	for event, want := range map[string]string{"no-such": "no event", "sched:no_such_event": "no event"} {
		if event != "no-such" && e.Tree == nil {
			continue
		}
		if err := e.Check(probe.Capture{Events: []probe.Event{{Name: event}}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", event, err)
		}
	}
}

func TestMmap2(t *testing.T) {
	for line, want := range map[string]bool{
		"55d0-55d8 r-xp 00001000 fe:00 1234                       /usr/bin/with space": true,
		"55d0-55d8 r--p 00001000 fe:00 1234                       /usr/bin/x":          false,
		"7ff0-7ff8 r-xp 00000000 00:00 0 ":                                             true,
		"ffff-":                                                                        false,
		"x-y r-xp":                                                                     false,
		"":                                                                             false,
	} {
		b, ok := mmap2(1, line)
		if ok != want {
			t.Errorf("%q: %v", line, ok)
		}
		if ok && len(b)%8 != 0 {
			t.Errorf("%q: a record of %d bytes", line, len(b))
		}
	}
}

// A process that has threads already is recorded with all of them.
func TestThreads(t *testing.T) {
	ready := make(chan struct{})
	var stop atomic.Bool
	for range 2 {
		go func() {
			runtime.LockOSThread()
			ready <- struct{}{}
			for !stop.Load() { // it is to be seen running
			}
		}()
	}
	<-ready
	<-ready
	defer stop.Store(true)
	e := engine(t)
	c := probe.Capture{With: probe.PerfEvent, Events: []probe.Event{{Name: "cpu-clock", Frequency: 999}}}
	if err := e.Check(c); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "perf.data"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	rec, err := e.Capture(ctx, c, probe.Session{Out: f, PID: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	tids := map[string]bool{}
	for line := range strings.Lines(script(t, f.Name(), "-F", "tid")) {
		tids[strings.TrimSpace(line)] = true
	}
	if rec.Events == 0 || len(tids) < 2 {
		t.Errorf("%d events of threads %v", rec.Events, tids)
	}
}
