package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/probe"
)

// ProbeTopSchemaID is the JSON form of probe top.
const ProbeTopSchemaID = "https://ringside.dev/schemas/probe-top.v1.json"

// ProbeTop is what a kernel did in one interval.
type ProbeTop struct {
	Schema   string        `json:"schema"`
	Kernel   string        `json:"kernel"`
	At       time.Time     `json:"at"`
	Interval time.Duration `json:"interval_ns"`
	CPUs     int           `json:"cpus"`
	// Tables are what was measured in the kernel, with the rows of the most time:
	// runq, ran, block, irq, softirq.
	Tables []ProbeTable `json:"tables"`
	// Rates are a second, in the order in which they are shown.
	Rates     []ProbeRate      `json:"rates"`
	Pressures []probe.Pressure `json:"pressures"`
	// Spent is the CPU time of the programs in the kernel, Own that of this
	// program, in the interval.
	Spent time.Duration `json:"spent_ns"`
	Own   time.Duration `json:"own_ns"`
	// Without says why nothing is measured in the kernel.
	Without string `json:"without,omitempty"`
}

// ProbeRate is how often something happens.
type ProbeRate struct {
	Name  string  `json:"name"`
	Rate  float64 `json:"per_second"`
	Worry bool    `json:"worry"` // on a healthy machine it is 0
}

// rates are what is shown, in order.
var rates = []struct {
	name  string
	worry bool
}{
	{"context switches", false}, {"interrupts", false}, {"tasks made", false}, {"page faults", false}, {"packets received", false},
	{"page faults that read from disk", true}, {"direct reclaims", true}, {"pages swapped in", true}, {"OOM kills", true},
	{"TCP segments sent again", true}, {"TCP connections dropped", true}, {"packets dropped at the backlog", true}, {"network budget used up", true},
}

// NewProbeTop makes it of what was before the interval and behind it.
func NewProbeTop(kernel string, at time.Time, interval time.Duration, cpus int, tables []probe.Table, before, after probe.Counters) ProbeTop {
	d := ProbeTop{Schema: ProbeTopSchemaID, Kernel: kernel, At: at.UTC(), Interval: interval, CPUs: cpus, Tables: []ProbeTable{}, Rates: []ProbeRate{}, Pressures: after.Pressures}
	for _, t := range tables {
		x := newProbeTable(t)
		x.Histogram = probe.Histogram{} // a second's is of no use to others
		d.Tables = append(d.Tables, x)
	}
	for _, r := range rates {
		now, ok := after.Counts[r.name]
		if !ok || interval <= 0 {
			continue
		}
		d.Rates = append(d.Rates, ProbeRate{r.name, float64(now-min(now, before.Counts[r.name])) / interval.Seconds(), r.worry})
	}
	return d
}

// ProbeTopScreen prints it, with so many rows of each table.
func ProbeTopScreen(w io.Writer, d ProbeTop, rows int, st Style) error {
	p := &printer{w: w, s: st}
	share := func(t time.Duration) float64 { return 100 * float64(t) / float64(max(1, d.Interval)) }
	p.line("%s  %s", p.s.paint(strong, d.Kernel), p.s.paint(faint, fmt.Sprintf("%s UTC, the last %s, %d CPUs; this costs %.2f %% of one CPU in the kernel and %.2f %% here", d.At.Format("15:04:05"), d.Interval.Round(time.Millisecond), d.CPUs, share(d.Spent), share(d.Own))))
	if d.Without != "" {
		p.line("%s", p.s.paint(caution, "not measured in the kernel: "+d.Without))
	}
	if len(d.Pressures) > 0 {
		var parts []string
		for _, x := range d.Pressures {
			parts = append(parts, fmt.Sprintf("%s some %.1f %% full %.1f %%", x.Resource, x.Some, x.Full))
		}
		p.line("pressure, 10 s   %s", strings.Join(parts, "   "))
	}
	var calm []string
	for _, r := range d.Rates {
		switch {
		case !r.Worry:
			calm = append(calm, fmt.Sprintf("%s %.0f", r.Name, r.Rate))
		case r.Rate > 0:
			p.line("%s", p.s.paint(caution, fmt.Sprintf("%.1f a second: %s", r.Rate, r.Name)))
		}
	}
	if len(calm) > 0 {
		p.line("a second         %s", strings.Join(calm, "   "))
	}
	if len(d.Tables) == 0 {
		return p.err
	}
	p.line("")
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%-30s %9s %10s %10s %10s %8s", "", "A SECOND", "P50", "P99", "MAX", "OF A CPU")))
	for _, t := range d.Tables {
		p.line("%-30s %9.0f %10s %10s %10s %7.1f%%", t.Title, float64(t.Count)/d.Interval.Seconds(), brief(t.P50), brief(t.P99), brief(t.Max), share(t.Total))
	}
	for _, t := range d.Tables {
		if len(t.Rows) == 0 {
			continue
		}
		p.section(t.Title)
		for _, r := range t.Rows[:min(len(t.Rows), rows)] {
			p.line("  %6.1f%%  %8d times  %10s each  %s", share(r.Total), r.Count, brief(r.Total/time.Duration(max(1, r.Count))), strings.Join(r.Label, " "))
		}
	}
	return p.err
}
