package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"ringside/internal/record"
)

type recordingsInput struct {
	Kind   string `query:"kind" enum:"profile,trace"`
	Host   string `query:"host" doc:"ID or name"`
	Kernel string `query:"kernel" doc:"Release"`
	State  string `query:"state" enum:"queued,running,analysed,failed"`
	SHA256 string `query:"sha256"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int    `query:"offset" minimum:"0"`
}

type recordingOutput struct {
	Status   int
	Location string `header:"Location" doc:"Where to ask how far the analysis is"`
	Body     *record.Recording
}

func (s *server) recordings(api huma.API) {
	huma.Register(api, change(huma.Operation{
		OperationID: "send-recording", Method: http.MethodPost, Path: "/api/v1/recordings", Tags: []string{"recordings"},
		Summary: "Send a profile or a trace",
		Description: "The body is the recording: a perf.data, a trace.dat, or a profile with its names as `ringside profile export --format ringside` writes it. " +
			"`ringside push` sends the latter, because names are found where the recorded programs are. " +
			"When the answer comes the recording is on the server's disk and its analysis is queued.",
		DefaultStatus: http.StatusAccepted,
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
			http.StatusUnprocessableEntity, http.StatusServiceUnavailable, http.StatusInsufficientStorage},
		RequestBody: &huma.RequestBody{Required: true, Description: "The recording. Its media type is ignored: content tells what it is.",
			Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}},
		Responses: map[string]*huma.Response{"200": {Description: "The recording is kept and its analysis has ended"}},
	}), s.sendRecording)

	huma.Register(api, huma.Operation{
		OperationID: "list-recordings", Method: http.MethodGet, Path: "/api/v1/recordings", Tags: []string{"recordings"},
		Summary: "List profiles and traces, newest first", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *recordingsInput) (*output[*record.RecordingPage], error) {
		p, err := s.Record.Recordings(ctx, record.RecordingFilter{Kind: in.Kind, Host: in.Host, Kernel: in.Kernel, State: record.RecordingState(in.State),
			SHA256: in.SHA256, Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.RecordingPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-recording", Method: http.MethodGet, Path: "/api/v1/recordings/{id}", Tags: []string{"recordings"},
		Summary: "A profile or a trace, and how far its analysis is", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.Recording], error) {
		d, err := s.Record.Recording(ctx, in.ID)
		return &output[*record.Recording]{d}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-recording-document", Method: http.MethodGet, Path: "/api/v1/recordings/{id}/document", Tags: []string{"recordings"},
		Summary:     "What was found in a profile or a trace",
		Description: "As `recording` in what `ringside triage --json` prints. 404 until it is analysed.",
		Errors:      []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: "object"}}}}},
	}, func(ctx context.Context, in *dumpDocumentInput) (*huma.StreamResponse, error) {
		r, size, err := s.Record.OpenRecording(ctx, in.ID, record.RecordingDocument)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return s.zipped(ctx, r, size, in.AcceptEncoding, "recording", in.ID), nil
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-recording-profile", Method: http.MethodGet, Path: "/api/v1/recordings/{id}/profile", Tags: []string{"recordings"},
		Summary:     "A profile with its names",
		Description: "In Ringside's own format: `ringside profile` reads it, and writes all others from it. Of a trace there is none.",
		Errors:      []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}},
	}, func(ctx context.Context, in *idInput) (*huma.StreamResponse, error) {
		r, size, err := s.Record.OpenRecording(ctx, in.ID, record.RecordingProfile)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer r.Close()
			hc.SetHeader("Content-Type", "application/octet-stream")
			hc.SetHeader("Content-Length", strconv.FormatInt(size, 10))
			s.copyOrAbort(ctx, hc.BodyWriter(), r)
		}}, nil
	})
}

func (s *server) sendRecording(ctx context.Context, in *uploadInput) (*recordingOutput, error) {
	m := in.meta()
	m.Class = record.ClassRecording
	r, err := s.takeHeavy(ctx, in, m, "recording", "record for a shorter time, send the profile with its names instead (ringside push does), or raise the server's limit (--max-dump)")
	if err != nil {
		return nil, err
	}
	d, err := s.Record.Recording(ctx, r.ID)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	d.Duplicate = r.Duplicate
	out := &recordingOutput{Status: http.StatusAccepted, Location: "/api/v1/recordings/" + r.ID, Body: d}
	if d.State == record.DumpAnalysed || d.State == record.DumpFailed {
		out.Status = http.StatusOK
	}
	return out, nil
}

// takeHeavy keeps what may be large, and waits for its analysis where that is
// asked for. what and smaller are for who sends too much.
func (s *server) takeHeavy(ctx context.Context, in *uploadInput, m record.Meta, what, smaller string) (record.Receipt, error) {
	size := in.r.ContentLength
	if most := s.Record.MaxDump(); size > most {
		p := newProblem(ctx, http.StatusRequestEntityTooLarge, "the "+what+" has "+strconv.FormatInt(size, 10)+" bytes and the limit is "+strconv.FormatInt(most, 10)+": "+smaller)
		p.Limit = most
		return record.Receipt{}, p
	}
	r, err := s.takeDump(ctx, in, m, size)
	if err != nil {
		err = s.problem(ctx, err)
		if p := (*Problem)(nil); errors.As(err, &p) && p.Status == http.StatusRequestEntityTooLarge {
			p.Limit = s.Record.MaxDump()
		}
		return record.Receipt{}, err
	}
	if in.Wait && r.Progress == record.Pending {
		wait, cancel := context.WithTimeout(ctx, s.Wait)
		defer cancel()
		if _, err := s.Record.Wait(wait, r.ID); err != nil {
			return record.Receipt{}, s.problem(ctx, err)
		}
	}
	return r, nil
}
