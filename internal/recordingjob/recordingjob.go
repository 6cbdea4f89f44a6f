// Package recordingjob analyses profiles and traces for a server, each in a
// process of its own (package child): [Analyzer] is the parent, [Run] the child.
package recordingjob

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"ringside/artefact"
	"ringside/internal/child"
	"ringside/internal/record"
	"ringside/internal/recording"
)

// Verb is the hidden verb by which an [Analyzer] calls its own program.
const Verb = "analyse-recording"

// atHome is what helps where a server's limits do not.
const atHome = "run ringside profile flame or ringside trace latency where the recording is, and push the profile with its names instead of the recording"

// The files in which a child leaves what it found, besides the summary.
const (
	documentFile = "document.json.gz"
	profileFile  = "profile"
	pageFile     = "page.html.gz"
)

// Analyzer analyses recordings in child processes.
type Analyzer struct{ child.Runner }

var _ record.RecordingAnalyzer = (*Analyzer)(nil)

// New returns an analyzer that runs children as r says.
func New(r child.Runner) *Analyzer {
	r.Verb, r.What, r.AtHome = Verb, "recording", atHome
	return &Analyzer{r}
}

// Recognize implements [record.RecordingAnalyzer].
func (a *Analyzer) Recognize(head []byte) bool {
	r, err := artefact.Open(bytes.NewReader(head), artefact.Limits{})
	return err == nil && r.Format.IsRecording()
}

// AnalyzeRecording implements [record.RecordingAnalyzer].
func (a *Analyzer) AnalyzeRecording(ctx context.Context, f *os.File) (found *record.RecordingAnalysis, err error) {
	r, err := a.Run(ctx, f)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	found = &record.RecordingAnalysis{Close: r.Close}
	if err := r.Summary(&found.Summary); err != nil {
		return nil, err
	}
	if found.Document, err = r.Open(documentFile); err != nil {
		return nil, err
	}
	for name, to := range map[string]*io.Reader{pageFile: &found.Picture, profileFile: &found.Profile} {
		switch p, err := r.Open(name); {
		case err == nil:
			*to = p
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return found, nil
}

// Run is the child: it analyses the recording that open opens and leaves what it
// finds in dir. It ends the process when lifeline ends.
func Run(ctx context.Context, dir string, memory int64, lifeline io.Reader, open func(context.Context) (recording.Opened, error)) error {
	if err := child.Enter(memory, lifeline); err != nil {
		return err
	}
	r, err := open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	s, err := r.Summary(ctx)
	if err != nil {
		return err
	}
	if err := child.WriteGzip(dir, documentFile, func(w io.Writer) error { return json.NewEncoder(w).Encode(s) }); err != nil {
		return err
	}
	if r.Profile != nil {
		if err := child.Write(dir, profileFile, r.WriteProfile); err != nil {
			return err
		}
	}
	picture, err := r.Picture(ctx, s)
	if err != nil {
		return err
	}
	if picture != nil {
		if err := child.WriteGzip(dir, pageFile, picture); err != nil {
			return err
		}
	}
	return child.WriteSummary(dir, Summarize(s))
}

// Summarize is a summary in a record's few words.
func Summarize(s *recording.Summary) record.RecordingSummary {
	lost, _ := s.Lost()
	out := record.RecordingSummary{
		Kind: string(s.Kind), Format: s.Format, Title: s.Title, Node: s.Hostname, Release: s.Release, BuildID: s.BuildID, Arch: s.Arch, CPUs: s.CPUs,
		Count: s.Count, Lost: lost, Duration: s.Duration,
	}
	if len(s.Events) > 0 {
		out.Event = s.Events[0].Name
	}
	if s.Profile != nil {
		out.Event = cmp.Or(s.Profile.Event, out.Event)
	}
	return out
}
