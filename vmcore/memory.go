package vmcore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// SectionMemory is where the memory was.
const SectionMemory = "memory"

// MemorySection is where the memory was, and who had most of it.
type MemorySection struct {
	object.Memory
	// Balance is where all of it went; its parts sum up to MemTotal.
	Balance []MemShare           `json:"balance"`
	Slabs   []object.SlabCache   `json:"slabs"` // the largest first
	Vmalloc []object.VmallocUser `json:"vmalloc"`
	// Processes are those with most in memory.
	Processes []MemProcess `json:"processes"`
	// Short are the zones with less free than their minimum.
	Short []string `json:"short,omitempty"`
	// Suspect is a slab cache far above all others.
	Suspect string `json:"suspect,omitempty"`
}

// MemShare is a part of the memory.
type MemShare struct {
	Name  string `json:"name"`
	Bytes uint64 `json:"bytes"`
}

// MemProcess is the memory of one process.
type MemProcess struct {
	PID  int    `json:"pid"`
	Comm string `json:"comm"`
	RSS  uint64 `json:"rss"`
}

// How many of each are kept.
const (
	maxMemProcesses = 20
	maxMemVmalloc   = 50
)

// The parts of a balance.
const (
	shareFree      = "free"
	shareProcesses = "anonymous memory of processes"
	shareCache     = "page cache"
	shareShmem     = "shared memory and tmpfs"
	shareSlab      = "slab caches"
	shareStacks    = "kernel stacks"
	shareTables    = "page tables"
	shareVmalloc   = "vmalloc"
	sharePerCPU    = "per-CPU memory"
	shareHuge      = "huge pages"
	shareOther     = "unaccounted"
)

func (t *triage) readMemory(w *kernel.Walk) error {
	s := &MemorySection{Memory: object.MemoryOf(w), Slabs: object.Slabs(w), Processes: []MemProcess{}}
	t.doc.Sections.Memory = s
	areas := object.VmallocAreas(w)
	s.Vmalloc = object.VmallocUsers(w, areas)
	s.Vmalloc = s.Vmalloc[:min(len(s.Vmalloc), maxMemVmalloc)]
	if s.Vmalloc == nil {
		s.Vmalloc = []object.VmallocUser{}
	}
	seen := map[uint64]bool{} // processes, and those that share a memory
	for task := range object.Tasks(w) {
		mm := task.Value.Field("mm").Ptr()
		if mm == 0 || seen[mm] || task.RSS == 0 {
			continue
		}
		seen[mm] = true
		s.Processes = append(s.Processes, MemProcess{PID: task.TGID, Comm: task.Comm, RSS: task.RSS})
	}
	slices.SortStableFunc(s.Processes, func(a, b MemProcess) int { return cmp.Compare(b.RSS, a.RSS) })
	s.Processes = s.Processes[:min(len(s.Processes), maxMemProcesses)]
	s.Short = s.Memory.Short()
	s.balance(object.StacksInVmalloc(w, areas))
	s.suspect()
	return w.Err()
}

// balance says where the memory went. What the kernel gives to nobody whom it
// counts is left over: pages of drivers, or a leak.
func (s *MemorySection) balance(vmapStacks bool) {
	cached, shmem := s.Bytes("Cached")+s.Bytes("Buffers")+s.Bytes("SwapCached"), s.Bytes("Shmem")
	vmalloc := s.Bytes("VmallocUsed")
	if vmapStacks {
		vmalloc -= min(vmalloc, s.Bytes("KernelStack"))
	}
	free := s.Bytes("MemFree")
	for _, n := range s.Nodes {
		for _, z := range n.Zones {
			free += z.PerCPU * s.PageSize
		}
	}
	total := s.Bytes("MemTotal")
	left := total
	for _, part := range []MemShare{
		{shareFree, free}, {shareProcesses, s.Bytes("AnonPages")}, {shareCache, cached - min(cached, shmem)}, {shareShmem, shmem},
		{shareSlab, s.Bytes("Slab")}, {shareHuge, s.Bytes("Hugetlb")}, {shareVmalloc, vmalloc}, {shareTables, s.Bytes("PageTables") + s.Bytes("SecPageTables")},
		{shareStacks, s.Bytes("KernelStack")}, {sharePerCPU, s.Bytes("Percpu")},
	} {
		part.Bytes = min(part.Bytes, left) // counters of a running machine need not agree
		left -= part.Bytes
		s.Balance = append(s.Balance, part)
	}
	s.Balance = append(s.Balance, MemShare{shareOther, left})
}

// share returns a part of the balance.
func (s *MemorySection) share(name string) uint64 {
	for _, p := range s.Balance {
		if p.Name == name {
			return p.Bytes
		}
	}
	return 0
}

// suspect looks for a cache that is far above the others and large for the
// machine. One that the kernel can shrink is large because there is room.
func (s *MemorySection) suspect() {
	if len(s.Slabs) < 2 || s.Slabs[0].Reclaimable {
		return
	}
	first, second := s.Slabs[0], s.Slabs[1]
	if first.Bytes >= 3*second.Bytes/2 && first.Bytes*25 >= s.Bytes("MemTotal") && first.Used*10 >= first.Objects*8 {
		s.Suspect = first.Name
	}
}

