package crash

import (
	"slices"
	"strings"
	"sync"
)

var sharedNoise = sync.OnceValue(buildNoise)

// chooseGuilty picks the function that a report is about and says by which
// rule. The order is: where a lock was taken that should not be held, the
// function that the kernel names, the operation that does not end, where the
// program counter was, the innermost frame of the stack; and of these the first
// that is not there only on behalf of its caller (noise.go).
func (b *builder) chooseGuilty() *Location {
	r := &b.rep
	v := viewOf(r.Kind)
	if g := b.heldLock(v); g != nil {
		return g
	}
	if b.named != nil && !v.serves(b.named.Function, b.named.Module) && !b.hang() {
		g := *b.named
		g.Why = "named in the headline"
		if r.Kind == KindWarning || r.Kind == KindFilesystem {
			g.File, g.Line = b.file, b.fileLine
		}
		return b.placed(&g)
	}
	frames := r.Frames
	if r.Class == ClassHang {
		if b.hang() {
			frames = afterInterrupt(frames)
		}
		if g := waitsFor(frames); g != nil {
			return b.placed(g)
		}
	}
	if b.hang() || r.Kind == KindStackOverflow && deep(frames) && !recursive(frames) {
		if g := b.stuckIn(frames, v); g != nil {
			return b.placed(g)
		}
	}
	if b.pc != nil && !b.hang() && (b.pc.Function == "" || b.pc.outside() || b.executed()) {
		if g := b.jumped(frames, v); g != nil {
			return b.placed(g)
		}
	}
	if b.detailPC != nil && b.pc == nil && !v.serves(b.detailPC.Function, b.detailPC.Module) {
		g := *b.detailPC
		g.Why = "instruction pointer of the fault"
		return b.placed(&g)
	}
	if g := b.lastCall(v); g != nil && !b.hang() {
		return b.placed(g)
	}
	if f := firstCaller(frames, v); f != nil {
		g := f.location(frameWhy(f, f == &frames[0]))
		if f.Context == "pc" && g.File == "" && r.Kind == KindBug {
			g.File, g.Line = b.file, b.fileLine
		}
		return b.placed(g)
	}
	return b.leastGeneral(frames, v)
}

// frameWhy says why a frame is the one to blame.
func frameWhy(f *Frame, first bool) string {
	switch {
	case f.Context == "pc":
		return "program counter"
	case f.Context == "interrupted":
		return "program counter when the watchdog looked"
	case first:
		return "innermost frame"
	}
	return "innermost frame that is not there on behalf of its caller"
}

// heldLock returns where a lock was taken that must not be held any more.
func (b *builder) heldLock(v view) *Location {
	if b.rep.Kind != KindLockdep || len(b.sites) == 0 || b.format == nil {
		return nil
	}
	switch b.format.Reason {
	case "held lock freed", "still has locks held", "lock held when returning to user space":
		for i := range b.sites {
			if g := b.sites[i]; g.Function != "" {
				g.Why = "took the lock that is still held"
				return b.placed(&g)
			}
		}
	}
	return nil
}

// stuckIn returns the operation that does not end: on the main stack, or where
// that shows nothing on the others that were taken of running tasks.
func (b *builder) stuckIn(frames []Frame, v view) *Location {
	if g := operation(frames, v); g != nil {
		return g
	}
	if firstCaller(frames, v) != nil {
		return nil
	}
	for i := range b.rep.Stacks {
		s := &b.rep.Stacks[i]
		if s.Name == "rcu kthread" {
			continue
		}
		rest := afterInterrupt(s.Frames)
		if g := waitsFor(rest); g != nil {
			return g
		}
		if g := operation(rest, v); g != nil {
			return g
		}
	}
	return nil
}

