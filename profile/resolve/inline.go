package resolve

import (
	"ringside/profile"
)

// A Line is one level of what the code at an address came from.
type Line struct {
	Function string // as it is linked
	File     string
	Line     int
	Inline   bool
}

// Lines knows where code came from.
type Lines interface {
	// Lines returns the levels of an address, as the object's file counts it: the
	// innermost inlined call first, the function that has the code last. It returns
	// none where nothing is known.
	Lines(addr uint64) []Line
}

// A group is the frames of one address, the outermost first: a function and what
// was inlined in it. Groups have negative numbers where one frame has its own.
type group []profile.FrameID

// pushRef puts a frame, or a group of them, on top of a stack.
func (l *loader) pushRef(s profile.StackID, ref profile.FrameID) profile.StackID {
	if ref >= 0 {
		return l.b.Push(s, ref)
	}
	for _, f := range l.groups[-ref-1] {
		s = l.b.Push(s, f)
	}
	return s
}

// expand makes the frames of a function and of what was inlined at an address of
// it. f is what is known without.
func (l *loader) expand(f profile.Frame, lines []Line) profile.FrameID {
	if len(lines) == 0 {
		return l.b.Frame(f)
	}
	last := lines[len(lines)-1]
	if f.Func == "" {
		f.Func, f.Addr = pretty(last.Function), 0
	}
	f.File, f.Line = last.File, last.Line
	ids := group{l.b.Frame(f)}
	for i := len(lines) - 2; i >= 0; i-- {
		x := lines[i]
		ids = append(ids, l.b.Frame(profile.Frame{Func: pretty(x.Function), Module: f.Module, Kind: f.Kind, File: x.File, Line: x.Line, Inlined: true}))
	}
	if len(ids) == 1 {
		return ids[0]
	}
	l.groups = append(l.groups, ids)
	return profile.FrameID(-len(l.groups))
}

// linesOf returns what the code at an address of an object came from.
func (l *loader) linesOf(o *object, addr uint64) []Line {
	if l.opt.Lines == nil || o.jit {
		return nil
	}
	if !o.linesAsked {
		o.linesAsked = true
		x, err := l.opt.Lines(o.path, o.buildID)
		if err == nil {
			o.lines = x
		}
	}
	if o.lines == nil {
		return nil
	}
	return o.lines.Lines(addr)
}

// called is what is looked up of an address of a call chain. That of a caller is
// behind its call, which may be another line, or the next function. Names alone
// are looked up as they were recorded, as perf does.
func (l *loader) called(ip uint64, caller bool) uint64 {
	if caller && l.opt.Lines != nil && ip > 0 {
		return ip - 1
	}
	return ip
}
