package tracefs

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"ringside/probe"
)

// Examine says what this kernel's tracing has, and why not the rest.
func (t *Tree) Examine(config probe.Config) []probe.Check {
	var list []probe.Check
	add := func(what, missing string) {
		c := probe.Check{What: what, OK: missing == "", Says: missing}
		if c.OK {
			c.Says = "yes"
		}
		list = append(list, c)
	}
	tracers := ""
	if text, err := t.Read("available_tracers"); err == nil {
		tracers = string(text)
	}
	for _, x := range []struct{ what, tracer, option string }{
		{"function tracer", "function", "FUNCTION_TRACER"},
		{"function graph tracer", "function_graph", "FUNCTION_GRAPH_TRACER"},
		{"irqsoff tracer", "irqsoff", "IRQSOFF_TRACER"},
		{"osnoise and timerlat tracers", "osnoise", "OSNOISE_TRACER"},
	} {
		switch {
		case !slices.Contains(strings.Fields(tracers), x.tracer):
			add(x.what, "there is none"+config.Why(x.option))
		case strings.HasPrefix(x.tracer, "function"):
			add(x.what, t.refused("set_ftrace_filter"))
		default:
			add(x.what, "")
		}
	}
	for _, x := range []struct{ what, file, option string }{
		{"events where interrupts go off", "events/preemptirq", "PREEMPTIRQ_TRACEPOINTS"},
		{"events of single system calls", "events/syscalls", "FTRACE_SYSCALLS"},
		{"histograms of events (hist triggers)", "events/sched/sched_switch/hist", "HIST_TRIGGERS"},
	} {
		var err error
		if strings.Count(x.file, "/") == 1 {
			_, err = t.List(x.file)
		} else {
			_, err = t.Read(x.file)
		}
		if err != nil {
			add(x.what, "there are none"+config.Why(x.option))
			continue
		}
		add(x.what, "")
	}
	return list
}

// refused says why a file cannot be written, without writing to it.
func (t *Tree) refused(name string) string {
	fd, err := t.open(name, unix.O_WRONLY)
	if err == nil {
		_ = unix.Close(fd)
		return ""
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return name + ": " + err.Error() + ": the kernel has it, and a policy of this host (lockdown, a security module, a sandbox) refuses it even to root"
	}
	return name + ": " + err.Error()
}
