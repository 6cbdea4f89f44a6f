package ftracetext

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// spec is an event whose fields are parsed.
type spec struct {
	system, name string
	fields       []field
	patterns     []string // "pid=%pid prio=%prio": what follows a % is a field
}

// field is one field of an event: a number of a size, or text.
type field struct {
	name string
	kind kind
}

type kind uint8

const (
	comm   kind = iota // char[16]
	str                // a string of any length
	i32                // decimal
	u64                // decimal
	hex                // hexadecimal, 8 bytes
	state              // a task's state as letters
	device             // major,minor or major:minor
	symbol             // a function
)

var kinds = [...]struct {
	ctype string
	size  int
}{
	comm: {"char %s[16]", 16}, str: {"__data_loc char[] %s", 4}, i32: {"int %s", 4}, u64: {"u64 %s", 8}, hex: {"unsigned long %s", 8},
	state: {"long %s", 8}, device: {"dev_t %s", 4}, symbol: {"unsigned long %s", 8},
}

// specs are the events that analyses look into. Each has the kernel's own words
// first, then those of trace-cmd's plugins.
var specs = []spec{
	{
		"sched", "sched_switch",
		[]field{{"prev_comm", comm}, {"prev_pid", i32}, {"prev_prio", i32}, {"prev_state", state}, {"next_comm", comm}, {"next_pid", i32}, {"next_prio", i32}},
		[]string{
			"prev_comm=%prev_comm prev_pid=%prev_pid prev_prio=%prev_prio prev_state=%prev_state ==> next_comm=%next_comm next_pid=%next_pid next_prio=%next_prio",
			"%prev_comm:%prev_pid [%prev_prio] %prev_state ==> %next_comm:%next_pid [%next_prio]",
		},
	},
	wakeup("sched_wakeup"), wakeup("sched_wakeup_new"), wakeup("sched_waking"),
	{
		"sched", "sched_process_fork",
		[]field{{"parent_comm", comm}, {"parent_pid", i32}, {"child_comm", comm}, {"child_pid", i32}},
		[]string{"comm=%parent_comm pid=%parent_pid child_comm=%child_comm child_pid=%child_pid"},
	},
	{
		"sched", "sched_process_exit",
		[]field{{"comm", comm}, {"pid", i32}, {"prio", i32}},
		[]string{"comm=%comm pid=%pid prio=%prio"},
	},
	{
		"sched", "sched_migrate_task",
		[]field{{"comm", comm}, {"pid", i32}, {"prio", i32}, {"orig_cpu", i32}, {"dest_cpu", i32}},
		[]string{"comm=%comm pid=%pid prio=%prio orig_cpu=%orig_cpu dest_cpu=%dest_cpu"},
	},
	{
		"sched", "sched_stat_runtime",
		[]field{{"comm", comm}, {"pid", i32}, {"runtime", u64}},
		[]string{"comm=%comm pid=%pid runtime=%runtime"},
	},
	{"irq", "irq_handler_entry", []field{{"irq", i32}, {"name", str}}, []string{"irq=%irq name=%name"}},
	{"irq", "irq_handler_exit", []field{{"irq", i32}}, []string{"irq=%irq"}},
	{"irq", "softirq_entry", []field{{"vec", i32}}, []string{"vec=%vec"}},
	{"irq", "softirq_exit", []field{{"vec", i32}}, []string{"vec=%vec"}},
	{"irq", "softirq_raise", []field{{"vec", i32}}, []string{"vec=%vec"}},
	request("block_rq_insert"), request("block_rq_issue"), request("block_rq_complete"), request("block_rq_requeue"),
	{"raw_syscalls", "sys_enter", []field{{"id", u64}}, []string{"NR %id ("}},
	{"raw_syscalls", "sys_exit", []field{{"id", u64}, {"ret", u64}}, []string{"NR %id = %ret"}},
	{"lock", "contention_begin", []field{{"lock_addr", hex}}, []string{"%lock_addr ("}},
	{"lock", "contention_end", []field{{"lock_addr", hex}, {"ret", i32}}, []string{"%lock_addr (ret=%ret)"}},
	{
		"cgroup", "cgroup_attach_task",
		[]field{{"dst_id", u64}, {"dst_path", str}, {"pid", i32}, {"comm", comm}},
		[]string{"dst_root=%dst_root dst_id=%dst_id dst_level=%dst_level dst_path=%dst_path pid=%pid comm=%comm"},
	},
	{"power", "cpu_idle", []field{{"state", i32}, {"cpu_id", i32}}, []string{"state=%state cpu_id=%cpu_id"}},
	{"power", "cpu_frequency", []field{{"state", i32}, {"cpu_id", i32}}, []string{"state=%state cpu_id=%cpu_id"}},
	{"ftrace", "function", []field{{"ip", symbol}, {"parent_ip", symbol}}, []string{"%ip <-- %parent_ip", "%ip <-%parent_ip", "%ip"}},
	{"ftrace", "funcgraph_entry", []field{{"func", symbol}, {"depth", i32}}, nil}, // parsed by parseCall
	{"ftrace", "funcgraph_exit", []field{{"func", symbol}, {"depth", i32}, {"calltime", u64}, {"rettime", u64}}, nil},
	{"ftrace", "print", []field{{"ip", symbol}, {"buf", str}}, []string{"%ip: %buf"}},
	{"ftrace", "tracing_mark_write", []field{{"buf", str}}, []string{"%buf"}},
}

