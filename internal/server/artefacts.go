package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringside/internal/record"
)

// uploadInput is an upload: facts in the query or in headers, the artefact as
// the body, read as it comes.
type uploadInput struct {
	Host            string    `query:"host" doc:"The machine it is about; without it, the log's own word for it"`
	Kernel          string    `query:"kernel" doc:"The kernel release that ran, for logs that do not say"`
	Source          string    `query:"source" doc:"Who sends it"`
	Filename        string    `query:"filename" doc:"Its name at the sender"`
	CollectedAt     time.Time `query:"collected_at" doc:"When the sender found it, for logs without wall time"`
	SHA256          string    `query:"sha256" pattern:"^[0-9a-f]{64}$" patternDescription:"a SHA-256 in lower-case hex" doc:"What the content hashes to; anything else is refused"`
	Wait            bool      `query:"wait" doc:"Answer only once it is analysed, or after the server's patience"`
	HostHeader      string    `header:"X-Ringside-Host" doc:"As host"`
	KernelHeader    string    `header:"X-Ringside-Kernel" doc:"As kernel"`
	SourceHeader    string    `header:"X-Ringside-Source" doc:"As source"`
	FilenameHeader  string    `header:"X-Ringside-Filename" doc:"As filename"`
	CollectedHeader time.Time `header:"X-Ringside-Collected-At" timeFormat:"2006-01-02T15:04:05Z07:00" doc:"As collected_at, RFC 3339"`

	r *http.Request
	w http.ResponseWriter
}

// Resolve takes hold of the request, so that the body is streamed: huma would
// read it into memory.
func (in *uploadInput) Resolve(ctx huma.Context) []error {
	in.r, in.w = humago.Unwrap(ctx)
	return nil
}

func (in *uploadInput) meta() record.Meta {
	m := record.Meta{
		Host: cmp.Or(in.Host, in.HostHeader), Kernel: cmp.Or(in.Kernel, in.KernelHeader),
		Source:   cmp.Or(in.Source, in.SourceHeader, "api"),
		Filename: cmp.Or(in.Filename, in.FilenameHeader), CollectedAt: in.CollectedAt, SHA256: in.SHA256,
	}
	if m.CollectedAt.IsZero() {
		m.CollectedAt = in.CollectedHeader
	}
	return m
}

type receiptOutput struct {
	Status   int
	Location string `header:"Location" doc:"Where to ask how far the analysis is"`
	Body     record.Receipt
}

type shaInput struct {
	SHA256 string `path:"sha256" pattern:"^[0-9a-f]{64}$" patternDescription:"a SHA-256 in lower-case hex"`
}

type idInput struct {
	ID string `path:"id"`
}

type output[T any] struct{ Body T }

func (s *server) artefacts(api huma.API) {
	huma.Register(api, change(huma.Operation{
		OperationID: "send-artefact", Method: http.MethodPost, Path: "/api/v1/artefacts", Tags: []string{"artefacts"},
		Summary: "Send an artefact",
		Description: "The body is the artefact as it is, in any transport and compression: `curl --data-binary @console.log " +
			"'http://HOST/api/v1/artefacts?host=web1'`. When the answer comes the artefact is on the server's disk and its analysis is queued. " +
			"The same content from the same host is the same receipt, however often it is sent.",
		DefaultStatus: http.StatusAccepted,
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
			http.StatusUnprocessableEntity, http.StatusServiceUnavailable, http.StatusInsufficientStorage},
		RequestBody: &huma.RequestBody{Required: true, Description: "The artefact. Its media type is ignored: content tells what it is.",
			Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}},
		Responses: map[string]*huma.Response{"200": {Description: "The artefact is kept and its analysis has ended"}},
	}), s.upload)

	huma.Register(api, huma.Operation{
		OperationID: "get-receipt", Method: http.MethodGet, Path: "/api/v1/receipts/{id}", Tags: []string{"artefacts"},
		Summary: "How far a delivery is", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[record.Receipt], error) {
		r, err := s.Record.Receipt(ctx, in.ID)
		return &output[record.Receipt]{r}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-artefact", Method: http.MethodGet, Path: "/api/v1/artefacts/{sha256}", Tags: []string{"artefacts"},
		Summary: "What is known about an artefact", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *shaInput) (*output[*record.Artefact], error) {
		a, err := s.Record.Artefact(ctx, in.SHA256)
		return &output[*record.Artefact]{a}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-artefact-content", Method: http.MethodGet, Path: "/api/v1/artefacts/{sha256}/content", Tags: []string{"artefacts"},
		Summary: "Get an artefact back, byte for byte", Errors: []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{"200": {Description: "The bytes as they came", Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}},
	}, s.download)

	huma.Register(api, change(huma.Operation{
		OperationID: "analyse-artefact", Method: http.MethodPost, Path: "/api/v1/artefacts/{sha256}/analysis", Tags: []string{"artefacts"},
		Summary: "Analyse an artefact again, as after an upgrade", DefaultStatus: http.StatusAccepted,
		Errors: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *shaInput) (*output[*record.Artefact], error) {
		if err := s.Record.Reanalyse(ctx, in.SHA256); err != nil {
			return nil, s.problem(ctx, err)
		}
		a, err := s.Record.Artefact(ctx, in.SHA256)
		return &output[*record.Artefact]{a}, s.problem(ctx, err)
	})
}

