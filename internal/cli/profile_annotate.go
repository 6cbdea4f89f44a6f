package cli

import (
	"bufio"
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"ringside/insn"
	"ringside/internal/render"
	"ringside/profile"
	"ringside/profile/perfdata"
	"ringside/profile/resolve"
	"ringside/symbol"
)

func newProfileAnnotate(s Streams) *cobra.Command {
	var o profileFlags
	var out output
	all := false
	c := &cobra.Command{
		Use:   "annotate FILE FUNCTION",
		Short: "Show where in a function the samples are: instructions and source lines",
		Long: `Annotate counts the samples of a function by instruction. The code comes from the
recorded program, checked by build ID; the kernel's from --vmlinux, or out of the
running kernel's memory where that may be read. With debug information the lines of
source are summed up too.`,
		Example: `  ringside profile annotate perf.data compress
  ringside profile annotate --all --vmlinux vmlinux perf.data vfs_read`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := o.annotate(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return out.show(s, a, func(w io.Writer, st render.Style) error { return render.ProfileAnnotateText(w, *a, all, st) })
		},
	}
	o.register(c)
	out.flags(c, false)
	c.Flags().BoolVar(&all, "all", false, "print the whole function, not only what is around hot instructions")
	return c
}

// annotate reads a recording twice: once for its events and once for the
// function.
func (o *profileFlags) annotate(ctx context.Context, path, name string) (*render.ProfileAnnotate, error) {
	p, err := o.loadPerfData(ctx, path)
	if err != nil {
		return nil, err
	}
	event, err := o.chosen(p)
	if err != nil {
		return nil, err
	}
	if event < 0 {
		return nil, usagef("%s has no samples", path)
	}
	a := &render.ProfileAnnotate{Schema: render.ProfileAnnotateSchemaID, Event: p.Events[event].Name, Unit: p.Events[event].Unit, Functions: []render.AnnotatedFunction{}}
	_, a.Weight = p.Total(event)
	f, end, err := openPerfData(path)
	if err != nil {
		return nil, usage(err)
	}
	defer end()
	list, p2, err := resolve.Annotate(ctx, f, o.resolving(), name, func(attr int) bool { return f.Attrs[attr].Name == a.Event })
	if err != nil && len(list) == 0 {
		return nil, usagef("%s: %w", path, err)
	}
	a.Warnings = p2.Warnings
	if len(list) == 0 {
		return nil, usagef("%s: no sample of %s is in a function called %s%s", path, a.Event, name, o.alike(p, event, name))
	}
	for i := range list {
		a.Functions = append(a.Functions, o.annotated(f, &list[i]))
	}
	return a, nil
}

// alike names the heaviest functions, for a name that is none.
func (o *profileFlags) alike(p *profile.Profile, event int, name string) string {
	rows, err := profile.Top(p, profile.ByFunction, event)
	if err != nil || len(rows) == 0 {
		return ""
	}
	for _, r := range rows {
		if r.Self == 0 && r.Name == name {
			return "; it only calls others (ringside profile tree --focus " + name + ")"
		}
	}
	return "; the heaviest is " + rows[0].Name
}

// annotated joins a function's hits with its code and its lines.
func (o *profileFlags) annotated(f *perfdata.File, fn *resolve.Function) render.AnnotatedFunction {
	out := render.AnnotatedFunction{Name: fn.Name, Module: fn.Module, Address: fn.Addr, Size: fn.Size, Samples: fn.Count, Weight: fn.Weight,
		Instructions: []render.AnnotatedInstruction{}, Lines: []render.AnnotatedLine{}}
	addr := fn.Addr
	if fn.Kernel {
		var err error
		if fn.Code, addr, err = o.kernelCode(fn); err != nil {
			out.Note = err.Error()
		}
	} else if fn.Code == nil {
		out.Note = "the code of " + fn.Path + " is not at hand: give its place with --sysroot"
	}
	arch := f.Arch
	if arch == "aarch64" {
		arch = "arm64"
	}
	out.Instructions = instructions(arch, fn)
	o.lines(&out, fn, addr)
	return out
}

// maxListing is how much code the decoder takes at once.
const maxListing = 4096

// instructions decodes a function and gives each instruction its hits. Without
// code the hits stand for themselves.
func instructions(arch string, fn *resolve.Function) []render.AnnotatedInstruction {
	share := func(h resolve.Hit) float64 { return float64(h.Weight) / float64(max(1, fn.Weight)) }
	var list []render.AnnotatedInstruction
	if fn.Code == nil {
		for _, h := range fn.Hits {
			list = append(list, render.AnnotatedInstruction{Offset: h.Offset, Samples: h.Count, Share: share(h)})
		}
		return list
	}
	for at := 0; at < len(fn.Code); {
		part := fn.Code[at:min(len(fn.Code), at+maxListing)]
		l, err := insn.Decode(arch, part, 0)
		if err != nil || len(l.Instructions) == 0 {
			break
		}
		keep := len(l.Instructions)
		if at+len(part) < len(fn.Code) && keep > 8 {
			keep -= 8 // the last ones may be cut
		}
		next := at + len(part)
		if keep < len(l.Instructions) {
			next = at + l.Instructions[keep].Offset
		}
		for _, in := range l.Instructions[:keep] {
			list = append(list, render.AnnotatedInstruction{Offset: uint64(at + in.Offset), Text: in.Text, Bytes: in.Bytes})
		}
		at = next
	}
	for _, h := range fn.Hits {
		i, found := slices.BinarySearchFunc(list, h.Offset, func(in render.AnnotatedInstruction, off uint64) int { return cmp.Compare(in.Offset, off) })
		if !found {
			i--
		}
		if i >= 0 {
			list[i].Samples += h.Count
			list[i].Share += share(h)
		}
	}
	return list
}

