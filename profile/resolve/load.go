package resolve

import (
	"context"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"ringside/profile"
	"ringside/profile/perfdata"
)

// A File is an object's file. It is closed when its symbols were read.
type File interface {
	io.ReaderAt
	io.Closer
}

// Options say how a profile is made. Every field may be left out.
type Options struct {
	Limits profile.Limits
	// Open opens the object that was mapped from path with this build ID,
	// hexadecimal, "" where none was recorded.
	Open func(path, buildID string) (File, error)
	// Debug opens the debug file of the object with this build ID.
	Debug func(buildID string) (File, error)
	// Kernel gives the functions of the kernel with this release and build ID.
	Kernel func(release, buildID string) (Kernel, error)
	// PerfMap opens what a runtime wrote of the code that it made,
	// /tmp/perf-PID.map.
	PerfMap func(pid int32) (io.ReadCloser, error)
	// Dump opens jit-PID.dump, which a runtime has mapped from path.
	Dump func(path string) (io.ReadCloser, error)
	// Guest is the kernel of the guests, where some were sampled.
	Guest Kernel
	// Lines opens the debug information of an object, or of the kernel, whose path
	// is "[kernel.kallsyms]". If it is set, frames have file and line, and what
	// was inlined has frames of its own.
	Lines func(path, buildID string) (Lines, error)
	// Kind is what is made of scheduling events.
	Kind Kind
	// Sample, if set, is called with every sample, before it is counted.
	Sample func(*perfdata.Record)
}

// Kind is what a profile weighs.
type Kind int

// The kinds of profiles.
const (
	Samples Kind = iota // as they were sampled
	OffCPU              // the time between a task's leaving the CPU and its return, by the stack with which it left
	Wakeup              // the time that a task waited, by the stack that woke it
)

// A loader makes a profile.
type loader struct {
	opt          Options
	f            *perfdata.File
	b            *profile.Builder
	tasks        *tasks
	objects      map[string]*object
	ids          map[string]string // build IDs of the header, by path
	kernel       Kernel
	kernelID     string
	moved        uint64 // how far the kernel lay from where its table has it
	kframes      map[uint64]profile.FrameID
	bpf          []perfdata.Ksymbol
	events       []int // of the profile, by attribute
	cgroups      map[uint64]string
	callers      []slot[profile.StackID] // of call chains without their innermost function
	frames       []slot[profile.FrameID] // of addresses in processes
	places       []slot[profile.FrameID] // of places in objects
	numbered     uint64                  // objects so far
	cpus         [64]cpu
	seed         uint64
	broken       int64 // call chains
	chain        []profile.FrameID
	missing      map[string]bool
	values       map[uint64]uint64
	sched        *sched
	watch        *watch  // nil but for Annotate
	copied       *stacks // nil where none were copied
	groups       []group
	kernelLines  Lines
	nowhere      profile.FrameID // of addresses that are mapped nowhere
	nowhereKnown bool
}

// Load makes a profile of a recording. What was read before an error is
// returned with it.
func Load(ctx context.Context, f *perfdata.File, opt Options) (*profile.Profile, error) {
	l := newLoader(f, opt)
	if opt.Kind != Samples {
		if err := l.scheduling(); err != nil {
			return nil, err
		}
	}
	err := l.load(ctx)
	return l.b.Profile(), err
}

// load takes all records.
func (l *loader) load(ctx context.Context) error {
	n := 0
	var failed error
	for r, err := range l.f.Records() {
		if err != nil {
			failed = err
			break
		}
		if n++; n&0xfff == 0 && ctx.Err() != nil {
			failed = ctx.Err()
			break
		}
		l.record(r)
	}
	l.finish()
	return failed
}

