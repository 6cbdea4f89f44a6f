package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"ringside/profile"
	"ringside/profile/perfdata"
)

// A Function is a function of one object with the samples of each of its
// instructions.
type Function struct {
	Name string
	// Module is as frames have it; Path and BuildID are of the object's file.
	Module, Path, BuildID string
	Kernel                bool
	// Addr is where the function begins, as its file counts addresses; of the
	// kernel's, where it was in memory.
	Addr uint64
	Size uint64
	// Code are its bytes; nil where the file is not at hand, or of the kernel.
	Code []byte
	// Hits are the samples, by offset.
	Hits []Hit
	// Count and Weight are their sums.
	Count, Weight int64
}

// A Hit is how often an instruction was sampled.
type Hit struct {
	Offset uint64 // in the function
	Count  int64
	Weight int64
}

// maxFunction bounds the code of a function that is read.
const maxFunction = 4 << 20

// A watch counts the samples of one function by address.
type watch struct {
	name    string
	attr    func(attr int) bool
	is      map[profile.FrameID]bool
	objects map[watched]*Function
	at      map[watched]map[uint64]*Hit
	order   []watched
}

// watched is one function of an object; several of one name are several.
type watched struct {
	o     *object // nil: the kernel
	start uint64
}

// Annotate counts the samples of a function by instruction: of the events whose
// attribute want takes. The samples are those in which it was what ran. Functions
// of one name in several objects are all returned, the heaviest first.
func Annotate(ctx context.Context, f *perfdata.File, opt Options, name string, want func(attr int) bool) ([]Function, *profile.Profile, error) {
	opt.Lines = nil // a sample belongs to the function that has the code
	l := newLoader(f, opt)
	l.watch = &watch{name: name, attr: want, is: map[profile.FrameID]bool{}, objects: map[watched]*Function{}, at: map[watched]map[uint64]*Hit{}}
	err := l.load(ctx)
	p := l.b.Profile()
	if err != nil && errors.Is(err, ctx.Err()) {
		return nil, p, err
	}
	var list []Function
	for _, k := range l.watch.order {
		fn := l.watch.objects[k]
		for _, h := range l.watch.at[k] {
			fn.Hits = append(fn.Hits, *h)
			fn.Count += h.Count
			fn.Weight += h.Weight
		}
		slices.SortFunc(fn.Hits, func(a, b Hit) int { return cmp.Compare(a.Offset, b.Offset) })
		if k.o != nil {
			l.code(k.o, k.start, fn)
		}
		list = append(list, *fn)
	}
	slices.SortStableFunc(list, func(a, b Function) int { return cmp.Compare(b.Weight, a.Weight) })
	return list, p, err
}

// code reads the bytes of a function that begins at an offset of an object.
func (l *loader) code(o *object, start uint64, fn *Function) {
	fn.Addr = o.loads.address(start)
	if l.opt.Open == nil || fn.Size == 0 || fn.Size > maxFunction {
		return
	}
	file, err := l.opt.Open(o.path, o.buildID)
	if err != nil {
		return
	}
	defer file.Close()
	if id := elfBuildID(file); o.buildID != "" && id != "" && !sameID(id, o.buildID) {
		return // another build's bytes look right and are wrong
	}
	b := make([]byte, fn.Size)
	n, err := file.ReadAt(b, int64(start))
	if err != nil && !errors.Is(err, io.EOF) {
		l.b.Warn(fmt.Sprintf("the code of %s: %v", fn.Name, err))
		return
	}
	fn.Code = b[:n]
}

// sample counts a sample if its innermost function is the one.
func (w *watch) sample(l *loader, r *perfdata.Record, attr int, weight int64) {
	if !w.attr(attr) {
		return
	}
	addr, kind := r.IP, modes[r.Misc&perfdata.MiscCPUMode]
	if addr == 0 || kind != profile.Kernel && kind != profile.User {
		return
	}
	p := l.on(r).proc
	id := l.frame(p, addr, kind)
	is, ok := w.is[id]
	if !ok {
		is = l.b.FrameOf(id).Func == w.name
		w.is[id] = is
	}
	if !is {
		return
	}
	k, off, fn := w.find(l, p, addr, kind)
	if fn == nil {
		return
	}
	if w.objects[k] == nil {
		f := l.b.FrameOf(id)
		fn.Name, fn.Module = f.Func, f.Module
		w.objects[k], w.at[k] = fn, map[uint64]*Hit{}
		w.order = append(w.order, k)
	}
	h := w.at[k][off]
	if h == nil {
		h = &Hit{Offset: off}
		w.at[k][off] = h
	}
	h.Count++
	h.Weight += weight
}

// find says where in which function an address is.
func (w *watch) find(l *loader, p *process, addr uint64, kind profile.Kind) (watched, uint64, *Function) {
	if kind == profile.Kernel {
		places, ok := l.kernel.(interface {
			Extent(addr uint64) (start, end uint64, ok bool)
		})
		if !ok {
			return watched{}, 0, nil
		}
		start, end, ok := places.Extent(addr - l.moved)
		if !ok {
			return watched{}, 0, nil
		}
		return watched{start: start}, addr - l.moved - start, &Function{Kernel: true, Addr: start, Size: end - start}
	}
	m := p.space.find(addr)
	if m == nil {
		return watched{}, 0, nil
	}
	off := addr - m.start + m.off
	s, ok := m.obj.table.find(off)
	if !ok {
		return watched{}, 0, nil
	}
	return watched{m.obj, s.addr}, off - s.addr, &Function{Path: m.obj.path, BuildID: m.obj.buildID, Size: s.end - s.addr}
}
