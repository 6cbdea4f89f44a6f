package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"ringside/crash"
)

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	Connected    EventKind = "connected"    // the source is open
	Disconnected EventKind = "disconnected" // the source ended and will be opened again
	Booted       EventKind = "boot"         // a kernel said its version
	Opened       EventKind = "report"       // a report begins; what is known of it may still grow
	Completed    EventKind = "complete"     // nothing was added to a report for a while
	Silent       EventKind = "silent"       // nothing came for a while
	Ended        EventKind = "end"          // the source has ended
)

// Event is something to tell.
type Event struct {
	Time time.Time
	Kind EventKind
	// Document is all that the window holds, and Report the index in it of the
	// report that the event is about: with Opened and Completed. Boots[Boot] is
	// the boot that a Booted event is about.
	Document *crash.Document
	Report   int
	Boot     int
	// Window is what Document was read from; it is valid until the function
	// that was handed the event returns. Its first byte is Offset bytes into
	// the stream, and behind Line lines.
	Window []byte
	Offset int64
	Line   int
	// Err says why the source ended, with Disconnected.
	Err error
}

// Options steer Follow. The zero value is ready to use.
type Options struct {
	// Settle is how long nothing may be added to a report until it counts as
	// complete. 0 means 2 s.
	Settle time.Duration
	// Glance is how long lines are gathered before they are read. 0 means
	// 200 ms.
	Glance time.Duration
	// Silence is how long nothing may come until that is told. 0 means never.
	Silence time.Duration
	// Window is how many bytes are kept. 0 means 4 MiB.
	Window int
	// Copy is given every byte that comes; nil means nothing is.
	Copy io.Writer
}

// follower is the state of Follow.
type follower struct {
	o     Options
	emit  func(Event) error
	win   window
	known map[int64]*known // by offset of the report in the stream
	boots int64            // offset of the last boot that was told of
	done  int64            // everything before this offset is settled
}

// known is a report that was told of.
type known struct {
	end      int64 // offset in the stream of its end
	grown    time.Time
	told     bool
	complete bool
}

// errStop ends Follow without being an error.
var errStop = errors.New("stop")

// Stop is what emit returns to end [Follow] in good order.
func Stop() error { return errStop }

// chunk is what a source gave.
type chunk struct {
	data []byte
	kind EventKind // Connected, Disconnected, Ended; none for data
	err  error
}

// Follow reads src until it ends, ctx does, or emit returns an error, and hands
// emit what happens. It returns nil when src ended or emit returned [Stop].
func Follow(ctx context.Context, src Source, o Options, emit func(Event) error) error {
	if o.Settle <= 0 {
		o.Settle = 2 * time.Second
	}
	if o.Glance <= 0 {
		o.Glance = 200 * time.Millisecond
	}
	if o.Window <= 0 {
		o.Window = 4 << 20
	}
	ctx, cancel := context.WithCancel(ctx)
	chunks := make(chan chunk)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(chunks)
		pump(ctx, src, chunks)
	}()
	defer func() { cancel(); <-read }()
	f := &follower{o: o, emit: emit, win: window{max: o.Window}, known: map[int64]*known{}, boots: -1}
	if err := f.loop(ctx, chunks); err != nil && !errors.Is(err, errStop) {
		return err
	}
	return nil
}

// loop turns chunks and the passing of time into events.
func (f *follower) loop(ctx context.Context, chunks <-chan chunk) error {
	glance, silence := stopped(), stopped()
	if f.o.Silence > 0 {
		silence.Reset(f.o.Silence)
	}
	due := false // a glance is due because of new lines
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("watch: %w", ctx.Err())
		case <-silence.C:
			if err := f.emit(Event{Time: time.Now(), Kind: Silent}); err != nil {
				return err
			}
		case <-glance.C:
			due = false
			next, err := f.look(ctx, 0)
			if err != nil {
				return err
			}
			if next > 0 {
				glance.Reset(next)
			}
		case c, ok := <-chunks:
			if !ok {
				return nil
			}
			if err := f.take(ctx, c); err != nil {
				return err
			}
			if len(c.data) > 0 {
				if f.o.Silence > 0 {
					silence.Reset(f.o.Silence)
				}
				if !due {
					due = true
					glance.Reset(f.o.Glance)
				}
			}
		}
	}
}

