package timeline

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"ringside/trace/event"
	"ringside/trace/sched"
)

// An Exporter writes all events of a window in another tool's form, as they come.
type Exporter interface {
	// Begin says where to.
	Begin(w io.Writer)
	// Wants says whether events of this number matter.
	Wants(id int) bool
	// Add takes an event; they come in the order of time. It is false where
	// nothing can be written any more.
	Add(r *event.Record) bool
	// End writes what is left and says what went wrong.
	End() error
}

// Chrome writes the JSON of chrome://tracing: a process "CPUs" with a thread for
// each CPU, its interrupts beside it, and a process "tasks" with what each did.
type Chrome struct {
	opt     Options
	tracker *sched.Tracker
	w       *bufio.Writer
	first   uint64
	any     bool
	named   map[[2]int]bool
	err     error
}

// Processes of the Chrome form.
const (
	chromeCPUs  = 1
	chromeTasks = 2
	chromeIRQs  = 1 << 20 // above the numbers of threads that are CPUs
)

// NewChrome prepares for a recording's events.
func NewChrome(c *event.Catalog, o Options) *Chrome {
	if o.To == 0 {
		o.To = ^uint64(0)
	}
	x := &Chrome{opt: o, tracker: sched.NewTracker(c), named: map[[2]int]bool{}}
	x.tracker.OnSpan, x.tracker.OnInterrupt = x.span, x.interrupt
	return x
}

// Begin says where to.
func (x *Chrome) Begin(w io.Writer) {
	x.w = bufio.NewWriterSize(w, 256<<10)
	x.text(`{"displayTimeUnit":"ns","traceEvents":[`)
	x.process(chromeCPUs, "CPUs")
	x.process(chromeTasks, "tasks")
}

// Wants says whether events of this number matter.
func (x *Chrome) Wants(id int) bool { return x.tracker.Wants(id) }

// Add takes an event; they come in the order of time.
func (x *Chrome) Add(r *event.Record) bool {
	if x.tracker.Events == 0 {
		x.first = r.Time
	}
	x.tracker.Add(r)
	return x.err == nil
}

// End writes what is left and says what went wrong.
func (x *Chrome) End() error {
	x.tracker.Finish()
	x.text("]}\n")
	if err := x.w.Flush(); x.err == nil {
		x.err = err
	}
	return x.err
}

func (x *Chrome) text(s string) {
	if _, err := x.w.WriteString(s); err != nil && x.err == nil {
		x.err = err
	}
}

func (x *Chrome) item(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		x.err = err
		return
	}
	if x.any {
		x.text(",\n")
	}
	x.any = true
	x.text(string(b))
}

type chromeName struct {
	Phase string            `json:"ph"`
	Name  string            `json:"name"`
	PID   int               `json:"pid"`
	TID   int               `json:"tid"`
	Args  map[string]string `json:"args"`
}

func (x *Chrome) process(pid int, name string) {
	x.item(chromeName{"M", "process_name", pid, 0, map[string]string{"name": name}})
}

func (x *Chrome) thread(pid, tid int, name string) {
	if k := [2]int{pid, tid}; !x.named[k] {
		if len(x.named) < sched.MaxTasks {
			x.named[k] = true
		}
		x.item(chromeName{"M", "thread_name", pid, tid, map[string]string{"name": name}})
	}
}

type chromeSlice struct {
	Phase string         `json:"ph"`
	Name  string         `json:"name"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	At    json.Number    `json:"ts"` // µs
	For   json.Number    `json:"dur"`
	Args  map[string]any `json:"args,omitempty"`
}

// micros writes nanoseconds as microseconds, without what a float would lose.
func micros(ns uint64) json.Number {
	return json.Number(strconv.FormatUint(ns/1000, 10) + fmt.Sprintf(".%03d", ns%1000))
}

func (x *Chrome) slice(pid, tid int, name string, from, to uint64, args map[string]any) {
	from, to = max(from, x.opt.From), min(to, x.opt.To)
	if to <= from || from < x.first {
		return
	}
	x.item(chromeSlice{"X", name, pid, tid, micros(from - x.first), micros(to - from), args})
}

func (x *Chrome) span(s *sched.Span) {
	if s.Task.PID <= 0 || s.To <= x.opt.From || s.From >= x.opt.To {
		return
	}
	args := map[string]any{}
	if s.State == sched.Running {
		x.thread(chromeCPUs, s.CPU, "CPU "+strconv.Itoa(s.CPU))
		x.slice(chromeCPUs, s.CPU, s.Task.Comm, s.From, s.To, map[string]any{"pid": s.Task.PID, "left": s.Left.String()})
		args["cpu"] = s.CPU
	} else if s.Waker.Task != nil {
		args["waker"] = s.Waker.String()
	}
	x.thread(chromeTasks, s.Task.PID, s.Task.Comm)
	x.slice(chromeTasks, s.Task.PID, s.State.String(), s.From, s.To, args)
}

func (x *Chrome) interrupt(i *sched.Interrupt) {
	x.thread(chromeCPUs, chromeIRQs+i.CPU, "CPU "+strconv.Itoa(i.CPU)+" interrupts")
	x.slice(chromeCPUs, chromeIRQs+i.CPU, i.Name, i.From, i.To, nil)
}
