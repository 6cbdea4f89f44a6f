package web

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ringside/internal/record"
)

// dumpTasksView is a part of a dump's tasks.
type dumpTasksView struct {
	Items   []dumpTaskRow
	Total   int
	Columns []column
	Pager   pager
	States  []choice
	Text    string
	State   string
	Sort    string
	Stack   string
	Active  []choice
}

// dumpTaskRow is a task with what it does.
type dumpTaskRow struct {
	dumpTask
	Waits string // what it waits for, as far as is known
	Stack string // the functions that matter, innermost first
}

// taskStates says what the letters of states mean.
var taskStates = map[string]string{
	"R": "running or able to", "S": "sleeping", "D": "blocked, not interruptible", "I": "idle kernel thread", "T": "stopped", "t": "traced",
	"Z": "zombie", "X": "dead", "P": "parked",
}

func newDumpTasks(r *http.Request, doc *dumpDoc) (*dumpTasksView, error) {
	t := doc.Sections.Tasks
	if t == nil {
		return nil, nil
	}
	q, err := readQuery(r, "q", "state", "sort", "stack", "offset")
	if err != nil {
		return nil, err
	}
	offset, err := q.number("offset")
	if err != nil {
		return nil, err
	}
	group := -1
	if text := q.get("stack"); text != "" {
		if group, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("stack=%q: %w: it is the number of a stack", text, record.ErrInvalid)
		}
	}
	v := &dumpTasksView{Total: t.Count, Text: q.get("q"), State: q.get("state"), Sort: q.get("sort"), Stack: q.get("stack")}
	order, ok := taskOrders[v.Sort]
	if !ok {
		return nil, fmt.Errorf("sort=%q: %w: it is tid, name, waited, ran or rss", v.Sort, record.ErrInvalid)
	}
	var list []*dumpTask
	for i := range t.Tasks {
		task := &t.Tasks[i]
		if (v.State == "" || task.State == v.State) && (group < 0 || task.Group == group) && taskFits(task, v.Text) {
			list = append(list, task)
		}
	}
	slices.SortStableFunc(list, order)
	waits := waitsOf(doc)
	for _, task := range list[min(offset, len(list)):min(offset+pageRows, len(list))] {
		row := dumpTaskRow{dumpTask: *task, Waits: waits[task.TID]}
		if task.Group >= 0 && task.Group < len(t.Groups) {
			row.Stack = stackWords(t.Groups[task.Group].Frames)
		}
		v.Items = append(v.Items, row)
	}
	v.Pager = q.pager(offset, len(v.Items), pageRows, int64(len(list)))
	v.Columns = []column{q.column("Task", "wide", "name", "tid", false), q.column("TID", "n", "tid", "tid", false), q.column("State", "", "", "tid", false),
		q.column("CPU", "n", "", "tid", false), q.column("Off CPU for", "n", "waited", "tid", false), q.column("CPU time", "n", "ran", "tid", false),
		q.column("Resident", "n", "rss", "tid", false)}
	v.States = append(v.States, choice{Label: "all", Count: int64(t.Count), Chosen: v.State == "", URL: q.with("state", "")})
	for _, s := range slices.Sorted(maps.Keys(t.States)) {
		v.States = append(v.States, choice{Value: s, Label: s, Count: int64(t.States[s]), Chosen: v.State == s, URL: q.with("state", s)})
	}
	for _, k := range []string{"q", "stack"} {
		if val := q.get(k); val != "" {
			v.Active = append(v.Active, choice{Label: k, Value: val, URL: q.with(k, "")})
		}
	}
	return v, nil
}

// Means says what the letter of a task's state means.
func (t dumpTask) Means() string { return taskStates[t.State] }

// Means says what the letter of a group's state means.
func (g dumpGroup) Means() string { return taskStates[g.State] }

// taskOrders are the orders of a list of tasks.
var taskOrders = map[string]func(a, b *dumpTask) int{
	"":       func(_, _ *dumpTask) int { return 0 }, // the document's own: by TID
	"tid":    func(_, _ *dumpTask) int { return 0 },
	"name":   func(a, b *dumpTask) int { return cmp.Compare(a.Comm, b.Comm) },
	"waited": func(a, b *dumpTask) int { return cmp.Compare(waited(b), waited(a)) },
	"ran":    func(a, b *dumpTask) int { return cmp.Compare(b.Ran, a.Ran) },
	"rss":    func(a, b *dumpTask) int { return cmp.Compare(b.RSS, a.RSS) },
}

