// Package sched knows what the scheduler's events say together: which task ran
// where and when, what it waited for otherwise, and who ended the wait.
//
// A [Tracker] takes the events of one buffer in the order of time and hands out
// [Span]s: stretches of time in which a task was in one state, each when it is
// over. Interrupts and softirqs come as [Interrupt]s. What analyses of
// utilisation, critical paths and pictures need is in them; none reads events by
// itself.
//
// Recordings may be hostile or cut: times that go back, switches from a task that
// did not run, numbers of tasks that no kernel gives. Memory is bounded by
// [MaxTasks]; what makes no sense is not handed out.
package sched

// State is what a task does.
type State uint8

// The states.
const (
	Unknown   State = iota
	Running         // on a CPU
	Runnable        // woken, waits for a CPU
	Preempted       // waits for a CPU that was taken from it
	Sleeping        // waits for an event, interruptible
	Blocked         // waits for an event, not interruptible: mostly for a disk or a lock
	Stopped         // stopped by a signal or a debugger
	Dead
)

// String is the state's word in reports.
func (s State) String() string {
	words := [...]string{"unknown", "running", "runnable", "preempted", "sleeping", "blocked", "stopped", "dead"}
	if int(s) < len(words) {
		return words[s]
	}
	return words[0]
}

// Waits says whether a task in this state needs somebody to wake it.
func (s State) Waits() bool { return s == Sleeping || s == Blocked || s == Stopped }

// Bits of prev_state of sched_switch, as the kernel prints them.
const (
	bitBlocked = 0x02
	bitStopped = 0x04 | 0x08
	bitDead    = 0x10 | 0x20
	bitParked  = 0x40
	bitIdle    = 0x80
)

// Left reads prev_state: the state of a task that leaves a CPU. What is above
// the low byte says that it was preempted within the kernel.
func Left(prevState uint64) State {
	switch s := prevState & 0xff; {
	case s == 0:
		return Preempted
	case s&bitDead != 0:
		return Dead
	case s&bitStopped != 0:
		return Stopped
	case s&bitIdle != 0, s&bitParked != 0: // a kernel thread with nothing to do
		return Sleeping
	case s&bitBlocked != 0:
		return Blocked
	}
	return Sleeping
}

// Bits of common_flags.
const (
	FlagHardIRQ = 0x08
	FlagSoftIRQ = 0x10
)

// Vectors are the kernel's softirqs, in its order.
func Vectors() []string {
	return []string{"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"}
}
