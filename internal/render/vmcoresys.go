package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ringside/vmcore"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// The JSON forms of the verbs that list the objects of a system.
const (
	VmcoreIRQsSchemaID   = "https://ringside.dev/schemas/vmcore-irqs.v1.json"
	VmcoreMountsSchemaID = "https://ringside.dev/schemas/vmcore-mounts.v1.json"
	VmcoreNetSchemaID    = "https://ringside.dev/schemas/vmcore-net.v1.json"
	VmcoreTimersSchemaID = "https://ringside.dev/schemas/vmcore-timers.v1.json"
	VmcoreWorksSchemaID  = "https://ringside.dev/schemas/vmcore-works.v1.json"
	VmcoreBlocksSchemaID = "https://ringside.dev/schemas/vmcore-blocks.v1.json"
	VmcoreRunqSchemaID   = "https://ringside.dev/schemas/vmcore-runq.v1.json"
)

// VmcoreHead is what the list of a kind of object says of itself.
type VmcoreHead struct {
	Schema string          `json:"schema"`
	Rung   kernel.Rung     `json:"rung"`
	Status []vmcore.Status `json:"status"` // what could not be read
}

func headOf(schema string, doc *vmcore.Document) VmcoreHead {
	return VmcoreHead{schema, doc.Rung, doc.Sections.Status}
}

// VmcoreIRQs is the interrupts of a dump.
type VmcoreIRQs struct {
	VmcoreHead
	IRQs *object.IRQs `json:"irqs"`
}

// NewVmcoreIRQs lists the interrupts.
func NewVmcoreIRQs(doc *vmcore.Document) VmcoreIRQs {
	return VmcoreIRQs{headOf(VmcoreIRQsSchemaID, doc), doc.Sections.IRQs}
}

// VmcoreIRQList prints interrupts that are in use, as /proc/interrupts does.
func VmcoreIRQList(w io.Writer, l VmcoreIRQs, st Style) error {
	p := &printer{w: w, s: st}
	if l.IRQs != nil {
		head := fmt.Sprintf("%10s", "")
		for _, cpu := range l.IRQs.CPUs {
			head += fmt.Sprintf(" %10s", fmt.Sprintf("CPU%d", cpu))
		}
		p.line("%s", p.s.paint(faint, head))
		row := func(name string, counts []uint64, text, trouble string) {
			line := fmt.Sprintf("%10s", name)
			for _, n := range counts {
				line += fmt.Sprintf(" %10d", n)
			}
			p.line("%s  %s%s", line, text, p.s.paint(danger, trouble))
		}
		unused := 0
		for _, q := range l.IRQs.Lines {
			if len(q.Actions) == 0 && q.Total == 0 {
				unused++
				continue
			}
			var names []string
			for _, a := range q.Actions {
				names = append(names, fmt.Sprintf("%s (%s)", a.Name, a.Handler))
			}
			text := fmt.Sprintf("%s %d %s  %s", q.Chip, q.HWIRQ, strings.TrimPrefix(q.Flow, "handle_"), strings.Join(names, ", "))
			trouble := ""
			if q.Disabled > 0 {
				trouble = fmt.Sprintf("  disabled %d times", q.Disabled)
			}
			row(fmt.Sprintf("%d:", q.Number), q.Counts, text, trouble)
		}
		for _, c := range slices.Concat(l.IRQs.Soft, l.IRQs.Local) {
			row(cut(c.Name, 10), c.Counts, c.Name, "")
		}
		if unused > 0 {
			p.line("%s", p.s.paint(faint, fmt.Sprintf("%d more are set up and not used", unused)))
		}
	}
	p.unread(l.VmcoreHead)
	return p.err
}

// VmcoreMounts is what is mounted.
type VmcoreMounts struct {
	VmcoreHead
	Mounts []object.Mount `json:"mounts"`
}

// NewVmcoreMounts lists what is mounted.
func NewVmcoreMounts(doc *vmcore.Document) VmcoreMounts {
	return VmcoreMounts{headOf(VmcoreMountsSchemaID, doc), doc.Sections.Mounts}
}

// VmcoreMountList prints mounts as mount does.
func VmcoreMountList(w io.Writer, l VmcoreMounts, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%-18s %-18s %-10s %-16s %s", "MOUNT", "SUPERBLOCK", "TYPE", "DEVICE", "PATH")))
	for _, m := range l.Mounts {
		frozen := ""
		if m.Frozen {
			frozen = "  frozen"
		}
		p.line("%-18s %-18s %-10s %-16s %s (%s)%s", m.Addr, m.Super, m.Type, m.Device, m.Path, strings.Join(m.Options, ","), p.s.paint(danger, frozen))
	}
	p.unread(l.VmcoreHead)
	return p.err
}

// VmcoreNet is the network of a dump.
type VmcoreNet struct {
	VmcoreHead
	Network *object.Network `json:"network"`
}

// NewVmcoreNet lists devices and sockets.
func NewVmcoreNet(doc *vmcore.Document) VmcoreNet {
	return VmcoreNet{headOf(VmcoreNetSchemaID, doc), doc.Sections.Network}
}

