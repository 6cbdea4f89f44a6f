package kernel

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Info is a parsed VMCOREINFO: what the kernel says about itself to those who
// will read its dump.
type Info struct {
	values map[string]string
	text   []byte
}

// maxInfo bounds the text; the kernel gives it one page, and newer ones may give
// it more.
const maxInfo = 1 << 20

// ParseInfo reads the text of a VMCOREINFO note. Lines that are not "key=value"
// are passed over: the note of a dying machine may be half written.
func ParseInfo(text []byte) Info {
	if len(text) > maxInfo {
		text = text[:maxInfo]
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	in := Info{values: make(map[string]string, 256), text: text}
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if _, dup := in.values[key]; ok && !dup {
			in.values[key] = value
		}
	}
	return in
}

// Empty reports whether there was nothing in it.
func (in Info) Empty() bool { return len(in.values) == 0 }

// Text returns what was parsed. It is shared: do not write to it.
func (in Info) Text() []byte { return in.text }

// Get returns a plain value such as OSRELEASE or BUILD-ID.
func (in Info) Get(key string) string { return in.values[key] }

// Symbol returns the address of a symbol.
func (in Info) Symbol(name string) (uint64, bool) { return in.hex("SYMBOL(" + name + ")") }

// Size returns the size of a type.
func (in Info) Size(name string) (uint64, bool) { return in.decimal("SIZE(" + name + ")") }

// Offset returns where a member is in its structure, as "task_struct.pid".
func (in Info) Offset(member string) (uint64, bool) { return in.decimal("OFFSET(" + member + ")") }

// Length returns the length of an array.
func (in Info) Length(name string) (uint64, bool) { return in.decimal("LENGTH(" + name + ")") }

// Number returns a constant. The kernel writes most of them in decimal, with a
// sign where it is negative, and masks in hexadecimal after 0x.
func (in Info) Number(name string) (int64, bool) {
	v, ok := in.values["NUMBER("+name+")"]
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseInt(v, 0, 64); err == nil {
		return n, true
	}
	n, err := strconv.ParseUint(v, 0, 64)
	return int64(n), err == nil
}

// KernelOffset returns how far address randomisation moved the kernel. It is
// written in hexadecimal without 0x.
func (in Info) KernelOffset() (uint64, bool) { return in.hex("KERNELOFFSET") }

// CrashTime returns when the kernel crashed, by its own clock.
func (in Info) CrashTime() (time.Time, bool) {
	n, err := strconv.ParseInt(in.values["CRASHTIME"], 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
}

// PageSize returns the size of the kernel's pages, 0 where it is not said.
func (in Info) PageSize() uint64 {
	n, err := strconv.ParseUint(in.values["PAGESIZE"], 10, 32)
	if err != nil || n < 4096 || n > 1<<16 || n&(n-1) != 0 {
		return 0
	}
	return n
}

func (in Info) hex(key string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(in.values[key], "0x"), 16, 64)
	return n, err == nil
}

func (in Info) decimal(key string) (uint64, bool) {
	n, err := strconv.ParseUint(in.values[key], 10, 64)
	return n, err == nil
}

// badBuildID says of which stable releases the build ID in VMCOREINFO is
// garbage: a back-port wrote it from the wrong address.
func badBuildID(release string) bool {
	v, ok := parseRelease(release)
	if !ok {
		return false
	}
	in := func(from, to release3) bool { return !v.before(from) && v.before(to) }
	return in(release3{5, 15, 168}, release3{5, 16, 0}) ||
		in(release3{6, 1, 113}, release3{6, 1, 119}) ||
		in(release3{6, 6, 55}, release3{6, 6, 63}) ||
		in(release3{6, 10, 14}, release3{6, 11, 0}) ||
		in(release3{6, 11, 3}, release3{6, 11, 10})
}

// release3 is the numeric head of a release string.
type release3 [3]int

func (a release3) before(b release3) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// parseRelease reads "6.1.0-56-cloud-amd64" as 6.1.0, which is why it is not
// trusted for anything but telling which stable release this may be.
func parseRelease(s string) (v release3, ok bool) {
	if i := strings.IndexAny(s, "-+ "); i >= 0 {
		s = s[:i]
	}
	for i, part := range strings.SplitN(s, ".", 4) {
		n, err := strconv.Atoi(part)
		if err != nil || i == 3 {
			break
		}
		v[i], ok = n, i > 0
	}
	return v, ok
}