// stopped returns a timer that does not run.
func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// take deals with one chunk.
func (f *follower) take(ctx context.Context, c chunk) error {
	if len(c.data) > 0 {
		if f.o.Copy != nil {
			if _, err := f.o.Copy.Write(c.data); err != nil {
				return fmt.Errorf("keep a copy: %w", err)
			}
		}
		f.win.add(c.data)
		if len(f.win.data) > f.win.max {
			// More came than a glance may wait for. A report that must leave the
			// window is told of before.
			if _, err := f.look(ctx, 0); err != nil {
				return err
			}
			from := f.win.excess(f.keep())
			if _, err := f.look(ctx, from); err != nil {
				return err
			}
			f.win.drop(from)
		}
	}
	if c.kind == "" {
		return nil
	}
	if c.kind != Connected {
		// What was cut off is as complete as it gets.
		if n := len(f.win.data); n > 0 && f.win.data[n-1] != '\n' {
			f.win.add([]byte("\n"))
		}
		if _, err := f.look(ctx, math.MaxInt64); err != nil {
			return err
		}
	}
	return f.emit(Event{Time: time.Now(), Kind: c.kind, Err: c.err})
}

// keep is the offset from which on the window is still needed.
func (f *follower) keep() int64 {
	keep := f.win.base + int64(len(f.win.data))
	for start, k := range f.known {
		if !k.complete {
			keep = min(keep, start)
		}
	}
	return keep
}

// look reads the window and tells what is new in it. It returns when to look
// again though nothing has come, 0 for never. Reports that begin before the
// offset until are taken for complete.
func (f *follower) look(ctx context.Context, until int64) (time.Duration, error) {
	now := time.Now()
	win := f.win.whole()
	doc, err := crash.Parse(ctx, bytes.NewReader(win), crash.Options{})
	if err != nil {
		return 0, fmt.Errorf("watch: %w", err)
	}
	event := Event{Time: now, Document: doc, Window: win, Offset: f.win.base, Line: f.win.lines}
	for i := range doc.Boots {
		b := &doc.Boots[i]
		if at := f.win.base + b.Span.Start; b.Release != "" && at > f.boots {
			f.boots = at
			event.Kind, event.Boot = Booted, i
			if err := f.emit(event); err != nil {
				return 0, err
			}
		}
	}
	var next time.Duration
	for i := range doc.Reports {
		r := &doc.Reports[i]
		start, end := f.win.base+r.Span.Start, f.win.base+r.Span.End
		k := f.known[start]
		if k == nil {
			if start < f.done {
				continue // the rest of a report whose beginning has left the window
			}
			k = &known{grown: now, end: end}
			f.known[start] = k
		}
		if k.complete {
			continue
		}
		if !k.told && !mayRepeat(doc, i) {
			if err := f.tell(k, event, Opened, i); err != nil {
				return 0, err
			}
		}
		if end > k.end {
			k.end, k.grown = end, now
		}
		if wait := f.o.Settle - now.Sub(k.grown); wait > 0 && start >= until {
			if next == 0 || wait < next {
				next = wait
			}
			continue
		}
		k.complete = true
		f.done = max(f.done, k.end)
		if r.RepeatOf != nil && !k.told {
			continue // told with the first one
		}
		if !k.told {
			if err := f.tell(k, event, Opened, i); err != nil {
				return 0, err
			}
		}
		if err := f.tell(k, event, Completed, i); err != nil {
			return 0, err
		}
	}
	for start := range f.known {
		if start < f.win.base {
			delete(f.known, start)
		}
	}
	return next, nil
}

// tell emits an event about report i.
func (f *follower) tell(k *known, e Event, kind EventKind, i int) error {
	k.told = true
	e.Kind, e.Report = kind, i
	return f.emit(e)
}

// mayRepeat reports whether report i could turn out to be a repetition of an
// earlier one: only when it is complete is that known.
func mayRepeat(doc *crash.Document, i int) bool {
	r := &doc.Reports[i]
	for j := range i {
		if o := &doc.Reports[j]; o.Kind == r.Kind && o.Boot == r.Boot {
			return true
		}
	}
	return false
}
