package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/term"

	"ringside/artefact"
	"ringside/internal/record"
	"ringside/internal/render"
	"ringside/internal/triage"
)

// Where artefacts go.
const (
	artefactsPath = "api/v1/artefacts"
	dumpsPath     = "api/v1/dumps"
)

// isDump tells whether an input is a kernel dump.
func isDump(in triage.Input) (bool, error) {
	f, err := in.Open()
	if err != nil {
		return false, err
	}
	defer f.Close()
	a, err := artefact.Open(f, artefact.Limits{})
	if err != nil {
		return false, nil //nolint:nilerr // whatever it is, the server keeps it and says so
	}
	return a.Format.IsVmcore(), nil
}

// pushDump uploads a dump. It is read twice: once for its hash, by which the
// server knows whether it has it and whether all of it has come.
func (u *uploader) pushDump(ctx context.Context, in triage.Input) (render.Pushed, error) {
	sha, err := u.hash(ctx, in)
	if err != nil {
		return render.Pushed{}, err
	}
	p, err := u.sendTo(ctx, in, dumpsPath, sha)
	if err != nil || !u.wait {
		return p, err
	}
	return u.awaitDump(ctx, p)
}

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

// dumpPoll is how often the server is asked how far the analysis of a dump is.
const dumpPoll = 2 * time.Second

// awaitDump waits for the end of an analysis that took longer than the server
// lets an upload wait.
func (u *uploader) awaitDump(ctx context.Context, p render.Pushed) (render.Pushed, error) {
	for {
		d, err := dumpOf(p)
		switch {
		case err != nil:
			return p, err
		case d.State == record.DumpFailed:
			return p, fmt.Errorf("the server keeps it as dump %s, but could not analyse it: %s", d.ID, d.Error)
		case d.State == record.DumpAnalysed:
			return p, nil
		}
		select {
		case <-ctx.Done():
			return p, fmt.Errorf("the server keeps it as dump %s and analyses it: %w", d.ID, ctx.Err())
		case <-time.After(dumpPoll):
		}
		at := recordAt{server: u.base.String(), token: u.token}
		answer, err := at.call(ctx, http.MethodGet, dumpsPath+"/"+d.ID, "", nil)
		if err != nil {
			return p, err
		}
		p.Receipt = answer
	}
}

// dumpOf reads the answer to a dump.
func dumpOf(p render.Pushed) (*record.Dump, error) {
	var d record.Dump
	if err := json.Unmarshal(p.Receipt, &d); err != nil || d.ID == "" || d.State == "" {
		return nil, errors.New("the server's answer is not about a dump; it may be of an older release")
	}
	return &d, nil
}

// aboutDump says where a dump is shown and what was found in it; of all else it
// says nothing.
func (u *uploader) aboutDump(p render.Pushed) string {
	d, err := dumpOf(p)
	if err != nil {
		return ""
	}
	text := u.base.JoinPath("dumps", d.ID).String() + "  "
	if d.Summary != nil && d.State == record.DumpAnalysed {
		return text + d.Summary.Title
	}
	return text + string(d.State)
}

// progress says on a terminal how far long work is.
type progress struct {
	w io.Writer // nil: nobody looks
}

// newProgress returns the progress of a verb.
func newProgress(s Streams) *progress {
	if f, ok := s.Err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{w: f}
	}
	return &progress{}
}

// progressAfter is from when on work is long.
const progressAfter = time.Second

// reader passes r on and says how far it is.
func (p *progress) reader(r io.ReadCloser, what string, size int64) io.ReadCloser {
	if p == nil || p.w == nil {
		return r
	}
	return &progressReader{ReadCloser: r, p: p, what: what, size: size, next: time.Now().Add(progressAfter)}
}

type progressReader struct {
	io.ReadCloser
	p       *progress
	what    string
	n, size int64
	next    time.Time
	said    bool
}

func (r *progressReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	r.n += int64(n)
	if now := time.Now(); now.After(r.next) {
		r.next, r.said = now.Add(progressAfter/5), true
		line := bytes.NewBufferString("\r\x1b[K" + r.what + fmt.Sprintf(": %d MiB", r.n>>20))
		if r.size > 0 {
			fmt.Fprintf(line, " of %d (%d %%)", r.size>>20, r.n*100/r.size)
		}
		_, _ = r.p.w.Write(line.Bytes()) // a terminal that has gone is nobody's loss
	}
	return n, err
}

// Close takes the line away.
func (r *progressReader) Close() error {
	if r.said {
		r.said = false
		_, _ = io.WriteString(r.p.w, "\r\x1b[K")
	}
	return r.ReadCloser.Close()
}
