package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"ringside/artefact"
	"ringside/internal/render"
	"ringside/internal/triage"
	"ringside/profile/convert"
)

// formatIn recognises an input.
func formatIn(in triage.Input) (artefact.Format, error) {
	f, err := in.Open()
	if err != nil {
		return artefact.Empty, err
	}
	defer f.Close()
	a, err := artefact.Open(f, artefact.Limits{})
	if err != nil {
		return artefact.Binary, nil //nolint:nilerr // whatever it is, the server keeps it and says so
	}
	return a.Format, nil
}

// pushRecording uploads a trace as it is, and a perf.data as a profile with the
// names that are found here: the server does not have the recorded programs.
func (u *uploader) pushRecording(ctx context.Context, in triage.Input, f artefact.Format) (render.Pushed, error) {
	if f == artefact.PerfData && !u.raw && in.File != nil {
		path, end, err := in.File(ctx)
		if err != nil {
			return render.Pushed{}, err
		}
		defer end()
		named, remove, err := u.named(ctx, path)
		if err != nil {
			return render.Pushed{}, err
		}
		defer remove()
		in.Open = func() (io.ReadCloser, error) { return os.Open(named) }
	}
	p, err := u.pushHeavy(ctx, in, recordingPlace)
	p.Recording = true
	return p, err
}

// named writes the profile of a recording to a temporary file.
func (u *uploader) named(ctx context.Context, path string) (name string, remove func(), err error) {
	p, err := u.profiles.load(ctx, path)
	if err != nil {
		return "", nil, err
	}
	tmp, err := os.CreateTemp("", "ringside-profile-*")
	if err != nil {
		return "", nil, &exitError{exitInternal, err}
	}
	b := bufio.NewWriter(tmp)
	err = errors.Join(convert.WriteRingside(b, p), b.Flush(), tmp.Close())
	if err != nil {
		os.Remove(tmp.Name())
		return "", nil, &exitError{exitInternal, fmt.Errorf("write the profile of %s: %w", path, err)}
	}
	return tmp.Name(), func() { os.Remove(tmp.Name()) }, nil
}

// wholeOrWalk makes inputs of a folder: of one that is a recording a single one.
func wholeOrWalk(dir string) []triage.Input {
	if perfFolder(dir) {
		return bundled(dir)
	}
	return walk(dir)
}
