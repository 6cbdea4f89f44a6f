package lab

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// RecipeSchemaID names the JSON form of a [Recipe].
const RecipeSchemaID = "https://ringside.dev/schemas/lab-recipe.v1.json"

// Content is the identity of some bytes. Name says to people where they came from; it
// decides nothing.
type Content struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Name   string `json:"name"`
}

// An Opener finds contents by their hash.
type Opener interface {
	Open(Content) (io.ReadCloser, error)
}

// Recipe is everything that decides what a run does. It holds no bytes and no paths
// that matter: a recipe and the contents that it names can be carried anywhere.
type Recipe struct {
	Schema  string   `json:"schema"`
	Arch    string   `json:"arch"` // the kernel's name of it: x86_64, arm64
	Kernel  Content  `json:"kernel"`
	Release string   `json:"release"` // of the kernel, "" where it does not say
	Modules []Module `json:"modules"` // in the order in which they are loaded
	Cmdline []string `json:"cmdline"` // added to what the lab itself sets
	Root    Root     `json:"root"`
	Files   []File   `json:"files"`
	Steps   []Step   `json:"steps"`
	Collect []string `json:"collect"` // paths of the guest that are brought back at the end, as a tar
	Memory  int      `json:"memory_mib"`
	CPUs    int      `json:"cpus"`
	Accel   string   `json:"accel"` // auto, kvm, tcg
	Vmcore  string   `json:"vmcore"`
	// Survive leaves a kernel that has oopsed running; otherwise an oops is a panic.
	Survive bool `json:"survive_oops,omitempty"`
	// Terminal gives the last step a terminal instead of pipes.
	Terminal bool   `json:"terminal,omitempty"`
	Limits   Limits `json:"limits"`
}

// Module is a kernel module that the guest's init loads.
type Module struct {
	Name    string  `json:"name"`
	Content Content `json:"content"`
	Params  string  `json:"params,omitempty"`
}

// The kinds of root file systems.
const (
	RootNone     = "none"     // the built-in initramfs
	Root9P       = "9p"       // the host's files, read only, over 9p
	RootVirtioFS = "virtiofs" // the same over virtiofs
	RootDisk     = "disk"     // an image; what is written to it is thrown away
)

// Root is what a guest sees as its files. All but none are seen through an overlay:
// what a guest writes is gone with it.
type Root struct {
	Kind   string   `json:"kind"`
	Path   string   `json:"path,omitempty"`   // of the host's folder
	Disk   *Content `json:"disk,omitempty"`   // of the image; hashed once per change of the file
	Format string   `json:"format,omitempty"` // raw, qcow2
}

// File is a file that is put into the guest's root.
type File struct {
	Path    string  `json:"path"`
	Mode    uint32  `json:"mode"` // permission bits
	Link    string  `json:"link,omitempty"`
	Content Content `json:"content"`
}

// Step is one command in the guest.
type Step struct {
	Name string   `json:"name,omitempty"`
	Argv []string `json:"argv"`
	Env  []string `json:"env,omitempty"`
	Dir  string   `json:"dir,omitempty"`
	// Patience is for how much machine time it may be silent, in seconds; 0 is the
	// limit's.
	Patience float64 `json:"patience_s,omitempty"`
	// Expect says that the step is there to crash the kernel.
	Expect string `json:"expect,omitempty"`
}

// The values of Recipe.Vmcore.
const (
	VmcoreNever = "never"
	VmcoreCrash = "crash" // when the kernel has died or hangs
)

// Limits bound a run. What is 0 is the default.
type Limits struct {
	// Patience for silence in machine seconds, by phase.
	Firmware float64 `json:"firmware_s,omitempty"`
	Boot     float64 `json:"boot_s,omitempty"`
	Init     float64 `json:"init_s,omitempty"`
	Test     float64 `json:"test_s,omitempty"`
	Off      float64 `json:"off_s,omitempty"`
	// Console is how many bytes of console end a run as a flood; ConsoleKept are kept of
	// its begin and of its end.
	Console     int64 `json:"console_bytes,omitempty"`
	ConsoleKept int64 `json:"console_kept_bytes,omitempty"`
	// Output bounds what is kept of one step's output and of what is collected.
	Output int64 `json:"output_bytes,omitempty"`
}

// Check says what keeps a recipe from being run.
func (r *Recipe) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Schema != RecipeSchemaID {
		bad("schema %q is not %s", r.Schema, RecipeSchemaID)
	}
	if r.Arch != "x86_64" && r.Arch != "arm64" {
		bad("architecture %q: x86_64 and arm64 can be run", r.Arch)
	}
	if len(r.Kernel.SHA256) != 64 {
		bad("the kernel has no SHA-256")
	}
	if r.Memory < 64 || r.Memory > 1<<20 {
		bad("%d MiB of memory: give 64 to 1048576", r.Memory)
	}
	if r.CPUs < 1 || r.CPUs > 255 {
		bad("%d CPUs: give 1 to 255", r.CPUs)
	}
	switch r.Accel {
	case "auto", "kvm", "tcg":
	default:
		bad("accelerator %q: auto, kvm and tcg are known", r.Accel)
	}
	switch r.Vmcore {
	case VmcoreNever, VmcoreCrash:
	default:
		bad("vmcore %q: never and crash are known", r.Vmcore)
	}
	switch r.Root.Kind {
	case RootNone, Root9P, RootVirtioFS:
	case RootDisk:
		if r.Root.Disk == nil {
			bad("root is a disk, and there is none")
		}
	default:
		bad("root %q: none, 9p, virtiofs and disk are known", r.Root.Kind)
	}
	for _, s := range r.Steps {
		if len(s.Argv) == 0 || s.Argv[0] == "" {
			bad("step %q has no command", s.Name)
		}
		for _, a := range append(append([]string{s.Dir}, s.Argv...), s.Env...) {
			if strings.ContainsRune(a, 0) {
				bad("step %q holds a zero byte", s.Name)
				break
			}
		}
	}
	for _, p := range r.Cmdline {
		if strings.ContainsAny(p, "\x00\n") {
			bad("command line option %q has a line's end in it", p)
		}
	}
	return errors.Join(errs...)
}

// Contents lists all that a recipe needs.
func (r *Recipe) Contents() []Content {
	list := []Content{r.Kernel}
	for _, m := range r.Modules {
		list = append(list, m.Content)
	}
	for _, f := range r.Files {
		if f.Link == "" {
			list = append(list, f.Content)
		}
	}
	if r.Root.Disk != nil {
		list = append(list, *r.Root.Disk)
	}
	return list
}

// withDefaults fills in what is not set.
func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		value *float64
		or    float64
	}{{&l.Firmware, 30}, {&l.Boot, 60}, {&l.Init, 30}, {&l.Test, 120}, {&l.Off, 30}} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	for _, d := range []struct {
		value *int64
		or    int64
	}{{&l.Console, 256 << 20}, {&l.ConsoleKept, 8 << 20}, {&l.Output, 64 << 20}} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	return l
}
