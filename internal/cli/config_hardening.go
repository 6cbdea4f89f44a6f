package cli

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/kconfig/dotconfig"
	"ringside/kconfig/export"
	"ringside/kconfig/hardening"
)

// subjectFlags say what is audited.
type subjectFlags struct {
	treeFlags
	path    string
	cmdline string
	sysctl  string
	live    bool
}

func (o *subjectFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.tree, "tree", "", "kernel tree `DIR`: says what can be set, and what stands against it")
	c.Flags().StringVar(&o.path, "config", "", "the configuration `FILE`; - is standard input")
	c.Flags().StringVar(&o.cmdline, "cmdline", "", "`FILE` with the kernel's command line, as /proc/cmdline")
	c.Flags().StringVar(&o.sysctl, "sysctl", "", "`FILE` with what sysctl -a prints")
	c.Flags().BoolVar(&o.live, "live", false, "take what is not given from this host: its configuration, command line and sysctls")
	o.treeFlags.flags(c)
}

// maxProc bounds what is read of /proc.
const maxProc = 1 << 20

// subject reads what is audited.
func (o *subjectFlags) subject(c *cobra.Command, s Streams) (hardening.Subject, error) {
	var sub hardening.Subject
	if o.path == "" && o.live {
		o.path = runningConfig()
	}
	if o.path == "" && o.cmdline == "" && o.sysctl == "" && !o.live {
		return sub, usagef("nothing to audit: give --config FILE, --cmdline FILE, --sysctl FILE or --live")
	}
	if o.path != "" {
		f, err := readDotconfig(s, o.path)
		if err != nil {
			return sub, err
		}
		sub.File = f
		if o.tree != "" {
			t, err := o.load(c.Context(), s, f)
			if err != nil {
				return sub, err
			}
			if sub.Config, err = t.Eval(f); err != nil {
				return sub, usage(err)
			}
		}
	}
	sub.Arch = dotconfig.SourceArch(o.archOf(sub.File))
	if err := o.running(&sub); err != nil {
		return sub, err
	}
	return sub, nil
}

// running reads the command line and the sysctls.
func (o *subjectFlags) running(sub *hardening.Subject) error {
	if o.cmdline == "" && o.live {
		o.cmdline = "/proc/cmdline"
	}
	if o.cmdline != "" {
		b, err := readSmall(o.cmdline)
		if err != nil {
			return usage(err)
		}
		line := string(b)
		sub.Cmdline = &line
	}
	if o.sysctl != "" {
		b, err := readSmall(o.sysctl)
		if err != nil {
			return usage(err)
		}
		sub.Sysctl = hardening.ParseSysctl(string(b))
	} else if o.live {
		sub.Sysctl = liveSysctls("/proc/sys")
	}
	return nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxProc))
}

// liveSysctls reads the settings of this host that it may read.
func liveSysctls(root string) map[string]string {
	m := map[string]string{}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		// What may not be read is not there.
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // see above
		}
		if len(m) > 20_000 {
			return fs.SkipAll
		}
		info, err := d.Info()
		if err != nil || info.Mode().Perm()&0o444 == 0 {
			return nil //nolint:nilerr // see above
		}
		if b, err := readSmall(path); err == nil {
			key := strings.ReplaceAll(strings.TrimPrefix(path, root+"/"), "/", ".")
			m[key] = strings.TrimSpace(string(b))
		}
		return nil
	})
	return m
}

