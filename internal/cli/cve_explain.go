package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/vuln"
	"ringside/vuln/severity"
)

func newCVEExplain(s Streams) *cobra.Command {
	var out output
	var feed feedFlags
	var kernel kernelFlags
	release := ""
	c := &cobra.Command{
		Use:   "explain CVE",
		Short: "Explain one CVE, and what it is to a kernel",
		Long: `Explain prints what the feed says of a CVE: since when it is in which branch, what
fixes it, how grave it is and who says so. With --kernel it also says what the CVE is to
that kernel, with the whole chain of evidence.`,
		Example: `  ringside cve explain CVE-2026-64361 --feed vulns
  ringside cve explain 2026-64361 --kernel 6.1.160 --feed vulns
  ringside cve explain CVE-2026-64361 --kernel 6.1.0-56-amd64 --tree linux-6.1 --config .config --feed vulns`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			db, err := feed.open(c.Context(), s)
			if err != nil {
				return err
			}
			id := recordID(args[0])
			r, ok := db.Record(id)
			if !ok {
				return notFound(id, db)
			}
			doc := render.CVEExplained{Schema: render.CVEExplainSchemaID, Record: render.RecordOf(&r, severity.Of(&r))}
			if release != "" || kernel.tree != "" || kernel.base != "" || kernel.config != "" || len(kernel.changelogs) > 0 {
				k, err := kernel.kernel(c.Context(), s, strings.TrimSpace(release))
				if err != nil {
					return err
				}
				if err := kernel.readFixes(c.Context(), db, &k); err != nil {
					return err
				}
				if v, ok := db.Judge(id, k); ok {
					doc.Kernel = &vuln.KernelInfo{Release: k.Release, Base: k.Base, Inputs: k.Inputs}
					doc.Verdict = &v
				}
			}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.CVEExplanation(w, doc, st) })
		},
	}
	out.flags(c, false)
	feed.flags(c)
	kernel.flags(c)
	c.Flags().StringVar(&release, "kernel", "", "`RELEASE` or source tree of the kernel to ask about")
	return c
}
