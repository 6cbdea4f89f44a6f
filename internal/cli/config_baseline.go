package cli

import (
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/kconfig/baseline"
	"ringside/kconfig/dotconfig"
	"ringside/kconfig/export"
	"ringside/kconfig/hardening"
	"ringside/kconfig/meaning"
)

func newConfigBaseline(s Streams) *cobra.Command {
	var out output
	var o subjectFlags
	var policy, reference, format, failOn, on string
	var all bool
	c := &cobra.Command{
		Use:   "baseline",
		Short: "Hold a kernel to the guardrails of its environment, and show its drift",
		Long: `Baseline holds a configuration, or with --live the running kernel, to a policy: a YAML
file of guardrails with reasons and owners, and of waivers with owners, reasons and the
day on which they end. Policies for ` + strings.Join(baseline.Names(), ", ") + ` come with
Ringside; 'ringside config baseline policy NAME' prints one to begin from. With --reference
the differences from a profile are shown, too, with what they mean.

The exit code is 1 where a rule at or above --fail-on fails and is not waived.`,
		Example: `  ringside config baseline --policy server --config .config --tree linux
  ringside config baseline --policy team.yaml --live --reference profile.config
  ringside config baseline policy appliance > team.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := readBaselinePolicy(policy)
			if err != nil {
				return err
			}
			limit, err := failLimit(failOn)
			if err != nil {
				return err
			}
			begin, now := time.Now(), time.Now()
			if on != "" {
				if now, err = time.Parse("2006-01-02", on); err != nil {
					return usagef("--on %s: want a date as 2027-01-31", on)
				}
			}
			sub, err := o.subject(c, s)
			if err != nil {
				return err
			}
			report, err := p.Evaluate(c.Context(), sub, now)
			if err != nil {
				return usage(err)
			}
			doc := render.Baseline{Schema: render.BaselineSchemaID, Report: report, Drift: []meaning.Change{}}
			if reference != "" {
				if doc.Drift, err = drift(s, reference, sub); err != nil {
					return err
				}
				doc.Reference = reference
			}
			audit := &export.Audit{
				Benchmark: "baseline-" + p.Name, Title: "Kernel baseline " + p.Name, Description: p.Description, Version: p.Version,
				Target: hostname(), Begin: begin, End: time.Now(), Results: report.Results(o.path),
			}
			if err := showAudit(s, &out, format, audit, doc, func(w io.Writer, st render.Style) error {
				return render.BaselineReport(w, doc, all, st)
			}); err != nil {
				return err
			}
			if slices.ContainsFunc(report.Findings, func(f baseline.Finding) bool { return fails(f, limit) }) {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	out.flags(c, false)
	o.flags(c)
	c.Flags().StringVar(&policy, "policy", "server", "name of a policy that comes with Ringside, or `FILE`")
	c.Flags().StringVar(&reference, "reference", "", "profile `FILE` to show the drift from")
	c.Flags().StringVar(&on, "on", "", "the `DATE` by which waivers are held; the default is today")
	c.Flags().BoolVar(&all, "all", false, "print rules that hold, too")
	auditFlags(c, &format, &failOn)
	c.AddCommand(newConfigBaselinePolicy(s))
	return c
}

// fails says that a finding counts for the exit code. What a recommendation asks for and
// this kernel cannot have does not; what a guardrail asks for does.
func fails(f baseline.Finding, limit int) bool {
	if f.Verdict != baseline.Fail && f.Verdict != baseline.Expired || f.Severity.Rank() > limit {
		return false
	}
	return f.Group == "guardrail" || f.Hardening == nil || f.Hardening.Verdict != hardening.Impossible
}

func newConfigBaselinePolicy(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:       "policy [NAME]",
		Short:     "Print a policy that comes with Ringside, or their names",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: baseline.Names(),
		RunE: func(_ *cobra.Command, args []string) error {
			text := strings.Join(baseline.Names(), "\n") + "\n"
			if len(args) > 0 {
				var err error
				if text, err = baseline.Source(args[0]); err != nil {
					return usage(err)
				}
			}
			_, err := io.WriteString(s.Out, text)
			return err
		},
	}
}

// readBaselinePolicy reads a policy by its name or from a file.
func readBaselinePolicy(name string) (*baseline.Policy, error) {
	if slices.Contains(baseline.Names(), name) {
		p, err := baseline.Builtin(name)
		if err != nil {
			return nil, &exitError{exitInternal, err}
		}
		return p, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usagef("%w; policies that come with Ringside are %s", err, strings.Join(baseline.Names(), ", "))
	}
	defer f.Close()
	p, err := baseline.Read(f)
	if err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	return p, nil
}

// drift compares what is audited with a profile.
func drift(s Streams, reference string, sub hardening.Subject) ([]meaning.Change, error) {
	if sub.File == nil {
		return nil, usagef("--reference needs a configuration to compare: give --config FILE or --live")
	}
	ref, err := readDotconfig(s, reference)
	if err != nil {
		return nil, err
	}
	list := dotconfig.Diff(ref, sub.File)
	if sub.Config != nil {
		return meaning.Builtin().Of(sub.Config.Tree(), list), nil
	}
	return meaning.Builtin().Of(nil, list), nil
}
