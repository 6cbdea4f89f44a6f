package unwind

import "encoding/binary"

// reader reads a part of a section; once it has come to its end, bad is set and
// all that is read is zero.
type reader struct {
	order binary.ByteOrder
	b     []byte
	at    int
	addr  uint64 // of b[0] in memory
	wide  bool   // addresses have 8 bytes
	bad   bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b)-r.at {
		r.bad, r.at = true, len(r.b)
		return nil
	}
	b := r.b[r.at : r.at+n]
	r.at += n
	return b
}

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return r.order.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return r.order.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return r.order.Uint64(b)
	}
	return 0
}

func (r *reader) word() uint64 {
	if r.wide {
		return r.u64()
	}
	return uint64(r.u32())
}

func (r *reader) uleb() (v uint64) {
	for shift := uint(0); ; shift += 7 {
		b := r.u8()
		if shift < 64 {
			v |= uint64(b&0x7f) << shift
		}
		if b < 0x80 {
			return v
		}
	}
}

func (r *reader) sleb() int64 {
	var v int64
	for shift := uint(0); ; {
		b := r.u8()
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		shift += 7
		if b < 0x80 {
			if b&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
}

// text reads up to a zero.
func (r *reader) text() string {
	for i := r.at; i < len(r.b); i++ {
		if r.b[i] == 0 {
			s := string(r.b[r.at:i])
			r.at = i + 1
			return s
		}
	}
	r.bad = true
	return ""
}

// How a pointer is written (DW_EH_PE_*).
const (
	ptrOmit     = 0xff
	ptrPCRel    = 0x10
	ptrDataRel  = 0x30
	ptrIndirect = 0x80
	// ptrSearch is how the entries of every search table are written.
	ptrSearch = 0x3b
)

// pointer reads an encoded pointer; base is what one relative to its data is
// relative to. What it points at may have to be read from memory: then ok is
// false.
func (r *reader) pointer(enc uint8, base uint64) (v uint64, ok bool) {
	if enc == ptrOmit {
		return 0, false
	}
	here := r.addr + uint64(r.at)
	switch enc & 0xf {
	case 0:
		v = r.word()
	case 1:
		v = r.uleb()
	case 2:
		v = uint64(r.u16())
	case 3:
		v = uint64(r.u32())
	case 4:
		v = r.u64()
	case 9:
		v = uint64(r.sleb())
	case 0xa:
		v = uint64(int64(int16(r.u16())))
	case 0xb:
		v = uint64(int64(int32(r.u32())))
	case 0xc:
		v = r.u64()
	default:
		r.bad = true
	}
	switch enc & 0x70 {
	case 0:
	case ptrPCRel:
		v += here
	case ptrDataRel:
		v += base
	default:
		return v, false
	}
	if !r.wide {
		v &= 0xffffffff
	}
	return v, !r.bad && enc&ptrIndirect == 0
}
