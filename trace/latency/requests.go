package latency

import (
	"fmt"

	"ringside/trace/event"
	"ringside/trace/sched"
)

// key identifies a request or a wait for a lock.
type key struct{ a, b uint64 }

// pairs holds what has begun and has not ended.
type pairs map[key]uint64

// begin notes a beginning. One that was open already begins anew: its end was
// lost. Where too many never end, some are given up.
func (p pairs) begin(k key, at uint64) {
	if len(p) >= maxOpen {
		for old := range p {
			delete(p, old)
			if len(p) < maxOpen/2 {
				break
			}
		}
	}
	p[k] = at
}

// end returns when something began that ends now.
func (p pairs) end(k key) (at uint64, ok bool) {
	at, ok = p[k]
	delete(p, k)
	return at, ok
}

// requests is one of pairs for both ends, each read by its own format.
func (a *Analysis) requests(kind string) pairs {
	if a.open == nil {
		a.open = map[string]pairs{}
	}
	if a.open[kind] == nil {
		a.open[kind] = pairs{}
	}
	return a.open[kind]
}

// blockReader takes requests to block devices.
func (a *Analysis) blockReader(h event.Head) func(*event.Record) {
	open := a.requests(Block)
	if h.Name == "block_rq_issue" {
		return a.lazily(func(f *event.Format) func(*event.Record) {
			dev, sector := f.Uint("dev"), f.Uint("sector")
			return func(r *event.Record) { open.begin(key{dev.Uint(r.Data), sector.Uint(r.Data)}, r.Time) }
		})
	}
	return a.lazily(func(f *event.Format) func(*event.Record) {
		dev, sector, rwbs, c := f.Uint("dev"), f.Uint("sector"), f.Text("rwbs"), a.kind(Block)
		return func(r *event.Record) {
			d := dev.Uint(r.Data)
			if at, ok := open.end(key{d, sector.Uint(r.Data)}); ok {
				a.ended(c, part(c.parts, fmt.Sprintf("%d:%d %s", d>>20, d&(1<<20-1), rwbs.Bytes(r.Data))), at, r, 0)
			}
		}
	})
}

// lockReader takes waits for contended locks.
func (a *Analysis) lockReader(h event.Head) func(*event.Record) {
	open := a.requests(Lock)
	if h.Name == "contention_begin" {
		return a.lazily(func(f *event.Format) func(*event.Record) {
			lock, pid := f.Uint("lock_addr"), f.Uint("common_pid")
			return func(r *event.Record) { open.begin(key{pid.Uint(r.Data), lock.Uint(r.Data)}, r.Time) }
		})
	}
	return a.lazily(func(f *event.Format) func(*event.Record) {
		lock, pid, c := f.Uint("lock_addr"), sched.NewWord(f, "common_pid"), a.kind(Lock)
		known := map[uint64]*Part{}
		return func(r *event.Record) {
			l, p := lock.Uint(r.Data), pid.Int(r.Data)
			at, ok := open.end(key{uint64(p), l})
			if !ok {
				return
			}
			x := known[l]
			if x == nil {
				x = part(c.parts, fmt.Sprintf("%#x", l))
				if len(known) < maxParts {
					known[l] = x
				}
			}
			a.ended(c, x, at, r, p)
		}
	})
}
