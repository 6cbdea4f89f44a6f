package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"

	"ringside/internal/record"
	"ringside/internal/recording"
	"ringside/trace/latency"
)

// recordingsView is the profiles, or the traces, that were sent.
type recordingsView struct {
	Origin   string
	Profiles bool // else traces
	Path     string
	Items    []record.Recording
	Pager    pager
	States   []choice
	Active   []choice
}

// recordings shows one kind of recordings.
func (s *site) recordings(kind, section, title string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := readQuery(r, "host", "kernel", "state", "offset")
		if err != nil {
			return err
		}
		offset, err := q.number("offset")
		if err != nil {
			return err
		}
		p, err := s.svc.Recordings(r.Context(), record.RecordingFilter{Kind: kind, Host: q.get("host"), Kernel: q.get("kernel"),
			State: record.RecordingState(q.get("state")), Window: record.Window{Limit: pageRows, Offset: offset}})
		if err != nil {
			return err
		}
		v := recordingsView{Origin: origin(r), Profiles: kind == record.KindProfile, Path: "/" + section, Items: p.Items, Pager: q.pager(offset, len(p.Items), pageRows, p.Total)}
		for _, k := range []string{"host", "kernel"} {
			if val := q.get(k); val != "" {
				v.Active = append(v.Active, choice{Label: k, Value: val, URL: q.with(k, "")})
			}
		}
		return s.show(w, r, "recordings", layout{Title: title, Section: section, API: "/api/v1/recordings?kind=" + kind, View: v})
	}
}

// recordingView is one profile or trace.
type recordingView struct {
	*record.Recording
	Path      string
	List      string // where it is listed
	MayChange bool
	Facts     *recording.Summary
	Latencies []latencyRow
	Others    []record.Recording // profiles that it can be compared with
}

// latencyRow is one kind of latency of a trace.
type latencyRow struct {
	Kind, Title string
	latency.Latency
}

// latencyTitles are the kinds in a reader's words.
var latencyTitles = map[string]string{
	latency.RunQueue: "Waiting for a CPU", latency.Wakeup: "Woken until on a CPU", latency.IRQ: "Interrupt handlers", latency.SoftIRQ: "Softirqs",
	latency.SoftIRQWait: "Softirqs, raised until entered", latency.Block: "Block requests", latency.Syscall: "System calls", latency.Lock: "Contended locks",
	latency.IRQOff: "Interrupts disabled", latency.PreemptOff: "Preemption disabled",
}

func (s *site) recording(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.Recording(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := &recordingView{Recording: d, Path: "/recordings/" + d.ID, List: "profiles", MayChange: s.mayChange(r)}
	if d.Summary != nil {
		if d.Summary.Kind == record.KindTrace {
			v.List = "traces"
		}
		if v.Facts, err = s.recordingFacts(r.Context(), d.ID); err != nil {
			return err
		}
		if t := v.Facts.Trace; t != nil {
			for _, kind := range latency.Kinds {
				if l, ok := t.Kinds[kind]; ok {
					title := latencyTitles[kind]
					if title == "" {
						title = kind
					}
					v.Latencies = append(v.Latencies, latencyRow{kind, title, l})
				}
			}
		}
		if v.Facts.Profile != nil {
			p, err := s.svc.Recordings(r.Context(), record.RecordingFilter{Kind: record.KindProfile, State: record.DumpAnalysed, Window: record.Window{Limit: 50}})
			if err != nil {
				return err
			}
			for _, x := range p.Items {
				if x.ID != d.ID {
					v.Others = append(v.Others, x)
				}
			}
		}
	}
	return s.show(w, r, "recording", layout{Title: v.Name(), Section: v.List, API: "/api/v1/recordings/" + d.ID, View: v})
}

// Name is what the recording is called: by what it says, once that is known.
func (v *recordingView) Name() string { return recordingName(v.Recording) }

// Waiting tells whether the analysis is still to come.
func (v *recordingView) Waiting() bool {
	return v.State == record.DumpQueued || v.State == record.DumpRunning
}

// Share is a weight as a share of the profile.
func (v *recordingView) Share(weight int64) float64 {
	if v.Facts.Profile == nil || v.Facts.Profile.Weight == 0 {
		return 0
	}
	return float64(weight) / float64(v.Facts.Profile.Weight)
}

func recordingName(d *record.Recording) string {
	switch {
	case d.Summary != nil && d.Summary.Title != "":
		return d.Summary.Title
	case d.Filename != "":
		return d.Filename
	}
	return "Recording " + short(d.SHA256)
}

// maxRecordingDoc bounds the document that is read for a page, uncompressed.
const maxRecordingDoc = 32 << 20

// recordingFacts reads what was found in a recording.
func (s *site) recordingFacts(ctx context.Context, id string) (*recording.Summary, error) {
	r, _, err := s.svc.OpenRecording(ctx, id, record.RecordingDocument)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("document of recording %s: %w", id, err)
	}
	var out recording.Summary
	if err := json.NewDecoder(io.LimitReader(z, maxRecordingDoc)).Decode(&out); err != nil {
		return nil, fmt.Errorf("document of recording %s: %w", id, err)
	}
	return &out, nil
}

// picturePolicy lets a picture run its own script and nothing else. It has no
// origin: whatever a recorded name might smuggle into it reaches neither this
// server's pages nor its API.
const picturePolicy = "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// recordingPicture serves the flame graph or timeline, as it was kept.
func (s *site) recordingPicture(w http.ResponseWriter, r *http.Request) error {
	body, _, err := s.svc.OpenRecording(r.Context(), r.PathValue("id"), record.RecordingPicture)
	if err != nil {
		return err
	}
	defer body.Close()
	h := w.Header()
	h.Set("Content-Security-Policy", picturePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		copyOrAbort(w, r, s.log, body)
		return nil
	}
	z, err := gzip.NewReader(body)
	if err != nil {
		return fmt.Errorf("picture of recording %s: %w", r.PathValue("id"), err)
	}
	copyOrAbort(w, r, s.log, z)
	return nil
}

// recordingRaw serves the recording as it arrived, always as a download.
func (s *site) recordingRaw(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.Recording(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	body, size, err := s.svc.OpenArtefact(r.Context(), d.SHA256)
	if err != nil {
		return err
	}
	defer body.Close()
	attachment(w, d.Filename, "recording-"+short(d.SHA256), size)
	copyOrAbort(w, r, s.log, body)
	return nil
}

// analyseRecording queues the analysis of a recording again.
func (s *site) analyseRecording(w http.ResponseWriter, r *http.Request) error {
	if !s.mayChange(r) {
		return errReadOnly
	}
	d, err := s.svc.Recording(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.svc.Reanalyse(r.Context(), d.SHA256); err != nil {
		return err
	}
	http.Redirect(w, r, "/recordings/"+d.ID, http.StatusSeeOther)
	return nil
}

var errNoProfile = errors.New("only profiles can be compared")
