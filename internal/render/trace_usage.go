package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/trace/usage"
)

// TraceUsageSchemaID names the JSON form of "trace usage".
const TraceUsageSchemaID = "https://ringside.dev/schemas/trace-usage.v1.json"

// TraceUsage is what tasks and CPUs did with their time.
type TraceUsage struct {
	TraceHead
	usage.Usage
}

// TraceUsageReport prints it, with as many tasks as are asked for.
func TraceUsageReport(w io.Writer, t TraceUsage, most int, st Style) error {
	p := &printer{w: w, s: st}
	p.traceHead(t.TraceHead)
	if len(t.CPUs) == 0 {
		p.line("No sched_switch in this recording: nothing is known of tasks; record sched:*.")
		return p.err
	}
	if t.LostSwitches > 0 {
		p.line("%s", p.s.paint(danger, fmt.Sprintf("%d switches are missing: the time around them belongs to nobody", t.LostSwitches)))
	}
	p.section("CPUs")
	p.line("  %s", p.s.paint(faint, fmt.Sprintf("%4s %6s %10s %10s %10s %10s %10s", "CPU", "BUSY", "BUSY", "IDLE", "IRQ", "SOFTIRQ", "SWITCHES")))
	for _, c := range t.CPUs {
		p.line("  %4d %5.1f%% %10s %10s %10s %10s %10d", c.CPU, 100*c.Share, brief(c.Busy), brief(c.Idle), brief(c.IRQ), brief(c.SoftIRQ), c.Switches)
	}
	p.usageOverTime(t)
	p.section("Tasks")
	head := fmt.Sprintf("%6s %9s %9s %9s %9s %9s %8s %8s %7s %6s  ", "SHARE", "RUN", "WAIT", "MAX WAIT", "SLEEP", "BLOCKED", "YIELDED", "TAKEN", "WOKEN", "MOVED")
	p.line("  %s", p.s.paint(faint, head+"TASK"))
	for _, x := range t.Tasks[:min(most, len(t.Tasks))] {
		p.usageLine(&x.Times, fmt.Sprintf("%s %d", x.Task, x.PID))
	}
	if n := len(t.Tasks) - most; n > 0 {
		p.line("  %s", p.s.paint(faint, fmt.Sprintf("%d more; --top and --json have them", n)))
	}
	for _, g := range []struct {
		title string
		list  []usage.Group
	}{{"Tasks of one name", t.Names}, {"Cgroups", t.Cgroups}} {
		if len(g.list) == 0 || g.title != "Cgroups" && len(g.list) == len(t.Tasks) {
			continue
		}
		p.section(g.title)
		p.line("  %s", p.s.paint(faint, head+"NAME"))
		for _, x := range g.list[:min(most, len(g.list))] {
			p.usageLine(&x.Times, fmt.Sprintf("%s (%d)", x.Name, x.Tasks))
		}
	}
	return p.err
}

func (p *printer) usageLine(t *usage.Times, name string) {
	p.line("  %5.1f%% %9s %9s %9s %9s %9s %8d %8d %7d %6d  %s", 100*t.Share, brief(t.Run), brief(t.Wait), brief(t.MaxWait), brief(t.Sleep), brief(t.Blocked), t.Voluntary, t.Involuntary, t.Wakeups, t.Migrations, name)
}

// usageOverTime draws how busy the CPUs were and how often they switched.
func (p *printer) usageOverTime(t TraceUsage) {
	if len(t.Moments) < 4 {
		return
	}
	columns := min(len(t.Moments), p.s.width()-36)
	busy, rate := make([]float64, columns), make([]float64, columns)
	n := make([]float64, columns)
	for i, m := range t.Moments {
		at := i * columns / len(t.Moments)
		n[at]++
		busy[at] += m.Busy
		rate[at] += float64(m.Switches) / t.Step.Seconds()
	}
	most := 0.
	for i := range busy {
		busy[i], rate[i] = busy[i]/n[i], rate[i]/n[i]
		most = max(most, rate[i])
	}
	p.section("Over time")
	p.line("  %-26s %s", "busy, of 100 %", bars(busy, 1))
	p.line("  %-26s %s", fmt.Sprintf("switches, of %.3g/s", most), bars(rate, most))
}

// bars draws values up to a highest one.
func bars(list []float64, most float64) string {
	levels := []rune(" ▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, v := range list {
		i := 0
		if most > 0 && v > 0 {
			i = min(len(levels)-1, max(1, int(v/most*float64(len(levels)-1)+.5)))
		}
		b.WriteRune(levels[i])
	}
	return b.String()
}
