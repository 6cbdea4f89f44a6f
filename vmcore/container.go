package vmcore

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
	"ringside/vmcore/unwind"
)

// containerTable gathers the sets of namespaces while the tasks are read.
type containerTable struct {
	section *TaskSection
	reader  *object.Containers
	sets    map[string]int
}

func newContainerTable(w *kernel.Walk, s *TaskSection) *containerTable {
	t := &containerTable{section: s, reader: object.NewContainers(w), sets: map[string]int{}}
	if init := w.Global("init_task", "struct task_struct"); init.Valid() {
		if ids, _ := t.reader.Namespaces(object.TaskAt(w, init.Addr())); ids != nil {
			t.set(ids)
		}
	}
	return t
}

// add says of a task which cgroup and namespaces it is in.
func (t *containerTable) add(task object.Task, out *Task) {
	out.Cgroup = t.reader.Cgroup(task)
	ids, pid := t.reader.Namespaces(task)
	if ids == nil {
		return
	}
	out.Namespaces = t.set(ids)
	t.section.Namespaces[out.Namespaces].Count++
	if pid != 0 && pid != task.PID {
		out.NSPID = pid
	}
}

// set returns the number of a set of namespaces.
func (t *containerTable) set(ids object.NamespaceIDs) int {
	var key strings.Builder
	kinds := slices.Sorted(maps.Keys(ids))
	for _, k := range kinds {
		fmt.Fprintf(&key, "%s:%d ", k, ids[k])
	}
	if i, ok := t.sets[key.String()]; ok {
		return i
	}
	i := len(t.section.Namespaces)
	t.sets[key.String()] = i
	set := NamespaceSet{IDs: ids}
	for _, k := range kinds {
		if i > 0 && ids[k] != t.section.Namespaces[0].IDs[k] {
			set.Own = append(set.Own, k)
		}
	}
	t.section.Namespaces = append(t.section.Namespaces, set)
	return i
}

// futexTable gathers who waits for which futex.
type futexTable struct {
	section *TaskSection
	at      map[object.Futex]int
}

func (t *futexTable) add(w *kernel.Walk, task object.Task, stack unwind.Stack) {
	f, ok := object.FutexOf(task, stack)
	if !ok {
		return
	}
	i, ok := t.at[f]
	if !ok {
		i = len(t.section.Futexes)
		t.at[f] = i
		out := Futex{Futex: f, Waiters: []TaskRef{}}
		if !f.File {
			out.Process = task.TGID
		}
		if f.Owner != 0 {
			owner := object.TaskAt(w, f.Owner)
			out.Owner = &TaskRef{TID: owner.PID, Comm: owner.Comm}
		}
		t.section.Futexes = append(t.section.Futexes, out)
	}
	out := &t.section.Futexes[i]
	if out.Count++; len(out.Waiters) < maxTIDs {
		out.Waiters = append(out.Waiters, TaskRef{TID: task.PID, Comm: task.Comm})
	}
}

// order puts first what most wait for.
func (t *futexTable) order() {
	slices.SortStableFunc(t.section.Futexes, func(a, b Futex) int { return cmp.Compare(b.Count, a.Count) })
}
