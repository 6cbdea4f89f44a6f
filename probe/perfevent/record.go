// Package perfevent records with perf_event_open(2) and writes what perf
// writes: perf.data in its file form, with tracing data, build IDs and the
// maps of the tasks that ran before, so that every tool that reads perf.data
// reads it.
//
// Each CPU has one ring, to which all its events go. A round empties all rings
// and ends with a FINISHED_ROUND record, which is what lets a reader sort in
// bounded memory. What the kernel could not place is in the recording as its
// own LOST records and is counted.
package perfevent

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ringside/probe"
	"ringside/probe/tracefs"
)

// An Engine records with perf_event_open.
type Engine struct {
	// Root is the file system, for /proc and /sys.
	Root fs.FS
	// Tree is tracefs, for the tracepoints; nil where there is none.
	Tree *tracefs.Tree
}

const (
	pageSize  = 4096
	ringPages = 256 // of data, per CPU: a power of two
)

// native is the byte order of this machine.
var native = binary.NativeEndian

// wanted returns the events of c that this kernel has, with notes on those that
// it lacks and that are optional.
func (e *Engine) wanted(c probe.Capture) (events []probe.Event, notes []string, err error) {
	for _, ev := range c.Events {
		if _, _, ok := ev.Tracepoint(); ok {
			if e.Tree == nil {
				return nil, nil, fmt.Errorf("event %s: tracefs cannot be opened: run it as root", ev.Name)
			}
			if _, err := e.Tree.ID(ev.Name); err != nil {
				if !ev.Optional {
					return nil, nil, err
				}
				notes = append(notes, err.Error())
				continue
			}
		}
		events = append(events, ev)
	}
	return events, notes, nil
}

// Check opens every event once, on one CPU.
func (e *Engine) Check(c probe.Capture) error {
	events, _, err := e.wanted(c)
	if err != nil {
		return err
	}
	for _, ev := range events {
		a, err := e.attr(ev, ev.Stack, false)
		if err != nil {
			return err
		}
		fd, err := unix.PerfEventOpen(&a, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			return explain(ev.Name, err)
		}
		if err := unix.Close(fd); err != nil {
			return fmt.Errorf("event %s: %w", ev.Name, err)
		}
	}
	return nil
}

// A ring is the buffer of one CPU.
type ring struct {
	mem []byte
	fd  int
}

// A recorder is one recording.
type recorder struct {
	engine  *Engine
	session probe.Session
	attrs   []unix.PerfEventAttr // the tracking event is the last one
	names   []string
	ids     [][]uint64 // by event
	// sampling are the events' files, tracking those of what tells of maps, names
	// and tasks.
	sampling, tracking []int
	rings              []*ring
	file               *file
	at                 probe.Progress
}

// Capture records until ctx ends.
func (e *Engine) Capture(ctx context.Context, c probe.Capture, s probe.Session) (rec *probe.Recording, err error) {
	events, notes, err := e.wanted(c)
	if err != nil {
		return nil, err
	}
	r := &recorder{engine: e, session: s}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(events); err != nil {
		return nil, err
	}
	var tracepoints []string
	for _, ev := range events {
		if _, _, ok := ev.Tracepoint(); ok {
			tracepoints = append(tracepoints, ev.Name)
		}
	}
	r.file = &file{out: s.Out}
	if err := r.file.begin(r.attrs, r.ids); err != nil {
		return nil, err
	}
	// The tasks that run already are told of before the events begin; what
	// changes meanwhile is in the rings, behind them.
	for _, fd := range r.tracking {
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
			return nil, fmt.Errorf("start the recording: %w", err)
		}
	}
	if err := r.file.tasks(e.Root); err != nil {
		return nil, err
	}
	begin := time.Now()
	for _, fd := range r.sampling {
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
			return nil, fmt.Errorf("start the recording: %w", err)
		}
	}
	if err := r.drain(ctx, begin); err != nil {
		return nil, err
	}
	for _, fd := range slices.Concat(r.sampling, r.tracking) {
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_DISABLE, 0); err != nil {
			return nil, fmt.Errorf("stop the recording: %w", err)
		}
	}
	r.at.Elapsed = time.Since(begin)
	if err := r.round(); err != nil {
		return nil, err
	}
	if err := r.file.end(e, r.attrs, r.names, r.ids, tracepoints); err != nil {
		return nil, err
	}
	r.at.Bytes = r.file.n
	if r.at.Lost > 0 {
		notes = append(notes, fmt.Sprintf("%d events did not fit into the buffers", r.at.Lost))
	}
	return &probe.Recording{Progress: r.at, Format: probe.PerfData, Notes: notes}, nil
}

