package recording

import (
	"context"
	"io"

	"ringside/profile"
	"ringside/profile/convert"
	"ringside/profile/flame"
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

// WritePage writes the recording's picture: the flame graph of a profile, the
// timeline of a trace.
func (o *Opened) WritePage(_ context.Context, w io.Writer, s *Summary) error {
	return flame.Write(w, o.Profile, flame.Options{Title: s.Title, Event: MainEvent(o.Profile)})
}
