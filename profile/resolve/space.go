package resolve

import (
	"slices"
	"strings"
)

// A mapping is a part of an address space.
type mapping struct {
	start, end uint64
	off        uint64 // in the object's file
	obj        *object
}

// A space is the address space of a process. Those that fork share it until one
// of them changes it.
type space struct {
	maps   []mapping // by address, none over another
	shared bool
	// version changes with the maps: it tells stacks that were resolved apart.
	version int
}

// add maps something over what was there.
func (s *space) add(m mapping) {
	if m.end <= m.start {
		return
	}
	first, _ := slices.BinarySearchFunc(s.maps, m.start, func(x mapping, a uint64) int {
		if x.end <= a {
			return -1
		}
		return 1
	})
	last := first
	var left, right []mapping
	for ; last < len(s.maps) && s.maps[last].start < m.end; last++ {
		x := s.maps[last]
		if x.start < m.start {
			left = append(left, mapping{x.start, m.start, x.off, x.obj})
		}
		if x.end > m.end {
			right = append(right, mapping{m.end, x.end, x.off + m.end - x.start, x.obj})
		}
	}
	s.maps = slices.Replace(s.maps, first, last, slices.Concat(left, []mapping{m}, right)...)
}

// find returns what is mapped at an address.
func (s *space) find(addr uint64) *mapping {
	i, ok := slices.BinarySearchFunc(s.maps, addr, func(x mapping, a uint64) int {
		switch {
		case x.end <= a:
			return -1
		case x.start > a:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &s.maps[i]
}

// A process is what is known of one.
type process struct {
	space *space
}

// tasks are all processes and threads of a recording.
type tasks struct {
	procs   map[int32]*process
	comms   map[int32]string
	version int
}

func newTasks() *tasks {
	return &tasks{procs: map[int32]*process{}, comms: map[int32]string{0: "swapper"}}
}

func (t *tasks) proc(pid int32) *process {
	p := t.procs[pid]
	if p == nil {
		t.version++
		p = &process{space: &space{version: t.version}}
		t.procs[pid] = p
	}
	return p
}

// mmap adds a mapping to a process.
func (t *tasks) mmap(pid int32, m mapping) {
	p := t.proc(pid)
	t.version++
	if p.space.shared {
		p.space = &space{maps: slices.Clone(p.space.maps)}
	}
	p.space.version = t.version
	p.space.add(m)
}

// fork lets a new process begin with its parent's space.
func (t *tasks) fork(pid, parent, tid, ptid int32) {
	if name, ok := t.comms[ptid]; ok {
		t.comms[tid] = name
	}
	if pid == parent {
		return
	}
	from := t.proc(parent)
	from.space.shared = true
	t.procs[pid] = &process{space: from.space}
}

// exec lets a process begin anew.
func (t *tasks) exec(pid int32) {
	t.version++
	t.procs[pid] = &process{space: &space{version: t.version}}
}

// special says that a mapping has no file behind it.
func special(path string) bool {
	return path == "" || strings.HasPrefix(path, "//anon") || strings.HasPrefix(path, "/dev/zero") || strings.HasPrefix(path, "[") || strings.HasPrefix(path, "/memfd:") || strings.HasPrefix(path, "/SYSV") || strings.HasPrefix(path, "/anon_hugepage")
}