var (
	errStalled = errors.New("the upload made no progress; send it again")
	errBadBody = errors.New("the upload ended early; send it again")
)

func (s *server) upload(ctx context.Context, in *uploadInput) (*receiptOutput, error) {
	if n := in.r.ContentLength; n > s.Record.MaxArtefact() {
		return nil, s.tooLarge(ctx, n)
	}
	body := &uploadBody{r: in.r.Body, c: http.NewResponseController(in.w), stall: s.Stall}
	r, err := s.Record.Intake(ctx, body, in.meta())
	s.metrics.uploaded(body.n, err)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	if in.Wait && r.Progress == record.Pending {
		wait, cancel := context.WithTimeout(ctx, s.Wait)
		defer cancel()
		dup := r.Duplicate
		if r, err = s.Record.Wait(wait, r.ID); err != nil {
			return nil, s.problem(ctx, err)
		}
		r.Duplicate = dup
	}
	out := &receiptOutput{Status: http.StatusAccepted, Location: "/api/v1/receipts/" + r.ID, Body: r}
	if r.Progress != record.Pending {
		out.Status = http.StatusOK
	}
	return out, nil
}

// uploadBody reads an upload and gives it more time as long as it comes.
type uploadBody struct {
	r     io.Reader
	c     *http.ResponseController
	stall time.Duration
	n     int64
}

func (b *uploadBody) Read(p []byte) (int, error) {
	_ = b.c.SetReadDeadline(time.Now().Add(b.stall)) // see deadlines
	n, err := b.r.Read(p)
	b.n += int64(n)
	switch {
	case err == nil || errors.Is(err, io.EOF):
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("%w (%d bytes came, then none for %v)", errStalled, b.n, b.stall)
	default:
		err = fmt.Errorf("%w (%d bytes came: %w)", errBadBody, b.n, err)
	}
	return n, err
}

func (s *server) download(ctx context.Context, in *shaInput) (*huma.StreamResponse, error) {
	r, size, err := s.Record.OpenArtefact(ctx, in.SHA256)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer r.Close()
		hc.SetHeader("Content-Type", "application/octet-stream")
		hc.SetHeader("Content-Length", strconv.FormatInt(size, 10))
		hc.SetHeader("Content-Disposition", `attachment; filename="`+in.SHA256+`"`)
		hc.SetHeader("Etag", `"`+in.SHA256+`"`)
		hc.SetHeader("Cache-Control", "private, max-age=31536000, immutable")
		if _, err := io.Copy(hc.BodyWriter(), r); err != nil {
			s.Log.Error("cannot send an artefact", "request", requestID(ctx), "sha256", in.SHA256, "error", err)
			panic(http.ErrAbortHandler) // the status is out: only a broken connection says that it is not whole
		}
	}}, nil
}
