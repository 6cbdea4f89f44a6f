package crash

import (
	"bytes"
	"strconv"

	"ringside/klog"
)

// part handles a structural line. It reports whether the line was used.
func (p *Parser) part(s *stream, part part, rec *klog.Record, text []byte) bool {
	switch part {
	case partBanner:
		if p.boot != nil && (p.boot.Release == "" || p.boot.Version == "") {
			b := parseBanner(text)
			b.Index, b.Span, b.Line, b.Host = p.boot.Index, p.boot.Span, p.boot.Line, p.boot.Host
			b.Cmdline, b.Hardware, b.Evidence = p.boot.Cmdline, p.boot.Hardware, p.boot.Evidence
			*p.boot = b
			for _, f := range []struct{ field, value string }{{"release", b.Release}, {"version", b.Version}, {"compiler", b.Compiler}} {
				p.boot.evidence(f.field, "boot/banner", rec, f.value)
			}
		}
		return true
	case partBootInfo:
		if key, v, ok := bytes.Cut(text, []byte(": ")); ok && p.boot != nil {
			switch {
			case key[0] != 'D' && p.boot.Cmdline == "":
				p.boot.Cmdline = clip(v)
				p.boot.evidence("cmdline", "boot/command-line", rec, p.boot.Cmdline)
			case key[0] == 'D' && p.boot.Hardware == "": // a second DMI line counts memory slots
				p.boot.Hardware = clip(v)
				p.boot.evidence("hardware", "boot/dmi", rec, p.boot.Hardware)
			}
		}
		return s.cur == nil
	case partCut:
		if b := s.cur; b == nil || b.stage != stageHead || b.rank != RankCause || b.headLine > 4 {
			p.openBare(s, rec)
			s.cur.cut = true
		}
		s.cur.grow(rec)
		return true
	case partSysRq:
		if b := s.cur; b != nil && b.stage == stageBody && b.seen.trace && !b.dump && b.rep.Caller == "" && text[0] == 'F' {
			// Of another CPU perhaps: the frames that follow are still this
			// report's, until that CPU's own lines begin.
			b.pendingDump, b.interleaved = true, true
			return true
		}
		p.openBare(s, rec)
		s.cur.dump = true
		s.cur.rep.Headline = clip(text)
		s.cur.grow(rec)
		return true
	case partRule:
		return s.cur != nil
	case partCPU:
		if s.cur != nil && s.cur.pendingDump {
			s.cur.pendingDump = false
			p.openBare(s, rec)
			s.cur.dump = true
		}
	}
	if s.cur == nil && !p.adopt(s, part, rec, text) {
		return false
	}
	b := s.cur
	p.bodyPart(s, b, part, rec, text)
	b.grow(rec)
	return true
}

// adopt gives a structural line without an open report one: a backtrace that
// another CPU asked for belongs to the asker; else the head of a report is lost.
func (p *Parser) adopt(s *stream, part part, rec *klog.Record, text []byte) bool {
	switch part {
	case partNMI:
		if p.lastNMI != nil {
			p.attach(s, p.lastNMI)
			return true
		}
	case partCPU:
		if _, ok := parseCPULine(text); !ok {
			return false
		}
	case partTrace, partEndTrace:
	case partModules:
		if p.torn == 0 {
			return false
		}
	case partSub, partTask:
		if p.torn == 0 || partImplies(text) == KindNone {
			return false
		}
	default:
		return false
	}
	p.openBare(s, rec)
	s.cur.stage = stageBody
	return true
}

