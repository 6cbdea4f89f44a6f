package cli

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/cvefeed"
	"ringside/internal/fetch"
	"ringside/internal/render"
	"ringside/vuln"
)

func newCVE(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "cve",
		Short: "Say which CVEs are in a kernel, and why",
		Long: `Cve reads the kernel CNA's records, decides for each of them whether it touches a
kernel, and keeps the evidence: the versions that decided, the changelog or patch that
took a fix back, the configuration that leaves the code out, the modules that are not
loaded. What the evidence does not settle is undetermined, never guessed.

A feed is a checkout of the CNA's repository (git.kernel.org security/vulns.git), a
folder or archive of CVE or OSV JSON files, one such file, or a URL of one. It is
indexed in the user's cache.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newCVEScan(s), newCVEExplain(s), newCVEInventory(s), newCVEHost(s), newCVEVex(s), newCVESLA(s), newCVEReconcile(s))
	return c
}

// feedFlags say where records are.
type feedFlags struct {
	where   string
	cache   string
	private bool
}

func (f *feedFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.where, "feed", os.Getenv("RINGSIDE_CVE_FEED"), "`FEED` of records: folder, archive, file or URL (default: $RINGSIDE_CVE_FEED)")
	c.Flags().StringVar(&f.cache, "cache", "", "`DIR` to keep the feed's index in; 'none' reads the feed anew (default: the user's cache)")
	c.Flags().BoolVar(&f.private, "allow-private", false, "let a feed's URL lead into a private network")
}

func (f *feedFlags) open(ctx context.Context, s Streams) (*vuln.Database, error) {
	if f.where == "" {
		return nil, usagef("no feed: give --feed, a checkout of the kernel's vulns repository or a folder of CVE JSON files")
	}
	// Reading 30,000 files makes much that is needed no more: not to look for it takes a
	// fifth off, for 90 MB. A feed that is much larger is looked at before it is too much.
	defer debug.SetGCPercent(debug.SetGCPercent(feedGC))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(feedMemory))
	db, err := cvefeed.Open(ctx, f.where, cvefeed.Options{
		Cache: f.cache,
		Fetch: fetch.Options{Private: f.private, Progress: fetchProgress(s)},
		Warn:  func(err error) { fmt.Fprintln(s.Err, "ringside: "+render.Complaint(err.Error())) },
	})
	if err != nil {
		return nil, usage(err)
	}
	return db, nil
}

// feedGC is how much a heap grows, in percent, before a feed's reading stops for it, and
// feedMemory how much it may have before it stops all the same.
const (
	feedGC     = 1600
	feedMemory = 768 << 20
)

// record finds a CVE's record; what a user types has no upper case.
func recordID(arg string) string {
	id := strings.ToUpper(strings.TrimSpace(arg))
	if !strings.HasPrefix(id, "CVE-") {
		id = "CVE-" + id
	}
	return id
}
