package kernel

import (
	"context"
	"iter"
)

// PageTables goes through the physical addresses of the tables that translate
// the kernel's addresses: the pages that must be in a dump for anything else in
// it to be found. A table that several entries point to comes once. On machines
// whose page tables are not read there are none.
func (k *Kernel) PageTables(ctx context.Context) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		var t *tables
		first := uint64(0) // entry of the top table that the kernel's half begins with
		switch m := k.mmu.(type) {
		case *x86:
			t = &m.tables
			first = 1 << (t.pageShift - 3) / 2 // the lower half is that of processes
		case *arm64:
			t = &m.tables
		default:
			return
		}
		v := tableVisitor{ctx: ctx, k: k, t: t, seen: map[uint64]bool{}, yield: yield}
		v.visit(t.root, t.levels-1, first)
	}
}

// maxTables bounds the walk: tables for 64 TiB of 4 KiB pages.
const maxTables = 1 << 25

type tableVisitor struct {
	ctx   context.Context
	k     *Kernel
	t     *tables
	seen  map[uint64]bool
	yield func(uint64) bool
}

// visit goes down from a table. Each table is visited once, at the level at
// which it is met first, so that tables that point to each other end the walk.
func (v *tableVisitor) visit(table uint64, level int, first uint64) bool {
	if v.seen[table] || len(v.seen) >= maxTables || v.ctx.Err() != nil {
		return v.ctx.Err() == nil
	}
	v.seen[table] = true
	if !v.yield(table) {
		return false
	}
	if level == 0 {
		return true
	}
	entries := uint64(1) << (v.t.pageShift - 3)
	if level == v.t.levels-1 {
		entries = min(entries, 1<<(v.t.vaBits-v.t.pageShift-uint(level)*(v.t.pageShift-3)))
	}
	raw := make([]byte, entries*8)
	if v.k.Dump.ReadPhys(raw, table) != nil {
		return true
	}
	for i := first; i < entries; i++ {
		next, leaf, ok := v.t.step(v.k.Order.Uint64(raw[8*i:]), level)
		if ok && !leaf && !v.visit(next, level-1, 0) {
			return false
		}
	}
	return true
}
