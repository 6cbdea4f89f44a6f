package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"ringside/vmcore"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// The JSON forms of what `vmcore mem` prints.
const (
	VmcoreMemSchemaID      = "https://ringside.dev/schemas/vmcore-mem.v1.json"
	VmcorePointersSchemaID = "https://ringside.dev/schemas/vmcore-pointers.v1.json"
)

// VmcoreMem is where the memory of a dumped machine was.
type VmcoreMem struct {
	Schema string                `json:"schema"`
	Rung   kernel.Rung           `json:"rung"`
	Memory *vmcore.MemorySection `json:"memory"`
	Found  []vmcore.Finding      `json:"findings"` // about memory
	Status []vmcore.Status       `json:"status"`
}

// NewVmcoreMem takes what a document says about memory.
func NewVmcoreMem(doc *vmcore.Document) VmcoreMem {
	m := VmcoreMem{Schema: VmcoreMemSchemaID, Rung: doc.Rung, Memory: doc.Sections.Memory, Found: []vmcore.Finding{}, Status: doc.Sections.Status}
	for _, f := range doc.Findings {
		if f.Kind == vmcore.FindingMemory || f.Kind == vmcore.FindingCorrupt {
			m.Found = append(m.Found, f)
		}
	}
	return m
}

// Bounds of the short forms.
const (
	shortSlabs     = 10
	shortProcesses = 5
	shortVmalloc   = 5
)

// VmcoreMemList prints where the memory was: what free, slabtop and
// /proc/buddyinfo would have printed.
func VmcoreMemList(w io.Writer, m VmcoreMem, slabs bool, st Style) error {
	p := &printer{w: w, s: st}
	s := m.Memory
	if s == nil {
		p.line("%s", "The memory's counters could not be read.")
		return p.err
	}
	for _, f := range m.Found {
		p.wrapped("", f.Title, danger)
	}
	if slabs {
		p.slabs(s, len(s.Slabs))
		return p.err
	}
	total := max(s.Bytes("MemTotal"), 1)
	p.section("Where " + vmcore.Size(s.Bytes("MemTotal")) + " went")
	for _, part := range s.Balance {
		p.line("  %12s %5.1f %%  %s", vmcore.Size(part.Bytes), float64(part.Bytes)*100/float64(total), part.Name)
	}
	p.section("Zones")
	p.line("  %s", p.s.paint(faint, fmt.Sprintf("%4s %-8s %12s %12s %12s %12s  %s", "NODE", "ZONE", "MANAGED", "FREE", "MIN", "LOW", "FREE BLOCKS OF 2^0, 2^1 … PAGES")))
	for _, n := range s.Nodes {
		for _, z := range n.Zones {
			size := func(pages uint64) string { return vmcore.Size(pages * s.PageSize) }
			r := plain
			if slices.Contains(s.Short, z.Name) && z.Free < z.Min {
				r = danger
			}
			p.line("  %4d %-8s %12s %s %12s %12s  %s", n.ID, z.Name, size(z.Managed), p.s.paint(r, fmt.Sprintf("%12s", size(z.Free))), size(z.Min), size(z.Low), strings.Trim(fmt.Sprint(z.Buddy), "[]"))
		}
	}
	p.section("Counters")
	for row := range slices.Chunk(s.Counters, 3) {
		var cells []string
		for _, c := range row {
			cells = append(cells, fmt.Sprintf("%-15s %10d kB", c.Name+":", c.Bytes>>10))
		}
		p.line("  %s", strings.Join(cells, "   "))
	}
	for _, h := range s.Huge {
		if h.Total > 0 {
			p.line("  huge pages of %s: %d, %d free, %d reserved, %d surplus", vmcore.Size(h.Size), h.Total, h.Free, h.Reserved, h.Surplus)
		}
	}
	p.slabs(s, shortSlabs)
	if len(s.Processes) > 0 {
		p.section("Largest processes")
		for _, x := range s.Processes[:min(len(s.Processes), shortProcesses)] {
			p.line("  %12s  %s:%d", vmcore.Size(x.RSS), x.Comm, x.PID)
		}
	}
	if len(s.Vmalloc) > 0 {
		p.section("Largest users of vmalloc")
		for _, v := range s.Vmalloc[:min(len(s.Vmalloc), shortVmalloc)] {
			p.line("  %12s  %s, %d areas", vmcore.Size(v.Bytes), v.Caller, v.Areas)
		}
	}
	return p.err
}