// bodyPart reads a structural line into the open report.
func (p *Parser) bodyPart(s *stream, b *builder, part part, rec *klog.Record, text []byte) {
	enter := func() {
		if b.stage == stageHead {
			b.stage = stageBody
		}
	}
	if b.bare && b.implied == KindNone {
		b.implied = partImplies(text)
	}
	switch part {
	case partCPU:
		if l, ok := parseCPULine(text); ok {
			b.runs(l)
			shift := len(rec.Text) - len(text)
			for _, at := range []*[2]int{&l.cpuAt, &l.pidAt, &l.commAt} {
				at[0], at[1] = at[0]+shift, at[1]+shift
			}
			b.cpuLine(rec, l)
			if !s.sticky {
				s.label = "" // the stack announced before was not printed
			}
			if b.format == nil || b.format.Rank != RankCause {
				enter()
			}
			if len(b.rep.Frames) > 0 && s.label == "" && b.stage < stageAftermath && len(b.aliens) < 2 {
				n := l.cpu
				s.label, s.labelCPU, s.sticky = "cpu "+strconv.Itoa(n), &n, true
			}
		}
	case partTaint:
		if t, ok := parseTaint(rec.Text); ok {
			b.taint(rec, t)
		}
	case partModules:
		if b.rep.Modules == nil && b.stage < stageEnded {
			if list := parseModules(text, nil); b.room.take(len(list)) {
				b.rep.Modules = list
			}
			b.evidence("modules", "body/modules", rec, 0, len(rec.Text))
		}
	case partTrace:
		if !b.seen.cpu && b.rep.Caller == "" && !b.bare && !b.dump && b.place == placeCPU && s.label == "" {
			return // too early for its own
		}
		enter()
		if b.seen.trace && len(b.aliens) > 1 {
			return // another's, between this one's frames
		}
		if !b.seen.trace {
			b.traceRecord = b.record
		}
		b.seen.trace = true
		s.ctx = ""
		switch {
		case len(b.rep.Frames) == 0 || onlyPC(b.rep.Frames):
			if !s.sticky || !bytes.HasPrefix([]byte(s.label), []byte("rcu")) {
				s.to, s.label, s.sticky = targetMain, "", false
			}
		case !s.sticky && s.to == targetMain && b.stage < stageEnded:
			s.label, s.sticky = "trace "+strconv.Itoa(len(b.rep.Stacks)+2), false
		}
	case partContext:
		p.context(s, b, rec, text)
	case partSub:
		if b.rep.Kind == KindKCSAN && len(b.rep.Frames) == 0 {
			return
		}
		s.label, s.sticky, s.ctx = subName(text), bytes.HasPrefix(text, []byte("RCU")) || bytes.HasPrefix(text, []byte("Stack dump")), ""
	case partNMI:
		enter()
		n, _ := atoi(text[len("NMI backtrace for cpu "):])
		s.ctx, s.user = "", false
		if !bytes.Contains(text, []byte(" skipped: ")) {
			b.openTask(rec, Task{PID: -1, State: "R", CPU: &n})
		}
		if len(b.rep.Frames) > 0 {
			s.label, s.labelCPU, s.sticky = "nmi cpu "+strconv.Itoa(n), &n, true
		}
	case partTaskDump:
		// The task that was running, whatever stack was announced before: old
		// kernels name the grace-period kthread and print no stack of it.
		enter()
		if s.label == "rcu kthread" {
			s.label, s.sticky = "", false
		}
	case partTask:
		if comm, pid, ok := parseTask(text); ok {
			b.dumpLine(rec, text)
			enter()
			switch {
			case len(b.rep.Frames) > 0 && !s.sticky:
				s.label, s.sticky = "task "+comm+":"+strconv.Itoa(pid), true
			case b.rep.Task == "" && s.label == "":
				b.rep.Task = comm
				if pid >= 0 && b.rep.PID == nil {
					b.rep.PID = &pid
				}
				b.evidence("task", "body/task", rec, 0, len(rec.Text))
			}
		}
	case partEndTrace:
		b.seen.end = true
		if b.stage < stageEnded {
			b.stage = stageEnded
		}
	case partEndPanic:
		b.seen.end = true
	}
}

// partImplies returns the kind of report that alone has such a part.
func partImplies(text []byte) Kind {
	for _, p := range []struct {
		prefix string
		kind   Kind
	}{
		{"Uninit was ", KindKMSAN}, {"Local variable ", KindKMSAN},
		{"Allocated by task", KindKASAN}, {"Freed by task", KindKASAN},
		{"kfence-#", KindKFENCE}, {"allocated by task", KindKFENCE}, {"freed by task", KindKFENCE},
		{"RCU grace-period", KindRCUStall}, {"Task dump for CPU", KindRCUStall},
		{"-> #", KindDeadlock}, {"Preemption disabled at", KindAtomicSleep},
		{"read to ", KindKCSAN}, {"write to ", KindKCSAN}, {"read (marked) to ", KindKCSAN}, {"write (marked) to ", KindKCSAN},
	} {
		if bytes.HasPrefix(text, []byte(p.prefix)) {
			return p.kind
		}
	}
	if bytes.HasPrefix(text, []byte("task:")) && bytes.Contains(text, []byte(" state:D")) {
		return KindHungTask
	}
	return KindNone
}

// onlyPC reports whether frames holds nothing but the program counter.
func onlyPC(frames []Frame) bool { return len(frames) == 1 && frames[0].Context == "pc" }

// context reads "<IRQ>", on which older kernels continue with a frame.
func (p *Parser) context(s *stream, b *builder, rec *klog.Record, text []byte) {
	end := bytes.IndexByte(text, '>')
	if bytes.HasPrefix(text, []byte("</")) {
		s.ctx = ""
	} else {
		s.ctx = string(bytes.Trim(text[:end], "<#/"))
	}
	if rest := bytes.TrimLeft(text[end+1:], " >"); len(rest) > 0 {
		if f, ok := scanFrame(rest); ok {
			b.frame(s, rec, &f)
		}
	}
}

// subName names the stack that a heading announces.
func subName(text []byte) string {
	for _, n := range []struct{ prefix, name string }{
		{"Allocated", "allocated"}, {"allocated", "allocated"}, {"INFO: Allocated", "allocated"}, {"Uninit was created", "created"},
		{"Freed", "freed"}, {"freed", "freed"}, {"INFO: Freed", "freed"}, {"Uninit was stored", "stored"},
		{"Last potentially", "work created"}, {"Second to last", "earlier work created"}, {"Local variable", "variable"},
		{"page last alloc", "page allocated"}, {"page last free", "page freed"}, {"page_owner", "page owner"},
		{"RCU grace", "rcu kthread"}, {"Stack dump where", "rcu kthread cpu"}, {"-> #", "lock chain"},
		{"read", "read"}, {"write", "write"}, {"Preemption", "preemption disabled"}, {"{", "lock state"}, {"Last Breaking", "last breaking event"},
	} {
		if bytes.HasPrefix(text, []byte(n.prefix)) {
			return n.name
		}
	}
	return "other"
}

// maxBootEvidence bounds what a boot cites; a log can repeat its banner.
const maxBootEvidence = 16

// evidence ties a field of the boot to where value stands in rec.
func (b *Boot) evidence(field, rule string, rec *klog.Record, value string) {
	i := bytes.Index(rec.Text, []byte(value))
	if value == "" || i < 0 || len(b.Evidence) >= maxBootEvidence {
		return
	}
	b.Evidence = append(b.Evidence, Evidence{field, rule, rec.Line, textSpan(rec, i, i+len(value))})
}
