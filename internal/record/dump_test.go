package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringside/internal/store"
)

// scriptDumps takes for a dump what begins with "DUMP". The rest of its first
// line is its title, or what goes wrong; the rest of it is its log.
type scriptDumps struct {
	calls  int
	broken error
}

func (a *scriptDumps) Recognize(head []byte) bool { return bytes.HasPrefix(head, []byte("DUMP")) }

func (a *scriptDumps) AnalyzeDump(_ context.Context, f *os.File) (*DumpAnalysis, error) {
	a.calls++
	if a.broken != nil {
		return nil, a.broken
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	title, log, _ := strings.Cut(strings.TrimPrefix(string(text), "DUMP "), "\n")
	stopped := testStart.Add(-time.Hour)
	out := &DumpAnalysis{
		Summary: DumpSummary{Format: "kdump", Release: "6.1.0-1-amd64", Node: "Box7", Rung: "btf", Tasks: 3, StoppedAt: &stopped,
			Kind: "crash", Title: title, Sure: 0.9, Findings: 1, Failed: []string{}},
		Document: strings.NewReader("document of " + title), Outline: strings.NewReader("outline of " + title),
		Close: func() error { return nil },
	}
	if log != "" {
		out.Log = strings.NewReader(log)
	}
	return out, nil
}

const (
	dumpLogText = "REPORT kind=null-ptr-deref fn=vfs_read kernel=6.1.0-1-amd64\n"
	dumpText    = "DUMP it fell over\n" + dumpLogText
)

func newDumpService(t *testing.T, db *store.DB) (*Service, *scriptDumps) {
	t.Helper()
	a := &scriptDumps{}
	s, c := newService(t, db, func(c *Config) { c.Dumps = a })
	// Time goes by with each look at the clock, so that the IDs have an order.
	s.now = func() time.Time { c.t = c.t.Add(time.Millisecond); return c.t }
	s.openQueues()
	return s, a
}

func intake(t *testing.T, s *Service, text string, m Meta) Receipt {
	t.Helper()
	r, err := s.Intake(t.Context(), strings.NewReader(text), m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func drain(t *testing.T, s *Service) {
	t.Helper()
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func oneDump(t *testing.T, s *Service, id string) *Dump {
	t.Helper()
	d, err := s.Dump(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A dump and the console log of the same crash are one signature.
func TestDump(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, a := newDumpService(t, db)
		console := intake(t, s, dumpLogText, Meta{Host: "other"})
		r := intake(t, s, dumpText, Meta{Filename: "vmcore"})
		if d := oneDump(t, s, r.ID); d.State != DumpQueued || d.Summary != nil {
			t.Errorf("before the analysis: %+v", d)
		}
		drain(t, s)

		d := oneDump(t, s, r.ID)
		if d.State != DumpAnalysed || d.Summary.Title != "it fell over" || d.LogSize != int64(len(dumpLogText)) || len(d.Crashes) != 1 {
			t.Fatalf("after the analysis: %+v", d)
		}
		if d.Host == nil || d.Host.Name != "box7" {
			t.Errorf("the dump says that it is of Box7, the record says %+v", d.Host)
		}
		c, err := s.Crash(t.Context(), d.Crashes[0])
		if err != nil {
			t.Fatal(err)
		}
		if c.TimeFrom != TimeFromCollected || !c.OccurredAt.Equal(testStart.Add(-time.Hour)) {
			t.Errorf("the crash happened at %v by %s, the kernel stopped an hour before %v", c.OccurredAt, c.TimeFrom, testStart)
		}
		r, err = s.Receipt(t.Context(), r.ID)
		if err != nil || r.Progress != Analysed || len(r.Crashes) != 1 || r.Crashes[0] != c.ID {
			t.Errorf("receipt of the dump: %+v, %v", r, err)
		}
		if console, err = s.Receipt(t.Context(), console.ID); err != nil {
			t.Fatal(err)
		}
		other, err := s.Crash(t.Context(), console.Crashes[0])
		if err != nil || other.Signature.ID != c.Signature.ID {
			t.Errorf("signature %s of the dump and %s of the console log, %v", c.Signature.ID, other.Signature.ID, err)
		}
		log, err := s.CrashLog(t.Context(), c.ID, LogRange{})
		if err != nil || len(log.Lines) != 1 || log.Lines[0].Text+"\n" != dumpLogText {
			t.Errorf("log of the crash: %+v, %v", log, err)
		}
		for part, want := range map[DumpPart]string{DumpDocument: "document of it fell over", DumpOutline: "outline of it fell over", DumpLog: dumpLogText} {
			f, _, err := s.OpenDump(t.Context(), d.ID, part)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(f)
			f.Close()
			if err != nil || string(text) != want {
				t.Errorf("%s: %q, %v, want %q", part, text, err, want)
			}
		}
		counts := dump(t, s)

		// The same again, from the same host and from another one.
		if again := intake(t, s, dumpText, Meta{}); !again.Duplicate || again.ID != r.ID {
			t.Errorf("the same dump again: %+v", again)
		}
		elsewhere := intake(t, s, dumpText, Meta{Host: "box8"})
		drain(t, s)
		if d := oneDump(t, s, elsewhere.ID); d.State != DumpAnalysed || d.Host.Name != "box8" || len(d.Crashes) != 1 || d.Crashes[0] == c.ID {
			t.Errorf("from another host: %+v", d)
		}
		if a.calls != 1 {
			t.Errorf("one dump was analysed %d times", a.calls)
		}
		checkRollups(t, s)

		// Analysed again, as after an upgrade, it says the same.
		if err := s.AnalyseDump(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		before := dump(t, s)
		if err := s.Reanalyse(t.Context(), r.SHA256); err != nil {
			t.Fatal(err)
		}
		drain(t, s)
		if a.calls != 2 || dump(t, s) != before || before == counts {
			t.Errorf("analysed again (%d times in all) the record says\n%s, not\n%s", a.calls, dump(t, s), before)
		}
		if d := oneDump(t, s, r.ID); d.State != DumpAnalysed || d.Crashes[0] != c.ID {
			t.Errorf("analysed again: %+v", d)
		}
	})
}

func TestDumpList(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newDumpService(t, db)
		first := intake(t, s, dumpText, Meta{})
		drain(t, s)
		second := intake(t, s, "DUMP asked for\n", Meta{Host: "box9"})
		crashes, err := s.Crashes(t.Context(), CrashFilter{})
		if err != nil || len(crashes.Items) != 1 {
			t.Fatalf("crashes: %+v, %v", crashes, err)
		}
		for _, tt := range []struct {
			name string
			f    DumpFilter
			want []string
		}{
			{"all", DumpFilter{}, []string{second.ID, first.ID}},
			{"state", DumpFilter{State: DumpQueued}, []string{second.ID}},
			{"analysed", DumpFilter{State: DumpAnalysed}, []string{first.ID}},
			{"running", DumpFilter{State: DumpRunning}, nil},
			{"the dump's own host", DumpFilter{Host: "BOX7"}, []string{first.ID}},
			{"the sender's host", DumpFilter{Host: "box9"}, []string{second.ID}},
			{"kernel", DumpFilter{Kernel: "6.1.0-1-amd64"}, []string{first.ID}},
			{"kind", DumpFilter{Kind: "crash"}, []string{first.ID}},
			{"crash", DumpFilter{Crash: crashes.Items[0].ID}, []string{first.ID}},
			{"content", DumpFilter{SHA256: second.SHA256}, []string{second.ID}},
			{"window", DumpFilter{Window: Window{Limit: 1, Offset: 1}}, []string{first.ID}},
		} {
			p, err := s.Dumps(t.Context(), tt.f)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			var got []string
			for _, d := range p.Items {
				got = append(got, d.ID)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
		if _, err := s.Dumps(t.Context(), DumpFilter{State: "lost"}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a state that there is not: %v", err)
		}
		// A dump without a log has no crash, and is a record all the same.
		drain(t, s)
		if d := oneDump(t, s, second.ID); d.State != DumpAnalysed || len(d.Crashes) != 0 || d.Summary.Title != "asked for" {
			t.Errorf("a dump without a log: %+v", d)
		}
		if _, _, err := s.OpenDump(t.Context(), second.ID, DumpLog); !errors.Is(err, ErrNotFound) {
			t.Errorf("a log that there is not: %v", err)
		}
	})
}

func TestDumpFails(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, a := newDumpService(t, db)
		a.broken = store.Permanent(errors.New("it needs more memory"))
		r := intake(t, s, dumpText, Meta{Host: "box1"})
		drain(t, s)
		if d := oneDump(t, s, r.ID); d.State != DumpFailed || d.Error != "it needs more memory" {
			t.Fatalf("after a failure for good: %+v", d)
		}
		jobs, err := s.Jobs(t.Context(), JobFilter{State: store.JobDead})
		if err != nil || len(jobs.Items) != 1 {
			t.Fatalf("dead jobs: %+v, %v", jobs, err)
		}
		a.broken = nil
		if _, err := s.RetryJob(t.Context(), jobs.Items[0].ID); err != nil {
			t.Fatal(err)
		}
		if d := oneDump(t, s, r.ID); d.State != DumpQueued {
			t.Errorf("tried again: %+v", d)
		}
		drain(t, s)
		if d := oneDump(t, s, r.ID); d.State != DumpAnalysed || d.Error != "" {
			t.Errorf("after it was tried again: %+v", d)
		}

		// What may pass is tried again later, and the dump says so meanwhile.
		a.broken = errors.New("a moment, please")
		r = intake(t, s, dumpText+"2\n", Meta{Host: "box1"})
		drain(t, s)
		if d := oneDump(t, s, r.ID); d.State != DumpQueued || d.Error != "a moment, please" || d.Attempts != 1 {
			t.Errorf("after a failure that may pass: %+v", d)
		}
	})
}

func TestDumpIntake(t *testing.T) {
	s, _ := newDumpService(t, openSQLite(t, t.TempDir()))
	s.limit, s.dumpLimit = 100, 200
	const sha = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	for _, tt := range []struct {
		name, text string
		m          Meta
		err        error
	}{
		{"a dump may be larger than a log", "DUMP x\n" + strings.Repeat("x", 150), Meta{}, nil},
		{"a log may not", strings.Repeat("x", 150), Meta{}, ErrTooLarge},
		{"nor may any dump", "DUMP " + strings.Repeat("x", 250), Meta{}, ErrTooLarge},
		{"no dump", "hello", Meta{Class: ClassDump}, ErrInvalid},
		{"another content", "DUMP y\n", Meta{SHA256: sha}, ErrMismatch},
		{"no hash", "DUMP y\n", Meta{SHA256: "xyz"}, ErrInvalid},
		{"nothing", "", Meta{Class: ClassDump}, ErrEmpty},
	} {
		if _, err := s.Intake(t.Context(), strings.NewReader(tt.text), tt.m); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
	}
	p, err := s.Dumps(t.Context(), DumpFilter{})
	if err != nil || len(p.Items) != 1 {
		t.Fatalf("dumps: %+v, %v", p, err)
	}
	known, err := s.IntakeKnown(t.Context(), Meta{SHA256: p.Items[0].SHA256, Host: "box2", Class: ClassDump})
	if err != nil || known.Duplicate || known.Host.Name != "box2" {
		t.Errorf("a content that is known: %+v, %v", known, err)
	}
	if _, err := s.IntakeKnown(t.Context(), Meta{SHA256: sha, Class: ClassDump}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a content that is not known: %v", err)
	}
	if err := s.Room(1 << 60); !errors.Is(err, store.ErrNoSpace) {
		t.Errorf("room for an exabyte: %v", err)
	}
}

// An upload that ends halfway leaves nothing.
func TestDumpCut(t *testing.T) {
	dir := t.TempDir()
	blobs, err := store.OpenBlobDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newService(t, openSQLite(t, t.TempDir()), func(c *Config) { c.Dumps, c.Blobs = &scriptDumps{}, blobs })
	cut := io.MultiReader(strings.NewReader("DUMP "+strings.Repeat("x", 1<<20)), cutReader{})
	if _, err := s.Intake(t.Context(), cut, Meta{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("intake of half a dump: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if p, err := s.Dumps(t.Context(), DumpFilter{}); err != nil || p.Total != 0 {
		t.Errorf("dumps: %+v, %v", p, err)
	}
}

type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
