package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ringside/probe/perfevent"
	"ringside/profile"
	"ringside/profile/perfdata"
	"ringside/profile/resolve"
	"ringside/symbol"
)

// profileFlags say how recordings become profiles.
type profileFlags struct {
	of       string
	event    string
	vmlinux  string
	kallsyms string
	sysroot  string
	dirs     []string
	inline   bool
	guest    string
	// every keeps millions of different stacks: for what goes to other tools. A
	// picture has room for fewer.
	every bool
}

var profileKinds = map[string]resolve.Kind{"samples": resolve.Samples, "offcpu": resolve.OffCPU, "wakeup": resolve.Wakeup}

func (o *profileFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&o.of, "of", "samples", "what is weighed: samples; offcpu or wakeup, out of scheduling events")
	c.Flags().StringVar(&o.event, "event", "", "`NAME` of the event, where several were recorded; default: the one with the most samples")
	c.Flags().StringVar(&o.vmlinux, "vmlinux", "", "`FILE` with the symbols of the recorded kernel")
	c.Flags().StringVar(&o.kallsyms, "kallsyms", "", "`FILE` with /proc/kallsyms of the recorded machine")
	c.Flags().StringVar(&o.guest, "guest-kallsyms", "", "`FILE` with /proc/kallsyms of the guests that were sampled")
	c.Flags().StringVar(&o.sysroot, "sysroot", "", "`DIR` with the programs of the recorded machine")
	c.Flags().BoolVar(&o.inline, "inline", false, "expand inlined functions, with file and line, where debug information is at hand")
	c.Flags().StringArrayVar(&o.dirs, "symbols", splitList(os.Getenv("RINGSIDE_SYMBOLS")), "`DIR` with debug files by build ID; may be repeated (env RINGSIDE_SYMBOLS)")
}

// loadPerfData makes a profile of a perf.data file or folder.
func (o *profileFlags) loadPerfData(ctx context.Context, path string) (*profile.Profile, error) {
	kind, ok := profileKinds[o.of]
	if !ok {
		return nil, usagef("--of %s: use samples, offcpu or wakeup", o.of)
	}
	f, end, err := openPerfData(path)
	if err != nil {
		return nil, usage(err)
	}
	defer end()
	opt := o.resolving()
	opt.Kind = kind
	if o.guest != "" {
		if opt.Guest, err = kallsymsOf(o.guest); err != nil {
			return nil, usage(err)
		}
	}
	if saved := filepath.Join(path, "kcore_dir", "kallsyms"); f.Directory && o.kallsyms == "" && o.vmlinux == "" {
		if _, err := os.Stat(saved); err == nil {
			opt.Kernel = func(string, string) (resolve.Kernel, error) { return kallsymsOf(saved) }
		}
	}
	p, err := resolve.Load(ctx, f, opt)
	if err != nil && p == nil {
		return nil, usagef("%s: %w", path, err)
	}
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		p.Warnings = append(p.Warnings, err.Error())
	}
	return p, nil
}

// resolving are the options by which addresses become functions.
func (o *profileFlags) resolving() resolve.Options {
	limits := profile.Limits{Cells: 150_000, Nodes: 1 << 18}
	if o.every {
		limits = profile.Limits{Cells: 400_000, Nodes: 2_000_000}
	}
	opt := resolve.Options{Limits: limits, Open: o.object, Debug: o.debugFile, Kernel: o.kernel, PerfMap: o.perfMap, Dump: o.dump}
	if o.inline {
		opt.Lines = o.debugLines
	}
	return opt
}

// openPerfData opens a recording in any of its forms.
func openPerfData(path string) (*perfdata.File, func(), error) {
	var open []io.Closer
	end := func() {
		for _, c := range open {
			c.Close()
		}
	}
	one := func(name string) (io.ReaderAt, int64, error) {
		r, err := os.Open(name)
		if err != nil {
			return nil, 0, err
		}
		open = append(open, r)
		st, err := r.Stat()
		if err != nil {
			return nil, 0, err
		}
		return r, st.Size(), nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, end, err
	}
	var f *perfdata.File
	switch {
	case st.IsDir():
		f, err = perfdata.OpenDir(os.DirFS(path), func(name string) (io.ReaderAt, int64, error) { return one(filepath.Join(path, name)) }, perfdata.Limits{})
	case !st.Mode().IsRegular():
		r, ferr := os.Open(path)
		if ferr != nil {
			return nil, end, ferr
		}
		open = append(open, r)
		f, err = perfdata.OpenPipe(bufio.NewReaderSize(r, 1<<20), perfdata.Limits{})
	default:
		r, size, ferr := one(path)
		if ferr != nil {
			end()
			return nil, func() {}, ferr
		}
		f, err = perfdata.Open(r, size, perfdata.Limits{})
	}
	if err != nil {
		end()
		return nil, func() {}, fmt.Errorf("%s: %w", path, err)
	}
	return f, end, nil
}

