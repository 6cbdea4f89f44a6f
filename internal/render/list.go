package render

import (
	"fmt"
	"io"

	"ringside/crash"
)

// Reports writes one line per report.
func Reports(w io.Writer, doc *crash.Document, s Style) error {
	p := &printer{w: w, s: s}
	p.line("%s  %s", s.paint(strong, doc.Input.Name), s.paint(faint, plural(len(doc.Reports), "report")))
	for i := range doc.Reports {
		r := &doc.Reports[i]
		follows := ""
		switch {
		case r.RepeatOf != nil:
			follows = fmt.Sprintf("  repeats %d", *r.RepeatOf+1)
		case r.CausedBy != nil:
			follows = fmt.Sprintf("  follows %d", *r.CausedBy+1)
		}
		p.line("%4d  lines %d-%d  %-8s %s%s", i+1, r.Lines.First, r.Lines.Last, r.Impact, cut(r.Title, s.width()-40), s.paint(faint, follows))
	}
	for i := range doc.Notes {
		p.line("      %s", s.paint(caution, doc.Notes[i].Text))
	}
	return p.err
}

// SignaturesSchemaID names the JSON form of [Signatures].
const SignaturesSchemaID = "https://ringside.dev/schemas/crash-signature.v1.json"

// Signatures is the JSON of "crash signature".
type Signatures struct {
	Schema     string   `json:"schema"`
	Signatures []Signed `json:"signatures"`
}

// NewSignatures wraps list.
func NewSignatures(list []Signed) Signatures {
	if list == nil {
		list = []Signed{}
	}
	return Signatures{SignaturesSchemaID, list}
}

// Signed is a report's signature and where it was found.
type Signed struct {
	Input     string          `json:"input"`
	Report    int             `json:"report"`
	Title     string          `json:"title"`
	Line      int             `json:"line"`
	Signature crash.Signature `json:"signature"`
}

// SignatureList writes signatures for reading.
func SignatureList(w io.Writer, list []Signed, s Style) error {
	p := &printer{w: w, s: s}
	for _, x := range list {
		p.line("%s:%d  %s", x.Input, x.Line, s.paint(strong, x.Title))
		p.line("  portable %s  stack %s  exact %s  family %s", x.Signature.Portable, x.Signature.Stack, x.Signature.Exact, x.Signature.Family)
	}
	return p.err
}

// Facts writes a headline and named values; empty values are left out.
func Facts(w io.Writer, headline string, facts [][2]string, s Style) error {
	p := &printer{w: w, s: s}
	p.line("%s", s.paint(strong, headline))
	for _, f := range facts {
		if f[1] != "" {
			p.line("  %-12s %s", f[0], f[1])
		}
	}
	return p.err
}
