package cli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/vmcore"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

func newVmcore(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "vmcore",
		Short: "Read a kernel dump with nothing but the dump",
		Long: `Vmcore reads a dump of a kernel: an ELF vmcore, a kdump file compressed by
makedumpfile or QEMU, flattened or split, /proc/vmcore, /proc/kcore, plain RAM.
Symbols, types and unwind tables come out of the dump itself; no vmlinux and no
debug package is needed. The parts of a split dump are given one after the other.`,
	}
	c.AddCommand(newVmcoreTriage(s), newVmcoreLog(s), newVmcoreTasks(s), newVmcoreStack(s), newVmcoreLocks(s), newVmcoreMods(s), newVmcoreMem(s), newVmcoreSym(s), newVmcoreRead(s), newVmcoreStruct(s), newVmcoreGDBServer(s), newVmcoreShell(s), newVmcoreScript(s), newVmcoreFilter(s), newVmcoreRedact(s))
	c.AddCommand(vmcoreSystemVerbs(s)...)
	return c
}

// dumpVerb makes a verb whose arguments are the files of a dump.
func dumpVerb(s Streams, use, short string, out *output, run func(ctx context.Context, k *kernel.Kernel) error) *cobra.Command {
	var d dumpFlags
	c := &cobra.Command{
		Use: use + " DUMP...", Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			k, end, err := d.open(c.Context(), s, args)
			if err != nil {
				return err
			}
			defer end()
			return run(c.Context(), k)
		},
	}
	d.flags(c)
	out.flags(c, false)
	return c
}

// sections runs some sections of a triage.
func sections(ctx context.Context, k *kernel.Kernel, names ...string) (*vmcore.Document, error) {
	doc, err := vmcore.Triage(ctx, k, vmcore.Options{Sections: names})
	if err != nil {
		return nil, &exitError{exitInternal, err}
	}
	return doc, nil
}

// lacking is the error of a verb that needs more than the dump gives.
func lacking(k *kernel.Kernel, need kernel.Rung) error {
	for _, step := range k.Ladder() {
		if step.Rung <= need && step.Rung != kernel.RungORC && !step.Reached {
			return usagef("the dump gives no more than its %s: %s", k.Rung(), step.Text)
		}
	}
	return nil
}

func (o *output) show(s Streams, v any, text func(w io.Writer, st render.Style) error) error {
	err := o.write(s, func(w io.Writer, st render.Style) error {
		if o.json {
			return render.JSON(w, v)
		}
		return text(w, st)
	})
	if err != nil {
		return &exitError{exitInternal, err}
	}
	return nil
}

func newVmcoreTriage(s Streams) *cobra.Command {
	var out output
	c := dumpVerb(s, "triage", "Say what is wrong with a kernel, from its dump", &out, func(ctx context.Context, k *kernel.Kernel) error {
		doc, err := sections(ctx, k)
		if err != nil {
			return err
		}
		return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.Vmcore(w, doc, st) })
	})
	c.Example = "  ringside vmcore triage /var/crash/202611231200/dump.202611231200\n  ringside vmcore triage --json vmcore | jq .findings[0]"
	return c
}

func newVmcoreLog(s Streams) *cobra.Command {
	var out output
	var style object.LogStyle
	c := dumpVerb(s, "log", "Print the kernel's log", &out, func(ctx context.Context, k *kernel.Kernel) error {
		list := render.VmcoreLog{Schema: render.VmcoreLogSchemaID, Rung: k.Rung(), Records: []render.VmcoreLogRecord{}}
		var records []object.Record
		_, err := object.Log(k.Walk(ctx), func(r object.Record) bool {
			records = append(records, r)
			return true
		})
		if out.json {
			list.Add(records)
		}
		serr := out.show(s, list, func(to io.Writer, _ render.Style) error {
			for _, r := range records {
				if err := style.Write(to, r); err != nil {
					return err
				}
			}
			return nil
		})
		if serr == nil && err != nil { // what could be read is written
			return usage(err)
		}
		return serr
	})
	c.Flags().BoolVar(&style.Level, "level", false, "write each line's level as <N>")
	c.Flags().BoolVar(&style.Caller, "caller", false, "write which task or CPU printed a line")
	return c
}

