package object

import (
	"slices"

	"ringside/vmcore/kernel"
)

// Memory is where a machine's memory was.
type Memory struct {
	PageSize uint64 `json:"page_size"`
	// Counters are those of /proc/meminfo, under its names and in its order, in
	// bytes. One that the kernel does not keep is not there.
	Counters []MemCounter `json:"counters"`
	Nodes    []MemNode    `json:"nodes"`
	Huge     []HugePool   `json:"huge_pools,omitempty"`
}

// MemCounter is one line of /proc/meminfo.
type MemCounter struct {
	Name  string `json:"name"`
	Bytes uint64 `json:"bytes"`
}

// Bytes returns a counter by its name in /proc/meminfo, 0 where there is none.
func (m Memory) Bytes(name string) uint64 {
	for _, c := range m.Counters {
		if c.Name == name {
			return c.Bytes
		}
	}
	return 0
}

// MemNode is one NUMA node.
type MemNode struct {
	ID    int       `json:"node"`
	Zones []MemZone `json:"zones"`
	stat  []int64   // by enum node_stat_item
}

// MemZone is one zone of a node; its figures are in pages.
type MemZone struct {
	Name     string   `json:"name"`
	StartPFN uint64   `json:"start_pfn"`
	Spanned  uint64   `json:"spanned"`
	Present  uint64   `json:"present"`
	Managed  uint64   `json:"managed"`
	Free     uint64   `json:"free"`
	Min      uint64   `json:"min"` // the watermarks
	Low      uint64   `json:"low"`
	High     uint64   `json:"high"`
	Reserve  uint64   `json:"lowmem_reserve"` // the largest that is kept from requests that could use a higher zone
	PerCPU   uint64   `json:"per_cpu"`        // free pages on the lists of CPUs
	Buddy    []uint64 `json:"buddy"`          // free blocks of 2^index pages
	stat     []int64  // by enum zone_stat_item
}

// HugePool is the pool of huge pages of one size.
type HugePool struct {
	Size     uint64 `json:"size"` // of a page, bytes
	Total    uint64 `json:"total"`
	Free     uint64 `json:"free"`
	Reserved uint64 `json:"reserved"`
	Surplus  uint64 `json:"surplus"`
}

const (
	maxNodes = 1024
	maxZones = 16
)

// MemoryOf reads the counters of the page allocator.
func MemoryOf(w *kernel.Walk) Memory {
	k := w.Kernel()
	m := Memory{PageSize: 1 << k.PageShift(), Counters: []MemCounter{}, Nodes: []MemNode{}}
	for _, v := range pglists(w) {
		m.Nodes = append(m.Nodes, nodeOf(v))
	}
	if n := optional(w, "hugetlb_max_hstate", "int").Int(); n > 0 {
		for i := range int(min(n, 16)) {
			h := optional(w, "hstates", "struct hstate [16]").Index(i)
			if !h.Valid() || h.Field("order").Uint() > 40 {
				break
			}
			m.Huge = append(m.Huge, HugePool{Size: m.PageSize << h.Field("order").Uint(), Total: h.Field("nr_huge_pages").Uint(),
				Free: h.Field("free_huge_pages").Uint(), Reserved: h.Field("resv_huge_pages").Uint(), Surplus: h.Field("surplus_huge_pages").Uint()})
		}
	}
	m.meminfo(w)
	return m
}

// optional is a global that some kernels do not have, which is no fault.
func optional(w *kernel.Walk, symbol, typ string) kernel.Value {
	if _, ok := w.Kernel().Symbol(symbol); !ok {
		return kernel.Value{}
	}
	return w.Global(symbol, typ)
}

// enumOf returns a constant by its name: the numbers of counters and flags
// differ with the configuration.
func enumOf(k *kernel.Kernel, enum, name string) (int, bool) {
	id, ok := k.TypeID("enum " + enum)
	if !ok {
		return 0, false
	}
	for _, v := range k.Types.Enum(id) {
		if v.Name == name {
			return int(v.Value), true
		}
	}
	return 0, false
}

