// Package aggregate measures in the kernel: how long things take, how often
// they happen, by whom. Of each [probe.Measure] it makes programs for the
// kernel's virtual machine (eBPF), one for each event, that keep histograms and
// tables there; only the result is read. Millions of events a second cost what
// the programs cost, which the kernel measures itself and the result tells.
//
// The programs are written for the kernel at hand, from the formats that its
// tracefs gives for its events. No compiler, no headers and no type information
// are needed, and a field that has moved is found.
package aggregate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ringside/probe"
	"ringside/probe/tracefs"
)

// An Engine aggregates in the kernel.
type Engine struct {
	Tree *tracefs.Tree
	// Function, if set, names what is at an address of the kernel; without a
	// name it returns "".
	Function func(address uint64) string
}

const (
	// maxBegun is how many intervals may be open at once, maxRows how many
	// rows a table may have. Beyond that they are counted as lost.
	maxBegun = 64 << 10
	maxRows  = 8 << 10
)

// A field is where an event has a value.
type field struct {
	offset, size int
	signed       bool
	text         bool // an array of characters
}

// fields reads a format file.
func fields(format []byte) map[string]field {
	m := map[string]field{}
	for line := range strings.Lines(string(format)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "field:")
		if !ok {
			continue
		}
		part := strings.Split(rest, ";")
		if len(part) < 4 {
			continue
		}
		number := func(i int, name string) int {
			n, _ := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(part[i]), name+":"))
			return n
		}
		decl := strings.TrimSpace(part[0])
		name := decl[strings.LastIndexAny(decl, " *")+1:]
		name, _, array := strings.Cut(name, "[")
		located := strings.HasPrefix(decl, "__data_loc ") || strings.HasPrefix(decl, "__rel_loc ")
		f := field{offset: number(1, "offset"), size: number(2, "size"), signed: number(3, "signed") == 1}
		f.text = array && strings.Contains(decl, "char ") && !located
		if f.size > 0 && f.offset >= 0 && f.offset < 4096 && (!array || f.text) && !located {
			m[name] = f
		}
	}
	return m
}

// Check loads the programs into the kernel, which verifies them, and lets them
// go. They are joined to no event: a question must not change how the kernel runs.
func (e *Engine) Check(c probe.Capture) error {
	r, err := e.load(c, 0)
	if err != nil {
		return err
	}
	return r.Close()
}

// loaded is a capture in the kernel.
type loaded struct {
	measures []measured
	events   []string // of the programs
	programs []*ebpf.Program
	links    []int
	closers  []io.Closer
}

type measured struct {
	probe.Measure
	fields                       map[string]field             // of the event that gives a row its label
	words                        map[string]map[uint64]string // of its fields' values
	begun, histogram, sums, rows *ebpf.Map
	stacks                       *ebpf.Map // nil where none are kept
}

// Close lets everything go.
func (l *loaded) Close() error {
	errs := []error{l.detach()}
	for _, c := range l.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// detach parts the programs from their events and waits until none runs.
func (l *loaded) detach() error {
	var errs []error
	for _, fd := range l.links {
		errs = append(errs, unix.Close(fd))
	}
	l.links = nil
	return errors.Join(errs...)
}

// load makes maps and programs.
func (e *Engine) load(c probe.Capture, pid int) (l *loaded, err error) {
	l = &loaded{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	var events []string
	steps := map[string][]step{}
	formats, words := map[string]map[string]field{}, map[string]map[string]map[uint64]string{}
	for _, m := range c.Measure {
		if pid != 0 && !ofTasks(m) {
			return l, fmt.Errorf("%s cannot be held to one process: its events are not of the task that runs", m.Name)
		}
		md, err := l.maps(m)
		if err != nil {
			return l, err
		}
		t := tables{begun: md.begun.FD(), histogram: md.histogram.FD(), sums: md.sums.FD(), rows: md.rows.FD()}
		if md.stacks != nil {
			t.stacks = md.stacks.FD()
		}
		// What ends at an event ends before the next of its kind begins there.
		for i, p := range slices.Concat(m.End, m.Begin) {
			if formats[p.Event] == nil {
				text, err := e.Tree.Format(p.Event)
				if err != nil {
					return l, err
				}
				formats[p.Event], words[p.Event] = fields(text), symbolic(text)
				events = append(events, p.Event)
			}
			steps[p.Event] = append(steps[p.Event], step{point: p, begins: i >= len(m.End), measure: m, tables: t})
		}
		of := m.End[0].Event
		if m.Kept != nil {
			of = m.Begin[0].Event
		}
		md.fields, md.words = formats[of], words[of]
		l.measures = append(l.measures, md)
	}
	l.events = events
	for _, event := range events {
		insns, err := program(event, formats[event], steps[event], pid)
		if err != nil {
			return l, err
		}
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "ringside", Type: ebpf.TracePoint, License: "GPL", Instructions: insns})
		if err != nil {
			return l, explain(event, err)
		}
		l.closers = append(l.closers, p)
		l.programs = append(l.programs, p)
	}
	return l, nil
}

