package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/exposure"
	"ringside/inventory"
	"ringside/kbuild"
	"ringside/kconfig/baseline"
	"ringside/vuln"
)

func newCVEInventory(s Streams) *cobra.Command {
	var (
		feed                                     feedFlags
		built                                    evidenceFlags
		config, release, arch, changelog, target string
		noReduce                                 bool
		policies                                 []string
	)
	c := &cobra.Command{
		Use:   "inventory [TREE] --config FILE",
		Short: "Write down what a kernel was built from, for a server to judge CVEs by",
		Long: `Inventory evaluates a kernel tree's Makefiles and Kconfig under a configuration and
writes what the build was made from: which files were compiled into what, and which
line of which Makefile leaves the others out; the fixes that its changelog names; and
what could be switched off, with all that goes with it.

Sent to a server (ringside push), it is what the CVEs of that kernel are judged by from
then on, also those that are published later. With a feed, only files that a record
names are considered for what could be switched off, which takes a fraction of the time.
What a finished build says of itself (--build, --debuginfo, --lib-modules) counts over
the Makefiles.`,
		Example: `  ringside cve inventory linux-6.1 --config config-6.1.0-56-amd64 --release 6.1.0-56-amd64 \
      --changelog changelog.Debian.gz --feed vulns -o inventory.json.gz
  ringside push --server http://ringside:8460 inventory.json.gz`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			tree := strings.Join(args, "")
			if err := built.sources(&tree, &config); err != nil {
				return err
			}
			if config == "" {
				return usagef("--config FILE is needed: the .config of the build")
			}
			if info, err := os.Stat(tree); err != nil {
				return usage(err)
			} else if !info.IsDir() {
				return usagef("%s is no folder: give an unpacked kernel tree", tree)
			}
			src := exposure.Sources{Tree: os.DirFS(tree), Release: strings.TrimSpace(release), Arch: arch, Reduce: !noReduce, Now: time.Now()}
			if src.Config, err = readWhole(config, 16<<20); err != nil {
				return err
			}
			if changelog != "" {
				text, err := readWhole(changelog, 64<<20)
				if err != nil {
					return err
				}
				src.Changelog = string(text)
			}
			for _, name := range policies {
				p, err := readBaselinePolicy(name)
				if err != nil {
					return err
				}
				src.Baselines = append(src.Baselines, p)
			}
			if feed.where != "" && !noReduce {
				db, err := feed.open(c.Context(), s)
				if err != nil {
					return err
				}
				src.Wanted = named(db)
			}
			if built.given() {
				src.Built = func(b *kbuild.Build) (func(string) kbuild.Presence, error) {
					e, err := built.read(s, b)
					if err != nil {
						return nil, err
					}
					return e.Presence, nil
				}
			}
			p := newProgress(s).counter("symbols tried")
			src.Progress = p.set
			v, err := exposure.Make(c.Context(), src)
			p.end()
			if err != nil {
				return usagef("%s: %w", tree, err)
			}
			if err := exposure.CheckRelease(v); err != nil {
				return usage(err)
			}
			if err := writeInventory(s, target, v); err != nil {
				return err
			}
			fmt.Fprintf(s.Err, "%s %s, built from %s: %d of %d files compiled, %d modules, %d symbols could go\n", v.Release, v.Arch, v.Upstream, v.Compiled(), len(v.Files), len(v.Modules), len(v.Reductions))
			for _, n := range v.Notes {
				fmt.Fprintln(s.Err, "note: "+n)
			}
			return nil
		},
	}
	feed.flags(c)
	built.flags(c)
	f := c.Flags()
	f.StringVar(&config, "config", "", "`FILE` with the configuration, plain or compressed")
	f.StringVar(&release, "release", "", "`RELEASE` of the kernel as uname -r prints it on its hosts")
	f.StringVar(&arch, "arch", "", "`ARCH` as a folder of arch/ is named; the configuration says it as a rule")
	f.StringVar(&changelog, "changelog", "", "`FILE` with the distribution's changelog")
	f.StringVarP(&target, "output", "o", "", "`FILE` to write; standard output without it")
	f.StringSliceVar(&policies, "baseline", baseline.Names(), "`POLICIES` to hold the configuration to: names of those that come with Ringside, or files")
	f.BoolVar(&noReduce, "no-reductions", false, "do not look for what could be switched off")
	return c
}

// named tells whether a record of the feed names a file.
func named(db *vuln.Database) func(string) bool {
	files := map[string]bool{}
	for _, r := range db.Records() {
		for _, f := range r.Files {
			files[f] = true
		}
	}
	return func(file string) bool { return files[file] }
}

// readWhole reads a file, expanded. One that is larger than what it should be is refused.
func readWhole(path string, most int64) (text []byte, err error) {
	err = expand(path, "", map[string]string{}, func(r io.Reader) error {
		text, err = io.ReadAll(io.LimitReader(r, most+1))
		if err == nil && int64(len(text)) > most {
			err = fmt.Errorf("%s: more than %d MiB: is it the right file?", path, most>>20)
		}
		return err
	})
	return text, err
}

func writeInventory(s Streams, target string, v *inventory.Inventory) (err error) {
	if target == "" || target == "-" {
		return v.Write(s.Out)
	}
	f, err := os.Create(target)
	if err != nil {
		return usage(err)
	}
	defer closing(&err, f.Close)
	return v.Write(f)
}
