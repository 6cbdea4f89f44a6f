package ftracetext

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"ringside/trace/event"
)

// Stats say what was converted.
type Stats struct {
	Events int
	// Others are lines that are no events, apart from comments and empty ones.
	Others int
}

// ErrNoEvents says that there was nothing to convert.
var ErrNoEvents = errors.New("the text has no events with a task, a CPU and a time: print it with trace-cmd report, or set the option funcgraph-abstime, -proc and -cpu")

// Bounds of a text.
const (
	maxLine    = 64 << 10
	maxEvents  = 60_000 // kinds of events: their numbers have 16 bits
	maxBuffers = 256
	maxTasks   = 1 << 20
	maxSymbols = 1 << 20
	maxTotal   = 2 << 30 // bytes of pages
	pageSize   = 4096
	pageHead   = 16
	maxText    = 2800 // bytes of one event's text,
	maxString  = 256  // and of a field that is text
)

// Convert reads a trace as text and writes it as a trace.dat of version 6. It
// holds the events in memory.
func Convert(w io.Writer, r io.Reader) (Stats, error) {
	c := &converter{
		kinds: map[string]*eventKind{}, buffers: map[string]map[int]*pages{}, comms: map[int]string{}, symbols: map[string]uint64{}, stacks: map[int][]string{},
	}
	in := bufio.NewReaderSize(r, maxLine)
	for {
		s, err := in.ReadSlice('\n')
		for tail := err; errors.Is(tail, bufio.ErrBufferFull); { // the rest of a long line
			_, tail = in.ReadSlice('\n')
			err = tail
		}
		if failed := c.add(s); failed != nil {
			return c.stats, failed
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c.stats, err
		}
	}
	if c.stats.Events == 0 {
		return c.stats, ErrNoEvents
	}
	return c.stats, c.write(w)
}

// converter is what a text becomes.
type converter struct {
	stats   Stats
	kinds   map[string]*eventKind
	order   []*eventKind
	buffers map[string]map[int]*pages // by name and CPU
	comms   map[int]string
	symbols map[string]uint64
	stacks  map[int][]string // what each task is in, of function_graph
	cpus    int
	total   int
	ticks   bool
	data    []byte
}

// eventKind is one kind of event.
type eventKind struct {
	id       int
	name     string
	system   string
	fields   []field
	patterns [][]part
	values   [][]byte
}

// add takes a line.
func (c *converter) add(s []byte) error {
	l, ok := parseLine(s)
	if !ok {
		if cpu, n, ok := lost(s); ok {
			c.pages("", cpu).lose(n)
		} else if s = bytes.TrimSpace(s); len(s) > 0 && s[0] != '#' && !bytes.HasPrefix(s, []byte("cpus=")) {
			c.stats.Others++
		}
		return nil
	}
	k := c.kind(string(l.name))
	if k == nil || len(c.buffers) >= maxBuffers && c.buffers[l.buffer] == nil {
		c.stats.Others++
		return nil
	}
	if c.total > maxTotal {
		return fmt.Errorf("a text of more than %d bytes of events: record as trace.dat", maxTotal)
	}
	if _, known := c.comms[l.pid]; !known && l.pid != 0 && len(c.comms) < maxTasks && l.comm[0] != '<' {
		c.comms[l.pid] = string(l.comm)
	}
	c.cpus = max(c.cpus, l.cpu+1)
	c.ticks = c.ticks || l.ticks
	if bytes.HasPrefix(l.name, []byte("funcgraph_")) && c.graph(&l) {
		return nil
	}
	k.parse(l.text)
	c.put(k, &l)
	return nil
}

// put adds an event whose fields were parsed.
func (c *converter) put(k *eventKind, l *line) {
	c.stats.Events++
	c.pages(l.buffer, l.cpu).add(l.time, c.encode(k, l))
}

// kind returns the kind of event of a name; nil where there are too many.
func (c *converter) kind(name string) *eventKind {
	k := c.kinds[name]
	if k != nil || len(c.kinds) >= maxEvents {
		return k
	}
	k = &eventKind{id: len(c.order) + 1, name: name, system: systemOf(name)}
	if i := slices.IndexFunc(specs, func(s spec) bool { return s.name == name }); i >= 0 {
		s := &specs[i]
		k.system, k.fields = s.system, s.fields
		for _, p := range s.patterns {
			k.patterns = append(k.patterns, s.compile(p))
		}
		if name == "tracing_mark_write" {
			k.name = "print"
		}
	}
	k.values = make([][]byte, len(k.fields))
	c.kinds[name] = k
	c.order = append(c.order, k)
	return k
}

// parse finds the fields in an event's text.
func (k *eventKind) parse(text []byte) {
	clear(k.values)
	for _, p := range k.patterns {
		if match(p, text, k.values) {
			break
		}
		clear(k.values)
	}
}

