package server

import (
	"context"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringside/internal/record"
)

// SignatureList is signatures that resemble one.
type SignatureList struct {
	Items []record.Similar `json:"items" nullable:"false" doc:"Most alike first, at most 10"`
}

// similarInput is a log as the body, read as it comes.
type similarInput struct {
	r *http.Request
	w http.ResponseWriter
}

// Resolve takes hold of the request, as uploadInput does.
func (in *similarInput) Resolve(ctx huma.Context) []error {
	in.r, in.w = humago.Unwrap(ctx)
	return nil
}

type suggestionsInput struct {
	Signature string `query:"signature" doc:"One of the two is it"`
	Limit     int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor    string `query:"cursor" doc:"The next of the page before"`
}

type linksInput struct {
	Signature string `query:"signature" doc:"One of the two is it"`
	Undone    bool   `query:"undone" doc:"Also those that were taken back"`
	Limit     int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor    string `query:"cursor" doc:"The next of the page before"`
}

// LinkChange is the body of a decision about two signatures.
type LinkChange struct {
	A      string `json:"a" doc:"ID of a signature"`
	B      string `json:"b" doc:"ID of another"`
	Kind   string `json:"kind" enum:"must,cannot" doc:"must merges them, cannot refuses that for good"`
	Reason string `json:"reason,omitempty" maxLength:"16384"`
	By     string `json:"by,omitempty" maxLength:"128" doc:"Who decides"`
}

type linkInput struct {
	Body LinkChange
}

// Decider is who takes a decision back.
type Decider struct {
	By string `json:"by,omitempty" maxLength:"128"`
}

type undoInput struct {
	ID   string `path:"id"`
	Body Decider
}