func newVmcoreTasks(s Streams) *cobra.Command {
	var out output
	var stacks bool
	var state string
	c := dumpVerb(s, "tasks", "List all tasks and threads", &out, func(ctx context.Context, k *kernel.Kernel) error {
		if err := lacking(k, kernel.RungBTF); err != nil {
			return err
		}
		doc, err := sections(ctx, k, vmcore.SectionCPUs, vmcore.SectionTasks)
		if err != nil {
			return err
		}
		list := render.NewVmcoreTasks(doc, state, stacks)
		return out.show(s, list, func(w io.Writer, st render.Style) error { return render.VmcoreTaskList(w, list, st) })
	})
	c.Flags().BoolVar(&stacks, "stacks", false, "with the stack of each")
	c.Flags().StringVar(&state, "state", "", "only tasks in these `STATES`: letters as ps prints them, such as D or RD")
	return c
}

func newVmcoreStack(s Streams) *cobra.Command {
	var out output
	var pids []int
	c := dumpVerb(s, "stack", "Print the stacks of tasks and CPUs, the same ones once", &out, func(ctx context.Context, k *kernel.Kernel) error {
		if err := lacking(k, kernel.RungBTF); err != nil {
			return err
		}
		doc, err := sections(ctx, k, vmcore.SectionCPUs, vmcore.SectionTasks)
		if err != nil {
			return err
		}
		list := render.NewVmcoreStacks(doc, pids)
		if len(pids) > 0 && len(list.Groups) == 0 {
			return usagef("no task has the ID %s", strings.Trim(fmt.Sprint(pids), "[]"))
		}
		return out.show(s, list, func(w io.Writer, st render.Style) error { return render.VmcoreStackList(w, list, st) })
	})
	c.Flags().IntSliceVar(&pids, "pid", nil, "only the tasks of these `IDS`")
	return c
}

func newVmcoreLocks(s Streams) *cobra.Command {
	var out output
	return dumpVerb(s, "locks", "Say which task waits for which lock, and who holds it", &out, func(ctx context.Context, k *kernel.Kernel) error {
		if err := lacking(k, kernel.RungBTF); err != nil {
			return err
		}
		doc, err := sections(ctx, k, vmcore.SectionCPUs, vmcore.SectionTasks, vmcore.SectionWaits)
		if err != nil {
			return err
		}
		list := render.NewVmcoreLocks(doc)
		return out.show(s, list, func(w io.Writer, st render.Style) error { return render.VmcoreLockList(w, list, st) })
	})
}

func newVmcoreMods(s Streams) *cobra.Command {
	var out output
	return dumpVerb(s, "mods", "List the loaded modules", &out, func(ctx context.Context, k *kernel.Kernel) error {
		if err := lacking(k, kernel.RungBTF); err != nil {
			return err
		}
		doc, err := sections(ctx, k, vmcore.SectionModules)
		if err != nil {
			return err
		}
		list := render.NewVmcoreModules(doc)
		return out.show(s, list, func(w io.Writer, st render.Style) error { return render.VmcoreModuleList(w, list, st) })
	})
}

// pointVerb makes a verb whose first argument is the dump, and the others say
// what in it.
func pointVerb(s Streams, use, short string, least int, out *output, run func(ctx context.Context, k *kernel.Kernel, args []string) error) *cobra.Command {
	var d dumpFlags
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.MinimumNArgs(1 + least),
		RunE: func(c *cobra.Command, args []string) error {
			k, end, err := d.open(c.Context(), s, args[:1])
			if err != nil {
				return err
			}
			defer end()
			return run(c.Context(), k, args[1:])
		},
	}
	d.flags(c)
	out.flags(c, false)
	return c
}

