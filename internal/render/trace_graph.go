package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/trace/graph"
)

// TraceGraphSchemaID names the JSON form of "trace graph".
const TraceGraphSchemaID = "https://ringside.dev/schemas/trace-graph.v1.json"

// TraceGraph is what the function tracers recorded.
type TraceGraph struct {
	TraceHead
	graph.Graph
}

// TraceGraphReport prints it, with as many functions as are asked for.
func TraceGraphReport(w io.Writer, t TraceGraph, most int, st Style) error {
	p := &printer{w: w, s: st}
	p.traceHead(t.TraceHead)
	if len(t.Functions) == 0 {
		p.line("No events of the function tracers; record with 'trace-cmd record -p function_graph'.")
		return p.err
	}
	if t.Partial+t.Open > 0 {
		p.line("%s", p.s.paint(faint, fmt.Sprintf("%d calls began and %d ended where the recording does not reach", t.Partial, t.Open)))
	}
	more := func(n int) {
		if n > most {
			p.line("  %s", p.s.paint(faint, fmt.Sprintf("%d more; --top and --json have them", n-most)))
		}
	}
	p.section("Functions")
	timed := len(t.Tree) > 0
	if timed {
		p.line("  %s", p.s.paint(faint, fmt.Sprintf("%10s %10s %9s %9s %9s %9s  %s", "SELF", "TOTAL", "CALLS", "P50", "P99", "MAX", "FUNCTION")))
	}
	for _, f := range t.Functions[:min(most, len(t.Functions))] {
		if timed {
			p.line("  %10s %10s %9d %9s %9s %9s  %s", brief(f.Self), brief(f.Total), f.Calls, brief(f.P50), brief(f.P99), brief(f.Max), f.Name)
		} else {
			p.line("  %10d  %s", f.Calls, f.Name)
		}
	}
	more(len(t.Functions))
	if timed {
		p.section("Where from, above 1 %")
		var all int64
		for _, n := range t.Tree {
			all += int64(n.Total)
		}
		var walk func(list []*graph.Node, depth int)
		walk = func(list []*graph.Node, depth int) {
			for _, n := range list {
				if int64(n.Total) >= max(1, all/100) && depth < 40 {
					p.line("  %5.1f%% %10s %9d  %s%s", 100*float64(n.Total)/float64(all), brief(n.Total), n.Calls, strings.Repeat("  ", depth), n.Name)
					walk(n.Children, depth+1)
				}
			}
		}
		walk(t.Tree, 0)
	}
	if len(t.Pairs) > 0 {
		p.section("Who calls")
		for _, x := range t.Pairs[:min(most, len(t.Pairs))] {
			p.line("  %10d  %s ← %s", x.Calls, x.Function, x.Caller)
		}
		more(len(t.Pairs))
	}
	return p.err
}
