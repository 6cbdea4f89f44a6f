package vmcore

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
	"ringside/vmcore/unwind"
)

// frames turns a stack into its JSON form, with lines where a vmlinux was given.
func (t *triage) frames(s unwind.Stack) []Frame {
	out := make([]Frame, 0, len(s.Frames))
	for i, f := range s.Frames {
		g := Frame{PC: Addr(f.PC), Symbol: f.Symbol, Offset: f.Offset, Size: f.Size, Module: f.Module, Unreliable: !f.Reliable, Exception: f.Regs != nil && i > 0}
		at := f.PC
		if !f.Exact {
			at--
		}
		lines := t.k.Lines(at)
		for j, l := range lines {
			if j == len(lines)-1 {
				g.File, g.Line = l.File, l.Line
			} else {
				g.Inline = append(g.Inline, Source{l.Function, l.File, l.Line})
			}
		}
		out = append(out, g)
	}
	return out
}

// maxTIDs is how many threads of a group are named.
const maxTIDs = 64

// readTasks lists all tasks, unwinds them and groups those with the same stack.
func (t *triage) readTasks(w *kernel.Walk) error {
	s := &TaskSection{States: map[string]int{}, Groups: []Group{}, Tasks: []Task{}, Namespaces: []NamespaceSet{}, Futexes: []Futex{}}
	t.doc.Sections.Tasks = s
	for task := range object.Tasks(w) {
		t.tasks = append(t.tasks, task)
	}
	onCPU := map[uint64]bool{}
	for _, c := range t.cpus {
		onCPU[c.Curr.Addr] = true
	}
	groups := map[uint64]int{}
	futexes, containers := futexTable{section: s, at: map[object.Futex]int{}}, newContainerTable(w, s)
	seed := maphash.MakeSeed()
	cache := map[uint64][]Frame{} // by the hash of the stack
	for i := range t.tasks {
		task := &t.tasks[i]
		task.OnCPU = onCPU[task.Addr]
		out := taskOut(*task)
		var key uint64
		if i < t.o.MaxStacks {
			stack, err := object.StackOf(*task, t.cpus)
			if err != nil {
				return err
			}
			h := stackHash(seed, stack)
			frames, ok := cache[h]
			if !ok {
				frames = t.frames(stack)
				cache[h] = frames
			}
			out.Frames, out.Unwound = frames, stack.End
			if stack.User != nil {
				out.UserPC = new(Addr(stack.User.PC))
			}
			key = h
			futexes.add(w, *task, stack)
			if task.State.Blocked() && !task.OnCPU {
				if wait, ok := object.WaitOf(*task, stack); ok {
					t.waits = append(t.waits, wait)
				} else {
					t.waits = append(t.waits, object.Wait{Task: *task, Stack: stack})
				}
			}
		}
		key ^= uint64(out.State[0])
		g, ok := groups[key]
		if !ok {
			g = len(s.Groups)
			groups[key] = g
			s.Groups = append(s.Groups, Group{State: out.State, Frames: out.Frames, TIDs: []int{}, Comms: []string{}})
		}
		group := &s.Groups[g]
		group.Count++
		if len(group.TIDs) < maxTIDs {
			group.TIDs = append(group.TIDs, out.TID)
			if !slices.Contains(group.Comms, out.Comm) {
				group.Comms = append(group.Comms, out.Comm)
			}
		}
		out.Group = g
		containers.add(*task, &out)
		s.States[out.State]++
		s.Tasks = append(s.Tasks, out)
	}
	s.Count = len(s.Tasks)
	futexes.order()
	s.order()
	return w.Err()
}

// order puts the groups of what blocks first, then the largest, and the tasks in
// the order of their IDs.
func (s *TaskSection) order() {
	at := make([]int, len(s.Groups))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int {
		x, y := s.Groups[a], s.Groups[b]
		return cmp.Or(cmp.Compare(stateRank(x.State), stateRank(y.State)), cmp.Compare(y.Count, x.Count))
	})
	sorted, to := make([]Group, len(at)), make([]int, len(at))
	for i, from := range at {
		sorted[i], to[from] = s.Groups[from], i
	}
	s.Groups = sorted
	for i := range s.Tasks {
		s.Tasks[i].Group = to[s.Tasks[i].Group]
	}
	slices.SortStableFunc(s.Tasks, func(a, b Task) int { return cmp.Or(cmp.Compare(a.TID, b.TID), cmp.Compare(a.CPU, b.CPU)) })
}

// stateRank orders states by how much they ask for a look.
func stateRank(state string) int {
	switch state {
	case "D":
		return 0
	case "R":
		return 1
	case "I":
		return 3
	}
	return 2
}

func stackHash(seed maphash.Seed, s unwind.Stack) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	var b [9]byte
	for _, f := range s.Frames {
		binary.LittleEndian.PutUint64(b[:], f.PC)
		b[8] = 0
		if f.Reliable {
			b[8] = 1
		}
		h.Write(b[:])
	}
	return h.Sum64()
}

func taskOut(t object.Task) Task {
	out := Task{PID: t.TGID, TID: t.PID, PPID: t.PPID, Comm: t.Comm, State: t.State.Letter, CPU: t.CPU, OnCPU: t.OnCPU, Kernel: t.Kernel,
		Addr: Addr(t.Addr), Ran: t.Ran.Seconds(), RSS: t.RSS, Policy: t.Policy, Nice: t.Nice}
	if t.KnowsWaited && !t.OnCPU {
		out.Waited = new(t.Waited.Seconds())
	}
	return out
}
