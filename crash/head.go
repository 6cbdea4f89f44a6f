package crash

import "ringside/klog"

// head handles a headline.
func (p *Parser) head(s *stream, f *compiledFormat, rec *klog.Record) {
	cur := s.cur
	switch {
	case f.Rank == RankPanic:
		p.panicked(s, f, rec)
		return
	case cur != nil && !cur.bare && cur.rep.Kind == f.Kind && (f.Alone || f.Rank == RankOops) && cur.stage < stageEnded:
		// More about the same event: "Out of memory: Killed process".
		if len(p.caps.get("owner")) > 0 {
			cur.blockedOn(rec, &p.caps)
		}
		if f.Stack == "rcu kthread" {
			cur.starved(rec)
		}
		cur.captured(f.ID, rec, &p.caps, false)
		if f.Stack != "" {
			s.label, s.sticky = f.Stack, true
		}
		cur.grow(rec)
		return
	case f.Joins && cur != nil && !cur.bare && cur.stage < stageEnded:
		cur.captured(f.ID, rec, &p.caps, false)
		cur.grow(rec)
		return
	case f.Alone:
		b := p.add(rec)
		b.headline(f.Format, rec, &p.caps, false)
		b.grow(rec)
		if aboutHardware(f.Kind) {
			p.machine, p.machineLeft = b, machineLines
		}
		return
	case cur != nil && cur.bare && cur.stage == stageHead:
		cur.headline(f.Format, rec, &p.caps, false)
		cur.grow(rec)
		return
	case cur != nil && cur.stage == stageHead && cur.format == f.Format && cur.headLine == 0 && cur.named != nil && cur.named.Size == 0:
		// A symbolizer prints the headline once for each inlined function; the
		// last of them is the one the kernel printed.
		cur.named = nil
		cur.headline(f.Format, rec, &p.caps, true)
		cur.grow(rec)
		return
	case cur != nil && cur.stage == stageHead && f.Rank != RankReport && f.Rank < cur.rank:
		cur.headline(f.Format, rec, &p.caps, true)
		cur.grow(rec)
		return
	case cur != nil && cur.stage == stageHead && cur.cut && cur.rank == RankCheck && f.Rank == RankCause && cur.headLine < 4:
		// printk delivered the check before what the debugging aid found.
		cur.headline(f.Format, rec, &p.caps, false)
		cur.grow(rec)
		return
	}
	b := p.add(rec)
	p.attach(s, b)
	b.headline(f.Format, rec, &p.caps, false)
	b.grow(rec)
}

// panicked handles "Kernel panic": the end of the report it follows from, or a
// report of its own.
func (p *Parser) panicked(s *stream, f *compiledFormat, rec *klog.Record) {
	defer p.involve(f.ID, rec)
	if f.Follows != nil {
		if b := p.panicCause(s, f.Follows, rec); b != nil {
			if s.cur != b {
				p.attach(s, b)
			}
			b.rep.Panicked = true
			b.evidence("panicked", f.ID, rec, 0, len(rec.Text))
			if b.bare && f.Follows(KindOops) && !f.Follows(KindWarning) {
				b.fatal = true
			}
			if len(b.rep.Frames) == 0 || onlyPC(b.rep.Frames) && !b.seen.trace {
				s.resetStack() // the panic's stack is the only one
				b.stage = stageBody
			} else {
				b.stage = stageAftermath
				s.to, s.label, s.sticky = targetNone, "panic", true
			}
			b.grow(rec)
			return
		}
	}
	var b *builder
	if s.cur != nil && s.cur.bare && len(s.cur.rep.Frames) == 0 {
		b = s.cur
	} else {
		b = p.add(rec)
		p.attach(s, b)
	}
	b.headline(f.Format, rec, &p.caps, false)
	b.rep.Panicked = true
	b.evidence("panicked", f.ID, rec, 0, len(rec.Text))
	b.grow(rec)
}

// involve marks the reports that a panic cut short: those that other callers are
// still in the middle of, and those that came no further than their headline.
func (p *Parser) involve(rule string, rec *klog.Record) {
	for i := len(p.reports) - 1; i >= 0 && i >= len(p.reports)-maxInvolved; i-- {
		b := p.reports[i]
		if b.rep.Boot != rec.Boot || b.last.hasTime && rec.HasTime && rec.Time-b.last.time > maxPause {
			return
		}
		if b.bare || b.rep.Panicked || b.stage >= stageEnded || b.format.Alone || b.attached == 0 && len(b.rep.Frames) > 0 {
			continue
		}
		b.rep.Panicked = true
		b.evidence("panicked", rule, rec, 0, len(rec.Text))
	}
}

// maxInvolved bounds how many reports a panic is taken to cut short.
const maxInvolved = 16

// panicCause finds the report just before rec that the panic follows from.
func (p *Parser) panicCause(s *stream, follows func(Kind) bool, rec *klog.Record) *builder {
	if b := s.cur; b != nil && !b.dump && (follows(b.rep.Kind) || b.bare && len(b.rep.Frames) > 0) {
		return b
	}
	for i := len(p.reports) - 1; i >= 0 && i >= len(p.reports)-16; i-- {
		b := p.reports[i]
		if b.rep.Boot != rec.Boot || b.bare {
			continue
		}
		if b.last.hasTime && rec.HasTime && rec.Time-b.last.time > maxPause {
			return nil
		}
		if follows(b.rep.Kind) {
			return b
		}
	}
	return nil
}