// holder says who has most of the memory that is not free.
func (s *MemorySection) holder() (who string, bytes uint64) {
	for _, p := range s.Balance {
		if p.Name == shareFree || p.Bytes <= bytes {
			continue
		}
		who, bytes = p.Name, p.Bytes
	}
	switch {
	case who == shareProcesses && len(s.Processes) > 0:
		p := s.Processes[0]
		return fmt.Sprintf("%s:%d", p.Comm, p.PID), p.RSS
	case who == shareSlab && len(s.Slabs) > 0:
		return "the slab cache " + s.Slabs[0].Name, s.Slabs[0].Bytes
	case who == shareVmalloc && len(s.Vmalloc) > 0:
		return "vmalloc memory of " + s.Vmalloc[0].Caller, s.Vmalloc[0].Bytes
	case who == shareOther:
		return "pages that nobody accounts for, taken straight from the page allocator,", bytes
	}
	return "the " + who, bytes
}

// memoryEvidence tells who has the memory, in numbers that sum up.
func (s *MemorySection) memoryEvidence() (list []Evidence) {
	var parts []string
	shares := slices.Clone(s.Balance)
	slices.SortStableFunc(shares, func(a, b MemShare) int { return cmp.Compare(b.Bytes, a.Bytes) })
	for _, p := range shares {
		if p.Bytes > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", Size(p.Bytes), p.Name))
		}
	}
	list = append(list, Evidence{Text: Size(s.Bytes("MemTotal")) + " of memory: " + strings.Join(parts, ", ")})
	for _, n := range s.Nodes {
		for _, z := range n.Zones {
			if z.Free < z.Min {
				list = append(list, Evidence{Text: fmt.Sprintf("zone %s of node %d: %s free, below its minimum of %s", z.Name, n.ID, Size(z.Free*s.PageSize), Size(z.Min*s.PageSize))})
			}
		}
	}
	var names []string
	for _, c := range s.Slabs[:min(len(s.Slabs), 3)] {
		names = append(names, fmt.Sprintf("%s %s (%d of %d objects used%s)", c.Name, Size(c.Bytes), c.Used, c.Objects, alsoCalled(c)))
	}
	if len(names) > 0 {
		list = append(list, Evidence{Text: "largest slab caches: " + strings.Join(names, ", ")})
	}
	names = nil
	for _, p := range s.Processes[:min(len(s.Processes), 3)] {
		names = append(names, fmt.Sprintf("%s:%d %s", p.Comm, p.PID, Size(p.RSS)))
	}
	if len(names) > 0 {
		list = append(list, Evidence{Text: "largest processes: " + strings.Join(names, ", ")})
	}
	names = nil
	for _, v := range s.Vmalloc[:min(len(s.Vmalloc), 3)] {
		names = append(names, fmt.Sprintf("%s %s", v.Caller, Size(v.Bytes)))
	}
	if s.share(shareVmalloc)*10 > s.Bytes("MemTotal") && len(names) > 0 {
		list = append(list, Evidence{Text: "largest users of vmalloc: " + strings.Join(names, ", ")})
	}
	return list
}

// maxAlsoCalled is how many other names of a cache are told.
const maxAlsoCalled = 6

// alsoCalled says whose objects a cache may have besides those of its name.
func alsoCalled(c object.SlabCache) string {
	names := c.Aliases
	if len(names) == 0 {
		return ""
	}
	text := "; merged with " + sentence(names[:min(len(names), maxAlsoCalled)])
	if more := len(names) - maxAlsoCalled; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// outOfMemory tells of findings that memory ran out who has it, and finds it
// where the log does not say so.
func (t *triage) outOfMemory(found []Finding) []Finding {
	s := t.doc.Sections.Memory
	if s == nil || s.Bytes("MemTotal") == 0 {
		return found
	}
	who, bytes := s.holder()
	total := s.Bytes("MemTotal")
	title := fmt.Sprintf("out of memory: %s has %s of %s", who, Size(bytes), Size(total))
	told := false
	for i := range found {
		if f := &found[i]; f.Kind == FindingMemory {
			f.Evidence = append(s.memoryEvidence(), f.Evidence...)
			f.Evidence = append(f.Evidence, Evidence{Text: "the log: " + f.Title})
			f.Title, told = title, true
		}
	}
	if told || !s.exhausted() {
		return found
	}
	return append(found, Finding{Kind: FindingMemory, Title: title, Confidence: 0.6, weight: weightReport, Evidence: s.memoryEvidence(),
		Next: []string{"see who has the memory: ringside vmcore mem --slabs", "a slab cache that grows without end is a leak: trace who allocates from it (slub_debug=U, kmemleak)"}})
}

// exhausted reports whether all memory together is below the minima of its zones.
func (s *MemorySection) exhausted() bool {
	var free, least uint64
	for _, n := range s.Nodes {
		for _, z := range n.Zones {
			free, least = free+z.Free, least+z.Min
		}
	}
	return least > 0 && free < least
}

// Size writes a number of bytes as people read it.
func Size(bytes uint64) string {
	const units = "KMGTPE"
	if bytes < 10<<10 {
		return fmt.Sprintf("%d B", bytes)
	}
	v, i := float64(bytes)/1024, 0
	for v >= 10_000 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	return fmt.Sprintf("%.4g %ciB", v, units[i])
}
