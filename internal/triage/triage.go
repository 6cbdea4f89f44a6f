package triage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"ringside/artefact"
	"ringside/bundle"
	"ringside/crash"
	"ringside/diagnose"
	"ringside/internal/knownfix"
	"ringside/internal/recording"
	"ringside/owner"
	"ringside/symbol"
	"ringside/vmcore"
	"ringside/vmcore/kernel"
)

// SchemaID names the JSON form of [Result].
const SchemaID = "https://ringside.dev/schemas/triage.v1.json"

// Result is what is known about one input.
type Result struct {
	Schema      string          `json:"schema"`
	Name        string          `json:"name"`
	Format      string          `json:"format"`      // what the input was recognised as
	Compression []string        `json:"compression"` // what was undone, outermost first
	Error       string          `json:"error,omitempty"`
	Bundle      *Bundle         `json:"bundle,omitempty"`  // of an archive or a folder
	Findings    []Finding       `json:"findings"`          // the gravest first
	Symbols     *SymbolStats    `json:"symbols,omitempty"` // what came of adding file and line to the stacks
	Document    *crash.Document `json:"document"`          // everything that was read
	// Dump is what a kernel dump says beyond its log, of which the rest is.
	Dump *vmcore.Document `json:"dump,omitempty"`
	// Recording is what a profile or a trace says; it has no reports.
	Recording *recording.Summary `json:"recording,omitempty"`
}

// Finding is one report of the document with what follows from it. Reports of
// the same event are one finding.
type Finding struct {
	Report  int    `json:"report"`  // index in document.reports
	Primary bool   `json:"primary"` // what the log is about
	Repeats []int  `json:"repeats"` // indexes of the reports of the same event
	Title   string `json:"title"`
	Impact  string `json:"impact"`
	// Source is the member of a bundle that tells of it, and Also where else it
	// was seen.
	Source string     `json:"source,omitempty"`
	Also   []Sighting `json:"also,omitempty"`
	diagnose.Diagnosis
	Owners []Owner `json:"owners"`
	// Fixes are changes that may mend it, where histories were searched.
	Fixes   []knownfix.Fix `json:"fixes,omitempty"`
	Excerpt []LogLine      `json:"excerpt"` // the lines that carry the evidence
}

// Owner is who looks after the code that a finding is about.
type Owner struct {
	Subsystem   string   `json:"subsystem"`
	Status      string   `json:"status,omitempty"`
	Maintainers []string `json:"maintainers"`
	Reviewers   []string `json:"reviewers"`
	Lists       []string `json:"lists"`
	Trees       []string `json:"trees"`
	File        string   `json:"file,omitempty"`
	Overlay     bool     `json:"overlay"`    // named by the team's own file
	Candidates  int      `json:"candidates"` // among how many files the function could be; 1 is certain
	Why         string   `json:"why"`
	// Score says how much speaks for this owner, 0-1; Reasons are the clues.
	Score   float64      `json:"score"`
	Reasons []owner.Vote `json:"reasons"`
}

// LogLine is a line of the input.
type LogLine struct {
	Line  int    `json:"line"`
	Text  string `json:"text"`
	Gap   bool   `json:"gap,omitempty"` // lines were left out before it
	Field string `json:"field,omitempty"`
}

// Options steer a Run.
type Options struct {
	Limits artefact.Limits
	Crash  crash.Options
	// Owners is asked for an owner index when there is something to own; nil
	// means that owners are not wanted.
	Owners func() (*owner.Index, error)
	// Tree, where it is set, is asked for the index of the kernel release of
	// each report, which then goes before Owners.
	Tree func(release string) (*owner.Index, error)
	// Fixes, where it is set, is asked for changes that may mend what a report is about.
	Fixes func(r *crash.Report, idx *owner.Index) ([]knownfix.Fix, error)
	// Symbols, where it is set, is asked for symbols once the log has been read
	// for what it says about its kernel. A nil source means that there are none.
	Symbols func(h symbol.Hints) (src symbol.Source, kernelID string, err error)
	// Recording sums up the profile or trace in a file. Nil means that they
	// cannot be read.
	Recording func(ctx context.Context, path string, f artefact.Format) (*recording.Summary, error)
}

// Input is something to triage.
type Input struct {
	Name string
	// Open is called a second time, after the first reader was read to its end
	// and closed, to fetch the lines that carry the evidence. A second reader
	// that has only the beginning of the first ends with [ErrNotKept].
	Open func() (io.ReadCloser, error)
	// Folder is set in place of Open for a folder, which is a bundle.
	Folder fs.FS
	// Dump opens the input as a kernel dump, where it turns out to be one; end is
	// called when it has been read. Nil means that it cannot be.
	Dump func(context.Context) (k *kernel.Kernel, end func(), err error)
	// File gives a file, or a folder of perf record --threads, with what the input
	// expands to; end is called when it has been read. Nil means that there is none.
	File func(context.Context) (path string, end func(), err error)
}