// lines adds the source to instructions where the object has debug information.
// addr is where the function begins in the file that has it.
func (o *profileFlags) lines(out *render.AnnotatedFunction, fn *resolve.Function, addr uint64) {
	f := o.debugOf(fn)
	if f == nil {
		return
	}
	defer f.Close()
	type key struct {
		file string
		line int
	}
	sums := map[key]*render.AnnotatedLine{}
	paths := map[string]string{}
	for i := range out.Instructions {
		in := &out.Instructions[i]
		lines, _ := f.Lines(addr + in.Offset) // what comes with an error is good
		if len(lines) == 0 || lines[0].Line == 0 {
			continue
		}
		in.File, in.Line = lines[0].File, lines[0].Line
		if lines[0].Inline {
			in.Inlined = lines[0].Function
		}
		paths[in.File] = cmp.Or(lines[0].Path, lines[0].File)
		if in.Samples == 0 {
			continue
		}
		k := key{in.File, in.Line}
		if sums[k] == nil {
			sums[k] = &render.AnnotatedLine{File: k.file, Line: k.line}
		}
		sums[k].Samples += in.Samples
		sums[k].Share += in.Share
	}
	for _, l := range sums {
		l.Source = o.sourceLine(paths[l.File], l.Line)
		out.Lines = append(out.Lines, *l)
	}
	slices.SortFunc(out.Lines, func(a, b render.AnnotatedLine) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}

// debugOf opens the debug information of a function's object; nil without.
func (o *profileFlags) debugOf(fn *resolve.Function) *symbol.File {
	var places []string
	if fn.Kernel {
		if o.vmlinux == "" {
			return nil
		}
		places = []string{o.vmlinux}
	} else {
		if id := fn.BuildID; len(id) > 4 {
			for _, dir := range append(slices.Clone(o.dirs), debugRoot) {
				places = append(places, filepath.Join(dir, ".build-id", id[:2], id[2:]+".debug"))
			}
		}
		places = append(places, filepath.Join(o.sysroot, fn.Path))
	}
	for _, place := range places {
		f, err := symbol.OpenPath(place)
		if err != nil {
			continue
		}
		if have := f.Identity().BuildID; fn.BuildID != "" && have != "" && have != fn.BuildID {
			f.Close()
			continue
		}
		return f
	}
	return nil
}

// sourceLine reads a line of a source file, where it is at hand.
func (o *profileFlags) sourceLine(path string, line int) string {
	f, err := os.Open(filepath.Join(o.sysroot, path))
	if err != nil {
		return ""
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		if n == line {
			return in.Text()
		}
	}
	return ""
}

// kernelCode reads the bytes of a function of the kernel: from its vmlinux, found
// by name, or from the memory of the running kernel. It returns where the function
// begins in the file that was read.
func (o *profileFlags) kernelCode(fn *resolve.Function) ([]byte, uint64, error) {
	name, addr := "/proc/kcore", fn.Addr
	if o.vmlinux != "" {
		name = o.vmlinux
	}
	r, err := os.Open(name)
	if err != nil {
		return nil, addr, fmt.Errorf("the kernel's code is not at hand (%w): give its vmlinux with --vmlinux", err)
	}
	defer r.Close()
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, addr, fmt.Errorf("%s: %w", name, err)
	}
	if o.vmlinux != "" {
		syms, err := f.Symbols()
		if err != nil {
			return nil, addr, fmt.Errorf("%s: %w", name, err)
		}
		i := slices.IndexFunc(syms, func(s elf.Symbol) bool { return s.Name == fn.Name && elf.ST_TYPE(s.Info) == elf.STT_FUNC })
		if i < 0 {
			return nil, addr, fmt.Errorf("%s has no function %s", name, fn.Name)
		}
		addr = syms[i].Value
		fn.Size = cmp.Or(syms[i].Size, fn.Size)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || addr < p.Vaddr || addr-p.Vaddr >= p.Filesz {
			continue
		}
		b := make([]byte, min(fn.Size, p.Filesz-(addr-p.Vaddr), 4<<20))
		n, err := p.ReadAt(b, int64(addr-p.Vaddr))
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, addr, fmt.Errorf("%s: %w", name, err)
		}
		return b[:n], addr, nil
	}
	return nil, addr, fmt.Errorf("%s does not hold %#x: give the kernel's vmlinux with --vmlinux", name, addr)
}
