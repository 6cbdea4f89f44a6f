package knownfix_test

import (
	"testing"

	"ringside/crash"
	"ringside/internal/knownfix"
)

func TestStatus(t *testing.T) {
	in := []string{"v5.10.181", "v6.1.30", "v6.3.4", "v6.4"}
	for _, tt := range []struct {
		release, banner string
		releases        []string
		want            knownfix.Status
		line            string
	}{
		{"6.1.20", "", in, knownfix.Later, "v6.1.30"},
		{"6.1.30", "", in, knownfix.Already, "v6.1.30"},
		{"6.1.0-56-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-01)", in, knownfix.Already, "v6.1.30"},
		{"6.1.0-9-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.27-1 (2023-05-08)", in, knownfix.Later, "v6.1.30"},
		{"6.1.0-56-amd64", "", in, knownfix.Unknown, "v6.1.30"}, // it hides its stable release
		{"6.6.12", "", in, knownfix.Already, "v6.4"},
		{"6.4", "", in, knownfix.Already, "v6.4"},
		{"5.15.3", "", in, knownfix.NotInLine, ""},
		{"5.15.3", "", nil, knownfix.Unknown, ""},
		{"", "", in, knownfix.Unknown, ""},
		{"nonsense", "", in, knownfix.Unknown, ""},
	} {
		got, line := knownfix.KernelOf(tt.release, tt.banner).Status(tt.releases)
		if got != tt.want || line != tt.line {
			t.Errorf("%q %q: %s %q, want %s %q", tt.release, tt.banner, got, line, tt.want, tt.line)
		}
	}
}

func TestCrash(t *testing.T) {
	r := &crash.Report{
		Headline: "BUG: KASAN: slab-use-after-free in frob_start+0x1", Guilty: &crash.Location{Function: "frob_start", File: "drivers/frob.c"},
		Frames: []crash.Frame{{Function: "dump_stack_lvl"}, {Function: "frob_start.isra.0"}, {Function: "frob_ioctl"}, {Function: "entry_SYSCALL_64_after_hwframe"}},
	}
	c := knownfix.Crash(r, nil)
	if len(c.Functions) != 2 || c.Functions[0] != "frob_start" || c.Functions[1] != "frob_ioctl" || len(c.Files) != 1 {
		t.Errorf("%+v", c)
	}
}
