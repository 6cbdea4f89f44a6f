// Package profile is Ringside's model of a sampled profile: who ran where, how
// often, when. It is what perf.data, pprof, folded stacks and scheduling events
// become, and what flame graphs, tables, comparisons and exports are made of.
//
// A [Profile] holds no samples. It holds cells: all samples with the same stack
// and the same [Labels] in the same slice of time are one [Cell] with a count
// and a weight. A recording of any length therefore becomes a profile of bounded
// size: when the cells grow past the builder's limit, slices are widened to
// twice their length and cells that fall together are added up. Sums never
// change by that, only the resolution of time does.
//
// Stacks are a tree that grows from its root: [Profile.Nodes] names for each
// [StackID] its frame and its caller's stack. Stack 0 is the root and has no
// frame. A caller's StackID is always smaller than its callees', so one pass
// from the last node to the first sums up totals.
package profile

import (
	"iter"
	"path"
	"strings"
)

// Kind is the kind of code a frame runs in.
type Kind uint8

// The kinds, in the order in which a mixed stack is read from its root.
const (
	User Kind = iota
	Kernel
	Hypervisor
	GuestUser
	GuestKernel
	// Marker is no code: a frame that was put there to say something, such as
	// "off-CPU" or a task's name.
	Marker
)

func (k Kind) String() string {
	switch k {
	case User:
		return "user"
	case Kernel:
		return "kernel"
	case Hypervisor:
		return "hypervisor"
	case GuestUser:
		return "guest user"
	case GuestKernel:
		return "guest kernel"
	case Marker:
		return "marker"
	}
	return "unknown"
}

// Frame is one function in a stack. Two frames that are equal are one frame.
type Frame struct {
	// Func is the function's name, demangled; empty when it is not known.
	Func string
	// Module is the object the function is in: "[kernel.kallsyms]", "[nf_tables]",
	// "/usr/lib/x86_64-linux-gnu/libc.so.6", "[vdso]"; empty when it is not known.
	Module string
	// File and Line are where the function's code is in the source, when line
	// tables were at hand.
	File string
	Line int
	// Addr is the address within Module of a frame without a name, else 0: it
	// would split one function into many frames.
	Addr uint64
	Kind Kind
	// Inlined says that the compiler put the function into its caller.
	Inlined bool
}

// Labels say whose samples a cell counts.
type Labels struct {
	// Event is an index into Profile.Events.
	Event int
	Comm  string
	PID   int32 // process (thread group); -1 when not recorded
	TID   int32 // thread; -1 when not recorded
	CPU   int32 // -1 when not recorded
	// Cgroup is the control group's path; empty when not recorded.
	Cgroup string
}

// Event is what was sampled.
type Event struct {
	Name string // "cpu-clock:pppH", "sched:sched_switch"
	// Unit is what a weight counts: "ns", "cycles", "events", "bytes".
	Unit string
}

// The tables' indices.
type (
	// FrameID is an index into Profile.Frames.
	FrameID int32
	// StackID is an index into Profile.Nodes. 0 is the empty stack.
	StackID int32
	// LabelID is an index into Profile.Labels.
	LabelID int32
)

// Node is one stack: a frame and the stack of its caller.
type Node struct {
	Parent StackID
	Frame  FrameID
}

// Cell counts the samples of one stack with one set of labels in one slice.
type Cell struct {
	Stack StackID
	Label LabelID
	// Slice is the number of the slice of time since Profile.Start.
	Slice int64
	// Count is the number of samples, Weight the sum of what they weigh in the
	// event's unit.
	Count  int64
	Weight int64
}

// Loss is a part of the recording that is not in the profile.
type Loss struct {
	// What was lost, in a reader's words: "the ring buffer of CPU 1 overran".
	What string `json:"what"`
	// Count is how many samples or events; -1 when that is not known.
	Count int64 `json:"count"`
}

// Source says what was recorded, on what.
type Source struct {
	Format   string // "perf.data", "pprof", "folded", …
	Hostname string
	Release  string // the kernel's release
	Arch     string
	// KernelBuildID is the kernel's build ID in hexadecimal.
	KernelBuildID string
	CPUs          int
	Command       string // the command line of the recording
}

// Profile is a sampled profile.
type Profile struct {
	Source Source
	Events []Event
	Frames []Frame
	Nodes  []Node
	Labels []Labels
	// Cells are sorted by slice, stack and label; no two have all three equal.
	Cells []Cell
	// Start is when slice 0 begins, in ns of the recording's clock: at or at most
	// a slice before the first sample. Duration is the ns from the first to the last
	// sample. Both are 0 when samples have no time.
	Start    uint64
	Duration uint64
	// SliceWidth is the length of a slice in ns; 0 when samples have no time.
	SliceWidth uint64
	Losses     []Loss
	// Warnings say what a reader of the profile should know: build IDs that did
	// not match, a truncated file.
	Warnings []string
}

// Total sums the counts and weights of an event's cells; event -1 takes all.
func (p *Profile) Total(event int) (count, weight int64) {
	for i := range p.Cells {
		c := &p.Cells[i]
		if event < 0 || p.Labels[c.Label].Event == event {
			count += c.Count
			weight += c.Weight
		}
	}
	return count, weight
}

// Stack yields the frames of a stack from its leaf to its root.
func (p *Profile) Stack(s StackID) iter.Seq[*Frame] {
	return func(yield func(*Frame) bool) {
		for s != 0 {
			n := p.Nodes[s]
			if !yield(&p.Frames[n.Frame]) {
				return
			}
			s = n.Parent
		}
	}
}

// Name is how a frame is called in pictures and tables: its function, else
// "[unknown]".
func (f *Frame) Name() string {
	if f.Func != "" {
		return f.Func
	}
	return "[unknown]"
}

// Caption is Name, but of a function without one it is at least the name of the
// module it is in: "[libc.so.6]".
func (f *Frame) Caption() string {
	if f.Func == "" && f.Module != "" {
		return "[" + path.Base(strings.Trim(f.Module, "[]")) + "]"
	}
	return f.Name()
}
