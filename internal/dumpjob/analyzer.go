package dumpjob

import (
	"bytes"
	"context"
	"errors"
	"os"

	"ringside/artefact"
	"ringside/internal/child"
	"ringside/internal/record"
)

// Verb is the hidden verb by which an [Analyzer] calls its own program.
const Verb = "analyse-dump"

// atHome is what helps where a server's limits do not.
const atHome = "fetch the dump and run ringside vmcore triage on a larger machine, or write it anew without pages that nobody needs (ringside vmcore filter)"

// Analyzer analyses dumps in child processes.
type Analyzer struct{ child.Runner }

var _ record.DumpAnalyzer = (*Analyzer)(nil)

// New returns an analyzer that runs children as r says.
func New(r child.Runner) *Analyzer {
	r.Verb, r.What, r.AtHome = Verb, "dump", atHome
	return &Analyzer{r}
}

// Recognize implements [record.DumpAnalyzer].
func (a *Analyzer) Recognize(head []byte) bool {
	r, err := artefact.Open(bytes.NewReader(head), artefact.Limits{})
	return err == nil && r.Format.IsVmcore()
}

// AnalyzeDump implements [record.DumpAnalyzer].
func (a *Analyzer) AnalyzeDump(ctx context.Context, f *os.File) (*record.DumpAnalysis, error) {
	r, err := a.Run(ctx, f)
	if err != nil {
		return nil, err
	}
	found, err := read(r)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return found, nil
}
