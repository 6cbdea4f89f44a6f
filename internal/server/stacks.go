package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ringside/internal/record"
)

type stackPatchesInput struct {
	ID     string `path:"id" doc:"ID of the stack"`
	Advice string `query:"advice" enum:"repair,drop,rework,send,watch,keep" doc:"What to do with the patch"`
	State  string `query:"state" enum:"upstream,partly,not_upstream,unknown"`
	Text   string `query:"q" doc:"Words of the file, the subject or the author"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int    `query:"offset" minimum:"0"`
}

// StackList is all patch stacks.
type StackList struct {
	Items []record.PatchStack `json:"items" nullable:"false"`
}

func (s *server) stacks(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-stacks", Method: http.MethodGet, Path: "/api/v1/stacks", Tags: []string{"stacks"},
		Summary:     "List patch stacks, the largest first",
		Description: "A stack comes with a report of it (ringside patch stack --json), sent as any artefact.",
	}, func(ctx context.Context, _ *struct{}) (*output[*StackList], error) {
		list, err := s.Record.PatchStacks(ctx)
		return &output[*StackList]{&StackList{list}}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-stack", Method: http.MethodGet, Path: "/api/v1/stacks/{id}", Tags: []string{"stacks"},
		Summary: "A patch stack by ID or name, and how it went", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.PatchStack], error) {
		p, err := s.Record.PatchStack(ctx, in.ID)
		return &output[*record.PatchStack]{p}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "list-stack-patches", Method: http.MethodGet, Path: "/api/v1/stacks/{id}/patches", Tags: []string{"stacks"},
		Summary: "List the patches of a stack, in its order", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *stackPatchesInput) (*output[*record.StackPatchPage], error) {
		p, err := s.Record.StackPatches(ctx, in.ID, record.StackPatchFilter{Advice: in.Advice, State: in.State, Text: in.Text,
			Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.StackPatchPage]{p}, s.problem(ctx, err)
	})
}

func (s *server) patchWork(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-patch-work", Method: http.MethodGet, Path: "/api/v1/patch-work", Tags: []string{"stacks"},
		Summary:     "How the team's patches fare in review and upstream",
		Description: "Reports of ringside patch reviews --json and patch contributions --json, the latest of each name.",
	}, func(ctx context.Context, _ *struct{}) (*output[*record.PatchWork], error) {
		w, err := s.Record.PatchWork(ctx)
		return &output[*record.PatchWork]{w}, s.problem(ctx, err)
	})
}
