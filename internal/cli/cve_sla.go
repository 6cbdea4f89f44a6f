package cli

import (
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/vuln"
	"ringside/vuln/sla"
)

func newCVESLA(s Streams) *cobra.Command {
	var out output
	var view render.CVEView
	var policy, exposure, day, threshold string
	c := &cobra.Command{
		Use:   "sla SCAN.json...",
		Short: "Say by when each CVE has to be gone, and what is late",
		Long: `Sla goes through the scans of a kernel, or of those that followed each other on the
same hosts, and holds them to a policy: days per severity and exposure, and risks that
somebody accepted until a day. A CVE's clock starts with the scan that confirmed it for
the kernel, and not with its publication.

  rules:
    - {severity: critical, exposure: internet, days: 7}
    - {severity: high, days: 30}
    - {verdict: undetermined, days: 10}
  accepted:
    - {cve: CVE-2026-64361, kernel: "6.1.*", reason: hfs is never mounted, approver: Jane Doe, expires: 2027-01-31}

With --threshold the exit code is 1 if a CVE is breached (or due_soon).`,
		Example: `  ringside cve sla scans/*.json --policy sla.yaml --exposure internet
  ringside cve sla scan.json --policy sla.yaml --threshold breached --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if threshold != "" && threshold != string(sla.Breached) && threshold != string(sla.DueSoon) {
				return usagef("--threshold is breached or due_soon, and not %.40q", threshold)
			}
			p, err := readPolicy(policy)
			if err != nil {
				return err
			}
			if known := p.Exposures(); exposure != "" && !slices.Contains(known, exposure) {
				return usagef("no rule of %s is for the exposure %q; it has %v", policy, exposure, known)
			}
			at, err := now()
			if err != nil {
				return err
			}
			if day != "" {
				if at, err = time.Parse(time.DateOnly, day); err != nil {
					return usagef("--on: %w", err)
				}
			}
			var scans []*vuln.Report
			for _, path := range args {
				r, err := readScan(s, path)
				if err != nil {
					return err
				}
				scans = append(scans, r)
			}
			items, err := p.Evaluate(scans, exposure, at)
			if err != nil {
				return usage(err)
			}
			doc := render.NewCVESLA(items, exposure, at)
			err = out.show(s, doc, func(w io.Writer, st render.Style) error { return render.CVEDeadlines(w, doc, view, st) })
			late := doc.Counts[sla.Breached]+doc.Counts[sla.Lapsed] > 0 || threshold == string(sla.DueSoon) && doc.Counts[sla.DueSoon] > 0
			if err == nil && threshold != "" && late {
				return &exitError{exitFinding, nil}
			}
			return err
		},
	}
	out.flags(c, false)
	f := c.Flags()
	f.StringVar(&policy, "policy", "", "`FILE` with the policy (YAML)")
	f.StringVar(&exposure, "exposure", "", "`NAME` of the environment that the kernel runs in, as the policy calls it")
	f.StringVar(&day, "on", "", "`DAY` to look from, as 2026-12-31 (default: today)")
	f.StringVar(&threshold, "threshold", "", "exit with 1 if a CVE is `STANDING`: breached or due_soon")
	f.BoolVar(&view.All, "all", false, "list all, not only the most urgent")
	if err := c.MarkFlagRequired("policy"); err != nil {
		panic(err) // the flag is three lines above
	}
	return c
}

func readPolicy(path string) (*sla.Policy, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage(err)
	}
	defer f.Close()
	p, err := sla.Parse(f)
	if err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	return p, nil
}
