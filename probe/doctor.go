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

// settings are files that say what a kernel allows: what is asked, the file,
// the values that are good, and what the others mean.
var settings = []struct {
	what, file string
	good       []string // nil: any
	otherwise  string
}{
	{"events for everybody", "proc/sys/kernel/perf_event_paranoid", []string{"-1", "0", "1"}, "only root, or CAP_PERFMON, may record the kernel (perf_event_paranoid)"},
	{"addresses of the kernel's functions", "proc/sys/kernel/kptr_restrict", []string{"0", "1"}, "hidden from everybody: names of kernel functions are not known (kptr_restrict)"},
	{"eBPF for everybody", "proc/sys/kernel/unprivileged_bpf_disabled", []string{"0"}, "only root, or CAP_BPF, may load programs, as it should be"},
	{"type information (BTF)", "sys/kernel/btf/vmlinux", nil, "not in this kernel (CONFIG_DEBUG_INFO_BTF)"},
	{"kprobes", "sys/bus/event_source/devices/kprobe/type", nil, "not in this kernel (CONFIG_KPROBES)"},
	{"uprobes", "sys/bus/event_source/devices/uprobe/type", nil, "not in this kernel (CONFIG_UPROBES)"},
	{"hardware counters (PMU)", "sys/bus/event_source/devices/cpu/type", nil, "this machine shows none; in a virtual machine, use cpu-clock"},
	{"pressure (PSI)", "proc/pressure/cpu", nil, "not in this kernel, or not switched on (psi=1)"},
	{"scheduler statistics", "proc/schedstat", nil, "not in this kernel (CONFIG_SCHEDSTATS)"},
	{"lockdown", "sys/kernel/security/lockdown", nil, "this kernel has none"},
}

// Examine reads what a kernel allows out of its files.
func Examine(root fs.FS) []Check {
	var list []Check
	for _, s := range settings {
		c := Check{What: s.what}
		// A type file may be large; its beginning will do.
		f, err := root.Open(s.file)
		if err != nil {
			c.Says = s.otherwise
			list = append(list, c)
			continue
		}
		buf := make([]byte, 64)
		n, _ := f.Read(buf)
		f.Close()
		value := strings.TrimSpace(strings.ToValidUTF8(string(buf[:n]), ""))
		c.OK, c.Says = true, "yes"
		if s.good != nil {
			c.OK = false
			for _, g := range s.good {
				c.OK = c.OK || value == g
			}
			c.Says = value
			if !c.OK {
				c.Says = value + ": " + s.otherwise
			}
		}
		if s.what == "lockdown" {
			c.Says = value
			c.OK = !strings.Contains(value, "[confidentiality]") && !strings.Contains(value, "[integrity]")
		}
		list = append(list, c)
	}
	return list
}
