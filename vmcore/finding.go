package vmcore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ringside/crash"
	"ringside/diagnose"
	"ringside/vmcore/dump"
)

// findings asks every rule and ranks what they say.
func (t *triage) findings() {
	for _, rule := range []func() []Finding{t.crashes, t.deadlocks, t.hungChains, t.lockups, t.stuckIO, t.stalledPools, t.badPointers, t.corruption} {
		t.doc.Findings = append(t.doc.Findings, rule()...)
	}
	t.doc.Findings = t.outOfMemory(t.doc.Findings)
	f := t.doc.Findings
	if !slices.ContainsFunc(f, func(f Finding) bool { return f.weight >= 0.3 }) {
		f = append(f, t.nothing())
	}
	slices.SortStableFunc(f, func(a, b Finding) int { return cmp.Compare(b.weight, a.weight) })
	for i := range f {
		f[i].Rank = i + 1
		if f[i].Evidence == nil {
			f[i].Evidence = []Evidence{}
		}
	}
	t.doc.Findings = f
}

// What a finding weighs: what made the kernel die goes before what else is wrong
// with it. A hang that the graph explains goes before the report that the
// detector of hangs wrote about it.
const (
	weightRing    = 0.98
	weightPrimary = 0.95
	weightChain   = 0.90
	weightDetails = 0.85 // what a primary report's operand points to, and the like
	weightReport  = 0.60
	weightCorrupt = 0.55
	weightEvent   = 0.25 // what a kernel says and lives on
)

// isHang reports whether a report is of a detector that found something waiting:
// the graph knows more about it.
func isHang(r *crash.Report) bool {
	k := string(r.Kind)
	return strings.Contains(k, "hung") || strings.Contains(k, "deadlock")
}

// isLockup reports whether a report is about a CPU that does not come back.
func isLockup(r *crash.Report) bool {
	k := string(r.Kind)
	return strings.Contains(k, "lockup") || strings.Contains(k, "stall")
}

// asksForDump reports whether a report is of somebody who asked for a dump.
func asksForDump(r *crash.Report) bool {
	return r.Class == "request" || strings.Contains(string(r.Kind), "sysrq") || strings.Contains(r.Headline, "sysrq triggered crash") ||
		r.Guilty != nil && r.Guilty.Function == "sysrq_handle_crash"
}

// crashes are the log's reports. The report that the log is about is what made
// the kernel die, if it died.
func (t *triage) crashes() []Finding {
	doc := t.doc.Crash
	if doc == nil {
		return nil
	}
	var list []Finding
	for i := range doc.Reports {
		r := &doc.Reports[i]
		if r.RepeatOf != nil {
			continue
		}
		d := diagnose.Explain(doc, i)
		f := Finding{Kind: FindingCrash, Title: r.Title, Confidence: r.Confidence, Report: new(i), Diagnosis: &d, Next: d.Next,
			Evidence: []Evidence{{Text: r.Headline, Line: r.Lines.First}}}
		kind := string(r.Kind)
		switch {
		case isLockup(r):
			f.Kind = FindingLockup
		case isHang(r) && strings.Contains(r.Headline, " in I/O wait "): // 7.0 and later
			f.Kind = FindingIO
		case isHang(r):
			f.Kind = FindingHung
		case r.Memory != nil && strings.Contains(kind, "oom"):
			f.Kind = FindingMemory
		case asksForDump(r):
			f.Kind = FindingRequested
		case strings.Contains(kind, "use-after-free"):
			f.Kind = FindingFreed
		}
		primary := doc.Primary != nil && *doc.Primary == i
		switch {
		case f.Kind == FindingRequested:
			f.weight = weightChain - 0.1
		case f.Kind == FindingLockup && r.Panicked:
			// Whoever waits meanwhile waits for this CPU.
			f.weight = weightRing - 0.01
		case (f.Kind == FindingHung || f.Kind == FindingIO) && t.inGraph(r):
			f.weight = weightEvent // the graph tells it better
		case primary && r.Panicked:
			f.weight = weightPrimary
		case primary:
			f.weight = weightPrimary - 0.02
		case r.Impact == "event" || r.Impact == "warning":
			f.weight = weightEvent
		default:
			f.weight = weightReport
		}
		f.Evidence = append(f.Evidence, t.reportEvidence(r)...)
		f.Evidence = append(f.Evidence, t.pointerEvidence(i)...)
		if primary && strings.Contains(r.Headline, "NMI") {
			f.Evidence = append(f.Evidence, t.otherCPUs(r)...)
		}
		for _, h := range d.Hypotheses {
			f.Evidence = append(f.Evidence, Evidence{Text: h.Text})
		}
		list = append(list, f)
	}
	return list
}

