// Package diagnose says what a report means: what happened in plain words, what
// probably caused it, and what to do next.
//
// It reasons over [ringside/crash] reports with rules. A rule looks at facts of
// the report (a fault address, a poison value in a register, a taint flag, what
// came before) and, if they fit, makes a [Hypothesis] that names those facts as
// its evidence. Nothing here guesses without one.
package diagnose