func waited(t *dumpTask) float64 {
	if t.Waited == nil {
		return -1
	}
	return *t.Waited
}

// taskFits tells whether a task is what somebody searches: by a number its TID
// or PID, else a part of its name or cgroup.
func taskFits(t *dumpTask, text string) bool {
	if text == "" {
		return true
	}
	if n, err := strconv.Atoi(text); err == nil {
		return t.TID == n || t.PID == n
	}
	text = strings.ToLower(text)
	return strings.Contains(strings.ToLower(t.Comm), text) || strings.Contains(strings.ToLower(t.Cgroup), text)
}

// waitsOf says of tasks what they wait for.
func waitsOf(doc *dumpDoc) map[int]string {
	waits := map[int]string{}
	if w := doc.Sections.Waits; w != nil {
		for _, e := range w.Graph.Edges {
			if e.From < 0 || e.To < 0 || e.From >= len(w.Graph.Nodes) || e.To >= len(w.Graph.Nodes) {
				continue
			}
			if from := w.Graph.Nodes[e.From]; from.Kind == "task" && from.PID != 0 && waits[from.PID] == "" {
				waits[from.PID] = e.Reason + " " + w.Graph.Nodes[e.To].Name
			}
		}
	}
	return waits
}

// schedulers are what every task that sleeps is in.
var schedulers = []string{"__schedule", "schedule", "schedule_timeout", "schedule_preempt_disabled", "schedule_hrtimeout_range_clock", "schedule_hrtimeout_range", "io_schedule"}

// stackWords is a stack in a line, less what says nothing.
func stackWords(frames []dumpFrame) string {
	var names []string
	for _, f := range frames {
		if len(names) == 0 && slices.Contains(schedulers, f.Symbol) {
			continue
		}
		name := f.Name()
		if f.Module != "" {
			name += " [" + f.Module + "]"
		}
		if names = append(names, name); len(names) == 6 {
			break
		}
	}
	return strings.Join(names, " ← ")
}

// Words is the group's stack in a line.
func (g dumpGroup) Words() string { return stackWords(g.Frames) }

// Names are the commands of the group's tasks, the first of them.
func (g dumpGroup) Names() string {
	names := g.Comms[:min(len(g.Comms), 4)]
	if len(g.Comms) > len(names) {
		return strings.Join(names, ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// dumpStacksView is the stacks of a dump, each once.
type dumpStacksView struct {
	Items  []dumpGroup
	Total  int
	Pager  pager
	Text   string
	State  string
	Group  string // the one that is shown alone
	States []choice
}

func newDumpStacks(r *http.Request, doc *dumpDoc) (*dumpStacksView, error) {
	t := doc.Sections.Tasks
	if t == nil {
		return nil, nil
	}
	q, err := readQuery(r, "q", "state", "group", "offset")
	if err != nil {
		return nil, err
	}
	offset, err := q.number("offset")
	if err != nil {
		return nil, err
	}
	v := &dumpStacksView{Total: len(t.Groups), Text: q.get("q"), State: q.get("state"), Group: q.get("group")}
	group := -1
	if v.Group != "" {
		if group, err = strconv.Atoi(v.Group); err != nil {
			return nil, fmt.Errorf("group=%q: %w: it is the number of a stack", v.Group, record.ErrInvalid)
		}
	}
	states := map[string]int64{}
	var list []dumpGroup
	for _, g := range t.Groups {
		states[g.State]++
		if (group < 0 || g.Index == group) && (v.State == "" || g.State == v.State) && groupFits(g, v.Text) {
			list = append(list, g)
		}
	}
	v.Items = list[min(offset, len(list)):min(offset+pageRows, len(list))]
	v.Pager = q.pager(offset, len(v.Items), pageRows, int64(len(list)))
	v.States = append(v.States, choice{Label: "all", Count: int64(len(t.Groups)), Chosen: v.State == "", URL: q.with("state", "")})
	for _, s := range slices.Sorted(maps.Keys(states)) {
		v.States = append(v.States, choice{Value: s, Label: s, Count: states[s], Chosen: v.State == s, URL: q.with("state", s)})
	}
	return v, nil
}

// groupFits tells whether a stack has a function or a task of a name.
func groupFits(g dumpGroup, text string) bool {
	text = strings.ToLower(text)
	return text == "" ||
		slices.ContainsFunc(g.Comms, func(c string) bool { return strings.Contains(strings.ToLower(c), text) }) ||
		slices.ContainsFunc(g.Frames, func(f dumpFrame) bool { return strings.Contains(strings.ToLower(f.Symbol+" "+f.Module), text) })
}
