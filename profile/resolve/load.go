package resolve

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"io"
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

// Kernel finds the kernel's functions.
type Kernel interface {
	// Find returns the function at an address and its module, "" for the kernel
	// itself.
	Find(addr uint64) (name, module string, ok bool)
}

// Options say how a profile is made. Every field may be left out.
type Options struct {
	Limits profile.Limits
	// Open opens the object that was mapped from path with this build ID,
	// hexadecimal, "" where none was recorded.
	Open func(path, buildID string) (File, error)
	// Kernel gives the functions of the kernel with this release and build ID.
	Kernel func(release, buildID string) (Kernel, error)
	// PerfMap opens what a runtime wrote of the code that it made,
	// /tmp/perf-PID.map.
	PerfMap func(pid int32) (io.ReadCloser, error)
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

// frameRef is a frame that was made already.
type frameRef struct {
	frame profile.FrameID
	known bool
}

// A loader makes a profile.
type loader struct {
	opt     Options
	f       *perfdata.File
	b       *profile.Builder
	tasks   *tasks
	objects map[string]*object
	ids     map[string]string // build IDs of the header, by path
	kernel  Kernel
	kframes map[uint64]profile.FrameID
	bpf     []perfdata.Ksymbol
	events  []int // of the profile, by attribute
	labels  map[labelKey]profile.LabelID
	cgroups map[uint64]string
	seed    maphash.Seed
	stacks  map[stackKey]profile.StackID
	chain   []profile.FrameID
	anon    *object
	missing map[string]bool
	values  map[uint64]uint64
	sched   *sched
}

type labelKey struct {
	attr     int
	pid, tid int32
	cpu      int32
	comm     string
	cgroup   uint64
}

type stackKey struct {
	hash  uint64
	space int
}

// maxStacks bounds the stacks that are remembered by their addresses.
const maxStacks = 1 << 18

// Load makes a profile of a recording. What was read before an error is
// returned with it.
func Load(ctx context.Context, f *perfdata.File, opt Options) (*profile.Profile, error) {
	l := &loader{
		opt: opt, f: f, b: profile.NewBuilder(opt.Limits), tasks: newTasks(),
		objects: map[string]*object{}, ids: map[string]string{}, kframes: map[uint64]profile.FrameID{},
		labels: map[labelKey]profile.LabelID{}, cgroups: map[uint64]string{}, seed: maphash.MakeSeed(),
		stacks: map[stackKey]profile.StackID{}, missing: map[string]bool{}, values: map[uint64]uint64{},
		anon: &object{module: "//anon", opened: true, frames: map[uint64]frameRef{}},
	}
	var kernelID string
	for _, id := range f.BuildIDs {
		l.ids[id.Path] = id.ID
		if id.Path == "[kernel.kallsyms]" {
			kernelID = id.ID
		}
	}
	if opt.Kernel != nil {
		k, err := opt.Kernel(f.Release, kernelID)
		if err != nil {
			l.b.Warn("functions of the kernel have no names: " + err.Error())
		}
		l.kernel = k
	}
	if opt.Kind != Samples {
		if err := l.scheduling(); err != nil {
			return nil, err
		}
	}
	n := 0
	var failed error
	for r, err := range f.Records() {
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
	l.finish(kernelID)
	return l.b.Profile(), failed
}

func (l *loader) finish(kernelID string) {
	l.b.Source(profile.Source{
		Format: "perf.data", Hostname: l.f.Hostname, Release: l.f.Release, Arch: l.f.Arch, KernelBuildID: kernelID,
		CPUs: l.f.CPUs, Command: strings.Join(l.f.Command, " "),
	})
	if l.sched != nil && l.sched.unseen > 0 {
		l.b.Lost(profile.Loss{What: "switches to a task; its absence ends where it is seen next", Count: l.sched.unseen})
	}
	for _, x := range l.f.Losses() {
		l.b.Lost(profile.Loss{What: x.What, Count: x.Count})
	}
	for _, w := range l.f.Warnings {
		l.b.Warn(w)
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
			l.tasks.comms[c.TID] = c.Name
		}
	case perfdata.RecordFork:
		if t, ok := l.f.Task(r); ok {
			l.tasks.fork(t.PID, t.ParentPID, t.TID, t.ParentTID)
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
	if !ok || m.Kernel || m.HasProtections && !m.Exec {
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
	l.tasks.mmap(m.PID, mapping{start: m.Start, end: end, off: m.Offset, obj: l.object(m.Path, id)})
}

// object returns the object of a path and build ID.
func (l *loader) object(path, id string) *object {
	if special(path) && path != "[vdso]" {
		if strings.HasPrefix(path, "[") {
			return l.named(path)
		}
		return l.anon
	}
	key := path + "\x00" + id
	o := l.objects[key]
	if o == nil {
		o = &object{path: path, module: path, buildID: id, frames: map[uint64]frameRef{}}
		l.objects[key] = o
	}
	return o
}

// named returns an object without a file, such as "[heap]".
func (l *loader) named(name string) *object {
	o := l.objects[name]
	if o == nil {
		o = &object{module: name, opened: true, frames: map[uint64]frameRef{}}
		l.objects[name] = o
	}
	return o
}

// open reads the symbols of an object, once.
func (l *loader) open(o *object) {
	if o.opened {
		return
	}
	o.opened = true
	if l.opt.Open == nil {
		return
	}
	file, err := l.opt.Open(o.path, o.buildID)
	if err != nil {
		l.unnamed(o, err.Error())
		return
	}
	defer file.Close()
	if o.buildID != "" {
		if id := elfBuildID(file); id != "" && !sameID(id, o.buildID) {
			l.unnamed(o, "the file that is here is another build: its build ID is "+id+", recorded was "+o.buildID)
			return
		}
	}
	loads, t, err := readELF(file)
	if err != nil {
		l.unnamed(o, err.Error())
		return
	}
	o.loads, o.table = loads, t
}

// sameID compares build IDs; one may be filled up with zeros to 20 bytes.
func sameID(a, b string) bool { return strings.TrimRight(a, "0") == strings.TrimRight(b, "0") }

func (l *loader) unnamed(o *object, why string) {
	if !l.missing[o.path] {
		l.missing[o.path] = true
		l.b.Warn(fmt.Sprintf("functions of %s have no names: %s", o.path, why))
	}
}

func (l *loader) ksymbol(k perfdata.Ksymbol) {
	l.bpf = slices.DeleteFunc(l.bpf, func(x perfdata.Ksymbol) bool { return x.Addr == k.Addr })
	if !k.Removed {
		l.bpf = append(l.bpf, k)
		for a := range l.kframes {
			if a >= k.Addr && a < k.Addr+uint64(k.Len) {
				delete(l.kframes, a)
			}
		}
	}
}

// kernelFrame returns the frame of an address in the kernel.
func (l *loader) kernelFrame(addr uint64, kind profile.Kind) profile.FrameID {
	if kind == profile.Kernel {
		if id, ok := l.kframes[addr]; ok {
			return id
		}
	}
	f := profile.Frame{Kind: kind, Module: "[kernel.kallsyms]"}
	if kind != profile.Kernel {
		f.Module = "[guest.kernel.kallsyms]"
		f.Addr = addr
		return l.b.Frame(f)
	}
	named := false
	for _, k := range l.bpf {
		if addr >= k.Addr && addr-k.Addr < uint64(k.Len) {
			f.Func, f.Module, named = k.Name, "[bpf]", true
		}
	}
	if !named && l.kernel != nil {
		if name, module, ok := l.kernel.Find(addr); ok {
			f.Func, named = name, true
			if module != "" {
				f.Module = "[" + module + "]"
			}
		}
	}
	if !named {
		f.Addr = addr
	}
	id := l.b.Frame(f)
	l.kframes[addr] = id
	return id
}

// userFrame returns the frame of an address in a process.
func (l *loader) userFrame(s *space, pid int32, addr uint64, kind profile.Kind) profile.FrameID {
	m := s.find(addr)
	if m == nil || kind == profile.GuestUser {
		return l.b.Frame(profile.Frame{Kind: kind, Addr: addr})
	}
	o := m.obj
	if o == l.anon {
		if p := l.perfMap(pid); p != nil {
			o = p
		}
	}
	off := addr
	if o.path != "" {
		off = addr - m.start + m.off
	}
	if ref := o.frames[off]; ref.known {
		return ref.frame
	}
	l.open(o)
	f := profile.Frame{Kind: kind, Module: o.module}
	at := off
	if o.path != "" {
		at = o.address(off)
	}
	if s, ok := o.table.find(at); ok {
		f.Func = s.name
	} else {
		f.Addr = at
	}
	id := l.b.Frame(f)
	o.frames[off] = frameRef{id, true}
	return id
}

// perfMap reads what a runtime says of its code.
func (l *loader) perfMap(pid int32) *object {
	name := "/tmp/perf-" + strconv.Itoa(int(pid)) + ".map"
	if o, ok := l.objects[name]; ok {
		return o
	}
	l.objects[name] = nil
	if l.opt.PerfMap == nil {
		return nil
	}
	r, err := l.opt.PerfMap(pid)
	if err != nil {
		return nil
	}
	defer r.Close()
	var list []candidate
	in := bufio.NewScanner(io.LimitReader(r, maxEmbedded))
	for in.Scan() {
		part := strings.SplitN(in.Text(), " ", 3)
		if len(part) < 3 {
			continue
		}
		addr, err1 := strconv.ParseUint(strings.TrimPrefix(part[0], "0x"), 16, 64)
		size, err2 := strconv.ParseUint(strings.TrimPrefix(part[1], "0x"), 16, 64)
		if err1 == nil && err2 == nil {
			list = append(list, candidate{addr: addr, size: size, name: part[2], global: true})
		}
	}
	o := &object{module: name, opened: true, table: newTable(list), frames: map[uint64]frameRef{}}
	l.objects[name] = o
	return o
}

// stack returns the stack of a sample.
func (l *loader) stack(r *perfdata.Record) profile.StackID {
	s := l.tasks.proc(r.PID).space
	var h maphash.Hash
	h.SetSeed(l.seed)
	maphash.WriteComparable(&h, r.IP)
	maphash.WriteComparable(&h, r.Misc&perfdata.MiscCPUMode)
	for _, ip := range r.Callchain {
		maphash.WriteComparable(&h, ip)
	}
	key := stackKey{h.Sum64(), s.version}
	if id, ok := l.stacks[key]; ok {
		return id
	}
	l.frames(s, r)
	var id profile.StackID
	for _, f := range slices.Backward(l.chain) {
		id = l.b.Push(id, f)
	}
	if len(l.stacks) >= maxStacks {
		clear(l.stacks)
	}
	l.stacks[key] = id
	return id
}

var modes = map[uint16]profile.Kind{
	perfdata.MiscKernel: profile.Kernel, perfdata.MiscUser: profile.User, perfdata.MiscHypervisor: profile.Hypervisor,
	perfdata.MiscGuestKernel: profile.GuestKernel, perfdata.MiscGuestUser: profile.GuestUser,
}

// frames fills l.chain from the leaf to the root.
func (l *loader) frames(s *space, r *perfdata.Record) {
	l.chain = l.chain[:0]
	kind := modes[r.Misc&perfdata.MiscCPUMode]
	add := func(addr uint64) {
		switch kind {
		case profile.Kernel, profile.GuestKernel:
			l.chain = append(l.chain, l.kernelFrame(addr, kind))
		case profile.Hypervisor:
			l.chain = append(l.chain, l.b.Frame(profile.Frame{Kind: kind, Module: "[hypervisor]", Addr: addr}))
		default:
			l.chain = append(l.chain, l.userFrame(s, r.PID, addr, kind))
		}
	}
	for _, ip := range r.Callchain {
		if ip < perfdata.ContextMax {
			add(ip)
			continue
		}
		switch ip {
		case perfdata.ContextKernel:
			kind = profile.Kernel
		case perfdata.ContextUser:
			kind = profile.User
		case perfdata.ContextHypervisor:
			kind = profile.Hypervisor
		case perfdata.ContextGuestKernel, perfdata.ContextGuest:
			kind = profile.GuestKernel
		case perfdata.ContextGuestUser:
			kind = profile.GuestUser
		}
	}
	if len(l.chain) == 0 && r.IP != 0 {
		add(r.IP)
	}
}

// label returns the labels of a sample.
func (l *loader) label(r *perfdata.Record, attr int) profile.LabelID {
	comm, ok := l.tasks.comms[r.TID]
	if !ok {
		comm = ":" + strconv.Itoa(int(r.TID))
	}
	key := labelKey{attr, r.PID, r.TID, r.CPU, comm, r.Cgroup}
	if id, ok := l.labels[key]; ok {
		return id
	}
	id := l.b.Label(profile.Labels{Event: l.event(attr), Comm: comm, PID: r.PID, TID: r.TID, CPU: r.CPU, Cgroup: l.cgroups[r.Cgroup]})
	l.labels[key] = id
	return id
}

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
		l.count(r, stack, l.label(r, r.Attr), int64(min(r.Period, 1<<62)))
		return
	}
	for _, m := range r.Members {
		if d := m.Value - l.values[m.ID]; d != 0 {
			l.values[m.ID] = m.Value
			l.count(r, stack, l.label(r, m.Attr), int64(min(d, 1<<62)))
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
