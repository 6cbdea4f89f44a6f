package render

import (
	"fmt"
	"strings"
	"time"

	"ringside/internal/recording"
	"ringside/internal/triage"
	"ringside/profile"
	"ringside/trace/latency"
)

// Bounds of the report on a recording.
const (
	maxRecordingRows   = 12
	maxRecordingEvents = 8
	maxCosts           = 6
)

// recording prints what a profile or a trace says.
func (p *printer) recording(res *triage.Result) {
	r := res.Recording
	p.line("")
	p.wrapped(p.s.paint(badgeLo, " "+strings.ToUpper(string(r.Kind))+" ")+" ", r.Title, strong)
	p.wrapped("  ", strings.Join(recordingFacts(r), ", "), faint)
	for _, l := range recordingLosses(r) {
		p.wrapped(p.s.paint(caution, "! "), l, plain)
	}
	if r.Profile != nil {
		p.profileFacts(r.Profile)
	}
	if r.Trace != nil {
		p.traceFacts(r)
	}
	if len(r.Next) > 0 {
		p.section("Do next")
		for i, n := range r.Next {
			p.wrapped(painted(fmt.Sprintf("  %d. ", i+1)), n, plain)
		}
	}
	if len(r.Warnings) > 0 {
		p.section("Not to be overlooked")
		for _, w := range r.Warnings {
			p.wrapped("  ", w, plain)
		}
	}
}

// recordingFacts say what was recorded, on what.
func recordingFacts(r *recording.Summary) []string {
	var list []string
	for _, x := range []string{r.Hostname, r.Release, r.Arch} {
		if x != "" {
			list = append(list, x)
		}
	}
	if r.CPUs > 0 {
		list = append(list, plural(r.CPUs, "CPU"))
	}
	if r.Duration > 0 {
		list = append(list, r.Duration.Round(time.Millisecond).String())
	}
	what := "samples"
	if r.Kind == recording.Trace {
		what = "events"
	}
	list = append(list, fmt.Sprintf("%d %s", r.Count, what))
	if r.Clock != "" {
		list = append(list, "clock "+r.Clock)
	}
	if r.Command != "" {
		list = append(list, r.Command)
	}
	return list
}

// recordingLosses say what is missing.
func recordingLosses(r *recording.Summary) []string {
	var list []string
	for _, l := range r.Losses {
		if l.Count < 0 {
			list = append(list, "lost: "+l.What)
			continue
		}
		list = append(list, fmt.Sprintf("lost: %d %s", l.Count, l.What))
	}
	return list
}

func (p *printer) profileFacts(f *recording.ProfileFacts) {
	p.section("Where the time went")
	busy := max(1-f.Went.Idle, 1e-9)
	p.line("  %s  kernel %.1f %%, user %.1f %% of the busy time; idle %.1f %% of all", f.Event, 100*f.Went.Kernel/busy, 100*f.Went.User/busy, 100*f.Went.Idle)
	for i, c := range f.Went.Costs {
		if i == maxCosts {
			p.line("  %s", p.s.paint(faint, fmt.Sprintf("%d more; --json has them", len(f.Went.Costs)-i)))
			break
		}
		p.line("  %6.1f %%  %s", 100*c.Share, p.s.paint(notice, c.Title))
		if len(c.Callers) > 0 {
			var names []string
			for _, x := range c.Callers {
				names = append(names, fmt.Sprintf("%s %.1f %%", x.Name, 100*x.Share))
			}
			p.wrapped("            ", "for "+strings.Join(names, ", "), faint)
		}
		if i < 2 {
			p.wrapped("            ", c.Meaning, plain)
		}
	}
	p.section("Functions")
	p.profileRows(f, f.Functions, true)
	p.section("Tasks")
	p.profileRows(f, f.Tasks, false)
}

