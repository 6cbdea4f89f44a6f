package filter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// RedactOptions say what is written.
type RedactOptions struct {
	Compression Compression
	Workers     int
	Progress    func(done, all uint64)
	Ask         RedactAsk
}

// redactor collects what is to be overwritten, before anything is written.
type redactor struct {
	*job
	ask   RedactAsk
	w     *kernel.Walk
	pages *object.PageArray
	slabs *object.SlabWalk
	// owned are allocated pages of which it is known that the kernel uses them
	// for itself.
	owned  bitmap
	shared bitmap // with devices or user space
	patch  map[uint64][]span
	did    map[string]*Matter
	kept   map[string]*Matter
	undo   []string // what could not be decided
	keys   keySet
	buf    []byte
}

// span is a piece of a page.
type span struct{ from, to uint32 }

// Redact writes k's dump to out without what is somebody's. It fails, before it
// writes anything, where the dump does not say what its pages and objects are.
func Redact(ctx context.Context, k *kernel.Kernel, out io.WriterAt, o RedactOptions) (*Report, error) {
	j, err := newJob(ctx, k, Options{Level: All, Compression: o.Compression, Workers: o.Workers, Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	r := &redactor{job: j, ask: o.Ask, patch: map[uint64][]span{}, did: map[string]*Matter{}, kept: map[string]*Matter{}}
	if err := r.decide(); err != nil {
		return nil, fmt.Errorf("nothing was written, since it cannot be told what is to be taken out: %w", err)
	}
	j.change = r.overwrite
	report, err := j.write(out)
	if err != nil {
		return nil, err
	}
	report.Redacted = r.tell()
	return report, nil
}

// decide finds everything that is to go.
func (r *redactor) decide() (err error) {
	if r.pages, r.w, err = r.pageArray(); err != nil {
		return err
	}
	if r.slabs, err = object.NewSlabWalk(r.w, r.pages); err != nil {
		return err
	}
	r.owned, r.shared = newBitmap(r.frames), newBitmap(r.frames)
	for _, step := range []func() error{
		r.findOwners, r.findShared, r.walkPages, r.redactSockets, r.redactKeys, r.redactMessages, r.redactTerminals, r.redactTasks, r.redactRandom, r.redactLog,
	} {
		if err := step(); err != nil {
			return err
		}
		if err := cmp.Or(r.w.Err(), r.ctx.Err()); err != nil {
			return err
		}
	}
	for pfn := range r.patch {
		r.patch[pfn] = merge(r.patch[pfn])
	}
	if err := r.findCiphers(); err != nil {
		return err
	}
	faults, more := r.w.Faults()
	for _, f := range faults {
		r.undecided("%s at %#x: %s", f.Path, f.Addr, f.Text)
	}
	if more > 0 {
		r.undecided("%d more structures could not be read", more)
	}
	return nil
}

// walkPages drops every page that is not known to be the kernel's own, and what
// free objects still hold of the time when they were used.
func (r *redactor) walkPages() error {
	var foreign []object.PageRun
	for pfn, n := range r.ram.runs(r.frames + 1) {
		for run := range r.pages.Runs(pfn, pfn+n) {
			switch run.State {
			case object.PageSlab:
				for slab := range r.slabs.Slabs(run) {
					r.freeObjects(slab)
				}
			case object.PageTable, object.PageReserved, object.PageKmalloc:
				r.dropShared(run)
			case object.PageKernel:
				r.unexplained(run)
			case object.PageUnknown:
				r.report.Undescribed += run.N
				r.drop(KindOwnerless, run.PFN, run.PFN+run.N)
			default:
				kind, _ := All.leaves(run)
				r.drop(kind, run.PFN, run.PFN+run.N)
			}
			if run.State == object.PageForeign {
				foreign = append(foreign, run)
			}
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
	for _, run := range foreign {
		r.ram.clearRange(run.PFN, run.PFN+run.N)
	}
	r.shrink()
	if r.slabs.Broken > 0 {
		r.undecided("of %d slabs the list of free objects is broken or not in the dump: free objects in them were kept", r.slabs.Broken)
	}
	if r.slabs.Lost > 0 {
		r.undecided("%d arrays of free objects are not in the dump: the objects in them were kept", r.slabs.Lost)
	}
	return nil
}

// dropShared drops those pages of a run that devices or user space write to.
func (r *redactor) dropShared(run object.PageRun) {
	for pfn := run.PFN; pfn < run.PFN+run.N; pfn++ {
		if r.shared.has(pfn) {
			r.drop(KindShared, pfn, pfn+1)
		}
	}
}

func (r *redactor) unexplained(run object.PageRun) {
	for pfn := run.PFN; pfn < run.PFN+run.N; pfn++ {
		switch {
		case r.shared.has(pfn):
			r.drop(KindShared, pfn, pfn+1)
		case r.owned.has(pfn):
		case r.ask.KeepUnexplained:
			r.keepMatter("allocated pages that nobody claims", "buffers of pipes, networks and drivers", 1, uint64(r.size))
		default:
			r.drop(KindOwnerless, pfn, pfn+1)
		}
	}
}

// freeObjects overwrites what is left of objects that were freed, without the
// links between them.
func (r *redactor) freeObjects(s object.Slab) {
	ptr := uint64(r.k.PtrSize())
	for i := range s.Objects {
		if !s.Free(i) {
			continue
		}
		at := s.Object(i)
		if r.blank(at, s, ptr) {
			continue
		}
		if s.Link >= s.ObjectSize {
			r.wipe("free slab objects", at, s.ObjectSize)
			continue
		}
		r.did0("free slab objects", 1, s.ObjectSize-min(ptr, s.ObjectSize))
		r.erase(at, s.Link)
		if s.Link+ptr < s.ObjectSize {
			r.erase(at+s.Link+ptr, s.ObjectSize-s.Link-ptr)
		}
	}
}

// blank reports whether the kernel has overwritten a free object itself: with
// zeros, or with what its debugging looks for, which is left as it is for those
// who look for it too.
func (r *redactor) blank(at uint64, s object.Slab, ptr uint64) bool {
	if uint64(cap(r.buf)) < s.ObjectSize {
		r.buf = make([]byte, s.ObjectSize)
	}
	b := r.buf[:s.ObjectSize]
	if r.w.Read(b, at) != nil {
		return false
	}
	if s.Link < s.ObjectSize {
		clear(b[s.Link:min(s.Link+ptr, s.ObjectSize)])
	}
	const free, end, inactive = 0x6b, 0xa5, 0x5a // include/linux/poison.h
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 && c != free && c != end && c != inactive })
}

// wipe has memory overwritten.
func (r *redactor) wipe(what string, va, n uint64) bool {
	if n == 0 {
		return true
	}
	if !r.erase(va, n) {
		r.undecided("%s at %#x: its memory cannot be found", what, va)
		return false
	}
	r.did0(what, 1, n)
	return true
}

func (r *redactor) did0(what string, places, n uint64) { add(r.did, what, "", places, n) }

func (r *redactor) keepMatter(what, note string, places, n uint64) {
	add(r.kept, what, note, places, n)
}

func add(to map[string]*Matter, what, note string, places, n uint64) {
	m := to[what]
	if m == nil {
		m = &Matter{What: what, Note: note}
		to[what] = m
	}
	m.Places += places
	m.Bytes += n
}

// erase marks virtual memory page by page. Pages that are not written anyway
// need no mark.
func (r *redactor) erase(va, n uint64) bool {
	size := uint64(r.size)
	for n > 0 {
		part := min(n, size-va%size)
		pa, err := r.k.Translate(va)
		if err != nil {
			return false
		}
		if pfn := pa / size; r.keep.has(pfn) {
			from := uint32(pa % size)
			r.patch[pfn] = append(r.patch[pfn], span{from, from + uint32(part)})
		}
		va, n = va+part, n-part
	}
	return true
}

// maxUndecided bounds what a broken dump has to say.
const maxUndecided = 64

func (r *redactor) undecided(format string, args ...any) {
	switch text := fmt.Sprintf(format, args...); {
	case slices.Contains(r.undo, text):
	case len(r.undo) < maxUndecided:
		r.undo = append(r.undo, text)
	case len(r.undo) == maxUndecided:
		r.undo = append(r.undo, "and more")
	}
}

// merge sorts spans and joins those that touch.
func merge(list []span) []span {
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	out := list[:0]
	for _, s := range list {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return slices.Clip(out)
}

// overwrite alters a page on its way out. Several workers call it at once.
func (r *redactor) overwrite(pfn uint64, page []byte) {
	for _, s := range r.patch[pfn] {
		paint(page, s.from, s.to)
	}
	r.keys.overwrite(page)
}

// paint writes the pattern, aligned to the page.
func paint(page []byte, from, to uint32) {
	for i := from; i < to && int(i) < len(page); i++ {
		page[i] = pattern[i%uint32(len(pattern))]
	}
}

// findCiphers goes through what is kept once before it is written: keys are
// known by their schedules, and their copies are elsewhere.
func (r *redactor) findCiphers() error {
	var mu sync.Mutex
	type found struct {
		pfn  uint64
		span span
	}
	var spans []found
	schedules, bytes := uint64(0), uint64(0)
	none := func() (struct{}, error) { return struct{}{}, nil }
	err := each(r.job, none, func(_ struct{}, b *batch) {
		r.read(b)
		in := b.in[:b.n*r.size]
		for at, s := range schedulesIn(in) {
			mu.Lock()
			r.keys.add(s.key)
			schedules++
			bytes += uint64(s.size)
			for from := at; from < at+s.size; {
				to := min(at+s.size, (from/r.size+1)*r.size)
				page := from / r.size
				spans = append(spans, found{b.pfn + uint64(page), span{uint32(from - page*r.size), uint32(to - page*r.size)}})
				from = to
			}
			mu.Unlock()
		}
	}, func(*batch) error { return nil })
	for _, f := range spans {
		r.patch[f.pfn] = merge(append(r.patch[f.pfn], f.span))
	}
	if schedules > 0 {
		r.did0("AES key schedules", schedules, bytes)
	}
	r.keys.freeze()
	return err
}

// tell makes the report.
func (r *redactor) tell() *Redacted {
	if n := r.keys.copies.Load(); n > 0 {
		r.did0("copies of AES keys", n, r.keys.bytes.Load())
	}
	r.standing()
	list := func(m map[string]*Matter) []Matter {
		out := []Matter{}
		for _, what := range slices.Sorted(maps.Keys(m)) {
			out = append(out, *m[what])
		}
		return out
	}
	return &Redacted{Pattern: pattern, Overwritten: list(r.did), Kept: list(r.kept), Undecided: append([]string{}, r.undo...), Options: r.ask}
}

// standing says what is in every redacted dump.
func (r *redactor) standing() {
	for _, m := range []struct{ what, note string }{
		{"names of files, mounts and tasks", "dentries, paths that are being looked up, task names"},
		{"names of the host, its users and containers", "host name, user and group IDs, cgroup paths, namespaces"},
		{"addresses of networks", "sockets, devices, routes, neighbours"},
		{"objects in use of all other slab caches", "small copies of what user space passed to the kernel: paths, arguments of system calls, extended attributes, values of BPF maps"},
		{"vmalloc memory that the kernel keeps for itself", "as above, in larger pieces"},
		{"kernel command line and modules' parameters", "whatever was put there"},
		{"stacks of the kernel", "variables of the system calls that tasks are in"},
		{"keys of other ciphers than AES", "WireGuard, ChaCha20, HMAC of IPsec and TLS are not known by their looks"},
	} {
		r.keepMatter(m.what, m.note, 0, 0)
	}
	if !r.ask.NoLog {
		r.keepMatter("the kernel's log", "whatever drivers, firewalls and processes printed", 0, 0)
	}
	if !r.ask.NoUserRegisters {
		r.keepMatter("registers of user space", "addresses and small values; vector registers are overwritten", 0, 0)
	}
}

var errNoKeys = errors.New("the kernel has keyrings and does not name key_serial_tree: it was built without CONFIG_KALLSYMS_ALL")
