package ftracetext

import (
	"bytes"
	"strconv"
)

// line is one event of a text.
type line struct {
	buffer string // the instance, as trace-cmd report names it
	comm   []byte
	pid    int
	cpu    int
	time   uint64
	ticks  bool // the time is no number of seconds
	flags  byte // as common_flags
	depth  byte // of disabled preemption
	name   []byte
	text   []byte
}

// maxCPU bounds the numbers of CPUs.
const maxCPU = 1 << 13

// parseLine reads "task-pid [cpu] flags time: name: text".
func parseLine(s []byte) (l line, ok bool) {
	// The CPU is the first number in brackets that a pid is in front of: a
	// task's name may have brackets too.
	for from := 0; ; {
		open := bytes.IndexByte(s[from:], '[')
		if open < 0 {
			return l, false
		}
		open += from
		from = open + 1
		end := from
		for end < len(s) && isDigit(s[end]) {
			end++
		}
		if end == from || end == len(s) || s[end] != ']' {
			continue
		}
		if l.cpu, ok = number(s[from:end]); !ok || l.cpu >= maxCPU {
			continue
		}
		if !l.task(s[:open]) || !l.event(s[end+1:]) {
			continue
		}
		return l, true
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func number(b []byte) (int, bool) {
	v := 0
	for _, c := range b {
		if !isDigit(c) || v > 1<<40 {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, len(b) > 0
}

// task reads "buffer: task-pid (tgid)".
func (l *line) task(s []byte) bool {
	s = bytes.TrimRight(s, " ")
	if bytes.HasSuffix(s, []byte(")")) { // the thread group
		open := bytes.LastIndexByte(s, '(')
		if open < 0 {
			return false
		}
		s = bytes.TrimRight(s[:open], " ")
	}
	dash := bytes.LastIndexByte(s, '-')
	if dash <= 0 {
		return false
	}
	var ok bool
	if l.pid, ok = number(s[dash+1:]); !ok || l.pid > 1<<30 {
		return false
	}
	comm := s[:dash]
	// A task's column is 16 wide: what is in front of it is the buffer.
	if i := bytes.Index(comm, []byte(": ")); i >= 0 && len(comm)-i-2 >= 16 {
		l.buffer = string(bytes.TrimLeft(comm[:i], " "))
		comm = comm[i+2:]
	}
	l.comm = bytes.TrimLeft(comm, " ")
	return len(l.comm) > 0 && len(l.comm) <= 64
}

// event reads " flags time: name: text".
func (l *line) event(s []byte) bool {
	s = bytes.TrimLeft(s, " ")
	if end := bytes.IndexByte(s, ' '); end > 0 && s[end-1] != ':' {
		l.context(s[:end])
		s = bytes.TrimLeft(s[end:], " ")
	}
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	sec, ok := number(s[:end])
	if !ok || end == len(s) {
		return false
	}
	l.ticks = s[end] != '.'
	l.time = uint64(sec)
	if !l.ticks {
		if sec > 1<<33 {
			return false
		}
		l.time *= 1e9
		unit := uint64(1e8)
		for end++; end < len(s) && isDigit(s[end]); end++ {
			l.time += uint64(s[end]-'0') * unit
			unit /= 10
		}
	}
	if end >= len(s) || s[end] != ':' {
		return false
	}
	s = bytes.TrimLeft(s[end+1:], " ")
	s = bytes.TrimRight(s, "\r\n")
	l.name, l.text = nameOf(s)
	return len(l.name) > 0
}

// context reads the column "d.h2.": interrupts, rescheduling, kind of interrupt,
// depth of preemption.
func (l *line) context(s []byte) {
	if len(s) < 4 {
		return
	}
	const irqsOff, needResched, hardIRQ, softIRQ = 1, 4, 8, 16
	if s[0] == 'd' || s[0] == 'D' {
		l.flags |= irqsOff
	}
	if s[1] == 'N' || s[1] == 'n' {
		l.flags |= needResched
	}
	switch s[2] {
	case 'h', 'z':
		l.flags |= hardIRQ
	case 'H', 'Z':
		l.flags |= hardIRQ | softIRQ
	case 's':
		l.flags |= softIRQ
	}
	if isDigit(s[3]) {
		l.depth = s[3] - '0'
	}
}

// nameOf cuts what follows the time: "name: text", or one of the kernel's own
// forms that have no name.
func nameOf(s []byte) (name, text []byte) {
	end := 0
	for end < len(s) && (isDigit(s[end]) || s[end] == '_' || s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z' || s[end] == '.') {
		end++
	}
	word, rest := s[:end], s[end:]
	switch {
	case end == 0 || end > maxName:
		return nil, nil
	case len(rest) > 0 && rest[0] == ':':
		// trace-cmd fills the name up to 20 and adds a space.
		text = rest[1:]
		if len(text) > 0 && text[0] == ' ' {
			text = text[1:]
			for pad := end; pad < 20 && len(text) > 0 && text[0] == ' '; pad++ {
				text = text[1:]
			}
		}
		return word, text
	case bytes.HasPrefix(word, []byte("sys_")) && len(rest) > 0 && rest[0] == '(':
		return append([]byte("sys_enter_"), word[4:]...), rest
	case bytes.HasPrefix(word, []byte("sys_")) && bytes.HasPrefix(rest, []byte(" -> ")):
		return append([]byte("sys_exit_"), word[4:]...), rest[4:]
	case bytes.HasPrefix(rest, []byte(" <-")): // the function tracer
		return []byte("function"), s
	}
	return nil, nil
}

// maxName is how long an event's name may be.
const maxName = 128

// lost reads "CPU:1 [LOST 12 EVENTS]" and "CPU:1 [12 EVENTS DROPPED]"; n is 0
// where the number is not told.
func lost(s []byte) (cpu int, n uint64, ok bool) {
	at := bytes.Index(s, []byte("CPU:"))
	if at < 0 {
		return 0, 0, false
	}
	head, rest, found := bytes.Cut(s[at+4:], []byte(" ["))
	cpu, ok = number(head)
	rest = bytes.TrimSpace(rest)
	if !found || !ok || cpu >= maxCPU || !bytes.HasSuffix(rest, []byte("]")) || !bytes.Contains(rest, []byte("EVENTS")) {
		return 0, 0, false
	}
	for _, word := range bytes.Fields(rest[:len(rest)-1]) {
		if v, err := strconv.ParseUint(string(word), 10, 32); err == nil {
			n = v
		}
	}
	return cpu, n, true
}

// Is reports whether the beginning of a file is a trace as text.
func Is(head []byte) bool {
	if bytes.HasPrefix(head, []byte("# tracer: ")) {
		return true
	}
	for range 100 {
		s, rest, found := bytes.Cut(head, []byte("\n"))
		if !found { // the last line may be cut
			return false
		}
		if _, ok := parseLine(s); ok {
			return true
		}
		head = rest
	}
	return false
}