// dumpAddress resolves a symbol, or a number with or without 0x, with +OFFSET.
func dumpAddress(k *kernel.Kernel, text string) (uint64, error) {
	base, plus, _ := strings.Cut(text, "+")
	var off uint64
	if plus != "" {
		var err error
		if off, err = strconv.ParseUint(plus, 0, 64); err != nil {
			return 0, usagef("%s: what is after the + is no number", text)
		}
	}
	if a, err := strconv.ParseUint(strings.TrimPrefix(base, "0x"), 16, 64); err == nil && (strings.HasPrefix(base, "0x") || len(base) == 16) {
		return a + off, nil
	}
	if a, ok := k.Symbol(base); ok {
		return a + off, nil
	}
	for _, m := range k.Modules() {
		if a, ok := m.Symbol(base); ok {
			return a + off, nil
		}
	}
	return 0, usagef("%s: no symbol of this name, and no address", base)
}

func newVmcoreSym(s Streams) *cobra.Command {
	var out output
	return pointVerb(s, "sym DUMP ADDRESS|SYMBOL...", "Turn addresses into symbols and symbols into addresses", 1, &out, func(_ context.Context, k *kernel.Kernel, args []string) error {
		if err := lacking(k, kernel.RungKallsyms); err != nil {
			return err
		}
		list := render.VmcoreSymbols{Schema: render.VmcoreSymbolsSchemaID, Symbols: []render.VmcoreSymbol{}}
		for _, arg := range args {
			a, err := dumpAddress(k, arg)
			if err != nil {
				return err
			}
			list.Symbols = append(list.Symbols, render.NewVmcoreSymbol(k, a))
		}
		return out.show(s, list, func(w io.Writer, st render.Style) error { return render.VmcoreSymbolList(w, list, st) })
	})
}

// maxRead bounds what one read prints.
const maxRead = 1 << 20

func newVmcoreRead(s Streams) *cobra.Command {
	var out output
	var n uint64
	var phys bool
	c := pointVerb(s, "read DUMP ADDRESS|SYMBOL", "Print memory in hexadecimal", 1, &out, func(ctx context.Context, k *kernel.Kernel, args []string) error {
		if n == 0 || n > maxRead {
			return usagef("--bytes %d: 1 to %d can be printed at once", n, maxRead)
		}
		p := make([]byte, n)
		var at uint64
		var err error
		if phys {
			if at, err = strconv.ParseUint(args[0], 0, 64); err != nil {
				return usagef("%s: a physical address is a number", args[0])
			}
			err = k.Dump.ReadPhys(p, at)
		} else {
			if err := lacking(k, kernel.RungVMCoreInfo); err != nil {
				return err
			}
			if at, err = dumpAddress(k, args[0]); err != nil {
				return err
			}
			err = k.Walk(ctx).Read(p, at)
		}
		if err != nil {
			return usage(err)
		}
		data := render.NewVmcoreMemory(k, at, p, !phys)
		return out.show(s, data, func(w io.Writer, st render.Style) error { return render.VmcoreHex(w, data, st) })
	})
	c.Flags().Uint64VarP(&n, "bytes", "n", 64, "how many bytes")
	c.Flags().BoolVar(&phys, "physical", false, "ADDRESS is a physical address")
	return c
}

