package object

import (
	"fmt"
	"strings"

	"ringside/vmcore/kernel"
	"ringside/vmcore/unwind"
)

// LockKind is the kind of what a task waits for.
type LockKind string

// The kinds.
const (
	KindMutex      LockKind = "mutex"
	KindRTMutex    LockKind = "rt_mutex"
	KindRWSem      LockKind = "rwsem"
	KindSemaphore  LockKind = "semaphore"
	KindCompletion LockKind = "completion"
	KindPage       LockKind = "page"
	KindWaitQueue  LockKind = "wait queue"
	KindFutex      LockKind = "futex"
)

// Lock is a thing that tasks wait for.
type Lock struct {
	Kind LockKind
	Addr uint64
	// Name is the symbol of a lock that is a variable, "" for one within an
	// object of the heap or on a stack.
	Name string
	// OnStack is the task on whose stack it is, as most completions are.
	OnStack int
	// Owners hold it. Of a rwsem that readers hold, the kernel knows at best
	// one, which may have given it back: then OwnerSure is not set.
	Owners    []uint64 // task_struct addresses
	OwnerSure bool
	Readers   int    // of a rwsem
	Writer    bool   // a rwsem is held for writing
	Note      string // what is odd about it
}

// Wait is a task that waits.
type Wait struct {
	Task  Task
	Stack unwind.Stack
	Lock  Lock
	Mode  string // "read" or "write" of a rwsem
	// How says how it was found: "task_struct.blocker", "its waiter on its own
	// stack", "task_struct.pi_blocked_on".
	How string
}

// waiterType is how a kind of waiter lies on the stack of who waits.
type waiterType struct {
	kind        LockKind
	waiter      string // the struct on the stack
	task, entry string // its members: who waits, and its place in the queue
	lock, head  string // the lock, and its member that is the queue's head
	// functions are what a task that waits so is in.
	functions []string
}

// The kinds of waiter of all kernels since 2.6.16. A semaphore's and a mutex's
// look alike; what tells them apart is the function that waits.
var waiterTypes = []waiterType{
	{KindMutex, "struct mutex_waiter", "task", "list", "struct mutex", "wait_list", []string{"__mutex_lock", "mutex_lock", "__ww_mutex_lock", "ww_mutex_lock"}},
	{KindRWSem, "struct rwsem_waiter", "task", "list", "struct rw_semaphore", "wait_list", []string{"rwsem_down_", "down_read", "down_write", "__down_read", "__down_write", "call_rwsem_down_"}},
	{KindSemaphore, "struct semaphore_waiter", "task", "list", "struct semaphore", "wait_list", []string{"__down", "down", "down_interruptible", "down_killable", "down_timeout"}},
	{KindCompletion, "struct swait_queue", "task", "task_list", "struct completion", "wait.task_list", []string{"wait_for_completion", "wait_for_common", "__wait_for_common", "do_wait_for_common"}},
	{KindCompletion, "struct wait_queue_entry", "private", "entry", "struct completion", "wait.head", []string{"wait_for_completion", "wait_for_common", "__wait_for_common", "do_wait_for_common"}},
	{KindPage, "struct wait_page_queue", "wait.private", "wait.entry", "struct wait_queue_head", "head", []string{"folio_wait_bit", "wait_on_page_bit", "__folio_lock", "__lock_page", "folio_wait_"}},
	{KindWaitQueue, "struct wait_queue_entry", "private", "entry", "struct wait_queue_head", "head", nil},
}

// waitsIn returns the kinds of waiter that fit a stack, the likeliest first.
func waitsIn(s unwind.Stack) []waiterType {
	var fits []waiterType
	for _, f := range s.Frames {
		if !f.Reliable || len(fits) > 0 {
			continue
		}
		for _, t := range waiterTypes {
			for _, fn := range t.functions {
				base, _, _ := strings.Cut(f.Symbol, ".") // less .constprop.0, .isra.0
				if base == fn || strings.HasSuffix(fn, "_") && strings.HasPrefix(base, fn) ||
					strings.HasPrefix(base, fn+"_") && t.kind != KindSemaphore {
					fits = append(fits, t)
					break
				}
			}
		}
	}
	return append(fits, waiterTypes[len(waiterTypes)-1])
}

