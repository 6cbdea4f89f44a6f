package gitrepo

import (
	"container/heap"
	"context"
	"errors"
)

// Log goes through the commits that can be reached from some and not from others, the
// latest committed first, as git log does, until visit says no. visit is also given the
// commit's first parent, nil where there is none or the repository lacks it. Commits that a shallow or
// partial clone does not have end the walk along that line; how many is told at the end.
func (rd *Reader) Log(ctx context.Context, from, not []ID, visit func(c, parent *Commit) (more bool)) (missing int, err error) {
	w := logWalk{rd: rd, state: map[ID]mark{}, waiting: map[ID]*Commit{}}
	for _, id := range not {
		if err := w.push(id, excluded); err != nil {
			return w.missing, err
		}
	}
	for _, id := range from {
		if err := w.push(id, 0); err != nil {
			return w.missing, err
		}
	}
	for w.queue.Len() > 0 && (w.wanted > 0) {
		if err := ctx.Err(); err != nil {
			return w.missing, err
		}
		c := heap.Pop(&w.queue).(*Commit)
		m := w.state[c.ID]
		if m&excluded == 0 {
			w.wanted--
		}
		delete(w.waiting, c.ID)
		for _, p := range c.Parents {
			if err := w.push(p, m&excluded); err != nil {
				return w.missing, err
			}
		}
		if m&excluded == 0 && !visit(c, w.parent(c)) {
			break
		}
	}
	return w.missing, nil
}

type mark uint8

const (
	seen mark = 1 << iota
	excluded
)

type logWalk struct {
	rd      *Reader
	state   map[ID]mark
	queue   commitQueue
	waiting map[ID]*Commit // what is in the queue
	wanted  int            // commits in the queue that are not excluded
	missing int
}

func (w *logWalk) push(id ID, m mark) error {
	was := w.state[id]
	if was&seen != 0 {
		if m&excluded != 0 && was&excluded == 0 {
			w.state[id] = was | excluded
			// Its ancestors follow where it is still in the queue; where it has been
			// visited already, its date lied and git prints it too.
			if w.waiting[id] != nil {
				w.wanted--
			}
		}
		return nil
	}
	c, err := w.rd.Commit(id)
	if errors.Is(err, ErrMissing) {
		w.state[id] = m | seen
		w.missing++
		return nil
	}
	if err != nil {
		return err
	}
	if c.ID != id { // a tag
		return w.push(c.ID, m)
	}
	w.state[id] = m | seen
	if m&excluded == 0 {
		w.wanted++
	}
	w.waiting[id] = c
	heap.Push(&w.queue, c)
	return nil
}

// parent gives the first parent of a commit. It waits in the queue, if its date is not
// later than that of its child.
func (w *logWalk) parent(c *Commit) *Commit {
	if len(c.Parents) == 0 {
		return nil
	}
	if p := w.waiting[c.Parents[0]]; p != nil {
		return p
	}
	p, err := w.rd.Commit(c.Parents[0])
	if err != nil {
		return nil
	}
	return p
}

type commitQueue []*Commit

func (q commitQueue) Len() int { return len(q) }
func (q commitQueue) Less(i, j int) bool {
	return q[i].Committer.When.After(q[j].Committer.When)
}
func (q commitQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *commitQueue) Push(x any)   { *q = append(*q, x.(*Commit)) }
func (q *commitQueue) Pop() any {
	old := *q
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return c
}
