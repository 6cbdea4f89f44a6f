package ftracetext

import "encoding/binary"

// pages are the pages of a ring buffer's CPU.
type pages struct {
	total *int // bytes of the pages of all CPUs
	full  [][]byte
	page  []byte
	last  uint64 // the time of the event before
	// missed is how many events are missing in front of the next page, -1 where
	// nobody counted them.
	missed int64
}

// Entries of a page: the kinds that are no event's length.
const (
	timeExtend = 30
	timeStamp  = 31
	maxShort   = 28 * 4 // bytes of an event whose length is in its head
)

// add appends an event.
func (p *pages) add(time uint64, data []byte) {
	size := (len(data) + 3) &^ 3
	if p.page == nil || len(p.page)+16+size > pageSize-8 {
		p.next(time)
	}
	le := binary.LittleEndian
	delta := time - p.last
	p.last = time
	if delta >= 1<<27 { // too long for an event's head, or back in time
		kind, value := uint32(timeExtend), delta
		if delta >= 1<<59 {
			kind, value = timeStamp, time
		}
		p.page = le.AppendUint32(p.page, kind|uint32(value)<<5)
		p.page = le.AppendUint32(p.page, uint32(value>>27))
		delta = 0
	}
	if size <= maxShort {
		p.page = le.AppendUint32(p.page, uint32(size/4)|uint32(delta)<<5)
	} else {
		p.page = le.AppendUint32(p.page, uint32(delta)<<5)
		p.page = le.AppendUint32(p.page, uint32(size+4))
	}
	p.page = append(p.page, data...)
	p.page = append(p.page, make([]byte, size-len(data))...)
}

// next begins a page.
func (p *pages) next(time uint64) {
	p.end()
	*p.total += pageSize
	p.page = binary.LittleEndian.AppendUint64(nil, time)
	p.page = binary.LittleEndian.AppendUint64(p.page, 0)
	p.last = time
}

// lose notes that events are missing; 0 is a number that is not known.
func (p *pages) lose(n uint64) {
	p.end()
	if p.missed = int64(n); n == 0 {
		p.missed = -1
	}
}

// end finishes a page: how long it is, and what is missing in front of it.
func (p *pages) end() {
	if p.page == nil {
		return
	}
	commit := uint64(len(p.page) - pageHead)
	if p.missed != 0 {
		commit |= 1 << 31
		if p.missed > 0 {
			commit |= 1 << 30
			p.page = binary.LittleEndian.AppendUint64(p.page, uint64(p.missed))
		}
		p.missed = 0
	}
	binary.LittleEndian.PutUint64(p.page[8:], commit)
	p.full = append(p.full, p.page)
	p.page = nil
}

func (p *pages) size() int {
	p.end()
	return len(p.full) * pageSize
}

func (p *pages) write(b *output) {
	for _, page := range p.full {
		b.bytes(page)
		b.bytes(make([]byte, pageSize-len(page)))
	}
}
