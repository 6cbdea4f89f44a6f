package object

import (
	"strings"

	"ringside/vmcore/kernel"
	"ringside/vmcore/unwind"
)

// Futex is a futex that threads wait for.
type Futex struct {
	// Addr is the address of the word in user space, of a private futex; of a
	// shared one it is where in the file it is.
	Addr   Addr `json:"addr"`
	Shared bool `json:"shared,omitempty"`
	// File says that it is in a file, which others may have mapped elsewhere.
	File bool `json:"file,omitempty"`
	// MM is the address space, and Sequence the number by which the kernel knows
	// the file or address space of a shared one.
	MM       Addr   `json:"mm,omitempty"`
	Sequence uint64 `json:"sequence,omitempty"`
	// Owner is the address of the task that holds it: the kernel knows it only of
	// futexes with priority inheritance.
	Owner uint64 `json:"-"`
}

// The lowest bits of a futex_key's offset, include/linux/futex.h.
const (
	futexInode    = 1 // a shared futex in a file
	futexMMShared = 2 // a shared futex in anonymous memory
)

// futexReach is how far above its stack pointer a waiter's futex_q lies: it is a
// local variable of the function that waits, a few calls from schedule().
const futexReach = 4096

// FutexOf returns the futex that a task waits for. The kernel's table of futexes
// has changed its shape many times; what a waiter puts in it has not, and lies on
// the waiter's stack.
func FutexOf(t Task, stack unwind.Stack) (Futex, bool) {
	w := t.Value.Walk()
	if t.OnCPU || w == nil || !inFutex(stack) || !w.Kernel().HasField("struct futex_q", "key") {
		return Futex{}, false
	}
	base, sp := t.Value.Field("stack").Ptr(), stack.Frames[0].SP&^7
	if sp-base >= stackSize(w.Kernel()) {
		return Futex{}, false
	}
	words := make([]byte, min(futexReach, base+stackSize(w.Kernel())-sp))
	if w.Read(words, sp) != nil {
		return Futex{}, false
	}
	probe := w.At("struct futex_q", sp)
	task := probe.Field("task").Addr() - sp
	for off := task; off+8 <= uint64(len(words)); off += 8 {
		if w.Kernel().Order.Uint64(words[off:]) != t.Addr {
			continue
		}
		if f, ok := futexAt(w, w.At("struct futex_q", sp+off-task)); ok {
			return f, true
		}
	}
	return Futex{}, false
}

// inFutex reports whether a stack waits for a futex.
func inFutex(s unwind.Stack) bool {
	for _, f := range s.Frames[:min(len(s.Frames), 12)] {
		if strings.HasPrefix(f.Symbol, "futex_wait") || strings.HasPrefix(f.Symbol, "futex_lock_pi") {
			return true
		}
	}
	return false
}

// futexAt reads a waiter, if its neighbour in the queue knows it.
func futexAt(w *kernel.Walk, q kernel.Value) (f Futex, ok bool) {
	entry := q.Field("list.node_list").Addr()
	next, err := w.U64(entry)
	if err != nil || next == 0 {
		return f, false
	}
	if back, err := w.U64(next + 8); err != nil || back != entry {
		return f, false
	}
	key := q.Field("key")
	offset := key.Field("both.offset").Uint()
	switch {
	case offset&futexInode != 0:
		f = Futex{Shared: true, File: true, Sequence: key.Field("shared.i_seq").Uint(),
			Addr: Addr(key.Field("shared.pgoff").Uint()<<w.Kernel().PageShift() + offset&^3)}
	default:
		f = Futex{Shared: offset&futexMMShared != 0, Addr: Addr(key.Field("private.address").Uint() + offset&^3)}
		if id := key.Field("private.mm").Ptr(); f.Shared && key.Has("private.mm_seq") { // since 2026
			f.Sequence = id
		} else {
			f.MM = Addr(id)
		}
	}
	if pi := q.Field("pi_state").Deref(); pi.Valid() {
		f.Owner = pi.Field("owner").Ptr()
	}
	return f, true
}
