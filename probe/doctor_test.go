package probe

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

func TestExamine(t *testing.T) {
	got := map[string]Check{}
	for _, c := range Examine(fstest.MapFS{
		"proc/sys/kernel/perf_event_paranoid": {Data: []byte("2\n")},
		"proc/sys/kernel/kptr_restrict":       {Data: []byte("0\n")},
		"sys/kernel/btf/vmlinux":              {Data: []byte("\x9f\xeb\x01\x00")},
		"sys/kernel/security/lockdown":        {Data: []byte("none [integrity] confidentiality\n")},
	}) {
		got[c.What] = c
		if c.Says == "" {
			t.Errorf("%s says nothing", c.What)
		}
	}
	for what, want := range map[string]bool{
		"events for everybody": false, "addresses of the kernel's functions": true, "type information (BTF)": true, "kprobes": false, "lockdown": false,
	} {
		if c, ok := got[what]; !ok || c.OK != want {
			t.Errorf("%s: %+v, want %v", what, c, want)
		}
	}
}

// What is missing is said with why: the option that this kernel was built
// without, or that it was not that.
func TestExamineSaysWhy(t *testing.T) {
	var config bytes.Buffer
	z := gzip.NewWriter(&config)
	fmt.Fprintln(z, "CONFIG_UPROBES=y\n# CONFIG_KPROBES is not set\nCONFIG_PSI=y")
	z.Close()
	got := map[string]Check{}
	for _, c := range Examine(fstest.MapFS{
		"proc/config.gz":    {Data: config.Bytes()},
		"proc/self/status":  {Data: []byte("CapEff:\t0000000000000000\nSeccomp:\t2\n")},
		"proc/self/uid_map": {Data: []byte("0 100000 65536\n")},
		"run/.containerenv": {Data: []byte("")},
	}) {
		got[c.What] = c
	}
	for what, want := range map[string]string{
		"kprobes":                "CONFIG_KPROBES is not set",
		"uprobes":                "CONFIG_UPROBES is set",
		"pressure (PSI)":         "psi=1",
		"rights of this process": "CAP_PERFMON",
		"container":              "seccomp",
		"type information (BTF)": "CONFIG_DEBUG_INFO_BTF is not set",
	} {
		if c := got[what]; c.OK || !strings.Contains(c.Says, want) {
			t.Errorf("%s: %+v, want %q in it", what, c, want)
		}
	}
	for _, c := range Examine(fstest.MapFS{"proc/self/status": {Data: []byte("CapEff:\t000001ffffffffff\nSeccomp:\t0\n")}, "proc/self/uid_map": {Data: []byte("         0          0 4294967295\n")}}) {
		if (c.What == "rights of this process" || c.What == "container") && !c.OK {
			t.Errorf("%s of root on a host: %s", c.What, c.Says)
		}
	}
}

func TestAvailable(t *testing.T) {
	recipes := []*Recipe{
		{Name: "a", Captures: []Capture{{With: EBPF}, {With: PerfEvent, Loses: "the reasons"}}},
		{Name: "b", Captures: []Capture{{With: EBPF}}},
	}
	list := Available(recipes, map[string]Engine{EBPF: engine{errors.New("locked down")}, PerfEvent: engine{}})
	if a := list[0]; a.With != PerfEvent || a.Loses != "the reasons" || len(a.Against) != 1 || a.Against[0].Why != "locked down" {
		t.Errorf("a: %+v", a)
	}
	if b := list[1]; b.With != "" || len(b.Against) != 1 {
		t.Errorf("b: %+v", b)
	}
}
