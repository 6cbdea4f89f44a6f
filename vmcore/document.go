package vmcore

import (
	"fmt"
	"time"

	"ringside/crash"
	"ringside/diagnose"
	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// SchemaID names the JSON form of [Document].
const SchemaID = "https://ringside.dev/schemas/vmcore.v1.json"

// Document is what is known about a dump.
type Document struct {
	Schema string        `json:"schema"`
	Rung   kernel.Rung   `json:"rung"`   // the highest that was reached
	Ladder []kernel.Step `json:"ladder"` // what was found on each rung, or why it was not reached
	Dump   dump.Info     `json:"dump"`
	Kernel object.System `json:"kernel"`
	// Findings are what is wrong, the likeliest cause of the dump first.
	Findings []Finding `json:"findings"`
	Sections Sections  `json:"sections"`
	// Crash is what the kernel's log says, as `ringside crash parse` would have
	// it: the signatures are those of the console log of the same crash.
	Crash *crash.Document `json:"crash,omitempty"`

	logText []byte
}

// LogText returns the kernel's log as text, with levels and callers.
func (d *Document) LogText() []byte { return d.logText }

// The kinds of a finding.
const (
	FindingCrash     = "crash"          // the kernel failed at one place
	FindingDeadlock  = "deadlock"       // tasks wait for each other in a ring
	FindingHung      = "hung"           // a chain of tasks waits for one that does not go on
	FindingLockup    = "lockup"         // a CPU does not come back
	FindingMemory    = "out-of-memory"  // and who has it
	FindingFreed     = "use-after-free" // an operand points into freed memory
	FindingCorrupt   = "corruption"     // a structure contradicts itself
	FindingIO        = "stuck-io"       // requests that do not end
	FindingBitFlip   = "bit-flip"       // a pointer that is one bit off
	FindingRequested = "requested"      // somebody asked for the dump
	FindingNothing   = "nothing"        // a running system in which nothing is found wrong
)

// Finding is one thing that is wrong.
type Finding struct {
	Rank       int        `json:"rank"` // 1 is what the dump is about
	Kind       string     `json:"kind"`
	Title      string     `json:"title"`
	Confidence float64    `json:"confidence"` // 0-1
	Evidence   []Evidence `json:"evidence"`
	// Report is the index of the report in the log that is about the same.
	Report *int `json:"report,omitempty"`
	// Next is what to do about it.
	Next []string `json:"next,omitempty"`
	// Diagnosis is what the log's report means.
	Diagnosis *diagnose.Diagnosis `json:"diagnosis,omitempty"`
	weight    float64
}

// Evidence is one fact that speaks for a finding.
type Evidence struct {
	Text string `json:"text"`
	// Object is what the fact was read from: "struct mutex 0xffff8ce2801e5040".
	Object string `json:"object,omitempty"`
	// Line is the line of the log that says it.
	Line int `json:"line,omitempty"`
}

// Sections are the parts of a document. What is nil was not asked for, or could
// not be read: Status says which.
type Sections struct {
	Status  []Status        `json:"status"`
	Log     *LogSection     `json:"log,omitempty"`
	CPUs    []CPU           `json:"cpus,omitempty"`
	Tasks   *TaskSection    `json:"tasks,omitempty"`
	Waits   *WaitSection    `json:"waits,omitempty"`
	Modules []object.Module `json:"modules,omitempty"`

	Memory   *MemorySection  `json:"memory,omitempty"`
	Pointers *PointerSection `json:"pointers,omitempty"`

	IRQs      *object.IRQs      `json:"irqs,omitempty"`
	Mounts    []object.Mount    `json:"mounts,omitempty"`
	RunQueues *RunQueueSection  `json:"runqueues,omitempty"`
	Disks     []object.Disk     `json:"disks,omitempty"`
	Network   *object.Network   `json:"network,omitempty"`
	Timers    *object.Timers    `json:"timers,omitempty"`
	WorkPools []object.WorkPool `json:"workqueues,omitempty"`
}

// Status is how a section fared.
type Status struct {
	Section string        `json:"section"`
	Error   string        `json:"error,omitempty"`
	Faults  []Fault       `json:"faults,omitempty"` // the first of them
	More    int           `json:"more_faults,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// Fault is what a section could not read, or what contradicts itself.
type Fault struct {
	Addr    Addr   `json:"addr"`
	Path    string `json:"path,omitempty"`
	Corrupt bool   `json:"corrupt,omitempty"`
	Text    string `json:"text"`
}

// LogSection says what of the log could be read. The text itself is written by
// `ringside vmcore log`.
type LogSection struct {
	object.LogStats
	First float64 `json:"first"` // seconds since boot
	Last  float64 `json:"last"`
}

// Addr is an address, in JSON as "0xffff…".
type Addr = object.Addr

// Frame is one function of a stack.
type Frame struct {
	PC     Addr   `json:"pc"`
	Symbol string `json:"symbol"`
	Offset uint64 `json:"offset"`
	Size   uint64 `json:"size,omitempty"`
	Module string `json:"module,omitempty"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	// Inline are the calls that the compiler inlined here, the innermost first.
	Inline []Source `json:"inline,omitempty"`
	// Unreliable is a return address that lay on the stack.
	Unreliable bool `json:"unreliable,omitempty"`
	// Exception marks where an interrupt or exception came in.
	Exception bool `json:"exception,omitempty"`
}

// Source is a place in a source file.
type Source struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// String writes a frame as the kernel does.
func (f Frame) String() string {
	if f.Symbol == "" {
		return f.PC.String()
	}
	s := fmt.Sprintf("%s+%#x", f.Symbol, f.Offset)
	if f.Size != 0 {
		s += fmt.Sprintf("/%#x", f.Size)
	}
	if f.Module != "" {
		s += " [" + f.Module + "]"
	}
	return s
}

// Task is one thread.
type Task struct {
	PID    int      `json:"pid"` // of its process
	TID    int      `json:"tid"` // its own
	PPID   int      `json:"ppid"`
	Comm   string   `json:"comm"`
	State  string   `json:"state"` // the letter that ps prints
	CPU    int      `json:"cpu"`
	OnCPU  bool     `json:"on_cpu,omitempty"`
	Kernel bool     `json:"kernel,omitempty"`
	Addr   Addr     `json:"addr"`
	Ran    float64  `json:"ran_s"`              // CPU time, seconds
	Waited *float64 `json:"waited_s,omitempty"` // since it was last on a CPU
	RSS    uint64   `json:"rss,omitempty"`      // bytes
	Policy string   `json:"policy,omitempty"`
	Nice   int      `json:"nice,omitempty"`
	Frames []Frame  `json:"frames,omitempty"`
	UserPC *Addr    `json:"user_pc,omitempty"`
	// Unwound says why the stack ends before its end.
	Unwound string `json:"unwound,omitempty"`
	Group   int    `json:"group"` // which of the section's groups has its stack
	// Cgroup is its path in the unified hierarchy, or the memory controller's.
	Cgroup string `json:"cgroup,omitempty"`
	// Namespaces is which of the section's sets of namespaces it is in, 0 for
	// that of the first process; NSPID is its number in its own PID namespace
	// where that is not its TID.
	Namespaces int `json:"namespaces,omitempty"`
	NSPID      int `json:"ns_pid,omitempty"`
}

// NamespaceSet is the namespaces that some tasks share.
type NamespaceSet struct {
	IDs   object.NamespaceIDs `json:"ids"`
	Count int                 `json:"count"`
	// Own are the kinds that differ from those of the first process.
	Own []string `json:"own,omitempty"`
}

// Futex is a futex with those who wait for it.
type Futex struct {
	object.Futex
	Process int       `json:"pid,omitempty"` // of one that is in no file
	Owner   *TaskRef  `json:"owner,omitempty"`
	Waiters []TaskRef `json:"waiters"` // the first of them
	Count   int       `json:"count"`
}

// CPU is one CPU that was online.
type CPU struct {
	Number  int               `json:"cpu"`
	Task    string            `json:"task"` // comm
	TID     int               `json:"tid"`
	Running int               `json:"running"` // tasks on its run queue
	Regs    map[string]string `json:"registers,omitempty"`
	Frames  []Frame           `json:"frames,omitempty"`
	Unwound string            `json:"unwound,omitempty"`
}

// TaskSection is all tasks, and their stacks grouped.
type TaskSection struct {
	Count  int            `json:"count"`
	States map[string]int `json:"states"`
	Groups []Group        `json:"groups"` // what blocks first, then the largest
	Tasks  []Task         `json:"tasks"`
	// Namespaces are the sets of namespaces, that of the first process first.
	Namespaces []NamespaceSet `json:"namespaces"`
	// Futexes are those that threads wait for in the kernel, those with most
	// waiters first.
	Futexes []Futex `json:"futexes"`
}

// Group is the tasks whose stacks are the same.
type Group struct {
	Count  int      `json:"count"`
	State  string   `json:"state"`
	TIDs   []int    `json:"tids"` // the first of them
	Comms  []string `json:"comms"`
	Frames []Frame  `json:"frames"`
}

// WaitSection is who waits for what.
type WaitSection struct {
	Graph crash.WaitGraph `json:"graph"`
	Locks []Lock          `json:"locks"`
}

// Lock is a lock that somebody waits for.
type Lock struct {
	Kind      object.LockKind `json:"kind"`
	Name      string          `json:"name,omitempty"`
	Addr      Addr            `json:"addr"`
	Owners    []TaskRef       `json:"owners"`
	OwnerSure bool            `json:"owner_sure"`
	Readers   int             `json:"readers,omitempty"`
	Writer    bool            `json:"writer,omitempty"`
	Waiters   []TaskRef       `json:"waiters"`
	Note      string          `json:"note,omitempty"`
}

// TaskRef names a task.
type TaskRef struct {
	TID  int    `json:"tid"`
	Comm string `json:"comm"`
	Mode string `json:"mode,omitempty"` // "read" or "write"
	How  string `json:"how,omitempty"`  // how it is known to wait
}
