package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringside/internal/record"
)

type signaturesInput struct {
	Text      string    `query:"q" doc:"Words that must all be found: in title, owner or assignee, or as the start of a function in a stack; or an ID, key or family"`
	Kinds     []string  `query:"kind" doc:"Any of these, separated by commas"`
	Classes   []string  `query:"class" doc:"Any of these"`
	States    []string  `query:"state" enum:"new,open,resolved,regressed,muted" doc:"Any of these"`
	Kernel    string    `query:"kernel" doc:"Seen on it; ID or release"`
	Host      string    `query:"host" doc:"Seen on it; ID or name"`
	Owner     string    `query:"owner" doc:"Subsystem; - for those without"`
	Since     time.Time `query:"since" doc:"Seen at or after"`
	Secondary bool      `query:"secondary" doc:"Also those that were only ever seen beside or because of another"`
	Sort      string    `query:"sort" enum:"last_seen,first_seen,count,hosts,trend" default:"last_seen"`
	Reverse   bool      `query:"reverse" doc:"Smallest or oldest first"`
	Limit     int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset    int       `query:"offset" minimum:"0"`
}

// SignatureChange is the body of a decision about a signature.
type SignatureChange struct {
	State      *string    `json:"state,omitempty" enum:"open,resolved,muted"`
	ResolvedIn string     `json:"resolved_in,omitempty" maxLength:"128" doc:"With resolved: the kernel release that has the fix; without it, resolved from now on"`
	MutedUntil *time.Time `json:"muted_until,omitempty" doc:"With muted: when it may ask for attention again; without it, never"`
	Assignee   *string    `json:"assignee,omitempty" maxLength:"128"`
	Note       string     `json:"note,omitempty" maxLength:"16384" doc:"Kept in the activity"`
	By         string     `json:"by,omitempty" maxLength:"128" doc:"Who decides"`
}

type signatureChangeInput struct {
	ID   string `path:"id"`
	Body SignatureChange
}

func (s *server) signatures(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-signatures", Method: http.MethodGet, Path: "/api/v1/signatures", Tags: []string{"signatures"},
		Summary: "Search signatures", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *signaturesInput) (*output[*record.SignaturePage], error) {
		states := make([]record.State, len(in.States))
		for i, st := range in.States {
			states[i] = record.State(st)
		}
		p, err := s.Record.Signatures(ctx, record.SignatureFilter{
			Text: in.Text, Kinds: in.Kinds, Classes: in.Classes, States: states, Kernel: in.Kernel, Host: in.Host, Owner: in.Owner,
			Since: in.Since, Secondary: in.Secondary, Sort: record.SignatureSort(in.Sort), Reverse: in.Reverse,
			Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.SignaturePage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-signature", Method: http.MethodGet, Path: "/api/v1/signatures/{id}", Tags: []string{"signatures"},
		Summary: "A signature with its history and evidence", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.SignatureDetail], error) {
		d, err := s.Record.Signature(ctx, in.ID)
		return &output[*record.SignatureDetail]{d}, s.problem(ctx, err)
	})

	huma.Register(api, change(huma.Operation{
		OperationID: "change-signature", Method: http.MethodPatch, Path: "/api/v1/signatures/{id}", Tags: []string{"signatures"},
		Summary: "Decide about a signature", Description: "A state, an assignee, a note, or several at once. New and regressed are set by the record.",
		Errors: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *signatureChangeInput) (*output[*record.SignatureDetail], error) {
		c := record.SignatureChange{ResolvedIn: in.Body.ResolvedIn, MutedUntil: in.Body.MutedUntil, Assignee: in.Body.Assignee,
			Note: in.Body.Note, By: in.Body.By}
		if in.Body.State != nil {
			c.State = new(record.State(*in.Body.State))
		}
		d, err := s.Record.ChangeSignature(ctx, in.ID, c)
		return &output[*record.SignatureDetail]{d}, s.problem(ctx, err)
	})
}
