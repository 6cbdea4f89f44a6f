package server

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ringside/internal/record"
)

type dumpsInput struct {
	Host   string `query:"host" doc:"ID or name"`
	Kernel string `query:"kernel" doc:"Release"`
	Kind   string `query:"kind" doc:"Of the first finding"`
	State  string `query:"state" enum:"queued,running,analysed,failed"`
	SHA256 string `query:"sha256"`
	Crash  string `query:"crash" doc:"ID of a crash that the dump's log tells of"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int    `query:"offset" minimum:"0"`
}

type dumpDocumentInput struct {
	ID             string `path:"id"`
	AcceptEncoding string `header:"Accept-Encoding"`
}

type dumpOutput struct {
	Status   int
	Location string `header:"Location" doc:"Where to ask how far the analysis is"`
	Body     *record.Dump
}

func (s *server) dumps(api huma.API) {
	huma.Register(api, change(huma.Operation{
		OperationID: "send-dump", Method: http.MethodPost, Path: "/api/v1/dumps", Tags: []string{"dumps"},
		Summary: "Send a kernel dump",
		Description: "The body is the dump as it is: ELF, kdump or flattened. `curl -T vmcore -X POST 'http://HOST/api/v1/dumps?host=web1'`. " +
			"When the answer comes the dump is on the server's disk and its analysis is queued. An upload that is cut leaves nothing. " +
			"The same content from the same host is the same dump, however often it is sent; " +
			"with sha256 and Expect: 100-continue it need not even be sent again.",
		DefaultStatus: http.StatusAccepted,
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
			http.StatusUnprocessableEntity, http.StatusServiceUnavailable, http.StatusInsufficientStorage},
		RequestBody: &huma.RequestBody{Required: true, Description: "The dump. Its media type is ignored: content tells what it is.",
			Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}},
		Responses: map[string]*huma.Response{"200": {Description: "The dump is kept and its analysis has ended"}},
	}), s.sendDump)

	huma.Register(api, huma.Operation{
		OperationID: "list-dumps", Method: http.MethodGet, Path: "/api/v1/dumps", Tags: []string{"dumps"},
		Summary: "List kernel dumps, newest first", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *dumpsInput) (*output[*record.DumpPage], error) {
		p, err := s.Record.Dumps(ctx, record.DumpFilter{Host: in.Host, Kernel: in.Kernel, Kind: in.Kind, State: record.DumpState(in.State),
			SHA256: in.SHA256, Crash: in.Crash, Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.DumpPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-dump", Method: http.MethodGet, Path: "/api/v1/dumps/{id}", Tags: []string{"dumps"},
		Summary: "A dump, and how far its analysis is", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.Dump], error) {
		d, err := s.Record.Dump(ctx, in.ID)
		return &output[*record.Dump]{d}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-dump-document", Method: http.MethodGet, Path: "/api/v1/dumps/{id}/document", Tags: []string{"dumps"},
		Summary:     "Everything that was found in a dump",
		Description: "As `ringside vmcore triage --json` prints it; its schema is vmcore.v1. 404 until it is analysed.",
		Errors:      []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: "object"}}}}},
	}, s.dumpDocument)

	huma.Register(api, huma.Operation{
		OperationID: "get-dump-log", Method: http.MethodGet, Path: "/api/v1/dumps/{id}/log", Tags: []string{"dumps"},
		Summary: "The kernel's log that was in a dump", Errors: []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"text/plain": {Schema: &huma.Schema{Type: "string"}}}}},
	}, func(ctx context.Context, in *idInput) (*huma.StreamResponse, error) {
		r, size, err := s.Record.OpenDump(ctx, in.ID, record.DumpLog)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer r.Close()
			hc.SetHeader("Content-Type", "text/plain; charset=utf-8")
			hc.SetHeader("Content-Length", strconv.FormatInt(size, 10))
			s.copyOrAbort(ctx, hc.BodyWriter(), r)
		}}, nil
	})
}

func (s *server) sendDump(ctx context.Context, in *uploadInput) (*dumpOutput, error) {
	m := in.meta()
	m.Class = record.ClassDump
	r, err := s.takeHeavy(ctx, in, m, "dump", "write it without pages that nobody needs (makedumpfile -d 31 -z, or ringside vmcore filter), or raise the server's limit (--max-dump)")
	if err != nil {
		return nil, err
	}
	d, err := s.Record.Dump(ctx, r.ID)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	d.Duplicate = r.Duplicate
	out := &dumpOutput{Status: http.StatusAccepted, Location: "/api/v1/dumps/" + r.ID, Body: d}
	if d.State == record.DumpAnalysed || d.State == record.DumpFailed {
		out.Status = http.StatusOK
	}
	return out, nil
}

// takeDump keeps a dump or a recording, which is only read from the network if it
// has to be.
func (s *server) takeDump(ctx context.Context, in *uploadInput, m record.Meta, size int64) (record.Receipt, error) {
	if m.SHA256 != "" {
		r, err := s.Record.IntakeKnown(ctx, m)
		if !errors.Is(err, record.ErrNotFound) {
			return r, err
		}
	}
	if err := s.Record.Room(size); err != nil {
		return record.Receipt{}, err
	}
	body := &uploadBody{r: in.r.Body, c: http.NewResponseController(in.w), stall: s.Stall}
	r, err := s.Record.Intake(ctx, body, m)
	s.metrics.uploaded(body.n, err)
	return r, err
}

// dumpDocument sends a document as it is kept to who takes it so.
func (s *server) dumpDocument(ctx context.Context, in *dumpDocumentInput) (*huma.StreamResponse, error) {
	r, size, err := s.Record.OpenDump(ctx, in.ID, record.DumpDocument)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return s.zipped(ctx, r, size, in.AcceptEncoding, "dump", in.ID), nil
}

// zipped answers with JSON that is kept compressed.
func (s *server) zipped(ctx context.Context, r io.ReadCloser, size int64, accept, what, id string) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer r.Close()
		hc.SetHeader("Content-Type", "application/json")
		hc.SetHeader("Vary", "Accept-Encoding")
		if takesGzip(accept) {
			hc.SetHeader("Content-Encoding", "gzip")
			hc.SetHeader("Content-Length", strconv.FormatInt(size, 10))
			s.copyOrAbort(ctx, hc.BodyWriter(), r)
			return
		}
		z, err := gzip.NewReader(r)
		if err != nil {
			s.Log.Error("a document is damaged; analyse its artefact again", "request", requestID(ctx), "what", what, "id", id, "error", err)
			panic(http.ErrAbortHandler)
		}
		s.copyOrAbort(ctx, hc.BodyWriter(), z)
	}}
}

// takesGzip tells whether a client understands gzip.
func takesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.ReplaceAll(weight, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// copyOrAbort sends a body. The status is out when it fails: only a broken
// connection says that the answer is not whole.
func (s *server) copyOrAbort(ctx context.Context, w io.Writer, r io.Reader) {
	if _, err := io.Copy(w, r); err != nil {
		s.Log.Error("an answer was cut", "request", requestID(ctx), "error", err)
		panic(http.ErrAbortHandler)
	}
}
