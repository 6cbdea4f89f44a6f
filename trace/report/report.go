// Package report writes trace events as lines of text, in the words and the
// columns of trace-cmd report:
//
//	bash-1234  [001]  1411.278347: sched_switch:         bash:1234 [120] S ==> …
//
// What an event says comes from its format (package printfmt), but for the events
// that trace-cmd's default plugins print in their own way, which some of its
// readers' scripts expect: sched_switch, sched_wakeup, function, kernel_stack,
// kmem's allocations, hrtimers, futexes, TLB flushes, and the entries and exits of
// function_graph.
//
// A [Report] writes the lines of one buffer; [Leaves] joins the entry and the
// exit of a function that calls no other into one line first, as trace-cmd does.
package report

import (
	"strconv"
	"strings"

	"ringside/trace/event"
	"ringside/trace/printfmt"
)

// Options say how lines look.
type Options struct {
	// Nanoseconds prints the time with nine digits instead of six.
	Nanoseconds bool
	// Ticks prints the time as it is: of a clock that does not count nanoseconds.
	Ticks bool
	// Latency prints the columns of latency tracers: less of the task, and whether
	// interrupts were off, a switch was due, an interrupt was handled and how often
	// preemption was disabled.
	Latency bool
	// NoPlugins prints the words of formats also where trace-cmd has its own.
	NoPlugins bool
	// Fields prints each event's fields instead of its own words.
	Fields bool
}

// An Event is a record and, of the entry of a leaf function, what its exit says.
type Event struct {
	*event.Record
	Exit []byte
}

// A Report writes the lines of one buffer.
type Report struct {
	catalog *event.Catalog
	opt     Options
	formats map[*event.Format]*line
	last    *line // of the event before, which is often the next one's
	tasks   map[int]string
	exit    *graph            // of function_graph, nil without
	stacks  map[int][]string  // of each CPU's functions, by depth
	names   map[uint64]string // of functions
}

// line is what is known of a format.
type line struct {
	format               *event.Format
	name                 string // ": name:" and what fills it up
	pid                  event.Number
	flags, preempt, lock event.Number
	print                *printfmt.Printer
	plugin               func(b []byte, r *Event) []byte
}

// maxTasks bounds what is remembered of tasks, and of functions.
const maxTasks = 1 << 20

// New returns a Report of events that a catalog describes.
func New(c *event.Catalog, o Options) *Report {
	r := &Report{catalog: c, opt: o, formats: map[*event.Format]*line{}, tasks: map[int]string{}, stacks: map[int][]string{}, names: map[uint64]string{}}
	if f := c.Format("ftrace", "funcgraph_exit"); f != nil {
		r.exit = newGraph(f)
	}
	return r
}

// Append appends an event's line. Where events are missing in front of it, a line
// says so.
func (r *Report) Append(b []byte, e *Event) []byte {
	if e.Missed != 0 {
		b = append(b, "CPU:"...)
		b = strconv.AppendInt(b, int64(e.CPU), 10)
		b = append(b, " ["...)
		if e.Missed > 0 {
			b = append(strconv.AppendInt(b, e.Missed, 10), ' ')
		}
		b = append(b, "EVENTS DROPPED]\n"...)
	}
	if e.Format == nil {
		return r.appendUnknown(b, e)
	}
	l := r.last
	if l == nil || l.format != e.Format {
		l = r.line(e.Format)
		r.last = l
	}
	b = r.appendColumns(b, e, int(l.pid.Int(e.Data)), l)
	b = append(b, l.name...)
	start := len(b)
	switch {
	case r.opt.Fields:
		b = l.print.Fields(b, e.Data)
	case l.plugin != nil:
		b = l.plugin(b, e)
	default:
		b = l.print.Append(b, e.Data)
	}
	if len(b) > start && b[len(b)-1] == '\n' { // trace_printk's own
		return b
	}
	return append(b, '\n')
}

// appendUnknown appends an event that the recording does not describe, of which
// only the number is known to be.
func (r *Report) appendUnknown(b []byte, e *Event) []byte {
	b = r.appendColumns(b, e, -1, &line{})
	b = append(b, ": [UNKNOWN EVENT]"...)
	for _, c := range e.Data {
		const digits = "0123456789abcdef"
		b = append(b, ' ', digits[c>>4], digits[c&15])
	}
	return append(b, '\n')
}

// line prepares a format.
func (r *Report) line(f *event.Format) *line {
	l := r.formats[f]
	if l == nil {
		l = &line{
			format: f, pid: f.Uint("common_pid"), flags: f.Uint("common_flags"),
			preempt: f.Uint("common_preempt_count"), lock: f.Uint("common_lock_depth"), print: printfmt.New(f, r.catalog),
		}
		l.name = ": " + f.Name + ": "
		for n := len(f.Name); n < 20; n++ {
			l.name += " "
		}
		if !r.opt.NoPlugins || f.System == "ftrace" {
			l.plugin = r.plugin(l)
		}
		r.formats[f] = l
	}
	return l
}

