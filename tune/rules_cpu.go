package tune

import (
	"fmt"
	"strings"
)

// throttled: a cgroup used up its quota and stood still while CPUs were idle.
func throttled(s *State, _ Observed) []Proposal {
	var list []Proposal
	for _, g := range s.Groups {
		if g.Periods < 100 || g.Throttled*100 < g.Periods { // under one in a hundred
			continue
		}
		quota, period, ok := strings.Cut(g.Max, " ")
		if !ok || quota == "max" {
			continue // it was its parent's quota
		}
		share := float64(g.Throttled) / float64(g.Periods)
		var now float64
		if _, err := fmt.Sscan(quota, &now); err != nil {
			continue
		}
		file := "/sys/fs/cgroup" + g.Path + "/cpu.max"
		list = append(list, Proposal{
			ID: "cgroup-throttled:" + g.Path, Area: "cgroup",
			Title: fmt.Sprintf("Give %s more CPU than %s µs in %s µs", g.Path, quota, period),
			Stake: share, Basis: "periods in which it was throttled, of all",
			Expect:   fmt.Sprintf("its tail latency: in %.0f %% of the periods its tasks stood still, %.1f s in all", 100*share, g.Seconds),
			Evidence: []Evidence{{"/sys/fs/cgroup" + g.Path + "/cpu.stat", fmt.Sprintf("nr_periods %d, nr_throttled %d", g.Periods, g.Throttled)}, {file, g.Max}},
			Risk:     Medium, Danger: "it takes the CPU from its neighbours; a quota may be what was paid for",
			Apply: []string{fmt.Sprintf("echo '%.0f %s' > %s", now*1.5, period, file)},
			Undo:  []string{fmt.Sprintf("echo '%s' > %s", g.Max, file)},
			Prove: []string{"nr_throttled per minute, before and after", "ringside probe run runqlat"},
		})
	}
	return list
}

// governor: CPUs run slower than they could while tasks wait for them.
func governor(s *State, _ Observed) []Proposal {
	n := s.Governor["powersave"]
	// In its active mode intel_pstate calls a governor powersave that scales.
	if n == 0 || s.Driver == "intel_pstate" || s.Driver == "amd-pstate-epp" {
		return nil
	}
	stake, ev, ok := s.stalled("cpu")
	if !ok || stake < .01 {
		return nil
	}
	return []Proposal{{
		ID: "cpufreq-governor", Area: "cpu", Title: "Let the CPUs run at their full frequency",
		Stake: stake, Basis: "time in which tasks waited for a CPU",
		Expect:   "all that is bound by the CPU, by the ratio of the highest to the lowest frequency",
		Evidence: []Evidence{{"cpufreq/scaling_governor", fmt.Sprintf("powersave on %d of %d CPUs, driver %s", n, s.CPUs, s.Driver)}, ev},
		Risk:     Low, Danger: "more power and heat",
		Apply: []string{"for g in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do echo performance > $g; done"},
		Undo:  []string{"for g in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do echo powersave > $g; done"},
		Prove: []string{"the workload's own throughput, ten runs each way", "/proc/pressure/cpu"},
	}}
}

// clocksource: reading the time is a system call that goes to a device.
func clocksource(s *State, _ Observed) []Proposal {
	if s.Clock != "hpet" && s.Clock != "acpi_pm" && s.Clock != "jiffies" {
		return nil
	}
	return []Proposal{{
		ID: "clocksource", Area: "cpu", Title: "Read the time from the CPU instead of " + s.Clock,
		Stake: .02, Basis: "a guess: reading such a clock takes 1 to 3 µs instead of 25 ns; no counter tells how often it is read",
		Expect:   "programs that read the time often, and the scheduler's own clock",
		Evidence: []Evidence{{"/sys/devices/system/clocksource/clocksource0/current_clocksource", s.Clock}},
		Risk:     High, Danger: "the kernel leaves the TSC when it finds it unreliable; read why in its log ('Marking clocksource') before it is forced",
		Apply: []string{"journalctl -k | grep -i clocksource", "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"},
		Undo:  []string{"echo " + s.Clock + " > /sys/devices/system/clocksource/clocksource0/current_clocksource"},
		Prove: []string{"ringside probe run cpu-profile: the share of read_" + s.Clock},
	}}
}

