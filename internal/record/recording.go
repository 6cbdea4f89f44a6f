package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/internal/store"
)

// RecordingState tells where a recording is on its way.
type RecordingState = DumpState

// Recording is one delivery of a profile or a trace. Its ID is that of its
// receipt.
type Recording struct {
	ID          string            `json:"id"`
	SHA256      string            `json:"sha256"`
	Size        int64             `json:"size"`
	State       RecordingState    `json:"state" enum:"queued,running,analysed,failed"`
	Error       string            `json:"error,omitempty" doc:"Why the last attempt failed, and what to do"`
	Attempts    int               `json:"attempts" doc:"How often the analysis was tried"`
	Host        *HostRef          `json:"host"`
	Release     string            `json:"release,omitempty" doc:"Of the recorded kernel"`
	Source      string            `json:"source,omitempty"`
	Filename    string            `json:"filename,omitempty"`
	ReceivedAt  time.Time         `json:"received_at"`
	CollectedAt *time.Time        `json:"collected_at,omitempty"`
	AnalysedAt  *time.Time        `json:"analysed_at,omitempty"`
	Summary     *RecordingSummary `json:"summary" doc:"What was found in it; null until it is analysed"`
	Picture     bool              `json:"picture" doc:"There is a flame graph or a timeline of it"`
	Duplicate   bool              `json:"duplicate,omitempty" doc:"In the answer to an upload: this content of this host was here before"`
	Demo        bool              `json:"demo"`
}

// The kinds of recordings.
const (
	KindProfile = "profile"
	KindTrace   = "trace"
)

// RecordingSummary is a recording in a few words.
type RecordingSummary struct {
	Kind     string        `json:"kind" enum:"profile,trace"`
	Format   string        `json:"format" doc:"perf.data, trace.dat, pprof, …"`
	Title    string        `json:"title" doc:"The first thing to know about it"`
	Node     string        `json:"node,omitempty" doc:"What the machine called itself"`
	Release  string        `json:"release,omitempty"`
	BuildID  string        `json:"build_id,omitempty" doc:"Of the recorded kernel"`
	Arch     string        `json:"arch,omitempty"`
	CPUs     int           `json:"cpus,omitempty"`
	Event    string        `json:"event,omitempty" doc:"The one with the most samples"`
	Count    int64         `json:"count" doc:"Samples of a profile, events of a trace"`
	Lost     int64         `json:"lost" doc:"Samples or events that are known to be missing"`
	Duration time.Duration `json:"duration_ns"`
}

// RecordingFilter selects recordings, newest first. Empty fields select all.
type RecordingFilter struct {
	Kind   string // profile or trace
	Host   string // ID or name
	Kernel string // release
	State  RecordingState
	SHA256 string
	Window
}

// RecordingPage is a part of a list of recordings.
type RecordingPage struct {
	Total int64       `json:"total"`
	Items []Recording `json:"items" nullable:"false"`
}

const recordingColumns = `r.id, r.sha256, a.size, r.progress, r.error, coalesce(j.state, ''), coalesce(j.attempts, 0), coalesce(j.last_error, ''),
	h.id, h.name, d.release, r.source, r.filename, r.received_at, r.collected_at, coalesce(x.summary, ''), x.analysed_at,
	case when coalesce(x.page, '') <> '' then 1 else 0 end, r.demo`

const recordingTables = ` from recordings d
	join receipts r on r.id = d.id
	join artefacts a on a.sha256 = r.sha256
	left join recording_documents x on x.sha256 = r.sha256
	left join hosts h on h.id = r.host_id
	left join jobs j on j.kind = 'recording' and j.key = d.id `

func scanRecording(scan func(...any) error) (Recording, error) {
	var (
		d                 Recording
		progress          Progress
		job, last, text   string
		hostID, host      sql.Null[string]
		received          int64
		collected, readAt sql.Null[int64]
		pictures          int64
	)
	err := scan(&d.ID, &d.SHA256, &d.Size, &progress, &d.Error, &job, &d.Attempts, &last, &hostID, &host, &d.Release, &d.Source, &d.Filename,
		&received, &collected, &text, &readAt, &pictures, &d.Demo)
	if err != nil {
		return d, err
	}
	if hostID.Valid {
		d.Host = &HostRef{ID: hostID.V, Name: host.V}
	}
	d.ReceivedAt, d.CollectedAt, d.AnalysedAt = store.Time(received), store.NullTime(collected), store.NullTime(readAt)
	d.State, d.Picture = heavyState(progress, job), pictures > 0
	if progress == Pending {
		d.Error = last // of an attempt that will be followed by another
	}
	if text != "" {
		d.Summary = &RecordingSummary{}
		err = json.Unmarshal([]byte(text), d.Summary)
	}
	return d, err
}