// profileRows prints the first rows of a table.
func (p *printer) profileRows(f *recording.ProfileFacts, rows []profile.Row, functions bool) {
	share := func(v int64) float64 { return 100 * float64(v) / float64(max(1, f.Weight)) }
	if functions {
		p.line("  %s", p.s.paint(faint, fmt.Sprintf("%8s %8s  %s", "SELF", "TOTAL", "NAME")))
	}
	for i, r := range rows {
		if i == maxRecordingRows {
			break
		}
		if functions {
			p.line("  %7.2f%% %7.2f%%  %s  %s", share(r.Self), share(r.Total), r.Name, p.s.paint(faint, r.Module))
			continue
		}
		p.line("  %7.2f%%  %s", share(r.Self), r.Name)
	}
}

func (p *printer) traceFacts(r *recording.Summary) {
	if len(r.Trace.Kinds) > 0 {
		p.section("Latencies")
		p.line("  %s", p.s.paint(faint, fmt.Sprintf("%9s %10s %10s %10s %10s  %s", "TIMES", "P50", "P99", "P99.9", "MAX", "WHAT")))
	}
	for _, kind := range latency.Kinds {
		l, ok := r.Trace.Kinds[kind]
		if !ok {
			continue
		}
		p.line("  %9d %10s %10s %10s %10s  %s", l.N, brief(l.P50), brief(l.P99), brief(l.P999), brief(l.Max), latencyTitles[kind])
		if len(l.Worst) > 0 {
			w := l.Worst[0]
			p.wrapped("            ", fmt.Sprintf("worst at %.6f on CPU %d: %s%s", float64(w.Begin)/1e9, w.CPU, w.What, story(w)), faint)
		}
	}
	p.section("Events")
	for i, e := range r.Events {
		if i == maxRecordingEvents {
			p.line("  %s", p.s.paint(faint, fmt.Sprintf("%d more kinds; ringside trace summary lists all", len(r.Events)-i)))
			break
		}
		p.line("  %9d  %s", e.Count, e.Name)
	}
}

// markdownRecording writes the same to be pasted.
func (p *printer) markdownRecording(r *recording.Summary) {
	p.line("# %s", mdText(r.Title))
	p.line("\n**%s** – %s", strings.ToUpper(string(r.Kind)), mdText(strings.Join(recordingFacts(r), ", ")))
	for _, l := range recordingLosses(r) {
		p.line("\n> %s", mdText(l))
	}
	if f := r.Profile; f != nil {
		if len(f.Went.Costs) > 0 {
			p.line("\n## Where the time went\n\n| share of busy time | what | for |\n|---:|---|---|")
			for _, c := range f.Went.Costs {
				var names []string
				for _, x := range c.Callers {
					names = append(names, fmt.Sprintf("`%s` %.1f %%", mdCode(x.Name), 100*x.Share))
				}
				p.line("| %.1f %% | %s | %s |", 100*c.Share, mdText(c.Title), painted(strings.Join(names, ", ")))
			}
		}
		p.line("\n## Functions\n\n| self | total | function | module |\n|---:|---:|---|---|")
		for i, x := range f.Functions {
			if i == maxRecordingRows {
				break
			}
			all := float64(max(1, f.Weight))
			p.line("| %.2f %% | %.2f %% | `%s` | %s |", 100*float64(x.Self)/all, 100*float64(x.Total)/all, mdCode(x.Name), mdText(x.Module))
		}
	}
	if r.Trace != nil && len(r.Trace.Kinds) > 0 {
		p.line("\n## Latencies\n\n| what | times | p50 | p99 | p99.9 | max |\n|---|---:|---:|---:|---:|---:|")
		for _, kind := range latency.Kinds {
			if l, ok := r.Trace.Kinds[kind]; ok {
				p.line("| %s | %d | %s | %s | %s | %s |", latencyTitles[kind], l.N, brief(l.P50), brief(l.P99), brief(l.P999), brief(l.Max))
			}
		}
	}
	if len(r.Next) > 0 {
		p.line("\n## Next\n")
		for _, n := range r.Next {
			p.line("- %s", mdText(n))
		}
	}
	for _, w := range r.Warnings {
		p.line("\n> %s", mdText(w))
	}
}
