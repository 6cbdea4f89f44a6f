package dump

import (
	"cmp"
	"math"
	"slices"
)

// segments is memory as an ELF core or a RAM image has it: stretches of
// addresses that are stretches of the file.
type segments struct {
	src      *source
	pageSize uint64
	phys     []span
	virt     []span
	maps     []Mapping
}

// newSegments sorts out the PT_LOADs. The same RAM is often there twice, under
// the addresses of kernel text and of the direct map.
func newSegments(src *source, pageSize int, loads []segment, kcore bool) *segments {
	m := &segments{src: src, pageSize: uint64(pageSize)}
	// Kernels before 4.13 give no physical addresses in /proc/kcore.
	physical := !kcore || slices.ContainsFunc(loads, func(g segment) bool { return g.paddr != 0 && g.paddr != NoPhys })
	for i, g := range loads {
		if g.memsz < g.filesz {
			g.memsz = g.filesz
		}
		if g.memsz == 0 {
			continue
		}
		if !physical {
			g.paddr = NoPhys
		}
		if g.paddr != NoPhys {
			m.phys = m.add(m.phys, g.paddr, g, i)
		}
		// The upper half is the kernel's. What QEMU writes without paging are
		// physical addresses, and with it the lower half belongs to whatever
		// process was running.
		if g.vaddr>>63 == 1 {
			m.virt = m.add(m.virt, g.vaddr, g, i)
			m.maps = append(m.maps, Mapping{VirtAddr: g.vaddr, PhysAddr: g.paddr, Size: min(g.memsz, -g.vaddr)})
		}
	}
	m.phys, m.virt = overlay(m.phys), overlay(m.virt)
	slices.SortStableFunc(m.maps, func(a, b Mapping) int { return cmp.Compare(a.VirtAddr, b.VirtAddr) })
	return m
}

// add appends what there is of a segment: content, content beyond the end of the
// file, and memory without content.
func (m *segments) add(to []span, start uint64, g segment, index int) []span {
	room := math.MaxUint64 - start // the last byte of all is nobody's
	memsz := min(g.memsz, room)
	filesz := min(g.filesz, memsz)
	data := filesz
	if g.off < 0 {
		data = 0
	} else {
		data = min(data, uint64(math.MaxInt64-g.off))
		if m.src.size >= 0 {
			data = min(data, uint64(max(0, m.src.size-g.off)))
		}
	}
	for _, s := range []span{
		{start: start, end: start + data, off: g.off, kind: kindData},
		{start: start + data, end: start + filesz, off: max(0, g.off), kind: kindTruncated},
		{start: start + filesz, end: start + memsz, kind: kindExcluded},
	} {
		if s.start < s.end {
			s.rank = uint32(s.kind)<<30 | uint32(index)
			to = append(to, s)
		}
	}
	return to
}

// read is exact: all of it or a gap at the first byte that is not there.
func (m *segments) read(p []byte, addr uint64) *Gap { return m.from(m.phys, p, addr) }

func (m *segments) readVirt(p []byte, addr uint64) *Gap { return m.from(m.virt, p, addr) }

func (m *segments) from(spans []span, p []byte, addr uint64) *Gap {
	i := find(spans, addr)
	for len(p) > 0 {
		if i == len(spans) || spans[i].start > addr {
			return &Gap{Addr: addr, Why: WhyAbsent}
		}
		s := spans[i]
		if s.kind != kindData {
			return &Gap{Addr: addr, Why: s.kind.why(), Offset: s.off}
		}
		n := int(min(uint64(len(p)), s.end-addr))
		off := s.off + int64(addr-s.start)
		if got, err := m.src.read(p[:n], off); err != nil {
			return &Gap{Addr: addr + uint64(got), Why: why(err), Offset: off + int64(got), Err: err}
		}
		p = p[n:]
		addr += uint64(n)
		i++
	}
	return nil
}

// page reads a page of which not all bytes need be there: RAM may begin or end
// in its midst.
func (m *segments) page(pfn uint64, buf []byte) (partial bool, gap *Gap) {
	addr := pfn * m.pageSize
	end := addr + uint64(len(buf))
	if end < addr {
		return false, &Gap{Addr: addr, Why: WhyAbsent}
	}
	i := find(m.phys, addr)
	if i < len(m.phys) && m.phys[i].start <= addr && m.phys[i].end >= end {
		return false, m.read(buf, addr)
	}
	found := false
	for ; i < len(m.phys) && m.phys[i].start < end; i++ {
		s := m.phys[i]
		if s.kind != kindData {
			continue
		}
		from, to := max(addr, s.start), min(end, s.end)
		if gap := m.read(buf[from-addr:to-addr], from); gap != nil {
			return false, gap
		}
		found = true
	}
	if !found {
		return false, m.read(buf, addr)
	}
	return true, nil
}

func (m *segments) present(pfn uint64) bool {
	if pfn > math.MaxUint64/m.pageSize {
		return false
	}
	addr := pfn * m.pageSize
	last := addr + m.pageSize - 1
	for i := find(m.phys, addr); i < len(m.phys) && m.phys[i].start <= last; i++ {
		if m.phys[i].kind == kindData {
			return true
		}
	}
	return false
}

func (m *segments) ranges() []Range {
	var out []Range
	for _, s := range m.phys {
		if n := len(out); n > 0 && out[n-1].End == s.start {
			out[n-1].End = s.end
		} else {
			out = append(out, Range{s.start, s.end})
		}
	}
	return out
}

// count returns the pages that there are and those with content.
func (m *segments) count() (pages, present uint64) {
	for _, s := range m.phys {
		n := (s.end - s.start) / m.pageSize
		pages += n
		if s.kind == kindData {
			present += n
		}
	}
	return pages, present
}
