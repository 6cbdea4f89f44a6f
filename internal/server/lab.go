package server

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringside/internal/record"
	"ringside/lab"
)

type labRunsInput struct {
	Verdict string `query:"verdict" enum:"ok,failed,crashed,hung,flood,infra,interrupted"`
	Kernel  string `query:"kernel" doc:"ID or release"`
	Recipe  string `query:"recipe" doc:"Of one recipe only"`
	Key     string `query:"key" doc:"Portable signature of the crash that speaks for it"`
	Text    string `query:"q" doc:"Words of the release, the crash, the reason or the host"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset  int    `query:"offset" minimum:"0"`
}

type labJobsInput struct {
	State  string `query:"state" enum:"queued,running,done,failed,cancelled"`
	Batch  string `query:"batch" doc:"Jobs that were sent together"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Offset int    `query:"offset" minimum:"0"`
}

// LabWorkerList is all workers of the lab.
type LabWorkerList struct {
	Items []record.LabWorker `json:"items" nullable:"false"`
}

// LabJobList is the jobs of one order.
type LabJobList struct {
	Items []record.LabJob `json:"items" nullable:"false"`
}

// LabContentQuestion asks which contents have to be sent.
type LabContentQuestion struct {
	SHA256 []string `json:"sha256" maxItems:"20000" nullable:"false"`
}

// LabContentAnswer names those that have to be.
type LabContentAnswer struct {
	Missing []string `json:"missing" nullable:"false"`
}

// LabCanceller says who cancels a job.
type LabCanceller struct {
	By string `json:"by,omitempty" maxLength:"128"`
}

// contentUpload is a content as the body, read as it comes.
type contentUpload struct {
	SHA256 string `path:"sha256" pattern:"^[0-9a-f]{64}$" patternDescription:"a SHA-256 in lower-case hex"`

	r *http.Request
	w http.ResponseWriter
}

// Resolve takes hold of the request, so that the body is streamed.
func (in *contentUpload) Resolve(ctx huma.Context) []error {
	in.r, in.w = humago.Unwrap(ctx)
	return nil
}

func (s *server) lab(api huma.API) {
	s.labRuns(api)
	s.labJobs(api)
	s.labWork(api)
	s.labContents(api)
}

func (s *server) labRuns(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-lab-runs", Method: http.MethodGet, Path: "/api/v1/lab/runs", Tags: []string{"lab"},
		Summary:     "List runs of the lab, the newest first",
		Description: "A run comes with its record (ringside lab show --json), sent as any artefact, or from a worker.",
	}, func(ctx context.Context, in *labRunsInput) (*output[*record.LabRunPage], error) {
		p, err := s.Record.LabRuns(ctx, record.LabRunFilter{Verdict: in.Verdict, Kernel: in.Kernel, Recipe: in.Recipe, Key: in.Key, Text: in.Text,
			Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.LabRunPage]{p}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-lab-run", Method: http.MethodGet, Path: "/api/v1/lab/runs/{id}", Tags: []string{"lab"},
		Summary: "A run by its receipt or its own ID, with its record and recipe", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.LabRunDetail], error) {
		r, err := s.Record.LabRun(ctx, in.ID)
		return &output[*record.LabRunDetail]{r}, s.problem(ctx, err)
	})
}

