// Package probe is the library of recipes: questions about a running kernel,
// each with the ways in which it can be answered. A [Recipe] is one YAML file
// that says what it answers, what it costs, what it needs, how it is captured –
// several ways, the best first – and which views summarise it.
//
// The package knows no system call. An [Engine] does the capturing; there is one
// for each way of recording (perf_event_open, tracefs, eBPF, a program that is
// installed), each in a package of its own. [Choose] asks them in the recipe's
// order which of its captures this kernel allows, and keeps what each of the
// others said against it, so that a probe that falls back says so.
package probe
