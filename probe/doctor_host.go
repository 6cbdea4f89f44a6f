package probe

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// Config is how a kernel was built; nil where that is not known.
type Config map[string]string

// maxConfig is more than any kernel's configuration.
const maxConfig = 4 << 20

// ReadConfig reads how the running kernel was built.
func ReadConfig(root fs.FS) Config {
	if f, err := root.Open("proc/config.gz"); err == nil {
		defer f.Close()
		if z, err := gzip.NewReader(f); err == nil {
			return parseConfig(z)
		}
	}
	release, err := firstWords(root, "proc/sys/kernel/osrelease")
	if err != nil || strings.Contains(release, "/") {
		return nil
	}
	for _, name := range []string{"boot/config-" + release, "lib/modules/" + release + "/config"} {
		if f, err := root.Open(name); err == nil {
			defer f.Close()
			return parseConfig(f)
		}
	}
	return nil
}

func parseConfig(r io.Reader) Config {
	c := Config{}
	lines := bufio.NewScanner(io.LimitReader(r, maxConfig))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), "CONFIG_")
		if name, value, set := strings.Cut(rest, "="); ok && set {
			c[name] = value
		}
	}
	return c // what could be read is read
}

// Why says whether an option is why something is missing: ": CONFIG_X is …".
func (c Config) Why(option string) string {
	switch {
	case option == "":
		return ""
	case c == nil:
		return ": it needs CONFIG_" + option + ", and how this kernel was built is not known"
	case c[option] == "":
		return ": CONFIG_" + option + " is not set in this kernel"
	}
	return ": CONFIG_" + option + " is set, so that is not why"
}

// capabilities are what recording asks for, by their numbers, with what for.
var capabilities = []struct {
	bit       int
	name, why string
}{
	{38, "CAP_PERFMON", "events of the kernel"},
	{39, "CAP_BPF", "eBPF programs"},
	{34, "CAP_SYSLOG", "the kernel's log, and addresses of its functions"},
	{21, "CAP_SYS_ADMIN", "trace instances, and everything of the above"},
	{24, "CAP_SYS_RESOURCE", "more locked memory than the limit, on kernels before 5.11"},
}

// rights are what this process may, whatever the kernel can.
func rights(root fs.FS) []Check {
	status, err := fs.ReadFile(root, "proc/self/status")
	if err != nil {
		return nil
	}
	field := func(name string) string {
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, name+":"); ok {
				return strings.TrimSpace(rest)
			}
		}
		return ""
	}
	var list []Check
	if set, err := strconv.ParseUint(field("CapEff"), 16, 64); err == nil {
		c := Check{What: "rights of this process", OK: true, Says: "yes"}
		var missing []string
		for _, x := range capabilities {
			if set>>x.bit&1 == 0 {
				missing = append(missing, fmt.Sprintf("%s (%s)", x.name, x.why))
				// With the last of them alone missing all can be recorded.
				c.OK = c.OK && x.name == "CAP_SYS_RESOURCE"
			}
		}
		if len(missing) > 0 {
			c.Says = "not " + strings.Join(missing, ", ")
		}
		list = append(list, c)
	}
	var signs []string
	if field("Seccomp") == "2" {
		signs = append(signs, "a seccomp filter may refuse system calls")
	}
	if m, err := fs.ReadFile(root, "proc/self/uid_map"); err == nil {
		if f := strings.Fields(string(m)); len(f) != 3 || f[0] != "0" || f[1] != "0" || f[2] != "4294967295" {
			signs = append(signs, "a user namespace: its root is not the host's, and rights there do not count for the kernel")
		}
	}
	for _, name := range []string{".dockerenv", "run/.containerenv"} {
		if _, err := fs.Stat(root, name); err == nil {
			signs = append(signs, "/"+name+": run it on the host, or with --privileged --pid=host")
		}
	}
	c := Check{What: "container", OK: len(signs) == 0, Says: "none"}
	if !c.OK {
		c.Says = strings.Join(signs, "; ")
	}
	return append(list, c)
}
