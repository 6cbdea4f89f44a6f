package crash

import (
	"fmt"
	"strings"

	"ringside/klog"
)

// Finish closes what is open and returns the document. The parser must not be
// used afterwards.
func (p *Parser) Finish(st klog.Stats) *Document {
	p.ending = true
	p.closeAll()
	doc := &Document{Schema: SchemaID, Boots: p.boots, Dumps: []Report{}, Notes: p.notes}
	doc.Input = Input{Bytes: st.Bytes, Lines: st.Lines, Records: st.Records, Lost: st.Lost, Clipped: st.Clipped, Transports: map[string]int64{}}
	for t, n := range st.Transports {
		doc.Input.Transports[t.String()] = n
	}
	if doc.Boots == nil {
		doc.Boots = []Boot{}
	}
	if doc.Notes == nil {
		doc.Notes = []Note{}
	}
	defer func() { p.mem.caps = p.caps.c[:0]; p.mem.release() }()
	reports := 0
	for _, b := range p.reports {
		if b.verdict = b.judge(); b.verdict == isReport {
			reports++
		}
	}
	doc.Reports = make([]Report, 0, reports)
	for _, b := range p.reports {
		switch b.verdict {
		case isReport:
			b.finish(p.hardware(b), b.cutOff)
			b.rep.Index = len(doc.Reports)
			doc.Reports = append(doc.Reports, b.rep)
		case isDump:
			b.finish(p.hardware(b), false)
			b.rep.Missing = []string{}
			b.rep.Index = len(doc.Dumps)
			doc.Dumps = append(doc.Dumps, b.rep)
		default:
			p.mem.drop(b)
		}
		p.mem.put(b)
	}
	shareKernel(doc.Reports, doc.Dumps)
	chain(doc.Reports)
	doc.Waits = waitGraphs(doc, p.mem)
	doc.Primary = primary(doc.Reports)
	doc.note(st, p)
	return doc
}

func (d *Document) note(st klog.Stats, p *Parser) {
	end := klog.Span{Start: st.Bytes, End: st.Bytes}
	if st.Lost > 0 {
		d.Notes = append(d.Notes, Note{Text: fmt.Sprintf("%d kernel messages were lost before they reached this log", st.Lost), Span: end})
	}
	if st.Clipped > 0 {
		d.Notes = append(d.Notes, Note{Text: fmt.Sprintf("%d lines were too long and have been cut", st.Clipped), Span: end})
	}
	if p.dropped > 0 {
		d.Notes = append(d.Notes, Note{Text: fmt.Sprintf("%d further reports were found and not kept", p.dropped), Span: end})
	}
	if p.lostBoots > 0 {
		d.Notes = append(d.Notes, Note{Text: fmt.Sprintf("%d further boots are not described", p.lostBoots), Span: end})
	}
	if p.room.full() {
		d.Notes = append(d.Notes, Note{Text: "the reports are so many and so large that not all of their frames and evidence were kept", Span: end})
	}
	for i := range d.Reports {
		r := &d.Reports[i]
		for _, m := range r.Missing {
			if text, ok := missingText[m]; ok {
				d.Notes = append(d.Notes, Note{Text: fmt.Sprintf("report %d: %s", i+1, text), Line: r.Lines.First, Span: r.Span})
			}
		}
	}
}

// missingText explains the words of Report.Missing.
var missingText = map[string]string{
	"head":        "its first lines are missing, so its kind is inferred from its stack",
	"stack":       "the kernel prints a stack with it and there is none",
	"frames":      "its stack breaks off, or has no entry that the unwinder vouches for, before it shows who is to blame",
	"end":         "the log ends in the middle of it",
	"records":     "messages were lost within it",
	"interleaved": "another report's lines stand between its own, and the log has no caller IDs to tell them apart for certain",
}

