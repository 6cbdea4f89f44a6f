package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/bisect"
	"ringside/internal/render"
)

func newBisect(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "bisect",
		Short: "Find the change that brought a failure, also one that comes only now and then",
		Long: `Bisect keeps how likely each candidate is to blame, and tests next what is expected to
tell the most for what it costs: a candidate that was built is cheap to run again. It
needs no number of repetitions, stops at a stated confidence, and does not take it as
given that candidates without the culprit never fail.

A step is any command: exit code 0 is good, 125 skips the candidate, 1 to 127 is bad.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newBisectCommit(s), newBisectList(s))
	return c
}

// bisectRun is a bisection under way.
type bisectRun struct {
	out        output
	confidence float64
	maxRuns    int
	fix        bool
	match      string
	journal    string

	kind  bisect.Kind
	ids   []string
	names []string // subjects
	graph *bisect.Graph
	// prepare makes a candidate ready, and returns the command that tests it.
	prepare func(ctx context.Context, candidate int) (*exec.Cmd, error)
}

func (b *bisectRun) flags(c *cobra.Command) {
	b.out.flags(c, false)
	c.Flags().Float64Var(&b.confidence, "confidence", .995, "at which to stop")
	c.Flags().IntVar(&b.maxRuns, "max-runs", 1000, "runs after which to stop without an answer")
	c.Flags().BoolVar(&b.fix, "fix", false, "find the change that ended the failure")
	c.Flags().StringVar(&b.match, "match", "", "`REGEXP` of the failure in the step's output: a bad run without it is another failure, and tells nothing")
	c.Flags().StringVar(&b.journal, "journal", "", "`FILE` that each run is written to at once; where it has runs already, they are not run again")
}

// observation is a line of the journal.
type observation struct {
	Candidate string         `json:"candidate"`
	Run       bisect.StepRun `json:"run"`
}

func (b *bisectRun) run(ctx context.Context, s Streams, good, bad string) (err error) {
	if len(b.ids) == 0 {
		return usagef("there is nothing between good and bad: are they the right way round?")
	}
	if b.confidence <= .5 || b.confidence >= 1 {
		return usagef("--confidence is between 0.5 and 1, and not %g", b.confidence)
	}
	var match *regexp.Regexp
	if b.match != "" {
		if match, err = regexp.Compile(b.match); err != nil {
			return usagef("--match: %w", err)
		}
	}
	search := bisect.NewSearch(b.graph, bisect.Options{Confidence: b.confidence, MaxRuns: b.maxRuns, Fix: b.fix})
	doc := bisect.Report{
		Schema: bisect.ReportSchemaID, Kind: b.kind, Confidence: b.confidence, Fix: b.fix, Steps: []bisect.Step{}, Skipped: []string{}, Checks: []bisect.Check{}, Evidence: []string{},
		Range: bisect.Range{Good: good, Bad: bad, Candidates: len(b.ids)},
	}
	journal, err := b.replay(search, &doc)
	if err != nil {
		return err
	}
	if journal != nil {
		defer closing(&err, journal.Close)
	}
	for ctx.Err() == nil {
		test, more := search.Next(1)
		if !more {
			break
		}
		run, err := b.step(ctx, test.Candidate, match)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		if journal != nil {
			line, err := json.Marshal(observation{b.ids[test.Candidate], run})
			if err == nil {
				_, err = journal.Write(append(line, '\n'))
			}
			if err = errors.Join(err, journal.Sync()); err != nil {
				return &exitError{exitInternal, err}
			}
		}
		b.observe(search, &doc, test.Candidate, run)
		leader, post := search.Best()
		fmt.Fprintf(s.Err, "run %d: %.12s %s; %.12s at %.1f %%\n", doc.Runs, b.ids[test.Candidate], run.Outcome, b.ids[leader], 100*post)
	}
	b.conclude(ctx, search, &doc)
	if err := b.out.show(s, doc, func(w io.Writer, st render.Style) error { return render.Bisection(w, doc, st) }); err != nil {
		return err
	}
	if doc.Verdict != bisect.Found {
		return &exitError{code: exitFinding}
	}
	return nil
}

// replay tells the search what an earlier session ran, and opens the journal to go on.
func (b *bisectRun) replay(search *bisect.Search, doc *bisect.Report) (*os.File, error) {
	if b.journal == "" {
		return nil, nil
	}
	at := map[string]int{}
	for i, id := range b.ids {
		at[id] = i
	}
	f, err := os.OpenFile(b.journal, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, usage(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(usage(err), f.Close())
	}
	// The last line is torn where the machine died while it was written.
	whole := bytes.LastIndexByte(text, '\n') + 1
	for i, line := range bytes.Split(bytes.TrimSpace(text[:whole]), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var o observation
		if err := json.Unmarshal(line, &o); err != nil {
			return nil, errors.Join(usagef("%s: line %d: %w", b.journal, i+1, err), f.Close())
		}
		c, ok := at[o.Candidate]
		if !ok {
			return nil, errors.Join(usagef("%s: line %d: %.40q is not in this range: give another --journal", b.journal, i+1, o.Candidate), f.Close())
		}
		b.observe(search, doc, c, o.Run)
	}
	if _, err := f.Seek(int64(whole), io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Truncate(int64(whole)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (b *bisectRun) observe(search *bisect.Search, doc *bisect.Report, c int, run bisect.StepRun) {
	_, before := search.Runs()
	search.Observe(c, run.Outcome)
	runs, after := search.Runs()
	doc.Runs, doc.Builds = runs, after
	if n := len(doc.Steps); n == 0 || doc.Steps[n-1].Candidate != b.ids[c] {
		doc.Steps = append(doc.Steps, bisect.Step{Candidate: b.ids[c], Built: after > before})
	}
	step := &doc.Steps[len(doc.Steps)-1]
	step.Runs = append(step.Runs, run)
	step.Seconds += run.Seconds
	leader, post := search.Best()
	step.Entropy, step.Leader, step.Posterior = search.Entropy(), b.ids[leader], post
}

// step tests a candidate once.
func (b *bisectRun) step(ctx context.Context, c int, match *regexp.Regexp) (bisect.StepRun, error) {
	cmd, err := b.prepare(ctx, c)
	if err != nil {
		return bisect.StepRun{}, err
	}
	log := &tail{limit: 4 << 20}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = 5 * time.Second
	begin := time.Now()
	if err := started(cmd.Run()); err != nil {
		return bisect.StepRun{}, usagef("the step can not be run: %w", err)
	}
	run := bisect.StepRun{Outcome: bisect.Good, Seconds: math.Round(time.Since(begin).Seconds()*1000) / 1000, Exit: cmd.ProcessState.ExitCode()}
	switch {
	case run.Exit == 0:
	case run.Exit == 125:
		run.Outcome = bisect.Skip
	case run.Exit < 0 || run.Exit > 127:
		return run, usagef("the step ended with %s on %s, which says neither good nor bad", cmd.ProcessState, b.ids[c])
	case match != nil && !match.Match(log.text):
		run.Outcome = bisect.Unrelated
	default:
		run.Outcome = bisect.Bad
	}
	return run, nil
}

func (b *bisectRun) conclude(ctx context.Context, search *bisect.Search, doc *bisect.Report) {
	leader, post := search.Best()
	doc.Culprit, doc.Subject, doc.Posterior = b.ids[leader], b.names[leader], post
	doc.WithRate, doc.OtherRate = search.Rates()
	switch {
	case search.Done():
		doc.Verdict = bisect.Found
	case ctx.Err() != nil:
		doc.Verdict = bisect.Interrupted
	default:
		doc.Verdict = bisect.Inconclusive
	}
	for _, c := range search.Skipped() {
		doc.Skipped = append(doc.Skipped, b.ids[c])
	}
	for i, id := range b.ids {
		c := bisect.Candidate{ID: id, Subject: b.names[i], Position: i, Posterior: search.Posterior()[i]}
		c.Bad, c.Good = search.Tested(i)
		for _, p := range b.graph.Parents(i) {
			c.Parents = append(c.Parents, b.ids[p])
		}
		doc.Candidates = append(doc.Candidates, c)
	}
	doc.Evidence = append(doc.Evidence,
		fmt.Sprintf("with it the failure came in %d of %d runs", doc.WithRate.Bad, doc.WithRate.Runs),
		fmt.Sprintf("without it the failure came in %d of %d runs", doc.OtherRate.Bad, doc.OtherRate.Runs))
}

// started returns an error only where a command did not run to an end of its own.
func started(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// tail keeps the end of what is written to it.
type tail struct {
	text  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if len(t.text) > 2*t.limit {
		t.text = append(t.text[:0], t.text[len(t.text)-t.limit:]...)
	}
	return len(p), nil
}

// stepArgs puts a candidate into the place of {} in a command.
func stepArgs(args []string, candidate string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = strings.ReplaceAll(a, "{}", candidate)
	}
	return out
}
