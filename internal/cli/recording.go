package cli

import (
	"context"

	"ringside/artefact"
	"ringside/internal/recording"
)

// summarize sums up the recording in a file or folder.
func (o *profileFlags) summarize(ctx context.Context, path string, f artefact.Format) (*recording.Summary, error) {
	switch f {
	case artefact.TraceDat, artefact.TraceText:
		t, end, err := openTrace(path)
		if err != nil {
			return nil, err
		}
		defer end()
		return recording.OfTrace(ctx, t)
	}
	p, err := o.load(ctx, path)
	if err != nil {
		return nil, err
	}
	return recording.OfProfile(p)
}

// recordings are the flags by which the same symbols name what was recorded.
func (o *symbolFlags) recordings() *profileFlags {
	f := &profileFlags{of: "samples", kallsyms: o.kallsyms, dirs: o.dirs}
	if len(o.files) > 0 {
		f.vmlinux = o.files[0]
	}
	return f
}