// ofTasks says whether a measure is of what the running task does.
func ofTasks(m probe.Measure) bool {
	if m.Kept != nil {
		return true
	}
	return !slices.ContainsFunc(slices.Concat(m.Begin, m.End), func(p probe.Point) bool { return !slices.Contains(p.Key, "task") })
}

// explain says why a program was not taken.
func explain(event string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("event %s: %w: eBPF needs root, or CAP_BPF and CAP_PERFMON, and a kernel that is not locked down", event, err)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("event %s: %w: this kernel was built without CONFIG_BPF_SYSCALL", event, err)
	}
	return fmt.Errorf("event %s: %w", event, err)
}

func (l *loaded) maps(m probe.Measure) (measured, error) {
	md := measured{Measure: m}
	type wanted struct {
		to   **ebpf.Map
		spec ebpf.MapSpec
	}
	begun := ebpf.MapSpec{Type: ebpf.Hash, KeySize: 16, ValueSize: 8, MaxEntries: maxBegun, Flags: unix.BPF_F_NO_PREALLOC}
	var more []wanted
	if m.Kept != nil {
		// Its programs run inside the allocator, and must not allocate.
		begun.ValueSize, begun.MaxEntries, begun.Flags = keptSize, maxKept, 0
		if m.Kept.Stack {
			more = []wanted{{&md.stacks, ebpf.MapSpec{Type: ebpf.StackTrace, KeySize: 4, ValueSize: 8 * maxFrames, MaxEntries: maxStacks}}}
		}
	}
	for _, x := range append(more, []wanted{
		{&md.begun, begun},
		{&md.histogram, ebpf.MapSpec{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: probe.Buckets}},
		{&md.sums, ebpf.MapSpec{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8 * sums, MaxEntries: 1}},
		{&md.rows, ebpf.MapSpec{Type: ebpf.PerCPUHash, KeySize: labelSize, ValueSize: 24, MaxEntries: maxRows, Flags: unix.BPF_F_NO_PREALLOC}},
	}...) {
		made, err := ebpf.NewMap(&x.spec)
		if err != nil {
			return md, explain(m.End[0].Event, err)
		}
		l.closers = append(l.closers, made)
		*x.to = made
	}
	return md, nil
}

// attach joins the programs to their events.
func (l *loaded) attach(e *Engine) error {
	for i, event := range l.events {
		if err := l.join(e, event, l.programs[i]); err != nil {
			return err
		}
	}
	return nil
}

// join joins a program to its event. The event is opened on one CPU; what is
// joined to a tracepoint runs on all.
func (l *loaded) join(e *Engine, event string, p *ebpf.Program) error {
	id, err := e.Tree.ID(event)
	if err != nil {
		return err
	}
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Sample: 1, Bits: unix.PerfBitDisabled}
	attr.Size = unix.PERF_ATTR_SIZE_VER5
	fd, err := unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return explain(event, err)
	}
	l.links = append(l.links, fd)
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, p.FD()); err != nil {
		return explain(event, err)
	}
	return nil
}