func wakeup(name string) spec {
	return spec{
		"sched", name,
		[]field{{"comm", comm}, {"pid", i32}, {"prio", i32}, {"target_cpu", i32}},
		[]string{
			"comm=%comm pid=%pid prio=%prio target_cpu=%target_cpu",
			"comm=%comm pid=%pid prio=%prio success=%success target_cpu=%target_cpu",
			"%comm:%pid [%prio] CPU:%target_cpu",
			"%comm:%pid [%prio] success=%success CPU:%target_cpu",
		},
	}
}

func request(name string) spec {
	return spec{
		"block", name,
		[]field{{"dev", device}, {"rwbs", str}, {"bytes", u64}, {"sector", u64}, {"nr_sector", u64}},
		[]string{
			"%dev %rwbs %bytes (%cmd) %sector + %nr_sector ",
			"%dev %rwbs (%cmd) %sector + %nr_sector ",
		},
	}
}

// part is a piece of a pattern: literal text, then a field.
type part struct {
	literal []byte
	field   int // its index; -1 for one that is read and left out; -2 for none
	kind    kind
}

// compile cuts a pattern into its parts.
func (s *spec) compile(pattern string) []part {
	var parts []part
	for pattern != "" {
		literal, rest, found := strings.Cut(pattern, "%")
		p := part{literal: []byte(literal), field: -2}
		if found {
			n := 0
			for n < len(rest) && (rest[n] == '_' || rest[n] >= 'a' && rest[n] <= 'z') {
				n++
			}
			p.field, p.kind = -1, str
			for i, f := range s.fields {
				if f.name == rest[:n] {
					p.field, p.kind = i, f.kind
				}
			}
			rest = rest[n:]
		}
		parts = append(parts, p)
		pattern = rest
	}
	return parts
}

// maxWord is how long text within a pattern may be; it bounds how often a match
// is tried again.
const maxWord = 64

// match reads a text by a pattern. Fields get the text that is theirs.
func match(parts []part, text []byte, values [][]byte) bool {
	if len(parts) == 0 {
		return true // what follows does not matter
	}
	p := parts[0]
	if !bytes.HasPrefix(text, p.literal) {
		return false
	}
	text = text[len(p.literal):]
	if p.field == -2 {
		return true
	}
	set := func(v []byte) {
		if p.field >= 0 {
			values[p.field] = v
		}
	}
	switch p.kind {
	case comm, str, state, symbol:
		if len(parts) == 1 { // the rest of the line, or of the word
			if p.kind != str {
				text = bytes.TrimLeft(text, " ") // a function may be indented
				if end := bytes.IndexByte(text, ' '); end >= 0 {
					text = text[:end]
				}
			}
			set(text)
			return len(text) > 0
		}
		next := parts[1].literal
		for n := 0; n <= min(len(text), maxWord); n++ {
			if bytes.HasPrefix(text[n:], next) && match(parts[1:], text[n:], values) {
				set(text[:n])
				return true
			}
		}
		return false
	}
	n := 0
	for n < len(text) && inNumber(text[n], p.kind) {
		n++
	}
	set(text[:n])
	return n > 0 && match(parts[1:], text[n:], values)
}