type changesInput struct {
	What   string `query:"what" enum:"unchanged,renamed,split,merged,regrouped" doc:"Only this kind of change; without it, all but unchanged"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string `query:"cursor" doc:"The next of the page before"`
}

// BackfillDecision is the body of a decision about a backfill.
type BackfillDecision struct {
	Decision string `json:"decision" enum:"accept,abandon"`
	By       string `json:"by,omitempty" maxLength:"128" doc:"Who decides"`
}

type decisionInput struct {
	Body BackfillDecision
}

type functionsInput struct {
	Functions []string `query:"function" maxItems:"384" doc:"Portable names, separated by commas"`
}

// maxReport bounds a log that is only asked about.
const maxReport = 32 << 20

// sameness registers what joins signatures: likeness, decisions of people.
func (s *server) sameness(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "similar-signatures", Method: http.MethodGet, Path: "/api/v1/signatures/{id}/similar", Tags: []string{"signatures"},
		Summary: "The signatures that resemble one, and why", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[SignatureList], error) {
		list, err := s.Record.Similar(ctx, in.ID)
		return &output[SignatureList]{SignatureList{list}}, s.problem(ctx, err)
	})

	huma.Register(api, change(huma.Operation{
		OperationID: "similar-to-log", Method: http.MethodPost, Path: "/api/v1/similar", Tags: []string{"signatures"},
		Summary: "Which signature a log belongs to, and what it resembles",
		Description: "The body is a kernel log, compressed or not; or, as application/json, what `ringside crash parse --json` wrote or one of its reports. " +
			"Nothing of it is kept.",
		Errors: []int{http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}},
	}), func(ctx context.Context, in *similarInput) (*output[*record.SimilarTo], error) {
		ask := s.Record.SimilarTo
		if kind, _, err := mime.ParseMediaType(in.r.Header.Get("Content-Type")); err == nil && kind == "application/json" {
			ask = s.Record.SimilarToDocument
		}
		a, err := ask(ctx, http.MaxBytesReader(in.w, in.r.Body, maxReport))
		return &output[*record.SimilarTo]{a}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "count-functions", Method: http.MethodGet, Path: "/api/v1/function-counts", Tags: []string{"signatures"},
		Summary: "In how many signatures functions are: what stacks are weighed by", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *functionsInput) (*output[*record.FunctionCounts], error) {
		c, err := s.Record.FunctionCounts(ctx, in.Functions)
		return &output[*record.FunctionCounts]{c}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "list-merge-suggestions", Method: http.MethodGet, Path: "/api/v1/merge-suggestions", Tags: []string{"signatures"},
		Summary:     "Pairs of signatures that may be one defect, the most alike first",
		Description: "Accept one by a link of the kind must, refuse it by one of the kind cannot.",
		Errors:      []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *suggestionsInput) (*output[*record.SuggestionPage], error) {
		p, err := s.Record.Suggestions(ctx, record.SuggestionFilter{Signature: in.Signature, Cursor: in.Cursor, Limit: in.Limit})
		return &output[*record.SuggestionPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "list-signature-links", Method: http.MethodGet, Path: "/api/v1/signature-links", Tags: []string{"signatures"},
		Summary: "What people decided about pairs of signatures, newest first", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *linksInput) (*output[*record.LinkPage], error) {
		p, err := s.Record.Links(ctx, record.LinkFilter{Signature: in.Signature, Undone: in.Undone, Cursor: in.Cursor, Limit: in.Limit})
		return &output[*record.LinkPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, change(huma.Operation{
		OperationID: "link-signatures", Method: http.MethodPost, Path: "/api/v1/signature-links", Tags: []string{"signatures"},
		Summary: "Decide that two signatures are one defect, or that they are not",
		Errors:  []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *linkInput) (*output[*record.Link], error) {
		l, err := s.Record.Link(ctx, record.LinkChange{A: in.Body.A, B: in.Body.B, Kind: record.LinkKind(in.Body.Kind), By: in.Body.By, Reason: in.Body.Reason})
		return &output[*record.Link]{l}, s.problem(ctx, err)
	})

	huma.Register(api, change(huma.Operation{
		OperationID: "undo-signature-link", Method: http.MethodPost, Path: "/api/v1/signature-links/{id}/undo", Tags: []string{"signatures"},
		Summary: "Take a decision about two signatures back",
		Errors:  []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *undoInput) (*output[*record.Link], error) {
		l, err := s.Record.UndoLink(ctx, in.ID, in.Body.By)
		return &output[*record.Link]{l}, s.problem(ctx, err)
	})
}

// algorithms registers what brings newer rules into the record.
func (s *server) algorithms(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-signature-algorithms", Method: http.MethodGet, Path: "/api/v1/signature-algorithms", Tags: []string{"signatures"},
		Summary: "The rules that group crashes, the program's newest, and how the backfill to them stands",
	}, func(ctx context.Context, _ *struct{}) (*output[*record.Algorithms], error) {
		a, err := s.Record.Algorithms(ctx)
		return &output[*record.Algorithms]{a}, s.problem(ctx, err)
	})

	huma.Register(api, change(huma.Operation{
		OperationID: "start-backfill", Method: http.MethodPost, Path: "/api/v1/backfill", Tags: []string{"signatures"},
		Summary:       "Find out what the program's rules would change",
		DefaultStatus: http.StatusAccepted,
		Errors:        []int{http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}), func(ctx context.Context, _ *struct{}) (*output[*record.Backfill], error) {
		b, err := s.Record.StartBackfill(ctx)
		return &output[*record.Backfill]{b}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-backfill-diff", Method: http.MethodGet, Path: "/api/v1/backfill/diff", Tags: []string{"signatures"},
		Summary: "What the backfill would change, summed up", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, _ *struct{}) (*output[*record.BackfillDiff], error) {
		d, err := s.Record.BackfillDiff(ctx)
		return &output[*record.BackfillDiff]{d}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "list-backfill-changes", Method: http.MethodGet, Path: "/api/v1/backfill/changes", Tags: []string{"signatures"},
		Summary: "What the backfill would change, one by one, most crashes first", Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *changesInput) (*output[*record.BackfillPage], error) {
		p, err := s.Record.BackfillChanges(ctx, in.What, in.Cursor, in.Limit)
		return &output[*record.BackfillPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, change(huma.Operation{
		OperationID: "decide-backfill", Method: http.MethodPatch, Path: "/api/v1/backfill", Tags: []string{"signatures"},
		Summary:       "Let the new rules take over, or forget about them",
		DefaultStatus: http.StatusAccepted,
		Errors:        []int{http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *decisionInput) (*output[*record.Backfill], error) {
		b, err := s.Record.DecideBackfill(ctx, in.Body.Decision == "accept", in.Body.By)
		return &output[*record.Backfill]{b}, s.problem(ctx, err)
	})
}