func (p *printer) slabs(s *vmcore.MemorySection, most int) {
	p.section("Slab caches")
	p.line("  %s", p.s.paint(faint, fmt.Sprintf("%10s %10s %5s %8s %8s %12s  %s", "OBJECTS", "USED", "USE", "SIZE", "SLABS", "BYTES", "NAME")))
	for _, c := range s.Slabs[:min(len(s.Slabs), most)] {
		use := uint64(0)
		if c.Objects > 0 {
			use = c.Used * 100 / c.Objects
		}
		r := plain
		if c.Name == s.Suspect {
			r = danger
		}
		p.line("  %10d %10d %4d%% %8d %8d %12s  %s", c.Objects, c.Used, use, c.ObjectSize, c.Slabs, vmcore.Size(c.Bytes), p.s.paint(r, c.Name))
	}
	if s.Suspect != "" {
		p.wrapped("  ", s.Suspect+" is far above all others, its objects are in use and the kernel cannot shrink it: a leak?", danger)
	}
	if n := len(s.Slabs) - most; n > 0 {
		p.line("  %s", p.s.paint(faint, fmt.Sprintf("and %d more: --slabs", n)))
	}
}

// vmcoreMemory is the block in the report.
func (p *printer) vmcoreMemory(doc *vmcore.Document) {
	s := doc.Sections.Memory
	if s == nil || s.Bytes("MemTotal") == 0 {
		return
	}
	p.section("Memory: " + vmcore.Size(s.Bytes("MemTotal")))
	shares := slices.Clone(s.Balance)
	slices.SortStableFunc(shares, func(a, b vmcore.MemShare) int { return int(b.Bytes>>10) - int(a.Bytes>>10) })
	var parts []string
	for _, x := range shares[:min(len(shares), 6)] {
		parts = append(parts, vmcore.Size(x.Bytes)+" "+x.Name)
	}
	p.wrapped("  ", strings.Join(parts, ", "), plain)
	if s.Suspect != "" {
		p.wrapped("  ", fmt.Sprintf("the slab cache %s is far above all others: %s, %d objects", s.Suspect, vmcore.Size(s.Slabs[0].Bytes), s.Slabs[0].Used), plain)
	}
}

// VmcorePointers is what addresses point to.
type VmcorePointers struct {
	Schema   string          `json:"schema"`
	Rung     kernel.Rung     `json:"rung"`
	Pointers []VmcorePointer `json:"pointers"`
}

// VmcorePointer is what one address points to.
type VmcorePointer struct {
	Addr vmcore.Addr `json:"addr"`
	object.Pointer
}

// VmcorePointerList prints what addresses point to.
func VmcorePointerList(w io.Writer, l VmcorePointers, st Style) error {
	p := &printer{w: w, s: st}
	for _, x := range l.Pointers {
		r := strong
		if !x.Good() {
			r = danger
		}
		p.line("%s  %s", x.Addr, p.s.paint(r, x.Text))
		if x.Phys != nil {
			p.line("    physical %#x", *x.Phys)
		}
		if o := x.Object; o != nil && o.Type != "" {
			p.line("    %s", p.s.paint(faint, fmt.Sprintf("see it with: ringside vmcore struct DUMP %s %#x", strings.TrimPrefix(o.Type, "struct "), o.Start)))
		}
		if g := x.Page; g != nil {
			p.line("    page %d: %s, %d references, flags %s", g.PFN, g.State, g.Refs, strings.Join(g.Flags, ","))
		}
	}
	return p.err
}
