package object

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"ringside/vmcore/kernel"
)

// TimerWheel is the timers of one base of a CPU, in ticks.
type TimerWheel struct {
	CPU   int    `json:"cpu"`
	Base  string `json:"base"` // "local", "global", "standard" or "deferrable"
	Addr  Addr   `json:"addr"` // of its struct timer_base
	Count int    `json:"count"`
	// Late is how far the wheel's clock is behind the kernel's: that of an idle
	// CPU may be, that of a busy one is when it takes no interrupts.
	Late    time.Duration `json:"late_ns"`
	Idle    bool          `json:"idle"`
	Running string        `json:"running,omitempty"` // the function that it was in
	Timers  []Timer       `json:"timers"`            // the ones due first
}

// Timer is a timer that is set.
type Timer struct {
	Addr     Addr   `json:"addr"`
	Function string `json:"function"`
	// In is when it is due: negative when it is overdue.
	In    time.Duration `json:"in_ns"`
	Clock string        `json:"clock,omitempty"` // of a high-resolution timer
	CPU   int           `json:"cpu"`
}

// Timers are all timers.
type Timers struct {
	Tick   time.Duration `json:"tick_ns"`
	Wheels []TimerWheel  `json:"wheels"`
	High   []Timer       `json:"high_resolution"` // by CPU and clock, the first due first
}

// Bounds of the timers.
const (
	maxBases     = 8
	maxOfWheel   = 200 // told of each
	maxTimers    = 1_000_000
	maxHighOfCPU = 1000
)

// ReadTimers reads the timer wheels and the high-resolution timers.
func ReadTimers(w *kernel.Walk) *Timers {
	j := ReadJiffies(w)
	t := &Timers{Tick: j.Tick, Wheels: []TimerWheel{}, High: []Timer{}}
	left := maxTimers
	for _, cpu := range w.Kernel().CPUs() {
		bases := w.PerCPU("timer_bases", "", cpu)
		for i := range min(bases.Len(), maxBases) {
			t.Wheels = append(t.Wheels, wheelOf(bases.Index(i), cpu, baseName(i, bases.Len()), j, &left))
		}
		t.readHigh(w, cpu)
	}
	return t
}

// baseName names a base: a kernel for machines that sleep has three since 6.9,
// two before.
func baseName(i, n int) string {
	names := map[int][]string{1: {"standard"}, 2: {"standard", "deferrable"}, 3: {"local", "global", "deferrable"}}[n]
	if i < len(names) {
		return names[i]
	}
	return ""
}

func wheelOf(base kernel.Value, cpu int, name string, j Jiffies, left *int) TimerWheel {
	w := base.Walk()
	k := w.Kernel()
	t := TimerWheel{CPU: cpu, Base: name, Addr: Addr(base.Addr()), Timers: []Timer{}}
	if base.Has("is_idle") {
		t.Idle = base.Field("is_idle").Bool()
	}
	if run := base.Field("running_timer").Deref(); run.Valid() {
		t.Running = symbolAt(k, run.Field("function").Ptr())
	}
	pending, vectors := base.Field("pending_map"), base.Field("vectors")
	for i := range pending.Len() {
		for word := pending.Index(i).Uint(); word != 0; word &= word - 1 {
			slot := i*64 + bits.TrailingZeros64(word)
			if slot >= vectors.Len() {
				break
			}
			for v := range w.HList(vectors.Index(slot), "struct timer_list", "entry") {
				if *left--; *left < 0 {
					return t
				}
				t.Count++
				t.Timers = append(t.Timers, Timer{Addr: Addr(v.Addr()), Function: symbolAt(k, v.Field("function").Ptr()), In: -j.Since(v.Field("expires").Uint()), CPU: cpu})
			}
		}
	}
	if t.Count > 0 { // the clock of an empty wheel is not kept
		t.Late = max(j.Since(base.Field("clk").Uint()), 0)
	}
	slices.SortStableFunc(t.Timers, func(a, b Timer) int { return cmp.Compare(a.In, b.In) })
	t.Timers = t.Timers[:min(len(t.Timers), maxOfWheel)]
	return t
}

// highClocks are the clocks of a hrtimer_cpu_base, enum hrtimer_base_type; the
// soft ones follow in the same order.
var highClocks = []string{"monotonic", "realtime", "boottime", "tai"}

// readHigh reads a CPU's high-resolution timers. When they are due is said by
// the monotonic clock, which the scheduler's is close to, plus the offset of
// their own.
func (t *Timers) readHigh(w *kernel.Walk, cpu int) {
	k := w.Kernel()
	base := w.PerCPU("hrtimer_bases", "struct hrtimer_cpu_base", cpu)
	now := clock(w)
	member := "node.node"
	if k.HasField("struct hrtimer", "node.node.node") { // 7.1 and later
		member = "node.node.node"
	}
	n := 0
	for i, c := range base.Field("clock_base").Elements() {
		name := highClocks[i%len(highClocks)]
		if i >= len(highClocks) {
			name += " (soft)"
		}
		offset := c.Field("offset").Int()
		for v := range w.RBTree(c.Field("active.rb_root"), "struct hrtimer", member) {
			t.High = append(t.High, Timer{Addr: Addr(v.Addr()), Function: symbolAt(k, v.Field("function").Ptr()), Clock: name, CPU: cpu,
				In: time.Duration(v.Field("node.expires").Int()-offset) - now})
			if n++; n == maxHighOfCPU {
				return
			}
		}
	}
}
