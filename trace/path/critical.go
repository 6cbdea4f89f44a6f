package path

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"ringside/trace/sched"
)

// A Segment is a part of a critical path.
type Segment struct {
	Begin uint64        `json:"begin_ns"`
	For   time.Duration `json:"for_ns"`
	Task  string        `json:"task"`
	PID   int           `json:"pid"`
	// State is running, runnable, preempted, sleeping, blocked, stopped or, where
	// the recording does not say, unknown.
	State string `json:"state"`
	CPU   int    `json:"cpu"`
	// Cause says what the state was owed to: who had the CPU, which interrupt
	// ended the wait.
	Cause string `json:"cause,omitempty"`
	// Depth is how many wake-ups lie between this and the task that was asked for.
	Depth int `json:"depth"`
}

// A Part is what one cause has of the path.
type Part struct {
	What  string        `json:"what"`
	N     int           `json:"n"`
	Total time.Duration `json:"total_ns"`
	Share float64       `json:"share"`
}

// Path is the critical path of a task.
type Path struct {
	Task string `json:"task"`
	PID  int    `json:"pid"`
	// Others are the numbers of tasks of the same name that were not followed: it
	// is the one that is in the window for the longest.
	Others   []int         `json:"others,omitempty"`
	Begin    uint64        `json:"begin_ns"`
	Span     time.Duration `json:"span_ns"`
	Parts    []Part        `json:"parts"` // the largest first
	Segments []Segment     `json:"segments"`
	// Truncated says that the path has more segments than are kept.
	Truncated bool `json:"truncated,omitempty"`
}

// Find returns the critical path of a task, given by name or number.
func (a *Analysis) Find(task string) (Path, error) {
	pid, err := strconv.Atoi(task)
	byName := err != nil
	var found *sched.Task
	var best uint64
	var p Path
	for _, t := range a.tracker.Tasks() {
		if t.PID == 0 || t.Index >= len(a.steps) || len(a.steps[t.Index]) == 0 || byName && t.Comm != task || !byName && t.PID != pid {
			continue
		}
		p.Others = append(p.Others, t.PID)
		s := a.steps[t.Index]
		if d := s[len(s)-1].to - s[0].from; found == nil || d > best {
			found, best = t, d
		}
	}
	if found == nil {
		return p, fmt.Errorf("no task %q does anything in this window; 'ringside trace usage' lists tasks", task)
	}
	p.Others = slices.DeleteFunc(p.Others, func(x int) bool { return x == found.PID })
	if len(p.Others) > 20 {
		p.Others = p.Others[:20]
	}
	s := a.steps[found.Index]
	from, to := max(s[0].from, a.opt.From), min(s[len(s)-1].to, a.opt.To)
	p.Task, p.PID, p.Begin, p.Span = found.Comm, found.PID, from, time.Duration(to-from)
	a.index()
	w := walk{a: a, p: &p}
	w.resolve(found.Index, from, to, 0)
	p.sum()
	return p, nil
}

// index orders what each CPU did.
func (a *Analysis) index() {
	if a.runs != nil {
		return
	}
	a.runs = map[int32][]run{}
	for task, steps := range a.steps {
		for _, s := range steps {
			if s.state == sched.Running {
				a.runs[s.cpu] = append(a.runs[s.cpu], run{s.from, s.to, task})
			}
		}
	}
	for _, list := range a.runs {
		slices.SortFunc(list, func(x, y run) int { return cmp.Compare(x.from, y.from) })
	}
}

type walk struct {
	a *Analysis
	p *Path
}