// hardware is what the boot that b is of says about its machine.
func (p *Parser) hardware(b *builder) string {
	if b.bootAt < 0 {
		return ""
	}
	return p.boots[b.bootAt].Hardware
}

type verdict int

const (
	isNothing verdict = iota
	isReport
	isDump
)

// judge decides whether what was read is a report, a stack that somebody asked
// for, or nothing.
func (b *builder) judge() verdict {
	frames := 0
	for i := range b.rep.Frames {
		if f := &b.rep.Frames[i]; f.Reliable && f.Function != "" {
			frames++
		}
	}
	switch {
	case b.dump:
		return isDump
	case !b.bare:
		return isReport
	case b.cut && frames > 0, b.seen.end && frames > 0, b.pc != nil && b.seen.regs, b.implied != KindNone && frames > 0:
		return isReport
	case (b.atStart || b.lost > 0) && frames > 1 && (b.inferred() != KindUnknown || b.seen.cpu && len(b.rep.Stacks) > 0):
		// dump_stack() prints such stacks too; what a report's own functions
		// are on is none of those.
		return isReport
	case frames > 1:
		return isDump
	}
	return isNothing
}

// finish completes the report from what was read.
func (b *builder) finish(hardware string, open bool) {
	r := &b.rep
	if b.bare && !b.dump {
		r.Kind = b.inferred()
	}
	refine(b)
	r.Class = r.Kind.Class()
	b.untangle()
	if r.Hardware == "" {
		r.Hardware = hardware
	}
	if r.Taint == nil {
		r.Taint = []string{}
	}
	if r.Arch == "" {
		r.Arch = archOf(r.Kernel, "")
	}
	b.oncePC()
	r.waiting()
	r.Guilty = b.chooseGuilty()
	b.guiltyFile()
	if r.Guilty != nil {
		b.guiltyEvidence()
	}
	r.Candidates = b.candidates(r.Guilty)
	r.Missing = b.missing(open)
	r.Title = title(r)
	if r.Headline == "" {
		r.Headline = r.Title
	}
	r.Signature = b.sign()
	r.Confidence = b.confidence()
	b.mem.detach(r)
}

// refine corrects a kind by what the rest of the report says.
func refine(b *builder) {
	r := &b.rep
	switch {
	case r.Kind == KindWarning && strings.HasSuffix(b.file, "lib/refcount.c"):
		r.Kind = KindRefcount
	case r.Kind == KindWarning && strings.HasSuffix(b.file, "lib/debugobjects.c"):
		r.Kind = KindODebug
	case r.Kind == KindWarning && strings.HasSuffix(b.file, "lib/kobject.c"):
		r.Kind = KindKobject
	case r.Kind == KindWarning && strings.HasSuffix(b.file, "lib/ref_tracker.c"):
		r.Kind = KindRefTracker
	case r.Kind == KindWarning && strings.HasSuffix(b.file, "kernel/locking/lockdep.c"):
		r.Kind = KindLockdep
	case r.Kind == KindBug && strings.HasSuffix(b.file, "lib/list_debug.c"):
		r.Kind = KindListCorruption
	case (r.Kind == KindBug || r.Kind == KindWarning) && strings.HasSuffix(b.file, "mm/usercopy.c"):
		r.Kind = KindUsercopy
	case r.Kind == KindPageFault && r.Fault != nil && strings.Contains(r.Fault.Reason, "null-ptr-deref"):
		r.Kind = KindNullDeref
	}
}

// guiltyEvidence points "guilty" to the line that it was taken from.
func (b *builder) guiltyEvidence() {
	r := &b.rep
	for i := range r.Evidence {
		if r.Evidence[i].Field == "guilty" && r.Guilty.Why != "" && strings.HasPrefix(r.Guilty.Why, "named") {
			return
		}
	}
	for i := range r.Frames {
		f := &r.Frames[i]
		if baseName(f.Function) == r.Guilty.Function && f.Offset == r.Guilty.Offset && !f.Inline {
			r.Evidence = append(r.Evidence, Evidence{"guilty", "guilty/" + strings.ReplaceAll(r.Guilty.Why, " ", "-"), f.LogLine, f.Span})
			return
		}
	}
}