// object opens the object that was mapped: where it was recorded, if it is here,
// or by its build ID.
func (o *profileFlags) object(path, id string) (resolve.File, error) {
	if path == "[vdso]" {
		return vdso()
	}
	var list []string
	if strings.HasPrefix(path, "/") {
		list = append(list, filepath.Join(o.sysroot, path))
	}
	if home, err := os.UserHomeDir(); err == nil && len(id) > 4 {
		list = append(list, filepath.Join(home, ".debug", ".build-id", id[:2], id[2:], "elf"))
	}
	f, err := openFirst(list)
	if err != nil {
		return nil, fmt.Errorf("%w: give its place with --sysroot, or its debug file with --symbols", err)
	}
	return f, nil
}

// debugFile opens the debug file of an object.
func (o *profileFlags) debugFile(id string) (resolve.File, error) {
	var list []string
	if len(id) > 4 {
		for _, dir := range append(o.dirs, debugRoot) {
			list = append(list, filepath.Join(dir, ".build-id", id[:2], id[2:]+".debug"), filepath.Join(dir, id[:2], id[2:]+".debug"))
		}
	}
	return openFirst(list)
}

// openFirst opens the first file that is there.
func openFirst(list []string) (*os.File, error) {
	var first error
	for _, name := range list {
		f, err := os.Open(name)
		if err == nil {
			return f, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = fs.ErrNotExist
	}
	return nil, first
}

// A vdsoFile is the code that the kernel maps into this process.
type vdsoFile struct{ *strings.Reader }

func (vdsoFile) Close() error { return nil }

// vdso reads this machine's own.
func vdso() (resolve.File, error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(maps)) {
		if !strings.Contains(line, "[vdso]") {
			continue
		}
		var from, to int64
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil || to-from > 1<<20 {
			break
		}
		mem, err := os.Open("/proc/self/mem")
		if err != nil {
			return nil, err
		}
		defer mem.Close()
		b := make([]byte, to-from)
		if _, err := mem.ReadAt(b, from); err != nil {
			return nil, err
		}
		return vdsoFile{strings.NewReader(string(b))}, nil
	}
	return nil, errors.New("this process has no vdso")
}

// kernelOf makes a profile's table of one of the kernel's symbols.
func kernelOf(t *symbol.Table) resolve.Kernel {
	return resolve.NewKernel(func(yield func(resolve.KernelSymbol) bool) {
		for s := range t.All() {
			if !yield(resolve.KernelSymbol{Addr: s.Address, Type: s.Type, Name: s.Name, Module: s.Module}) {
				return
			}
		}
	})
}

// kernel finds the kernel's functions: in what is named, else in the running
// kernel, if it is the one that was recorded.
func (o *profileFlags) kernel(release, id string) (resolve.Kernel, error) {
	switch {
	case o.kallsyms != "":
		return kallsymsOf(o.kallsyms)
	case o.vmlinux != "":
		f, err := symbol.OpenPath(o.vmlinux)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if have := f.Identity().BuildID; id != "" && have != "" && have != id {
			return nil, fmt.Errorf("%s has build ID %s, recorded was %s", o.vmlinux, have, id)
		}
		t, err := f.Symbols()
		if err != nil {
			return nil, err
		}
		return kernelOf(t), nil
	}
	const hint = "give the recorded machine's /proc/kallsyms with --kallsyms, or its vmlinux with --vmlinux"
	own := perfevent.KernelBuildID(os.DirFS("/"))
	if id == "" || own == "" || strings.TrimRight(own, "0") != strings.TrimRight(id, "0") {
		return nil, fmt.Errorf("the recorded kernel %s (build ID %s) is not the running one (%s); %s", release, orNone(id), orNone(own), hint)
	}
	k, err := kallsymsOf("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, hint)
	}
	return k, nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func kallsymsOf(path string) (resolve.Kernel, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	k, err := resolve.ReadKallsyms(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// perfMap opens what a runtime of a recorded process wrote.
// A process in a container that still runs is asked for it: there it has another
// number.
func (o *profileFlags) perfMap(pid int32) (io.ReadCloser, error) {
	if o.sysroot == "" {
		if inner := innerPID(pid); inner != "" {
			if f, err := os.Open(fmt.Sprintf("/proc/%d/root/tmp/perf-%s.map", pid, inner)); err == nil {
				return f, nil
			}
		}
	}
	return os.Open(filepath.Join(o.sysroot, "/tmp", fmt.Sprintf("perf-%d.map", pid)))
}

// innerPID is a running process's number in its own PID namespace, "" where it is
// in ours.
func innerPID(pid int32) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(status)) {
		if part := strings.Fields(line); len(part) > 2 && part[0] == "NStgid:" {
			return part[len(part)-1]
		}
	}
	return ""
}

// dump opens what a runtime has written of its code.
func (o *profileFlags) dump(path string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(o.sysroot, path))
}