// resolve appends what a stretch of a task's time was owed to.
func (w *walk) resolve(task int, from, to uint64, depth int) {
	if task >= len(w.a.steps) {
		w.add(task, from, to, step{cpu: -1}, "not recorded", depth)
		return
	}
	steps := w.a.steps[task]
	i, _ := slices.BinarySearchFunc(steps, from, func(s step, at uint64) int {
		if s.to <= at {
			return -1
		}
		return 1
	})
	at := from
	for ; i < len(steps) && steps[i].from < to && !w.p.Truncated; i++ {
		s := steps[i]
		begin, end := max(s.from, at), min(s.to, to)
		if begin > at {
			w.add(task, at, begin, step{cpu: s.cpu}, "not recorded", depth)
		}
		if end <= begin {
			continue
		}
		at = end
		switch {
		case s.state == sched.Running:
			w.add(task, begin, end, s, "", depth)
		case !s.state.Waits():
			if i+1 < len(steps) && steps[i+1].state == sched.Running {
				s.cpu = steps[i+1].cpu
			}
			w.add(task, begin, end, s, w.holder(s.cpu, begin, end), depth)
		case s.what >= 0:
			w.add(task, begin, end, s, w.a.names[s.what], depth)
		case s.waker < 0:
			w.add(task, begin, end, s, "", depth)
		case depth == maxDepth || w.a.idle(int(s.waker)) || s.end(to):
			w.add(task, begin, end, s, "woken by "+w.a.task(int(s.waker)).Comm, depth)
		default:
			w.resolve(int(s.waker), begin, end, depth+1)
		}
	}
	if at < to && !w.p.Truncated {
		w.add(task, at, to, step{cpu: -1}, "not recorded", depth)
	}
}

// end says whether a wait goes on after the stretch that is looked at: then who
// ended it later did not matter yet.
func (s step) end(to uint64) bool { return s.to > to }

// task finds a task by its index; 0 is of those who were too many.
func (a *Analysis) task(index int) *sched.Task {
	if index == 0 {
		return &sched.Task{PID: -1, Comm: "others"}
	}
	return a.tracker.Tasks()[index-1]
}

func (a *Analysis) idle(index int) bool { return a.task(index).PID == 0 }

// holder says who had a CPU for most of a stretch of time.
func (w *walk) holder(cpu int32, from, to uint64) string {
	list := w.a.runs[cpu]
	i, _ := slices.BinarySearchFunc(list, from, func(r run, at uint64) int {
		if r.to <= at {
			return -1
		}
		return 1
	})
	name, most, n := "", uint64(0), 0
	for ; i < len(list) && list[i].from < to && n < 10_000; i++ {
		if d := min(list[i].to, to) - max(list[i].from, from); list[i].from < to && d > most {
			most, name = d, w.a.task(list[i].task).Comm
		}
		n++
	}
	if name == "" {
		return ""
	}
	return "CPU held by " + name
}

func (w *walk) add(task int, from, to uint64, s step, cause string, depth int) {
	p := w.p
	if len(p.Segments) >= maxSegments {
		p.Truncated = true
		return
	}
	t := w.a.task(task)
	g := Segment{Begin: from, For: time.Duration(to - from), Task: t.Comm, PID: t.PID, State: s.state.String(), CPU: int(s.cpu), Cause: cause, Depth: depth}
	// Two stretches of one state, as where a task was preempted for nothing.
	if n := len(p.Segments); n > 0 {
		if l := &p.Segments[n-1]; l.PID == g.PID && l.State == g.State && l.Cause == g.Cause && l.CPU == g.CPU && l.Depth == g.Depth && l.Begin+uint64(l.For) == g.Begin {
			l.For += g.For
			return
		}
	}
	p.Segments = append(p.Segments, g)
}

// sum adds segments up by what they were owed to.
func (p *Path) sum() {
	parts := map[string]*Part{}
	for _, s := range p.Segments {
		what := s.Task + " " + s.State
		switch {
		case s.State == sched.Running.String():
		case s.Cause != "":
			what += ": " + s.Cause
		}
		x := parts[what]
		if x == nil {
			x = &Part{What: what}
			parts[what] = x
		}
		x.N++
		x.Total += s.For
	}
	for _, x := range parts {
		if p.Span > 0 {
			x.Share = float64(x.Total) / float64(p.Span)
		}
		p.Parts = append(p.Parts, *x)
	}
	slices.SortFunc(p.Parts, func(x, y Part) int { return cmp.Or(cmp.Compare(y.Total, x.Total), cmp.Compare(x.What, y.What)) })
}
