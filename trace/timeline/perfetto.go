package timeline

import (
	"bufio"
	"io"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"ringside/trace/event"
)

// Perfetto writes a recording as Perfetto's own events of ftrace, in bundles by
// CPU: its pages show them as what they are, with states of tasks and who woke
// whom. Fields have the numbers of perfetto/trace/ftrace/*.proto.
type Perfetto struct {
	opt    Options
	uname  string
	kinds  map[int]perfettoKind
	bundle map[int][]byte // events by CPU
	size   int
	w      *bufio.Writer
	buf    []byte
	one    []byte
	err    error
}

// perfettoKind is one of FtraceEvent's messages.
type perfettoKind struct {
	number protowire.Number
	fields []perfettoField
	pid    event.Number
}

// perfettoField is one of its fields.
type perfettoField struct {
	number protowire.Number
	num    event.Number
	text   event.Text
}

// Field numbers of Perfetto's messages.
const (
	packetFtrace     = 1
	packetSystemInfo = 45
	bundleCPU        = 1
	bundleEvent      = 2
	eventTime        = 1
	eventPID         = 2
)

// perfettoEvents are the events that are written, with their fields' numbers.
func perfettoEvents() map[string]struct {
	number protowire.Number
	fields []string // by number, from 1 on
} {
	wakeup := []string{"comm", "pid", "prio", "success", "target_cpu"}
	return map[string]struct {
		number protowire.Number
		fields []string
	}{
		"sched:sched_switch":     {4, []string{"prev_comm", "prev_pid", "prev_prio", "prev_state", "next_comm", "next_pid", "next_prio"}},
		"sched:sched_wakeup":     {17, wakeup},
		"sched:sched_waking":     {20, wakeup},
		"sched:sched_wakeup_new": {114, wakeup},
		"irq:softirq_entry":      {24, []string{"vec"}},
		"irq:softirq_exit":       {25, []string{"vec"}},
		"irq:softirq_raise":      {26, []string{"vec"}},
		"irq:irq_handler_entry":  {36, []string{"irq", "name"}},
		"irq:irq_handler_exit":   {37, []string{"irq", "ret"}},
		"power:cpu_idle":         {13, []string{"state", "cpu_id"}},
		"power:cpu_frequency":    {11, []string{"state", "cpu_id"}},
	}
}

// bundleSize is how many bytes of events are written at once.
const bundleSize = 1 << 20

// NewPerfetto prepares for a recording's events. uname is what the recorded
// machine says of itself, by which Perfetto knows how to read states.
func NewPerfetto(c *event.Catalog, uname string, o Options) *Perfetto {
	if o.To == 0 {
		o.To = ^uint64(0)
	}
	p := &Perfetto{opt: o, uname: uname, kinds: map[int]perfettoKind{}, bundle: map[int][]byte{}}
	known := perfettoEvents()
	for _, h := range c.Heads() {
		e, ok := known[h.System+":"+h.Name]
		if !ok {
			continue
		}
		f := c.ByID(h.ID)
		if f == nil {
			continue
		}
		k := perfettoKind{number: e.number, pid: f.Uint("common_pid")}
		for i, name := range e.fields {
			fd := f.Field(name)
			if fd == nil {
				continue
			}
			x := perfettoField{number: protowire.Number(i + 1)}
			if fd.Array == event.Scalar {
				x.num = f.Uint(name)
			} else {
				x.text = f.Text(name)
			}
			k.fields = append(k.fields, x)
		}
		p.kinds[h.ID] = k
	}
	return p
}

// Begin says where to.
func (p *Perfetto) Begin(w io.Writer) {
	p.w = bufio.NewWriterSize(w, 256<<10)
	// "Linux node release version machine"
	if f := strings.Fields(p.uname); len(f) >= 3 {
		var names, info []byte
		names = protowire.AppendTag(names, 1, protowire.BytesType)
		names = protowire.AppendString(names, f[0])
		names = protowire.AppendTag(names, 3, protowire.BytesType)
		names = protowire.AppendString(names, f[2])
		names = protowire.AppendTag(names, 4, protowire.BytesType)
		names = protowire.AppendString(names, f[len(f)-1])
		info = protowire.AppendTag(info, 1, protowire.BytesType)
		info = protowire.AppendBytes(info, names)
		p.packet(packetSystemInfo, info)
	}
}

// packet writes one TracePacket with one field.
func (p *Perfetto) packet(field protowire.Number, body []byte) {
	p.buf = protowire.AppendTag(p.buf[:0], field, protowire.BytesType)
	p.buf = protowire.AppendBytes(p.buf, body)
	var head []byte
	head = protowire.AppendTag(head, 1, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(p.buf)))
	for _, b := range [][]byte{head, p.buf} {
		if _, err := p.w.Write(b); err != nil && p.err == nil {
			p.err = err
		}
	}
}

// Wants says whether events of this number matter.
func (p *Perfetto) Wants(id int) bool { return p.kinds[id].number != 0 }

// Add takes an event; they come in the order of time.
func (p *Perfetto) Add(r *event.Record) bool {
	if r.Format == nil || r.Time < p.opt.From || r.Time >= p.opt.To {
		return p.err == nil
	}
	k, ok := p.kinds[r.Format.ID]
	if !ok {
		return p.err == nil
	}
	body := p.one[:0]
	for _, f := range k.fields {
		if f.num.Valid() {
			body = protowire.AppendTag(body, f.number, protowire.VarintType)
			body = protowire.AppendVarint(body, f.num.Uint(r.Data))
		} else {
			body = protowire.AppendTag(body, f.number, protowire.BytesType)
			body = protowire.AppendBytes(body, f.text.Bytes(r.Data))
		}
	}
	p.one = body
	e := p.buf[:0]
	e = protowire.AppendTag(e, eventTime, protowire.VarintType)
	e = protowire.AppendVarint(e, r.Time)
	e = protowire.AppendTag(e, eventPID, protowire.VarintType)
	e = protowire.AppendVarint(e, uint64(uint32(k.pid.Uint(r.Data))))
	e = protowire.AppendTag(e, k.number, protowire.BytesType)
	e = protowire.AppendBytes(e, body)
	p.buf = e
	b := p.bundle[r.CPU]
	before := len(b)
	b = protowire.AppendTag(b, bundleEvent, protowire.BytesType)
	b = protowire.AppendBytes(b, e)
	p.bundle[r.CPU] = b
	if p.size += len(b) - before; p.size > bundleSize {
		p.flush()
	}
	return p.err == nil
}

// flush writes the bundles.
func (p *Perfetto) flush() {
	for _, cpu := range slices.Sorted(maps.Keys(p.bundle)) {
		events := p.bundle[cpu]
		if len(events) == 0 {
			continue
		}
		head := protowire.AppendTag(nil, bundleCPU, protowire.VarintType)
		head = protowire.AppendVarint(head, uint64(uint32(cpu)))
		p.packet(packetFtrace, append(head, events...))
		p.bundle[cpu] = events[:0]
	}
	p.size = 0
}

// End writes what is left and says what went wrong.
func (p *Perfetto) End() error {
	p.flush()
	if err := p.w.Flush(); p.err == nil {
		p.err = err
	}
	return p.err
}
