// Package wire is what the lab and a guest's init say to each other, over a serial line
// of their own: frames with a tag (frame.go), and the plan that the init finds in its
// initramfs (this file).
//
// The line is the guest's, and so is everything in the guest: a program there may write
// to it. A frame counts only with the tag that a key of this run makes, which the init
// takes out of the initramfs before it starts anything. That keeps programs from being
// taken for the init by what they print. It does not keep out one that runs as root and
// reads the init's memory.
package wire

// Where the init finds its own files in the initramfs.
const (
	PlanFile = "/ringside/plan" // read and removed before anything is started
	Modules  = "/ringside/modules/"
	// AppletsFile lists the names that a busybox in /bin has: a line each.
	AppletsFile = "/etc/busybox.applets"
)

// Plan is what the init does, in its order.
type Plan struct {
	Key      []byte
	Results  string // device of the results' line
	Modules  []Module
	Root     Root
	Steps    []Step
	Collect  []string
	Output   int64 // bytes of one stream of a step, and of what is collected
	Terminal bool
	Rows     int
	Columns  int
}

// Module is a kernel module that is loaded.
type Module struct {
	File   string // under Modules
	Name   string
	Params string
}

// Root is what the steps see as their files.
type Root struct {
	Kind   string // none, 9p, virtiofs, disk
	Tag    string
	Device string
	Type   string // of the file system on the disk; tried by its magic where empty
}

// Step is a command.
type Step struct {
	Argv []string
	Env  []string
	Dir  string
}

// Ended says how a step ended.
type Ended struct {
	Step   int
	Exit   int
	Signal int
	Error  string
	Took   int64
	Lost   int64 // bytes of output beyond Plan.Output
}