// missing names the parts that the kernel prints with such a report and that
// are not there.
func (b *builder) missing(open bool) []string {
	r := &b.rep
	m := []string{}
	if b.bare && !b.dump {
		m = append(m, "head")
	}
	alone := b.format != nil && (b.format.Alone || b.format.NoStack)
	switch {
	case alone || !kinds[r.Kind].stack:
	case len(r.Frames) == 0 || onlyPC(r.Frames) && !b.seen.trace:
		m = append(m, "stack")
	case b.broken():
		m = append(m, "frames")
	}
	if r.Class == ClassFault && !b.seen.regs {
		m = append(m, "registers")
	}
	if open && r.Kind.Weight() == WeightOops && !b.seen.end && !r.Panicked && !b.over() {
		m = append(m, "end")
	}
	if b.lost > 0 {
		m = append(m, "records")
	}
	if b.interleaved {
		m = append(m, "interleaved")
	}
	return m
}

// broken reports whether the stack breaks off before anybody is on it who can
// be blamed, or has no entry that the unwinder vouches for.
func (b *builder) broken() bool {
	own, others, last := 0, 0, ""
	for i := range b.rep.Frames {
		f := &b.rep.Frames[i]
		if !f.Reliable || f.Function == "" || f.Context == "pc" {
			continue
		}
		own, last = own+1, f.Function
		if r := sharedNoise().role(f.Function); r != roleReport && r != roleCheck {
			others++
		}
	}
	if own == 0 {
		return !onlyPC(b.rep.Frames)
	}
	return (b.weak || b.rep.Guilty == nil || others == 0) && !atBottom(last)
}

// over reports whether the report has been read to its last part although the
// log ends there: the stack has ended, and something came after it.
func (b *builder) over() bool {
	n := len(b.rep.Frames)
	return n > 0 && (b.rep.Modules != nil && b.seen.trace || atBottom(b.rep.Frames[n-1].Function))
}

// atBottom reports whether stacks begin with function.
func atBottom(function string) bool {
	switch sharedNoise().role(function) {
	case roleEntry, roleDispatch:
		return true
	}
	return false
}

// confidence says how sure it is that the lines are one report and all of it.
func (b *builder) confidence() float64 {
	c := 1.0
	for _, m := range b.rep.Missing {
		switch m {
		case "head":
			c *= 0.5
		case "stack", "frames":
			c *= 0.5
		case "records", "interleaved":
			c *= 0.8
		default:
			c *= 0.9
		}
	}
	if b.rep.Guilty == nil && kinds[b.rep.Kind].stack {
		c *= 0.7
	}
	return c
}

// title names a report so that the same defect gets the same name.
func title(r *Report) string {
	what := string(r.Kind)
	if r.Fault != nil {
		switch r.Kind {
		case KindKASAN, KindKFENCE, KindKMSAN, KindKCSAN:
			what = strings.ToUpper(what) + ": " + r.Fault.Reason
			if a := r.Fault.Access; a != "" && !strings.Contains(what, a) {
				what += " " + a
			}
		case KindUBSAN:
			what = "UBSAN: " + r.Fault.Reason
		case KindPanic:
			what = "panic: " + r.Fault.Reason
		case KindAtomicSleep, KindDeadlock, KindLockdep:
			if r.Fault.Reason != "" {
				what = r.Fault.Reason
			}
		}
	}
	if r.Guilty == nil {
		if what == string(r.Kind) && r.Headline != "" {
			return what + ": " + normalise(r.Headline)
		}
		return what
	}
	t := what + " in " + r.Guilty.Function
	if r.Guilty.Module != "" {
		t += " [" + r.Guilty.Module + "]"
	}
	return t
}