// ErrNotKept is how the second reader of an [Input] says that it lacks the end
// of what the first one gave. The findings are complete all the same; lines
// that it lacks are not quoted.
var ErrNotKept = errors.New("not all was kept for a second reading")

// Run triages in. The result is never nil: an input that cannot be read to its
// end gives what could be read, together with the error.
func Run(ctx context.Context, in Input, o Options) (*Result, error) {
	res := &Result{Schema: SchemaID, Name: in.Name, Compression: []string{}, Findings: []Finding{}}
	fail := func(err error) (*Result, error) {
		res.Error = err.Error()
		if res.Document == nil {
			res.Document = crash.NewParser(o.Crash).Finish(emptyStats)
		}
		return res, fmt.Errorf("%s: %w", in.Name, err)
	}
	if in.Folder != nil {
		return RunBundle(ctx, in.Name, bundle.Folder(in.Folder), o)
	}
	f, err := in.Open()
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	a, err := artefact.Open(f, o.Limits)
	if err != nil {
		return fail(err)
	}
	res.Format = a.Format.String()
	for _, c := range a.Compression {
		res.Compression = append(res.Compression, c.String())
	}
	if a.Format == artefact.Archive {
		return RunBundle(ctx, in.Name, archive(f, a), o)
	}
	if a.Format.IsVmcore() && in.Dump != nil {
		if err := res.dump(ctx, in, o); err != nil {
			return fail(err)
		}
		return res, nil
	}
	if a.Format.IsRecording() && in.File != nil && o.Recording != nil {
		if err := res.recording(ctx, in, o, a.Format); err != nil {
			return fail(err)
		}
		return res, nil
	}
	if !a.Format.IsLog() {
		return fail(&UnsupportedError{Format: a.Format})
	}
	var hints symbol.Hints
	var r io.Reader = a
	if o.Symbols != nil {
		r = io.TeeReader(a, &LineTap{Line: hints.Line})
	}
	doc, err := crash.Parse(ctx, r, o.Crash)
	res.Document = doc
	err = errors.Join(err, res.annotate(ctx, o, hints))
	if err = res.findings(ctx, in, o, err); err != nil {
		return fail(err)
	}
	return res, nil
}

// UnsupportedError says that an input was recognised but holds nothing that
// this version can triage.
type UnsupportedError struct{ Format artefact.Format }

func (e *UnsupportedError) Error() string {
	switch advice := e.Format.Advice(); {
	case e.Format == artefact.Empty:
		return "it is empty"
	case e.Format == artefact.Binary:
		return "these are bytes of no known kind; if there are kernel messages among them, ringside crash parse reads them"
	case advice != "":
		return advice
	default:
		return fmt.Sprintf("this is %s, which holds no kernel messages that can be read directly", e.Format)
	}
}

// findings turns the document's reports into findings. It returns what went
// wrong, the error with which the input ended included.
func (res *Result) findings(ctx context.Context, in Input, o Options, err error) error {
	doc := res.Document
	indexes := newOwnerIndexes(o)
	at := map[int]int{} // report index to finding index
	var ferr error
	for i := range doc.Reports {
		r := &doc.Reports[i]
		if r.RepeatOf != nil {
			if f, ok := at[*r.RepeatOf]; ok {
				res.Findings[f].Repeats = append(res.Findings[f].Repeats, i)
				continue
			}
		}
		at[i] = len(res.Findings)
		res.Findings = append(res.Findings, Finding{
			Report: i, Primary: doc.Primary != nil && *doc.Primary == i, Repeats: []int{},
			Title: r.Title, Impact: r.Impact, Diagnosis: diagnose.Explain(doc, i),
			Owners: ownersOf(indexes.of(r), doc, r), Excerpt: []LogLine{},
		})
	}
	for i := range res.Findings {
		if o.Fixes == nil || ferr != nil {
			break
		}
		r := &doc.Reports[res.Findings[i].Report]
		if res.Findings[i].Fixes, ferr = o.Fixes(r, indexes.of(r)); ferr != nil {
			ferr = fmt.Errorf("known fixes are not shown: %w", ferr)
		}
	}
	err = errors.Join(err, indexes.err, ferr)
	order(res.Findings, doc)
	qerr := res.excerpts(ctx, in, o)
	var archive *artefact.Error
	if err != nil && errors.As(qerr, &archive) {
		return err // the archive ended badly before, and does again
	}
	return errors.Join(err, qerr)
}
