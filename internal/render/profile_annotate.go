package render

import (
	"fmt"
	"io"
	"strings"
)

// ProfileAnnotateSchemaID names the JSON form of profile annotate.
const ProfileAnnotateSchemaID = "https://ringside.dev/schemas/profile-annotate.v1.json"

// ProfileAnnotate is where in a function the samples are.
type ProfileAnnotate struct {
	Schema    string              `json:"schema"`
	Event     string              `json:"event"`
	Unit      string              `json:"unit"`   // what weights count
	Weight    int64               `json:"weight"` // of the whole profile
	Functions []AnnotatedFunction `json:"functions"`
	Warnings  []string            `json:"warnings,omitempty"`
}

// AnnotatedFunction is one function of one object. Shares are of the function.
type AnnotatedFunction struct {
	Name    string `json:"name"`
	Module  string `json:"module"`
	Address uint64 `json:"address"` // as its file counts; of the kernel's, in memory
	Size    uint64 `json:"size"`
	Samples int64  `json:"samples"`
	Weight  int64  `json:"weight"`
	// Instructions are all of the function where its code is at hand, else the
	// places with samples.
	Instructions []AnnotatedInstruction `json:"instructions"`
	// Lines are the source lines with samples, the heaviest first.
	Lines []AnnotatedLine `json:"lines"`
	// Note says what is missing and why.
	Note string `json:"note,omitempty"`
}

// AnnotatedInstruction is one instruction with its samples.
type AnnotatedInstruction struct {
	Offset  uint64  `json:"offset"`
	Text    string  `json:"text,omitempty"`
	Bytes   string  `json:"bytes,omitempty"`
	Samples int64   `json:"samples,omitempty"`
	Share   float64 `json:"share,omitempty"`
	File    string  `json:"file,omitempty"`
	Line    int     `json:"line,omitempty"`
	Inlined string  `json:"inlined,omitempty"` // the function that was inlined here
}

// AnnotatedLine is one line of source with its samples.
type AnnotatedLine struct {
	File    string  `json:"file"`
	Line    int     `json:"line"`
	Source  string  `json:"source,omitempty"` // where the file is at hand
	Samples int64   `json:"samples"`
	Share   float64 `json:"share"`
}

// Bounds of what is printed around hot instructions.
const (
	annotateContext = 4
	annotateHot     = .005 // share from which an instruction is hot
	annotateLines   = 15
)

// ProfileAnnotateText prints the code; all of it, or what is around hot
// instructions.
func ProfileAnnotateText(w io.Writer, a ProfileAnnotate, all bool, st Style) error {
	p := &printer{w: w, s: st}
	for i := range a.Functions {
		if i > 0 {
			p.line("")
		}
		p.annotated(a, &a.Functions[i], all)
	}
	return p.err
}

func (p *printer) annotated(a ProfileAnnotate, f *AnnotatedFunction, all bool) {
	p.line("%s  %s", p.s.paint(strong, f.Name), p.s.paint(faint, f.Module))
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%d samples of %s, %.2f %% of all; %#x, %d bytes", f.Samples, a.Event, 100*float64(f.Weight)/float64(max(1, a.Weight)), f.Address, f.Size)))
	if f.Note != "" {
		p.wrapped(p.s.paint(caution, "! "), f.Note, plain)
	}
	if len(f.Lines) > 0 {
		p.section("Source lines")
		for i, l := range f.Lines {
			if i == annotateLines {
				p.line("  %s", p.s.paint(faint, fmt.Sprintf("%d more; --json has all", len(f.Lines)-i)))
				break
			}
			p.line("%7.2f%%  %s  %s", 100*l.Share, p.s.paint(notice, fmt.Sprintf("%s:%d", l.File, l.Line)), strings.TrimSpace(strings.ReplaceAll(l.Source, "\t", " ")))
		}
	}
	p.section("Instructions")
	show := make([]bool, len(f.Instructions))
	for i, in := range f.Instructions {
		if all || in.Share >= annotateHot {
			for k := max(0, i-annotateContext); k <= min(len(show)-1, i+annotateContext); k++ {
				show[k] = true
			}
		}
	}
	place, gap := "", false
	for i, in := range f.Instructions {
		if !show[i] {
			gap = true
			continue
		}
		if gap {
			p.line("%s", p.s.paint(faint, "         …"))
			gap = false
		}
		if at := fmt.Sprintf("%s:%d", in.File, in.Line); in.File != "" && at != place {
			place = at
			if in.Inlined != "" {
				at += " in " + in.Inlined
			}
			p.line("         %s", p.s.paint(notice, at))
		}
		share, r := "        ", plain
		if in.Samples > 0 {
			share = fmt.Sprintf("%7.2f%%", 100*in.Share)
		}
		switch {
		case in.Share >= .1:
			r = danger
		case in.Share >= .02:
			r = caution
		}
		p.line("%s  %s  %s", p.s.paint(r, share), p.s.paint(faint, fmt.Sprintf("+%#-6x", in.Offset)), p.s.paint(r, in.Text))
	}
	if gap {
		p.line("%s", p.s.paint(faint, "         …"))
	}
}
