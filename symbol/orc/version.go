package orc

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Version is the format of the entries.
type Version int

// The versions and the kernels that first had them. RHEL 9.6 has V3 in 5.14
// since 5.14.0-517.el9, without the header.
const (
	V1 Version = iota + 1 // 4.14: type in 2 bits, end
	V2                    // 6.3: a bit for signal frames
	V3                    // 6.4: type in 3 bits, undefined and end are types
	V4                    // 7.1: other numbers of registers
)

// Since 6.4 (and in 6.3 since 6.3.10) a kernel tells its version by a hash of the
// header file that describes entries, in section .orc_header. The comment says
// where each was read.
var headers = []struct {
	hash    []byte
	version Version
}{
	{[]byte{0xdb, 0xae, 0x84, 0xd4, 0x10}, V2},                                                       // 6.3.10; its beginning
	{[]byte("\xfe\x5d\x32\xbf\x58\x1b\xd6\x3b\x2c\xa9\xa5\xc6\x5b\xa5\xa6\x25\xea\xb3\xfe\x24"), V3}, // Debian 6.12.117
	{[]byte("\x13\x7c\x36\xad\x76\x27\xc4\xdd\x55\x93\x21\x76\xbb\x0e\xcd\xbd\x50\x41\xfc\x82"), V4}, // Debian 7.2.13
}

// VersionOf tells the version by the 20 bytes of .orc_header, in memory between
// __start_orc_header and __stop_orc_header.
func VersionOf(headerHash []byte) (Version, bool) {
	if len(headerHash) < 20 {
		return 0, false
	}
	for _, h := range headers {
		if bytes.HasPrefix(headerHash, h.hash) {
			return h.version, true
		}
	}
	return 0, false
}

// Guess tells the version where there is no header, or none that is known: by
// the entries themselves if they are many enough to speak, else by the release
// of the kernel. The reason is for people to read.
func Guess(entries []byte, release string) (v Version, reason string) {
	if v, reason = byEntries(entries); v != 0 {
		return v, reason
	}
	if v, reason = byRelease(release); v != 0 {
		return v, reason
	}
	return V3, "as most kernels: neither the entries nor the release tell"
}

// byEntries looks at what compilers make most: ordinary frames found from the
// stack pointer.
func byEntries(entries []byte) (Version, string) {
	var types [8]int // by type in 3 bits, of entries with a register
	var sp [16]int   // by number of register
	var both, sign, end int
	defined := 0
	for b := entries; len(b) >= entrySize; b = b[entrySize:] {
		flags := uint16(b[4]) | uint16(b[5])<<8
		if flags&15 == 0 {
			// Undefined, or an end: in version 1 with bit 10, in 2 with bit 11.
			if flags>>8&3 == 0 {
				end += int(flags >> 11 & 1)
			}
			continue
		}
		defined++
		sp[flags&15]++
		types[flags>>8&7]++
		sign += int(flags >> 10 & 1)
		both += int(flags >> 11 & 1)
	}
	const enough = 16
	if defined < enough {
		return 0, ""
	}
	// Ordinary frames are type 2 since version 3 and were type 0 before, at least
	// nine in ten of a real table.
	share := func(n int) string { return fmt.Sprintf("%d of %d entries", n, defined) }
	switch most := defined * 3 / 4; {
	case types[2] > most && sp[5] > sp[3]:
		return V3, share(types[2]) + " are calls as version 3 writes them"
	case types[2] > most && sp[3] > sp[5]:
		return V4, share(types[2]) + " are calls as version 4 writes them"
	case types[0]+types[4] > most && (sign > 0 || end > 0):
		return V2, share(types[0]+types[4]) + " are calls as before version 3, and some have the signal bit"
	case types[0] > most && both == 0:
		return V1, share(types[0]) + " are calls as before version 3, and none has the signal bit"
	}
	return 0, ""
}

// byRelease knows what kernels of kernel.org have, and who back-ported.
func byRelease(release string) (Version, string) {
	major, minor, rest, ok := cutRelease(release)
	if !ok {
		return 0, ""
	}
	// 5.14.0-517.el9.x86_64
	if major == 5 && minor == 14 && strings.Contains(rest, ".el9") {
		_, build, _ := strings.Cut(rest, "-")
		build, _, _ = strings.Cut(build, ".")
		if n, err := strconv.Atoi(build); err == nil && n >= 517 {
			return V3, "release " + release + " is RHEL 9.6 or later, which has version 3 from 6.4"
		}
	}
	v := V4
	switch at := major*1000 + minor; {
	case at < 6003:
		v = V1
	case at < 6004:
		v = V2
	case at < 7001:
		v = V3
	}
	return v, "by release " + release
}

func cutRelease(release string) (major, minor int, rest string, ok bool) {
	first, after, _ := strings.Cut(release, ".")
	end := strings.IndexFunc(after, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(after)
	}
	major, err1 := strconv.Atoi(first)
	minor, err2 := strconv.Atoi(after[:end])
	return major, minor, after[end:], err1 == nil && err2 == nil
}