// Capture measures until ctx ends.
func (e *Engine) Capture(ctx context.Context, c probe.Capture, s probe.Session) (rec *probe.Recording, err error) {
	rec = &probe.Recording{Format: probe.Tables}
	// The kernel counts what the programs take while somebody asks it to.
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		rec.Notes = append(rec.Notes, "what this probe cost is not known: "+err.Error())
	} else {
		defer stats.Close()
	}
	l, err := e.load(c, s.PID)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := l.attach(e); err != nil {
		return nil, err
	}
	begin := time.Now()
	start, err := monotonic()
	if err != nil {
		return nil, err
	}
	if err := l.wait(ctx, begin, s.Progress); err != nil {
		return nil, err
	}
	// A program runs as long as it is joined to its event, whether that is
	// enabled or not: tables that are read meanwhile would not agree.
	if err := l.detach(); err != nil {
		return nil, fmt.Errorf("stop the probe: %w", err)
	}
	rec.Elapsed = time.Since(begin)
	for _, m := range l.measures {
		read := e.read
		if m.Kept != nil {
			read = func(m measured) (probe.Table, error) { return e.readKept(m, start+uint64(rec.Elapsed)/2) }
		}
		t, err := read(m)
		if err != nil {
			return nil, fmt.Errorf("read the table %s: %w", m.Name, err)
		}
		rec.Tables = append(rec.Tables, t)
		rec.Events += max(t.Count, t.Made)
		rec.Lost += t.Lost
	}
	if stats != nil {
		for _, p := range l.programs {
			st, err := p.Stats()
			if err != nil {
				return nil, fmt.Errorf("cost of the probe: %w", err)
			}
			rec.Spent += st.Runtime
		}
	}
	return rec, nil
}

// wait waits for the end and tells of the progress.
func (l *loaded) wait(ctx context.Context, begin time.Time, progress func(probe.Progress)) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if progress == nil {
				continue
			}
			p := probe.Progress{Elapsed: time.Since(begin)}
			for _, m := range l.measures {
				sum, err := m.total()
				if err != nil {
					return err
				}
				p.Events += sum[sumCount]
				p.Lost += sum[sumLost]
			}
			progress(p)
		}
	}
}

// total adds up the sums of all CPUs.
func (m *measured) total() ([sums]uint64, error) {
	var all [sums]uint64
	var per [][sums]uint64
	if err := m.sums.Lookup(uint32(0), &per); err != nil {
		return all, err
	}
	for _, cpu := range per {
		for _, i := range []int{sumCount, sumTotal, sumLost} {
			all[i] += cpu[i]
		}
		all[sumMax] = max(all[sumMax], cpu[sumMax])
	}
	return all, nil
}

// read reads a measure out of the kernel.
func (e *Engine) read(m measured) (probe.Table, error) {
	t := probe.Table{Name: m.Name, Title: m.Title, By: m.By, Timed: len(m.Begin) > 0}
	sum, err := m.total()
	if err != nil {
		return t, err
	}
	t.Count, t.Lost = sum[sumCount], sum[sumLost]
	if t.Timed {
		t.Total, t.Max = time.Duration(sum[sumTotal]), time.Duration(sum[sumMax])
		t.Histogram.Counts = make([]uint64, probe.Buckets)
		for i := range t.Histogram.Counts {
			var per []uint64
			if err := m.histogram.Lookup(uint32(i), &per); err != nil {
				return t, err
			}
			for _, n := range per {
				t.Histogram.Counts[i] += n
			}
		}
	}
	var label [labelSize]byte
	var per [][3]uint64
	rows := m.rows.Iterate()
	for rows.Next(&label, &per) {
		r := probe.Row{Label: e.label(m, label[:])}
		for _, cpu := range per {
			r.Count += cpu[sumCount]
			r.Total += time.Duration(cpu[sumTotal])
			r.Max = max(r.Max, time.Duration(cpu[sumMax]))
		}
		t.Rows = append(t.Rows, r)
	}
	if err := rows.Err(); err != nil {
		return t, err
	}
	slices.SortFunc(t.Rows, func(a, b probe.Row) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Count, a.Count), slices.Compare(a.Label, b.Label))
	})
	return t, nil
}

// label reads the label of a row, in the order of the measure.
func (e *Engine) label(m measured, b []byte) []string {
	var list []string
	numbers := 0
	for _, name := range m.By {
		f, isField := m.fields[name]
		if f.text || name == "comm" && !isField {
			text, _, _ := bytes.Cut(b[16:], []byte{0})
			list = append(list, string(text))
			continue
		}
		v := binary.NativeEndian.Uint64(b[8*numbers:])
		numbers++
		list = append(list, e.value(m, name, v, f))
	}
	return list
}

func (e *Engine) value(m measured, name string, v uint64, f field) string {
	if text := m.words[name][v]; text != "" {
		return text
	}
	if e.Function != nil && slices.Contains(functions, name) {
		if text := e.Function(v); text != "" {
			return text
		}
	}
	switch {
	case name == "dev", name == "s_dev": // MAJOR and MINOR of the kernel's dev_t
		return fmt.Sprintf("%d:%d", v>>20, v&(1<<20-1))
	case f.size == 8 && !f.signed:
		return fmt.Sprintf("%#x", v)
	case f.signed:
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatUint(v, 10)
}