// pglists are the nodes' struct pglist_data.
func pglists(w *kernel.Walk) (list []kernel.Value) {
	k := w.Kernel()
	if _, ok := k.Symbol("contig_page_data"); ok {
		if v := w.Global("contig_page_data", "struct pglist_data"); v.Valid() {
			list = append(list, v)
		}
		return list
	}
	table, ok := k.Symbol("node_data")
	if !ok {
		return nil
	}
	n := uint64(nodeIDs(w)) // the table is as long as the kernel was built for, which nothing says on every machine
	seen := map[uint64]bool{}
	for i := range n {
		at, err := w.Pointer(table + i*uint64(k.PtrSize()))
		if err != nil {
			break
		}
		if at == 0 || seen[at] {
			continue
		}
		seen[at] = true
		if v := w.At("struct pglist_data", at); v.Valid() {
			list = append(list, v)
		}
	}
	return list
}

// nodeIDs is nr_node_ids: tables of nodes end there, whatever their type says.
func nodeIDs(w *kernel.Walk) int {
	if v := optional(w, "nr_node_ids", "unsigned int"); v.Valid() {
		return int(min(v.Uint(), maxNodes))
	}
	return 1
}

func nodeOf(v kernel.Value) MemNode {
	k := v.Walk().Kernel()
	n := MemNode{ID: int(v.Field("node_id").Int()), Zones: []MemZone{}}
	n.stat = counters(v.Field("vm_stat"), v.Field("per_cpu_nodestats"), "vm_node_stat_diff")
	zones := v.Field("node_zones")
	for i := range min(zones.Len(), maxZones, max(int(v.Field("nr_zones").Int()), 0)) {
		z := zones.Index(i)
		zone := MemZone{Name: z.Field("name").Str(), StartPFN: z.Field("zone_start_pfn").Uint(), Spanned: z.Field("spanned_pages").Uint(),
			Present: z.Field("present_pages").Uint(), Managed: z.First("managed_pages.counter", "managed_pages").Uint(), Buddy: []uint64{}}
		if zone.Present == 0 {
			continue
		}
		sets, member := z.First("per_cpu_zonestats", "pageset"), "vm_stat_diff"
		zone.stat = counters(z.Field("vm_stat"), sets, member)
		if free, ok := enumOf(k, "zone_stat_item", "NR_FREE_PAGES"); ok {
			zone.Free = statAt(zone.stat, free)
		}
		marks := z.First("_watermark", "watermark")
		boost := uint64(0)
		if z.Has("watermark_boost") {
			boost = z.Field("watermark_boost").Uint()
		}
		zone.Min, zone.Low, zone.High = marks.Index(0).Uint()+boost, marks.Index(1).Uint()+boost, marks.Index(2).Uint()+boost
		for _, r := range z.Field("lowmem_reserve").Elements() {
			zone.Reserve = max(zone.Reserve, r.Uint())
		}
		for _, area := range z.Field("free_area").Elements() {
			zone.Buddy = append(zone.Buddy, area.Field("nr_free").Uint())
		}
		pcp := z.First("per_cpu_pageset", "pageset")
		for _, cpu := range k.CPUs() {
			p := pcp.PerCPUOf(cpu)
			if p.Has("pcp") { // until 5.13 with the counters around it
				p = p.Field("pcp")
			}
			zone.PerCPU += uint64(max(p.Field("count").Int(), 0))
		}
		n.Zones = append(n.Zones, zone)
	}
	return n
}

// counters adds to an array of counters what the CPUs have not yet added to it.
func counters(total, perCPU kernel.Value, member string) []int64 {
	if !total.Valid() {
		return nil
	}
	list := make([]int64, min(total.Len(), 1024))
	for i := range list {
		list[i] = total.Index(i).Int()
	}
	for _, cpu := range total.Walk().Kernel().CPUs() {
		diff := perCPU.PerCPUOf(cpu)
		if !diff.Has(member) {
			continue
		}
		diff = diff.Field(member)
		for i := range min(len(list), diff.Len()) {
			list[i] += diff.Index(i).Int()
		}
	}
	return list
}

// statAt returns a counter, as the kernel does never less than nothing.
func statAt(stat []int64, i int) uint64 {
	if i < 0 || i >= len(stat) {
		return 0
	}
	return uint64(max(stat[i], 0))
}

// node sums a counter of all nodes.
func (m *Memory) node(k *kernel.Kernel, item string) (pages uint64, ok bool) {
	i, ok := enumOf(k, "node_stat_item", item)
	if !ok {
		return 0, false
	}
	for _, n := range m.Nodes {
		pages += statAt(n.stat, i)
	}
	return pages, len(m.Nodes) > 0
}

