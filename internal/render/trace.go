package render

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"ringside/trace/latency"
)

// The JSON forms of the verbs of trace.
const (
	TraceLatencySchemaID = "https://ringside.dev/schemas/trace-latency.v1.json"
	TraceSummarySchemaID = "https://ringside.dev/schemas/trace-summary.v1.json"
)

// TraceHead says what a recording is.
type TraceHead struct {
	Schema string `json:"schema"`
	Kernel string `json:"kernel,omitempty"`
	Clock  string `json:"clock,omitempty"`
	// Buffer is the trace instance; empty is the top one.
	Buffer string        `json:"buffer,omitempty"`
	Begin  uint64        `json:"begin_ns"`
	Span   time.Duration `json:"span_ns"`
	Events uint64        `json:"events"` // that were looked at
	// Lost is how many events the kernel overwrote, where it counted them, Gaps in
	// how many places events are missing.
	Lost uint64 `json:"lost"`
	Gaps int    `json:"gaps"`
	// Problems say what could not be read.
	Problems []string `json:"problems,omitempty"`
}

func (p *printer) traceHead(h TraceHead) {
	line := fmt.Sprintf("%d events in %s", h.Events, h.Span.Round(time.Microsecond))
	for _, x := range []string{h.Kernel, h.Clock} {
		if x != "" {
			line += ", " + x
		}
	}
	if h.Buffer != "" {
		line += ", instance " + h.Buffer
	}
	p.line("%s", p.s.paint(faint, line))
	if h.Gaps > 0 || h.Lost > 0 {
		p.line("%s", p.s.paint(danger, fmt.Sprintf("%d events are missing in %d places: what spans them is wrong or not counted", h.Lost, h.Gaps)))
	}
	for _, x := range h.Problems {
		p.line("%s", p.s.paint(danger, x))
	}
}

// TraceLatency is the latencies of a recording.
type TraceLatency struct {
	TraceHead
	// Kinds by name: runq, wakeup, irq, softirq, softirq_wait, irq_off,
	// preempt_off, block, syscall, lock.
	Kinds map[string]latency.Latency `json:"kinds"`
}

var latencyTitles = map[string]string{
	latency.RunQueue: "Run queue: runnable until on a CPU", latency.Wakeup: "Wake-up: woken until on a CPU",
	latency.IRQOff: "Interrupts disabled", latency.PreemptOff: "Preemption disabled",
	latency.IRQ: "Interrupt handlers", latency.SoftIRQ: "Softirqs", latency.SoftIRQWait: "Softirqs: raised until entered",
	latency.Block: "Block requests: issued until completed", latency.Syscall: "System calls", latency.Lock: "Contended locks",
}

// TraceLatencyReport prints them.
func TraceLatencyReport(w io.Writer, t TraceLatency, st Style) error {
	p := &printer{w: w, s: st}
	p.traceHead(t.TraceHead)
	if len(t.Kinds) == 0 {
		p.line("No events that latencies could be computed from; record sched:*, irq:*, block:*, raw_syscalls:* or lock:*.")
	}
	p.latencies(t.Kinds, math.MaxInt)
	return p.err
}

// latencies prints each kind, in the order of latency.Kinds, with some of the
// worst.
func (p *printer) latencies(kinds map[string]latency.Latency, worst int) {
	for _, kind := range latency.Kinds {
		l, ok := kinds[kind]
		if !ok {
			continue
		}
		p.section(latencyTitles[kind])
		p.line("  %d times  p50 %s  p90 %s  p99 %s  p99.9 %s  max %s", l.N, brief(l.P50), brief(l.P90), brief(l.P99), brief(l.P999), brief(l.Max))
		p.line("  %s", p.s.paint(faint, fmt.Sprintf("%10s %10s %10s  %s", "TIMES", "TOTAL", "MAX", "BY")))
		for i, x := range l.By {
			if i == 8 {
				p.line("  %s", p.s.paint(faint, fmt.Sprintf("%d more; --json has all", len(l.By)-8)))
				break
			}
			p.line("  %10d %10s %10s  %s", x.N, brief(x.Total), brief(x.Max), x.Name)
		}
		for _, x := range l.ByCgroup[:min(8, len(l.ByCgroup))] {
			p.line("  %10d %10s %10s  cgroup %s", x.N, brief(x.Total), brief(x.Max), x.Name)
		}
		for _, s := range l.Worst[:min(len(l.Worst), worst)] {
			p.line("  %10s  at %.6f  CPU %d  %s%s", brief(s.Latency), float64(s.Begin)/1e9, s.CPU, s.What, story(s))
		}
	}
}

// story says why a wait was long.
func story(s latency.Story) string {
	var parts []string
	if s.Waker != "" {
		parts = append(parts, "woken by "+s.Waker)
	} else if s.Held != nil {
		parts = append(parts, "preempted")
	}
	for i, h := range s.Held {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more", len(s.Held)-3))
			break
		}
		parts = append(parts, fmt.Sprintf("%s ran %s", h.Task, brief(h.For)))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// TraceSummary is what a recording holds.
type TraceSummary struct {
	TraceHead
	Compression string       `json:"compression"`
	Buffers     []TraceCount `json:"buffers"`
	ByEvent     []TraceCount `json:"by_event"`
	ByCPU       []TraceCount `json:"by_cpu"`
}

// TraceCount is how many events something has.
type TraceCount struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// NewTraceCounts sorts counts, the largest first.
func NewTraceCounts(m map[string]uint64) []TraceCount {
	list := []TraceCount{}
	for name, n := range m {
		list = append(list, TraceCount{name, n})
	}
	slices.SortFunc(list, func(a, b TraceCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// TraceSummaryReport prints it.
func TraceSummaryReport(w io.Writer, t TraceSummary, st Style) error {
	p := &printer{w: w, s: st}
	p.traceHead(t.TraceHead)
	for _, x := range []struct {
		title string
		list  []TraceCount
	}{{"Buffers", t.Buffers}, {"Events", t.ByEvent}, {"CPUs", t.ByCPU}} {
		if x.title == "Buffers" && len(x.list) < 2 {
			continue
		}
		p.section(x.title)
		for _, c := range x.list {
			p.line("  %10d  %s", c.Count, c.Name)
		}
	}
	return p.err
}
