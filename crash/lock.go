package crash

import (
	"bytes"
	"slices"
	"strings"

	"ringside/klog"
)

// Bounds of what one report keeps about locks.
const (
	maxSites = 256  // places where they are taken
	maxHeld  = 4096 // entries of lists of held locks
)

// lockLine is a line that says where a lock was taken.
type lockLine struct {
	lock    string // class
	address string // of the lock, where printed and not hashed away
	sym     symbol
	file    string // where a symbolizer put it
	line    int
	held    bool // "#0:" in a list of held locks
}

// parseLock reads lockdep's lines about one lock (kernel/locking/lockdep.c,
// print_lock), without leading blanks:
//
//	(&bdev->bd_mutex){+.+.}, at: [<ffffffff8232bf0e>] blkdev_reread_part+0x1e/0x40
//	00000000cf45dbdb (sk_lock-AF_NETROM){+.+.}, at: nr_release+0x11a/0x3b0
//	#0: ffff888012345678 (rtnl_mutex){+.+.}-{3:3}, at: rtnl_lock+0x17/0x20
func parseLock(text []byte) (lockLine, bool) {
	at := bytes.Index(text, []byte(", at: "))
	if at < 0 {
		return lockLine{}, false
	}
	l := lockLine{held: text[0] == '#'}
	open, end := bytes.IndexByte(text[:at], '('), bytes.LastIndex(text[:at], []byte("){"))
	if open < 0 || end < open {
		return lockLine{}, false
	}
	l.lock = clip(text[open+1 : end])
	if words := bytes.Fields(text[:open]); len(words) > 0 {
		if a := words[len(words)-1]; len(a) >= 8 && hexLen(a) == len(a) {
			l.address = string(a)
		}
	}
	where := text[at+len(", at: "):]
	if bytes.HasPrefix(where, []byte("[<")) {
		if i := bytes.IndexByte(where, ']'); i > 0 {
			where = bytes.TrimLeft(where[i+1:], " ")
		}
	}
	var n int
	l.sym, n = parseSymbol(where)
	l.file, l.line, _ = parsePlace(bytes.TrimLeft(where[n:], " "))
	return l, n > 0
}

// lockLine notes where a lock was taken, and by whom.
func (b *builder) lockLine(rec *klog.Record, l lockLine) {
	if len(b.sites) < maxSites && b.room.take(1) {
		b.site(l)
	}
	if l.held && b.holder.Task != "" && len(b.rep.Locks) < maxHeld && b.room.take(1) {
		h := b.holder
		h.Lock, h.Address, h.Function = l.lock, l.address, baseName(l.sym.name)
		h.LogLine, h.Span = rec.Line, textSpan(rec, 0, len(rec.Text))
		b.rep.Locks = append(b.rep.Locks, h)
	}
}

// site notes the place alone.
func (b *builder) site(l lockLine) {
	b.sites = append(b.sites, Location{Function: l.sym.name, Offset: l.sym.offset, Size: l.sym.size, Module: l.sym.module, File: l.file, Line: l.line})
}

// parseHolder reads the heading of a list of held locks:
//
//	2 locks held by kworker/0:1/123:
//	1 lock held by getty/1234 on CPU 1:
func parseHolder(text []byte) (task string, pid int, ok bool) {
	n, m := atoi(text)
	if m == 0 || n == 0 {
		return "", 0, false
	}
	rest, ok := bytes.CutPrefix(text[m:], []byte(" lock"))
	if !ok {
		return "", 0, false
	}
	rest, ok = bytes.CutPrefix(bytes.TrimPrefix(rest, []byte("s")), []byte(" held by "))
	if !ok {
		return "", 0, false
	}
	i := bytes.LastIndexByte(rest, '/')
	if i < 0 {
		return "", 0, false
	}
	pid, m = atoi(rest[i+1:])
	return clip(rest[:i]), pid, m > 0
}

// blockedOn reads what the hung-task watchdog found out about a lock's holder
// (kernel/hung_task.c, debug_show_blocker):
//
//	INFO: task foo:12 is blocked on a mutex likely owned by task bar:34.
func (b *builder) blockedOn(rec *klog.Record, c *captures) {
	pid, _ := atoi(c.get("waiterpid"))
	holder, _ := atoi(c.get("ownerpid"))
	if len(b.rep.Waits) >= maxSites || !b.room.take(1) {
		return
	}
	b.rep.Waits = append(b.rep.Waits, Wait{
		Task: c.str("waiter"), PID: pid, On: strings.TrimPrefix(strings.TrimPrefix(c.str("lock"), "an "), "a "), Holder: c.str("owner"), HolderPID: holder,
		LogLine: rec.Line, Span: textSpan(rec, 0, len(rec.Text)),
	})
	b.evidence("waits", "hung/blocked-on", rec, 0, len(rec.Text))
}

// waiting adds to the report who the lists of held locks say holds what its
// task waits for, what that one waits for, and so on. Lockdep lists a lock from
// the moment it is asked for, so that a waiter's last lock is the one it waits
// for; its holder lists the same lock and others after it.
func (r *Report) waiting() {
	if r.PID == nil || len(r.Waits) > 0 || r.Kind != KindHungTask {
		return
	}
	last := map[int]int{} // by task, its last lock
	for i := range r.Locks {
		last[r.Locks[i].PID] = i
	}
	seen := map[int]bool{}
	for pid := *r.PID; !seen[pid]; {
		seen[pid] = true
		at, ok := last[pid]
		if !ok {
			return
		}
		want := &r.Locks[at]
		i := slices.IndexFunc(r.Locks, func(l HeldLock) bool {
			return l.PID != pid && l.Lock == want.Lock && l.Address == want.Address && r.Locks[last[l.PID]] != l
		})
		if i < 0 {
			return
		}
		l := &r.Locks[i]
		r.Waits = append(r.Waits, Wait{Task: want.Task, PID: pid, On: want.Lock, Holder: l.Task, HolderPID: l.PID, LogLine: l.LogLine, Span: l.Span, listed: true})
		r.Evidence = append(r.Evidence, Evidence{"waits", "lock/held-by-another", l.LogLine, l.Span})
		pid = l.PID
	}
}