// numaBalancing: memory stays where it was touched first.
func numaBalancing(s *State, _ Observed) []Proposal {
	miss, hit := s.VM["numa_miss"], s.VM["numa_hit"]
	if s.Nodes < 2 || s.Sysctl["kernel.numa_balancing"] != "0" || miss+hit == 0 {
		return nil
	}
	share := float64(s.VM["numa_other"]) / float64(miss+hit)
	if share < .05 {
		return nil
	}
	return []Proposal{{
		ID: "numa-balancing", Area: "memory", Title: "Let memory follow its tasks between NUMA nodes",
		Stake: min(1, share) * .3, Basis: "allocations from another node than the task's, at 30 % slower memory",
		Expect:   "programs that are bound by memory and run longer than minutes",
		Evidence: []Evidence{{"/proc/vmstat", fmt.Sprintf("numa_other %d of %d", s.VM["numa_other"], miss+hit)}, {"kernel.numa_balancing", "0"}},
		Risk:     Medium, Danger: "faults to find out who uses which page: 1 to 2 % for programs that place their memory themselves",
		Apply: []string{"sysctl kernel.numa_balancing=1"}, Undo: []string{"sysctl kernel.numa_balancing=0"},
		Prove: []string{"numa_hit and numa_other per minute", "the workload's own throughput, ten runs each way"},
	}}
}

// unmitigated: a flaw of the CPU that nothing is done about.
func unmitigated(s *State, _ Observed) []Proposal {
	var ev []Evidence
	for _, name := range sorted(s.Bugs) {
		if strings.HasPrefix(s.Bugs[name], "Vulnerable") {
			ev = append(ev, Evidence{"/sys/devices/system/cpu/vulnerabilities/" + name, s.Bugs[name]})
		}
	}
	if len(ev) == 0 {
		return nil
	}
	return []Proposal{{
		ID: "vulnerable", Area: "security", Title: fmt.Sprintf("Close %d flaws of this CPU that are open", len(ev)),
		Basis: "no time is at stake here; it costs some", Expect: "secrets of other tasks, guests and the kernel stay secret", Evidence: ev,
		Risk: Medium, Danger: "a few per cent of system calls and context switches; it needs a reboot, and microcode where the text says so",
		Apply: []string{"remove mitigations=off and the like from the kernel's command line: " + s.Cmdline, "install the CPU's microcode", "reboot"},
		Undo:  []string{"put the options back and reboot"},
		Prove: []string{"/sys/devices/system/cpu/vulnerabilities", "ringside probe run syscall-latency, before and after"},
	}}
}

// mitigations: what they may cost is said where recordings show many system
// calls; that is never more than a question.
func mitigations(s *State, o Observed) []Proposal {
	m, ok := o["syscalls"]
	cost, profiled := o["mitigations"]
	if !profiled && (!ok || m.Span <= 0) {
		return nil
	}
	var costly []Evidence
	for _, name := range []string{"meltdown", "spectre_v2", "retbleed", "mds", "spec_rstack_overflow", "gather_data_sampling", "l1tf"} {
		if strings.HasPrefix(s.Bugs[name], "Mitigation") {
			costly = append(costly, Evidence{"/sys/devices/system/cpu/vulnerabilities/" + name, s.Bugs[name]})
		}
	}
	const perCall = 150e-9 // what they add to a call, where all are at work
	stake, basis, seen := cost.share(), "CPU time in the mitigations' own code", cost.evidence("mitigations")
	if !profiled {
		rate := float64(m.Count) / m.Span.Seconds()
		stake, basis = rate*perCall/float64(max(1, s.CPUs)), fmt.Sprintf("%.0f system calls a second, 150 ns each", rate)
		seen = m.evidence("system calls")
	}
	if len(costly) > 0 && stake > .01 {
		return []Proposal{{
			ID: "mitigations", Area: "security", Title: "Decide whether this host needs its mitigations: they take much of its time",
			Stake: min(.5, stake), Basis: basis,
			Expect: "system calls, interrupts, context switches", Evidence: append(costly, seen),
			Risk: High, Danger: "on a host that runs anybody else's code, or guests, this gives their secrets away; it is the security owner's decision",
			Apply: []string{"boot once with mitigations=off on a host that trusts all it runs"}, Undo: []string{"boot without it"},
			Prove: []string{"the workload's own throughput, ten runs each way", "ringside profile diff of a profile each way"},
		}}
	}
	return nil
}
