package resolve

import (
	"slices"
	"strings"

	"ringside/profile"
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
	maps []mapping // by address, none over another
	last int       // index of what was found last
	// before is what was mapped until the process began anew: the stack of an
	// exec leads there until it is done.
	before []mapping
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
	var put [3]mapping
	list := put[:0]
	for ; last < len(s.maps) && s.maps[last].start < m.end; last++ {
		x := s.maps[last]
		if x.start < m.start {
			list = append(list, mapping{x.start, m.start, x.off, x.obj})
		}
	}
	list = append(list, m)
	if last > first {
		if x := s.maps[last-1]; x.end > m.end {
			list = append(list, mapping{m.end, x.end, x.off + m.end - x.start, x.obj})
		}
	}
	s.maps = slices.Replace(s.maps, first, last, list...)
}

// find returns what is mapped at an address.
func (s *space) find(addr uint64) *mapping {
	if s.last < len(s.maps) {
		if m := &s.maps[s.last]; addr >= m.start && addr < m.end {
			return m
		}
	}
	if i := index(s.maps, addr); i >= 0 {
		s.last = i
		return &s.maps[i]
	}
	if i := index(s.before, addr); i >= 0 {
		return &s.before[i]
	}
	return nil
}

// index finds the mapping of an address, or returns -1.
func index(maps []mapping, addr uint64) int {
	lo, hi := 0, len(maps)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if maps[mid].end <= addr {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(maps) || maps[lo].start > addr {
		return -1
	}
	return lo
}

// A process is what is known of one.
type process struct {
	pid    int32
	space  *space
	jit    *object // code that a runtime made, and wrote down in a perf map
	dumped bool    // its runtime has written a dump
	gone   bool    // it has ended
}

// A thread is what is known of one.
type thread struct {
	comm   string
	named  bool
	gone   bool
	labels []seenLabel
}

// seenLabel is a label of a thread that was used before.
type seenLabel struct {
	attr   int
	cpu    int32
	pid    int32
	cgroup uint64
	id     profile.LabelID
}

// tasks are all processes and threads of a recording.
type tasks struct {
	procs   map[int32]*process
	threads map[int32]*thread
	version int
	ended   []int32 // threads that have, the first first
}

func newTasks() *tasks {
	t := &tasks{procs: map[int32]*process{}, threads: map[int32]*thread{}}
	t.name(0, "swapper")
	return t
}

func (t *tasks) proc(pid int32) *process {
	p := t.procs[pid]
	if p == nil {
		t.version++
		p = &process{pid: pid, space: &space{version: t.version}}
		t.procs[pid] = p
	}
	return p
}

func (t *tasks) thread(tid int32) *thread {
	x := t.threads[tid]
	if x == nil {
		x = &thread{}
		t.threads[tid] = x
	}
	return x
}

// name gives a thread its name.
func (t *tasks) name(tid int32, comm string) {
	x := t.thread(tid)
	x.comm, x.named, x.gone, x.labels = comm, true, false, x.labels[:0]
}

// comm is a thread's name.
func (t *tasks) comm(tid int32) (string, bool) {
	if x := t.threads[tid]; x != nil {
		return x.comm, x.named
	}
	return "", false
}

// mmap adds a mapping to a process.
func (t *tasks) mmap(pid int32, m mapping) {
	p := t.proc(pid)
	t.version++
	if p.space.shared {
		p.space = &space{maps: slices.Clone(p.space.maps), before: p.space.before}
	}
	p.space.version = t.version
	p.space.add(m)
}

// fork lets a new process begin with its parent's space.
func (t *tasks) fork(pid, parent, tid, ptid int32) {
	if name, ok := t.comm(ptid); ok {
		t.name(tid, name)
	}
	if pid == parent {
		return
	}
	from := t.proc(parent)
	from.space.shared = true
	p := t.proc(pid)
	p.space, p.jit, p.dumped, p.gone = from.space, nil, false, false
}

// maxEnded is how many threads that have ended are remembered: samples of their
// end come after it.
const maxEnded = 1 << 12

// exit notes that a thread has ended; it says whether old ones were forgotten.
func (t *tasks) exit(pid, tid int32) bool {
	if x := t.threads[tid]; x != nil {
		x.gone = true
	}
	if p := t.procs[pid]; p != nil && pid == tid {
		p.gone = true
	}
	t.ended = append(t.ended, tid)
	if len(t.ended) < maxEnded {
		return false
	}
	for _, tid := range t.ended[:maxEnded/2] {
		if x := t.threads[tid]; x != nil && x.gone {
			delete(t.threads, tid)
		}
		if p := t.procs[tid]; p != nil && p.gone {
			delete(t.procs, tid)
		}
	}
	t.ended = append(t.ended[:0], t.ended[maxEnded/2:]...)
	return true
}

// exec lets a process begin anew.
func (t *tasks) exec(pid int32) {
	t.version++
	p := t.proc(pid)
	p.space, p.jit, p.dumped = &space{version: t.version, before: p.space.maps}, nil, false
}

// anonymous says that a mapping has no file behind it: what is in it, a runtime
// has made.
func anonymous(path string) bool {
	for _, prefix := range []string{"//anon", "/dev/zero", "/anon_hugepage", "/SYSV", "[heap]", "[stack"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return path == ""
}
