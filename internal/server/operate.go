package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ringside/internal/record"
)

// health tells that the process answers.
func (s *server) health(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }

// ready tells whether the record can take and answer.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.Record.Ready(ctx); err != nil {
		s.Log.Error("not ready", "request", requestID(r.Context()), "error", err)
		newProblem(r.Context(), http.StatusServiceUnavailable, "the record does not answer; the server's log says why").write(w)
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}

// metrics counts for Prometheus, in a registry of the server's own.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	sent     prometheus.Counter
	uploads  *prometheus.CounterVec
	received prometheus.Counter
}

func newMetrics(r Record, log *slog.Logger) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringside_http_requests_total", Help: "Requests by route and status."}, []string{"method", "route", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ringside_http_request_seconds", Help: "Time to answer by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}}, []string{"method", "route"}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ringside_http_sent_bytes_total", Help: "Bytes answered."}),
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringside_uploads_total", Help: "Artefacts sent, by whether they were kept."}, []string{"result"}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ringside_upload_bytes_total", Help: "Bytes of artefacts received."}),
	}
	m.registry.MustRegister(m.requests, m.took, m.sent, m.uploads, m.received,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &jobCollector{r, log})
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) request(method, route string, status int, took time.Duration, bytes int64) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other" // whatever clients make up must not make new series
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.took.WithLabelValues(method, route).Observe(took.Seconds())
	m.sent.Add(float64(bytes))
}

func (m *metrics) uploaded(bytes int64, err error) {
	result := "kept"
	if err != nil {
		result = "refused"
	}
	m.uploads.WithLabelValues(result).Inc()
	m.received.Add(float64(bytes))
}

// jobCollector reads the state of the queue when Prometheus asks.
type jobCollector struct {
	r   Record
	log *slog.Logger
}

var (
	jobsDesc = prometheus.NewDesc("ringside_jobs", "Jobs that are not done, by state.", []string{"state"}, nil)
	lagDesc  = prometheus.NewDesc("ringside_jobs_oldest_seconds", "Age of the oldest job that may run.", nil, nil)
)

func (c *jobCollector) Describe(ch chan<- *prometheus.Desc) { ch <- jobsDesc; ch <- lagDesc }

func (c *jobCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p, err := c.r.Jobs(ctx, record.JobFilter{Window: record.Window{Limit: 1}})
	if err != nil {
		c.log.Warn("cannot count jobs", "error", err)
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(jobsDesc, float64(p.Stats.Pending), "pending")
	gauge(jobsDesc, float64(p.Stats.Running), "running")
	gauge(jobsDesc, float64(p.Stats.Dead), "dead")
	lag := 0.0
	if p.Stats.OldestPending != nil {
		lag = max(0, time.Since(*p.Stats.OldestPending).Seconds())
	}
	gauge(lagDesc, lag)
}
