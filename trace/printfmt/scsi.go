package printfmt

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// scsi compiles scsi_trace_parse_cdb(p, command, length), which says where and
// how much a SCSI command reads or writes.
func (c *compiler) scsi(n *node) (text, error) {
	if len(n.kids) != 3 {
		return nil, fmt.Errorf("%s takes a command and its length", n.text)
	}
	at, _, err := c.place(n.kids[1])
	if err != nil {
		return nil, err
	}
	size, _, err := c.number(n.kids[2])
	return func(b, d []byte) []byte { return appendCDB(b, first(at(d), size(d))) }, err
}

// appendCDB appends what a command descriptor block says. Commands are those that
// the kernel takes apart, and as it does.
func appendCDB(b, cdb []byte) []byte {
	be := binary.BigEndian
	var need [32]byte
	if len(cdb) == 0 {
		return append(b, '-')
	}
	copy(need[:], cdb)
	cdb = need[:]
	value := func(name string, v uint64) {
		b = strconv.AppendUint(append(b, name...), v, 10)
	}
	protect := uint64(cdb[1] >> 5)
	const unmapBit = 3
	switch cdb[0] {
	case 0x08, 0x0a: // READ_6, WRITE_6
		value("lba=", uint64(be.Uint32(cdb[0:])&0x1fffff))
		length := uint64(cdb[4])
		if length == 0 {
			length = 256
		}
		value(" txlen=", length)
	case 0x28, 0x2a, 0x2f, 0x41: // READ_10, WRITE_10, VERIFY, WRITE_SAME
		value("lba=", uint64(be.Uint32(cdb[2:])))
		value(" txlen=", uint64(be.Uint16(cdb[7:])))
		value(" protect=", protect)
		if cdb[0] == 0x41 {
			value(" unmap=", uint64(cdb[1]>>unmapBit&1))
		}
	case 0xa8, 0xaa, 0xaf: // READ_12, WRITE_12, VERIFY_12
		value("lba=", uint64(be.Uint32(cdb[2:])))
		value(" txlen=", uint64(be.Uint32(cdb[6:])))
		value(" protect=", protect)
	case 0x88, 0x8a, 0x8f, 0x93: // READ_16, WRITE_16, VERIFY_16, WRITE_SAME_16
		value("lba=", be.Uint64(cdb[2:]))
		value(" txlen=", uint64(be.Uint32(cdb[10:])))
		value(" protect=", protect)
		if cdb[0] == 0x93 {
			value(" unmap=", uint64(cdb[1]>>unmapBit&1))
		}
	case 0x42: // UNMAP
		value("regions=", (uint64(be.Uint16(cdb[7:]))-8)/16)
	default:
		b = append(b, '-')
	}
	return b
}
