package recording

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"ringside/profile"
	"ringside/trace/event"
	"ringside/trace/latency"
	"ringside/trace/tracedat"
)

// OfTrace sums a trace up: the counts of its events, and the latencies of its
// first buffer that has any.
func OfTrace(ctx context.Context, f *tracedat.File) (*Summary, error) {
	s := &Summary{
		Kind: Trace, Format: "trace.dat", Events: []Event{}, Losses: []profile.Loss{}, Warnings: brief(f.Problems), Next: []string{},
		Trace: &TraceFacts{Kinds: map[string]latency.Latency{}},
	}
	s.uname(f.Uname)
	b := buffer(f)
	if b == nil {
		s.Title = "a trace without events"
		return s, nil
	}
	s.Clock, s.Trace.Buffer, s.CPUs = b.Clock, b.Name, len(b.CPUs)
	counts, loss, err := b.Count()
	if err != nil {
		return nil, err
	}
	named := map[string]int64{}
	for _, n := range counts.Counts {
		s.Count += int64(n.N)
		name := "events that are not described"
		if n.Format != nil {
			name = n.Format.System + ":" + n.Format.Name
		}
		named[name] += int64(n.N)
	}
	for name, n := range named {
		s.Events = append(s.Events, Event{Name: name, Count: n})
	}
	s.Duration = time.Duration(counts.Last - min(counts.First, counts.Last))
	a := latency.New(f.Catalog, latency.Options{})
	seen := 0
	if _, err := b.Each(a.Wants, func(r *event.Record) bool {
		a.Add(r)
		seen++
		return seen&0xffff != 0 || ctx.Err() == nil
	}); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	slices.SortFunc(s.Events, func(a, b Event) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	s.Events = s.Events[:min(len(s.Events), MaxEvents)]
	if loss.Gaps > 0 || loss.Events > 0 {
		n := int64(loss.Events)
		if n == 0 {
			n = -1
		}
		s.Losses = append(s.Losses, profile.Loss{What: fmt.Sprintf("events that the ring buffers could not hold, in %d places", loss.Gaps), Count: n})
	}
	s.Warnings = append(s.Warnings, brief(loss.Problems)...)
	s.Trace.Kinds = a.Result()
	s.Title = s.Trace.title()
	s.Next = s.Trace.next()
	return s, nil
}

// uname takes what the recorded machine said of itself: "Linux node release
// version machine", of which node and version may be missing.
func (s *Summary) uname(text string) {
	f := strings.Fields(text)
	if len(f) < 3 || f[0] != "Linux" {
		return
	}
	if version.MatchString(f[1]) && !version.MatchString(f[2]) {
		f = slices.Insert(f, 1, "")
	}
	s.Hostname, s.Release, s.Arch = f[1], f[2], f[len(f)-1]
}

// version is how a kernel's release begins.
var version = regexp.MustCompile(`^\d+\.\d+`)

// noticed are latencies in the order in which they are the first thing to know,
// each from which time on.
var noticed = []struct {
	kind, what string
	from       time.Duration
}{
	{latency.RunQueue, "waited for a CPU", 10 * time.Millisecond},
	{latency.Block, "took at the disk", 100 * time.Millisecond},
	{latency.Lock, "waited for a lock", 10 * time.Millisecond},
	{latency.IRQ, "ran in an interrupt handler", time.Millisecond},
	{latency.SoftIRQ, "ran in a softirq", 5 * time.Millisecond},
}

// title is the first thing to know about a trace.
func (t *TraceFacts) title() string {
	for _, x := range noticed {
		l, ok := t.Kinds[x.kind]
		if !ok || l.Max < x.from || len(l.Worst) == 0 {
			continue
		}
		w := l.Worst[0]
		text := fmt.Sprintf("%s %s %s", w.What, x.what, short(w.Latency))
		if len(w.Held) > 0 {
			text += fmt.Sprintf("; %s had it for %s", w.Held[0].Task, short(w.Held[0].For))
		}
		return text
	}
	if l, ok := t.Kinds[latency.RunQueue]; ok {
		return fmt.Sprintf("tasks waited for a CPU %s at the 99th percentile, %s at most", short(l.P99), short(l.Max))
	}
	if len(t.Kinds) > 0 {
		return "no wait stands out"
	}
	return "events without a latency to measure"
}

// next says which verbs go on from here.
func (t *TraceFacts) next() []string {
	list := []string{"ringside trace latency says more of each kind; ringside trace report prints the events"}
	if _, ok := t.Kinds[latency.RunQueue]; ok {
		list = append(list, "ringside trace timeline draws which task ran where, and when it waited")
	}
	return list
}

// short is a time to three digits.
func short(d time.Duration) string {
	unit := time.Nanosecond
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}
