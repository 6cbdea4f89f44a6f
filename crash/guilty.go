package crash

import (
	"strings"
	"sync"
)

var sharedNoise = sync.OnceValue(buildNoise)

// chooseGuilty picks the function that a report is about and says by which
// rule. The order is: the function that the kernel names, where the program
// counter was, the innermost frame of the stack; and of these the first that is
// not there only on behalf of its caller (noise.go).
func (b *builder) chooseGuilty() *Location {
	n := sharedNoise()
	r := &b.rep
	file, line := b.file, b.fileLine
	if b.named != nil && !n.has(b.named.Function) && !b.hang() {
		g := *b.named
		g.Why = "named in the headline"
		if r.Kind == KindWarning || r.Kind == KindFilesystem {
			g.File, g.Line = file, line
		}
		b.placed(&g)
		return clean(&g)
	}
	frames := r.Frames
	if b.hang() {
		frames = afterInterrupt(frames)
	}
	if r.Class == ClassHang {
		if g := waitsFor(frames); g != nil {
			return g
		}
	}
	if b.hang() || r.Kind == KindStackOverflow && !recursive(frames) {
		if g := operation(frames, n); g != nil {
			b.placed(g)
			return clean(g)
		}
	}
	if b.pc != nil && b.pc.Function == "" && !b.hang() {
		// A jump to nowhere: whoever called it is the first on the stack.
		if f := firstCaller(frames, n); f != nil {
			g := f.location("called an address outside the kernel's code")
			return clean(g)
		}
	}
	if b.detailPC != nil && b.pc == nil && !n.has(b.detailPC.Function) {
		g := *b.detailPC
		g.Why = "instruction pointer of the fault"
		b.placed(&g)
		return clean(&g)
	}
	for i := range frames {
		f := &frames[i]
		if !f.Reliable || f.Inline || f.Function == "" || n.has(f.Function) {
			continue
		}
		why := "innermost frame that is not there on behalf of its caller"
		switch {
		case f.Context == "pc":
			why = "program counter"
		case f.Context == "interrupted":
			why = "program counter when the watchdog looked"
		case i == 0:
			why = "innermost frame"
		}
		g := f.location(why)
		if f.Context == "pc" && g.File == "" && r.Kind == KindBug {
			g.File, g.Line = file, line
		}
		b.placed(g)
		return clean(g)
	}
	// Nothing but infrastructure: say so, and name the least general of it.
	if b.named != nil {
		g := *b.named
		g.Why = "named in the headline; the stack shows nothing more specific"
		if r.Kind == KindWarning {
			g.File, g.Line = file, line
		}
		return clean(&g)
	}
	for _, stop := range []func(group int) bool{
		func(group int) bool { return group == notNoise || group == noiseEntry },
		func(group int) bool { return group != noiseReport },
	} {
		for i := range frames {
			f := &frames[i]
			if f.Reliable && !f.Inline && f.Function != "" && stop(n.group(f.Function)) {
				return clean(f.location("the stack shows only infrastructure"))
			}
		}
	}
	for i := range frames {
		f := &frames[i]
		if f.Function != "" && !f.Inline && !n.has(f.Function) {
			return clean(f.location("only unreliable frames"))
		}
	}
	return nil
}

func (b *builder) hang() bool { return b.rep.Kind.Family() == "stall" }

// placed gives g the file and line of a frame of the same function, if a
// symbolizer put them into the log.
func (b *builder) placed(g *Location) {
	if g.File != "" {
		return
	}
	for i := range b.rep.Frames {
		if f := &b.rep.Frames[i]; f.Function == g.Function && f.File != "" {
			g.File, g.Line = f.File, f.Line
			return
		}
	}
}

func (f *Frame) location(why string) *Location {
	return &Location{Function: f.Function, Offset: f.Offset, Size: f.Size, Module: f.Module, File: f.File, Line: f.Line, Why: why}
}

// clean strips the compiler's suffixes: the guilty function is named as in the
// source. The frame keeps the symbol as printed.
func clean(l *Location) *Location {
	l.Function = baseName(l.Function)
	return l
}

// firstCaller returns the first reliable frame that can be blamed for a call.
func firstCaller(frames []Frame, n *noise) *Frame {
	for i := range frames {
		if f := &frames[i]; f.Reliable && !f.Inline && f.Function != "" && !n.has(f.Function) {
			return f
		}
	}
	return nil
}

// waitsFor returns the wait of the whole system that a stack is in, if it is in
// one: of the reliable frames the first that is such a wait.
func waitsFor(frames []Frame) *Location {
	for i := range frames {
		f := &frames[i]
		if !f.Reliable || f.Inline {
			continue
		}
		for _, w := range waits {
			if strings.HasPrefix(f.Function, w.prefix) {
				l := f.location("what it waits for concerns the whole system, not its caller")
				l.Function = w.name
				return l
			}
		}
	}
	return nil
}

// operation returns the function that the innermost dispatcher on the stack
// called and that has not ended.
func operation(frames []Frame, n *noise) *Location {
	var last *Frame
	for i := range frames {
		f := &frames[i]
		if !f.Reliable || f.Inline || f.Function == "" {
			continue
		}
		name := baseName(f.Function)
		if dispatchers[name] {
			if last != nil {
				return last.location("the operation that does not end")
			}
			continue
		}
		if !n.has(name) {
			last = f
		}
	}
	return nil
}

// recursive reports whether a stack ran out by one function calling itself,
// which then is the one to blame, however deep the call came from.
func recursive(frames []Frame) bool {
	count := map[string]int{}
	for i := range frames {
		if f := &frames[i]; f.Reliable && !f.Inline {
			if count[f.Function]++; count[f.Function] >= 3 {
				return true
			}
		}
	}
	return false
}

// afterInterrupt cuts off what a watchdog's interrupt put on top of the stack
// that it found.
func afterInterrupt(frames []Frame) []Frame {
	if len(frames) > 0 && frames[0].Context == "pc" {
		return frames
	}
	for i := range frames {
		if frames[i].Context == "interrupted" {
			return frames[i:]
		}
	}
	for i := len(frames) - 1; i >= 0; i-- {
		if isInterruptEntry(baseName(frames[i].Function)) && i+1 < len(frames) {
			return frames[i+1:]
		}
	}
	return frames
}

func isInterruptEntry(name string) bool {
	switch name {
	case "asm_sysvec_apic_timer_interrupt", "apic_timer_interrupt", "asm_common_interrupt", "common_interrupt", "ret_from_intr",
		"el1_irq", "el1h_64_irq", "el1h_64_irq_handler", "__irq_svc", "asm_exc_nmi", "end_repeat_nmi", "nmi", "asm_sysvec_call_function_single",
		"asm_sysvec_reschedule_ipi", "asm_sysvec_irq_work", "handle_exception", "ret_from_exception":
		return true
	}
	return false
}