// Problems says why formats of events that were printed were not understood.
func (r *Report) Problems() []error {
	var all []error
	for _, l := range r.formats {
		if err := l.print.Err(); err != nil && l.plugin == nil {
			all = append(all, err)
		}
	}
	return all
}

// appendColumns appends what is in front of an event's name.
func (r *Report) appendColumns(b []byte, e *Event, pid int, l *line) []byte {
	b = r.appendTask(b, pid)
	if r.opt.Latency {
		b = append(b, ' ')
		b = appendPadded(b, uint64(e.CPU), 3, ' ')
		b = l.appendContext(b, e.Data)
		b = append(b, ' ')
		return r.appendTime(b, e.Time)
	}
	b = append(b, " ["...)
	b = appendPadded(b, uint64(e.CPU), 3, '0')
	b = append(b, "] "...)
	return r.appendTime(b, e.Time)
}

// appendContext appends "d.h2.": what the event's common fields say.
func (l *line) appendContext(b, data []byte) []byte {
	const irqsOff, noIRQs, needResched, hardIRQ, softIRQ = 1, 2, 4, 8, 16
	flags, depth := l.flags.Uint(data), l.preempt.Uint(data)
	pick := func(c byte, yes bool) byte {
		if yes {
			return c
		}
		return '.'
	}
	b = append(b, pick('d', flags&irqsOff != 0), pick('N', flags&needResched != 0), pick('h', flags&hardIRQ != 0))
	switch {
	case flags&(hardIRQ|softIRQ) == hardIRQ|softIRQ:
		b[len(b)-1] = 'H'
	case flags&softIRQ != 0:
		b[len(b)-1] = 's'
	}
	if flags&(irqsOff|noIRQs) == noIRQs {
		b[len(b)-3] = 'X'
	}
	const digits = "0123456789abcdef"
	b = append(b, pick(digits[depth&15], depth&15 != 0), pick(digits[depth>>4&15], depth>>4 != 0))
	if l.lock.Valid() {
		if v := l.lock.Int(data); v >= 0 {
			return strconv.AppendInt(b, v, 10)
		}
		b = append(b, '.')
	}
	return b
}

// appendTask appends the columns of a task.
func (r *Report) appendTask(b []byte, pid int) []byte {
	s, ok := r.tasks[pid]
	if !ok {
		s = r.columns(r.catalog.Comm(pid), pid)
		if len(r.tasks) >= maxTasks {
			clear(r.tasks)
		}
		r.tasks[pid] = s
	}
	return append(b, s...)
}

func (r *Report) columns(comm string, pid int) string {
	var b []byte
	width := 16
	if r.opt.Latency {
		width = 8
		comm = comm[:min(len(comm), width)]
	}
	for n := len(comm); n < width; n++ {
		b = append(b, ' ')
	}
	b = append(append(b, comm...), '-')
	start := len(b)
	b = strconv.AppendInt(b, int64(pid), 10)
	for len(b) < start+5 {
		b = append(b, ' ')
	}
	return string(b)
}

// learn takes the name of a task that the recording did not save.
func (r *Report) learn(pid int, comm []byte) {
	if len(comm) == 0 || pid == 0 || r.catalog.Knows(pid) {
		return
	}
	if s, ok := r.tasks[pid]; ok && !strings.HasPrefix(strings.TrimLeft(s, " "), "<...>-") {
		return
	}
	r.tasks[pid] = r.columns(string(comm), pid)
}

// appendTime appends the column of the time.
func (r *Report) appendTime(b []byte, t uint64) []byte {
	switch {
	case r.opt.Ticks:
		return appendPadded(b, t, 12, ' ')
	case r.opt.Nanoseconds:
		b = appendPadded(b, t/1e9, 5, ' ')
		b = append(b, '.')
		return appendPadded(b, t%1e9, 9, '0')
	}
	t = (t + 500) / 1000
	b = appendPadded(b, t/1e6, 5, ' ')
	b = append(b, '.')
	return appendPadded(b, t%1e6, 6, '0')
}

// appendPadded appends a number with what fills it up in front.
func appendPadded(b []byte, v uint64, width int, fill byte) []byte {
	var digits [20]byte
	d := strconv.AppendUint(digits[:0], v, 10)
	for n := len(d); n < width; n++ {
		b = append(b, fill)
	}
	return append(b, d...)
}

// function names the function that an address is in, "" for none.
func (r *Report) function(addr uint64) string {
	name, ok := r.names[addr]
	if !ok {
		name, _, _ = r.catalog.Function(addr)
		if len(r.names) >= maxTasks {
			clear(r.names)
		}
		r.names[addr] = name
	}
	return name
}
