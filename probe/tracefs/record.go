package tracefs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ringside/probe"
)

// An Engine records with tracefs.
type Engine struct {
	Tree *Tree
	// Spool gives a file for the events of one CPU until all are put together.
	Spool func() (Spool, error)
	// Clock is the trace clock, "mono" without one: it is one clock for all
	// CPUs and that of the kernel's log.
	Clock string
	// BufferKB is the size of each CPU's buffer; 0 is 4 MiB.
	BufferKB int
}

// A Spool is a file that is written once and then read.
type Spool interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

const (
	clock    = "mono"
	bufferKB = 4 << 10
)

// Check says whether the kernel has the events and lets an instance be made.
func (e *Engine) Check(c probe.Capture) error {
	for _, ev := range c.Events {
		if _, err := e.Tree.Format(ev.Name); err != nil && !ev.Optional {
			return err
		}
	}
	name := instanceName("check")
	i, err := e.Tree.Instance(name)
	if err != nil {
		return err
	}
	return errors.Join(i.Close(), e.Tree.Remove(name))
}

// instanceName is of this process, so that two do not meet.
func instanceName(what string) string {
	return fmt.Sprintf("ringside-%s-%d-%d", what, unix.Getpid(), time.Now().UnixNano())
}

// A cpuBuffer is the events of one CPU while they are recorded.
type cpuBuffer struct {
	cpu   int
	fd    int
	spool Spool
	size  int64
}

// Capture records until ctx ends.
func (e *Engine) Capture(ctx context.Context, c probe.Capture, s probe.Session) (rec *probe.Recording, err error) {
	name := instanceName("probe")
	inst, err := e.Tree.Instance(name)
	if err != nil {
		return nil, err
	}
	r := &recorder{engine: e, tree: inst, page: pageSize(inst), session: s}
	defer func() {
		for _, b := range r.cpus {
			err = errors.Join(err, unix.Close(b.fd), b.spool.Close())
		}
		err = errors.Join(err, inst.Close(), e.Tree.Remove(name))
	}()
	if err := r.prepare(c); err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := inst.Write("tracing_on", "1"); err != nil {
		return nil, err
	}
	err = r.drain(ctx, begin)
	if err := errors.Join(err, inst.Write("tracing_on", "0")); err != nil {
		return nil, err
	}
	elapsed := time.Since(begin)
	for _, b := range r.cpus {
		if err := r.copy(b, true); err != nil {
			return nil, err
		}
	}
	rec = &probe.Recording{Format: probe.TraceDat, Notes: r.notes}
	if rec.Progress, err = r.assemble(); err != nil {
		return nil, err
	}
	rec.Elapsed = elapsed
	if rec.Lost > 0 {
		rec.Notes = append(rec.Notes, fmt.Sprintf("%d events did not fit into the buffers of %d KiB a CPU", rec.Lost, e.bufferKB()))
	}
	return rec, nil
}

type recorder struct {
	engine  *Engine
	tree    *Tree
	page    int
	session probe.Session
	cpus    []*cpuBuffer
	events  []string
	notes   []string
}

func (e *Engine) bufferKB() int {
	if e.BufferKB > 0 {
		return e.BufferKB
	}
	return bufferKB
}

// pageSize is that of the ring buffer's pages, which newer kernels let grow.
func pageSize(t *Tree) int {
	if b, err := t.Read("buffer_subbuf_size_kb"); err == nil {
		if kb, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && kb >= 4 && kb <= 64<<10 {
			return kb << 10
		}
	}
	return unix.Getpagesize()
}

// prepare sets the instance up, with tracing off.
func (r *recorder) prepare(c probe.Capture) error {
	t := r.tree
	want := r.engine.Clock
	if want == "" {
		want = clock
	}
	if err := errors.Join(t.Write("tracing_on", "0"), t.Write("trace_clock", want), t.Write("buffer_size_kb", strconv.Itoa(r.engine.bufferKB()))); err != nil {
		return err
	}
	if r.session.PID > 0 {
		// What it forks is followed too.
		if err := errors.Join(t.Write("set_event_pid", strconv.Itoa(r.session.PID)), t.Write("options/event-fork", "1")); err != nil {
			return err
		}
	}
	for _, ev := range c.Events {
		if _, err := t.Format(ev.Name); err != nil && ev.Optional {
			r.notes = append(r.notes, err.Error())
			continue
		}
		system, name, _ := ev.Tracepoint()
		dir := path.Join("events", system, name)
		if ev.Filter != "" {
			if err := t.Write(dir+"/filter", ev.Filter); err != nil {
				return fmt.Errorf("filter of %s: %w", ev.Name, err)
			}
		}
		if ev.Stack {
			if err := t.Write(dir+"/trigger", "stacktrace"); err != nil {
				r.notes = append(r.notes, ev.Name+" is recorded without stacks: "+err.Error())
			}
		}
		if err := t.Write(dir+"/enable", "1"); err != nil {
			return err
		}
		r.events = append(r.events, ev.Name)
	}
	names, err := t.List("per_cpu")
	if err != nil {
		return err
	}
	for _, name := range names {
		cpu, err := strconv.Atoi(strings.TrimPrefix(name, "cpu"))
		if err != nil {
			continue
		}
		fd, err := t.open("per_cpu/"+name+"/trace_pipe_raw", unix.O_RDONLY|unix.O_NONBLOCK)
		if err != nil {
			return err
		}
		spool, err := r.engine.Spool()
		if err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		r.cpus = append(r.cpus, &cpuBuffer{cpu: cpu, fd: fd, spool: spool})
	}
	slices.SortFunc(r.cpus, func(a, b *cpuBuffer) int { return a.cpu - b.cpu })
	if len(r.cpus) == 0 {
		return errors.New("tracefs names no CPU")
	}
	return nil
}

