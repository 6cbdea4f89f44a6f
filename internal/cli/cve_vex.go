package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/vuln"
	"ringside/vuln/vex"
)

func newCVEVex(s Streams) *cobra.Command {
	var out output
	var feed feedFlags
	var kernel kernelFlags
	var o vex.Options
	var only []string
	format := ""
	c := &cobra.Command{
		Use:   "vex [SCAN.json|RELEASE|TREE]",
		Short: "Write the verdicts of a kernel as OpenVEX, CycloneDX or CSAF",
		Long: `Vex writes what a scan found in the formats that scanners and customers read. It says
"not affected" only where the evidence proves that the code is not there: nothing that
introduces the flaw is in the version, or the build compiles none of its files, each with
the chain of conditions. A module that is not loaded proves nothing. What is undetermined
is under investigation.

The time of the document is the scan's, or $SOURCE_DATE_EPOCH: the same scan gives the
same document.`,
		Example: `  ringside cve scan linux-6.1 --config .config --feed vulns --json -o scan.json
  ringside cve vex scan.json --format openvex --author "Kernel team" -o kernel.vex.json
  ringside cve vex 6.1.176 --feed vulns --format csaf --product pkg:deb/debian/linux@6.1.176-1`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			keep, err := statesFlag(only)
			if err != nil {
				return err
			}
			r, err := scanned(c, s, strings.Join(args, ""), &feed, &kernel)
			if err != nil {
				return err
			}
			if keep != nil {
				r.Verdicts = keepVerdicts(r.Verdicts, keep, 0)
			}
			o.Time, o.Tool = r.Time, "ringside"
			return out.write(s, func(w io.Writer, _ render.Style) error {
				if err := vex.Write(w, format, r, o); err != nil {
					return usage(err)
				}
				return nil
			})
		},
	}
	f := c.Flags()
	f.StringVarP(&out.path, "output", "o", "", "write to `FILE` instead of standard output")
	f.StringVar(&format, "format", "openvex", "`FORMAT`: openvex, cyclonedx or csaf")
	f.StringVar(&o.Product, "product", "", "`ID` of the kernel, best a package URL (default: pkg:generic/linux@RELEASE)")
	f.StringVar(&o.Author, "author", "", "`NAME` of who answers for it")
	f.StringVar(&o.Namespace, "namespace", "", "`URL` of who answers for it, for CSAF")
	f.StringSliceVar(&only, "only", nil, "write these `VERDICTS` alone, separated by commas")
	feed.flags(c)
	kernel.flags(c)
	return c
}

// scanned reads an earlier scan, or makes one.
func scanned(c *cobra.Command, s Streams, arg string, feed *feedFlags, kernel *kernelFlags) (*vuln.Report, error) {
	if info, err := os.Stat(arg); arg == "-" || (arg != "" && err == nil && info.Mode().IsRegular()) {
		return readScan(s, arg)
	}
	db, k, err := kernel.withFeed(c.Context(), s, arg, feed)
	if err != nil {
		return nil, err
	}
	return scanNow(db, k, feed.where)
}

// scanNow scans and says when.
func scanNow(db *vuln.Database, k vuln.Kernel, where string) (*vuln.Report, error) {
	at, err := now()
	if err != nil {
		return nil, err
	}
	r := db.Report(k)
	r.Feed.Source, r.Time = where, at
	return r, nil
}

// now is the time of a document: the clock's, or what a reproducible build says.
func now() (time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now().UTC().Truncate(time.Second), nil
	}
	n, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, usage(fmt.Errorf("SOURCE_DATE_EPOCH is %.40q: it is a number of seconds", epoch))
	}
	return time.Unix(n, 0).UTC(), nil
}