// WaitOf finds what a blocked task waits for; ok is false where nothing is found.
//
// Since 6.16 the task may say so itself. Before, and for the kinds that it does
// not know, its stack does: somewhere on it is the waiter by which the lock's
// queue knows it. A waiter is believed if it names the task and its neighbours
// in the queue point back at it. The one member of the queue that is not a
// waiter is the lock.
func WaitOf(t Task, stack unwind.Stack) (Wait, bool) {
	if t.OnCPU || !t.Value.Valid() {
		return Wait{}, false
	}
	if w, ok := blocker(t); ok {
		w.Stack = stack
		return w, true
	}
	if l := t.Value; l.Has("pi_blocked_on") && l.Field("pi_blocked_on").Ptr() != 0 {
		lock := l.Follow("pi_blocked_on", "lock")
		w := Wait{Task: t, Stack: stack, How: "task_struct.pi_blocked_on", Lock: lockAt(lock.Walk(), KindRTMutex, lock.Addr())}
		return w, lock.Valid()
	}
	for _, kind := range waitsIn(stack) {
		if lock, mode, ok := onStack(t, stack, kind); ok {
			return Wait{Task: t, Stack: stack, Lock: lock, Mode: mode, How: "its waiter on its own stack"}, true
		}
	}
	return Wait{}, false
}

// blocker reads task_struct.blocker: a pointer whose two lowest bits are the
// kind.
func blocker(t Task) (Wait, bool) {
	if !t.Value.Has("blocker") {
		return Wait{}, false
	}
	v := t.Value.Field("blocker").Uint()
	if v&^3 == 0 {
		return Wait{}, false
	}
	kind := []LockKind{KindMutex, KindSemaphore, KindRWSem, KindRWSem}[v&3]
	w := Wait{Task: t, How: "task_struct.blocker", Lock: lockAt(t.Value.Walk(), kind, v&^3)}
	if kind == KindRWSem {
		w.Mode = []string{"read", "write"}[v&1]
	}
	return w, w.Lock.Addr != 0
}

// maxQueue bounds the waiters of one lock that are followed to its head.
const maxQueue = 100_000

// onStack looks for a waiter on a task's stack.
func onStack(t Task, stack unwind.Stack, kind waiterType) (lock Lock, mode string, ok bool) {
	w := t.Value.Walk()
	k := w.Kernel()
	if len(stack.Frames) == 0 || !k.HasField(kind.waiter, kind.task) || !k.HasField(kind.waiter, kind.entry) || !k.HasField(kind.lock, kind.head) {
		return lock, "", false
	}
	base := t.Value.Field("stack").Ptr()
	sp := stack.Frames[0].SP
	if sp-base >= stackSize(k) {
		return lock, "", false
	}
	taskOff := w.At(kind.waiter, base).Field(kind.task).Addr() - base
	entryOff := w.At(kind.waiter, base).Field(kind.entry).Addr() - base
	for at := sp &^ 7; at < base+stackSize(k); at += 8 {
		word, err := w.U64(at)
		if err != nil {
			break
		}
		if word != t.Addr || at < base+taskOff {
			continue
		}
		waiter := at - taskOff
		head, ok := queueHead(w, waiter+entryOff, kind)
		if !ok {
			continue
		}
		lock := lockAt(w, kind.kind, head)
		if kind.kind == KindRWSem {
			mode = "read"
			if w.At(kind.waiter, waiter).Field("type").Enum() == "RWSEM_WAITING_FOR_WRITE" {
				mode = "write"
			}
		}
		if lock.Addr != 0 {
			return lock, mode, true
		}
	}
	return lock, "", false
}

// queueHead follows the queue of a waiter round and returns the lock: the one
// entry that is not a waiter. All must point back.
func queueHead(w *kernel.Walk, entry uint64, kind waiterType) (lock uint64, ok bool) {
	at := entry
	for range maxQueue {
		next, err := w.U64(at)
		if err != nil {
			return 0, false
		}
		back, err := w.U64(next + 8)
		if err != nil || back != at {
			return 0, false
		}
		if next == entry {
			return lock, lock != 0
		}
		if !isWaiter(w, next, kind) {
			if lock != 0 {
				return 0, false // a queue has one head
			}
			var v kernel.Value
			if v = w.At("struct list_head", next).Container(kind.lock, kind.head); !v.Valid() {
				return 0, false
			}
			lock = v.Addr()
		}
		at = next
	}
	return 0, false
}