// otherCPUs says what the CPUs did that did not panic: who presses the button
// that sends an NMI has a machine that does not answer.
func (t *triage) otherCPUs(r *crash.Report) (list []Evidence) {
	for _, c := range t.doc.Sections.CPUs {
		if c.TID == 0 || r.CPU != nil && c.Number == *r.CPU {
			continue
		}
		if _, stack := t.stackOfCPU(c.Number); len(stack) > 0 {
			list = append(list, Evidence{Text: fmt.Sprintf("meanwhile CPU %d ran %s:%d: %s", c.Number, c.Task, c.TID, strings.Join(stack, " ← ")), Object: fmt.Sprintf("cpu %d", c.Number)})
		}
	}
	return list
}

// inGraph reports whether the task of a hung-task report is in the graph.
func (t *triage) inGraph(r *crash.Report) bool {
	s := t.doc.Sections.Waits
	if s == nil || r.PID == nil {
		return false
	}
	n := s.Graph.Task(*r.PID)
	return slices.ContainsFunc(s.Graph.Edges, func(e crash.WaitEdge) bool { return e.From == n })
}

// reportEvidence says where a report happened, and whether the registers in the
// dump agree.
func (t *triage) reportEvidence(r *crash.Report) (list []Evidence) {
	if r.Guilty != nil {
		text := "it happened in " + r.Guilty.Function
		if r.Guilty.Module != "" {
			text += " of the module " + r.Guilty.Module
		}
		list = append(list, Evidence{Text: text})
	}
	if r.CPU == nil {
		return list
	}
	for _, c := range t.doc.Sections.CPUs {
		if c.Number != *r.CPU {
			continue
		}
		for _, f := range c.Frames {
			if r.Guilty != nil && f.Symbol != "" && f.Symbol == r.Guilty.Function && !f.Unreliable {
				list = append(list, Evidence{Text: fmt.Sprintf("the stack of CPU %d in the dump goes through %s", c.Number, f), Object: fmt.Sprintf("cpu %d", c.Number)})
				break
			}
		}
	}
	return list
}

// deadlocks are the rings of the graph.
func (t *triage) deadlocks() []Finding {
	s := t.doc.Sections.Waits
	if s == nil {
		return nil
	}
	var list []Finding
	for _, ring := range s.Graph.Cycles {
		var tasks, locks []string
		f := Finding{Kind: FindingDeadlock, Confidence: 1, weight: weightRing}
		if t.diedOfOther() {
			f.weight = weightChain
		}
		for i, n := range ring {
			node := s.Graph.Nodes[n]
			switch node.Kind {
			case crash.NodeTask:
				tasks = append(tasks, node.Name)
			default:
				locks = append(locks, node.Name)
			}
			to := ring[(i+1)%len(ring)]
			for _, e := range s.Graph.Edges {
				if e.From == n && e.To == to {
					f.Evidence = append(f.Evidence, Evidence{Text: node.Name + " " + e.Reason + " " + s.Graph.Nodes[to].Name, Object: t.objectOf(s, n)})
					f.Confidence = min(f.Confidence, e.Confidence)
					break
				}
			}
		}
		f.Title = fmt.Sprintf("deadlock of %s over %s", sentence(tasks), sentence(locks))
		if len(tasks) == 1 {
			f.Title = fmt.Sprintf("%s waits for %s, which it holds itself", tasks[0], sentence(locks))
		}
		f.Evidence = append(f.Evidence, t.stacksOf(s, ring)...)
		if n := t.waitersOn(s, ring); n > 0 {
			f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("%d more tasks wait for what is in the ring", n)})
		}
		f.Next = []string{"take the locks in one order everywhere: the stacks say where each was asked for", "build with CONFIG_PROVE_LOCKING to have the other places found that take them the wrong way round"}
		f.Report = t.hangReport()
		list = append(list, f)
	}
	return list
}

// diedOfOther reports whether the kernel died of something that is no hang: then
// what hangs besides is not what the dump is about.
func (t *triage) diedOfOther() bool {
	doc := t.doc.Crash
	if doc == nil || doc.Primary == nil {
		return false
	}
	r := &doc.Reports[*doc.Primary]
	return r.Panicked && !isHang(r) && !isLockup(r)
}

