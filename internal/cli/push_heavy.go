package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"ringside/internal/record"
	"ringside/internal/render"
	"ringside/internal/triage"
)

// Where artefacts go.
const (
	artefactsPath = "api/v1/artefacts"
	dumpsPath     = "api/v1/dumps"
	recordingPath = "api/v1/recordings"
)

// pushHeavy uploads a dump or a recording. It is read twice: once for its hash, by
// which the server knows whether it has it and whether all of it has come.
func (u *uploader) pushHeavy(ctx context.Context, in triage.Input, at place) (render.Pushed, error) {
	sha, err := u.hash(ctx, in)
	if err != nil {
		return render.Pushed{}, err
	}
	p, err := u.sendTo(ctx, in, at.path, sha)
	if err != nil || !u.wait {
		return p, err
	}
	return u.await(ctx, p, at)
}

// A place is where artefacts of a class go.
type place struct {
	path string // of the API
	what string
}

var (
	dumpPlace      = place{dumpsPath, "dump"}
	recordingPlace = place{recordingPath, "recording"}
)

func (u *uploader) hash(ctx context.Context, in triage.Input) (string, error) {
	f, err := in.Open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	r := u.progress.reader(f, "reading "+in.Name, sizeOf(f))
	defer r.Close()
	if _, err := io.Copy(h, contextReader{ctx, r}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// poll is how often the server is asked how far an analysis is.
const poll = 2 * time.Second

// await waits for the end of an analysis that took longer than the server lets
// an upload wait.
func (u *uploader) await(ctx context.Context, p render.Pushed, at place) (render.Pushed, error) {
	for {
		d, err := analysisOf(p)
		switch {
		case err != nil:
			return p, err
		case d.State == record.DumpFailed:
			return p, fmt.Errorf("the server keeps it as %s %s, but could not analyse it: %s", at.what, d.ID, d.Error)
		case d.State == record.DumpAnalysed:
			return p, nil
		}
		select {
		case <-ctx.Done():
			return p, fmt.Errorf("the server keeps it as %s %s and analyses it: %w", at.what, d.ID, ctx.Err())
		case <-time.After(poll):
		}
		server := recordAt{server: u.base.String(), token: u.token}
		answer, err := server.call(ctx, http.MethodGet, at.path+"/"+d.ID, "", nil)
		if err != nil {
			return p, err
		}
		p.Receipt = answer
	}
}

// analysis is what the answers to a dump and to a recording have in common.
type analysis struct {
	ID      string           `json:"id"`
	State   record.DumpState `json:"state"`
	Error   string           `json:"error"`
	Summary *struct {
		Kind  string `json:"kind"`
		Title string `json:"title"`
	} `json:"summary"`
}

// analysisOf reads the answer to a dump or a recording.
func analysisOf(p render.Pushed) (*analysis, error) {
	var d analysis
	if err := json.Unmarshal(p.Receipt, &d); err != nil || d.ID == "" || d.State == "" {
		return nil, errors.New("the server's answer is not about a dump or a recording; it may be of an older release")
	}
	return &d, nil
}

// about says where a dump or a recording is shown and what was found in it; of
// all else it says nothing.
func (u *uploader) about(p render.Pushed) string {
	d, err := analysisOf(p)
	if err != nil {
		return ""
	}
	page := "dumps"
	if p.Recording {
		page = "recordings"
	}
	text := u.base.JoinPath(page, d.ID).String() + "  "
	if d.Summary != nil && d.State == record.DumpAnalysed {
		return text + d.Summary.Title
	}
	return text + string(d.State)
}