func inNumber(c byte, k kind) bool {
	switch k {
	case hex:
		return isDigit(c) || c >= 'a' && c <= 'f' || c == 'x'
	case device:
		return isDigit(c) || c == ',' || c == ':'
	}
	return isDigit(c) || c == '-'
}

// value is the number that a text stands for.
func (k kind) value(text []byte) uint64 {
	s := string(text)
	switch k {
	case hex:
		v, _ := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
		return v
	case device:
		major, minor, _ := strings.Cut(strings.ReplaceAll(s, ":", ","), ",")
		a, _ := strconv.ParseUint(major, 10, 12)
		b, _ := strconv.ParseUint(minor, 10, 20)
		return a<<20 | b
	case state:
		return stateOf(s)
	}
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return uint64(v)
	}
	v, _ := strconv.ParseUint(s, 10, 64)
	return v
}

// stateOf reads a task's state: letters, and "+" for one that was preempted.
func stateOf(s string) uint64 {
	const letters = "SDTtXZPI"
	v := uint64(0)
	for _, c := range s {
		switch i := strings.IndexRune(letters, c); {
		case i >= 0:
			v |= 1 << i
		case c == '+':
			v |= 1 << len(letters)
		case c == 'W': // an old trace-cmd's I
			v |= 1 << 7
		}
	}
	return v
}

// systemOf guesses the system of an event by its name.
func systemOf(name string) string {
	for _, x := range []struct{ prefix, system string }{
		{"sys_enter_", "syscalls"}, {"sys_exit_", "syscalls"}, {"sched_", "sched"}, {"irq_handler_", "irq"}, {"softirq_", "irq"},
		{"block_", "block"}, {"timer_", "timer"}, {"hrtimer_", "timer"}, {"workqueue_", "workqueue"}, {"writeback_", "writeback"},
		{"ext4_", "ext4"}, {"jbd2_", "jbd2"}, {"kmalloc", "kmem"}, {"kfree", "kmem"}, {"kmem_", "kmem"}, {"mm_page_", "kmem"},
		{"net_", "net"}, {"netif_", "net"}, {"napi_", "napi"}, {"tcp_", "tcp"}, {"signal_", "signal"}, {"page_fault_", "exceptions"},
		{"cpu_", "power"}, {"rcu_", "rcu"}, {"contention_", "lock"}, {"cgroup_", "cgroup"}, {"funcgraph_", "ftrace"},
		{"preempt_", "preemptirq"}, {"irq_disable", "preemptirq"}, {"irq_enable", "preemptirq"},
		{"kernel_stack", "ftrace"}, {"user_stack", "ftrace"}, {"bprint", "ftrace"}, {"bputs", "ftrace"}, {"raw_data", "ftrace"},
	} {
		if strings.HasPrefix(name, x.prefix) {
			return x.system
		}
	}
	return "text"
}

// format writes the format file of an event.
func format(system, name string, id int, fields []field) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nID: %d\nformat:\n", name, id)
	at := 0
	add := func(decl string, size, signed int) {
		fmt.Fprintf(&b, "\tfield:%s;\toffset:%d;\tsize:%d;\tsigned:%d;\n", decl, at, size, signed)
		at += size
	}
	add("unsigned short common_type", 2, 0)
	add("unsigned char common_flags", 1, 0)
	add("unsigned char common_preempt_count", 1, 0)
	add("int common_pid", 4, 1)
	b.WriteString("\n")
	for _, f := range fields {
		k := kinds[f.kind]
		signed := 0
		if f.kind == i32 || f.kind == state {
			signed = 1
		}
		add(fmt.Sprintf(k.ctype, f.name), k.size, signed)
	}
	add("__data_loc char[] text", 4, 0)
	b.WriteString("\nprint fmt: \"%s\", __get_str(text)\n")
	return b.String()
}
