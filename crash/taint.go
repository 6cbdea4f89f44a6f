package crash

import "bytes"

// taintNames are the kernel's taint flags in the order in which it prints them
// (kernel/panic.c, taint_flags), with readable names.
var taintNames = map[byte]string{
	'P': "proprietary-module",
	'F': "forced-module",
	'S': "cpu-out-of-spec",
	'R': "forced-rmmod",
	'M': "machine-check",
	'B': "bad-page",
	'U': "user-request",
	'D': "died",
	'A': "overridden-acpi-table",
	'W': "warned",
	'C': "staging-driver",
	'I': "firmware-workaround",
	'O': "out-of-tree-module",
	'E': "unsigned-module",
	'L': "soft-lockup",
	'K': "live-patched",
	'X': "auxiliary",
	'T': "randstruct",
	'N': "in-kernel-test",
	'J': "fwctl",
}

// taintList names the flags in letters; 'G' says only that P is not set.
func taintList(letters []byte) []string {
	list := []string{}
	for _, b := range letters {
		if name, ok := taintNames[b]; ok {
			list = append(list, name)
		}
	}
	return list
}

// taintState is what a CPU line says after the task: taint, release, version.
type taintState struct {
	flags      string // letters without blanks, "" for "Not tainted"
	release    string
	version    string
	buildID    string
	start, end int // of the flags in the line
}

// parseTaint reads the part of a line that begins with "Tainted: " or
// "Not tainted ":
//
//	Tainted: G           OE      6.1.0-56-amd64 #1  Debian 6.1.192-2
//	Not tainted 6.12.100+deb12-amd64 #1  Debian 6.12.100-1~deb12u1
//	Tainted: [O]=OOT_MODULE, [E]=UNSIGNED_MODULE
func parseTaint(text []byte) (taintState, bool) {
	if i := bytes.Index(text, []byte("Not tainted")); i >= 0 {
		t := taintState{start: i, end: i + len("Not tainted")}
		t.release, t.version, t.buildID = releaseAndVersion(text[t.end:])
		return t, true
	}
	i := bytes.Index(text, []byte("Tainted: "))
	if i < 0 {
		return taintState{}, false
	}
	t := taintState{start: i + len("Tainted: ")}
	rest := text[t.start:]
	if bytes.HasPrefix(rest, []byte("[")) {
		for part := range bytes.SplitSeq(rest, []byte(",")) {
			part = bytes.TrimSpace(part)
			if len(part) > 2 && part[0] == '[' && part[2] == ']' {
				t.flags += string(part[1])
			}
		}
		t.end = len(text)
		return t, t.flags != ""
	}
	n := 0
	for n < len(rest) && (rest[n] == ' ' || rest[n] >= 'A' && rest[n] <= 'Z') {
		n++
	}
	// A release can start with a capital; the flags end at the last blank.
	if n < len(rest) {
		if j := bytes.LastIndexByte(rest[:n], ' '); j >= 0 {
			n = j + 1
		}
	}
	for _, b := range rest[:n] {
		if b != ' ' {
			t.flags += string(b)
		}
	}
	t.end = t.start + len(bytes.TrimRight(rest[:n], " "))
	t.release, t.version, t.buildID = releaseAndVersion(rest[n:])
	return t, t.flags != ""
}

// releaseAndVersion splits "6.1.0-56-amd64 #1  Debian 6.1.192-2". Kernels with
// CONFIG_STACKTRACE_BUILD_ID put the build ID of vmlinux behind it.
func releaseAndVersion(text []byte) (release, version, buildID string) {
	text = bytes.TrimSpace(text)
	word, rest, _ := bytes.Cut(text, []byte(" "))
	if len(word) == 0 || !isDigit(word[0]) || bytes.IndexByte(word, '.') < 0 {
		return "", "", ""
	}
	single := make([]byte, 0, 128)
	for f := range bytes.FieldsSeq(rest) {
		if isBuildID(f) {
			buildID = string(f)
			break
		}
		if len(single) > 0 {
			single = append(single, ' ')
		}
		single = append(single, f...)
	}
	return string(word), string(single), buildID
}

// isBuildID reports whether word is a build ID as linkers make them: the 20
// bytes of a SHA-1, or the 16 of an MD5 or UUID.
func isBuildID(word []byte) bool {
	return (len(word) == 40 || len(word) == 32) && run(word, hexDigits) == len(word)
}

// cpuLine is the line that says who was running.
type cpuLine struct {
	cpu, pid int // -1 where absent
	comm     string
	taint    taintState
	tainted  bool
	cpuAt    [2]int
	pidAt    [2]int
	commAt   [2]int
}

// parseCPULine reads
//
//	CPU: 1 PID: 121 Comm: busybox Tainted: G           OE      6.1.0-56-amd64 #1
//	CPU: 1 UID: 0 PID: 180 Comm: bash Not tainted 6.12.100+deb12-amd64 #1
//	Pid: 121, comm: busybox Not tainted 2.6.32-754.el6.x86_64 #1
func parseCPULine(text []byte) (cpuLine, bool) {
	l := cpuLine{cpu: -1, pid: -1}
	switch {
	case bytes.HasPrefix(text, []byte("CPU: ")):
		n, m := atoi(text[5:])
		if m == 0 {
			return l, false
		}
		l.cpu, l.cpuAt = n, [2]int{5, 5 + m}
	case bytes.HasPrefix(text, []byte("Pid: ")):
	default:
		return l, false
	}
	for _, key := range []string{"PID: ", "Pid: "} {
		if i := bytes.Index(text, []byte(key)); i >= 0 {
			if n, m := atoi(text[i+len(key):]); m > 0 {
				l.pid, l.pidAt = n, [2]int{i + len(key), i + len(key) + m}
			}
			break
		}
	}
	i := bytes.Index(text, []byte("omm: "))
	if i < 0 {
		return l, false
	}
	i += len("omm: ")
	end := len(text)
	for _, stop := range []string{" Tainted: ", " Not tainted"} {
		if j := bytes.LastIndex(text[i:], []byte(stop)); j >= 0 {
			end = i + j
			break
		}
	}
	l.comm, l.commAt = string(text[i:end]), [2]int{i, end}
	l.taint, l.tainted = parseTaint(text[end:])
	l.taint.start += end
	l.taint.end += end
	return l, true
}

func atoi(text []byte) (value, n int) {
	n = run(text, digits)
	if n == 0 || n > 10 {
		return 0, 0
	}
	for _, b := range text[:n] {
		value = value*10 + int(b-'0')
	}
	return value, n
}
