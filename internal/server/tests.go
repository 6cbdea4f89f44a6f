package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringside/internal/record"
)

type testRunsInput struct {
	Name   string `query:"name" doc:"Of one suite only"`
	Kernel string `query:"kernel" doc:"ID or release"`
	Status string `query:"status" enum:"pass,fail,crashed,skip,empty"`
	Test   string `query:"test" doc:"ID of a test that was in it"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int    `query:"offset" minimum:"0"`
}

type testsInput struct {
	Suite  string `query:"suite"`
	State  string `query:"state" enum:"failing,flaky,quarantined"`
	Text   string `query:"q" doc:"Words of the path"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int    `query:"offset" minimum:"0"`
}

type windowInput struct {
	Limit  int `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int `query:"offset" minimum:"0"`
}

// QuarantineOrder puts a test into quarantine.
type QuarantineOrder struct {
	Reason string    `json:"reason" minLength:"1" doc:"Why its failures are not acted upon"`
	Owner  string    `json:"owner" minLength:"1" maxLength:"128" doc:"Who mends it"`
	Issue  string    `json:"issue,omitempty" maxLength:"500"`
	Until  time.Time `json:"until" doc:"Within a quarter of a year"`
}

// QuarantineEnd says who ends a quarantine.
type QuarantineEnd struct {
	By string `json:"by,omitempty" maxLength:"128"`
}

func (s *server) tests(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-test-runs", Method: http.MethodGet, Path: "/api/v1/test-runs", Tags: []string{"tests"},
		Summary:     "List runs of tests, the newest first",
		Description: "A run comes with its results (ringside test import --json), sent as any artefact.",
	}, func(ctx context.Context, in *testRunsInput) (*output[*record.TestRunPage], error) {
		p, err := s.Record.TestRuns(ctx, record.TestRunFilter{Name: in.Name, Kernel: in.Kernel, Status: in.Status, Test: in.Test, Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.TestRunPage]{p}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-test-run", Method: http.MethodGet, Path: "/api/v1/test-runs/{id}", Tags: []string{"tests"},
		Summary: "A run of tests with all its results", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.TestRunDetail], error) {
		r, err := s.Record.TestRun(ctx, in.ID)
		return &output[*record.TestRunDetail]{r}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-test-matrix", Method: http.MethodGet, Path: "/api/v1/test-matrix", Tags: []string{"tests"},
		Summary: "Which suite came out how on which kernel, by the last run of each",
	}, func(ctx context.Context, _ *struct{}) (*output[*record.TestMatrix], error) {
		m, err := s.Record.TestMatrix(ctx)
		return &output[*record.TestMatrix]{m}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "list-tests", Method: http.MethodGet, Path: "/api/v1/tests", Tags: []string{"tests"},
		Summary: "List tests with their last results: those that fail first, then the flakiest", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *testsInput) (*output[*record.TestPage], error) {
		p, err := s.Record.Tests(ctx, record.TestFilter{Suite: in.Suite, State: in.State, Text: in.Text, Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.TestPage]{p}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-test", Method: http.MethodGet, Path: "/api/v1/tests/{id}", Tags: []string{"tests"},
		Summary: "A test with its history", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.Test], error) {
		t, err := s.Record.Test(ctx, in.ID)
		return &output[*record.Test]{t}, s.problem(ctx, err)
	})
	huma.Register(api, change(huma.Operation{
		OperationID: "quarantine-test", Method: http.MethodPost, Path: "/api/v1/tests/{id}/quarantine", Tags: []string{"tests"},
		Summary: "Do not act upon a test's failures until a time",
		Errors:  []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *struct {
		ID   string `path:"id"`
		Body QuarantineOrder
	}) (*output[*record.Test], error) {
		t, err := s.Record.Quarantine(ctx, record.QuarantineChange{Test: in.ID, Reason: in.Body.Reason, Owner: in.Body.Owner, Issue: in.Body.Issue, Until: in.Body.Until})
		return &output[*record.Test]{t}, s.problem(ctx, err)
	})
	huma.Register(api, change(huma.Operation{
		OperationID: "end-quarantine", Method: http.MethodPost, Path: "/api/v1/tests/{id}/quarantine/end", Tags: []string{"tests"},
		Summary: "End a test's quarantine before its time",
		Errors:  []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *struct {
		ID   string `path:"id"`
		Body QuarantineEnd
	}) (*output[*record.Test], error) {
		t, err := s.Record.EndQuarantine(ctx, in.ID, in.Body.By)
		return &output[*record.Test]{t}, s.problem(ctx, err)
	})
}

func (s *server) bisections(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-signature-proof", Method: http.MethodGet, Path: "/api/v1/signatures/{id}/proof", Tags: []string{"lab"},
		Summary:     "What the lab has shown about a signature: reproducers, runs, bisections",
		Description: "Reproducers come with their reports (ringside reproduce --json), sent as any artefact.",
		Errors:      []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.Proof], error) {
		p, err := s.Record.Proof(ctx, in.ID)
		return &output[*record.Proof]{p}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "list-bisections", Method: http.MethodGet, Path: "/api/v1/bisections", Tags: []string{"lab"},
		Summary:     "List bisections, the newest first",
		Description: "A bisection comes with its report (ringside bisect show --json), sent as any artefact.",
	}, func(ctx context.Context, in *windowInput) (*output[*record.BisectionPage], error) {
		p, err := s.Record.Bisections(ctx, record.Window{Limit: in.Limit, Offset: in.Offset})
		return &output[*record.BisectionPage]{p}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-bisection", Method: http.MethodGet, Path: "/api/v1/bisections/{id}", Tags: []string{"lab"},
		Summary: "A bisection with its report: candidates with their posterior, steps, proofs", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.Bisection], error) {
		b, err := s.Record.Bisection(ctx, in.ID)
		return &output[*record.Bisection]{b}, s.problem(ctx, err)
	})
}

// RegressionOrder confirms a regression.
type RegressionOrder struct {
	Kind      string    `json:"kind" enum:"crash,test,bench,boot"`
	Title     string    `json:"title" minLength:"1" maxLength:"300" doc:"What got worse"`
	Signature string    `json:"signature,omitempty" doc:"ID of the signature that shows it"`
	Test      string    `json:"test,omitempty" doc:"ID of the test that shows it"`
	Kernel    string    `json:"kernel,omitempty" doc:"ID or release that it was found in"`
	Stage     string    `json:"stage" enum:"before,after" doc:"Found before or after a release"`
	Culprit   string    `json:"culprit,omitempty" maxLength:"300"`
	Bisection string    `json:"bisection,omitempty" doc:"ID of the one that found the culprit"`
	Note      string    `json:"note,omitempty"`
	By        string    `json:"by" minLength:"1" maxLength:"128" doc:"Who confirms it"`
	FoundAt   time.Time `json:"found_at,omitempty" doc:"Now, if not given"`
}

// RegressionEnd says that a regression is gone.
type RegressionEnd struct {
	By      string `json:"by,omitempty" maxLength:"128"`
	FixedBy string `json:"fixed_by,omitempty" maxLength:"300" doc:"What ended it: a commit, a release"`
}

func (s *server) regressions(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-regressions", Method: http.MethodGet, Path: "/api/v1/regressions", Tags: []string{"tests"},
		Summary: "List confirmed regressions: those that are open, then the newest; with the escape rate",
	}, func(ctx context.Context, in *windowInput) (*output[*record.RegressionPage], error) {
		p, err := s.Record.Regressions(ctx, record.Window{Limit: in.Limit, Offset: in.Offset})
		return &output[*record.RegressionPage]{p}, s.problem(ctx, err)
	})
	huma.Register(api, change(huma.Operation{
		OperationID: "confirm-regression", Method: http.MethodPost, Path: "/api/v1/regressions", Tags: []string{"tests"},
		Summary: "Confirm that something got worse", DefaultStatus: http.StatusCreated,
		Errors: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *struct{ Body RegressionOrder }) (*output[*record.Regression], error) {
		b := in.Body
		r, err := s.Record.ConfirmRegression(ctx, record.RegressionChange{Kind: b.Kind, Title: b.Title, Signature: b.Signature, Test: b.Test, Kernel: b.Kernel, Stage: b.Stage,
			Culprit: b.Culprit, Bisection: b.Bisection, Note: b.Note, By: b.By, FoundAt: b.FoundAt})
		return &output[*record.Regression]{r}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-regression", Method: http.MethodGet, Path: "/api/v1/regressions/{id}", Tags: []string{"tests"},
		Summary: "A regression", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.Regression], error) {
		r, err := s.Record.Regression(ctx, in.ID)
		return &output[*record.Regression]{r}, s.problem(ctx, err)
	})
	huma.Register(api, change(huma.Operation{
		OperationID: "close-regression", Method: http.MethodPost, Path: "/api/v1/regressions/{id}/close", Tags: []string{"tests"},
		Summary: "Say that a regression is gone",
		Errors:  []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *struct {
		ID   string `path:"id"`
		Body RegressionEnd
	}) (*output[*record.Regression], error) {
		r, err := s.Record.CloseRegression(ctx, in.ID, in.Body.By, in.Body.FixedBy)
		return &output[*record.Regression]{r}, s.problem(ctx, err)
	})
}
