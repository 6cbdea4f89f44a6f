package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/vmcore"
	"ringside/vmcore/kernel"
)

// vmcoreSystemVerbs are the verbs that list the objects of a system.
func vmcoreSystemVerbs(s Streams) []*cobra.Command {
	return []*cobra.Command{
		sectionVerb(s, "irq", "List the interrupts with their handlers and counts", render.NewVmcoreIRQs, render.VmcoreIRQList, vmcore.SectionIRQs),
		sectionVerb(s, "net", "List the network devices and count the sockets", render.NewVmcoreNet, render.VmcoreNetList, vmcore.SectionNet),
		sectionVerb(s, "mounts", "List what is mounted", render.NewVmcoreMounts, render.VmcoreMountList, vmcore.SectionMounts),
		sectionVerb(s, "timers", "List the timers, those due first", render.NewVmcoreTimers, render.VmcoreTimerList, vmcore.SectionTimers),
		sectionVerb(s, "works", "List the work in flight and pending on workqueues", render.NewVmcoreWorks, render.VmcoreWorkList, vmcore.SectionWorks),
		sectionVerb(s, "blocks", "List the disks and the requests that have not ended", render.NewVmcoreBlocks, render.VmcoreBlockList, vmcore.SectionDisks),
		sectionVerb(s, "runq", "Say what each CPU ran, what waited for it, and whom RCU waits for", render.NewVmcoreRunq, render.VmcoreRunqList, vmcore.SectionRunq),
	}
}

// sectionVerb makes a verb that runs one section and shows it.
func sectionVerb[L any](s Streams, use, short string, list func(*vmcore.Document) L, text func(io.Writer, L, render.Style) error, section string) *cobra.Command {
	var out output
	return dumpVerb(s, use, short, &out, func(ctx context.Context, k *kernel.Kernel) error {
		if err := lacking(k, kernel.RungBTF); err != nil {
			return err
		}
		doc, err := sections(ctx, k, section)
		if err != nil {
			return err
		}
		l := list(doc)
		return out.show(s, l, func(w io.Writer, st render.Style) error { return text(w, l, st) })
	})
}
