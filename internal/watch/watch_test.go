package watch

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
	"testing/synctest"
	"time"

	"ringside/crash"
)

func lab(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../crash/testdata/lab", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// slow gives a log line by line, with a pause before each.
type slow struct {
	lines [][]byte
	pause time.Duration
	again bool
}

func (s *slow) Open(context.Context) (io.ReadCloser, error) { return io.NopCloser(s), nil }
func (s *slow) Again() bool                                 { return s.again }
func (s *slow) String() string                              { return "slow" }

func (s *slow) Read(p []byte) (int, error) {
	if len(s.lines) == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.pause) // the bubble's clock, not the wall's
	n := copy(p, s.lines[0])
	if s.lines[0] = s.lines[0][n:]; len(s.lines[0]) == 0 {
		s.lines = s.lines[1:]
	}
	return n, nil
}

func lines(data []byte) [][]byte {
	return bytes.SplitAfter(append([]byte{}, data...), []byte("\n"))
}

// seen is an event as a test compares it.
func seen(e Event) string {
	switch e.Kind {
	case Opened, Completed:
		return fmt.Sprintf("%s %s", e.Kind, e.Document.Reports[e.Report].Title)
	case Booted:
		return fmt.Sprintf("%s %s", e.Kind, e.Document.Boots[e.Boot].Release)
	}
	return string(e.Kind)
}

// TestFollowTellsOnce streams every log of the lab line by line, in made time,
// and expects each report to be told of twice: begun, and complete as in the
// whole file.
func TestFollowTellsOnce(t *testing.T) {
	files, err := filepath.Glob("../../crash/testdata/lab/crash-*.log")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d logs: %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data := lab(t, filepath.Base(name))
			doc, err := crash.Parse(context.Background(), bytes.NewReader(data), crash.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for i := range doc.Reports {
				if doc.Reports[i].RepeatOf == nil {
					want = append(want, doc.Reports[i].Title)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				var opened, completed []string
				err := Follow(t.Context(), &slow{lines: lines(data), pause: 5 * time.Millisecond}, Options{}, func(e Event) error {
					switch e.Kind {
					case Opened:
						opened = append(opened, e.Document.Reports[e.Report].Title)
					case Completed:
						completed = append(completed, e.Document.Reports[e.Report].Title)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if len(opened) != len(want) {
					t.Errorf("told of %d beginnings, want %d: %q", len(opened), len(want), opened)
				}
				if strings.Join(completed, "\n") != strings.Join(want, "\n") {
					t.Errorf("completed %q, want %q", completed, want)
				}
			})
		})
	}
}

// TestFollowTellsSoon holds the promise of "while it is still dying": a report
// is told of while its lines are still coming, and is complete without the
// stream's end.
func TestFollowTellsSoon(t *testing.T) {
	data := lab(t, "crash-mod-warn.log")
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		at := map[string]time.Duration{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		src := &held{slow: slow{lines: lines(data), pause: time.Millisecond}}
		err := Follow(ctx, src, Options{Silence: time.Minute}, func(e Event) error {
			if _, ok := at[string(e.Kind)]; !ok {
				at[string(e.Kind)] = time.Since(begin)
			}
			if e.Kind == Silent {
				return Stop()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all := time.Duration(len(src.all)) * time.Millisecond
		if at["report"] == 0 || at["complete"] < at["report"] {
			t.Errorf("events at %v, want a report and then its completion", at)
		}
		if late := at["complete"] - all; late > 3*time.Second {
			t.Errorf("complete %v behind the last line, want within 3s", late)
		}
	})
}

// held goes on holding the line after its last byte, as a console does.
type held struct {
	slow
	all [][]byte
	ctx context.Context
}

func (h *held) Open(ctx context.Context) (io.ReadCloser, error) {
	h.ctx, h.all = ctx, h.lines
	return io.NopCloser(h), nil
}

func (h *held) Read(p []byte) (int, error) {
	n, err := h.slow.Read(p)
	if errors.Is(err, io.EOF) {
		<-h.ctx.Done()
		return 0, h.ctx.Err()
	}
	return n, err
}

// TestFollowForgets streams far more than the window holds and expects the
// crash in the middle all the same, once, and a bounded window.
func TestFollowForgets(t *testing.T) {
	clean := lab(t, "boot-clean.log")
	oops := lab(t, "crash-mod-null.log")
	var all [][]byte
	for range 40 {
		all = append(all, clean)
	}
	all = append(all, lines(oops)...)
	for range 40 {
		all = append(all, clean)
	}
	synctest.Test(t, func(t *testing.T) {
		var got []string
		largest := 0
		err := Follow(t.Context(), &slow{lines: all, pause: time.Millisecond}, Options{Window: 128 << 10}, func(e Event) error {
			largest = max(largest, len(e.Window))
			if e.Kind == Completed {
				got = append(got, seen(e))
				r := &e.Document.Reports[e.Report]
				if !bytes.Contains(e.Window[r.Span.Start:r.Span.End], []byte(r.Headline)) {
					t.Error("the report's span does not hold its headline")
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || !strings.Contains(got[0], "null-ptr-deref in null_in_thread") {
			t.Errorf("got %q, want the oops once", got)
		}
		if largest > 128<<10+32<<10 {
			t.Errorf("the window grew to %d bytes", largest)
		}
	})
}

// TestFollowOpensAgain expects a source that comes back to be opened again, and
// what was cut off to be told.
func TestFollowOpensAgain(t *testing.T) {
	data := lab(t, "crash-mod-null.log")
	cut := bytes.Index(data, []byte("Call Trace"))
	synctest.Test(t, func(t *testing.T) {
		var got []string
		src := &flaky{parts: [][]byte{data[:cut], []byte("[    0.000000] Linux version 6.1.0 (a@b)\n")}}
		err := Follow(t.Context(), src, Options{}, func(e Event) error {
			got = append(got, seen(e))
			if e.Kind == Connected && src.opened == 3 {
				return Stop()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(got, "\n")
		if !strings.Contains(text, "complete null-ptr-deref") || strings.Count(text, "disconnected") != 2 || !strings.Contains(text, "boot 6.1.0") {
			t.Errorf("events:\n%s", text)
		}
	})
}

type flaky struct {
	parts  [][]byte
	opened int
}

func (s *flaky) Open(context.Context) (io.ReadCloser, error) {
	s.opened++
	if len(s.parts) == 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	r := bytes.NewReader(s.parts[0])
	s.parts = s.parts[1:]
	return io.NopCloser(r), nil
}
func (s *flaky) Again() bool    { return true }
func (s *flaky) String() string { return "flaky" }

func TestFollowEmitError(t *testing.T) {
	want := errors.New("the disk is full")
	err := Follow(context.Background(), reader{strings.NewReader("")}, Options{}, func(Event) error { return want })
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
