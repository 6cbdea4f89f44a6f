package crash

import (
	"time"

	"ringside/klog"
)

// SchemaID names the JSON form of [Document]. Fields may be added under the
// same name; a change of meaning makes a new one.
const SchemaID = "https://ringside.dev/schemas/crash-parse.v1.json"

// Document is everything found in one input.
type Document struct {
	Schema  string      `json:"schema"`
	Input   Input       `json:"input"`
	Boots   []Boot      `json:"boots"`
	Reports []Report    `json:"reports"`               // in order of appearance
	Primary *int        `json:"primary"`               // index of the report that the log is about, null if there is none
	Dumps   []Report    `json:"dumps"`                 // stacks that somebody asked for (sysrq, dump_stack): facts, not complaints
	Waits   []WaitGraph `json:"wait_graphs,omitempty"` // who waits for whom, by boot
	Notes   []Note      `json:"notes"`                 // what is missing or was cut, in the user's words
}

// Input describes what was read.
type Input struct {
	Name       string           `json:"name,omitempty"`
	Bytes      int64            `json:"bytes"`
	Lines      int64            `json:"lines"`
	Records    int64            `json:"records"`
	Lost       int64            `json:"lost"`
	Clipped    int64            `json:"clipped"`
	Transports map[string]int64 `json:"transports"`
}

// Boot is one boot of a kernel within the input.
type Boot struct {
	Index    int        `json:"index"`
	Release  string     `json:"release,omitempty"`  // "6.1.0-56-amd64"
	Version  string     `json:"version,omitempty"`  // "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-10-10)"
	Arch     string     `json:"arch,omitempty"`     // Go-independent kernel name: x86_64, arm64, ...
	Compiler string     `json:"compiler,omitempty"` // from the banner
	Cmdline  string     `json:"cmdline,omitempty"`
	Hardware string     `json:"hardware,omitempty"`
	Host     string     `json:"host,omitempty"`
	Span     klog.Span  `json:"span"`
	Line     int        `json:"line"`
	Evidence []Evidence `json:"evidence,omitempty"` // what the fields above were read from
}

// Note says what an input lacks, and where.
type Note struct {
	Text string    `json:"text"`
	Line int       `json:"line,omitempty"`
	Span klog.Span `json:"span"`
}

// Report is one thing the kernel complained about.
type Report struct {
	Index         int               `json:"index"` // position in Document.Reports
	Kind          Kind              `json:"kind"`
	Class         Class             `json:"class"`
	Headline      string            `json:"headline"` // the kernel's own line
	Title         string            `json:"title"`    // stable name: "null-ptr-deref in lab_init [labcrash]"
	Arch          string            `json:"arch"`
	Kernel        string            `json:"kernel"` // release
	Version       string            `json:"kernel_version,omitempty"`
	KernelBuildID string            `json:"kernel_build_id,omitempty"` // of vmlinux, where the kernel prints it
	KernelOffset  string            `json:"kernel_offset,omitempty"`   // what KASLR added to the addresses of the symbol table, "0x0" where it is off
	KernelBase    string            `json:"kernel_base,omitempty"`     // address that the offset counts from
	Hardware      string            `json:"hardware,omitempty"`
	CPU           *int              `json:"cpu"`
	Task          string            `json:"task"` // comm
	PID           *int              `json:"pid"`
	Workqueue     string            `json:"workqueue,omitempty"`
	Subject       string            `json:"subject,omitempty"` // device, cache or driver that the headline names
	Panicked      bool              `json:"panicked"`          // the kernel panicked in or because of this report
	Guilty        *Location         `json:"guilty"`
	Candidates    []Location        `json:"candidates,omitempty"` // who is to blame, the likeliest first: Guilty, and up to two others
	Frames        []Frame           `json:"frames"`               // the main stack, innermost first
	Stacks        []Stack           `json:"stacks,omitempty"`
	Locks         []HeldLock        `json:"locks,omitempty"` // who holds, or asks for, what
	Waits         []Wait            `json:"waits,omitempty"` // who waits for whom
	Tasks         []Task            `json:"tasks,omitempty"` // of a dump of tasks or CPUs
	Workers       []Worker          `json:"workers,omitempty"`
	RCUBlockers   []RCUBlocker      `json:"rcu_blockers,omitempty"`
	Fault         *Fault            `json:"fault,omitempty"`
	Memory        *Memory           `json:"memory,omitempty"`         // of a report about memory
	HardwareError *HardwareError    `json:"hardware_error,omitempty"` // of a report about the hardware
	Taint         []string          `json:"taint"`                    // named, e.g. "proprietary-module"
	TaintFlags    string            `json:"taint_flags,omitempty"`
	Modules       []Module          `json:"modules,omitempty"`
	Registers     map[string]string `json:"registers"`
	Code          *Code             `json:"code,omitempty"`
	Missing       []string          `json:"missing"` // parts that should be there and are not
	CausedBy      *int              `json:"caused_by"`
	Cause         string            `json:"cause,omitempty"`     // the rule behind CausedBy
	RepeatOf      *int              `json:"repeat_of,omitempty"` // the first report of the same event
	Repeats       int               `json:"repeats,omitempty"`   // later reports of the same event
	Impact        string            `json:"impact"`              // panic, oops, hang, error, warning, event
	Signature     Signature         `json:"signature"`
	Time          *float64          `json:"time,omitempty"` // seconds since boot
	Wall          *time.Time        `json:"wall,omitempty"`
	Boot          int               `json:"boot"`
	Caller        string            `json:"caller,omitempty"` // "T123", "C1"
	Confidence    float64           `json:"confidence"`       // 0-1: how sure the parser is that these lines are one report and complete
	Lines         LineRange         `json:"lines"`
	Span          klog.Span         `json:"span"`
	Evidence      []Evidence        `json:"evidence"`
}