// leastGeneral names somebody where the stack shows nothing but infrastructure.
func (b *builder) leastGeneral(frames []Frame, v view) *Location {
	b.weak = true
	const why = "the stack shows only infrastructure"
	if len(b.sites) > 0 && b.rep.Class == ClassLocking && !v.serves(b.sites[0].Function, b.sites[0].Module) {
		b.weak = false
		g := b.sites[0]
		g.Why = "takes the lock"
		return b.placed(&g)
	}
	if b.named != nil {
		g := *b.named
		g.Why = "named in the headline; the stack shows nothing more specific"
		if b.rep.Kind == KindWarning {
			g.File, g.Line = b.file, b.fileLine
		}
		return b.placed(&g)
	}
	for _, general := range []func(role) bool{
		func(r role) bool { return r == roleReport || r == roleCheck || r == roleLock || r == roleEntry },
		func(r role) bool { return r == roleReport || r == roleCheck || r == roleEntry },
		func(r role) bool { return r == roleReport || r == roleCheck },
		func(r role) bool { return false },
	} {
		for i := range frames {
			if f := &frames[i]; f.blamable() && !general(v.n.role(f.Function)) {
				return b.placed(f.location(why))
			}
		}
	}
	for i := range frames {
		f := &frames[i]
		if f.Function != "" && !f.Inline && !v.serves(f.Function, f.Module) {
			return b.placed(f.location("only unreliable frames"))
		}
	}
	return nil
}

// maxCandidates is how many functions a report names.
const maxCandidates = 3

// candidates lists who else can be to blame, after guilty, the likeliest first:
// the operation that the kernel was asked for, where the program counter was,
// and who called.
func (b *builder) candidates(guilty *Location) []Location {
	if guilty == nil {
		return nil
	}
	frames, v := b.rep.Frames, viewOf(b.rep.Kind)
	list := append(b.mem.listed[:0], *guilty)
	add := func(l *Location) {
		if l == nil || l.Function == "" || len(list) == maxCandidates {
			return
		}
		l = b.placed(l)
		if !slices.ContainsFunc(list, func(o Location) bool { return PortableName(o.Function) == PortableName(l.Function) }) {
			list = append(list, *l)
		}
	}
	if b.hang() {
		frames = afterInterrupt(frames)
		add(outermost(frames, v))
	}
	if b.named != nil && !v.serves(b.named.Function, b.named.Module) {
		named := *b.named
		named.Why = "named in the headline"
		add(&named)
	}
	if f := firstCaller(frames, v); f != nil {
		add(f.location(frameWhy(f, f == &frames[0])))
	}
	from := slices.IndexFunc(frames, func(f Frame) bool { return f.Reliable && demangleRust(baseName(f.Function)) == guilty.Function })
	for i := from + 1; i < len(frames) && len(list) < maxCandidates; i++ {
		if f := &frames[i]; f.blamable() && !slices.Contains([]role{roleReport, roleCheck, roleEntry}, v.n.role(f.Function)) {
			add(f.location("called it"))
		}
	}
	// Where nobody else is left, the way into the kernel is.
	for i := range frames {
		if f := &frames[i]; len(list) == 1 && f.blamable() && f.Context != "pc" {
			add(f.location("on the stack"))
		}
	}
	b.mem.listed = list
	return slices.Clone(list)
}

// outermost returns the function that the outermost dispatcher on the stack
// called: what the kernel was asked for, whatever it has come to since.
func outermost(frames []Frame, v view) *Location {
	var last, found *Frame
	for i := range frames {
		f := &frames[i]
		if !f.blamable() {
			continue
		}
		switch name := baseName(f.Function); {
		case dispatchers[name]:
			if last != nil {
				found, last = last, nil
			}
		case !v.has(name) && !strings.HasPrefix(PortableName(name), "sys_"):
			last = f
		}
	}
	if found == nil {
		return nil
	}
	return found.location("what the kernel was asked for")
}

func (b *builder) hang() bool { return b.rep.Kind.Family() == "stall" }

// placed completes a choice: the function is named as in the source (the frame
// keeps the symbol as printed), with its file where a symbolizer put one into
// the log.
func (b *builder) placed(g *Location) *Location {
	if g.File == "" {
		for i := range b.rep.Frames {
			if f := &b.rep.Frames[i]; f.Function == g.Function && f.File != "" {
				g.File, g.Line = f.File, f.Line
				break
			}
		}
	}
	g.Function = demangleRust(baseName(g.Function))
	return g
}

func (f *Frame) location(why string) *Location {
	return &Location{Function: f.Function, Offset: f.Offset, Size: f.Size, Module: f.Module, File: f.File, Line: f.Line, Why: why}
}

