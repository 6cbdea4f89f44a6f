package object

import (
	"cmp"
	"slices"

	"ringside/vmcore/kernel"
)

// VmallocArea is a piece of the kernel's virtually mapped memory.
type VmallocArea struct {
	Start  uint64 `json:"-"`
	Size   uint64 `json:"size"` // without its guard page
	Pages  uint64 `json:"pages"`
	Caller string `json:"caller,omitempty"` // who asked for it
	Kind   string `json:"kind"`             // vmalloc, ioremap, vmap, module …
	caller uint64
	// Shared says that user space may map it: what is in it may be somebody's.
	Shared bool `json:"-"`
}

// maxAreas bounds how many areas are read.
const maxAreas = 500_000

// VmallocAreas reads all areas, in the order of their addresses. They are in one
// list until 6.8 and in one a node of a table since.
func VmallocAreas(w *kernel.Walk) []VmallocArea {
	k := w.Kernel()
	var heads []kernel.Value
	if v := optional(w, "vmap_area_list", "struct list_head"); v.Valid() {
		heads = append(heads, v)
	}
	if k.HasField("struct vmap_node", "busy") {
		nodes := optional(w, "vmap_nodes", "struct vmap_node *")
		for i := range min(optional(w, "nr_vmap_nodes", "int").Uint(), 4096) {
			heads = append(heads, nodes.Index(int(i)).Field("busy.head"))
		}
	}
	var list []VmallocArea
	for _, head := range heads {
		for v := range w.List(head, "struct vmap_area", "list") {
			if len(list) == maxAreas {
				v.Fault("there are more areas than are read")
				break
			}
			if v.Valid() {
				list = append(list, areaOf(v))
			}
		}
	}
	slices.SortFunc(list, func(a, b VmallocArea) int { return cmp.Compare(a.Start, b.Start) })
	return list
}

// Flags of struct vm_struct, include/linux/vmalloc.h.
const (
	vmIoremap = 0x1
	vmAlloc   = 0x2
	vmMap     = 0x4
	vmUserMap = 0x8
	vmNoGuard = 0x40
)

func areaOf(v kernel.Value) VmallocArea {
	k := v.Walk().Kernel()
	a := VmallocArea{Start: v.Field("va_start").Uint(), Size: v.Field("va_end").Uint() - v.Field("va_start").Uint(), Kind: "vm_map_ram"}
	vm := v.Field("vm").Deref()
	if !vm.Valid() {
		return a
	}
	flags := vm.Field("flags").Uint()
	if guard := uint64(1) << k.PageShift(); flags&vmNoGuard == 0 && a.Size > guard {
		a.Size -= guard
	}
	a.Pages, a.Shared = vm.Field("nr_pages").Uint(), flags&vmUserMap != 0
	switch {
	case flags&vmIoremap != 0:
		a.Kind = "ioremap"
	case flags&vmAlloc != 0:
		a.Kind = "vmalloc"
	case flags&vmMap != 0:
		a.Kind = "vmap"
	default:
		a.Kind = "reserved"
	}
	if a.caller = vm.Field("caller").Ptr(); a.caller != 0 {
		if loc, ok := k.Locate(a.caller); ok {
			a.Caller = loc.Symbol
			if loc.Module != "" {
				a.Caller += " [" + loc.Module + "]"
			}
		}
	}
	return a
}

// VmallocUser is who asked for virtually mapped memory, and how much of it.
type VmallocUser struct {
	Caller string `json:"caller"`
	Areas  int    `json:"areas"`
	Bytes  uint64 `json:"bytes"` // of the pages in them
}

// VmallocUsers sums areas by who asked for them, the largest first.
func VmallocUsers(w *kernel.Walk, areas []VmallocArea) []VmallocUser {
	at := map[string]int{}
	var list []VmallocUser
	for _, a := range areas {
		if a.Pages == 0 {
			continue
		}
		i, ok := at[a.Caller]
		if !ok {
			i = len(list)
			at[a.Caller] = i
			list = append(list, VmallocUser{Caller: a.Caller})
		}
		list[i].Areas++
		list[i].Bytes += a.Pages << w.Kernel().PageShift()
	}
	slices.SortStableFunc(list, func(a, b VmallocUser) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return list
}

// StacksInVmalloc reports whether the stacks of tasks are virtually mapped, so
// that what the kernel counts for them it counts for vmalloc too.
func StacksInVmalloc(w *kernel.Walk, areas []VmallocArea) bool {
	for t := range Tasks(w) {
		stack := t.Value.Field("stack").Ptr()
		if t.PID == 0 || stack == 0 { // the first tasks have stacks of their own
			continue
		}
		i, ok := slices.BinarySearchFunc(areas, stack, func(a VmallocArea, at uint64) int { return cmp.Compare(a.Start, at) })
		return ok || i > 0 && stack-areas[i-1].Start < areas[i-1].Size
	}
	return false
}
