package filter

import (
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// global returns a variable that some kernels do not have.
func (r *redactor) global(symbol, typ string) kernel.Value {
	if _, ok := r.k.Symbol(symbol); !ok {
		return kernel.Value{}
	}
	if _, ok := r.k.TypeID(typ); !ok && typ[0] == 's' {
		return kernel.Value{}
	}
	return r.w.Global(symbol, typ)
}

// maxMapped is above the largest page that the kernel maps other memory with.
const maxMapped = 512

// mark adds the pages under a virtual range to a set.
func (r *redactor) mark(to bitmap, va, n uint64) {
	size := uint64(r.size)
	if n > r.frames*size {
		r.undecided("%d bytes at %#x are more than there is memory", n, va)
		return
	}
	for at := va &^ (size - 1); at < va+n; at += size {
		if pa, err := r.k.Translate(at); err == nil {
			to.set(pa / size)
		}
	}
}

// findOwners finds the allocated pages that the kernel uses for itself: its page
// tables, what it has mapped besides all of memory and its own image, the stacks
// of tasks, and the pools that block devices take requests from. The image is
// left out because of its parts that are freed after booting: they stay mapped
// on some machines.
func (r *redactor) findOwners() error {
	size := uint64(r.size)
	text, _ := r.k.Symbol("_text")
	end, _ := r.k.Symbol("_end")
	for t := range r.k.Translations(r.ctx) {
		direct := r.pages.DirectMap(t.Phys / size)
		if t.Size > maxMapped*size {
			continue // all of memory at once
		}
		if t.Table || t.Virt != direct && (t.Virt < text || t.Virt >= end) && t.Phys/size < r.frames {
			r.owned.setRange(t.Phys/size, (t.Phys+t.Size)/size)
		}
	}
	for _, a := range object.VmallocAreas(r.w) {
		if a.Shared || a.Kind == "vm_map_ram" || a.Kind == "ioremap" {
			r.mark(r.shared, a.Start, a.Size)
		}
	}
	// Of what is too large for a slab nothing says who has it before 6.15; the
	// kernel's own mappings are found through this table.
	if nodes := r.global("vmap_nodes", "struct vmap_node *"); nodes.Valid() && nodes.Ptr() != 0 {
		r.mark(r.owned, nodes.Ptr(), min(r.global("nr_vmap_nodes", "int").Uint(), 4096)*r.k.SizeOf("struct vmap_node"))
	}
	for t := range object.Tasks(r.w) {
		if stack := t.Value.Field("stack").Ptr(); stack != 0 {
			r.mark(r.owned, stack, object.StackSize(r.k))
		}
	}
	for _, d := range object.RequestPools(r.w) {
		if pfn, ok := r.pages.PFN(d.Page); ok && d.Order < 16 {
			r.owned.setRange(pfn, pfn+1<<d.Order)
		}
	}
	return nil
}

// findShared finds memory that is no page of anybody's and holds what is: what
// devices are bounced through, and the second kernel with its initramfs, which
// has the keys that dumps are sent away with.
func (r *redactor) findShared() error {
	size := uint64(r.size)
	physical := func(kind Kind, start, end uint64) {
		if start < end && end/size <= r.frames {
			r.drop(kind, start/size, (end+size-1)/size)
		}
	}
	for _, name := range []string{"crashk_res", "crashk_low_res"} {
		if v := r.global(name, "struct resource"); v.Valid() {
			if start, end := v.Field("start").Uint(), v.Field("end").Uint(); end > start {
				physical(KindCrash, start, end+1)
			}
		}
	}
	if v := r.global("io_tlb_default_mem", "struct io_tlb_mem"); v.Valid() {
		if v.Has("defpool") {
			v = v.Field("defpool")
		}
		physical(KindShared, v.Field("start").Uint(), v.Field("end").Uint())
	}
	start, end := r.global("initrd_start", "unsigned long").Uint(), r.global("initrd_end", "unsigned long").Uint()
	if start != 0 && start < end {
		if pa, err := r.k.Translate(start); err == nil {
			physical(KindShared, pa, pa+end-start)
		}
	}
	return nil
}
