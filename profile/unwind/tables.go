package unwind

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
)

// maxSection bounds a section; the largest browsers have some 30 MiB.
const maxSection = 512 << 20

// Tables are the call frame information of one object. Addresses are those that
// the object's file counts.
type Tables struct {
	eh, debug section
	search    *searchIndex
	index     []entry
	debugIdx  []entry
	rows      map[uint64]*row
}

// section is one of the two kinds of call frame information.
type section struct {
	reader
	isEH bool
	cies map[int]*cie
}

// entry is a frame description in an index that was built.
type entry struct {
	start, end uint64
	at         int
}

// ErrNone says that an object has no call frame information.
var ErrNone = errors.New("it has no call frame information")

// A searchIndex is the search table of .eh_frame_hdr.
type searchIndex struct {
	order binary.ByteOrder
	b     []byte // entries: where code begins, where its description is
	addr  uint64 // what they are relative to
}

// broken makes an error of a panic: debug/elf has some for broken files.
func broken(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("its ELF headers are broken: %v", p)
	}
}

func load(f *elf.File, name string) (reader, bool) {
	s := f.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS || s.Size > maxSection || s.FileSize > maxSection {
		return reader{}, false
	}
	b, err := s.Data()
	if err != nil {
		return reader{}, false
	}
	return reader{order: f.ByteOrder, b: b, addr: s.Addr, wide: f.Class == elf.ELFCLASS64}, true
}

// Open reads the tables of an ELF file, and .debug_frame of its debug file if it
// has none itself. debug may be nil.
func Open(r, debug io.ReaderAt) (t *Tables, err error) {
	defer broken(&err)
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	t = &Tables{rows: map[uint64]*row{}}
	if x, ok := load(f, ".eh_frame"); ok {
		t.eh = section{reader: x, isEH: true, cies: map[int]*cie{}}
	}
	x, ok := load(f, ".debug_frame")
	if !ok && debug != nil {
		if d, err := elf.NewFile(debug); err == nil {
			x, ok = load(d, ".debug_frame")
		}
	}
	if ok {
		t.debug = section{reader: x, cies: map[int]*cie{}}
		t.debugIdx = t.debug.entries()
	}
	if len(t.eh.b) == 0 && len(t.debug.b) == 0 {
		return nil, ErrNone
	}
	if t.search = searchTable(f); t.search == nil {
		t.index = t.eh.entries()
	}
	return t, nil
}

// searchTable reads .eh_frame_hdr.
func searchTable(f *elf.File) *searchIndex {
	r, ok := load(f, ".eh_frame_hdr")
	if !ok {
		return nil
	}
	version, ptr, count, table := r.u8(), r.u8(), r.u8(), r.u8()
	if version != 1 || table != ptrSearch {
		return nil
	}
	r.pointer(ptr, r.addr)
	n, ok := r.pointer(count, r.addr)
	if !ok || n == 0 || n > uint64(len(r.b)-r.at)/8 {
		return nil
	}
	return &searchIndex{r.order, r.b[r.at : r.at+int(n)*8], r.addr}
}

// at is an entry of the search table.
func (x *searchIndex) at(i int) (start, at uint64) {
	b := x.b[8*i:]
	return x.addr + uint64(int64(int32(x.order.Uint32(b)))), x.addr + uint64(int64(int32(x.order.Uint32(b[4:]))))
}

// last is the last entry that begins at or before an address.
func (x *searchIndex) last(pc uint64) int {
	return sort.Search(len(x.b)/8, func(i int) bool { start, _ := x.at(i); return start > pc }) - 1
}

// find returns the description of an address.
func (t *Tables) find(pc uint64) (*fde, bool) {
	if t.search != nil {
		if i := t.search.last(pc); i >= 0 {
			_, at := t.search.at(i)
			if f, ok := t.eh.fde(int64(at - t.eh.addr)); ok && pc >= f.start && pc < f.end {
				return f, true
			}
		}
	} else if f, ok := t.eh.indexed(t.index, pc); ok {
		return f, true
	}
	return t.debug.indexed(t.debugIdx, pc)
}

func (s *section) indexed(list []entry, pc uint64) (*fde, bool) {
	i := sort.Search(len(list), func(i int) bool { return list[i].start > pc })
	if i == 0 || pc >= list[i-1].end {
		return nil, false
	}
	return s.fde(int64(list[i-1].at))
}

// entries indexes all descriptions of a section.
func (s *section) entries() []entry {
	var list []entry
	for at := 0; at < len(s.b); {
		h, ok := s.head(at)
		if !ok {
			break
		}
		if !h.isCIE {
			if f, ok := s.describe(h); ok && f.end > f.start {
				list = append(list, entry{f.start, f.end, at})
			}
		}
		at = h.next
	}
	slices.SortFunc(list, func(a, b entry) int {
		switch {
		case a.start < b.start:
			return -1
		case a.start > b.start:
			return 1
		}
		return 0
	})
	return list
}