// isWaiter reports whether an entry of a queue is within a waiter: what is where
// its task would be is a task.
func isWaiter(w *kernel.Walk, entry uint64, kind waiterType) bool {
	v := w.At("struct list_head", entry).Container(kind.waiter, kind.entry)
	p := v.Field(kind.task).Ptr()
	if p == 0 || p&7 != 0 || !w.Readable(p, 8) {
		return false
	}
	if kind.kind == KindWaitQueue || kind.kind == KindPage {
		// Not all who wait on a wait queue are tasks: what their private member
		// is only their function knows. A head has no code after its lock.
		fn := v.First("func", "wait.func").Ptr()
		return w.Kernel().IsText(fn)
	}
	// It lies on the stack of who waits; what follows a lock does not.
	return entry-w.At("struct task_struct", p).Field("stack").Ptr() < stackSize(w.Kernel()) && isTask(w, p)
}

// isTask reports whether memory looks like a task: its list of threads points
// back, and its name is text.
func isTask(w *kernel.Walk, addr uint64) bool {
	t := w.At("struct task_struct", addr)
	tasks := t.Field("tasks").Addr()
	next, err := w.U64(tasks)
	if err != nil {
		return false
	}
	if back, err := w.U64(next + 8); err != nil || back != tasks {
		// Only leaders are in that list; a thread is in its process's.
		node := t.Field("thread_node").Addr()
		if next, err = w.U64(node); err != nil {
			return false
		}
		if back, err = w.U64(next + 8); err != nil || back != node {
			return false
		}
	}
	return true
}

// lockAt reads a lock.
func lockAt(w *kernel.Walk, kind LockKind, addr uint64) Lock {
	l := Lock{Kind: kind, Addr: addr}
	if loc, ok := w.Kernel().Locate(addr); ok && loc.Symbol != "" {
		l.Name = loc.Symbol
		if loc.Offset != 0 {
			l.Name += fmt.Sprintf("+%#x", loc.Offset)
		}
		if loc.Module != "" {
			l.Name += " [" + loc.Module + "]"
		}
	}
	own := func(addr uint64, sure bool) {
		if addr != 0 && isTask(w, addr) {
			l.Owners, l.OwnerSure = []uint64{addr}, sure
		} else if addr != 0 {
			l.Note = fmt.Sprintf("its owner %#x is no task that is there: it has exited, or the lock is damaged", addr)
		}
	}
	switch kind {
	case KindMutex:
		m := w.At("struct mutex", addr)
		switch {
		case m.Has("rtmutex"): // PREEMPT_RT
			own(m.Field("rtmutex.owner").Uint()&^1, true)
		case m.Has("owner.counter"): // 4.10 and later: flags in the three lowest bits
			own(m.Field("owner.counter").Uint()&^7, true)
		case m.Has("owner"):
			own(m.Field("owner").Ptr(), true)
		}
	case KindRTMutex:
		own(w.At("struct rt_mutex_base", addr).First("owner").Uint()&^1, true)
	case KindRWSem:
		readRWSem(w.At("struct rw_semaphore", addr), &l, own)
	case KindSemaphore:
		s := w.At("struct semaphore", addr)
		if s.Has("last_holder") { // 6.16 and later, CONFIG_DETECT_HUNG_TASK_BLOCKER
			own(s.Field("last_holder").Uint(), false)
		}
	}
	return l
}

// readRWSem reads who holds a rwsem: kernel/locking/rwsem.c of 5.3 and later.
func readRWSem(s kernel.Value, l *Lock, own func(uint64, bool)) {
	if s.Has("rwbase") { // PREEMPT_RT
		l.Writer = true
		own(s.Field("rwbase.rtmutex.owner").Uint()&^1, true)
		return
	}
	const (
		writerLocked = 1
		readerShift  = 8
		readerFail   = 1 << 63
		ownerFlags   = 7
	)
	count := s.Field("count.counter").Uint()
	field := s.Field("owner")
	if field.Has("counter") {
		field = field.Field("counter")
	}
	owner := field.Uint()
	l.Writer = count&writerLocked != 0
	l.Readers = int(count &^ readerFail >> readerShift)
	if l.Writer {
		own(owner&^ownerFlags, true)
	} else if l.Readers > 0 {
		own(owner&^ownerFlags, l.Readers == 1)
		if len(l.Owners) == 0 {
			l.Note = fmt.Sprintf("%d readers hold it, and the kernel does not keep who", l.Readers)
		}
	}
}