// zone sums a counter of all zones.
func (m *Memory) zone(k *kernel.Kernel, item string) (pages uint64, ok bool) {
	i, ok := enumOf(k, "zone_stat_item", item)
	if !ok {
		return 0, false
	}
	for _, n := range m.Nodes {
		for _, z := range n.Zones {
			pages += statAt(z.stat, i)
		}
	}
	return pages, len(m.Nodes) > 0
}

// meminfo computes what /proc/meminfo shows, in the way of meminfo_proc_show.
func (m *Memory) meminfo(w *kernel.Walk) {
	k := w.Kernel()
	add := func(name string, pages uint64, ok bool) uint64 {
		if ok {
			m.Counters = append(m.Counters, MemCounter{name, pages * m.PageSize})
		}
		return pages
	}
	fromNode := func(name string, items ...string) uint64 {
		var sum uint64
		var any bool
		for _, item := range items {
			n, ok := m.node(k, item)
			sum, any = sum+n, any || ok
		}
		return add(name, sum, any)
	}
	total := optional(w, "_totalram_pages", "atomic_long_t")
	if !total.Valid() {
		total = optional(w, "totalram_pages", "unsigned long")
	}
	add("MemTotal", total.Uint(), total.Valid())
	free, ok := m.zone(k, "NR_FREE_PAGES")
	add("MemFree", free, ok)
	m.available(w, free)
	buffers, known := blockDevicePages(w)
	add("Buffers", buffers, known)
	filePages, ok := m.node(k, "NR_FILE_PAGES")
	swapCache, _ := m.node(k, "NR_SWAPCACHE")
	add("Cached", filePages-min(filePages, swapCache+buffers), ok)
	fromNode("SwapCached", "NR_SWAPCACHE")
	fromNode("Active(anon)", "NR_ACTIVE_ANON")
	fromNode("Inactive(anon)", "NR_INACTIVE_ANON")
	fromNode("Active(file)", "NR_ACTIVE_FILE")
	fromNode("Inactive(file)", "NR_INACTIVE_FILE")
	fromNode("Unevictable", "NR_UNEVICTABLE")
	locked, ok := m.zone(k, "NR_MLOCK")
	add("Mlocked", locked, ok)
	swap := optional(w, "total_swap_pages", "long")
	add("SwapTotal", uint64(max(swap.Int(), 0)), swap.Valid())
	left := optional(w, "nr_swap_pages", "atomic_long_t")
	add("SwapFree", uint64(max(left.Int(), 0)), left.Valid())
	fromNode("Dirty", "NR_FILE_DIRTY")
	fromNode("Writeback", "NR_WRITEBACK")
	fromNode("AnonPages", "NR_ANON_MAPPED")
	fromNode("Mapped", "NR_FILE_MAPPED")
	fromNode("Shmem", "NR_SHMEM")
	fromNode("KReclaimable", "NR_SLAB_RECLAIMABLE_B", "NR_SLAB_RECLAIMABLE", "NR_KERNEL_MISC_RECLAIMABLE")
	fromNode("Slab", "NR_SLAB_RECLAIMABLE_B", "NR_SLAB_RECLAIMABLE", "NR_SLAB_UNRECLAIMABLE_B", "NR_SLAB_UNRECLAIMABLE")
	fromNode("SReclaimable", "NR_SLAB_RECLAIMABLE_B", "NR_SLAB_RECLAIMABLE")
	fromNode("SUnreclaim", "NR_SLAB_UNRECLAIMABLE_B", "NR_SLAB_UNRECLAIMABLE")
	stacks, ok := m.node(k, "NR_KERNEL_STACK_KB")
	add("KernelStack", stacks<<10>>k.PageShift(), ok)
	if tables, ok := m.node(k, "NR_PAGETABLE"); ok {
		add("PageTables", tables, true)
	} else { // a zone's counter until 5.11
		tables, ok := m.zone(k, "NR_PAGETABLE")
		add("PageTables", tables, ok)
	}
	fromNode("SecPageTables", "NR_SECONDARY_PAGETABLE")
	m.commit(w, total.Uint())
	vmalloc := optional(w, "nr_vmalloc_pages", "atomic_long_t")
	if vmalloc.Valid() {
		add("VmallocUsed", uint64(max(vmalloc.Int(), 0)), true)
	} else {
		fromNode("VmallocUsed", "NR_VMALLOC")
	}
	units, populated := optional(w, "pcpu_nr_units", "int"), optional(w, "pcpu_nr_populated", "int")
	if populated.Valid() {
		add("Percpu", uint64(max(populated.Int(), 0))*uint64(max(units.Int(), 1)), true)
	}
	fromNode("AnonHugePages", "NR_ANON_THPS")
	fromNode("ShmemHugePages", "NR_SHMEM_THPS")
	fromNode("FileHugePages", "NR_FILE_THPS")
	cma := optional(w, "totalcma_pages", "unsigned long")
	add("CmaTotal", cma.Uint(), cma.Valid())
	var huge uint64
	for _, h := range m.Huge {
		huge += h.Total * (h.Size / m.PageSize)
	}
	add("Hugetlb", huge, len(m.Huge) > 0)
}

