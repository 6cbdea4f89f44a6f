package report

import (
	"cmp"
	"strconv"

	"ringside/trace/event"
)

// graph reads the exits of function_graph.
type graph struct {
	format                  *event.Format
	pid, fn, depth          event.Number
	calltime, rettime, retv event.Number
}

func newGraph(f *event.Format) *graph {
	return &graph{
		format: f, pid: f.Uint("common_pid"), fn: f.Uint("func"), depth: f.Uint("depth"),
		calltime: f.Uint("calltime"), rettime: f.Uint("rettime"), retv: f.Uint("retval"),
	}
}

// Leaves joins the entry of a function and its exit where they follow each other
// in a buffer: such a function called no other one that is traced. It returns
// what takes the records of one buffer, in the order of time, and what hands out
// the last one. Yield is called for each event and says whether to go on; what it
// is given is valid until it returns.
func Leaves(c *event.Catalog, yield func(*Event) bool) (add func(*event.Record) bool, flush func() bool) {
	var e Event
	exitFormat := c.Format("ftrace", "funcgraph_exit")
	plain, from := c.Format("ftrace", "funcgraph_entry"), c.Format("ftrace", "fgraph_retaddr_entry")
	if exitFormat == nil || plain == nil && from == nil {
		return func(r *event.Record) bool { e.Record = r; return yield(&e) }, func() bool { return true }
	}
	exit, entry := newGraph(exitFormat), newGraph(cmp.Or(plain, from))
	holds := false
	var held event.Record
	flush = func() bool {
		if !holds {
			return true
		}
		holds = false
		e = Event{Record: &held}
		return yield(&e)
	}
	add = func(r *event.Record) bool {
		if holds {
			if r.Format == exitFormat && r.CPU == held.CPU && r.Missed == 0 &&
				exit.pid.Uint(r.Data) == entry.pid.Uint(held.Data) && exit.fn.Uint(r.Data) == entry.fn.Uint(held.Data) {
				holds = false
				e = Event{&held, r.Data}
				return yield(&e)
			}
			if !flush() {
				return false
			}
		}
		if r.Format != nil && (r.Format == plain || r.Format == from) {
			if entry.format != r.Format {
				entry = newGraph(r.Format)
			}
			data := append(held.Data[:0], r.Data...)
			held = *r
			held.Data = data
			holds = true
			return true
		}
		e = Event{Record: r}
		return yield(&e)
	}
	return add, flush
}

// graphEntry prints the entry of a function: of a leaf with how long it took.
func (r *Report) graphEntry(f *event.Format) func(b []byte, e *Event) []byte {
	fn, depth, from := f.Uint("func"), f.Uint("depth"), f.Uint("retaddr")
	return func(b []byte, e *Event) []byte {
		leaf := e.Exit != nil
		if leaf {
			b = r.exit.appendDuration(b, e.Exit)
		} else {
			b = append(b, "             |  "...)
		}
		b = indent(b, depth.Uint(e.Data))
		addr := fn.Uint(e.Data)
		if name := r.function(addr); name != "" {
			b = append(b, name...)
		} else {
			b = strconv.AppendUint(b, addr, 16)
		}
		b = append(b, "()"...)
		if leaf {
			b = append(b, ';')
		}
		if name := r.function(from.Uint(e.Data)); from.Valid() && name != "" {
			b = append(append(append(b, " /* <-"...), name...), " */"...)
		}
		if leaf {
			return r.exit.appendResult(b, e.Exit)
		}
		return append(b, " {"...)
	}
}

// appendExit prints the end of a function.
func (g *graph) appendExit(b, data []byte) []byte {
	b = g.appendDuration(b, data)
	b = append(indent(b, g.depth.Uint(data)), '}')
	return g.appendResult(b, data)
}

func indent(b []byte, depth uint64) []byte {
	for range min(depth, maxStack) {
		b = append(b, "  "...)
	}
	return b
}

// appendDuration prints how long a function took: a mark where it was long, then
// microseconds, seven wide at least.
func (g *graph) appendDuration(b, data []byte) []byte {
	d := g.rettime.Uint(data) - g.calltime.Uint(data)
	mark := byte(' ')
	for _, m := range []struct {
		over uint64
		mark byte
	}{{1e9, '$'}, {1e6, '#'}, {1e5, '!'}, {1e4, '+'}} {
		if d > m.over {
			mark = m.mark
			break
		}
	}
	b = append(b, mark, ' ')
	start := len(b)
	b = strconv.AppendUint(b, d/1000, 10)
	if n := len(b) - start; n < 7 {
		rest := d % 1000
		b = append(b, '.', '0'+byte(rest/100), '0'+byte(rest/10%10), '0'+byte(rest%10))
	}
	n := len(b) - start
	b = append(b, " us "...)
	for ; n < 7; n++ {
		b = append(b, ' ')
	}
	return append(b, "|  "...)
}

// appendResult prints what a function returned, where that was recorded: a
// number that is an error in decimal.
func (g *graph) appendResult(b, data []byte) []byte {
	if !g.retv.Valid() {
		return b
	}
	b = append(b, " (ret="...)
	if v := g.retv.Uint(data); v >= ^uint64(4094) {
		b = strconv.AppendInt(b, int64(v), 10)
	} else {
		b = appendHex(b, v)
	}
	return append(b, ')')
}