// VmcoreNetList prints devices and counts of sockets.
func VmcoreNetList(w io.Writer, l VmcoreNet, st Style) error {
	p := &printer{w: w, s: st}
	if l.Network != nil {
		for _, d := range l.Network.Devices {
			p.line("%d: %s  <%s> mtu %d %s %s", d.Index, p.s.paint(strong, d.Name), strings.Join(d.Flags, ","), d.MTU, d.MAC, p.s.paint(faint, d.Addr.String()))
			for _, a := range d.Addresses {
				p.line("    %s", a)
			}
			if s := d.Stats; s != nil {
				p.line("    received %d packets, %d bytes, %d errors, %d dropped; sent %d packets, %d bytes, %d errors, %d dropped",
					s.RxPackets, s.RxBytes, s.RxErrors, s.RxDropped, s.TxPackets, s.TxBytes, s.TxErrors, s.TxDropped)
			}
			for _, q := range d.Queues {
				text := fmt.Sprintf("    queue %d: %d timeouts", q.Index, q.Timeouts)
				if q.Stopped {
					text += fmt.Sprintf(", stopped, last sent %s ago", shortTime(q.Since))
				}
				p.line("%s", p.s.paint(danger, text))
			}
		}
		p.section("Sockets")
		for _, c := range l.Network.Sockets {
			p.line("  %6d  %-5s %-6s %s", c.Count, c.Protocol, c.Family, c.State)
		}
		for _, s := range l.Network.Listen {
			p.line("  listens  %-5s %s  %s", s.Protocol, s.Address, p.s.paint(faint, s.Addr.String()))
		}
	}
	p.unread(l.VmcoreHead)
	return p.err
}

// VmcoreTimers is the timers of a dump.
type VmcoreTimers struct {
	VmcoreHead
	Timers *object.Timers `json:"timers"`
}

// NewVmcoreTimers lists the timers.
func NewVmcoreTimers(doc *vmcore.Document) VmcoreTimers {
	return VmcoreTimers{headOf(VmcoreTimersSchemaID, doc), doc.Sections.Timers}
}

// VmcoreTimerList prints timers by CPU, those due first.
func VmcoreTimerList(w io.Writer, l VmcoreTimers, st Style) error {
	p := &printer{w: w, s: st}
	row := func(t object.Timer) {
		due := "in " + shortTime(t.In)
		if t.In < 0 {
			due = "overdue " + shortTime(-t.In)
		}
		p.line("  %-18s %18s  %s  %s", t.Addr, due, t.Function, p.s.paint(faint, t.Clock))
	}
	if l.Timers != nil {
		for _, wheel := range l.Timers.Wheels {
			text := fmt.Sprintf("CPU %d, %s: %d timers", wheel.CPU, wheel.Base, wheel.Count)
			if wheel.Late > 0 {
				text += ", its clock is " + shortTime(wheel.Late) + " behind"
			}
			if wheel.Running != "" {
				text += ", in " + wheel.Running
			}
			p.line("%s", p.s.paint(strong, text))
			for _, t := range wheel.Timers {
				row(t)
			}
		}
		for cpu, timers := range byCPU(l.Timers.High) {
			p.line("%s", p.s.paint(strong, fmt.Sprintf("CPU %d, high resolution: %d timers", cpu, len(timers))))
			for _, t := range timers {
				row(t)
			}
		}
	}
	p.unread(l.VmcoreHead)
	return p.err
}

// byCPU goes through the timers of each CPU, the first due first.
func byCPU(all []object.Timer) func(yield func(int, []object.Timer) bool) {
	return func(yield func(int, []object.Timer) bool) {
		sorted := slices.SortedStableFunc(slices.Values(all), func(a, b object.Timer) int {
			return cmp.Or(cmp.Compare(a.CPU, b.CPU), cmp.Compare(a.In, b.In))
		})
		for len(sorted) > 0 {
			n := 1
			for n < len(sorted) && sorted[n].CPU == sorted[0].CPU {
				n++
			}
			if !yield(sorted[0].CPU, sorted[:n]) {
				return
			}
			sorted = sorted[n:]
		}
	}
}

// VmcoreWorks is the work of the pools of a dump.
type VmcoreWorks struct {
	VmcoreHead
	Pools []object.WorkPool `json:"pools"`
}

// NewVmcoreWorks lists the pools of workers.
func NewVmcoreWorks(doc *vmcore.Document) VmcoreWorks {
	return VmcoreWorks{headOf(VmcoreWorksSchemaID, doc), doc.Sections.WorkPools}
}

