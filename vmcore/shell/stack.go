package shell

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ringside/vmcore/object"
	"ringside/vmcore/unwind"
)

// frameLines writes the frames of a stack.
func (c *call) frameLines(s unwind.Stack) []string {
	var out []string
	for i, f := range s.Frames {
		mark := " "
		if !f.Reliable {
			mark = "?"
		}
		pc := f.PC
		if !f.Exact {
			pc-- // the call is before where it returns to
		}
		lines := c.s.k.Lines(pc)
		for n, l := range lines {
			if n < len(lines)-1 {
				out = append(out, fmt.Sprintf("      (inlined) %s  %s:%d", l.Function, l.File, l.Line))
			}
		}
		text := fmt.Sprintf("#%-3d%s [%016x] %s", i, mark, f.PC, f.Location)
		if len(lines) > 0 {
			l := lines[len(lines)-1]
			text += fmt.Sprintf("  %s:%d", l.File, l.Line)
		}
		out = append(out, text)
		if f.Regs != nil {
			out = append(out, "      --- what was interrupted:")
			for regs := range slices.Chunk(f.Regs.Named, 4) {
				var b strings.Builder
				for _, r := range regs {
					fmt.Fprintf(&b, " %6s: %016x", r.Name, r.Value)
				}
				out = append(out, "     "+b.String())
			}
		}
	}
	return out
}

// stackOf unwinds a task for an answer.
func (c *call) stackOf(t object.Task, cpus []object.CPU) Stack {
	s, err := object.StackOf(t, cpus)
	out := Stack{Frames: c.frameLines(s), End: s.End,
		Tasks: []StackTask{{PID: t.PID, Comm: t.Comm, State: t.State.Letter, CPU: t.CPU, Addr: object.Addr(t.Addr)}}}
	if err != nil {
		out.End = err.Error()
	}
	if out.Frames == nil {
		out.Frames = []string{}
	}
	return out
}

// text writes a stack under its head.
func (s Stack) text(head string) string {
	var b strings.Builder
	b.WriteString(head + "\n")
	for _, f := range s.Frames {
		b.WriteString("  " + f + "\n")
	}
	if s.End != "" {
		b.WriteString("  the stack ends here: " + s.End + "\n")
	}
	return b.String()
}

// backtraces prints the stack of each task.
func (c *call) backtraces(tasks []object.Task) (result, error) {
	cpus := object.CPUs(c.w)
	var r result
	var b strings.Builder
	for i, t := range tasks {
		s := c.stackOf(t, cpus)
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s.text(taskHead(t)))
		r.stacks = append(r.stacks, s)
		if err := c.ctx.Err(); err != nil || b.Len() > maxText {
			r.text = b.String()
			return r, err
		}
	}
	r.text = b.String()
	return r, nil
}

// stacks prints the stacks of the rows' tasks, each once.
func (c *call) stacks(t *table) (result, error) {
	cpus := object.CPUs(c.w)
	index := map[string]int{}
	var groups []Stack
	for _, r := range t.rows {
		if r.task == nil {
			return result{}, errors.New("stack wants rows that are tasks, as those of tasks and runq are")
		}
		s := c.stackOf(*r.task, cpus)
		key := strings.Join(s.Frames, "\n") + "\n" + s.End
		if i, ok := index[key]; ok {
			groups[i].Tasks = append(groups[i].Tasks, s.Tasks...)
		} else {
			index[key] = len(groups)
			groups = append(groups, s)
		}
		if err := c.ctx.Err(); err != nil {
			return result{}, err
		}
	}
	slices.SortStableFunc(groups, func(a, b Stack) int { return cmp.Compare(len(b.Tasks), len(a.Tasks)) })
	const named = 8
	var texts []string
	for _, g := range groups {
		var names []string
		for _, t := range g.Tasks[:min(len(g.Tasks), named)] {
			names = append(names, fmt.Sprintf("%s:%d", t.Comm, t.PID))
		}
		if len(g.Tasks) > named {
			names = append(names, "…")
		}
		texts = append(texts, g.text(fmt.Sprintf("%d × %s", len(g.Tasks), strings.Join(names, " "))))
	}
	if groups == nil {
		groups = []Stack{}
	}
	return result{text: strings.Join(texts, "\n"), stacks: groups}, nil
}
