package sched

// MaxPID is above every number that a kernel gives a task.
const MaxPID = 1 << 22

// MaxTasks is how many tasks are remembered; a table that would grow beyond
// forgets all and begins anew. Tasks whose numbers are far apart take the place
// of 32.
const MaxTasks = 1 << 19

const (
	blockBits = 5
	maxBlocks = MaxTasks >> blockBits
)

// A Table holds something of each task, by its number. A look-up is two loads:
// it is done for most of the events of a recording.
type Table[T any] struct {
	blocks [MaxPID >> blockBits]*[1 << blockBits]T
	used   int
}

// At returns the place of a task, which stays where it is until the table is
// full; nil for what is no task's number.
func (t *Table[T]) At(pid int) *T {
	if uint(pid) >= MaxPID {
		return nil
	}
	if b := t.blocks[pid>>blockBits]; b != nil {
		return &b[pid&(1<<blockBits-1)]
	}
	return t.add(pid)
}

func (t *Table[T]) add(pid int) *T {
	if t.used == maxBlocks {
		clear(t.blocks[:])
		t.used = 0
	}
	t.used++
	b := new([1 << blockBits]T)
	t.blocks[pid>>blockBits] = b
	return &b[pid&(1<<blockBits-1)]
}

// All yields what has been put into the table, by number; places that were
// never asked for may be among it.
func (t *Table[T]) All(yield func(pid int, v *T) bool) {
	for i, b := range t.blocks {
		if b == nil {
			continue
		}
		for k := range b {
			if !yield(i<<blockBits+k, &b[k]) {
				return
			}
		}
	}
}
