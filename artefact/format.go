package artefact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"ringside/klog"
)

// Format is what an input is.
type Format uint8

// The formats.
const (
	Empty           Format = iota // nothing at all
	Binary                        // bytes of no known kind
	Text                          // text of no known kind
	KernelLog                     // a kernel log: console, dmesg, kmsg, syslog, pstore, netconsole, CI
	Journal                       // journalctl's output
	JournalFile                   // systemd's own journal file
	VmcoreELF                     // /proc/vmcore as it is
	VmcoreKdump                   // makedumpfile's compressed dump
	VmcoreFlattened               // makedumpfile's output through a pipe
	PerfData
	Profile   // in Ringside's own form
	TraceDat  // trace-cmd's
	TraceText // ftrace's or trace-cmd report's
	KTAP
	KernelConfig
	KernelImage // bzImage, arm64 Image
	Patch       // one or more patches: git format-patch, mbox, a bare diff
	ELF         // an object, module, program or vmlinux
	Archive     // files packed together: unpack first
	Compressed  // in a way that is not undone here: unpack first
)

var formatNames = [...]string{
	"empty", "binary", "text", "kernel-log", "journal", "journal-file", "vmcore-elf", "vmcore-kdump", "vmcore-flattened",
	"perf-data", "profile", "trace-dat", "trace-text", "ktap", "kernel-config", "kernel-image", "patch", "elf", "archive", "compressed",
}

// String returns the format's name as reports show it.
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return "unknown"
}

// IsLog reports whether package klog can make something of the format.
func (f Format) IsLog() bool { return f == KernelLog || f == Journal || f == Text }

// IsVmcore reports whether the format is a dump of a kernel's memory.
func (f Format) IsVmcore() bool {
	return f == VmcoreELF || f == VmcoreKdump || f == VmcoreFlattened
}

// IsRecording reports whether the format is a profile or a trace.
func (f Format) IsRecording() bool {
	return f == PerfData || f == Profile || f == TraceDat || f == TraceText
}

// Advice says what to do with an input of a format that cannot be read as it
// is; it is empty for all others.
func (f Format) Advice() string {
	switch f {
	case Archive:
		return "this is an archive of files: unpack it and pass the files or the folder"
	case Compressed:
		return "this is compressed with a tool that is not supported: unpack it, or compress it with gzip, xz, zstd or bzip2"
	case JournalFile:
		return "this is systemd's own journal file: pass the output of journalctl --file FILE -k -o export"
	}
	return ""
}

// magics are the formats that their first bytes tell.
var magics = []struct {
	at     int
	magic  string
	format Format
}{
	{0, "KDUMP   ", VmcoreKdump},
	{0, "DISKDUMP", VmcoreKdump},
	{0, "makedumpfile\x00", VmcoreFlattened},
	{0, "PERFILE2", PerfData},
	{0, "2ELIFREP", PerfData}, // of the other byte order
	{0, "RINGSIDE PROFILE ", Profile},
	{0, "\x17\x08\x44tracing", TraceDat},
	{0, "LPKSHHRH", JournalFile},
	{0x202, "HdrS", KernelImage},
	{0x38, "ARM\x64", KernelImage},
	{257, "ustar", Archive},
	{0, "PK\x03\x04", Archive},
	{0, "070701", Archive}, // cpio
	{0, "070702", Archive},
	{0, "!<arch>\n", Archive}, // ar, and so deb
	{0, "\xed\xab\xee\xdb", Archive},
	{0, "7z\xbc\xaf\x27\x1c", Archive},
	{0, "\x04\x22\x4d\x18", Compressed}, // lz4
	{0, "\x02\x21\x4c\x18", Compressed}, // lz4, as for kernel images
	{0, "\x89LZO\x00\x0d\x0a\x1a\x0a", Compressed},
	{0, "LZIP", Compressed},
	{0, "\x5d\x00\x00", Compressed}, // lzma
}

// Sniff recognises a format from the first bytes of an expanded input. The more
// there are, the better; 64 KiB are plenty.
func Sniff(head []byte) Format {
	if len(head) == 0 {
		return Empty
	}
	if starts(head, "\x7fELF") {
		return sniffELF(head)
	}
	for _, m := range magics {
		if len(head) >= m.at && starts(head[m.at:], m.magic) {
			return m.format
		}
	}
	if f := sniffText(head); f != Text {
		return f
	}
	if f, ok := sniffLog(head); ok {
		return f
	}
	if isBinary(head) {
		return Binary
	}
	return Text
}

