// Package ftracetext reads traces that were kept as text: what
// /sys/kernel/tracing/trace and trace_pipe give, and what trace-cmd report and
// ringside trace report print.
//
//	bash-1234    [001] d..2.  2996.785582: sched_switch: prev_comm=bash prev_pid=1234 …
//	bash-1234    [001]  2996.785582: sched_switch:         bash:1234 [120] S ==> …
//
// [Convert] makes a trace.dat of it, so that all that reads recordings reads text
// too. Of the events that analyses need, the fields are parsed out of the text and
// encoded in the kernel's own layout; every event keeps its text. Names of
// functions get addresses of their own. What the text does not tell is lost: a time
// is as exact as it was printed.
//
// Text may be hostile: lines, names and the whole are bounded, and what is no event
// is counted and left out.
package ftracetext
