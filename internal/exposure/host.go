package exposure

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"ringside/internal/record"
	"ringside/internal/store"
	"ringside/inventory"
	"ringside/kconfig/baseline"
	"ringside/kconfig/dotconfig"
	"ringside/kconfig/hardening"
)

// HostSources are what a host's report is made of.
type HostSources struct {
	// Root is the host's file system, with /proc.
	Root    fs.FS
	Name    string
	Release string // "" asks /proc
	Arch    string // as uname -m prints it
	// Config is the running kernel's configuration, nil where it is not at hand.
	Config    *dotconfig.File
	Baselines []*baseline.Policy
	Now       time.Time
}

// maxProcFile bounds what is read of one file of /proc or /etc.
const maxProcFile = 4 << 20

// MakeHost writes down what a host runs.
func MakeHost(ctx context.Context, s HostSources) (*inventory.Host, error) {
	h := &inventory.Host{Name: s.Name, Release: s.Release, Arch: s.Arch, At: s.Now.UTC().Truncate(time.Second),
		Loaded: []string{}, Modprobe: []string{}, Baselines: []inventory.Baseline{}, Notes: []string{}}
	if h.Release == "" {
		text, err := readProc(s.Root, "proc/sys/kernel/osrelease")
		if err != nil {
			return nil, fmt.Errorf("which kernel runs is not known: %w", err)
		}
		h.Release = strings.TrimSpace(text)
	}
	text, err := readProc(s.Root, "proc/modules")
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.Config != nil && s.Config.Tristate("MODULES") == dotconfig.No:
	case err != nil:
		return nil, fmt.Errorf("which modules are loaded is not known: %w", err)
	}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 1 {
			h.Loaded = append(h.Loaded, f[0])
		}
	}
	slices.Sort(h.Loaded)
	h.Modprobe = modprobeLines(s.Root)
	if h.Cmdline, err = readProc(s.Root, "proc/cmdline"); err != nil {
		h.Notes = append(h.Notes, "the command line: "+err.Error())
	}
	h.Cmdline = strings.TrimSpace(h.Cmdline)
	sub := hardening.Subject{Arch: dotconfig.SourceArch(s.Arch), File: s.Config, Sysctl: sysctls(s.Root)}
	if h.Cmdline != "" {
		sub.Cmdline = &h.Cmdline
	}
	if s.Config == nil {
		h.Notes = append(h.Notes, "the running kernel's configuration is not at hand: rules about it are left out")
	} else {
		h.Config = configDigest(s.Config)
	}
	h.Baselines, err = hold(ctx, s.Baselines, sub, s.Now)
	return h, err
}

func readProc(root fs.FS, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxProcFile))
	return string(data), err
}

// modprobeLines gives the lines that keep modules from being loaded, of all folders that
// modprobe reads; a file in /etc takes the place of one of the same name in /lib.
func modprobeLines(root fs.FS) []string {
	list := []string{}
	seen := map[string]bool{}
	for _, dir := range []string{"etc/modprobe.d", "run/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"} {
		entries, _ := fs.ReadDir(root, dir) // a folder that is absent has no lines
		for _, e := range entries {
			if seen[e.Name()] || !strings.HasSuffix(e.Name(), ".conf") {
				continue
			}
			seen[e.Name()] = true
			text, err := readProc(root, path.Join(dir, e.Name()))
			if err != nil {
				continue
			}
			in := bufio.NewScanner(strings.NewReader(text))
			for in.Scan() {
				line, _, _ := strings.Cut(in.Text(), "#")
				f := strings.Fields(line)
				if len(f) > 1 && (f[0] == "blacklist" || f[0] == "install" && len(f) > 2) {
					list = append(list, strings.Join(f, " "))
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// maxSysctls bounds how many settings are read.
const maxSysctls = 20_000

// sysctls reads the settings that may be read.
func sysctls(root fs.FS) map[string]string {
	m := map[string]string{}
	_ = fs.WalkDir(root, "proc/sys", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return nil //nolint:nilerr // what may not be read is not there
		case len(m) > maxSysctls:
			return fs.SkipAll
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o444 == 0 {
			return nil //nolint:nilerr // as above
		}
		if text, err := readProc(root, name); err == nil {
			m[strings.ReplaceAll(strings.TrimPrefix(name, "proc/sys/"), "/", ".")] = strings.TrimSpace(text)
		}
		return nil
	})
	return m
}

// configDigest identifies what a configuration sets, whatever its order and comments.
func configDigest(f *dotconfig.File) string {
	var lines []string
	for v := range f.All() {
		if !v.Unset {
			lines = append(lines, v.Name+"="+v.Text)
		}
	}
	slices.Sort(lines)
	h := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(h[:8])
}

// RecognizeHost implements [record.Exposer].
func (e *Exposer) RecognizeHost(head []byte) bool { return inventory.IsHost(head) }

// Host implements [record.Exposer].
func (e *Exposer) Host(_ context.Context, r io.Reader) (*record.HostReport, error) {
	h, err := inventory.ReadHost(r)
	if err != nil {
		return nil, store.Permanent(err)
	}
	out := &record.HostReport{Host: h.Name, Release: h.Release, Arch: h.Arch, At: h.At, Cmdline: h.Cmdline, Config: h.Config,
		ModuleSet: record.ModuleSet{Loaded: h.Loaded, Modprobe: h.Modprobe}}
	out.Baselines = results(h.Baselines)
	return out, nil
}

// results are an inventory's baselines as the record has them.
func results(list []inventory.Baseline) (out []record.BaselineResult) {
	for _, b := range list {
		x := record.BaselineResult{Baseline: b.Name, Title: b.Title, Passed: b.Passed, Failed: b.Failed, Waived: b.Waived}
		for _, f := range b.Findings {
			x.Findings = append(x.Findings, record.BaselineFinding(f))
		}
		out = append(out, x)
	}
	return out
}
