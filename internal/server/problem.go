package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"ringside/internal/record"
	"ringside/internal/store"
)

// Problem is an error as RFC 9457 writes it, with what a program needs to react.
type Problem struct {
	huma.ErrorModel
	// Limit is the limit that was exceeded, in bytes.
	Limit int64 `json:"limit,omitempty"`
	// RequestID is the request's name in the server's log.
	RequestID string `json:"request_id,omitempty"`
}

func newProblem(ctx context.Context, status int, detail string) *Problem {
	return &Problem{
		ErrorModel: huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail},
		RequestID:  requestID(ctx),
	}
}

// GetHeaders returns the headers that go with the problem.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	switch p.Status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "2")
	case http.StatusUnauthorized:
		h.Add("WWW-Authenticate", `Bearer realm="ringside"`)
		h.Add("WWW-Authenticate", `Basic realm="ringside", charset="UTF-8"`)
	case http.StatusRequestEntityTooLarge:
		h.Set("Connection", "close") // the rest of the body is not worth reading
	}
	return h
}

// write sends the problem where huma does not.
func (p *Problem) write(w http.ResponseWriter) {
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	// A client that went away has no use for the rest.
	_ = json.NewEncoder(w).Encode(p)
}

// problem turns an error of the record into what the client is told. What the
// client cannot do anything about is logged and not told.
func (s *server) problem(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	status := http.StatusInternalServerError
	for _, m := range []struct {
		err    error
		status int
	}{
		{record.ErrNotFound, http.StatusNotFound},
		{store.ErrNotFound, http.StatusNotFound},
		{record.ErrInvalid, http.StatusUnprocessableEntity},
		{record.ErrEmpty, http.StatusUnprocessableEntity},
		{record.ErrTooLarge, http.StatusRequestEntityTooLarge},
		{record.ErrContents, http.StatusConflict},
		{record.ErrClaimLost, http.StatusConflict},
		{record.ErrMismatch, http.StatusBadRequest},
		{store.ErrNoSpace, http.StatusInsufficientStorage},
		{store.ErrBusy, http.StatusServiceUnavailable},
		{errStalled, http.StatusRequestTimeout},
		{errBadBody, http.StatusBadRequest},
	} {
		if errors.Is(err, m.err) {
			status = m.status
			break
		}
	}
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return newProblem(ctx, 499, "the client went away") // nobody reads it; the log does
	case status == http.StatusInternalServerError:
		s.Log.Error("request failed", "request", requestID(ctx), "error", err)
		return newProblem(ctx, status, "the server failed; its log says why under this request's ID")
	case status == http.StatusInsufficientStorage:
		s.Log.Error("no space left", "request", requestID(ctx), "error", err)
		return newProblem(ctx, status, store.ErrNoSpace.Error())
	case status == http.StatusServiceUnavailable:
		s.Log.Warn("database busy", "request", requestID(ctx), "error", err)
		return newProblem(ctx, status, store.ErrBusy.Error())
	}
	p := newProblem(ctx, status, err.Error())
	if status == http.StatusRequestEntityTooLarge {
		p.Limit = s.Record.MaxArtefact()
	}
	return p
}

// tooLarge is the answer to an upload that says beforehand that it is.
func (s *server) tooLarge(ctx context.Context, size int64) *Problem {
	p := newProblem(ctx, http.StatusRequestEntityTooLarge, "the artefact has "+strconv.FormatInt(size, 10)+" bytes and the limit is "+
		strconv.FormatInt(s.Record.MaxArtefact(), 10)+": send the part around the crash, compressed, or raise the server's limit; kernel dumps go to /api/v1/dumps, profiles and traces to /api/v1/recordings, with a limit of their own")
	p.Limit = s.Record.MaxArtefact()
	return p
}

// noSuchOperation answers what no operation of the API matches: 405 if only
// the method is wrong, else 404.
func (s *server) noSuchOperation(mux *http.ServeMux) http.HandlerFunc {
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusNotFound
		for _, m := range methods {
			probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
			if _, pattern := mux.Handler(probe); pattern != "" && pattern != "/api/" && pattern != "/" {
				w.Header().Add("Allow", m)
				status = http.StatusMethodNotAllowed
			}
		}
		newProblem(r.Context(), status, "there is no operation "+r.Method+" "+r.URL.Path+"; /api lists them").write(w)
	}
}