// runningConfig is where the configuration of the running kernel is, "" where it is not.
func runningConfig() string {
	release, err := readSmall("/proc/sys/kernel/osrelease")
	paths := []string{"/proc/config.gz"}
	if err == nil {
		paths = append(paths, "/boot/config-"+strings.TrimSpace(string(release)))
	}
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

func newConfigHardening(s Streams) *cobra.Command {
	var out output
	var o subjectFlags
	var rules, format, failOn string
	var all bool
	c := &cobra.Command{
		Use:   "hardening",
		Short: "Audit a kernel against what is known to harden it",
		Long: `Hardening holds a configuration, and where given the kernel's command line and
sysctls, to the recommendations of the Kernel Self-Protection Project, the kernel's own
documentation and others; each rule names its source. With --tree it says of each one
that does not hold whether it can be had in this kernel at all: the smallest legal
change, or what stands against it.

The exit code is 1 where a rule at or above --fail-on does not hold and could.`,
		Example: `  ringside config hardening --tree linux --config .config
  ringside config hardening --live
  ringside config hardening --config .config --cmdline cmdline.txt --sysctl sysctl.txt --format arf -o arf.xml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			table := hardening.Builtin()
			if rules != "" {
				f, err := os.Open(rules)
				if err != nil {
					return usage(err)
				}
				defer f.Close()
				if table, err = hardening.Read(f); err != nil {
					return usagef("%s: %w", rules, err)
				}
			}
			limit, err := failLimit(failOn)
			if err != nil {
				return err
			}
			begin := time.Now()
			sub, err := o.subject(c, s)
			if err != nil {
				return err
			}
			report, err := table.Audit(c.Context(), sub)
			if err != nil {
				return err
			}
			audit := &export.Audit{
				Benchmark: "kernel-hardening", Title: "Kernel hardening", Description: "Recommendations for hardened Linux kernels",
				Version: "1", Target: hostname(), Begin: begin, End: time.Now(), Results: report.Results(o.path),
			}
			doc := render.Hardening{Schema: render.HardeningSchemaID, Report: report}
			if err := showAudit(s, &out, format, audit, doc, func(w io.Writer, st render.Style) error {
				return render.HardeningReport(w, doc, all, st)
			}); err != nil {
				return err
			}
			for i := range report.Findings {
				f := &report.Findings[i]
				if (f.Verdict == hardening.Settable || f.Verdict == hardening.Failed) && f.Severity.Rank() <= limit {
					return &exitError{exitFinding, nil}
				}
			}
			return nil
		},
	}
	out.flags(c, false)
	o.flags(c)
	c.Flags().StringVar(&rules, "rules", "", "a table of rules `FILE` in the place of the built-in one")
	c.Flags().BoolVar(&all, "all", false, "print rules that hold, too")
	auditFlags(c, &format, &failOn)
	return c
}

func auditFlags(c *cobra.Command, format, failOn *string) {
	c.Flags().StringVar(format, "format", "text", "`FORMAT` to write: text, json, sarif, xccdf or arf")
	c.Flags().StringVar(failOn, "fail-on", "high", "`SEVERITY` from which the exit code is 1: high, medium, low or never")
	c.MarkFlagsMutuallyExclusive("format", "json")
}

// failLimit is the rank of the least severity that fails, -1 for none.
func failLimit(s string) (int, error) {
	if s == "never" {
		return -1, nil
	}
	if r := hardening.Severity(s).Rank(); r >= 0 {
		return r, nil
	}
	return 0, usagef("--fail-on %s: want high, medium, low or never", s)
}

func hostname() string {
	if h, err := os.Hostname(); err == nil {
		return h
	}
	return "localhost"
}

// showAudit writes an audit in one of the formats.
func showAudit(s Streams, out *output, format string, a *export.Audit, doc any, text func(io.Writer, render.Style) error) error {
	body := text
	switch format {
	case "text":
	case "json":
		out.json = true
	case "sarif":
		body = func(w io.Writer, _ render.Style) error { return a.SARIF(w, "") }
	case "xccdf":
		body = func(w io.Writer, _ render.Style) error { return a.XCCDF(w) }
	case "arf":
		body = func(w io.Writer, _ render.Style) error { return a.ARF(w) }
	default:
		return usagef("--format %s: want text, json, sarif, xccdf or arf", format)
	}
	return out.show(s, doc, body)
}
