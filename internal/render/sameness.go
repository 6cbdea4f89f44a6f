package render

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// SimilarSchemaID names the JSON form of [Likenesses].
const SimilarSchemaID = "https://ringside.dev/schemas/crash-similar.v1.json"

// Likenesses is the JSON of "crash similar".
type Likenesses struct {
	Schema  string     `json:"schema"`
	Answers []Likeness `json:"answers"` // in the order asked
}

// Likeness is what a record knows of the report that one log is about.
type Likeness struct {
	File   string          `json:"file"`
	Answer json.RawMessage `json:"answer"` // the record's whole answer, as the API describes it
}

// likeness is what is shown of an answer.
type likeness struct {
	Title     string     `json:"title"`
	Key       string     `json:"key"`
	Algorithm string     `json:"algorithm"`
	Known     *signedAs  `json:"known"`
	Similar   []resemble `json:"similar"`
}

type signedAs struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	State string `json:"state"`
}

type resemble struct {
	Signature signedAs `json:"signature"`
	Score     float64  `json:"score"`
	Zone      string   `json:"zone"`
	Reasons   []string `json:"reasons"`
	Crashes   int64    `json:"crashes"`
}

// Similar writes answers for reading.
func Similar(w io.Writer, list Likenesses, s Style) error {
	p := &printer{w: w, s: s}
	for i, x := range list.Answers {
		var l likeness
		if err := json.Unmarshal(x.Answer, &l); err != nil {
			return fmt.Errorf("answer about %s: %w", x.File, err)
		}
		if i > 0 {
			p.line("")
		}
		p.line("%s  %s", s.paint(strong, l.Title), s.paint(faint, x.File))
		if l.Known != nil {
			p.line("  %s  %s  %s", s.paint(good, "known"), l.Known.Title, s.paint(faint, l.Known.State+" · "+l.Known.ID))
		} else {
			p.line("  %s  it would be a new signature, %s by %s", s.paint(caution, "new"), l.Key, l.Algorithm)
		}
		for _, v := range l.Similar {
			p.line("  %3d %%  %-9s  %s  %s", percent(v.Score), v.Zone, v.Signature.Title, s.paint(faint, crashes(v.Crashes)+" · "+v.Signature.ID))
			p.wrapped("         ", strings.Join(v.Reasons, "; "), faint)
		}
		if len(l.Similar) == 0 {
			p.line("  nothing in the record resembles it")
		}
	}
	return p.err
}

// BackfillSchemaID names the JSON form of [Backfill].
const BackfillSchemaID = "https://ringside.dev/schemas/signature-backfill.v1.json"

// Backfill is the JSON of "signature backfill".
type Backfill struct {
	Schema     string          `json:"schema"`
	Algorithms json.RawMessage `json:"algorithms"`     // the record's rules and its latest backfill, as the API describes them
	Diff       json.RawMessage `json:"diff,omitempty"` // with --diff: what would change, as the API describes it
}

type backfillStanding struct {
	Active   string `json:"active"`
	Program  string `json:"program"`
	Backfill *struct {
		To, State       string
		Done, Artefacts int64
		Unreadable      int64
		DecidedBy       string `json:"decided_by"`
	} `json:"backfill"`
}

type backfillDiff struct {
	Counts []struct {
		What                        string
		Signatures, Become, Crashes int64
	} `json:"counts"`
	Examples []struct {
		What    string
		Crashes int64
		Was     []struct{ Title string }
		Becomes []struct{ Title string }
	} `json:"examples"`
	Conflicts []string `json:"conflicts"`
}

// BackfillStatus writes how the rules of a record stand.
func BackfillStatus(w io.Writer, b Backfill, s Style) error {
	p := &printer{w: w, s: s}
	var st backfillStanding
	if err := json.Unmarshal(b.Algorithms, &st); err != nil {
		return fmt.Errorf("answer about the rules: %w", err)
	}
	p.line("the record groups by %s; the newest rules here are %s", s.paint(strong, dash(st.Active)), s.paint(strong, dash(st.Program)))
	if f := st.Backfill; f != nil {
		p.line("the backfill to %s is %s: %d of %d artefacts read, %d unreadable", f.To, s.paint(notice, f.State), f.Done, f.Artefacts, f.Unreadable)
	}
	if len(b.Diff) == 0 {
		return p.err
	}
	var d backfillDiff
	if err := json.Unmarshal(b.Diff, &d); err != nil {
		return fmt.Errorf("answer about the changes: %w", err)
	}
	p.section("What would change")
	for _, c := range d.Counts {
		p.line("  %-10s %6d become %6d  %s", c.What, c.Signatures, c.Become, crashes(c.Crashes))
	}
	for _, e := range d.Examples {
		p.line("\n  %s  %s", s.paint(strong, e.What), s.paint(faint, crashes(e.Crashes)))
		for _, x := range e.Was {
			p.line("    - %s", x.Title)
		}
		for _, x := range e.Becomes {
			p.line("    + %s", x.Title)
		}
	}
	if len(d.Conflicts) > 0 {
		p.section("Conflicts")
		for _, c := range d.Conflicts {
			p.wrapped("  • ", c, plain)
		}
	}
	return p.err
}

func crashes(n int64) string {
	if n == 1 {
		return "1 crash"
	}
	return fmt.Sprintf("%d crashes", n)
}