// heavyState is how far a dump or a recording is, by its receipt and its job.
func heavyState(progress Progress, job string) DumpState {
	switch {
	case progress == Analysed:
		return DumpAnalysed
	case progress == Failed:
		return DumpFailed
	case job == store.JobRunning:
		return DumpRunning
	}
	return DumpQueued
}

// whereState selects what is in a state.
func whereState(args *store.Args, state DumpState) (string, error) {
	switch state {
	case "":
		return "1 = 1", nil
	case DumpAnalysed, DumpFailed:
		return "r.progress = " + args.Add(string(state)), nil
	case DumpRunning:
		return "r.progress = 'pending' and j.state = 'running'", nil
	case DumpQueued:
		return "r.progress = 'pending' and (j.state is null or j.state <> 'running')", nil
	}
	return "", fmt.Errorf("state %q: %w: it is queued, running, analysed or failed", state, ErrInvalid)
}

// Recordings lists recordings, newest first.
func (s *Service) Recordings(ctx context.Context, f RecordingFilter) (*RecordingPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	if f.Kind != "" && f.Kind != KindProfile && f.Kind != KindTrace {
		return nil, fmt.Errorf("kind %q: %w: it is profile or trace", f.Kind, ErrInvalid)
	}
	var args store.Args
	state, err := whereState(&args, f.State)
	if err != nil {
		return nil, err
	}
	where := []string{state}
	for _, x := range []struct{ column, value string }{{"d.kind", f.Kind}, {"d.release", f.Kernel}, {"r.sha256", f.SHA256}} {
		if x.value != "" {
			where = append(where, x.column+" = "+args.Add(x.value))
		}
	}
	if f.Host != "" {
		where = append(where, "r.host_id in "+hostIDs(&args, f.Host))
	}
	rest := "where " + strings.Join(where, " and ")
	p := RecordingPage{}
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*)`+recordingTables+rest, args...).Scan(&p.Total); err != nil {
			return err
		}
		p.Items, err = store.Collect(ctx, q, `select `+recordingColumns+recordingTables+rest+
			` order by d.id desc limit `+args.Add(limit)+` offset `+args.Add(offset), args, scanRecording)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	return &p, nil
}

// Recording returns a recording as it stands now.
func (s *Service) Recording(ctx context.Context, id string) (*Recording, error) {
	var d Recording
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		d, err = scanRecording(q.QueryRowContext(ctx, `select `+recordingColumns+recordingTables+`where d.id = $1`, id).Scan)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", id, found(err))
	}
	return &d, nil
}

// RecordingPart names a form of what was found in a recording.
type RecordingPart string

// The parts.
const (
	// RecordingDocument is what triage says of it, JSON, gzip.
	RecordingDocument RecordingPart = "document"
	// RecordingProfile is a profile with its names, in Ringside's own format.
	RecordingProfile RecordingPart = "profile"
	// RecordingPicture is its flame graph or timeline as one page, HTML, gzip.
	RecordingPicture RecordingPart = "page"
)

// OpenRecording opens a part of what was found in a recording. ErrNotFound also
// means that it was not analysed yet, or has no such part.
func (s *Service) OpenRecording(ctx context.Context, id string, part RecordingPart) (io.ReadCloser, int64, error) {
	column, ok := map[RecordingPart]string{RecordingDocument: "document", RecordingProfile: "profile", RecordingPicture: "page"}[part]
	if !ok {
		return nil, 0, fmt.Errorf("part %q of a recording: %w", part, ErrInvalid)
	}
	var sha string
	err := s.db.View(ctx, func(q store.Querier) error {
		return q.QueryRowContext(ctx, `select x.`+column+` from recordings d join receipts r on r.id = d.id
			join recording_documents x on x.sha256 = r.sha256 where d.id = $1`, id).Scan(&sha)
	})
	if err == nil && sha == "" {
		err = ErrNotFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s of recording %s: %w", part, id, found(err))
	}
	return s.blobs.Open(ctx, sha)
}
