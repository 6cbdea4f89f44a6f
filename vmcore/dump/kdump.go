package dump

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// kdump is memory as makedumpfile's own format has it: two bitmaps, a table of
// descriptors in the order of the second, and compressed pages.
type kdump struct {
	head     kdumpHead
	src      *source // the first that was given; any has all but the pages
	pageSize uint64
	parts    []*part // ascending, without holes
	codecs   *codecs
	held     uint64 // pages in the bitmaps of the parts that are there
	warnings []string

	// Which pages are RAM is asked for less often than it takes to read.
	ramOnce sync.Once
	ram     rangeList // of page frame numbers
	ramErr  error
	pages   uint64

	// All pages of zeros share one place, the first of all.
	zeroAt   int64
	zeroSize atomic.Uint32
}

// part is one file of a split set, or all of one that is not split.
type part struct {
	src        *source
	start, end uint64
	bits       *bitmap
	table      int64 // offset of the first descriptor
	missing    bool
	blocks     [descSlots]atomic.Pointer[descBlock]
}

const (
	descSize  = 24
	descBatch = 128 // descriptors read at once
	descSlots = 256 // batches kept of each part

	maxVMCoreInfo = 1 << 20
)

// descBlock is a batch of descriptors.
type descBlock struct {
	first uint64
	n     int // complete ones
	err   error
	data  [descBatch * descSize]byte
}

var errBitmapCut = errors.New("the bitmap of pages is cut off")

func openKdump(sources []*source) (*kdump, error) {
	k := &kdump{codecs: newCodecs(), src: sources[0]}
	var whole []string
	for i, s := range sources {
		h, err := readKdumpHead(s)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			k.head = h
			k.pageSize = uint64(h.blockSize)
		} else if err := sameDump(k.head, h, sources[0].name, s.name); err != nil {
			return nil, err
		}
		if h.status&kdumpIncomplete != 0 {
			k.head.status |= kdumpIncomplete
		}
		if !h.split {
			whole = append(whole, s.name)
		}
		p := &part{src: s, start: h.start, end: h.end, table: h.blockSize * (1 + h.subBlocks + h.bitmapBlocks)}
		k.parts = append(k.parts, p)
	}
	if len(sources) > 1 && len(whole) > 0 {
		return nil, fmt.Errorf("%s is a whole dump and no part of a split one: give it alone", whole[0])
	}
	slices.SortStableFunc(k.parts, func(a, b *part) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
	if err := k.fillHoles(); err != nil {
		return nil, err
	}
	for _, p := range k.parts {
		off, end, _ := k.bitmapAt(1)
		bits, err := readBitmap(p.src, off, p.start, min(p.end, max(p.start, end)))
		if err != nil {
			k.warn("%s: the bitmap of its pages can be read up to page %#x of %#x: %v", p.src.name, bits.cut, p.end, err)
		}
		p.bits = bits
		if !p.missing {
			k.held += bits.count
		}
	}
	if _, end, _ := k.bitmapAt(1); end < k.head.frames {
		k.warn("the bitmaps have %#x bits for %#x pages: what is above is taken for absent", end, k.head.frames)
	}
	if len(k.parts) > 0 && !k.parts[0].missing {
		p := k.parts[0]
		k.zeroAt = p.table + int64(p.bits.count)*descSize
	}
	return k, nil
}

func (k *kdump) warn(format string, args ...any) {
	if len(k.warnings) < maxWarnings {
		k.warnings = append(k.warnings, fmt.Sprintf(format, args...))
	}
}

// sameDump says whether two headers are of one split set.
func sameDump(a, b kdumpHead, nameA, nameB string) error {
	if a.order == b.order && a.blockSize == b.blockSize && a.frames == b.frames && a.uts == b.uts &&
		a.subBlocks == b.subBlocks && a.bitmapBlocks == b.bitmapBlocks && a.time.Equal(b.time) {
		return nil
	}
	return fmt.Errorf("%s and %s are not parts of the same dump: give the files of one split set", nameA, nameB)
}

// fillHoles puts parts without content where files of a set were not given.
// Each file has the bitmaps of all, so what is missing is known.
func (k *kdump) fillHoles() error {
	var out []*part
	pos := uint64(0)
	hole := func(end uint64) {
		if pos < end {
			out = append(out, &part{src: k.src, start: pos, end: end, missing: true})
			k.warn("the part of the split set with pages %#x to %#x was not given", pos, end)
		}
	}
	for _, p := range k.parts {
		if p.start == p.end {
			continue // makedumpfile leaves parts empty when there is little to split
		}
		if p.start < pos {
			return fmt.Errorf("%s has pages %#x to %#x, which another file has too: give each part of a split set once", p.src.name, p.start, p.end)
		}
		hole(p.start)
		out = append(out, p)
		pos = p.end
	}
	hole(k.head.frames)
	k.parts = out
	return nil
}

// bitmapAt returns where a bitmap begins (0: RAM, 1: pages dumped) and how many
// pages it has bits for. Files that are old enough have one, of the pages.
func (k *kdump) bitmapAt(which int64) (off int64, frames uint64, single bool) {
	h := k.head
	bytes := h.bitmapBlocks * h.blockSize
	off = h.blockSize * (1 + h.subBlocks)
	if need := (h.frames + 7) / 8; uint64(bytes/2) >= need || uint64(bytes) < need {
		bytes /= 2
		off += which * bytes
	} else {
		single = true
	}
	return off, min(h.frames, uint64(bytes)*8), single
}

// page decompresses a page into buf.
func (k *kdump) page(pfn uint64, buf []byte) (partial bool, gap *Gap) {
	return false, k.fill(pfn, buf)
}

