package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/demo"
	"ringside/internal/record"
	"ringside/internal/render"
	"ringside/internal/triage"
	"ringside/owner"
	"ringside/vuln"
)

func newDemo(s Streams) *cobra.Command {
	var (
		listen string
		data   string
		once   bool
	)
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show Ringside with a seeded data set; nothing to configure",
		Long: `Demo prints the triage of one real crash, starts a server with a record made from
real kernel logs, spread over a fleet and a month that never were, with real CVE
records and what two kernels were really built from, and prints its address. Everything in it is marked as demo data. The record is removed at the
end unless --data names a folder to keep it in.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			started := time.Now()
			log, err := newLogger(Streams{Err: io.Discard}, "text")
			if err != nil {
				return err
			}
			logs, err := demo.Logs()
			if err != nil {
				return &exitError{exitInternal, err}
			}
			if err := showcase(c.Context(), s, logs); err != nil {
				return &exitError{exitInternal, err}
			}
			if data == "" {
				if data, err = os.MkdirTemp("", "ringside-demo-*"); err != nil {
					return &exitError{exitInternal, fmt.Errorf("make a folder for the demo: %w", err)}
				}
				defer closing(&err, func() error { return os.RemoveAll(data) })
			}
			l, err := listenNear(c.Context(), listen)
			if err != nil {
				return usagef("listen: %w", err)
			}
			defer func() { _ = l.Close() }() // serving closes it too
			records, err := demo.CVEs()
			if err != nil {
				return &exitError{exitInternal, err}
			}
			n, err := openNode(c.Context(), nodeConfig{Data: filepath.Clean(data), Log: log, OpenFeed: func(ctx context.Context) (*vuln.Database, error) {
				return vuln.Open(ctx, records)
			}})
			if err != nil {
				return err
			}
			defer closing(&err, n.close)
			fmt.Fprintf(s.Err, "\nmaking the demo data set…\n")
			made, err := record.Seed(c.Context(), n.record, record.SeedInput{Logs: logs, Seed: 1})
			if err != nil {
				return &exitError{exitInternal, fmt.Errorf("make the demo data: %w", err)}
			}
			fmt.Fprintf(s.Err, "%d crashes of %d hosts on %d kernels, from %d real logs\n", made.Crashes, made.Hosts, made.Kernels, made.Logs)
			if err := seedExposure(c.Context(), n.record, records); err != nil {
				return &exitError{exitInternal, fmt.Errorf("make the demo data: %w", err)}
			}
			if err := seedStacks(c.Context(), n.record, started); err != nil {
				return &exitError{exitInternal, fmt.Errorf("make the demo data: %w", err)}
			}
			judged, err := n.record.Exposures(c.Context())
			if err != nil {
				return &exitError{exitInternal, err}
			}
			if judged.Feed != nil {
				fmt.Fprintf(s.Err, "%d real CVE records, judged for %d kernels\n", judged.Feed.Records, len(judged.Kernels))
			}
			h, err := n.handler("", true)
			if err != nil {
				return &exitError{exitInternal, err}
			}
			fmt.Fprintf(s.Out, "\nRingside demo is at %s  (demo data; ready after %.1f s; Ctrl-C ends it)\n", address(l), time.Since(started).Seconds())
			if once {
				return nil
			}
			if err := n.serve(c.Context(), l, h); err != nil {
				return &exitError{exitInternal, err}
			}
			return nil
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8460", "`ADDRESS` to listen on; the next free port if it is taken")
	c.Flags().StringVar(&data, "data", "", "keep the record in this `DIR`")
	c.Flags().BoolVar(&once, "once", false, "make everything, print the address and end")
	return c
}

// showcase prints the triage of one real crash.
func showcase(ctx context.Context, s Streams, logs fs.FS) error {
	data, err := fs.ReadFile(logs, demo.Showcase)
	if err != nil {
		return fmt.Errorf("demo log: %w", err)
	}
	res, err := triage.Run(ctx, triage.Input{Name: demo.Showcase, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}, triage.Options{Owners: func() (*owner.Index, error) { return ownerIndex("") }})
	if err != nil {
		return err
	}
	return render.Terminal(s.Out, res, style(s.Out))
}

// listenNear listens on addr, or on a free port of the same host if addr is
// taken: a second demo should start too.
func listenNear(ctx context.Context, addr string) (net.Listener, error) {
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", addr)
	if err == nil {
		return l, nil
	}
	host, _, serr := net.SplitHostPort(addr)
	if serr != nil {
		return nil, errors.Join(err, serr)
	}
	l2, err2 := cfg.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err2 != nil {
		return nil, err
	}
	return l2, nil
}
