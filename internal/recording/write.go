package recording

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"ringside/profile"
	"ringside/profile/convert"
	"ringside/profile/flame"
	"ringside/trace/event"
	"ringside/trace/timeline"
	"ringside/trace/tracedat"
)

// Opened is a recording that was opened: one of the two is set.
type Opened struct {
	Profile *profile.Profile
	Trace   *tracedat.File
	// End, where it is set, closes what the trace is read from.
	End func()
}

// Close closes what was opened.
func (o *Opened) Close() {
	if o.End != nil {
		o.End()
	}
}

// Summary sums the recording up.
func (o *Opened) Summary(ctx context.Context) (*Summary, error) {
	if o.Trace != nil {
		return OfTrace(ctx, o.Trace)
	}
	return OfProfile(o.Profile)
}

// WriteProfile writes a profile with its names.
func (o *Opened) WriteProfile(w io.Writer) error { return convert.WriteRingside(w, o.Profile) }

// A Picture writes a page with everything in it.
type Picture func(w io.Writer) error

// Picture is the recording's: the flame graph of a profile, the timeline of a
// trace. A trace without anything to put on a timeline has none, and nil is
// returned.
func (o *Opened) Picture(ctx context.Context, s *Summary) (Picture, error) {
	if o.Profile != nil {
		return func(w io.Writer) error {
			return flame.Write(w, o.Profile, flame.Options{Title: s.Title, Event: MainEvent(o.Profile)})
		}, nil
	}
	b := buffer(o.Trace)
	if b == nil {
		return nil, nil
	}
	return Timeline(ctx, o.Trace, b, timeline.Options{}, s.Title)
}

// buffer is the first of a trace that has events; nil without.
func buffer(f *tracedat.File) *tracedat.Buffer {
	i := slices.IndexFunc(f.Buffers, func(b tracedat.Buffer) bool {
		return slices.ContainsFunc(b.CPUs, func(c tracedat.CPU) bool { return c.Size > 0 })
	})
	if i < 0 {
		return nil
	}
	return &f.Buffers[i]
}

// Timeline draws a buffer of a trace; nil where it has no event for a timeline.
func Timeline(ctx context.Context, f *tracedat.File, b *tracedat.Buffer, o timeline.Options, title string) (Picture, error) {
	x := timeline.New(f.Catalog, o)
	n := 0
	loss, err := b.Each(x.Wants, func(r *event.Record) bool {
		x.Add(r)
		n++
		return n&0xffff != 0 || ctx.Err() == nil
	})
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	m := x.Finish()
	if m.Events == 0 {
		return nil, nil
	}
	page := timeline.Page{Title: title, Losses: slices.Concat(f.Problems, loss.Problems)}
	for _, fact := range []string{f.Uname, b.Name, b.Clock, fmt.Sprintf("%d events", m.Events), time.Duration(m.End - m.Begin).Round(time.Microsecond).String()} {
		if fact != "" {
			page.Facts = append(page.Facts, fact)
		}
	}
	if loss.Events > 0 || loss.Gaps > 0 {
		page.Losses = append(page.Losses, fmt.Sprintf("%d events are missing in %d places", loss.Events, loss.Gaps))
	}
	return func(w io.Writer) error { return timeline.Write(w, m, page) }, nil
}