func newVmcoreStruct(s Streams) *cobra.Command {
	var out output
	var list, rbtree string
	var xarray bool
	var depth, most int
	c := pointVerb(s, "struct DUMP TYPE[.MEMBER] [ADDRESS|SYMBOL]", "Print a structure by the kernel's own types, or how it is laid out", 1, &out, func(ctx context.Context, k *kernel.Kernel, args []string) error {
		if err := lacking(k, kernel.RungBTF); err != nil {
			return err
		}
		typ, member, _ := strings.Cut(args[0], ".")
		if !slices.ContainsFunc([]string{"struct ", "union ", "enum "}, func(p string) bool { return strings.HasPrefix(typ, p) }) {
			if _, ok := k.TypeID("struct " + typ); ok {
				typ = "struct " + typ
			}
		}
		id, ok := k.TypeID(typ)
		if !ok {
			return usagef("the kernel has no type %q", typ)
		}
		if len(args) == 1 {
			text := k.Types.Declare(id)
			return out.show(s, map[string]string{"type": typ, "declaration": text}, func(w io.Writer, _ render.Style) error {
				_, err := fmt.Fprintln(w, text)
				return err
			})
		}
		at, err := dumpAddress(k, args[1])
		if err != nil {
			return err
		}
		w := k.Walk(ctx)
		values := []kernel.Value{w.At(typ, at)}
		if elements := elementsOf(w, typ, at, list, rbtree, xarray); elements != nil {
			values = nil
			for v := range elements {
				if values = append(values, v); len(values) == most {
					break
				}
			}
		}
		tree := render.VmcoreValues{Schema: render.VmcoreValuesSchemaID, Values: []object.Tree{}}
		for _, v := range values {
			if v, err = follow(v, member); err != nil {
				return err
			}
			tree.Values = append(tree.Values, object.TreeOf(v, depth))
		}
		faults, _ := w.Faults()
		if len(faults) > 0 && (len(values) == 0 || len(tree.Values[0].Members) == 0 && tree.Values[0].Text == "") {
			return usagef("%s at %#x: %s", typ, at, faults[0].Text)
		}
		return out.show(s, tree, func(w io.Writer, st render.Style) error { return render.VmcoreValueList(w, tree, st) })
	})
	c.Flags().StringVar(&list, "list", "", "ADDRESS is a list_head, and the structures are in the list by this `MEMBER`")
	c.Flags().StringVar(&rbtree, "rbtree", "", "ADDRESS is an rb_root, and the structures are in the tree by this `MEMBER`")
	c.Flags().BoolVar(&xarray, "xarray", false, "ADDRESS is an xarray of pointers to the structures")
	c.MarkFlagsMutuallyExclusive("list", "rbtree", "xarray")
	c.Flags().IntVar(&depth, "depth", 2, "how deep structures within the structure are printed")
	c.Flags().IntVar(&most, "most", 100, "how many of a list")
	c.Example = "  ringside vmcore struct vmcore task_struct init_task\n  ringside vmcore struct vmcore module modules --list list\n  ringside vmcore struct vmcore rw_semaphore.owner 0xffff8ce282793000\n  ringside vmcore struct vmcore task_struct.mm.map_count 0xffff8ce282793000\n  ringside vmcore struct vmcore vmap_area vmap_area_root --rbtree rb_node"
	return c
}

// elementsOf goes through what is in a list, a tree or an xarray at an address;
// nil where the address is that of one structure.
func elementsOf(w *kernel.Walk, typ string, at uint64, list, rbtree string, xarray bool) iter.Seq[kernel.Value] {
	switch {
	case list != "":
		return w.List(w.At("struct list_head", at), typ, list)
	case rbtree != "":
		return w.RBTree(w.At("struct rb_root", at), typ, rbtree)
	case xarray:
		return func(yield func(kernel.Value) bool) {
			for _, entry := range w.XArray(w.At("struct xarray", at)) {
				if !yield(w.At(typ, entry)) {
					return
				}
			}
		}
	}
	return nil
}

// follow goes along a path of members, through pointers where they lie on the way.
func follow(v kernel.Value, path string) (kernel.Value, error) {
	if path == "" {
		return v, nil
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(path, "->", "."), ".") {
		if v.IsPointer() {
			at := v
			if v = v.Deref(); !v.Valid() {
				return v, usagef("%s: the %s at %#x is %#x, and leads nowhere", path, at.Type(), at.Addr(), at.Ptr())
			}
		}
		if !v.Has(part) {
			return v, usagef("%s has no member %q", v.Type(), part)
		}
		v = v.Field(part)
	}
	return v, nil
}