func (s *server) labJobs(api huma.API) {
	huma.Register(api, change(huma.Operation{
		OperationID: "order-lab-runs", Method: http.MethodPost, Path: "/api/v1/lab/jobs", Tags: []string{"lab"},
		Summary:       "Ask for runs: one job for each recipe",
		Description:   "Recipes name what they need by hash. 409 if some of it is not here: ask which (missing-lab-contents) and send it first.",
		DefaultStatus: http.StatusAccepted,
		Errors:        []int{http.StatusUnauthorized, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *struct{ Body record.LabOrder }) (*output[*LabJobList], error) {
		jobs, err := s.Record.OrderLabRuns(ctx, in.Body)
		return &output[*LabJobList]{&LabJobList{jobs}}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "list-lab-jobs", Method: http.MethodGet, Path: "/api/v1/lab/jobs", Tags: []string{"lab"},
		Summary: "List jobs of the lab: those that run, those that wait, then the others",
	}, func(ctx context.Context, in *labJobsInput) (*output[*record.LabJobPage], error) {
		p, err := s.Record.LabJobs(ctx, record.LabJobFilter{State: in.State, Batch: in.Batch, Window: record.Window{Limit: in.Limit, Offset: in.Offset}})
		return &output[*record.LabJobPage]{p}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-lab-job", Method: http.MethodGet, Path: "/api/v1/lab/jobs/{id}", Tags: []string{"lab"},
		Summary: "A job with its recipe", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *idInput) (*output[*record.LabJob], error) {
		j, err := s.Record.LabJob(ctx, in.ID)
		return &output[*record.LabJob]{j}, s.problem(ctx, err)
	})
	huma.Register(api, change(huma.Operation{
		OperationID: "cancel-lab-job", Method: http.MethodPost, Path: "/api/v1/lab/jobs/{id}/cancel", Tags: []string{"lab"},
		Summary: "End a job before it has ended by itself",
		Errors:  []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *struct {
		ID   string `path:"id"`
		Body LabCanceller
	}) (*output[*record.LabJob], error) {
		j, err := s.Record.CancelLabJob(ctx, in.ID, in.Body.By)
		return &output[*record.LabJob]{j}, s.problem(ctx, err)
	})
}

// labWork is what workers ask and say.
func (s *server) labWork(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-lab-workers", Method: http.MethodGet, Path: "/api/v1/lab/workers", Tags: []string{"lab"},
		Summary: "List the hosts that run jobs (ringside lab worker)",
	}, func(ctx context.Context, _ *struct{}) (*output[*LabWorkerList], error) {
		list, err := s.Record.LabWorkers(ctx)
		return &output[*LabWorkerList]{&LabWorkerList{list}}, s.problem(ctx, err)
	})
	type claimOutput struct {
		Status int
		Body   *record.LabClaim
	}
	huma.Register(api, change(huma.Operation{
		OperationID: "claim-lab-job", Method: http.MethodPost, Path: "/api/v1/lab/claim", Tags: []string{"lab"},
		Summary:     "Get the next job that a worker can do",
		Description: "204 if there is none. The claim ends with the lease unless the worker says that it is alive.",
		Errors:      []int{http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		Responses:   map[string]*huma.Response{"204": {Description: "There is none"}},
	}), func(ctx context.Context, in *struct{ Body record.LabOffer }) (*claimOutput, error) {
		c, err := s.Record.ClaimLabJob(ctx, in.Body)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		if c == nil {
			return &claimOutput{Status: http.StatusNoContent}, nil
		}
		return &claimOutput{Status: http.StatusOK, Body: c}, nil
	})
	huma.Register(api, change(huma.Operation{
		OperationID: "keep-lab-job", Method: http.MethodPost, Path: "/api/v1/lab/jobs/{id}/alive", Tags: []string{"lab"},
		Summary: "A worker's sign of life; 409 if the job is no longer its own", DefaultStatus: http.StatusNoContent,
		Errors: []int{http.StatusUnauthorized, http.StatusConflict, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *struct {
		ID   string `path:"id"`
		Body record.LabSign
	}) (*struct{}, error) {
		return nil, s.problem(ctx, s.Record.LabAlive(ctx, in.ID, in.Body))
	})
	huma.Register(api, change(huma.Operation{
		OperationID: "end-lab-job", Method: http.MethodPost, Path: "/api/v1/lab/jobs/{id}/result", Tags: []string{"lab"},
		Summary:     "How a worker ended a job; 409 if it is no longer its own",
		Description: "The run's record is sent first, as any artefact; files of its folder as contents.",
		Errors:      []int{http.StatusUnauthorized, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}), func(ctx context.Context, in *struct {
		ID   string `path:"id"`
		Body record.LabResult
	}) (*output[*record.LabJob], error) {
		j, err := s.Record.EndLabJob(ctx, in.ID, in.Body)
		return &output[*record.LabJob]{j}, s.problem(ctx, err)
	})
}

// labContents is the bytes that runs need and make.
func (s *server) labContents(api huma.API) {
	binary := map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	huma.Register(api, huma.Operation{
		OperationID: "missing-lab-contents", Method: http.MethodPost, Path: "/api/v1/lab/missing", Tags: []string{"lab"},
		Summary: "Ask which contents have to be sent", Errors: []int{http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *struct{ Body LabContentQuestion }) (*output[*LabContentAnswer], error) {
		missing, err := s.Record.MissingLabContents(ctx, in.Body.SHA256)
		return &output[*LabContentAnswer]{&LabContentAnswer{missing}}, s.problem(ctx, err)
	})
	huma.Register(api, change(huma.Operation{
		OperationID: "put-lab-content", Method: http.MethodPut, Path: "/api/v1/lab/contents/{sha256}", Tags: []string{"lab"},
		Summary: "Send a content: a kernel, a module, a file, a console",
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
			http.StatusServiceUnavailable, http.StatusInsufficientStorage},
		RequestBody: &huma.RequestBody{Required: true, Content: binary},
	}), func(ctx context.Context, in *contentUpload) (*output[lab.Content], error) {
		if err := s.Record.Room(in.r.ContentLength); err != nil {
			return nil, s.problem(ctx, err)
		}
		body := &uploadBody{r: in.r.Body, c: http.NewResponseController(in.w), stall: s.Stall}
		c, err := s.Record.PutLabContent(ctx, in.SHA256, body)
		s.metrics.uploaded(body.n, err)
		return &output[lab.Content]{c}, s.problem(ctx, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-lab-content", Method: http.MethodGet, Path: "/api/v1/lab/contents/{sha256}", Tags: []string{"lab"},
		Summary: "Get a content", Errors: []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{"200": {Description: "The bytes as they came", Content: binary}},
	}, func(ctx context.Context, in *shaInput) (*huma.StreamResponse, error) {
		r, size, err := s.Record.OpenLabContent(ctx, in.SHA256)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer r.Close()
			hc.SetHeader("Content-Type", "application/octet-stream")
			hc.SetHeader("Content-Length", strconv.FormatInt(size, 10))
			hc.SetHeader("Content-Disposition", `attachment; filename="`+in.SHA256+`"`)
			hc.SetHeader("Cache-Control", "private, max-age=31536000, immutable")
			s.copyOrAbort(ctx, hc.BodyWriter(), r)
		}}, nil
	})
}