// available estimates what can be had without swapping, as si_mem_available
// does.
func (m *Memory) available(w *kernel.Walk, free uint64) {
	k := w.Kernel()
	reserve := optional(w, "totalreserve_pages", "unsigned long")
	if !reserve.Valid() {
		return
	}
	var low uint64
	for _, n := range m.Nodes {
		for _, z := range n.Zones {
			low += z.Low
		}
	}
	active, _ := m.node(k, "NR_ACTIVE_FILE")
	inactive, _ := m.node(k, "NR_INACTIVE_FILE")
	cache := active + inactive
	cache -= min(cache/2, low)
	var slab uint64
	for _, item := range []string{"NR_SLAB_RECLAIMABLE_B", "NR_SLAB_RECLAIMABLE", "NR_KERNEL_MISC_RECLAIMABLE"} {
		n, _ := m.node(k, item)
		slab += n
	}
	slab -= min(slab/2, low)
	sum := free + cache + slab
	m.Counters = append(m.Counters, MemCounter{"MemAvailable", (sum - min(sum, reserve.Uint())) * m.PageSize})
}

// commit adds how much the processes were promised.
func (m *Memory) commit(w *kernel.Walk, total uint64) {
	var huge uint64
	for _, h := range m.Huge {
		huge += h.Total * (h.Size / m.PageSize)
	}
	limit := optional(w, "sysctl_overcommit_kbytes", "unsigned long").Uint() << 10 / m.PageSize
	ratio := optional(w, "sysctl_overcommit_ratio", "int")
	if limit == 0 && ratio.Valid() {
		limit = (total - min(total, huge)) * uint64(max(ratio.Int(), 0)) / 100
	}
	limit += uint64(max(optional(w, "total_swap_pages", "long").Int(), 0))
	if ratio.Valid() {
		m.Counters = append(m.Counters, MemCounter{"CommitLimit", limit * m.PageSize})
	}
	if v := optional(w, "vm_committed_as", "struct percpu_counter"); v.Valid() {
		m.Counters = append(m.Counters, MemCounter{"Committed_AS", uint64(max(perCPUCounter(v), 0)) * m.PageSize})
	}
}

// maxBlockDevices bounds the inodes of block devices that are asked.
const maxBlockDevices = 100_000

// blockDevicePages counts the page cache of block devices, which /proc/meminfo
// calls buffers.
func blockDevicePages(w *kernel.Walk) (pages uint64, ok bool) {
	sb := optional(w, "blockdev_superblock", "struct super_block *").Deref()
	if !sb.Valid() {
		return 0, false
	}
	n := 0
	for inode := range w.List(sb.Field("s_inodes"), "struct inode", "i_sb_list") {
		pages += inode.Field("i_data.nrpages").Uint()
		if n++; n == maxBlockDevices {
			break
		}
	}
	return pages, true
}

// Short reports which zones have less free than their minimum: requests that may
// wait do so in reclaim, and others fail.
func (m Memory) Short() (zones []string) {
	for _, n := range m.Nodes {
		for _, z := range n.Zones {
			if z.Free < z.Min && z.Managed > 0 && !slices.Contains(zones, z.Name) {
				zones = append(zones, z.Name)
			}
		}
	}
	return zones
}
