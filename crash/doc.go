// Package crash finds what a kernel complained about in its log.
//
// It reads records from [ringside/klog] in one pass and turns them into
// reports: an oops, a WARNING, a lockup, a KASAN report. Each has a kind, a
// stack, registers, a guilty function and a [Signature], and each field points
// to the bytes it was read from.
//
// # How it works
//
// A table of formats (format*.go) names the headlines that the kernel prints,
// written like the printk format strings they come from. A headline opens a
// report (head.go); the lines that follow are read by a grammar that all reports
// share (part.go, detail.go): the CPU line, registers, stacks, module list, held
// locks. Where a log begins in the middle of a report, its details and the
// functions of its stack say what it was (torn.go, infer.go).
//
// Reports are kept apart by printk's caller ID where the log has it. Where it
// has not, hypotheses compete whether lines that alternate are of two reports
// (window.go, interleave.go).
//
// When a report ends, the guilty frame is chosen by what the functions of the
// stack do for others (guilty.go, noise*.go, generic.go), the signature made
// (signature.go), and at the end of the log the reports of each boot are ordered
// into causes and consequences (chain.go).
//
// # Extending it
//
// A new headline is one entry in one of the tables, with an example line that
// doubles as its test. See CONTRIBUTING.md.
package crash
