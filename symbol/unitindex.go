package symbol

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"ringside/symbol/internal/dwarf"
)

// Compilers that write no .debug_aranges (clang, rustc) leave us to ask every
// unit for its addresses. The answer is kept in this form:
//
//	"rsunits1"                      magic and version
//	uvarint                         size of .debug_info that it was made from
//	uvarint                         number of spans
//	3 × uvarint each                distance from the last span's start, length, unit
//	4 bytes                         CRC-32 (IEEE) of all before, little endian
const unitIndexMagic = "rsunits1"

// IndexCache keeps what took time to find out about a file. Both methods may
// fail; the index is then made again.
type IndexCache interface {
	Load() ([]byte, error)
	Save([]byte) error
}

func encodeUnitIndex(spans []dwarf.Span, infoSize uint64) []byte {
	b := []byte(unitIndexMagic)
	b = binary.AppendUvarint(b, infoSize)
	b = binary.AppendUvarint(b, uint64(len(spans)))
	last := uint64(0)
	for _, s := range spans {
		b = binary.AppendUvarint(b, s.Low-last)
		b = binary.AppendUvarint(b, s.High-s.Low)
		b = binary.AppendUvarint(b, s.Unit)
		last = s.Low
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func decodeUnitIndex(b []byte, infoSize uint64) ([]dwarf.Span, error) {
	bad := func(why string) error { return fmt.Errorf("%w: index of units: %s", ErrFormat, why) }
	if len(b) < len(unitIndexMagic)+4 || string(b[:len(unitIndexMagic)]) != unitIndexMagic {
		return nil, bad("it is no such index")
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return nil, bad("its checksum is wrong")
	}
	rest, ok := body[len(unitIndexMagic):], true
	next := func() uint64 {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			ok = false
			return 0
		}
		rest = rest[n:]
		return v
	}
	if size := next(); size != infoSize {
		return nil, bad("it is of another file")
	}
	n := next()
	if !ok || n > uint64(len(rest))/3 {
		return nil, bad("it ends early")
	}
	spans := make([]dwarf.Span, 0, n)
	last := uint64(0)
	for range n {
		lo, length, unit := last+next(), next(), next()
		if !ok || lo < last || length > math.MaxUint64-lo || unit >= infoSize {
			return nil, bad("a span makes no sense")
		}
		spans = append(spans, dwarf.Span{Range: dwarf.Range{Low: lo, High: lo + length}, Unit: unit})
		last = lo
	}
	return slices.Clip(spans), nil
}

// loadIndex returns the file's own index, from its cache where that has it.
func (f *File) loadIndex() []dwarf.Span {
	infoSize := f.section(f.debug).Size()
	if f.cache != nil {
		if b, err := f.cache.Load(); err == nil {
			if spans, err := decodeUnitIndex(b, infoSize); err == nil {
				return spans
			}
		}
	}
	spans, unread, err := f.dwarfData.Index()
	if err != nil {
		f.note("its debug information is damaged: %v", err)
	}
	if unread > 0 {
		f.note("%d of its compile units cannot be read", unread)
	}
	if f.cache != nil && err == nil {
		if err := f.cache.Save(encodeUnitIndex(spans, infoSize)); err != nil {
			f.note("the index of its units is not kept: %v", err)
		}
	}
	return spans
}
