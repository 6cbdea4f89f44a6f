package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringside/internal/record"
)

// Record is what the server needs of the system of record.
type Record interface {
	record.Reader
	record.Writer
	// Ready tells whether the record can take and answer.
	Ready(ctx context.Context) error
	// MaxArtefact is the largest artefact it takes, in bytes, and MaxDump the
	// largest kernel dump or recording.
	MaxArtefact() int64
	MaxDump() int64
	// Room is store.ErrNoSpace if there is none for so many bytes.
	Room(size int64) error
}

// Config is what a server serves and how.
type Config struct {
	Record  Record
	Version string // of the program, for the API description
	// Token, if set, must be presented to change anything: as "Authorization:
	// Bearer TOKEN", or as the password of HTTP Basic authentication, which is
	// what a browser can do.
	Token string
	// Web serves what is not the API. It may be nil.
	Web http.Handler
	// Wait is how long an upload with wait=1 waits for its analysis. 0 means 30 s.
	Wait time.Duration
	// Stall is how long an upload may make no progress. 0 means 1 minute.
	Stall time.Duration
	Log   *slog.Logger // nil means silence
}

// server is what the operations share.
type server struct {
	Config
	metrics *metrics
}

// New returns the handler of the whole server.
func New(c Config) (http.Handler, error) {
	if c.Record == nil {
		return nil, errors.New("the server needs a record to serve")
	}
	c.Wait = cmp.Or(c.Wait, 30*time.Second)
	c.Stall = cmp.Or(c.Stall, time.Minute)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Config: c}
	s.metrics = newMetrics(c.Record, c.Log)

	mux := http.NewServeMux()
	api := humago.New(mux, apiConfig(c))
	s.artefacts(api)
	s.dumps(api)
	s.recordings(api)
	s.crashes(api)
	s.signatures(api)
	s.sameness(api)
	s.algorithms(api)
	s.hosts(api)
	s.kernels(api)
	s.cves(api)
	s.stacks(api)
	s.patchWork(api)
	s.lab(api)
	s.tests(api)
	s.bisections(api)
	s.regressions(api)
	s.overview(api)
	s.jobs(api)
	if err := describe(mux, api.OpenAPI()); err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.HandleFunc("/api/", s.noSuchOperation(mux))
	if c.Web != nil {
		mux.Handle("/", c.Web)
	}
	return s.wrap(mux), nil
}

func apiConfig(c Config) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Ringside", Version: cmp.Or(c.Version, "devel"),
				Description: "The system of record of a Linux kernel team: artefacts in, owned and deduplicated crashes out.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry(schemaPrefix, schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token": {Type: "http", Scheme: "bearer", Description: "Needed to change anything if the server was started with a token"},
				},
			},
			Tags: []*huma.Tag{
				{Name: "artefacts", Description: "Raw inputs: send them, look at them, get them back"},
				{Name: "dumps", Description: "Kernel dumps: send them, see what was found in them"},
				{Name: "recordings", Description: "Profiles and traces: send them, see what was found in them"},
				{Name: "crashes", Description: "Single occurrences, with everything that was read from their logs"},
				{Name: "signatures", Description: "Classes of crashes, and where the team stands with them"},
				{Name: "hosts", Description: "Machines"},
				{Name: "kernels", Description: "Kernel builds"},
				{Name: "stacks", Description: "Patches that are carried on top of upstream: where each stands, and what to do"},
				{Name: "cves", Description: "Which CVEs touch which kernels, since when, and until when they may"},
				{Name: "lab", Description: "Kernels that are booted to prove something: runs, and the jobs and workers that make them"},
				{Name: "tests", Description: "Results of tests: runs, histories, flakes, the matrix"},
				{Name: "overview", Description: "What needs somebody now"},
				{Name: "jobs", Description: "The work behind the record"},
			},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		// The description is rendered once, by describe: huma would do it
		// lazily and unguarded, and its page loads scripts from elsewhere.
		OpenAPIPath: "", DocsPath: "", SchemasPath: "",
		// A misspelt filter that selects everything is worse than an error.
		RejectUnknownQueryParameters: true,
	}
}

// HTTPServer returns a server with the limits that a public port needs. The
// deadlines of bodies are set per request, by what the request is.
func HTTPServer(addr string, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Addr: addr, Handler: h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
