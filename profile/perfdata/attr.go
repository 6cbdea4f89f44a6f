package perfdata

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
)

// Bits of Attr.SampleType (PERF_SAMPLE_*), in the order in which a sample has
// its fields, but for Identifier, which comes first.
const (
	SampleIP           = 1 << 0
	SampleTID          = 1 << 1
	SampleTime         = 1 << 2
	SampleAddr         = 1 << 3
	SampleRead         = 1 << 4
	SampleCallchain    = 1 << 5
	SampleID           = 1 << 6
	SampleCPU          = 1 << 7
	SamplePeriod       = 1 << 8
	SampleStreamID     = 1 << 9
	SampleRaw          = 1 << 10
	SampleBranchStack  = 1 << 11
	SampleRegsUser     = 1 << 12
	SampleStackUser    = 1 << 13
	SampleWeight       = 1 << 14
	SampleDataSrc      = 1 << 15
	SampleIdentifier   = 1 << 16
	SampleTransaction  = 1 << 17
	SampleRegsIntr     = 1 << 18
	SamplePhysAddr     = 1 << 19
	SampleAux          = 1 << 20
	SampleCgroup       = 1 << 21
	SampleDataPage     = 1 << 22
	SampleCodePage     = 1 << 23
	SampleWeightStruct = 1 << 24
)

// Bits of Attr.ReadFormat (PERF_FORMAT_*).
const (
	ReadEnabled = 1 << 0
	ReadRunning = 1 << 1
	ReadID      = 1 << 2
	ReadGroup   = 1 << 3
	ReadLost    = 1 << 4
)

// Bits of Attr.Flags.
const (
	flagFreq        = 1 << 10
	flagSampleIDAll = 1 << 18
	flagUseClock    = 1 << 25
)

// Types of events (PERF_TYPE_*).
const (
	TypeHardware   = 0
	TypeSoftware   = 1
	TypeTracepoint = 2
)

// An Attr is one event of the recording.
type Attr struct {
	Name       string
	Type       uint32
	Config     uint64
	Period     uint64 // or frequency, see Frequency
	SampleType uint64
	ReadFormat uint64
	Flags      uint64
	BranchType uint64
	RegsUser   uint64 // the mask of user registers
	RegsIntr   uint64
	Clock      int32 // of the times, where one was chosen
	IDs        []uint64
}

// Frequency says whether Period is samples per second.
func (a *Attr) Frequency() bool { return a.Flags&flagFreq != 0 }

// Monotonic says whether times are those of CLOCK_MONOTONIC.
func (a *Attr) Monotonic() bool { return a.Flags&flagUseClock != 0 && a.Clock == 1 }

// Unit is what a sample's period counts.
func (a *Attr) Unit() string {
	switch {
	case a.Type == TypeSoftware && a.Config <= 1: // cpu-clock, task-clock
		return "ns"
	case a.Type == TypeHardware && a.Config == 0:
		return "cycles"
	}
	return "events"
}

// Tracepoint says whether the event's samples carry a trace event.
func (a *Attr) Tracepoint() bool { return a.Type == TypeTracepoint }

var softwareNames = []string{"cpu-clock", "task-clock", "page-faults", "context-switches", "cpu-migrations", "minor-faults", "major-faults", "alignment-faults", "emulation-faults", "dummy", "bpf-output", "cgroup-switches"}

var hardwareNames = []string{"cycles", "instructions", "cache-references", "cache-misses", "branches", "branch-misses", "bus-cycles", "stalled-cycles-frontend", "stalled-cycles-backend", "ref-cycles"}

// defaultName is what an event is called whose name was not recorded.
func (a *Attr) defaultName() string {
	switch {
	case a.Type == TypeSoftware && a.Config < uint64(len(softwareNames)):
		return softwareNames[a.Config]
	case a.Type == TypeHardware && a.Config < uint64(len(hardwareNames)):
		return hardwareNames[a.Config]
	case a.Type == TypeTracepoint:
		return fmt.Sprintf("tracepoint-%d", a.Config)
	}
	return fmt.Sprintf("event-%d-%#x", a.Type, a.Config)
}

// order is the byte order of a file.
type order struct{ swap bool }

func (o order) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if o.swap {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (o order) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if o.swap {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (o order) u64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if o.swap {
		v = bits.ReverseBytes64(v)
	}
	return v
}

// attrMin is version 0 of the structure, which every recorder writes.
const attrMin = 64

// attr reads a perf_event_attr of any version.
func (o order) attr(b []byte) (Attr, error) {
	if len(b) < attrMin {
		return Attr{}, fmt.Errorf("an event's attribute has %d bytes, at least %d are needed", len(b), attrMin)
	}
	full := make([]byte, 128)
	copy(full, b)
	a := Attr{
		Type: o.u32(full), Config: o.u64(full[8:]), Period: o.u64(full[16:]), SampleType: o.u64(full[24:]),
		ReadFormat: o.u64(full[32:]), BranchType: o.u64(full[72:]), RegsUser: o.u64(full[80:]), RegsIntr: o.u64(full[96:]),
		Clock: int32(o.u32(full[92:])),
	}
	a.Flags = o.u64(full[40:])
	if o.swap {
		// A bit field of a big-endian machine begins at the other end.
		var f uint64
		for i := range 8 {
			f |= uint64(bits.Reverse8(full[40+i])) << (8 * i)
		}
		a.Flags = f
	}
	return a, nil
}

// cString reads up to the first zero.
func cString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}