// hangReport returns the log's first report of a hang.
func (t *triage) hangReport() *int {
	if t.doc.Crash == nil {
		return nil
	}
	for i := range t.doc.Crash.Reports {
		if isHang(&t.doc.Crash.Reports[i]) {
			return &i
		}
	}
	return nil
}

// objectOf names what in memory a node is.
func (t *triage) objectOf(s *WaitSection, node int) string {
	n := s.Graph.Nodes[node]
	if n.Kind == crash.NodeTask {
		for _, task := range t.doc.Sections.Tasks.Tasks {
			if task.TID == n.PID && task.Comm+fmt.Sprintf(":%d", n.PID) == n.Name {
				return fmt.Sprintf("struct task_struct %s", task.Addr)
			}
		}
		return ""
	}
	for _, l := range s.Locks {
		name := string(l.Kind) + " " + l.Name
		if l.Name == "" {
			name = string(l.Kind) + " " + l.Addr.String()
		}
		if name == n.Name {
			return lockStruct(l)
		}
	}
	return ""
}

func lockStruct(l Lock) string {
	typ := map[string]string{"mutex": "struct mutex", "rt_mutex": "struct rt_mutex_base", "rwsem": "struct rw_semaphore", "semaphore": "struct semaphore",
		"completion": "struct completion", "page": "struct wait_queue_head", "wait queue": "struct wait_queue_head"}[string(l.Kind)]
	return fmt.Sprintf("%s %s", typ, l.Addr)
}

// stacksOf adds where the tasks of a ring are.
func (t *triage) stacksOf(s *WaitSection, nodes []int) (list []Evidence) {
	for _, n := range nodes {
		node := s.Graph.Nodes[n]
		if node.Kind == crash.NodeTask && len(node.Stack) > 0 {
			list = append(list, Evidence{Text: node.Name + ": " + strings.Join(shorten(node.Stack), " ← ")})
		}
	}
	return list
}

// shorten leaves out of a stack what every waiting task goes through.
func shorten(stack []string) []string {
	var out []string
	for _, f := range stack {
		name, _, _ := strings.Cut(f, "+")
		if len(out) == 0 && (name == "__switch_to" || name == "__schedule" || name == "schedule" || name == "schedule_preempt_disabled" || name == "schedule_timeout" || name == "io_schedule") {
			continue
		}
		if out = append(out, f); len(out) == 6 {
			break
		}
	}
	return out
}

// whereOf returns the innermost frame of a stack that is not about waiting.
func whereOf(stack []string) string {
	for _, f := range shorten(stack) {
		name, _, _ := strings.Cut(f, "+")
		if !crash.Generic(name) && !strings.HasPrefix(name, "__wait_for_") {
			return f
		}
	}
	return ""
}

func (t *triage) waitersOn(s *WaitSection, nodes []int) int {
	n := 0
	for _, at := range nodes {
		n += s.Graph.Waiters(at)
	}
	return max(n-len(nodes)/2, 0)
}

// hungLong is how long a wait has to last before it is a finding of its own.
const hungLong = 10.0

// hungChains are the chains of the graph that end somewhere.
func (t *triage) hungChains() []Finding {
	s := t.doc.Sections.Waits
	if s == nil {
		return nil
	}
	report := t.hangReport()
	var list []Finding
	for _, end := range s.Graph.Ends {
		if end.Waiters == 0 {
			continue
		}
		node := s.Graph.Nodes[end.Node]
		longest, who := t.longest(s, end.Node)
		if longest < hungLong && report == nil {
			continue
		}
		f := Finding{Kind: FindingHung, Confidence: 0.8, Report: report, weight: weightChain - 0.02 + 0.01*min(float64(end.Waiters), 2)}
		if report == nil || t.logHasLockup() {
			f.weight = weightReport
		}
		switch holder := t.lastHolder(s, end); {
		case holder != nil && end.Waiters > 1:
			f.Title = fmt.Sprintf("%d blocked behind %s, which waits for %s", end.Waiters-1, holder.Name, node.Name)
			if at := whereOf(holder.Stack); at != "" {
				f.Title += " in " + at
			}
			f.Evidence = append(f.Evidence, Evidence{Text: holder.Name + " waits for " + node.Name})
		default:
			f.Title = fmt.Sprintf("%s: %d blocked", node.Name, end.Waiters)
		}
		switch node.Kind {
		case crash.NodeTask:
			state := map[string]string{"R": "is running", "S": "sleeps and can be woken", "Z": "has exited", "X": "has exited", "T": "was stopped", "t": "was stopped by a debugger"}[node.State]
			if state == "" {
				state = "waits"
				if len(shorten(node.Stack)) == 0 {
					state = "waits, and whose stack is not in the dump"
				}
			}
			if len(node.Stack) > 0 {
				state += " in " + strings.Join(shorten(node.Stack), " ← ")
			}
			f.Title = fmt.Sprintf("%d blocked behind %s, which %s", end.Waiters, node.Name, firstFrame(state))
			f.Evidence = append(f.Evidence, Evidence{Text: node.Name + " " + state, Object: t.objectOf(s, end.Node)})
		}
		if who != "" {
			f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("%s has waited for %.0f s", who, longest)})
		}
		f.Evidence = append(f.Evidence, t.chains(s, end.Node)...)
		list = append(list, f)
	}
	return list
}