// encode lays an event out as its format says.
func (c *converter) encode(k *eventKind, l *line) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(c.data[:0], uint16(k.id))
	b = append(b, l.flags, l.depth)
	b = le.AppendUint32(b, uint32(l.pid))
	size := len(b) + 4
	for _, f := range k.fields {
		size += kinds[f.kind].size
	}
	var tail []byte
	text := func(s []byte, most int) {
		s = s[:min(len(s), most)]
		b = le.AppendUint32(b, uint32(len(s)+1)<<16|uint32(size+len(tail)))
		tail = append(append(tail, s...), 0)
	}
	for i, f := range k.fields {
		v := k.values[i]
		switch f.kind {
		case comm:
			var name [16]byte
			copy(name[:15], v)
			b = append(b, name[:]...)
		case str:
			text(v, maxString)
		case symbol:
			b = le.AppendUint64(b, c.symbol(string(bytes.TrimSpace(v))))
		case i32, device:
			b = le.AppendUint32(b, uint32(f.kind.value(v)))
		default:
			b = le.AppendUint64(b, f.kind.value(v))
		}
	}
	text(l.text, maxText)
	b = append(b, tail...)
	c.data = b
	return b
}

// symbol gives a function an address.
func (c *converter) symbol(name string) uint64 {
	if name == "" {
		return 0
	}
	addr, ok := c.symbols[name]
	if !ok && len(c.symbols) < maxSymbols {
		addr = 0xffffffff80000000 + uint64(len(c.symbols))*16
		c.symbols[name] = addr
	}
	return addr
}

func (c *converter) pages(buffer string, cpu int) *pages {
	cpus := c.buffers[buffer]
	if cpus == nil {
		cpus = map[int]*pages{}
		c.buffers[buffer] = cpus
	}
	p := cpus[cpu]
	if p == nil {
		p = &pages{total: &c.total}
		cpus[cpu] = p
	}
	c.cpus = max(c.cpus, cpu+1)
	return p
}

// write writes the recording.
func (c *converter) write(w io.Writer) error {
	b := &output{w: bufio.NewWriterSize(w, 256<<10)}
	b.string(event.Magic + "6\x00\x00\x08")
	b.u32(pageSize)
	for _, name := range []string{"header_page\x00", "header_event\x00"} {
		b.string(name)
		b.u64(0)
	}
	bySystem := map[string][]string{}
	for _, k := range c.order {
		bySystem[k.system] = append(bySystem[k.system], format(k.system, k.name, k.id, k.fields))
	}
	formats := func(list []string) {
		b.u32(len(list))
		for _, text := range list {
			b.u64(len(text))
			b.string(text)
		}
	}
	formats(bySystem["ftrace"])
	delete(bySystem, "ftrace")
	b.u32(len(bySystem))
	for _, system := range slices.Sorted(maps.Keys(bySystem)) {
		b.string(system + "\x00")
		formats(bySystem[system])
	}
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(c.symbols)) {
		text = fmt.Appendf(text, "%x T %s\n", c.symbols[name], name)
	}
	b.u32(len(text))
	b.string(string(text))
	b.u32(0) // formats of trace_printk
	text = text[:0]
	for _, pid := range slices.Sorted(maps.Keys(c.comms)) {
		text = fmt.Appendf(text, "%d %s\n", pid, c.comms[pid])
	}
	b.u64(len(text))
	b.string(string(text))
	b.u32(c.cpus)
	c.writeBuffers(b)
	return b.w.Flush()
}

// writeBuffers writes the options and the events of all buffers.
func (c *converter) writeBuffers(b *output) {
	clock := "[local]\x00"
	if c.ticks {
		clock = "[counter]\x00"
	}
	if c.buffers[""] == nil {
		c.buffers[""] = map[int]*pages{}
	}
	names := slices.Sorted(maps.Keys(c.buffers)) // the top one is first
	at := b.n + 10 + 6 + len(clock) + 2
	for _, name := range names[1:] {
		at += 6 + 8 + len(name) + 1
	}
	const head = 10 // "flyrecord"
	table := 16 * c.cpus
	b.string("options  \x00")
	b.u16(4)
	b.u32(len(clock))
	b.string(clock)
	for i, name := range names[1:] {
		b.u16(3)
		b.u32(8 + len(name) + 1)
		b.u64(at + (i+1)*(head+table))
		b.string(name + "\x00")
	}
	b.u16(0)
	at += len(names) * (head + table)
	for _, name := range names {
		b.string("flyrecord\x00")
		for cpu := range c.cpus {
			size := 0
			if p := c.buffers[name][cpu]; p != nil {
				size = p.size()
			}
			b.u64(at)
			b.u64(size)
			at += size
		}
	}
	for _, name := range names {
		for cpu := range c.cpus {
			if p := c.buffers[name][cpu]; p != nil {
				p.write(b)
			}
		}
	}
}

// output counts what it writes. A bufio.Writer keeps the first error.
type output struct {
	w *bufio.Writer
	n int
}

func (b *output) string(s string) {
	n, _ := b.w.WriteString(s)
	b.n += n
}

func (b *output) bytes(s []byte) {
	n, _ := b.w.Write(s)
	b.n += n
}

func (b *output) u16(v int) { b.bytes(binary.LittleEndian.AppendUint16(nil, uint16(v))) }
func (b *output) u32(v int) { b.bytes(binary.LittleEndian.AppendUint32(nil, uint32(v))) }
func (b *output) u64(v int) { b.bytes(binary.LittleEndian.AppendUint64(nil, uint64(v))) }
