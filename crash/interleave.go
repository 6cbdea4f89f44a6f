package crash

// Two CPUs that complain at the same time write their lines between each other.
// With printk's caller IDs that is undone exactly (stream). Without them there
// is only order: a report prints who was running before its stack, so frames
// that come earlier are another's, and show how the lines alternate.

// maxAliens bounds how many foreign frames a report keeps.
const maxAliens = 64

// alien is a frame that cannot be the report's own.
type alien struct {
	frame  Frame
	record int // ordinal of its record
}

// place is what the stack of a report must come after.
type place uint8

const (
	placeAny     place = iota
	placeHeading       // "Call Trace:"
	placeCPU           // the line that says who was running, then the heading
)

// stackPlace tells where the kernel prints the stack of a kind.
func stackPlace(k Kind) place {
	switch k {
	case KindHungTask, KindOOM, KindAllocFailure, KindRCUStall:
		return placeHeading
	case KindKASAN, KindUBSAN, KindAtomicSleep, KindPreempt, KindSpinlock, KindRCUUsage, KindRefcount, KindListCorruption,
		KindUsercopy, KindFortify, KindODebug, KindKobject, KindBadPage, KindSoftLockup:
		return placeCPU
	}
	switch k.Class() {
	case ClassFault, ClassAssertion:
		return placeCPU
	}
	return placeAny
}

// tooEarly reports whether the report's own stack cannot have begun.
func (b *builder) tooEarly(s *stream) bool {
	if b.rep.Caller != "" || b.bare || b.dump || s.label != "" || s.to != targetMain || b.stage >= stageEnded {
		return false
	}
	switch b.place {
	case placeHeading:
		return !b.seen.trace
	case placeCPU:
		return !b.seen.cpu || !b.seen.trace
	}
	return false
}

// addAlien keeps a frame that came too early.
func (b *builder) addAlien(f Frame, record int) {
	if len(b.aliens) < maxAliens && b.room.take(1) {
		if b.aliens == nil {
			b.aliens = spare(&b.mem.aliens)
		}
		b.aliens = append(b.aliens, alien{f, record})
	}
}

// untangle takes foreign frames out of the main stack. Where the lines of two
// reports alternate strictly, every other frame is foreign; else those are that
// were seen too early to be the report's own.
func (b *builder) untangle() {
	r := &b.rep
	own := 0
	for i := range r.Frames {
		if r.Frames[i].Context != "pc" {
			own++
		}
	}
	if own == 0 {
		// No stack came at the right place: these may be its own after all.
		for _, a := range b.aliens {
			r.Frames = append(r.Frames, a.frame)
		}
		b.aliens = b.aliens[:0]
		return
	}
	if len(b.aliens) < 2 {
		b.aliens = b.aliens[:0]
		return
	}
	foreign := map[string]bool{}
	for _, a := range b.aliens {
		foreign[a.frame.Function] = true
	}
	regular := b.alternates()
	kept := r.Frames[:0]
	for i := range r.Frames {
		f := r.Frames[i]
		switch {
		case f.Context == "pc":
		case regular && int(f.record)%2 != b.traceRecord%2:
			continue
		case !regular && foreign[f.Function]:
			continue
		}
		kept = append(kept, f)
	}
	clear(r.Frames[len(kept):])
	r.Frames = kept
	b.interleaved = true
}

// alternates reports whether the foreign lines stood after each own line.
func (b *builder) alternates() bool {
	even := 0
	for i := 1; i < len(b.aliens); i++ {
		if (b.aliens[i].record-b.aliens[i-1].record)%2 == 0 {
			even++
		}
	}
	if even*10 < (len(b.aliens)-1)*8 {
		return false
	}
	// Then the main stack has a frame on every record, of both parities.
	var own, other int
	for i := range b.rep.Frames {
		f := &b.rep.Frames[i]
		switch {
		case f.Context == "pc":
		case int(f.record)%2 == b.traceRecord%2:
			own++
		default:
			other++
		}
	}
	return own > 0 && other > 0
}
