package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/vuln"
	"ringside/vuln/severity"
)

func newCVEScan(s Streams) *cobra.Command {
	var out output
	var feed feedFlags
	var kernel kernelFlags
	var view render.CVEView
	var only []string
	var atLeast, threshold, since string
	c := &cobra.Command{
		Use:   "scan [RELEASE|TREE]",
		Short: "Give every CVE's verdict for a kernel",
		Long: `Scan decides for every record of the feed whether the kernel is affected by it:

  affected       it is in the range, and nothing below says otherwise
  fixed          the version, a changelog, a patch or the sources have the fix
  not_in_range   nothing that introduces it is in the kernel
  not_compiled   the configuration leaves all of its code out
  not_loaded     its code is in modules alone, none of which a host has loaded
  undetermined   the evidence contradicts itself or is not enough

A release like 6.1.0-56-amd64 hides the stable release that it is built from; the
source tree, the changelog, the head of the configuration or --base tell it.

With --threshold, the exit code is 1 if a CVE of at least this severity is affected or
undetermined. With --since, it is what has changed that counts.`,
		Example: `  ringside cve scan 6.1.176 --feed vulns
  ringside cve scan linux-6.1.192 --config .config --feed vulns --threshold high
  ringside cve scan 6.1.0-56-amd64 --changelog changelog.Debian.gz --feed vulns
  ringside cve scan 6.1.176 --feed vulns --json -o new.json --since old.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			minimum, err := levelFlag("severity", atLeast)
			if err != nil {
				return err
			}
			limit, err := levelFlag("threshold", threshold)
			if err != nil {
				return err
			}
			keep, err := statesFlag(only)
			if err != nil {
				return err
			}
			var old *vuln.Report
			if since != "" {
				if old, err = readScan(s, since); err != nil {
					return err
				}
			}
			db, k, err := kernel.withFeed(c.Context(), s, strings.Join(args, ""), &feed)
			if err != nil {
				return err
			}
			doc, err := scanNow(db, k, feed.where)
			if err != nil {
				return err
			}
			finding := above(doc, old, limit)
			if old != nil {
				doc.Since = vuln.Compare(old, doc)
			}
			if keep != nil || minimum > severity.None {
				doc.Verdicts = keepVerdicts(doc.Verdicts, keep, minimum)
			}
			view.Markdown = out.markdown
			err = out.show(s, doc, func(w io.Writer, st render.Style) error { return render.CVEScan(w, doc, view, st) })
			if err == nil && threshold != "" && finding {
				return &exitError{exitFinding, nil}
			}
			return err
		},
	}
	out.flags(c, true)
	feed.flags(c)
	kernel.flags(c)
	f := c.Flags()
	f.StringVar(&atLeast, "severity", "", "show those of at least this `LEVEL`: low, medium, high, critical")
	f.StringSliceVar(&only, "only", nil, "show these `VERDICTS` alone, separated by commas")
	f.StringVar(&since, "since", "", "`FILE` with an earlier scan's JSON: say what has changed and why")
	f.StringVar(&threshold, "threshold", "", "exit with 1 if one of at least this `LEVEL` is affected or undetermined")
	f.BoolVar(&view.All, "all", false, "list all, not only the gravest")
	return c
}

// levelFlag reads a severity; the empty text is none.
func levelFlag(name, text string) (l severity.Level, err error) {
	if text == "" {
		return severity.None, nil
	}
	if err := l.UnmarshalText([]byte(text)); err != nil {
		return l, usagef("--%s: %w", name, err)
	}
	return l, nil
}

func statesFlag(names []string) (map[vuln.State]bool, error) {
	if len(names) == 0 {
		return nil, nil
	}
	keep := map[vuln.State]bool{}
	for _, n := range names {
		var s vuln.State
		if err := s.UnmarshalText([]byte(n)); err != nil {
			return nil, usagef("--only: %w", err)
		}
		keep[s] = true
	}
	return keep, nil
}

// above says whether a verdict that somebody has to act on is at least as grave as the
// limit. After an earlier scan only what was not so then counts.
func above(doc, old *vuln.Report, limit severity.Level) bool {
	before := map[string]bool{}
	if old != nil {
		for i := range old.Verdicts {
			if v := &old.Verdicts[i]; acts(v, limit) {
				before[v.CVE] = true
			}
		}
	}
	for i := range doc.Verdicts {
		if v := &doc.Verdicts[i]; acts(v, limit) && !before[v.CVE] {
			return true
		}
	}
	return false
}

func acts(v *vuln.Verdict, limit severity.Level) bool {
	return (v.Verdict == vuln.Affected || v.Verdict == vuln.Undetermined) && v.Severity != nil && v.Severity.Level >= limit
}

func keepVerdicts(list []vuln.Verdict, keep map[vuln.State]bool, minimum severity.Level) []vuln.Verdict {
	kept := []vuln.Verdict{}
	for _, v := range list {
		if keep != nil && !keep[v.Verdict] {
			continue
		}
		if minimum > severity.None && (v.Severity == nil || v.Severity.Level < minimum) {
			continue
		}
		kept = append(kept, v)
	}
	return kept
}

// readScan reads the JSON of a scan.
func readScan(s Streams, path string) (*vuln.Report, error) {
	in, err := s.open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var r vuln.Report
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return nil, usagef("%s is no scan: %w; make one with 'ringside cve scan --json'", path, err)
	}
	if r.Schema != vuln.ReportSchemaID {
		return nil, usagef("%s is no scan: its schema is %q; make one with 'ringside cve scan --json'", path, r.Schema)
	}
	return &r, nil
}

// fetchProgress shows how far a download is.
func fetchProgress(s Streams) func(io.ReadCloser, int64) io.ReadCloser {
	p := newProgress(s)
	return func(r io.ReadCloser, size int64) io.ReadCloser { return p.reader(r, "fetching the feed", size) }
}

// notFound is the error of a CVE that no record is about.
func notFound(id string, db *vuln.Database) error {
	return usagef("%s is not in the feed, which has %d records: is the feed older than it, or is it no kernel CVE? %w", id, db.Len(), fmt.Errorf("no such record"))
}