// drain copies what comes until ctx ends.
func (r *recorder) drain(ctx context.Context, begin time.Time) error {
	fds := make([]unix.PollFd, len(r.cpus))
	for i, b := range r.cpus {
		fds[i] = unix.PollFd{Fd: int32(b.fd), Events: unix.POLLIN}
	}
	for ctx.Err() == nil {
		// A buffer is ready when half of it is full; the timeout is for the
		// progress and the end.
		if _, err := unix.Poll(fds, waitFor(ctx)); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for events: %w", err)
		}
		var bytes int64
		for _, b := range r.cpus {
			if err := r.copy(b, false); err != nil {
				return err
			}
			bytes += b.size
		}
		if r.session.Progress != nil {
			r.session.Progress(probe.Progress{Elapsed: time.Since(begin), Bytes: bytes})
		}
	}
	return nil
}

// waitFor returns how many milliseconds to wait at most.
func waitFor(ctx context.Context) int {
	wait := 200 * time.Millisecond
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, max(0, time.Until(deadline)))
	}
	return int(wait.Milliseconds()) + 1
}

// copy moves what a CPU has to its spool. While it is recorded, a page that is not
// full ends it: the kernel gives what there is, and pages of a few events each
// would make the recording several times as long.
func (r *recorder) copy(b *cpuBuffer, all bool) error {
	page := make([]byte, r.page)
	for {
		n, err := unix.Read(b.fd, page)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN), err == nil && n == 0:
			return nil
		case err != nil:
			return fmt.Errorf("read the events of CPU %d: %w", b.cpu, err)
		}
		clear(page[n:])
		if _, err := b.spool.Write(page); err != nil {
			return fmt.Errorf("keep the events of CPU %d: %w", b.cpu, err)
		}
		b.size += int64(r.page)
		if used := int(native.Uint64(page[8:]) & commitMask); !all && used < r.page*3/4 {
			return nil
		}
	}
}

// commitMask is how much of a page's second word says how full it is.
const commitMask = 1<<20 - 1

// The options of trace.dat.
const (
	optionCPUStat  = 2
	optionClock    = 4
	optionUname    = 5
	optionCPUCount = 8
)

// assemble writes the trace.dat.
func (r *recorder) assemble() (probe.Progress, error) {
	var p probe.Progress
	w := &counter{w: r.session.Out}
	if err := r.engine.Tree.WriteHeader(w, VersionTraceDat, r.page, r.events); err != nil {
		return p, err
	}
	var b bytes.Buffer
	_ = binary.Write(&b, native, uint32(len(r.cpus)))
	b.WriteString("options  \x00")
	option := func(id uint16, data []byte) {
		_ = binary.Write(&b, native, id)
		_ = writeSized(&b, 4, data)
	}
	for _, cpu := range r.cpus {
		stat, err := r.tree.Read(fmt.Sprintf("per_cpu/cpu%d/stats", cpu.cpu))
		if err != nil {
			return p, err
		}
		lost, read := statistics(string(stat))
		p.Lost += lost
		p.Events += read
		option(optionCPUStat, append([]byte(fmt.Sprintf("CPU: %d\n", cpu.cpu)), stat...))
	}
	if text, err := r.tree.Read("trace_clock"); err == nil {
		option(optionClock, append(text, 0))
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		text := unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
		option(optionUname, append([]byte(text), 0))
	}
	var count [4]byte
	native.PutUint32(count[:], uint32(len(r.cpus)))
	option(optionCPUCount, count[:])
	_ = binary.Write(&b, native, uint16(0))
	b.WriteString("flyrecord\x00")
	align := int64(r.page)
	at := (w.n + int64(b.Len()) + 16*int64(len(r.cpus)) + align - 1) / align * align
	first := at
	for _, cpu := range r.cpus {
		_ = binary.Write(&b, native, uint64(at))
		_ = binary.Write(&b, native, uint64(cpu.size))
		at += cpu.size
	}
	b.Write(make([]byte, first-w.n-int64(b.Len())))
	if _, err := w.Write(b.Bytes()); err != nil {
		return p, fmt.Errorf("write the recording: %w", err)
	}
	for _, cpu := range r.cpus {
		if _, err := io.Copy(w, io.NewSectionReader(cpu.spool, 0, cpu.size)); err != nil {
			return p, fmt.Errorf("write the recording: %w", err)
		}
	}
	p.Bytes = w.n
	return p, nil
}

// statistics reads a CPU's stats file: events that were lost and that were read.
func statistics(text string) (lost, read uint64) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "overrun", "commit overrun", "dropped events":
			lost += n
		case "read events":
			read = n
		}
	}
	return lost, read
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
