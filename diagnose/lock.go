package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"ringside/crash"
)

// heldBy names who is at the end of what a stuck task waits for.
func heldBy(k *facts) *Hypothesis {
	doc, r := k.doc, k.report
	g := doc.Graph(r.Boot)
	if g == nil || r.PID == nil || r.Class != crash.ClassHang {
		return nil
	}
	at := g.Task(*r.PID)
	if at < 0 {
		return nil
	}
	chain, ring := g.Chain(at)
	if len(chain) == 0 {
		return isHolder(g, at, r)
	}
	text, sure, named := tell(g, chain)
	end := chain[len(chain)-1].To
	if !named && !ring {
		return nil // it waits for something, and nobody says for whom
	}
	h := &Hypothesis{Text: text, Confidence: min(sure, 0.95) * 0.95, Evidence: waitEvidence(r)}
	if ring {
		h.Text += " They wait for each other: a deadlock."
		h.Check = "Compare the order in which the tasks of the ring take their locks; lockdep (CONFIG_PROVE_LOCKING) names both places."
		return h
	}
	n := &g.Nodes[end]
	if d := n.Describe(); d != "" {
		h.Text += fmt.Sprintf(" %s is %s.", n.Name, d)
	}
	if w := g.Waiters(end); w > 1 {
		h.Text += fmt.Sprintf(" %d tasks wait for it.", w)
	}
	h.Check = fmt.Sprintf("Find out what %s does: its stack in this log, or sysrq-t.", n.Name)
	if n.PID > 0 {
		h.Check = fmt.Sprintf("Find out what %s does: its stack in this log, sysrq-t, or /proc/%d/stack.", n.Name, n.PID)
	}
	return h
}

// isHolder is the other side: this task is the one that others wait for.
func isHolder(g *crash.WaitGraph, at int, r *crash.Report) *Hypothesis {
	n := &g.Nodes[at]
	waiters := g.Waiters(at)
	i := slices.IndexFunc(g.Edges, func(e crash.WaitEdge) bool { return e.To == at })
	if waiters == 0 || i < 0 {
		return nil
	}
	e := g.Edges[i]
	others := "task waits"
	if waiters > 1 {
		others = "tasks wait"
	}
	h := &Hypothesis{
		Text:       fmt.Sprintf("%d %s for %s: it %s %s.", waiters, others, n.Name, holds(e), g.Nodes[e.From].Name),
		Confidence: min(e.Confidence, 0.95) * 0.95, Evidence: waitEvidence(r),
		Check: "Find out why it does not go on; the tasks behind it are its victims.",
	}
	if n.Since != nil {
		h.Text += fmt.Sprintf(" It has not moved since %.0f s after boot.", *n.Since)
	}
	if d := n.Describe(); d != "" {
		h.Text += fmt.Sprintf(" It is %s.", d)
	}
	return h
}

// holds says what the task at the end of e has to do with its beginning.
func holds(e crash.WaitEdge) string {
	switch {
	case strings.HasPrefix(e.Reason, "may be held"):
		return "may hold the"
	case strings.HasPrefix(e.Reason, "held"):
		return "holds the"
	case strings.HasPrefix(e.Reason, "runs"), strings.HasPrefix(e.Reason, "was running"):
		return "runs on"
	}
	return "is what stops the"
}

// tell writes a chain in sentences. It says how sure the weakest step is, and
// whether the chain leads to somebody.
func tell(g *crash.WaitGraph, chain []crash.WaitEdge) (text string, sure float64, named bool) {
	sure = 1
	var parts []string
	for i := 0; i < len(chain); i++ {
		e := chain[i]
		sure = min(sure, e.Confidence)
		from, to := &g.Nodes[e.From], &g.Nodes[e.To]
		if to.Kind != crash.NodeLock || i+1 == len(chain) {
			named = named || to.Kind == crash.NodeTask || to.Kind == crash.NodeCPU
			if from.Kind == crash.NodeTask {
				parts = append(parts, fmt.Sprintf("%s waits for the %s.", from.Name, to.Name))
			} else {
				parts = append(parts, fmt.Sprintf("The %s %s %s.", from.Name, e.Reason, to.Name))
			}
			continue
		}
		// A lock and its holder make one sentence.
		next := chain[i+1]
		sure = min(sure, next.Confidence)
		named = true
		lock := to.Name
		if !strings.Contains(lock, " that ") {
			lock += " that " + from.Name + " waits for"
		}
		parts = append(parts, fmt.Sprintf("%s %s %s.", g.Nodes[next.To].Name, holds(next), lock))
		i++
	}
	return strings.ReplaceAll(strings.Join(parts, " "), "The CPU", "CPU"), sure, named
}

// waitEvidence returns the fields of r that its part of the graph rests on.
func waitEvidence(r *crash.Report) []string {
	var fields []string
	for _, f := range []string{"waits", "task", "guilty"} {
		if slices.ContainsFunc(r.Evidence, func(e crash.Evidence) bool { return e.Field == f }) {
			fields = append(fields, f)
		}
	}
	if fields == nil {
		return []string{"headline"}
	}
	return fields
}
