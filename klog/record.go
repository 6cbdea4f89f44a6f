package klog

import "time"

// Span is a half-open range of byte offsets [Start, End) in the input. For a
// compressed input the offsets count the expanded bytes.
type Span struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

// Transport names what carried a line.
type Transport uint8

// The transports. Each constant's comment shows one line of it.
const (
	// Plain: no envelope at all ("Call Trace:"), as from printk.time=0.
	Plain Transport = iota
	// Console: "[   12.345678] text", "<4>[   12.345678][  T123] text".
	// pstore and ramoops records, dmesg and vmcore-dmesg look the same.
	Console
	// DmesgHuman: dmesg -T, "[Mon Nov 23 16:29:06 2026] text".
	DmesgHuman
	// DmesgISO: dmesg --time-format iso, "2026-11-23T16:29:06,123456+00:00 text".
	DmesgISO
	// DmesgDelta: dmesg -d or --reltime, "[Nov23 16:29] text", "[  +0.000012] text".
	DmesgDelta
	// DmesgDecoded: dmesg -x, "kern  :err   : [   12.345678] text".
	DmesgDecoded
	// Kmsg: /dev/kmsg, "6,339,5140900,-;text" and its " KEY=value" lines.
	Kmsg
	// Netconsole: extended netconsole, a Kmsg header with an optional release
	// in front and ncfrag=offset/length for fragments.
	Netconsole
	// Syslog3164: "Nov 23 16:29:06 host kernel: text", also with "<4>" in front.
	Syslog3164
	// Syslog5424: "<4>1 2026-11-23T16:29:06.123Z host kernel - - - text".
	Syslog5424
	// Journal: journalctl -o short, short-iso, short-precise, short-monotonic.
	Journal
	// JournalJSON: journalctl -o json, one object per line.
	JournalJSON
	// JournalExport: journalctl -o export, FIELD=value blocks.
	JournalExport
	// CI: a test system's stamp in front of a console line,
	// "2026-11-23T16:29:06.123 [   12.345678] text".
	CI

	transports = iota
)

var transportNames = [transports]string{
	"plain", "console", "dmesg-human", "dmesg-iso", "dmesg-delta", "dmesg-decoded", "kmsg", "netconsole",
	"syslog-3164", "syslog-5424", "journal", "journal-json", "journal-export", "ci",
}

// String returns the transport's name as reports show it.
func (t Transport) String() string {
	if int(t) < len(transportNames) {
		return transportNames[t]
	}
	return "unknown"
}

// CallerKind tells what printk's caller ID names.
type CallerKind uint8

// The kinds of caller.
const (
	CallerNone CallerKind = iota
	CallerTask            // "T123": a task, by thread ID
	CallerCPU             // "C1": a CPU, in interrupt context
)

// Caller is printk's caller ID (CONFIG_PRINTK_CALLER).
type Caller struct {
	Kind CallerKind
	ID   uint32
}

// Origin tells who wrote a line.
type Origin uint8

// The origins. A line is Unknown when nothing in it says who wrote it, as on a
// serial console where firmware, kernel and user space share one wire.
const (
	OriginUnknown Origin = iota
	OriginKernel         // the transport says that printk wrote it
	OriginUser           // user space, by syslog tag, journal field or facility
)

// Record is one line of one kernel message; a message of several lines is as
// many records, as on a console. Text and the byte slices of a Record are valid
// until the next call of [Reader.Next].
type Record struct {
	Text      []byte // the message alone, without line end, colours or envelope
	Span      Span   // the physical bytes, envelope and line end included
	TextStart int64  // offset of Text in the input, -1 where Text was decoded and has no bytes of its own there
	Line      int    // 1-based number of the physical line
	Boot      int    // 0-based index of the boot within the input
	Time      time.Duration
	HasTime   bool      // Time is valid: time since boot, as printk printed it
	Wall      time.Time // zero where the transport keeps no wall time
	Seq       int64     // printk sequence number, -1 where unknown
	Lost      int64     // records known to be lost just before this one
	Host      []byte    // sending host, nil where unknown
	Release   []byte    // kernel release from a netconsole header, nil where unknown
	Caller    Caller
	Level     int8  // syslog severity 0-7, -1 where unknown
	Facility  int16 // syslog facility, 0 for the kernel's own, -1 where unknown
	Transport Transport
	Origin    Origin
	Cont      bool // continues the message of the record before it
	Clipped   bool // Text was cut at Options.MaxLine
}
