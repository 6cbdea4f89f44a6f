package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ringside/artefact"
	"ringside/crash"
	"ringside/docs"
	"ringside/internal/child"
	"ringside/internal/cvefeed"
	"ringside/internal/dumpjob"
	"ringside/internal/exposure"
	"ringside/internal/record"
	"ringside/internal/recordingjob"
	"ringside/internal/server"
	"ringside/internal/store"
	"ringside/internal/triage"
	"ringside/internal/web"
	"ringside/owner"
	"ringside/vuln"
)

// node is one process of the system of record: storage, services, jobs, HTTP.
type node struct {
	db         *store.DB
	blobs      *store.Blobs
	record     *record.Service
	owners     recordOwners
	dumps      *dumpjob.Analyzer
	recordings *recordingjob.Analyzer
	log        *slog.Logger
}

// nodeConfig is what a node needs to know.
type nodeConfig struct {
	Data   string // folder of the database and the blobs
	Owners string // overlay file
	// CVEFeed is where CVE records are, "" for none; CVEPolicy a file of deadlines, ""
	// for the usual ones; Exposure the environment whose rules count.
	CVEFeed, CVEPolicy, Exposure string
	// OpenFeed reads the records, instead of CVEFeed.
	OpenFeed  func(ctx context.Context) (*vuln.Database, error)
	MaxUpload int64 // bytes
	// MaxDump and DumpMemory are bytes too; 0 means the usual.
	MaxDump, DumpMemory int64
	Log                 *slog.Logger
}

// openNode opens the record in its data folder, creating what is not there.
func openNode(ctx context.Context, c nodeConfig) (*node, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, usagef("data folder: %w", err)
	}
	program, name, err := child.Program()
	if err != nil {
		return nil, fmt.Errorf("find the program that analyses dumps and recordings: %w", err)
	}
	run := child.Runner{Program: program, Name: name, Folder: filepath.Join(c.Data, "analysis"), Memory: c.DumpMemory, Log: c.Log}
	n := &node{log: c.Log, owners: newRecordOwners(c.Owners, c.Log), dumps: dumpjob.New(run), recordings: recordingjob.New(run)}
	if n.db, err = store.OpenSQLite(ctx, filepath.Join(c.Data, "ringside.db"), store.SQLiteOptions{}); err != nil {
		return nil, fmt.Errorf("open the database in %s: %w", c.Data, err)
	}
	if n.blobs, err = store.OpenBlobDir(filepath.Join(c.Data, "blobs")); err != nil {
		return nil, errors.Join(fmt.Errorf("open the blobs in %s: %w", c.Data, err), n.close())
	}
	exposer, deadlines, err := judgement(c)
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	n.record, err = record.New(record.Config{
		DB: n.db, Blobs: n.blobs, Rules: crash.Algorithm + "/" + release, Algorithm: crash.Algorithm, Sign: crash.Sign, MaxArtefact: c.MaxUpload, Log: c.Log,
		Open: func(r io.Reader) (io.Reader, error) { return artefact.Open(r, artefact.Limits{}) },
		Analyzer: record.AnalyzerFunc(func(ctx context.Context, r io.Reader) (*crash.Document, error) {
			return crash.Parse(ctx, r, crash.Options{})
		}),
		Owners: n.owners, Dumps: n.dumps, Recordings: n.recordings, MaxDump: c.MaxDump, Exposer: exposer, Deadlines: deadlines,
	})
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// judgement is what CVEs are judged by. Without a feed it is nothing.
func judgement(c nodeConfig) (record.Exposer, record.Deadlines, error) {
	if c.CVEFeed == "" && c.OpenFeed == nil {
		return nil, nil, nil
	}
	var policy io.Reader
	if c.CVEPolicy != "" {
		f, err := os.Open(c.CVEPolicy)
		if err != nil {
			return nil, nil, usagef("deadlines: %w", err)
		}
		defer f.Close()
		policy = f
	}
	deadlines, err := exposure.ReadDeadlines(policy, c.Exposure)
	if err != nil {
		return nil, nil, usagef("%s: %w", c.CVEPolicy, err)
	}
	if c.OpenFeed != nil {
		return exposure.New(exposure.Config{Open: c.OpenFeed, Origin: "demo", Log: c.Log}), deadlines, nil
	}
	open := func(ctx context.Context) (*vuln.Database, error) {
		return cvefeed.Open(ctx, c.CVEFeed, cvefeed.Options{Cache: filepath.Join(c.Data, "cve"),
			Warn: func(err error) { c.Log.Warn("feed of CVE records", "feed", c.CVEFeed, "problem", err) }})
	}
	return exposure.New(exposure.Config{Open: open, Origin: c.CVEFeed, Log: c.Log}), deadlines, nil
}

func (n *node) close() error {
	var errs []error
	if n.blobs != nil {
		errs = append(errs, n.blobs.Close())
	}
	if n.db != nil {
		errs = append(errs, n.db.Close())
	}
	return errors.Join(errs...)
}

// handler is everything that the node serves.
func (n *node) handler(token string, demo bool) (http.Handler, error) {
	ui, err := web.New(web.Config{Service: n.record, Demo: demo, Version: release, Owners: n.owners, Docs: docs.Files, Log: n.log})
	if err != nil {
		return nil, err
	}
	return server.New(server.Config{Record: n.record, Version: release, Token: token, Web: ui, Log: n.log})
}

// serve answers on l and does the record's jobs until ctx ends, then lets
// requests and jobs that have begun finish.
func (n *node) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := server.HTTPServer(l.Addr().String(), h, n.log)
	jobs, stopJobs := context.WithCancel(context.WithoutCancel(ctx))
	defer stopJobs()
	errs := make(chan error, 2)
	var wg sync.WaitGroup
	wg.Go(func() { errs <- n.record.Run(jobs) })
	wg.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			errs <- err
		}
	})
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-errs:
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	err := srv.Shutdown(grace)
	stopJobs()
	wg.Wait()
	if errors.Is(failed, context.Canceled) {
		failed = nil
	}
	return errors.Join(failed, err)
}

// recordOwners answers the record's question from the owner index, which is
// loaded when it is first asked.
type recordOwners struct{ index func() (*owner.Index, error) }

func newRecordOwners(overlay string, log *slog.Logger) recordOwners {
	return recordOwners{sync.OnceValues(func() (*owner.Index, error) {
		idx, err := ownerIndex(overlay)
		if err != nil {
			log.Error("owners are not known", "error", err)
		}
		return idx, err
	})}
}

// Owner implements record.Owners.
func (o recordOwners) Owner(function, module, file string) (record.Owner, bool) {
	idx, err := o.index()
	if err != nil {
		return record.Owner{}, false
	}
	list := triage.Owners(idx, &crash.Report{Guilty: &crash.Location{Function: function, Module: module, File: file}})
	if len(list) == 0 {
		return record.Owner{}, false
	}
	m := list[0]
	return record.Owner{Subsystem: m.Subsystem, Status: m.Status, Maintainers: m.Maintainers, Lists: m.Lists, File: m.File, Why: m.Why}, true
}

// address is the URL under which a listener can be reached.
func address(l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "http://" + l.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return "http://" + host + ":" + port
}
