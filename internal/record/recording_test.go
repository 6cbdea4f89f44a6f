package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"ringside/internal/store"
)

// scriptRecordings takes for a recording what begins with "REC": its kind, its
// machine and its title follow.
type scriptRecordings struct {
	calls  int
	broken error
}

func (a *scriptRecordings) Recognize(head []byte) bool { return bytes.HasPrefix(head, []byte("REC ")) }

func (a *scriptRecordings) AnalyzeRecording(_ context.Context, f *os.File) (*RecordingAnalysis, error) {
	a.calls++
	if a.broken != nil {
		return nil, a.broken
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	part := strings.SplitN(string(text), " ", 4)
	out := &RecordingAnalysis{
		Summary:  RecordingSummary{Kind: part[1], Format: "perf.data", Title: part[3], Node: part[2], Release: "6.12.1", Count: 7, Lost: 2, Duration: time.Second},
		Document: strings.NewReader("document of " + part[3]), Picture: strings.NewReader("picture of " + part[3]),
		Close: func() error { return nil },
	}
	if part[1] == KindProfile {
		out.Profile = strings.NewReader("profile of " + part[3])
	}
	return out, nil
}

func newRecordingService(t *testing.T, db *store.DB) (*Service, *scriptRecordings) {
	t.Helper()
	a := &scriptRecordings{}
	s, c := newService(t, db, func(c *Config) { c.Recordings = a })
	// Time goes by with each look at the clock, so that the IDs have an order.
	s.now = func() time.Time { c.t = c.t.Add(time.Millisecond); return c.t }
	s.openQueues()
	return s, a
}

func oneRecording(t *testing.T, s *Service, id string) *Recording {
	t.Helper()
	d, err := s.Recording(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRecording(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, a := newRecordingService(t, db)
		r := intake(t, s, "REC profile Web7 it spins", Meta{Filename: "perf.data", Class: ClassRecording})
		if d := oneRecording(t, s, r.ID); d.State != DumpQueued || d.Summary != nil || d.Host != nil {
			t.Errorf("before the analysis: %+v", d)
		}
		if _, _, err := s.OpenRecording(t.Context(), r.ID, RecordingDocument); !errors.Is(err, ErrNotFound) {
			t.Errorf("a document before the analysis: %v", err)
		}
		drain(t, s)
		d := oneRecording(t, s, r.ID)
		if d.State != DumpAnalysed || !d.Picture || d.Summary.Title != "it spins" || d.Release != "6.12.1" || d.Host == nil || d.Host.Name != "web7" {
			t.Fatalf("after the analysis: %+v", d)
		}
		for part, want := range map[RecordingPart]string{RecordingDocument: "document of it spins", RecordingProfile: "profile of it spins", RecordingPicture: "picture of it spins"} {
			f, _, err := s.OpenRecording(t.Context(), d.ID, part)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(f)
			f.Close()
			if err != nil || string(text) != want {
				t.Errorf("%s: %q, %v, want %q", part, text, err, want)
			}
		}
		if _, _, err := s.OpenRecording(t.Context(), d.ID, "sound"); !errors.Is(err, ErrInvalid) {
			t.Errorf("a part that there is not: %v", err)
		}

		if k, err := s.Kernel(t.Context(), "6.12.1"); err != nil || k.Crashes != 0 {
			t.Errorf("the recorded kernel: %+v, %v", k, err)
		}

		// The same again, from the same sender and about another host.
		if again := intake(t, s, "REC profile Web7 it spins", Meta{}); !again.Duplicate || again.ID != r.ID {
			t.Errorf("the same again: %+v", again)
		}
		known, err := s.IntakeKnown(t.Context(), Meta{SHA256: d.SHA256, Host: "web8", Class: ClassRecording})
		if err != nil || known.Duplicate {
			t.Fatalf("about another host, by its hash: %+v, %v", known, err)
		}
		if _, err := s.IntakeKnown(t.Context(), Meta{SHA256: d.SHA256, Class: ClassDump}); !errors.Is(err, ErrNotFound) {
			t.Errorf("a recording was taken for a dump that is known: %v", err)
		}
		drain(t, s)
		if d := oneRecording(t, s, known.ID); d.State != DumpAnalysed || d.Host.Name != "web8" {
			t.Errorf("about another host: %+v", d)
		}
		if a.calls != 1 {
			t.Errorf("one recording was analysed %d times", a.calls)
		}

		// After an upgrade it is read anew.
		if err := s.Reanalyse(t.Context(), d.SHA256); err != nil {
			t.Fatal(err)
		}
		drain(t, s)
		if a.calls != 2 || oneRecording(t, s, r.ID).State != DumpAnalysed {
			t.Errorf("analysed %d times: %+v", a.calls, oneRecording(t, s, r.ID))
		}
		art, err := s.Artefact(t.Context(), d.SHA256)
		if err != nil || art.Type != "profile (perf.data)" {
			t.Errorf("artefact %+v, %v", art, err)
		}
	})
}

func TestRecordingList(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, a := newRecordingService(t, db)
		first := intake(t, s, "REC profile a one", Meta{})
		trace := intake(t, s, "REC trace (none) two", Meta{Host: "b"})
		drain(t, s)
		a.broken = store.Permanent(errors.New("it is torn"))
		broken := intake(t, s, "REC profile c three", Meta{Kernel: "5.10"})
		drain(t, s)
		for _, tt := range []struct {
			name string
			f    RecordingFilter
			want []string
		}{
			{"all", RecordingFilter{}, []string{broken.ID, trace.ID, first.ID}},
			{"profiles", RecordingFilter{Kind: KindProfile}, []string{first.ID}},
			{"traces", RecordingFilter{Kind: KindTrace}, []string{trace.ID}},
			{"failed", RecordingFilter{State: DumpFailed}, []string{broken.ID}},
			{"the recording's own host", RecordingFilter{Host: "a"}, []string{first.ID}},
			{"the sender's host", RecordingFilter{Host: "B"}, []string{trace.ID}},
			{"kernel", RecordingFilter{Kernel: "6.12.1"}, []string{trace.ID, first.ID}},
			{"the sender's kernel", RecordingFilter{Kernel: "5.10"}, []string{broken.ID}},
			{"window", RecordingFilter{Window: Window{Limit: 1, Offset: 1}}, []string{trace.ID}},
		} {
			p, err := s.Recordings(t.Context(), tt.f)
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
		if d := oneRecording(t, s, broken.ID); d.State != DumpFailed || !strings.Contains(d.Error, "it is torn") {
			t.Errorf("the broken one: %+v", d)
		}
		if d := oneRecording(t, s, trace.ID); d.Summary == nil || d.Host.Name != "b" {
			t.Errorf("the trace: %+v", d)
		}
		if _, _, err := s.OpenRecording(t.Context(), trace.ID, RecordingProfile); !errors.Is(err, ErrNotFound) {
			t.Errorf("the profile of a trace: %v", err)
		}
		for name, f := range map[string]RecordingFilter{"kind": {Kind: "song"}, "state": {State: "lost"}, "offset": {Window: Window{Offset: -1}}} {
			if _, err := s.Recordings(t.Context(), f); !errors.Is(err, ErrInvalid) {
				t.Errorf("a %s that there is not: %v", name, err)
			}
		}
	})
}

// What is sent as a recording must be one, and a server may take none.
func TestRecordingRefused(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newRecordingService(t, db)
		if _, err := s.Intake(t.Context(), strings.NewReader("hello"), Meta{Class: ClassRecording}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a text as a recording: %v", err)
		}
		if _, err := s.Intake(t.Context(), strings.NewReader("REC profile a b"), Meta{Class: ClassDump}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a recording as a dump: %v", err)
		}
		s.recordings = nil
		if _, err := s.Intake(t.Context(), strings.NewReader("REC profile a b"), Meta{Class: ClassRecording}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a recording where none are taken: %v", err)
		}
		if err := s.AnalyseRecording(t.Context(), "01"); !store.IsPermanent(err) {
			t.Errorf("an analysis where there is none: %v", err)
		}
	})
}
