package dump

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"time"
)

const (
	kdumpSignature  = "KDUMP   "
	kdumpIncomplete = 8
	// maxFrames is 256 TiB of 4 KiB pages; a larger number is a lie, and its
	// bitmap would be read for minutes.
	maxFrames = 1 << 36
)

// kdumpHead is struct disk_dump_header and struct kdump_sub_header of a 64-bit
// machine, of which later versions have more.
type kdumpHead struct {
	order        binary.ByteOrder
	version      int
	uts          [6]string // sysname, nodename, release, version, machine, domainname
	time         time.Time
	status       uint32
	blockSize    int64
	subBlocks    int64
	bitmapBlocks int64

	physBase           int64
	dumpLevel          int
	split              bool
	start, end         uint64
	frames             uint64 // max_mapnr
	infoAt, noteAt     int64
	infoSize, noteSize uint64
}

// isKDUMP looks at the head of a file.
func isKDUMP(head []byte) bool {
	return len(head) >= 8 && string(head[:8]) == kdumpSignature
}

func readKdumpHead(s *source) (kdumpHead, error) {
	var h kdumpHead
	b, err := s.prefix(0, 464)
	if len(b) < 464 {
		return h, fmt.Errorf("%s: the KDUMP header is cut off at %d bytes: copy the dump again: %w", s.name, len(b), err)
	}
	h.order = binary.LittleEndian
	if v := binary.LittleEndian.Uint32(b[8:]); v > 0xffff {
		h.order = binary.BigEndian
	}
	u32 := func(at int) uint32 { return h.order.Uint32(b[at:]) }
	h.version = int(u32(8))
	if h.version < 1 || h.version > 0xff {
		return h, fmt.Errorf("%s: KDUMP version %d is not known; 1 to 6 are: copy the dump again", s.name, h.version)
	}
	for i := range h.uts {
		h.uts[i] = string(trimText(b[12+65*i : 12+65*(i+1)]))
	}
	h.status = u32(424)
	h.blockSize, h.subBlocks, h.bitmapBlocks = int64(int32(u32(428))), int64(int32(u32(432))), int64(int32(u32(436)))
	if !goodPageSize(h.blockSize) {
		// A 32-bit machine's timeval is shorter, and so all moves forward.
		if goodPageSize(int64(int32(u32(416)))) {
			return h, fmt.Errorf("%s is the dump of a 32-bit machine (%s), which is not supported: use crash", s.name, h.uts[4])
		}
		return h, fmt.Errorf("%s: the KDUMP header has a block size of %d: copy the dump again", s.name, h.blockSize)
	}
	h.frames = uint64(u32(440))
	if sec := int64(h.order.Uint64(b[408:])); sec > 0 && sec < 1<<40 {
		h.time = time.Unix(sec, int64(h.order.Uint64(b[416:])%1e6)*1000).UTC()
	}
	if h.subBlocks < 0 || h.bitmapBlocks < 0 {
		return h, fmt.Errorf("%s: the KDUMP header has %d blocks of sub-header and %d of bitmaps: copy the dump again", s.name, h.subBlocks, h.bitmapBlocks)
	}
	if h.subBlocks > 0 {
		if err := h.readSub(s); err != nil {
			return h, err
		}
	}
	if !h.split {
		h.start, h.end = 0, h.frames
	}
	if h.frames > maxFrames {
		return h, fmt.Errorf("%s: the KDUMP header speaks of %d pages, more than any machine has: copy the dump again", s.name, h.frames)
	}
	if h.start > h.end || h.end > h.frames {
		return h, fmt.Errorf("%s: the KDUMP header says that the part has pages %#x to %#x of %#x: copy the dump again", s.name, h.start, h.end, h.frames)
	}
	return h, nil
}

// readSub reads the sub-header, which begins with the second block.
func (h *kdumpHead) readSub(s *source) error {
	b, err := s.prefix(h.blockSize, 104)
	if err != nil {
		return fmt.Errorf("%s: the KDUMP sub-header is cut off: copy the dump again: %w", s.name, err)
	}
	u64 := func(at int) uint64 { return h.order.Uint64(b[at:]) }
	h.physBase = int64(u64(0))
	if h.version >= 1 {
		h.dumpLevel = int(int32(h.order.Uint32(b[8:])))
	}
	if h.version >= 2 {
		h.split = h.order.Uint32(b[12:]) != 0
		h.start, h.end = u64(16), u64(24)
	}
	if h.version >= 3 {
		h.infoAt, h.infoSize = int64(u64(32)), u64(40)
	}
	if h.version >= 4 {
		h.noteAt, h.noteSize = int64(u64(48)), u64(56)
	}
	if h.version >= 6 {
		if h.split {
			h.start, h.end = u64(80), u64(88)
		}
		h.frames = u64(96)
	}
	return nil
}

func goodPageSize(n int64) bool { return n >= 512 && n <= 1<<20 && n&(n-1) == 0 }

// compression names what the header announces; pages say it for themselves.
func (h *kdumpHead) compression() []string {
	var out []string
	for _, f := range []struct {
		flag uint32
		name string
	}{{flagZlib, "zlib"}, {flagLZO, "lzo"}, {flagSnappy, "snappy"}, {flagZstd, "zstd"}} {
		if h.status&f.flag != 0 {
			out = append(out, f.name)
		}
	}
	return out
}

// machines are the names that uname -m has.
var machines = []struct {
	name string
	elf  elf.Machine
}{
	{"x86_64", elf.EM_X86_64},
	{"aarch64", elf.EM_AARCH64},
	{"aarch64_be", elf.EM_AARCH64},
	{"ppc64le", elf.EM_PPC64},
	{"ppc64", elf.EM_PPC64},
	{"s390x", elf.EM_S390},
	{"riscv64", elf.EM_RISCV},
	{"loongarch64", elf.EM_LOONGARCH},
	{"mips64", elf.EM_MIPS},
	{"ia64", elf.EM_IA_64},
	{"i686", elf.EM_386},
	{"i586", elf.EM_386},
	{"i386", elf.EM_386},
	{"armv7l", elf.EM_ARM},
	{"sparc64", elf.EM_SPARCV9},
	{"alpha", elf.EM_ALPHA},
}

func machineNamed(name string) elf.Machine {
	for _, m := range machines {
		if m.name == name {
			return m.elf
		}
	}
	return elf.EM_NONE
}

func archOf(machine elf.Machine) string {
	for _, m := range machines {
		if m.elf == machine {
			return m.name
		}
	}
	return machine.String()
}
