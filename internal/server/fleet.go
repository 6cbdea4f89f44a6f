package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ringside/internal/record"
)

type hostsInput struct {
	Text   string `query:"q" doc:"Part of the name or group"`
	Group  string `query:"group"`
	Kernel string `query:"kernel" doc:"Last seen running it; ID or release"`
	Sort   string `query:"sort" enum:"last_crash,crashes,name,last_seen" default:"last_crash"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int    `query:"offset" minimum:"0"`
}

func (s *server) hosts(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-hosts", Method: http.MethodGet, Path: "/api/v1/hosts", Tags: []string{"hosts"},
		Summary: "List hosts", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *hostsInput) (*output[*record.HostPage], error) {
		p, err := s.Record.Hosts(ctx, record.HostFilter{Text: in.Text, Group: in.Group, Kernel: in.Kernel, Sort: record.HostSort(in.Sort),
			Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.HostPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-host", Method: http.MethodGet, Path: "/api/v1/hosts/{id}", Tags: []string{"hosts"},
		Summary: "A host with its history, by ID or name", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.HostDetail], error) {
		d, err := s.Record.Host(ctx, in.ID)
		return &output[*record.HostDetail]{d}, s.problem(ctx, err)
	})
}

type kernelsInput struct {
	Text   string `query:"q" doc:"Part of the release or build line"`
	Sort   string `query:"sort" enum:"first_seen,last_seen,crashes,hosts,release" default:"first_seen"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int    `query:"offset" minimum:"0"`
}

func (s *server) kernels(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-kernels", Method: http.MethodGet, Path: "/api/v1/kernels", Tags: []string{"kernels"},
		Summary: "List kernels", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *kernelsInput) (*output[*record.KernelPage], error) {
		p, err := s.Record.Kernels(ctx, record.KernelFilter{Text: in.Text, Sort: record.KernelSort(in.Sort),
			Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.KernelPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, huma.Operation{
		OperationID: "get-kernel", Method: http.MethodGet, Path: "/api/v1/kernels/{id}", Tags: []string{"kernels"},
		Summary: "A kernel with what happened on it, by ID or release", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.KernelDetail], error) {
		d, err := s.Record.Kernel(ctx, in.ID)
		return &output[*record.KernelDetail]{d}, s.problem(ctx, err)
	})
}

type overviewInput struct {
	Days int `query:"days" minimum:"1" maximum:"365" default:"30"`
	Top  int `query:"top" minimum:"1" maximum:"50" default:"10" doc:"Signatures in each list"`
}

func (s *server) overview(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-overview", Method: http.MethodGet, Path: "/api/v1/overview", Tags: []string{"overview"},
		Summary: "What needs somebody now",
	}, func(ctx context.Context, in *overviewInput) (*output[*record.Overview], error) {
		o, err := s.Record.Overview(ctx, record.OverviewQuery{Days: in.Days, Top: in.Top})
		return &output[*record.Overview]{o}, s.problem(ctx, err)
	})
}

type jobsInput struct {
	State  string `query:"state" enum:"pending,running,done,dead" doc:"All that are not done if not given"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int    `query:"offset" minimum:"0"`
}

func (s *server) jobs(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-jobs", Method: http.MethodGet, Path: "/api/v1/jobs", Tags: []string{"jobs"},
		Summary: "List the work that is not done", Description: "Dead jobs gave up and wait for somebody to look.",
		Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *jobsInput) (*output[*record.JobPage], error) {
		p, err := s.Record.Jobs(ctx, record.JobFilter{State: in.State, Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.JobPage]{p}, s.problem(ctx, err)
	})

	huma.Register(api, change(huma.Operation{
		OperationID: "retry-job", Method: http.MethodPost, Path: "/api/v1/jobs/{id}/retry", Tags: []string{"jobs"},
		Summary: "Queue a dead job again", DefaultStatus: http.StatusAccepted,
		Errors: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *idInput) (*output[*record.Job], error) {
		j, err := s.Record.RetryJob(ctx, in.ID)
		return &output[*record.Job]{j}, s.problem(ctx, err)
	})
}