// open opens every event on every CPU, and the rings.
func (r *recorder) open(events []probe.Event) error {
	var stacks, tracepoints bool
	for _, ev := range events {
		_, _, tp := ev.Tracepoint()
		stacks, tracepoints = stacks || ev.Stack, tracepoints || tp
	}
	for _, ev := range events {
		a, err := r.engine.attr(ev, stacks, tracepoints)
		if err != nil {
			return err
		}
		r.attrs, r.names = append(r.attrs, a), append(r.names, ev.Name)
	}
	r.attrs, r.names = append(r.attrs, tracking(r.attrs[0].Sample_type)), append(r.names, "dummy:HG")
	cpus, err := online(r.engine.Root)
	if err != nil {
		return err
	}
	tasks, err := r.tasks()
	if err != nil {
		return err
	}
	r.ids = make([][]uint64, len(r.attrs))
	for i := range r.attrs {
		for n, cpu := range cpus {
			for _, task := range tasks {
				if err := r.openOne(events, i, n, cpu, task); err != nil {
					return err
				}
			}
		}
		if len(r.rings) < len(cpus) {
			return fmt.Errorf("process %d has ended", r.session.PID)
		}
	}
	return nil
}

// tasks are whose events are recorded: everybody's, or each thread's of a process.
// What a thread starts is recorded with it, what runs beside it is not.
func (r *recorder) tasks() ([]int, error) {
	if r.session.PID <= 0 {
		return []int{-1}, nil
	}
	dir := fmt.Sprintf("proc/%d/task", r.session.PID)
	list, err := fs.ReadDir(r.engine.Root, dir)
	if err != nil {
		return nil, fmt.Errorf("threads of process %d: %w", r.session.PID, err)
	}
	var tasks []int
	for _, t := range list {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			tasks = append(tasks, tid)
		}
	}
	return tasks, nil
}

// openOne opens event i of a task on a CPU, the n-th. The first one of a CPU has
// its ring, the others write into it.
func (r *recorder) openOne(events []probe.Event, i, n, cpu, task int) error {
	fd, err := unix.PerfEventOpen(&r.attrs[i], task, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if errors.Is(err, unix.EINVAL) && i == len(r.attrs)-1 {
		// Kernels before 5.12 have no build IDs in their records,
		// before 5.1 no symbols of BPF.
		r.attrs[i].Bits &^= bitBuildID | bitKsymbol | bitBPFEvent
		fd, err = unix.PerfEventOpen(&r.attrs[i], task, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	}
	if errors.Is(err, unix.ESRCH) && task > 0 {
		return nil // a thread that has ended meanwhile
	}
	if errors.Is(err, unix.EMFILE) {
		return fmt.Errorf("%s: %w: each thread needs a file for each CPU and event; raise the limit (ulimit -n), or record all tasks", r.names[i], err)
	}
	if err != nil {
		return explain(r.names[i], err)
	}
	if i == len(r.attrs)-1 {
		r.tracking = append(r.tracking, fd)
	} else {
		r.sampling = append(r.sampling, fd)
	}
	if i < len(events) && events[i].Filter != "" {
		if err := setFilter(fd, events[i].Filter); err != nil {
			return fmt.Errorf("filter of %s: %w", r.names[i], err)
		}
	}
	id, err := eventID(fd)
	if err != nil {
		return err
	}
	r.ids[i] = append(r.ids[i], id)
	if n < len(r.rings) {
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_OUTPUT, r.rings[n].fd); err != nil {
			return fmt.Errorf("join the buffers of CPU %d: %w", cpu, err)
		}
		return nil
	}
	mem, err := unix.Mmap(fd, 0, (1+ringPages)*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map the buffer of CPU %d: %w: raise /proc/sys/kernel/perf_event_mlock_kb or run it as root", cpu, err)
	}
	r.rings = append(r.rings, &ring{mem: mem, fd: fd})
	return nil
}

func eventID(fd int) (uint64, error) {
	var id uint64
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.PERF_EVENT_IOC_ID, uintptr(unsafe.Pointer(&id))); errno != 0 {
		return 0, fmt.Errorf("number of an event: %w", errno)
	}
	return id, nil
}

