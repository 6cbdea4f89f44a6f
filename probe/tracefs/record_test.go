package tracefs

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringside/probe"
)

// engine opens tracefs or skips.
func engine(t *testing.T) *Engine {
	t.Helper()
	tree, err := Attach()
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	t.Cleanup(func() { tree.Close() })
	return &Engine{Tree: tree, Spool: func() (Spool, error) { return os.CreateTemp(t.TempDir(), "cpu") }}
}

func record(t *testing.T, e *Engine, c probe.Capture, until func(cancel func())) (string, *probe.Recording) {
	t.Helper()
	if err := e.Check(c); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "trace.dat"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	started := false
	rec, err := e.Capture(ctx, c, probe.Session{Out: out, Progress: func(p probe.Progress) {
		if !started { // tracing is on
			started = true
			until(cancel)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Name(), rec
}

func TestCapture(t *testing.T) {
	e := engine(t)
	path, rec := record(t, e, probe.Capture{With: probe.Tracefs, Events: []probe.Event{
		{Name: "sched:sched_switch"}, {Name: "sched:sched_process_exec"}, {Name: "sched:no_such_event", Optional: true},
	}}, func(cancel func()) {
		if err := exec.CommandContext(t.Context(), "true").Run(); err != nil {
			t.Error(err)
		}
		cancel()
	})
	if rec.Events == 0 || rec.Bytes == 0 || rec.Lost != 0 {
		t.Errorf("recorded %+v", rec)
	}
	if len(rec.Notes) != 1 || !strings.Contains(rec.Notes[0], "no_such_event") {
		t.Errorf("notes: %q", rec.Notes)
	}
	left, err := e.Tree.List("instances")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range left {
		if strings.HasPrefix(name, "ringside-probe-"+pid()) {
			t.Errorf("the instance %s was left behind", name)
		}
	}
	// The program for which the format was made reads it.
	tool, err := exec.LookPath("trace-cmd")
	if err != nil {
		t.Skip("SKIPPED: trace-cmd is not installed")
	}
	text, err := exec.CommandContext(t.Context(), tool, "report", "-i", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if !bytes.Contains(text, []byte("sched_process_exec")) {
		t.Errorf("trace-cmd does not see the program that was started:\n%.2000s", text)
	}
	events := 0
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte("sched_")) {
			events++
		}
	}
	if uint64(events) != rec.Events {
		t.Errorf("trace-cmd reports %d events, %d were recorded", events, rec.Events)
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	e := engine(t)
	err := e.Check(probe.Capture{Events: []probe.Event{{Name: "sched:no_such_event"}}})
	if err == nil || !strings.Contains(err.Error(), "no event sched:no_such_event") {
		t.Errorf("got %v", err)
	}
}

func TestStatistics(t *testing.T) {
	lost, read := statistics("entries: 0\noverrun: 3\ncommit overrun: 1\nbytes: 52\noldest event ts:  1.2\ndropped events: 2\nread events: 131\n")
	if lost != 6 || read != 131 {
		t.Errorf("lost %d, read %d", lost, read)
	}
}

func pid() string { return strconv.Itoa(os.Getpid()) }

// What the doctor says of tracing is what this kernel's files say.
func TestExamine(t *testing.T) {
	tree, err := Attach()
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	defer tree.Close()
	for _, c := range tree.Examine(probe.Config{"FUNCTION_TRACER": "y"}) {
		if c.Says == "" {
			t.Errorf("%s says nothing", c.What)
		}
		if c.What == "events of single system calls" {
			if _, err := tree.List("events/syscalls"); (err == nil) != c.OK {
				t.Errorf("%+v, and listing them says %v", c, err)
			}
		}
		if c.What == "irqsoff tracer" && !c.OK && !strings.Contains(c.Says, "CONFIG_IRQSOFF_TRACER is not set") {
			t.Errorf("%s: %s", c.What, c.Says)
		}
	}
}
