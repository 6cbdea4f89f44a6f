package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/vmcore"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

func newVmcoreMem(s Streams) *cobra.Command {
	var out output
	var slabs bool
	c := pointVerb(s, "mem DUMP [ADDRESS|SYMBOL...]", "Say where the memory was, or what an address points to", 0, &out, func(ctx context.Context, k *kernel.Kernel, args []string) error {
		if err := lacking(k, kernel.RungBTF); err != nil {
			return err
		}
		if len(args) > 0 {
			return describeAddresses(ctx, s, &out, k, args)
		}
		doc, err := sections(ctx, k, vmcore.SectionMemory)
		if err != nil {
			return err
		}
		list := render.NewVmcoreMem(doc)
		return out.show(s, list, func(w io.Writer, st render.Style) error { return render.VmcoreMemList(w, list, slabs, st) })
	})
	c.Flags().BoolVar(&slabs, "slabs", false, "print all slab caches, as slabtop does")
	c.Example = "  ringside vmcore mem vmcore\n  ringside vmcore mem vmcore --slabs\n  ringside vmcore mem vmcore 0xffff8ce2801e5040"
	return c
}

// describeAddresses says what addresses point to.
func describeAddresses(ctx context.Context, s Streams, out *output, k *kernel.Kernel, args []string) error {
	list := render.VmcorePointers{Schema: render.VmcorePointersSchemaID, Rung: k.Rung(), Pointers: []render.VmcorePointer{}}
	p := object.NewPointers(k.Walk(ctx))
	for _, arg := range args {
		at, err := dumpAddress(k, arg)
		if err != nil {
			return err
		}
		list.Pointers = append(list.Pointers, render.VmcorePointer{Addr: vmcore.Addr(at), Pointer: p.Describe(at)})
	}
	return out.show(s, list, func(w io.Writer, st render.Style) error { return render.VmcorePointerList(w, list, st) })
}