func (k *kdump) fill(pfn uint64, buf []byte) *Gap {
	addr := pfn * k.pageSize
	if pfn > math.MaxUint64/k.pageSize {
		return &Gap{Addr: math.MaxUint64, Why: WhyAbsent}
	}
	p := k.part(pfn)
	if p == nil {
		return &Gap{Addr: addr, Why: WhyAbsent}
	}
	if pfn >= p.bits.cut {
		return &Gap{Addr: addr, Why: WhyTruncated, Err: errBitmapCut}
	}
	index, ok := p.bits.index(pfn)
	switch {
	case !ok && k.isRAM(pfn):
		return &Gap{Addr: addr, Why: WhyExcluded}
	case !ok:
		return &Gap{Addr: addr, Why: WhyAbsent}
	case p.missing:
		return &Gap{Addr: addr, Why: WhyLost, Err: fmt.Errorf("the part of the split set with pages %#x to %#x was not given: give all its files", p.start, p.end)}
	}
	at := p.table + int64(index)*descSize
	block, i := p.descriptors(index)
	if i >= block.n {
		return &Gap{Addr: addr, Why: why(block.err), Offset: at, Err: block.err}
	}
	d := block.data[i*descSize:]
	off, size, flags := int64(k.head.order.Uint64(d)), k.head.order.Uint32(d[8:]), k.head.order.Uint32(d[12:])
	switch {
	case off == 0:
		return &Gap{Addr: addr, Why: WhyLost}
	case off < 0 || uint64(size) > k.pageSize || size == 0:
		return &Gap{Addr: addr, Why: WhyDamaged, Offset: at, Err: fmt.Errorf("its descriptor has %d bytes at offset %#x", size, uint64(off))}
	}
	if off == k.zeroAt && size == k.zeroSize.Load() {
		clear(buf)
		return nil
	}
	if err := k.codecs.page(buf, p.src, off, int(size), flags); err != nil {
		return &Gap{Addr: addr, Why: why(err), Offset: off, Err: err}
	}
	if off == k.zeroAt && isZero(buf) {
		k.zeroSize.Store(size)
	}
	return nil
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// part returns the one that a page belongs to.
func (k *kdump) part(pfn uint64) *part {
	if len(k.parts) == 1 && pfn < k.parts[0].end {
		return k.parts[0]
	}
	i, found := slices.BinarySearchFunc(k.parts, pfn, func(p *part, pfn uint64) int {
		switch {
		case p.end <= pfn:
			return -1
		case p.start > pfn:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	return k.parts[i]
}

// descriptors returns the batch that a descriptor is in, and its place there.
// Pages are asked for in clusters, so that the next ones are mostly in it too.
func (p *part) descriptors(index uint64) (*descBlock, int) {
	number, i := index/descBatch, int(index%descBatch)
	slot := &p.blocks[number%descSlots]
	if b := slot.Load(); b != nil && b.first == number {
		return b, i
	}
	b := &descBlock{first: number}
	want := int(min(descBatch, p.bits.count-number*descBatch)) * descSize
	got, err := p.src.read(b.data[:want], p.table+int64(number)*descBatch*descSize)
	b.n = got / descSize
	b.err = err
	if err != nil && why(err) == WhyDamaged {
		return b, i // an error of the moment is not kept
	}
	slot.Store(b)
	return b, i
}

func (k *kdump) present(pfn uint64) bool {
	p := k.part(pfn)
	if p == nil || p.missing || pfn >= p.bits.cut {
		return false
	}
	_, ok := p.bits.index(pfn)
	return ok
}

// readRAM reads the first bitmap.
func (k *kdump) readRAM() {
	k.ramOnce.Do(func() {
		off, end, _ := k.bitmapAt(0)
		cut := end
		k.ramErr = eachChunk(k.src, off, 0, end, func(first uint64, words []byte) {
			k.pages += k.ram.addBits(first, words)
		}, &cut)
	})
}

// isRAM says whether a page that is not in the dump exists. With one bitmap
// only nobody knows.
func (k *kdump) isRAM(pfn uint64) bool {
	k.readRAM()
	list := k.ram.list
	i, _ := slices.BinarySearchFunc(list, pfn, func(r Range, pfn uint64) int {
		if r.End <= pfn {
			return -1
		}
		return 1
	})
	return i < len(list) && list[i].Start <= pfn
}

func (k *kdump) ranges() []Range {
	k.readRAM()
	out := make([]Range, 0, len(k.ram.list))
	for _, r := range k.ram.list {
		if n := len(out); n > 0 && out[n-1].End == r.Start*k.pageSize {
			out[n-1].End = r.End * k.pageSize
			continue
		}
		out = append(out, Range{r.Start * k.pageSize, r.End * k.pageSize})
	}
	return out
}

func (k *kdump) count() (pages, present uint64) {
	k.readRAM()
	return k.pages, k.held
}

// readNotes returns the notes and VMCOREINFO, which older headers have apart.
func (k *kdump) readNotes() (info []byte, notes []Note) {
	s, h := k.src, k.head
	section := func(what string, at int64, size, limit uint64) []byte {
		if size == 0 {
			return nil
		}
		if size > limit {
			k.warn("%s at offset %#x has %d bytes: not read", what, at, size)
			return nil
		}
		b, err := s.prefix(at, size)
		if err != nil {
			k.warn("%s at offset %#x: %d of %d bytes can be read: %v", what, at, len(b), size, err)
		}
		return b
	}
	if b := section("notes", h.noteAt, h.noteSize, maxNotes); b != nil {
		var err error
		if notes, err = parseNotes(b, h.noteAt, h.order); err != nil {
			k.warn("%v", err)
		}
	}
	return trimText(section("VMCOREINFO", h.infoAt, h.infoSize, maxVMCoreInfo)), notes
}
