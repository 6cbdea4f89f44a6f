package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/labhost"
	"ringside/internal/render"
	"ringside/lab"
)

func newLab(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "Boot kernels in machines, and run things in them",
		Long: `Lab makes a machine of a kernel with one command, and says what became of it.

A kernel is an image (bzImage, an arm64 Image, vmlinux), a Debian package, a build tree, or
an installed root. Without a root of its own the machine has a tiny one with what the
command needs: programs of this host are packed with their libraries. Every run is kept
with its exact recipe, by content: lab rerun repeats it, here or anywhere.`,
		Example: `  ringside lab run linux-image-6.1.0-57-cloud-amd64.deb -- uname -a
  ringside lab boot arch/x86/boot/bzImage
  ringside lab crash ./linux --how sysrq-c
  ringside lab matrix a.deb b.deb --variant "" --variant "mitigations=off" -- ./bench
  ringside lab rerun last`,
	}
	c.AddCommand(newLabRun(s), newLabBoot(s), newLabTest(s), newLabCrash(s), newLabShell(s), newLabMatrix(s), newLabRerun(s), newLabList(s), newLabShow(s), newLabAdd(s), newLabDoctor(s),
		newLabSubmit(s), newLabWorker(s))
	return c
}

// labStore is the flag that says where runs are kept.
type labStore struct{ dir string }

func (l *labStore) flags(c *cobra.Command) {
	c.Flags().StringVar(&l.dir, "store", os.Getenv("RINGSIDE_LAB"), "`DIR` with the lab's runs and contents (env RINGSIDE_LAB; else in the user's state folder)")
}

func (l *labStore) open() (*labhost.Store, error) {
	dir := l.dir
	if dir == "" {
		var err error
		if dir, err = labhost.DefaultDir(); err != nil {
			return nil, usage(err)
		}
	}
	s, err := labhost.Open(dir)
	if err != nil {
		return nil, &exitError{exitInternal, err}
	}
	return s, nil
}

// labRecipe is the flags that make a recipe.
type labRecipe struct {
	release  string
	cmdline  []string
	modules  []string
	root     string
	disk     string
	with     []string
	files    []string
	env      []string
	dir      string
	collect  []string
	memory   int
	cpus     int
	accel    string
	survive  bool
	vmcore   bool
	patience float64
	console  int64
	coverage bool
}

func (l *labRecipe) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&l.release, "release", "", "`RELEASE` of the kernel, where there are several")
	f.StringArrayVarP(&l.cmdline, "append", "a", nil, "`WORDS` for the kernel's command line; may be repeated")
	f.StringArrayVarP(&l.modules, "module", "M", nil, "`MODULE` to load: a name, or a file, with its parameters after a blank; may be repeated")
	f.StringVar(&l.root, "root", lab.RootNone, "`KIND` of root: none (a tiny one with what the command needs), 9p or virtiofs (this host's files, read only, as they are), disk")
	f.StringVar(&l.disk, "disk", "", "`IMAGE` of a disk with the root (raw or qcow2); what is written to it is thrown away")
	f.StringArrayVar(&l.with, "with", nil, "`PROGRAM` of this host to bring along with its libraries; may be repeated")
	f.StringArrayVar(&l.files, "file", nil, "`SOURCE[:PATH]` of a file or folder to bring along; may be repeated")
	f.StringArrayVar(&l.env, "env", nil, "`NAME=VALUE` for the commands; may be repeated")
	f.StringVar(&l.dir, "chdir", "", "`DIR` of the guest to run the commands in")
	f.StringArrayVar(&l.collect, "collect", nil, "`PATH` of the guest to bring back, as a tar; may be repeated")
	f.IntVarP(&l.memory, "memory", "m", 512, "`MIB` of memory")
	f.IntVar(&l.cpus, "cpus", 1, "`N` CPUs")
	f.StringVar(&l.accel, "accel", "auto", "`KIND` of accelerator: auto (what runs the canary), kvm, tcg")
	f.BoolVar(&l.survive, "survive", false, "let a kernel that has oopsed go on; otherwise an oops is a panic")
	f.BoolVar(&l.vmcore, "vmcore", false, "keep the memory of a machine that died or hangs as a vmcore")
	f.Float64Var(&l.patience, "patience", 0, "`SECONDS` of the machine's own time that it may be silent while a command runs; 0 is 120")
	f.Int64Var(&l.console, "max-console", 0, "`BYTES` on the console that end a run as a flood; 0 is 256 MiB")
	f.BoolVar(&l.coverage, "coverage", false, "bring back what the kernel counted of its own code (gcov), if it was built to")
}

// make turns the flags, a kernel and commands into a recipe.
func (l *labRecipe) make(st *labhost.Store, kernelPath string, steps []lab.Step) (*lab.Recipe, error) {
	k, err := st.Kernel(kernelPath, l.release)
	if err != nil {
		return nil, usage(err)
	}
	r := &lab.Recipe{
		Schema: lab.RecipeSchemaID, Arch: k.Image.Arch, Kernel: k.Content, Release: k.Image.Release, Modules: []lab.Module{}, Cmdline: []string{},
		Root: lab.Root{Kind: l.root}, Files: []lab.File{}, Steps: []lab.Step{}, Collect: append([]string{}, l.collect...), Memory: l.memory, CPUs: l.cpus, Accel: l.accel,
		Vmcore: lab.VmcoreNever, Survive: l.survive, Limits: lab.Limits{Test: l.patience, Console: l.console},
	}
	if l.vmcore {
		r.Vmcore = lab.VmcoreCrash
	}
	for _, words := range l.cmdline {
		r.Cmdline = append(r.Cmdline, strings.Fields(words)...)
	}
	if l.coverage {
		r.Collect = append(r.Collect, "/sys/kernel/debug/gcov")
	}
	if err := l.addRoot(st, r); err != nil {
		return nil, err
	}
	need, err := k.ForRoot(r.Root.Kind)
	if err != nil {
		return nil, usage(err)
	}
	modules, err := k.Modules(append(need, l.modules...)...)
	if err != nil {
		return nil, usage(err)
	}
	r.Modules = append(r.Modules, modules...)
	for _, step := range steps {
		step.Env, step.Dir = append(append([]string{}, l.env...), step.Env...), l.dir
		r.Steps = append(r.Steps, step)
	}
	if err := l.pack(st, r); err != nil {
		return nil, usage(err)
	}
	if err := r.Check(); err != nil {
		return nil, usage(err)
	}
	return r, nil
}

