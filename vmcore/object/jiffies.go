package object

import (
	"time"

	"ringside/vmcore/kernel"
)

// Jiffies is the kernel's count of ticks, and how long one is.
type Jiffies struct {
	Now  uint64
	Tick time.Duration // 0 where it is not known
}

// ReadJiffies reads them. No variable has HZ: the clock source that counts ticks
// says how long it takes each to be.
func ReadJiffies(w *kernel.Walk) Jiffies {
	j := Jiffies{}
	if at, ok := w.Kernel().Symbol("jiffies"); ok {
		j.Now, _ = w.Uint(at, w.Kernel().PtrSize())
	}
	if _, ok := w.Kernel().Symbol("clocksource_jiffies"); ok {
		cs := w.Global("clocksource_jiffies", "struct clocksource")
		if shift := cs.Field("shift").Uint(); shift < 32 {
			j.Tick = time.Duration(cs.Field("mult").Uint() >> shift)
		}
	}
	if j.Tick > time.Second {
		j.Tick = 0
	}
	return j
}

// Since returns how long ago a time in ticks was; it is negative for times to
// come.
func (j Jiffies) Since(then uint64) time.Duration { return j.Span(j.Now - then) }

// Span returns how long so many ticks take.
func (j Jiffies) Span(ticks uint64) time.Duration {
	n := int64(ticks)
	if limit := int64(1) << 40; n > limit || n < -limit { // a century: no time of anything
		return 0
	}
	return time.Duration(n) * j.Tick
}
