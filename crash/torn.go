package crash

import "ringside/klog"

// tornLines is how many lines after a gap are looked at as the possible rest of
// a report that began in it. The start of a log is such a gap.
const tornLines = 24

// headless opens a report without a headline at a line that only a report has:
// what is left when the head was overwritten in a ring buffer.
func (p *Parser) headless(s *stream, rec *klog.Record, text []byte) {
	if l, ok := parsePC(text, len(rec.Text)-len(text)); ok && !l.user && !l.prefix.link && l.sym.hasOff {
		p.openBare(s, rec)
		s.cur.stage = stageBody
		s.cur.programCounter(s, rec, l)
		return
	}
	if d := p.detail(text); d != nil && d.implies != KindNone {
		p.openBare(s, rec)
		s.cur.implied = d.implies
		s.cur.captured(d.id, rec, &p.caps, false)
		return
	}
	if p.torn == 0 {
		return
	}
	// In the first lines of a log even a bare frame or the name of a task is
	// what is left of a report. It turns out to be one only if a stack follows.
	if f, ok := scanFrame(rec.Text); ok && f.sym.size > 0 && len(text) < len(rec.Text) {
		p.openBare(s, rec)
		s.cur.stage = stageBody
		s.cur.frame(s, rec, &f)
		return
	}
	if comm, pid, ok := parseOldTask(text); ok {
		p.openBare(s, rec)
		s.cur.implied, s.cur.rep.Task, s.cur.rep.PID = KindHungTask, comm, &pid
		s.cur.evidence("task", "body/task", rec, 0, len(rec.Text))
		return
	}
	if l, ok := parseLock(text); ok {
		p.openBare(s, rec)
		s.cur.implied = KindLockdep
		s.cur.lockLine(rec, l)
	}
}
