package probe

import (
	"errors"
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
