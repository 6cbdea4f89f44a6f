package cli

import (
	"context"

	"ringside/artefact"
	"ringside/internal/recording"
)

// open opens the recording in a file or folder.
func (o *profileFlags) open(ctx context.Context, path string, f artefact.Format) (recording.Opened, error) {
	switch f {
	case artefact.TraceDat, artefact.TraceText:
		t, end, err := openTrace(path)
		return recording.Opened{Trace: t, End: end}, err
	}
	p, err := o.load(ctx, path)
	return recording.Opened{Profile: p}, err
}

// summarize sums up the recording in a file or folder.
func (o *profileFlags) summarize(ctx context.Context, path string, f artefact.Format) (*recording.Summary, error) {
	r, err := o.open(ctx, path, f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.Summary(ctx)
}

// recordings are the flags by which the same symbols name what was recorded.
func (o *symbolFlags) recordings() *profileFlags {
	f := &profileFlags{of: "samples", kallsyms: o.kallsyms, dirs: o.dirs}
	if len(o.files) > 0 {
		f.vmlinux = o.files[0]
	}
	return f
}
