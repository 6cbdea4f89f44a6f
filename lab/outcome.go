package lab

import (
	"time"

	"ringside/crash"
)

// RecordSchemaID names the JSON form of a [Record].
const RecordSchemaID = "https://ringside.dev/schemas/lab-run.v1.json"

// Phase is how far a machine came.
type Phase string

// The phases in their order.
const (
	PhaseStart    Phase = "start"    // QEMU is being started
	PhaseFirmware Phase = "firmware" // QEMU answers; no line of the kernel yet
	PhaseBoot     Phase = "boot"     // the kernel prints
	PhaseInit     Phase = "init"     // the guest's init is there: modules, root
	PhaseTest     Phase = "test"     // ready; steps run
	PhaseOff      Phase = "off"      // all steps are done; on the way down
	PhaseEnded    Phase = "ended"    // the guest has switched itself off
)

// Phases are all phases in their order.
func Phases() []Phase {
	return []Phase{PhaseStart, PhaseFirmware, PhaseBoot, PhaseInit, PhaseTest, PhaseOff, PhaseEnded}
}

// Verdict is what became of a run.
type Verdict string

// The verdicts. What speaks for a fault of the kernel is told apart from what speaks
// for one of the place where it ran.
const (
	VerdictOK          Verdict = "ok"          // ready, all steps returned 0, off
	VerdictFailed      Verdict = "failed"      // a step returned something else
	VerdictCrashed     Verdict = "crashed"     // the kernel died, or reported what Recipe.Survive let it survive
	VerdictHung        Verdict = "hung"        // nothing came for longer than patience lasts
	VerdictFlood       Verdict = "flood"       // the console was more than its limit
	VerdictInfra       Verdict = "infra"       // QEMU, the host or the recipe failed, not the kernel
	VerdictInterrupted Verdict = "interrupted" // somebody ended it
)

// Outcome is what became of a run.
type Outcome struct {
	Verdict Verdict `json:"verdict"`
	Phase   Phase   `json:"phase"`  // the last one that was reached
	Reason  string  `json:"reason"` // in a sentence
	// Retry says that the same recipe may well end otherwise: a fault of the place, or
	// one that emulation is known for.
	Retry   bool         `json:"retry"`
	Timings []Timing     `json:"timings"`
	Steps   []StepResult `json:"steps"`
	Crash   *Crash       `json:"crash"`   // the report that speaks for the run
	Reports []Crash      `json:"reports"` // all reports of the console, in order
	Console ConsoleStat  `json:"console"`
	Forged  int          `json:"forged_frames"` // frames on the results' channel that were not the init's
	Vmcore  *Output      `json:"vmcore"`
	Collect []Output     `json:"collected"`
	Notes   []string     `json:"notes"`
	// Elapsed is by the clock, Machine the time that the machine could use, CPU what QEMU
	// took.
	Elapsed time.Duration `json:"elapsed_ns"`
	Machine time.Duration `json:"machine_ns"`
	CPU     time.Duration `json:"cpu_ns"`
}

// Timing is when a phase began.
type Timing struct {
	Phase   Phase         `json:"phase"`
	At      time.Duration `json:"at_ns"`      // since QEMU was started
	Machine time.Duration `json:"machine_ns"` // the same in machine time
}

// StepResult is what became of one step.
type StepResult struct {
	Name   string        `json:"name,omitempty"`
	Argv   []string      `json:"argv"`
	Done   bool          `json:"done"` // it returned
	Exit   int           `json:"exit"` // -1 where a signal ended it, or it never returned
	Signal int           `json:"signal,omitempty"`
	Error  string        `json:"error,omitempty"` // it could not be started
	Stdout Output        `json:"stdout"`
	Stderr Output        `json:"stderr"`
	Took   time.Duration `json:"took_ns"` // by the guest's clock
}

// Failed tells whether a step did not return 0.
func (s *StepResult) Failed() bool { return !s.Done || s.Exit != 0 || s.Signal != 0 }

// Output is a file of a run's folder.
type Output struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`           // that the guest gave
	Lost  int64  `json:"lost,omitempty"`  // of these were not kept
	What  string `json:"what,omitempty"`  // for people
	Error string `json:"error,omitempty"` // it is not complete, and why
}

// ConsoleStat counts a console.
type ConsoleStat struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
	Lost  int64  `json:"lost"` // bytes of its middle that were not kept
	Lines int64  `json:"lines"`
}

// Crash is a report of the kernel on a run's console, in short.
type Crash struct {
	Kind      crash.Kind      `json:"kind"`
	Title     string          `json:"title"`
	Headline  string          `json:"headline"`
	Impact    string          `json:"impact"`
	Panicked  bool            `json:"panicked"`
	Guilty    string          `json:"guilty,omitempty"`
	Line      int             `json:"line"` // of the console
	Signature crash.Signature `json:"signature"`
}

// Record is a run with all that is needed to judge and to repeat it.
type Record struct {
	Schema  string    `json:"schema"`
	ID      string    `json:"id"`
	Verb    string    `json:"verb"` // what it was run for: boot, run, test, crash, reproduce
	Recipe  Recipe    `json:"recipe"`
	Began   time.Time `json:"began"`
	Machine Machine   `json:"machine"`
	Outcome Outcome   `json:"outcome"`
	// Rerun is the run that this one repeats, with what is no longer the same.
	Rerun   string   `json:"rerun,omitempty"`
	Differs []string `json:"differs,omitempty"`
}

// Machine is what a recipe became on this host.
type Machine struct {
	QEMU    string   `json:"qemu"` // its version
	Args    []string `json:"args"` // its whole command line
	Cmdline string   `json:"cmdline"`
	Accel   string   `json:"accel"`
	CPU     string   `json:"cpu"`    // QEMU's model
	Reason  string   `json:"reason"` // why this accelerator
	Speed   float64  `json:"speed"`  // of this host with it; 1 is the reference, less is slower
	Init    string   `json:"init"`   // SHA-256 of the guest's init
	Host    string   `json:"host"`
}
