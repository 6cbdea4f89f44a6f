package filter

import (
	"cmp"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// layout is where everything lies in a KDUMP file of version 6.
type layout struct {
	block  int64
	sub    int64 // blocks of the sub-header with the notes behind it
	bitmap int64 // blocks of each bitmap
	frames uint64
	notes  []byte
	info   [2]int64 // where VMCOREINFO's text is in the notes, and its length
	table  int64    // offset of the descriptors
}

const (
	kdumpVersion  = 6
	subHeaderSize = 104
	descSize      = 24
)

func layOut(f *dump.File, k *kernel.Kernel, pageSize int, frames uint64) layout {
	l := layout{block: int64(pageSize), frames: frames}
	l.notes, l.info = notesOf(f, k)
	blocks := func(bytes int64) int64 { return (bytes + l.block - 1) / l.block }
	l.sub = blocks(subHeaderSize + int64(len(l.notes)))
	l.bitmap = blocks(int64((frames + 7) / 8))
	l.table = (1 + l.sub + 2*l.bitmap) * l.block
	return l
}

// notesOf copies the notes, VMCOREINFO as the last one. Where the dump has none
// but it was found in memory, it gets the note that readers look for.
func notesOf(f *dump.File, k *kernel.Kernel) (notes []byte, info [2]int64) {
	order := binary.AppendByteOrder(binary.LittleEndian)
	if k.BigEndian() {
		order = binary.BigEndian
	}
	add := func(name string, typ uint32, desc []byte) (at int) {
		notes = order.AppendUint32(notes, uint32(len(name)+1))
		notes = order.AppendUint32(notes, uint32(len(desc)))
		notes = order.AppendUint32(notes, typ)
		notes = append(notes, name...)
		notes = append(notes, make([]byte, 4-len(name)%4)...)
		at = len(notes)
		notes = append(notes, desc...)
		notes = append(notes, make([]byte, (4-len(desc)%4)%4)...)
		return at
	}
	for _, n := range f.AllNotes() {
		if n.Name != "VMCOREINFO" {
			add(n.Name, n.Type, n.Desc)
		}
	}
	if text := k.Info.Text(); len(text) > 0 {
		info = [2]int64{int64(add("VMCOREINFO", 0, text)), int64(len(text))}
	}
	return notes, info
}

// head writes the header and the sub-header with the notes.
func (l *layout) head(ctx context.Context, f *dump.File, k *kernel.Kernel, level Level, status uint32) []byte {
	order := binary.ByteOrder(binary.LittleEndian)
	if k.BigEndian() {
		order = binary.BigEndian
	}
	info := f.Info()
	b := make([]byte, (1+l.sub)*l.block)
	copy(b, "KDUMP   ")
	order.PutUint32(b[8:], kdumpVersion)
	for i, s := range unameOf(ctx, f, k) {
		copy(b[12+65*i:12+65*i+64], s)
	}
	when := info.Time
	if t, ok := k.Info.CrashTime(); ok {
		when = t
	}
	if !when.IsZero() {
		order.PutUint64(b[408:], uint64(when.Unix()))
		order.PutUint64(b[416:], uint64(when.Nanosecond()/1000))
	}
	order.PutUint32(b[424:], status)
	order.PutUint32(b[428:], uint32(l.block))
	order.PutUint32(b[432:], uint32(l.sub))
	order.PutUint32(b[436:], uint32(2*l.bitmap))
	order.PutUint32(b[440:], uint32(min(l.frames, math.MaxUint32)))
	order.PutUint32(b[460:], uint32(len(f.CPUs())))

	s := b[l.block:]
	put := func(at int, v uint64) { order.PutUint64(s[at:], v) }
	put(0, uint64(physBase(k, info)))
	order.PutUint32(s[8:], uint32(level))
	notesAt := l.block + subHeaderSize
	if l.info[1] > 0 {
		put(32, uint64(notesAt+l.info[0]))
		put(40, uint64(l.info[1]))
	}
	if len(l.notes) > 0 {
		put(48, uint64(notesAt))
		put(56, uint64(len(l.notes)))
	}
	put(96, l.frames)
	copy(s[subHeaderSize:], l.notes)
	return b
}

// unameOf returns sysname, nodename, release, version, machine and domainname.
// Readers refuse a header without the first, the third and the fourth.
func unameOf(ctx context.Context, f *dump.File, k *kernel.Kernel) [6]string {
	u := f.Uname()
	if k.Types != nil && u[0] == "" {
		if _, ok := k.Symbol("init_uts_ns"); ok {
			name := k.Walk(ctx).Global("init_uts_ns", "struct uts_namespace").Field("name")
			for i, member := range []string{"sysname", "nodename", "release", "version", "machine", "domainname"} {
				u[i] = name.Field(member).Str()
			}
		}
	}
	info := f.Info()
	for i, s := range []string{"Linux", info.Node, cmp.Or(k.Release, info.Release), info.Version, info.Arch, ""} {
		u[i] = cmp.Or(u[i], s)
	}
	return u
}

func physBase(k *kernel.Kernel, info dump.Info) int64 {
	name := "phys_base"
	if k.Machine == elf.EM_AARCH64 {
		name = "PHYS_OFFSET"
	}
	if n, ok := k.Info.Number(name); ok {
		return n
	}
	if info.PhysBase != nil {
		return *info.PhysBase
	}
	return 0
}

// maxFrames is 32 TiB of 4 KiB pages, of which a bitmap takes a gigabyte.
const maxFrames = 1 << 33

// framesOf returns how many page frames there are below the end of memory, and
// which of them are RAM.
func framesOf(f *dump.File, pageSize int) (frames uint64, ram bitmap, err error) {
	size := uint64(pageSize)
	ranges := f.Ranges()
	for _, r := range ranges {
		frames = max(frames, (r.End+size-1)/size)
	}
	if frames > maxFrames {
		return 0, nil, fmt.Errorf("the dump speaks of memory up to page %#x, more than any machine has: its headers are damaged", frames)
	}
	ram = newBitmap(frames)
	for _, r := range ranges {
		ram.setRange(r.Start/size, (r.End+size-1)/size)
	}
	return frames, ram, nil
}