// logHasLockup reports whether the log says that a CPU did not come back: then what
// waits is likely to wait for it.
func (t *triage) logHasLockup() bool {
	return t.doc.Crash != nil && slices.ContainsFunc(t.doc.Crash.Reports, func(r crash.Report) bool { return isLockup(&r) })
}

// lastHolder returns the one task that waits for the end of a chain itself, all
// others waiting for it; nil where the end is a task or there are several.
func (t *triage) lastHolder(s *WaitSection, end crash.WaitEnd) *crash.WaitNode {
	if s.Graph.Nodes[end.Node].Kind == crash.NodeTask {
		return nil
	}
	var holder *crash.WaitNode
	for _, e := range s.Graph.Edges {
		if e.To == end.Node {
			if holder != nil {
				return nil
			}
			holder = &s.Graph.Nodes[e.From]
		}
	}
	return holder
}

func firstFrame(text string) string {
	head, _, _ := strings.Cut(text, " ← ")
	return head
}

// maxChains is how many chains to one end are told.
const maxChains = 8

// chains tells who waits for an end, and along what.
func (t *triage) chains(s *WaitSection, end int) (list []Evidence) {
	for i, n := range s.Graph.Nodes {
		if n.Kind != crash.NodeTask || i == end {
			continue
		}
		edges, ring := s.Graph.Chain(i)
		if ring || len(edges) == 0 || edges[len(edges)-1].To != end {
			continue
		}
		text := n.Name
		for _, e := range edges {
			text += " " + e.Reason + " " + s.Graph.Nodes[e.To].Name
		}
		if list = append(list, Evidence{Text: text, Object: t.objectOf(s, i)}); len(list) == maxChains {
			break
		}
	}
	return list
}

// longest returns who has waited longest for an end.
func (t *triage) longest(s *WaitSection, end int) (seconds float64, who string) {
	for i, n := range s.Graph.Nodes {
		if n.Kind != crash.NodeTask || i == end {
			continue
		}
		edges, _ := s.Graph.Chain(i)
		if len(edges) == 0 || edges[len(edges)-1].To != end {
			continue
		}
		for _, task := range t.doc.Sections.Tasks.Tasks {
			if task.TID == n.PID && task.Waited != nil && *task.Waited > seconds {
				seconds, who = *task.Waited, n.Name
			}
		}
	}
	return seconds, who
}

// corruption are contradictions that the walks met. A running kernel goes on while
// it is read: its lists contradict what was read of them a moment ago.
func (t *triage) corruption() []Finding {
	if t.doc.Dump.Format == dump.FormatKcore {
		return nil
	}
	var list []Finding
	for _, st := range t.doc.Sections.Status {
		for _, f := range st.Faults {
			if f.Corrupt {
				list = append(list, Finding{Kind: FindingCorrupt, Title: "a list or tree of " + f.Path + " contradicts itself", Confidence: 0.5, weight: weightCorrupt,
					Evidence: []Evidence{{Text: f.Text, Object: f.Path + " " + f.Addr.String()}}})
			}
		}
	}
	return list
}

// nothing is for a system in which nothing is found wrong.
func (t *triage) nothing() Finding {
	f := Finding{Kind: FindingNothing, Title: "nothing is found wrong", Confidence: 0.5, weight: 0.3}
	switch {
	case t.k.Types == nil && t.doc.Sections.Log == nil:
		f.Title = "too little could be read to say anything"
		f.Confidence = 0
		for _, s := range t.doc.Ladder {
			if !s.Reached {
				f.Evidence = append(f.Evidence, Evidence{Text: s.Rung.String() + ": " + s.Text})
				break
			}
		}
	case t.doc.Sections.Tasks != nil:
		f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("%d tasks, none of which waits for a lock for long; the log has no report", t.doc.Sections.Tasks.Count)})
	}
	return f
}

// sentence joins names as in a sentence.
func sentence(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
