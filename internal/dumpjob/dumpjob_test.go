package dumpjob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringside/internal/child"
	"ringside/internal/store"
	"ringside/vmcore"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Verb {
		beChild(os.Args[3])
	}
	os.Exit(m.Run())
}

// beChild ends as the dump says.
func beChild(dir string) {
	text, err := os.ReadFile(child.File)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	switch how := string(text); how {
	case "fine":
		if err := write(dir, document()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	case "memory":
		if err := child.Enter(child.MinMemory, os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		var hold [][]byte
		for {
			hold = append(hold, make([]byte, 16<<20))
			hold[len(hold)-1][0] = 1
		}
	case "hang":
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
	case "crash":
		panic("a mistake")
	default:
		fmt.Fprintln(os.Stderr, "ringside: "+how)
		os.Exit(2)
	}
}

func document() *vmcore.Document {
	doc := &vmcore.Document{Schema: vmcore.SchemaID, Findings: []vmcore.Finding{{Kind: vmcore.FindingHung, Title: "they wait", Confidence: 0.5}}}
	doc.Dump.Format, doc.Kernel.Release = "kdump", "6.1"
	doc.Kernel.DumpTime, doc.Kernel.Uptime = time.Unix(1e9, 0), time.Minute
	frames := []vmcore.Frame{{PC: 1, Symbol: "schedule"}}
	doc.Sections.Status = []vmcore.Status{{Section: "irqs", Error: "torn"}, {Section: "log"}}
	doc.Sections.Tasks = &vmcore.TaskSection{Count: 2, Groups: []vmcore.Group{{Count: 1, Frames: frames}},
		Tasks: []vmcore.Task{{TID: 1, Group: 0, Frames: frames}, {TID: 2, Group: 7, Frames: frames}}}
	return doc
}

func newAnalyzer(t *testing.T) *Analyzer {
	t.Helper()
	program, name, err := child.Program()
	if err != nil {
		t.Fatal(err)
	}
	return New(child.Runner{Program: program, Name: name, Folder: filepath.Join(t.TempDir(), "analysis"), Log: slog.New(slog.DiscardHandler)})
}

func dumpOf(t *testing.T, text string) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// empty checks that nothing was left in the analyzer's folder.
func empty(t *testing.T, a *Analyzer) {
	t.Helper()
	if left, err := os.ReadDir(a.Folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAnalyze(t *testing.T) {
	a := newAnalyzer(t)
	t.Chdir(filepath.Dir(a.Folder))
	a.Folder = filepath.Base(a.Folder) // as --data is mostly given
	found, err := a.AnalyzeDump(t.Context(), dumpOf(t, "fine"))
	if err != nil {
		t.Fatal(err)
	}
	s := found.Summary
	if s.Title != "they wait" || s.Tasks != 2 || s.UptimeSec != 60 || s.StoppedAt == nil || len(s.Failed) != 1 || s.Failed[0] != "irqs" || found.Log != nil {
		t.Errorf("summary: %+v", s)
	}
	if err := found.Close(); err != nil {
		t.Error(err)
	}
	empty(t, a)
}

func TestAnalyzeFails(t *testing.T) {
	for _, tt := range []struct {
		dump, says string
		timeout    time.Duration
	}{
		{dump: "memory", says: "raise the server's --dump-memory"},
		{dump: "hang", says: "took longer than 200ms", timeout: 200 * time.Millisecond},
		{dump: "crash", says: "a mistake in ringside"},
		{dump: "the dump is torn", says: "the dump is torn"},
	} {
		a := newAnalyzer(t)
		a.Memory, a.Timeout = child.MinMemory, tt.timeout
		_, err := a.AnalyzeDump(t.Context(), dumpOf(t, tt.dump))
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.HasPrefix(err.Error(), "ringside:") {
			t.Errorf("%s: %v", tt.dump, err)
		}
		if !store.IsPermanent(err) {
			t.Errorf("%s would be tried again: %v", tt.dump, err)
		}
		empty(t, a)
	}
}

// A worker that stops takes its child with it, and the job is not spent.
func TestAnalyzeStopped(t *testing.T) {
	a := newAnalyzer(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	f := dumpOf(t, "hang")
	go func() {
		_, err := a.AnalyzeDump(ctx, f)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || store.IsPermanent(err) {
		t.Errorf("stopped: %v", err)
	}
	empty(t, a)
}

func TestOutline(t *testing.T) {
	doc := document()
	out := Outline(doc)
	if out.Sections.Tasks.Tasks[0].Frames != nil || out.Sections.Tasks.Tasks[1].Frames == nil || doc.Sections.Tasks.Tasks[0].Frames == nil {
		t.Errorf("a stack that a group has goes, one that none has stays, and the document is as it was: %+v, %+v", out.Sections.Tasks.Tasks, doc.Sections.Tasks.Tasks)
	}
	bare := &vmcore.Document{}
	if Outline(bare) != bare {
		t.Error("a document without tasks has nothing to leave out")
	}
}

func TestRecognize(t *testing.T) {
	a := newAnalyzer(t)
	for head, want := range map[string]bool{
		"KDUMP   " + strings.Repeat("\x00", 4096):     true,
		"makedumpfile" + strings.Repeat("\x00", 4096): true,
		"[    0.000000] Linux version 6.1":            false,
		"":                                            false,
		"\x1f\x8b":                                    false,
	} {
		if got := a.Recognize([]byte(head)); got != want {
			t.Errorf("%.12q: a dump: %v", head, got)
		}
	}
}
