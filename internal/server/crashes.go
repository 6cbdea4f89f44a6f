package server

import (
	"bufio"
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringside/internal/record"
)

type crashesInput struct {
	Signature string    `query:"signature" doc:"ID"`
	Secondary bool      `query:"secondary" doc:"With signature: also crashes in which it is not the primary report"`
	Host      string    `query:"host" doc:"ID or name"`
	Kernel    string    `query:"kernel" doc:"ID or release"`
	Kind      string    `query:"kind"`
	Class     string    `query:"class"`
	SHA256    string    `query:"sha256" doc:"The artefact they were read from"`
	Since     time.Time `query:"since"`
	Until     time.Time `query:"until"`
	Limit     int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor    string    `query:"cursor" doc:"The next of the page before"`
}

type logInput struct {
	ID     string `path:"id"`
	First  int    `query:"first" minimum:"1" doc:"First line, from 1; without it, the crash itself with some lines around"`
	Lines  int    `query:"lines" minimum:"1" maximum:"5000"`
	Around int    `query:"around" minimum:"1" maximum:"2000" doc:"Lines of context where first is not given"`
	Format string `query:"format" enum:"json,text" default:"json"`
}

func (s *server) crashes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-crashes", Method: http.MethodGet, Path: "/api/v1/crashes", Tags: []string{"crashes"},
		Summary: "List crashes, newest first", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *crashesInput) (*output[*record.CrashPage], error) {
		p, err := s.Record.Crashes(ctx, record.CrashFilter{
			Signature: in.Signature, Secondary: in.Secondary, Host: in.Host, Kernel: in.Kernel, Kind: in.Kind, Class: in.Class,
			SHA256: in.SHA256, Since: in.Since, Until: in.Until, Cursor: in.Cursor, Limit: in.Limit})
		return &output[*record.CrashPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-crash", Method: http.MethodGet, Path: "/api/v1/crashes/{id}", Tags: []string{"crashes"},
		Summary: "A crash with everything that was read from its artefact", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.CrashDetail], error) {
		c, err := s.Record.Crash(ctx, in.ID)
		return &output[*record.CrashDetail]{c}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-crash-log", Method: http.MethodGet, Path: "/api/v1/crashes/{id}/log", Tags: []string{"crashes"},
		Summary:     "The lines a crash was read from",
		Description: "As JSON with line numbers and byte offsets that the document's evidence spans refer to, or with format=text as they are.",
		Errors:      []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[record.LogText](), true, "LogText")},
			"text/plain":       {Schema: &huma.Schema{Type: "string"}}}}},
	}, func(ctx context.Context, in *logInput) (*huma.StreamResponse, error) {
		t, err := s.Record.CrashLog(ctx, in.ID, record.LogRange{First: in.First, Lines: in.Lines, Around: in.Around})
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			// A client that went away is all that can fail from here on.
			if in.Format == "json" {
				hc.SetHeader("Content-Type", "application/json")
				_ = huma.DefaultJSONFormat.Marshal(hc.BodyWriter(), t)
				return
			}
			hc.SetHeader("Content-Type", "text/plain; charset=utf-8")
			w := bufio.NewWriter(hc.BodyWriter())
			for _, l := range t.Lines {
				_, _ = w.WriteString(l.Text) // the writer keeps its first error for Flush
				_ = w.WriteByte('\n')
			}
			_ = w.Flush()
		}}, nil
	})
}