func newLoader(f *perfdata.File, opt Options) *loader {
	l := &loader{
		opt: opt, f: f, tasks: newTasks(),
		objects: map[string]*object{}, ids: map[string]string{}, kframes: map[uint64]profile.FrameID{},
		cgroups: map[uint64]string{}, seed: rand.Uint64(), callers: make([]slot[profile.StackID], cacheSize), frames: make([]slot[profile.FrameID], cacheSize), places: make([]slot[profile.FrameID], cacheSize),
		missing: map[string]bool{}, values: map[uint64]uint64{},
	}
	limits := opt.Limits
	limits.Moved = l.movedStacks
	l.b = profile.NewBuilder(limits)
	for _, id := range f.BuildIDs {
		l.ids[id.Path] = id.ID
		if id.Path == "[kernel.kallsyms]" {
			l.kernelID = id.ID
		}
	}
	if opt.Kernel != nil {
		k, err := opt.Kernel(f.Release, l.kernelID)
		if err != nil {
			l.b.Warn("functions of the kernel have no names: " + err.Error())
		}
		l.kernel = k
	}
	if opt.Lines != nil {
		if x, err := opt.Lines("[kernel.kallsyms]", l.kernelID); err == nil {
			l.kernelLines = x
		}
	}
	l.copies()
	return l
}

func (l *loader) finish() {
	l.b.Source(profile.Source{
		Format: "perf.data", Hostname: l.f.Hostname, Release: l.f.Release, Arch: l.f.Arch, KernelBuildID: l.kernelID,
		CPUs: l.f.CPUs, Command: strings.Join(l.f.Command, " "),
	})
	if l.sched != nil && l.sched.unseen > 0 {
		l.b.Lost(profile.Loss{What: "switches to a task; its absence ends where it is seen next", Count: l.sched.unseen})
	}
	if l.broken > 0 {
		l.b.Lost(profile.Loss{What: "call chains, which are broken: their samples have no stack", Count: l.broken})
	}
	for _, x := range l.f.Losses() {
		l.b.Lost(profile.Loss{What: x.What, Count: x.Count})
	}
	for _, w := range l.f.Warnings {
		l.b.Warn(w)
	}
}

// movedStacks learns that stacks have other numbers now.
func (l *loader) movedStacks(to []profile.StackID) {
	clear(l.callers)
	if l.sched != nil {
		for _, a := range l.sched.off {
			a.stack = to[a.stack]
		}
	}
}

// record takes one record.
func (l *loader) record(r *perfdata.Record) {
	switch r.Type {
	case perfdata.RecordMmap, perfdata.RecordMmap2:
		l.mapped(r)
	case perfdata.RecordComm:
		if c, ok := l.f.Comm(r); ok {
			if c.Exec && c.PID == c.TID {
				l.tasks.exec(c.PID)
			}
			l.tasks.name(c.TID, c.Name)
		}
	case perfdata.RecordFork:
		if t, ok := l.f.Task(r); ok {
			l.tasks.fork(t.PID, t.ParentPID, t.TID, t.ParentTID)
		}
	case perfdata.RecordExit:
		if t, ok := l.f.Task(r); ok && l.tasks.exit(t.PID, t.TID) {
			clear(l.cpus[:])
		}
	case perfdata.RecordKsymbol:
		if k, ok := l.f.Ksymbol(r); ok {
			l.ksymbol(k)
		}
	case perfdata.RecordCgroup:
		if id, path, ok := l.f.Cgroup(r); ok {
			l.cgroups[id] = path
		}
	case perfdata.RecordSample:
		if l.opt.Sample != nil {
			l.opt.Sample(r)
		}
		if l.sched != nil {
			l.sched.sample(l, r)
			return
		}
		l.sample(r)
	}
}

