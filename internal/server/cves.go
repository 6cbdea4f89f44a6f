package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringside/internal/record"
)

type cvesInput struct {
	Text     string `query:"q" doc:"Words of the ID or the title"`
	Severity string `query:"severity" enum:"critical,high,medium,low"`
	State    string `query:"state" enum:"overdue,soon,running,none,accepted,stopped" doc:"How it stands to its deadline"`
	Kernel   string `query:"kernel" doc:"ID of a kernel that is affected"`
	All      bool   `query:"all" doc:"Also CVEs that no kernel is affected by"`
	Sort     string `query:"sort" enum:"due,score,since,kernels,id" default:"due"`
	Limit    int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset   int    `query:"offset" minimum:"0"`
}

type verdictsInput struct {
	ID      string `path:"id" doc:"ID of the kernel"`
	Verdict string `query:"verdict" enum:"affected,fixed,not_in_range,not_compiled,not_loaded,undetermined"`
	Text    string `query:"q" doc:"Words of the CVE's ID or title"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset  int    `query:"offset" minimum:"0"`
}

// RiskChange is the body of a decision to live with a CVE.
type RiskChange struct {
	Kernel    string    `json:"kernel,omitempty" doc:"ID or release of the kernel it is accepted for; all without it"`
	Reason    string    `json:"reason" minLength:"1" maxLength:"16384"`
	Approver  string    `json:"approver" minLength:"1" maxLength:"128" doc:"Who takes the risk"`
	ExpiresAt time.Time `json:"expires_at" doc:"When it is looked at again, within a year"`
}

type riskInput struct {
	ID   string `path:"id" doc:"ID of the CVE"`
	Body RiskChange
}

type baselinesInput struct {
	Kernel string `query:"kernel" doc:"ID or release; with it, also what does not pass"`
}

// BaselineList is how kernels do under baselines.
type BaselineList struct {
	Items []record.KernelBaseline `json:"items" nullable:"false"`
}

// DriftList is how far the hosts of kernels have drifted.
type DriftList struct {
	Items []record.Drift `json:"items" nullable:"false"`
}

func (s *server) cves(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-cves", Method: http.MethodGet, Path: "/api/v1/cves", Tags: []string{"cves"},
		Summary: "List CVEs with their clocks, what is overdue first", Errors: []int{http.StatusUnprocessableEntity},
		Description: "A CVE is open while a kernel of the record is affected, or it cannot be decided whether one is.",
	}, func(ctx context.Context, in *cvesInput) (*output[*record.CVEPage], error) {
		p, err := s.Record.CVEs(ctx, record.CVEFilter{Text: in.Text, Severity: in.Severity, State: record.ClockState(in.State), Kernel: in.Kernel,
			All: in.All, Sort: record.CVESort(in.Sort), Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.CVEPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-cve", Method: http.MethodGet, Path: "/api/v1/cves/{id}", Tags: []string{"cves"},
		Summary: "A CVE with the verdicts for all kernels and their evidence", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.CVEDetail], error) {
		d, err := s.Record.CVE(ctx, in.ID)
		return &output[*record.CVEDetail]{d}, s.problem(ctx, err)
	})

	huma.Register(api, change(huma.Operation{
		OperationID: "accept-risk", Method: http.MethodPost, Path: "/api/v1/cves/{id}/risks", Tags: []string{"cves"},
		Summary: "Accept the risk of a CVE until a time", DefaultStatus: http.StatusCreated,
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *riskInput) (*output[*record.Risk], error) {
		r, err := s.Record.AcceptRisk(ctx, record.RiskChange{CVE: in.ID, Kernel: in.Body.Kernel, Reason: in.Body.Reason, Approver: in.Body.Approver, Expires: in.Body.ExpiresAt})
		return &output[*record.Risk]{r}, s.problem(ctx, err)
	})

	huma.Register(api, change(huma.Operation{
		OperationID: "revoke-risk", Method: http.MethodPost, Path: "/api/v1/risks/{id}/revoke", Tags: []string{"cves"},
		Summary: "End an accepted risk before its time", DefaultStatus: http.StatusNoContent,
		Errors: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *undoInput) (*struct{}, error) {
		return nil, s.problem(ctx, s.Record.RevokeRisk(ctx, in.ID, in.Body.By))
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-exposures", Method: http.MethodGet, Path: "/api/v1/exposures", Tags: []string{"cves"},
		Summary: "The exposure of all kernels, and how it went",
	}, func(ctx context.Context, _ *struct{}) (*output[*record.Exposures], error) {
		e, err := s.Record.Exposures(ctx)
		return &output[*record.Exposures]{e}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-kernel-exposure", Method: http.MethodGet, Path: "/api/v1/kernels/{id}/exposure", Tags: []string{"cves", "kernels"},
		Summary:     "The exposure of a kernel, and what to switch off, by ID or release",
		Description: "404 also where the kernel was not judged yet.", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.KernelExposure], error) {
		e, err := s.Record.KernelExposure(ctx, in.ID)
		return &output[*record.KernelExposure]{e}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "list-verdicts", Method: http.MethodGet, Path: "/api/v1/kernels/{id}/verdicts", Tags: []string{"cves", "kernels"},
		Summary:     "List the verdicts about a kernel, the severest first",
		Description: "CVEs that are fixed in it or were never in range are only counted, unless they were something else before.",
		Errors:      []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *verdictsInput) (*output[*record.VerdictPage], error) {
		p, err := s.Record.Verdicts(ctx, in.ID, record.VerdictFilter{Verdict: in.Verdict, Text: in.Text, Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.VerdictPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "list-baselines", Method: http.MethodGet, Path: "/api/v1/baselines", Tags: []string{"kernels"},
		Summary: "How the configurations of kernels do under the baselines",
	}, func(ctx context.Context, in *baselinesInput) (*output[*BaselineList], error) {
		list, err := s.Record.Baselines(ctx, in.Kernel)
		return &output[*BaselineList]{&BaselineList{list}}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "list-drift", Method: http.MethodGet, Path: "/api/v1/drift", Tags: []string{"kernels", "hosts"},
		Summary:     "How far hosts have drifted from what their kernels' builds promise",
		Description: "By what hosts told of themselves (ringside cve host): guardrails that they break and the build keeps, or does not decide, such as those about sysctls.",
	}, func(ctx context.Context, in *baselinesInput) (*output[*DriftList], error) {
		list, err := s.Record.Drift(ctx, in.Kernel)
		return &output[*DriftList]{&DriftList{list}}, s.problem(ctx, err)
	})
}