func setFilter(fd int, text string) error {
	b, err := unix.BytePtrFromString(text)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.PERF_EVENT_IOC_SET_FILTER, uintptr(unsafe.Pointer(b)))
	runtime.KeepAlive(b)
	if errno != 0 {
		return fmt.Errorf("%w: the kernel does not take %q", errno, text)
	}
	return nil
}

func (r *recorder) close() error {
	var errs []error
	for _, b := range r.rings {
		errs = append(errs, unix.Munmap(b.mem))
	}
	for _, fd := range slices.Concat(r.sampling, r.tracking) {
		errs = append(errs, unix.Close(fd))
	}
	return errors.Join(errs...)
}

// drain empties the rings until ctx ends.
func (r *recorder) drain(ctx context.Context, begin time.Time) error {
	fds := make([]unix.PollFd, len(r.rings))
	for i, b := range r.rings {
		fds[i] = unix.PollFd{Fd: int32(b.fd), Events: unix.POLLIN}
	}
	for ctx.Err() == nil {
		wait := 200 * time.Millisecond
		if deadline, ok := ctx.Deadline(); ok {
			wait = min(wait, max(0, time.Until(deadline)))
		}
		if _, err := unix.Poll(fds, int(wait.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for events: %w", err)
		}
		if err := r.round(); err != nil {
			return err
		}
		if r.session.Progress != nil {
			r.at.Elapsed, r.at.Bytes = time.Since(begin), r.file.n
			r.session.Progress(r.at)
		}
	}
	return nil
}

// round empties every ring once.
func (r *recorder) round() error {
	before := r.file.n
	for _, b := range r.rings {
		if err := r.empty(b); err != nil {
			return err
		}
	}
	if r.file.n == before {
		return nil
	}
	return r.file.record(recordFinishedRound, 0, nil)
}

// Where the page in front of a ring has the positions of its writer and reader.
const (
	headOffset = 1024
	tailOffset = 1032
)

// empty copies what is between a ring's tail and head.
func (r *recorder) empty(b *ring) error {
	head := atomic.LoadUint64((*uint64)(unsafe.Pointer(&b.mem[headOffset])))
	tailAt := (*uint64)(unsafe.Pointer(&b.mem[tailOffset]))
	tail := atomic.LoadUint64(tailAt)
	if head == tail {
		return nil
	}
	data := b.mem[pageSize:]
	from, to := tail%uint64(len(data)), head%uint64(len(data))
	parts := [][]byte{data[from:]}
	if from < to {
		parts[0] = data[from:to]
	} else {
		parts = append(parts, data[:to])
	}
	r.count(parts)
	for _, p := range parts {
		if err := r.file.write(p); err != nil {
			return err
		}
	}
	atomic.StoreUint64(tailAt, head)
	return nil
}

// count walks the records, which may be cut by the ring's end.
func (r *recorder) count(parts [][]byte) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	at := func(i int) byte {
		if i < len(parts[0]) {
			return parts[0][i]
		}
		return parts[1][i-len(parts[0])]
	}
	word := func(i, n int) uint64 {
		var b [8]byte
		for k := range n {
			b[k] = at(i + k)
		}
		return native.Uint64(b[:])
	}
	for i := 0; i+8 <= size; {
		n := int(word(i+6, 2))
		if n < 8 {
			return
		}
		switch word(i, 4) {
		case recordSample:
			r.at.Events++
		case recordLost:
			if i+24 <= size {
				r.at.Lost += word(i+16, 8)
			}
		case recordLostSamples:
			if i+16 <= size {
				r.at.Lost += word(i+8, 8)
			}
		}
		i += n
	}
}

// online returns the CPUs that can be recorded.
func online(root fs.FS) ([]int, error) {
	b, err := fs.ReadFile(root, "sys/devices/system/cpu/online")
	if err != nil {
		return nil, fmt.Errorf("which CPUs are online: %w", err)
	}
	var cpus []int
	for part := range strings.SplitSeq(strings.TrimSpace(string(b)), ",") {
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("which CPUs are online: %w", err)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}