// LineRange is a range of 1-based line numbers, both ends included.
type LineRange struct {
	First int `json:"first"`
	Last  int `json:"last"`
}

// Location is a place in the kernel.
type Location struct {
	Function string `json:"function"`
	Offset   uint64 `json:"offset"`
	Size     uint64 `json:"size"`
	Module   string `json:"module,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Why      string `json:"why,omitempty"` // the rule that chose it
}

// Frame is one entry of a stack.
type Frame struct {
	Function string    `json:"function"`
	Offset   uint64    `json:"offset"`
	Size     uint64    `json:"size"`
	Module   string    `json:"module,omitempty"`
	BuildID  string    `json:"build_id,omitempty"`
	File     string    `json:"file,omitempty"`
	Line     int       `json:"line,omitempty"`
	Address  string    `json:"address,omitempty"` // as printed, for frames without a symbol
	Inline   bool      `json:"inline"`
	Reliable bool      `json:"reliable"`
	record   uint32    // ordinal of its record in the log
	Context  string    `json:"context,omitempty"` // TASK, IRQ, NMI, ... where the stack says so
	Span     klog.Span `json:"span"`
	LogLine  int       `json:"log_line"`
}

// Stack is a further stack of a report: where the object was allocated, what
// another CPU was doing.
type Stack struct {
	Name   string    `json:"name"` // "allocated", "freed", "nmi cpu 3", ...
	CPU    *int      `json:"cpu,omitempty"`
	Task   string    `json:"task,omitempty"`
	PID    *int      `json:"pid,omitempty"`
	Frames []Frame   `json:"frames"`
	Span   klog.Span `json:"span"`
}

// HeldLock is an entry of a list of held locks. Lockdep lists a lock from the
// moment it is asked for: the last one of a task that waits is not its yet.
type HeldLock struct {
	Task     string    `json:"task"`
	PID      int       `json:"pid"`
	Lock     string    `json:"lock"`              // lockdep's class
	Address  string    `json:"address,omitempty"` // which lock of that class
	Function string    `json:"function"`          // who takes it
	Span     klog.Span `json:"span"`
	LogLine  int       `json:"log_line"`
}

// Wait is an edge of the wait-for graph: Task waits for what Holder holds.
type Wait struct {
	Task      string    `json:"task"`
	PID       int       `json:"pid"`
	On        string    `json:"on"` // "mutex", or the class of the lock
	Holder    string    `json:"holder"`
	HolderPID int       `json:"holder_pid"`
	Span      klog.Span `json:"span"`
	LogLine   int       `json:"log_line"`

	listed bool // concluded from the lists of held locks
}

// Fault is what the hardware or a sanitizer said about a bad access.
type Fault struct {
	Address string `json:"address,omitempty"`
	Access  string `json:"access,omitempty"` // read, write, exec, free
	Size    int    `json:"size,omitempty"`
	Reason  string `json:"reason,omitempty"` // "not-present page", "slab-use-after-free", ...
}

// Module is an entry of "Modules linked in".
type Module struct {
	Name  string `json:"name"`
	Flags string `json:"flags,omitempty"`
}

// Code is the instruction bytes around the trap.
type Code struct {
	Bytes string `json:"bytes"` // hex, as printed, markers removed
	Trap  int    `json:"trap"`  // index of the trapping byte, -1 where not marked
}

// Signature is a crash's identity at four levels, from the narrowest to the
// widest. Each is a short hash; Algorithm names the version of the rules that
// made them, so that a change of rules never silently moves old crashes.
type Signature struct {
	Algorithm string   `json:"algorithm"`
	Exact     string   `json:"exact"`    // this build: functions with offsets and sizes
	Stack     string   `json:"stack"`    // functions of the stack, in order
	Portable  string   `json:"portable"` // survives compilers, architectures and rebuilds
	Family    string   `json:"family"`   // kind family and guilty function
	Basis     []string `json:"basis"`    // what Portable was made from, readable
}

// Evidence ties a field of the report to the bytes it was read from.
type Evidence struct {
	Field string    `json:"field"` // JSON name, e.g. "cpu", "registers.RIP", "guilty"
	Rule  string    `json:"rule"`  // format or rule that read it
	Line  int       `json:"line"`
	Span  klog.Span `json:"span"`
}