// jumped returns who jumped to what is no code. Where calls leave their address
// in a register, that is who: the stack begins with that one's caller.
func (b *builder) jumped(frames []Frame, v view) *Location {
	why := "called an address outside the kernel's code"
	if b.executed() {
		why = "called what may not be executed"
	}
	if b.link != nil && !v.serves(b.link.Function, b.link.Module) && !b.link.outside() {
		g := *b.link
		g.Why = why
		return &g
	}
	for len(frames) > 0 && (frames[0].Context == "pc" || frames[0].Function == b.pc.Function) {
		frames = frames[1:]
	}
	if f := firstCaller(frames, v); f != nil {
		return f.location(why)
	}
	// The unwinder could not begin. A call leaves its return address on top of
	// the stack, which is then the first that it guesses.
	for i := range frames {
		if f := &frames[i]; !f.Inline && f.Function != "" && !v.serves(f.Function, f.Module) {
			return f.location(why)
		}
	}
	return nil
}

// lastCall returns who called the primitive that faulted, where calls leave
// their address in a register and that says more than the stack: what calls
// nobody need not have a frame.
func (b *builder) lastCall(v view) *Location {
	if b.link == nil || b.pc == nil || !v.serves(b.pc.Function, b.pc.Module) || b.link.Function == b.pc.Function || b.link.outside() || v.serves(b.link.Function, b.link.Module) {
		return nil
	}
	g := *b.link
	g.Why = "called the function that the program counter was in"
	return &g
}

// executed reports whether the fault was that something was executed.
func (b *builder) executed() bool { return b.rep.Fault != nil && b.rep.Fault.Access == "exec" }

// outside reports whether a location is behind the end of the function that it
// is named after: kallsyms names the last function before it, whatever it is.
func (l *Location) outside() bool { return l.Size > 0 && l.Offset > l.Size }

// blamable reports whether a frame names a function that was really there. A
// return address at the very beginning of a function is the end of the one
// before it, which called what does not return; that one's name is lost.
func (f *Frame) blamable() bool {
	if !f.Reliable || f.Inline || f.Function == "" || f.Size > 0 && f.Offset > f.Size {
		return false
	}
	return f.Offset > 0 || f.Size == 0 || f.Context == "pc" || f.Context == "interrupted"
}

// firstCaller returns the first reliable frame that can be blamed. The search
// ends at the code that runs the work of others: what is below it was only
// interrupted, or handed the work over long ago.
func firstCaller(frames []Frame, v view) *Frame {
	for i := range frames {
		f := &frames[i]
		if !f.blamable() {
			continue
		}
		if !v.serves(f.Function, f.Module) || v.n.role(f.Function) == roleDispatch {
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
func operation(frames []Frame, v view) *Location {
	const why = "the operation that does not end"
	var last *Frame
	for i := range frames {
		f := &frames[i]
		if !f.blamable() {
			continue
		}
		name := baseName(f.Function)
		switch {
		case isCompat(name) && !dispatchers[name]:
			if last == nil {
				last = f
			} else {
				return last.location(why)
			}
		case dispatchers[name]:
			if last != nil {
				return last.location(why)
			}
		case !v.has(name):
			last = f
		}
	}
	return nil
}

// recursive reports whether a stack ran out by one function calling itself,
// which then is the one to blame, however deep the call came from. Where several
// functions call each other in a circle, the operation is.
func recursive(frames []Frame) bool {
	last, count := "", 0
	for i := range frames {
		f := &frames[i]
		switch {
		case !f.blamable():
		case f.Function == last:
			if count++; count >= 3 {
				return true
			}
		default:
			last, count = f.Function, 1
		}
	}
	return false
}

// deepStack is how many reliable frames a stack has at least that can have run
// full by calls. Where one is shorter, the guard page was hit by a bad access.
const deepStack = 16

// deep reports whether a stack can have run full by calls.
func deep(frames []Frame) bool {
	n := 0
	for i := range frames {
		if frames[i].Reliable && !frames[i].Inline {
			n++
		}
	}
	return n >= deepStack
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
	for i := range frames {
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
		"asm_sysvec_call_function", "asm_sysvec_reschedule_ipi", "asm_sysvec_irq_work", "call_function_single_interrupt", "reschedule_interrupt",
		"irq_work_interrupt", "decrementer_common", "decrementer_common_virt", "hardware_interrupt_common", "handle_exception", "ret_from_exception":
		return true
	}
	return strings.HasPrefix(name, "smp_trace_apic_timer_interrupt_entry")
}
