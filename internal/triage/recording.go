package triage

import (
	"context"

	"ringside/artefact"
	"ringside/crash"
)

// recording triages a profile or a trace. Its document is an empty one: it is
// no log.
func (res *Result) recording(ctx context.Context, in Input, o Options, f artefact.Format) error {
	res.Document = crash.NewParser(o.Crash).Finish(emptyStats)
	path, end, err := in.File(ctx)
	if err != nil {
		return err
	}
	defer end()
	res.Recording, err = o.Recording(ctx, path, f)
	return err
}
