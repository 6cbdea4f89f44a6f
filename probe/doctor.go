package probe

import (
	"io/fs"
	"strings"
)

// A Check is one thing that a kernel allows, or not.
type Check struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	// Says is what was found: a value, or why it does not work and what would
	// change that.
	Says string `json:"says"`
}

// Availability says how a recipe would be recorded here.
type Availability struct {
	Recipe  string     `json:"recipe"`
	Answers string     `json:"answers"`
	With    string     `json:"with,omitempty"` // empty where it cannot be recorded
	Loses   string     `json:"loses,omitempty"`
	Against []Objected `json:"against,omitempty"`
}

// Available asks of each recipe how it would be recorded.
func Available(recipes []*Recipe, engines map[string]Engine) []Availability {
	var list []Availability
	for _, r := range recipes {
		a := Availability{Recipe: r.Name, Answers: r.Answers}
		c, err := Choose(r, engines, "")
		if err == nil {
			a.With, a.Loses = c.Capture.With, c.Capture.Loses
		}
		a.Against = c.Against
		list = append(list, a)
	}
	return list
}

// settings are files that say what a kernel allows: what is asked, the file, the
// values that are good, what the others mean, and the option that brings it.
var settings = []struct {
	what, file string
	good       []string // nil: any
	otherwise  string
	option     string
}{
	{"events for everybody", "proc/sys/kernel/perf_event_paranoid", []string{"-1", "0", "1"}, "only root, or CAP_PERFMON, may record the kernel (sysctl kernel.perf_event_paranoid)", "PERF_EVENTS"},
	{"addresses of the kernel's functions", "proc/sys/kernel/kptr_restrict", []string{"0", "1"}, "hidden from everybody: names of kernel functions are not known (sysctl kernel.kptr_restrict)", "KALLSYMS"},
	{"eBPF for everybody", "proc/sys/kernel/unprivileged_bpf_disabled", []string{"0"}, "only root, or CAP_BPF, may load programs, as it should be", "BPF_SYSCALL"},
	{"type information (BTF)", "sys/kernel/btf/vmlinux", nil, "there is none", "DEBUG_INFO_BTF"},
	{"kprobes", "sys/bus/event_source/devices/kprobe/type", nil, "there are none", "KPROBES"},
	{"uprobes", "sys/bus/event_source/devices/uprobe/type", nil, "there are none", "UPROBES"},
	{"pressure (PSI)", "proc/pressure/cpu", nil, "there is none: boot with psi=1 where the option is set", "PSI"},
	{"scheduler statistics", "proc/schedstat", nil, "there are none", "SCHEDSTATS"},
	{"lockdown", lockdown, nil, "", ""},
}

const lockdown = "sys/kernel/security/lockdown"

// Examine reads what a kernel allows out of its files.
func Examine(root fs.FS) []Check {
	config := ReadConfig(root)
	var list []Check
	for _, s := range settings {
		c := Check{What: s.what}
		value, err := firstWords(root, s.file)
		switch {
		case s.file == lockdown && err != nil:
			c.OK, c.Says = true, "this kernel is not locked down: it has no lockdown, or securityfs is not mounted"
		case s.file == lockdown:
			c.OK = !strings.Contains(value, "[confidentiality]") && !strings.Contains(value, "[integrity]")
			c.Says = value
			if !c.OK {
				c.Says += ": the kernel's memory is out of bounds even for root; it was booted with lockdown= or Secure Boot"
			}
		case err != nil:
			c.Says = s.otherwise + config.Why(s.option)
		default:
			c.OK, c.Says = s.good == nil, "yes"
			if s.good != nil {
				c.Says = value
			}
			for _, g := range s.good {
				c.OK = c.OK || value == g
			}
			if !c.OK {
				c.Says = value + ": " + s.otherwise
			}
		}
		list = append(list, c)
	}
	return append(list, rights(root)...)
}

// firstWords reads the beginning of a file; a type file may be large.
func firstWords(root fs.FS, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, 64)
	n, _ := f.Read(buf) // an empty file is one that is there
	return strings.TrimSpace(strings.ToValidUTF8(string(buf[:n]), "")), nil
}