// VmcoreWorkList prints pools with what they do and have to do.
func VmcoreWorkList(w io.Writer, l VmcoreWorks, st Style) error {
	p := &printer{w: w, s: st}
	for _, pool := range l.Pools {
		text := fmt.Sprintf("pool %d, CPU %d, nice %d: %d workers, %d idle", pool.ID, pool.CPU, pool.Nice, pool.Workers, pool.Idle)
		if pool.CPU < 0 {
			text = fmt.Sprintf("pool %d, any CPU, nice %d: %d workers, %d idle", pool.ID, pool.Nice, pool.Workers, pool.Idle)
		}
		if pool.Stalled > 0 {
			text += ", no progress for " + shortTime(pool.Stalled)
		}
		p.line("%s", p.s.paint(strong, text))
		for _, b := range pool.Busy {
			p.line("  %s:%d %s does %s of %s, for %s", b.Comm, b.TID, b.State, b.Function, b.Queue, shortTime(b.Since))
		}
		for _, work := range pool.Pending {
			p.line("  pending %s of %s  %s", work.Function, work.Queue, p.s.paint(faint, work.Addr.String()))
		}
	}
	p.unread(l.VmcoreHead)
	return p.err
}

// VmcoreBlocks is the disks of a dump.
type VmcoreBlocks struct {
	VmcoreHead
	Disks []object.Disk `json:"disks"`
}

// NewVmcoreBlocks lists the disks and their requests.
func NewVmcoreBlocks(doc *vmcore.Document) VmcoreBlocks {
	return VmcoreBlocks{headOf(VmcoreBlocksSchemaID, doc), doc.Sections.Disks}
}

// VmcoreBlockList prints disks with the requests that have not ended.
func VmcoreBlockList(w io.Writer, l VmcoreBlocks, st Style) error {
	p := &printer{w: w, s: st}
	for _, d := range l.Disks {
		text := fmt.Sprintf("%-12s %d reads, %d writes in flight", d.Name, d.Reads, d.Writes)
		if d.Frozen > 0 {
			text += ", frozen"
		}
		if d.Quiesced > 0 {
			text += ", stopped by its driver"
		}
		p.line("%s  %s", p.s.paint(strong, text), p.s.paint(faint, d.Addr.String()))
		for _, r := range d.Requests {
			p.line("  %-18s %-9s %-12s sector %d, %d bytes, tag %d of queue %d, for %s", r.Addr, r.State, r.Op, r.Sector, r.Bytes, r.Tag, r.HWQ, shortTime(r.Age))
		}
	}
	p.unread(l.VmcoreHead)
	return p.err
}

// VmcoreRunq is the run queues of a dump.
type VmcoreRunq struct {
	VmcoreHead
	RunQueues *vmcore.RunQueueSection `json:"runqueues"`
}

// NewVmcoreRunq lists the run queues.
func NewVmcoreRunq(doc *vmcore.Document) VmcoreRunq {
	return VmcoreRunq{headOf(VmcoreRunqSchemaID, doc), doc.Sections.RunQueues}
}

// VmcoreRunqList prints what each CPU ran and what waited for it.
func VmcoreRunqList(w io.Writer, l VmcoreRunq, st Style) error {
	p := &printer{w: w, s: st}
	if s := l.RunQueues; s != nil {
		for _, q := range s.CPUs {
			text := fmt.Sprintf("CPU %d: %s:%d", q.CPU, q.Current.Comm, q.Current.TID)
			if !q.Idle {
				text += fmt.Sprintf(" (%s, priority %d) for %s", q.Current.Class, q.Current.Prio, shortTime(q.Current.Since))
			}
			p.line("%s  %s", p.s.paint(strong, text), p.s.paint(faint, q.Addr.String()))
			clock := fmt.Sprintf("  clock %s", shortTime(q.Clock))
			if q.Behind > 0 {
				clock += ", " + shortTime(q.Behind) + " behind"
			}
			if q.Watchdog != nil {
				clock += ", watchdog ran " + shortTime(*q.Watchdog) + " ago"
			}
			p.line("%s", clock)
			for _, t := range q.Queued {
				p.line("  %s:%d (%s, priority %d) waits for %s", t.Comm, t.TID, t.Class, t.Prio, shortTime(t.Since))
			}
		}
		if r := s.RCU; r != nil {
			text := fmt.Sprintf("%s: grace period %d", r.Flavour, r.GracePeriod)
			if r.Running {
				text += fmt.Sprintf(" for %s, waits for CPUs %v", shortTime(r.Age), r.CPUs)
				for _, t := range r.Tasks {
					text += fmt.Sprintf(" %s:%d", t.Comm, t.TID)
				}
			} else {
				text += " has ended"
			}
			p.line("%s", text)
		}
	}
	p.unread(l.VmcoreHead)
	return p.err
}

// shortTime writes a time with as many digits as say anything.
func shortTime(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return d.Round(time.Second).String()
	case d >= time.Second || d <= -time.Second:
		return fmt.Sprintf("%.3f s", d.Seconds())
	}
	return fmt.Sprintf("%.3f ms", float64(d)/1e6)
}

// unread says what a section could not read.
func (p *printer) unread(h VmcoreHead) {
	var doc vmcore.Document
	for _, s := range h.Status {
		if s.Section != "system" {
			doc.Sections.Status = append(doc.Sections.Status, s)
		}
	}
	p.vmcoreTrouble(&doc)
}
