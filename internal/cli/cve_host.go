package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/exposure"
	"ringside/inventory"
	"ringside/kconfig/baseline"
)

func newCVEHost(s Streams) *cobra.Command {
	var (
		root, name, release, arch, config, target string
		policies                                  []string
	)
	c := &cobra.Command{
		Use:   "host",
		Short: "Write down what this host runs, for a server to tell its exposure and drift by",
		Long: `Host writes which modules are loaded, which lines of modprobe.d keep others from being
loaded, and how the running kernel, its command line and its sysctls do under baselines.

Sent to a server (ringside push), it tells apart the hosts on which a CVE's code is
loaded from those on which it is not, and shows how far hosts have drifted from what
their kernel's inventory promises. Run it from a timer: what has not changed costs the
server nothing.`,
		Example: `  ringside cve host -o host.json && ringside push --server http://ringside:8460 host.json`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			src := exposure.HostSources{Root: os.DirFS(root), Name: name, Release: release, Arch: arch, Now: time.Now()}
			if src.Name == "" && root == "/" {
				src.Name = hostname()
			}
			if src.Arch == "" {
				src.Arch = machineName(runtime.GOARCH)
			}
			for _, p := range policies {
				policy, err := readBaselinePolicy(p)
				if err != nil {
					return err
				}
				src.Baselines = append(src.Baselines, policy)
			}
			if config == "" {
				config = configUnder(root, release)
			}
			if config != "" {
				f, err := readDotconfig(s, config)
				if err != nil {
					return err
				}
				src.Config = f
			}
			h, err := exposure.MakeHost(c.Context(), src)
			if err != nil {
				return usage(err)
			}
			if err := writeHost(s, target, h); err != nil {
				return err
			}
			failed := 0
			for _, b := range h.Baselines {
				failed += b.Failed
			}
			fmt.Fprintf(s.Err, "%s runs %s: %d modules loaded, %d rules of modprobe.d, %d guardrails broken\n", h.Name, h.Release, len(h.Loaded), len(h.Modprobe), failed)
			for _, n := range h.Notes {
				fmt.Fprintln(s.Err, "note: "+n)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&root, "root", "/", "`DIR` of the host's file system, with its /proc")
	f.StringVar(&name, "host", "", "`NAME` of the host; the default is this machine's")
	f.StringVar(&release, "release", "", "`RELEASE` of the running kernel; the default is what /proc says")
	f.StringVar(&arch, "arch", "", "`ARCH` as uname -m prints it; the default is this machine's")
	f.StringVar(&config, "config", "", "`FILE` of the running kernel's configuration; the default is /proc/config.gz, or the one in /boot")
	f.StringSliceVar(&policies, "baseline", []string{"server"}, "`POLICIES` to hold the host to: "+strings.Join(baseline.Names(), ", ")+", or files")
	f.StringVarP(&target, "output", "o", "", "`FILE` to write; standard output without it")
	return c
}

// configUnder finds the running kernel's configuration in a host's file system, "" where
// it is not there.
func configUnder(root, release string) string {
	if release == "" {
		text, err := readSmall(filepath.Join(root, "proc/sys/kernel/osrelease"))
		if err != nil {
			return ""
		}
		release = strings.TrimSpace(string(text))
	}
	for _, name := range []string{"proc/config.gz", "boot/config-" + release, "lib/modules/" + release + "/config"} {
		if p := filepath.Join(root, name); fileExists(p) {
			return p
		}
	}
	return ""
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// machineName is what uname -m calls an architecture of Go's.
func machineName(goarch string) string {
	switch goarch {
	case "amd64":
		return "x86_64"
	case "386":
		return "i386"
	}
	return goarch
}

func writeHost(s Streams, target string, h *inventory.Host) (err error) {
	if target == "" || target == "-" {
		return h.Write(s.Out)
	}
	f, err := os.Create(target)
	if err != nil {
		return usage(err)
	}
	defer closing(&err, f.Close)
	return h.Write(f)
}