// mapped takes a mapping into its process's space.
func (l *loader) mapped(r *perfdata.Record) {
	m, ok := l.f.Mapping(r)
	if !ok {
		return
	}
	if m.Kernel {
		l.kernelMapped(m)
		return
	}
	if m.HasProtections && !m.Exec {
		return
	}
	if isDump(m.Path) {
		l.openDump(l.tasks.proc(m.PID), m.Path)
		return
	}
	id := hex.EncodeToString([]byte(m.BuildID))
	if id == "" {
		id = l.ids[m.Path]
	}
	end := m.Start + m.Len
	if end < m.Start {
		end = ^uint64(0)
	}
	x := mapping{start: m.Start, end: end, off: m.Offset, obj: l.object(m.PID, m.Path, id)}
	switch {
	case x.obj.jit:
		x.off = m.Start // its symbols have addresses
	case m.Path == vdsoPath:
		x.off = 0
	}
	l.tasks.mmap(m.PID, x)
}

// kernelMapped learns from the mapping of the kernel how far it was moved from
// where its symbols say that it is.
func (l *loader) kernelMapped(m perfdata.Mapping) {
	name, ok := strings.CutPrefix(m.Path, "[kernel.kallsyms]")
	if !ok || l.kernel == nil || name == "" {
		return
	}
	if at, ok := l.kernel.Address(name); ok && m.Offset != 0 {
		l.moved = m.Offset - at
	}
}

func (l *loader) ksymbol(k perfdata.Ksymbol) {
	l.bpf = slices.DeleteFunc(l.bpf, func(x perfdata.Ksymbol) bool { return x.Addr == k.Addr })
	if !k.Removed {
		l.bpf = append(l.bpf, k)
	}
	l.forget()
}

// label returns the labels of a sample.
func (l *loader) label(r *perfdata.Record, attr int) profile.LabelID {
	t := l.on(r).thread
	for i := range t.labels {
		if x := &t.labels[i]; x.cpu == r.CPU && x.attr == attr && x.pid == r.PID && x.cgroup == r.Cgroup {
			return x.id
		}
	}
	comm := t.comm
	if !t.named {
		comm = ":" + strconv.Itoa(int(r.TID))
	}
	id := l.b.Label(profile.Labels{Event: l.event(attr), Comm: comm, PID: r.PID, TID: r.TID, CPU: r.CPU, Cgroup: l.cgroups[r.Cgroup]})
	if len(t.labels) >= maxSeenLabels {
		t.labels = t.labels[:0]
	}
	t.labels = append(t.labels, seenLabel{attr, r.CPU, r.PID, r.Cgroup, id})
	return id
}

// maxSeenLabels bounds the labels that a thread remembers.
const maxSeenLabels = 64

// event returns the profile's event of an attribute; those that have no sample
// are not in the profile.
func (l *loader) event(attr int) int {
	for len(l.events) <= attr {
		l.events = append(l.events, -1)
	}
	if l.events[attr] < 0 {
		a := &l.f.Attrs[attr]
		l.events[attr] = l.b.Event(profile.Event{Name: a.Name, Unit: a.Unit()})
	}
	return l.events[attr]
}

// sample counts a sample, or one for each member of its group whose counter
// has moved.
func (l *loader) sample(r *perfdata.Record) {
	stack := l.stack(r)
	if len(r.Members) == 0 {
		weight := int64(min(r.Period, 1<<62))
		if l.watch != nil {
			l.watch.sample(l, r, r.Attr, weight)
		}
		l.count(r, stack, l.label(r, r.Attr), weight)
		return
	}
	for _, m := range r.Members {
		if d := m.Value - l.values[m.ID]; d != 0 {
			l.values[m.ID] = m.Value
			weight := int64(min(d, 1<<62))
			if l.watch != nil {
				l.watch.sample(l, r, m.Attr, weight)
			}
			l.count(r, stack, l.label(r, m.Attr), weight)
		}
	}
}

func (l *loader) count(r *perfdata.Record, stack profile.StackID, label profile.LabelID, weight int64) {
	if r.Time == 0 {
		l.b.Add(stack, label, 1, weight)
		return
	}
	l.b.AddAt(r.Time, stack, label, 1, weight)
}
