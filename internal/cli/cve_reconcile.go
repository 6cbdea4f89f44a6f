package cli

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"ringside/artefact"
	"ringside/internal/render"
	"ringside/vuln"
	"ringside/vuln/reconcile"
)

func newCVEReconcile(s Streams) *cobra.Command {
	var out output
	var feed feedFlags
	var kernel kernelFlags
	var view render.CVEView
	var release, scan string
	c := &cobra.Command{
		Use:   "reconcile FINDINGS.json...",
		Short: "Say what a scanner got wrong about a kernel, and why",
		Long: `Reconcile takes what grype, trivy or OSV-Scanner print as JSON and holds each finding
about the kernel against the verdict with evidence: versions compared without their
branch, fixes that were taken back, code that is not compiled, packages without code of
the kernel; and the CVEs that the scanner did not find.`,
		Example: `  grype dir:/ -o json > grype.json
  ringside cve reconcile grype.json --scan scan.json
  ringside cve reconcile trivy.json --kernel 6.1.0-56-amd64 --changelog changelog.Debian.gz --feed vulns`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var r *vuln.Report
			var db *vuln.Database
			var err error
			if scan != "" {
				if r, err = readScan(s, scan); err != nil {
					return err
				}
				if feed.where != "" {
					if db, err = feed.open(c.Context(), s); err != nil {
						return err
					}
				}
			} else {
				var k vuln.Kernel
				if db, k, err = kernel.withFeed(c.Context(), s, release, &feed); err != nil {
					return err
				}
				if r, err = scanNow(db, k, feed.where); err != nil {
					return err
				}
			}
			doc := render.CVEReconciled{Schema: render.CVEReconcileSchemaID, Scanners: []*reconcile.Reconciliation{}}
			for _, path := range args {
				f, err := readFindings(path)
				if err != nil {
					return err
				}
				doc.Scanners = append(doc.Scanners, reconcile.Reconcile(f, r, db))
			}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.CVEReconciliation(w, doc, view, st) })
		},
	}
	out.flags(c, false)
	feed.flags(c)
	kernel.flags(c)
	c.Flags().StringVar(&release, "kernel", "", "`RELEASE` or source tree of the kernel")
	c.Flags().StringVar(&scan, "scan", "", "`FILE` with the JSON of 'ringside cve scan', instead of a kernel")
	c.Flags().BoolVar(&view.All, "all", false, "list all differences")
	return c
}

func readFindings(path string) (*reconcile.Findings, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage(err)
	}
	defer f.Close()
	a, err := artefact.Open(f, artefact.Limits{MaxExpanded: maxText})
	if err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	found, err := reconcile.Parse(a)
	if err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	return found, nil
}
