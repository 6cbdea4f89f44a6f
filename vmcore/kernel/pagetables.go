package kernel

import (
	"context"
	"iter"
)

// Translation is an entry of the kernel's page tables: a table, or memory that
// is mapped.
type Translation struct {
	Virt, Phys, Size uint64
	Table            bool
}

// Translations goes through the page tables of the kernel's half of all
// addresses: each table before what it maps. A table that several entries point
// to comes once. On machines whose page tables are not read there are none.
func (k *Kernel) Translations(ctx context.Context) iter.Seq[Translation] {
	return func(yield func(Translation) bool) {
		v := tableVisitor{ctx: ctx, k: k, seen: map[uint64]bool{}, yield: yield}
		first := uint64(0) // entry of the top table that the kernel's half begins with
		switch m := k.mmu.(type) {
		case *x86:
			v.t = &m.tables
			first = 1 << (v.t.pageShift - 3) / 2 // the lower half is that of processes
			v.above = ^uint64(0) << v.t.vaBits
		case *arm64:
			v.t = &m.tables
			v.above = ^uint64(0) << v.t.vaBits
		default:
			return
		}
		v.visit(v.t.root, v.above, v.t.levels-1, first)
	}
}

// maxTables bounds the walk: tables for 64 TiB of 4 KiB pages.
const maxTables = 1 << 25

type tableVisitor struct {
	ctx   context.Context
	k     *Kernel
	t     *tables
	above uint64 // the bits above those that are translated
	seen  map[uint64]bool
	yield func(Translation) bool
}

// visit goes down from a table. Each table is visited once, at the level at
// which it is met first, so that tables that point to each other end the walk.
func (v *tableVisitor) visit(table, virt uint64, level int, first uint64) bool {
	if v.seen[table] || len(v.seen) >= maxTables || v.ctx.Err() != nil {
		return v.ctx.Err() == nil
	}
	v.seen[table] = true
	if !v.yield(Translation{Virt: virt, Phys: table, Size: 1 << v.t.pageShift, Table: true}) {
		return false
	}
	bits := v.t.pageShift - 3
	shift := v.t.pageShift + uint(level)*bits
	entries := uint64(1) << bits
	if level == v.t.levels-1 {
		entries = min(entries, 1<<(v.t.vaBits-shift))
	}
	raw := make([]byte, entries*8)
	if v.k.Dump.ReadPhys(raw, table) != nil {
		return true
	}
	for i := first; i < entries; i++ {
		next, leaf, ok := v.t.step(v.k.Order.Uint64(raw[8*i:]), level)
		at := virt + i<<shift
		switch {
		case !ok:
		case leaf:
			if size := uint64(1) << shift; !v.yield(Translation{Virt: at, Phys: next &^ (size - 1), Size: size}) {
				return false
			}
		case level > 0:
			if !v.visit(next, at, level-1, 0) {
				return false
			}
		}
	}
	return true
}
