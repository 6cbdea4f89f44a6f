package tune

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What takes CPU time is known from a profile (tune --with perf.data); the
// measures are the costs that ringside finds in one.

// steal: a hypervisor gave the CPUs to others.
func steal(s *State, _ Observed) []Proposal {
	if s.Steal < .02 {
		return nil
	}
	return []Proposal{{
		ID: "steal", Area: "cpu", Title: "Move this machine to where its CPUs are not given to others",
		Stake: min(1, s.Steal), Basis: "CPU time that a hypervisor has taken away since the boot", Expect: "all that runs here, its latency most",
		Evidence: []Evidence{{"/proc/stat", fmt.Sprintf("steal is %.1f %% of all CPU time", 100*s.Steal)}},
		Risk:     Medium, Danger: "a move is an outage, or a live migration; a quota of the provider's looks the same and moves along",
		Apply: []string{"ask the hypervisor's owner for a host that is less full, or for CPUs of its own"}, Undo: []string{"move it back"},
		Prove: []string{"steal in /proc/stat per hour", "ringside probe run irqsoff: timers that expire late"},
	}}
}

// slowConsole: CPUs wait for a console while they print.
func slowConsole(s *State, o Observed) []Proposal {
	m, ok := o["console"]
	level, _, _ := strings.Cut(s.Sysctl["kernel.printk"], "\t")
	n, err := strconv.Atoi(level)
	if !ok || m.share() < .005 || err != nil || n <= 4 {
		return nil
	}
	return []Proposal{{
		ID: "console-level", Area: "cpu", Title: "Print fewer messages to the console",
		Stake: m.share(), Basis: "CPU time in consoles' drivers", Expect: "whoever prints no longer waits for a serial line, with interrupts off on older kernels",
		Evidence: []Evidence{m.evidence("printing to consoles"), {"kernel.printk", s.Sysctl["kernel.printk"]}},
		Risk:     Low, Danger: "the console shows warnings and worse only; the log has all the same",
		Apply: []string{"dmesg -n 4"}, Undo: []string{"dmesg -n " + level},
		Prove: []string{"ringside profile diff of a profile each way"},
	}}
}

// zeroing: pages are zeroed though nobody needs them to be.
func zeroing(s *State, o Observed) []Proposal {
	m, ok := o["page-zeroing"]
	words := strings.Fields(s.Cmdline)
	if !ok || m.share() < .02 || !slices.Contains(words, "init_on_free=1") {
		return nil
	}
	return []Proposal{{
		ID: "init-on-free", Area: "memory", Title: "Decide whether memory must be zeroed when it is freed",
		Stake: m.share(), Basis: "CPU time in which pages were zeroed, of which those that are freed are a part",
		Expect:   "whatever allocates and frees much",
		Evidence: []Evidence{m.evidence("zeroing pages"), {"/proc/cmdline", s.Cmdline}},
		Risk:     High, Danger: "what a task leaves in memory can be read by a bug; it is the security owner's decision",
		Apply: []string{"boot once without init_on_free=1"}, Undo: []string{"boot with it"},
		Prove: []string{"the workload's own throughput, ten runs each way", "ringside profile diff of a profile each way"},
	}}
}

// auditing: system calls are audited at a price.
func auditing(s *State, o Observed) []Proposal {
	m, ok := o["audit"]
	if !ok || m.share() < .02 {
		return nil
	}
	return []Proposal{{
		ID: "audit", Area: "security", Title: "Audit fewer system calls",
		Stake: m.share(), Basis: "CPU time in auditing and tracing", Expect: "system calls; a rule, even one that never matches, makes each take the slow way",
		Evidence: []Evidence{m.evidence("auditing and tracing")},
		Risk:     Medium, Danger: "what is not audited is not in the log; rules may be what a standard asks for",
		Apply: []string{"auditctl -l", "auditctl -a never,task"}, Undo: []string{"auditctl -d never,task"},
		Prove: []string{"ringside probe run syscall-latency, before and after", "ringside profile diff of a profile each way"},
	}}
}
