// Package history goes through the commits of a repository and makes of each what
// patch/equiv recognises it by, on all processors, without making a diff.
package history

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"ringside/gitrepo"
	"ringside/patch/equiv"
	"ringside/patch/origin"
)

// Options say what is read.
type Options struct {
	// From are the commits to start at, Not those to stop at, with all their ancestors.
	From, Not []gitrepo.ID
	// Limit ends the walk after so many commits that are not merges; 0 is none.
	Limit int
	// Releases names the first release that has a commit, where it is set.
	Releases func(gitrepo.ID) string
	// Terse leaves out what only the searches for crashes need: functions and words.
	Terse bool
}

// Stats is what a walk came across.
type Stats struct {
	Commits int // that were read, merges not counted
	Merges  int
	// Missing are commits, and Blobs commits with contents, that the repository does not
	// have; the latter have the print of the files that are there.
	Missing int
	Blobs   int
}

// batch is how many commits a worker takes at once: many, since what is next to each other
// in history is close together in a pack too.
const batch = 192

// Walk calls visit with each commit that is no merge, the latest first. Visits come one at
// a time and in order.
func Walk(ctx context.Context, r *gitrepo.Repo, o Options, visit func(*equiv.Doc) error) (Stats, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type job struct {
		commits []work
		docs    []equiv.Doc
		lost    int
		err     error
		done    chan struct{}
	}
	workers := runtime.GOMAXPROCS(0)
	queue := make(chan *job, 2*workers)
	ordered := make(chan *job, 4*workers)
	var stats Stats
	var walkErr error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(queue)
		defer close(ordered)
		var pending []work
		send := func() bool {
			if len(pending) == 0 {
				return true
			}
			j := &job{commits: pending, done: make(chan struct{})}
			pending = nil
			for _, to := range []chan *job{queue, ordered} {
				select {
				case to <- j:
				case <-ctx.Done():
					return false
				}
			}
			return true
		}
		n := 0
		missing, err := r.NewReader().Log(ctx, o.From, o.Not, func(c, parent *gitrepo.Commit) bool {
			if len(c.Parents) > 1 {
				stats.Merges++
				return true
			}
			pending = append(pending, work{c, parent})
			n++
			if len(pending) == batch && !send() {
				return false
			}
			return o.Limit == 0 || n < o.Limit
		})
		send()
		stats.Missing, stats.Commits, walkErr = missing, n, err
	})
	for range workers {
		wg.Go(func() {
			w := newWorker(r, &o)
			for j := range queue {
				j.docs = make([]equiv.Doc, len(j.commits))
				for i, c := range j.commits {
					if ctx.Err() != nil {
						break
					}
					lost, err := w.doc(c, &j.docs[i])
					j.lost += lost
					if err != nil {
						j.err = fmt.Errorf("commit %s: %w", c.commit.ID, err)
						break
					}
				}
				close(j.done)
			}
		})
	}
	var err error
	for j := range ordered {
		if err != nil {
			continue
		}
		<-j.done
		stats.Blobs += j.lost
		if err = j.err; err == nil {
			err = ctx.Err()
		}
		for i := range j.docs {
			if err != nil {
				break
			}
			err = visit(&j.docs[i])
		}
		if err != nil {
			cancel()
		}
	}
	wg.Wait()
	if err == nil {
		err = walkErr
	}
	return stats, err
}

// work is a commit with its parent, nil where it has none or the repository lacks it.
type work struct{ commit, parent *gitrepo.Commit }

// worker makes documents.
type worker struct {
	o       *Options
	rd      *gitrepo.Reader
	counter *equiv.Counter
	finder  equiv.Functions
	funcs   map[string]bool
}

func newWorker(r *gitrepo.Repo, o *Options) *worker {
	return &worker{o: o, rd: r.NewReader(), counter: equiv.NewCounter()}
}

// maxFunctions is how many functions of a commit are kept.
const maxFunctions = 64

// doc makes one document; lost is 1 if a content was missing.
func (w *worker) doc(job work, d *equiv.Doc) (lost int, err error) {
	c := job.commit
	*d = equiv.Doc{Name: c.ID.String(), Subject: c.Subject(), Author: c.Author.Email, Date: c.Author.When}
	if w.o.Releases != nil {
		if v := w.o.Releases(c.ID); v != "" {
			d.Releases = []string{v}
		}
	}
	var parent gitrepo.ID
	if len(c.Parents) > 0 {
		if job.parent == nil {
			return 1, nil // a shallow clone ends here: what the commit changes is not known
		}
		parent = job.parent.Tree
	}
	changes, err := w.rd.Changes(parent, c.Tree)
	if err != nil {
		return 0, err
	}
	if !w.o.Terse {
		w.funcs = map[string]bool{}
		w.counter.Touched = func(content []byte, offset int) {
			if len(w.funcs) >= maxFunctions {
				return
			}
			if f := w.finder.At(content, offset); f != "" && !w.funcs[f] {
				w.funcs[f] = true
				d.Functions = append(d.Functions, f)
			}
		}
	}
	for _, ch := range changes {
		d.Paths = append(d.Paths, ch.Path)
		before, err := w.blob(ch.Old, ch.OldMode)
		if err != nil {
			lost = 1
			continue
		}
		after, err := w.blob(ch.New, ch.NewMode)
		if err != nil {
			lost = 1
			continue
		}
		w.counter.File(before, after)
	}
	d.Print = w.counter.Print()
	w.rd.Recycle()
	d.Upstream = Origin(c.Message)
	d.Fixes, d.Reverts = equiv.References(c.Message)
	if !w.o.Terse {
		d.Words = equiv.MessageWords(c.Message)
	}
	return lost, nil
}

func (w *worker) blob(id gitrepo.ID, mode uint32) ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	if mode == gitrepo.ModeModule {
		return []byte("Subproject commit " + id.String() + "\n"), nil
	}
	b, err := w.rd.Blob(id)
	if b == nil && err == nil {
		b = []byte{}
	}
	return b, err
}

// Origin reads the commits that a message says its change was taken from.
func Origin(message string) []string {
	var out []string
	// Most messages say nothing of the kind, and a plain search is much faster.
	if !strings.Contains(message, "ommit") {
		return nil
	}
	for line := range strings.Lines(message) {
		if id, _, ok := origin.Commit(strings.TrimRight(line, "\r\n")); ok && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