func (l *labRecipe) addRoot(st *labhost.Store, r *lab.Recipe) error {
	if l.disk != "" {
		if l.root != lab.RootNone && l.root != lab.RootDisk {
			return usagef("--disk and --root %s are two roots: give one", l.root)
		}
		c, err := st.AddFile(l.disk)
		if err != nil {
			return usage(err)
		}
		r.Root = lab.Root{Kind: lab.RootDisk, Disk: &c, Format: "raw"}
		if f, err := os.Open(l.disk); err == nil {
			magic := make([]byte, 4)
			if _, err := io.ReadFull(f, magic); err == nil && string(magic) == "QFI\xfb" {
				r.Root.Format = "qcow2"
			}
			f.Close()
		}
		return nil
	}
	switch l.root {
	case lab.RootNone:
	case lab.Root9P, lab.RootVirtioFS:
		r.Root.Path = "/"
	case lab.RootDisk:
		return usagef("--root disk: give its image with --disk")
	default:
		return usagef("--root %q: none, 9p, virtiofs and disk are known", l.root)
	}
	return nil
}

// pack brings along what the commands need.
func (l *labRecipe) pack(st *labhost.Store, r *lab.Recipe) error {
	p := st.NewPacker(r.Arch)
	for _, f := range l.files {
		from, to, ok := strings.Cut(f, ":")
		if !ok {
			abs, err := filepath.Abs(from)
			if err != nil {
				return err
			}
			to = abs
		}
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = p.Folder(from, to)
		} else {
			err = p.File(from, to)
		}
		if err != nil {
			return err
		}
	}
	if r.Root.Kind == lab.RootNone {
		for _, name := range l.with {
			if err := p.Program(name); err != nil {
				return err
			}
		}
		for _, s := range r.Steps {
			if err := p.Program(s.Argv[0]); err != nil {
				return err
			}
		}
	}
	r.Files = append(r.Files, p.Files()...)
	return nil
}

// readRecipe reads a recipe from a file, or that of a run's record or of a reproducer.
func readRecipe(s Streams, path string) (*lab.Recipe, error) {
	var (
		b   []byte
		err error
	)
	if path == "-" {
		b, err = io.ReadAll(io.LimitReader(s.In, 64<<20))
	} else {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, usage(err)
	}
	var r lab.Recipe
	var rec lab.Record
	switch err := json.Unmarshal(b, &r); {
	case err == nil && r.Schema == lab.RecipeSchemaID:
		return &r, nil
	case json.Unmarshal(b, &rec) == nil && rec.Recipe.Schema == lab.RecipeSchemaID:
		return &rec.Recipe, nil
	case err != nil:
		return nil, usagef("%s is no recipe: %w", path, err)
	}
	return nil, usagef("%s is no recipe of the lab: make one with --dry-run", path)
}

// verdictOf turns the outcome of a run into an exit code.
func verdictOf(o *lab.Outcome) error {
	switch o.Verdict {
	case lab.VerdictOK:
		return nil
	case lab.VerdictInfra, lab.VerdictInterrupted:
		return &exitError{exitInternal, nil}
	}
	return &exitError{exitFinding, nil}
}

// hostError is an error of this host, which is no outcome.
func hostError(err error) error {
	var e *exitError
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &exitError{exitInternal, err}
}

// watching tells on a terminal how far a run is.
func watching(s Streams, console, quiet bool) lab.Watch {
	w := lab.Watch{}
	if console {
		w.Console = func(b []byte) { _, _ = s.Err.Write(b) }
	}
	if !quiet {
		w.Output = func(_ int, stderr bool, b []byte) {
			if stderr {
				_, _ = s.Err.Write(b)
				return
			}
			_, _ = s.Out.Write(b)
		}
	}
	return w
}

func showRun(out *output, s Streams, rec *lab.Record) error {
	return out.write(s, func(w io.Writer, st render.Style) error {
		if out.json {
			return render.JSON(w, rec)
		}
		return render.LabRun(w, rec, st)
	})
}

// stepOf makes the step of a command after "--".
func stepOf(c *cobra.Command, args []string) (kernels []string, steps []lab.Step) {
	at := c.ArgsLenAtDash()
	if at < 0 {
		return args, nil
	}
	if at < len(args) {
		steps = []lab.Step{{Argv: args[at:]}}
	}
	return args[:at], steps
}

func oneKernel(c *cobra.Command, kernels []string) (string, error) {
	if len(kernels) != 1 {
		return "", usagef("%s takes one kernel, and commands after --; got %s", c.CommandPath(), fmt.Sprintf("%q", kernels))
	}
	return kernels[0], nil
}