func starts(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// sniffELF tells a dump from other ELF files by its type, in either byte order.
func sniffELF(head []byte) Format {
	const etCore = 4
	if len(head) >= 18 {
		order := binary.ByteOrder(binary.LittleEndian)
		if head[5] == 2 {
			order = binary.BigEndian
		}
		if order.Uint16(head[16:]) == etCore {
			return VmcoreELF
		}
	}
	return ELF
}

// sniffText recognises the texts that say at their start what they are.
func sniffText(head []byte) Format {
	lines, settings, set := 0, 0, 0
	for line := range bytes.Lines(head) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			continue
		}
		if lines++; lines > 200 {
			break
		}
		if lines == 1 {
			switch {
			case starts(line, "KTAP version "), starts(line, "TAP version "):
				return KTAP
			case starts(line, "# tracer: "), starts(line, "cpus=") && len(line) < 12:
				return TraceText
			case starts(line, "From ") && isMailFrom(line), starts(line, "diff --git a/"):
				return Patch
			}
		}
		switch {
		case starts(line, "CONFIG_") && bytes.IndexByte(line, '=') > 0,
			starts(line, "# CONFIG_") && bytes.HasSuffix(line, []byte(" is not set")):
			settings++
			set++
		case line[0] == '#':
			settings++
		case starts(line, "diff --git a/"), starts(line, "Subject: ") && bytes.Contains(line, []byte("[PATCH")):
			if lines < 60 && settings*2 < lines {
				return Patch
			}
		case starts(line, "--- ") && lines < 60:
			if next := head[bytes.Index(head, line)+len(line):]; starts(bytes.TrimLeft(next, "\r\n"), "+++ ") {
				return Patch
			}
		}
	}
	if set >= 2 && settings*10 >= lines*9 {
		return KernelConfig
	}
	return Text
}

// isMailFrom recognises the first line of a mail in an mbox, "From <hash or
// address> Mon Sep 17 00:00:00 2001".
func isMailFrom(line []byte) bool {
	f := bytes.Fields(line)
	return len(f) >= 7 && len(f[len(f)-1]) == 4 && bytes.Count(f[len(f)-2], []byte{':'}) == 2
}

// plainMarks start or belong to kernel lines that carry no envelope at all.
var plainMarks = [][]byte{
	[]byte("Linux version "), []byte("Call Trace:"), []byte("Call trace:"), []byte("Kernel panic - not syncing"),
	[]byte("BUG: "), []byte("WARNING: CPU: "), []byte("Oops: "), []byte("Internal error: "), []byte("Modules linked in:"),
	[]byte("Unable to handle kernel "), []byte("---[ cut here ]---"), []byte("------------[ cut here ]"), []byte("general protection fault"),
}

// sniffLog asks klog whether it finds kernel messages.
func sniffLog(head []byte) (Format, bool) {
	r := klog.NewReader(bytes.NewReader(head), klog.Options{MaxLine: 4 << 10})
	var kernel, all, journal int64
	plain := false
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Text, false
		}
		all++
		switch rec.Transport {
		case klog.Journal, klog.JournalJSON, klog.JournalExport:
			journal++
			continue
		}
		if rec.Origin == klog.OriginKernel {
			kernel++
		} else if !plain {
			for _, m := range plainMarks {
				plain = plain || bytes.Contains(rec.Text, m)
			}
		}
	}
	switch {
	case journal*2 > all:
		return Journal, true
	case kernel >= 3 && kernel*4 >= all, kernel > 0 && !isBinary(head), plain && !isBinary(head):
		return KernelLog, true
	}
	return Text, false
}

// isBinary reports whether more than one byte in ten belongs to no text.
// Terminal escapes and the zeros that a power cut leaves in a log are no proof.
func isBinary(head []byte) bool {
	odd := 0
	for _, c := range head {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\x1b' && c != '\b' || c == 0x7f {
			odd++
		}
	}
	return odd*10 > len(head)
}
