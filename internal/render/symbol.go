package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/internal/triage"
	"ringside/symbol"
)

// The names of the JSON forms of the symbol verbs.
const (
	SymbolizedSchemaID    = "https://ringside.dev/schemas/symbol-ize.v1.json"
	SymbolEntriesSchemaID = "https://ringside.dev/schemas/symbol-index.v1.json"
)

// Symbolized is the JSON of "symbol ize".
type Symbolized struct {
	Schema    string             `json:"schema"`
	Input     string             `json:"input,omitempty"`
	Offset    string             `json:"kernel_offset,omitempty"` // hexadecimal, where the log or the user says it
	Reports   []SymbolizedReport `json:"reports"`
	Addresses []SymbolizedFrame  `json:"addresses,omitempty"` // those asked for one by one
	Stats     triage.SymbolStats `json:"stats"`
	Files     []SymbolFile       `json:"files"`    // that the answers come from
	Problems  []SymbolProblem    `json:"problems"` // why frames have no answer
}

// SymbolizedReport is a report of the log with its stacks.
type SymbolizedReport struct {
	Index    int               `json:"index"` // of the report in "crash parse"; of the dump where dump is set
	Dump     bool              `json:"dump,omitempty"`
	Kind     string            `json:"kind"`
	Headline string            `json:"headline"`
	Kernel   string            `json:"kernel"`
	Line     int               `json:"line"`
	Stacks   []SymbolizedStack `json:"stacks"`
}

// SymbolizedStack is one stack of a report.
type SymbolizedStack struct {
	Name   string            `json:"name,omitempty"` // empty for the main one
	Frames []SymbolizedFrame `json:"frames"`
}

// SymbolizedFrame is a frame with everything that it can mean.
type SymbolizedFrame struct {
	Text     string         `json:"text"` // as the kernel prints it: "vfs_read+0x9d/0x1a0"
	LogLine  int            `json:"log_line,omitempty"`
	Reliable bool           `json:"reliable"`
	Answers  []SymbolAnswer `json:"answers"`
	Error    string         `json:"error,omitempty"`
}

// SymbolAnswer is one thing that a frame can mean.
type SymbolAnswer struct {
	Function  string              `json:"function"`
	Address   string              `json:"address"` // of the function in the file, hexadecimal
	Offset    uint64              `json:"offset"`
	Size      uint64              `json:"size"`
	Module    string              `json:"module,omitempty"`
	Lines     []symbol.Line       `json:"lines"` // innermost first; empty without debug information
	File      string              `json:"file"`  // the ELF file that says so
	BuildID   string              `json:"build_id,omitempty"`
	Verified  symbol.Verification `json:"verified"` // how it is known that the file is of the same build
	Ambiguous bool                `json:"ambiguous,omitempty"`
	Note      string              `json:"note,omitempty"` // what is missing or odd
}

// NewSymbolAnswers makes the printed form of answers.
func NewSymbolAnswers(answers []symbol.Answer) []SymbolAnswer {
	list := make([]SymbolAnswer, len(answers))
	for i, a := range answers {
		list[i] = SymbolAnswer{Function: a.Symbol.Name, Address: fmt.Sprintf("%#x", a.Symbol.Address), Offset: a.Offset, Size: a.Symbol.Size, Module: a.Symbol.Module,
			Lines: a.Lines, File: a.File, BuildID: a.BuildID, Verified: a.Verified, Ambiguous: a.Ambiguous, Note: a.Note}
	}
	return list
}

// SymbolFile is a file that answers came from.
type SymbolFile struct {
	Path     string              `json:"path"`
	BuildID  string              `json:"build_id,omitempty"`
	Verified symbol.Verification `json:"verified"`
	Frames   int                 `json:"frames"`
}

// SymbolProblem is a reason and how many frames it concerns.
type SymbolProblem struct {
	Text   string `json:"text"`
	Frames int    `json:"frames"`
}

// SymbolizedText writes the stacks in the form that the kernel's own
// decode_stacktrace.sh and syzkaller have made familiar; "crash parse" reads it.
func SymbolizedText(w io.Writer, doc Symbolized, s Style) error {
	p := &printer{w: w, s: s}
	for i := range doc.Reports {
		r := &doc.Reports[i]
		if i > 0 {
			p.line("")
		}
		p.line("%s %s", s.paint(faint, fmt.Sprintf("%s:%d", doc.Input, r.Line)), s.paint(strong, r.Headline))
		for _, st := range r.Stacks {
			if st.Name != "" {
				p.line("  %s:", s.paint(notice, st.Name))
			}
			for _, f := range st.Frames {
				symbolizedFrame(p, f)
			}
		}
	}
	if len(doc.Reports) > 0 && len(doc.Addresses) > 0 {
		p.line("")
	}
	for _, f := range doc.Addresses {
		symbolizedFrame(p, f)
		if f.Error != "" {
			p.line("    %s", s.paint(caution, f.Error))
		}
	}
	if len(doc.Reports) == 0 {
		return p.err
	}
	st := doc.Stats
	text := fmt.Sprintf("%s: %d with a place, %d inlined calls", plural(st.Frames, "frame"), st.Placed, st.Inlined)
	for _, part := range []struct {
		n    int
		what string
	}{{st.Resolved - st.Placed, "without a line"}, {st.Ambiguous, "ambiguous"}, {st.Refused, "refused"}, {st.Unknown, "unknown"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	p.line("\n%s", s.paint(faint, text))
	for _, f := range doc.Files {
		how := s.paint(good, "verified by "+string(f.Verified))
		if f.Verified == symbol.Unverified {
			how = s.paint(caution, "not verified: nothing in the log says that it is of the same build")
		}
		p.line("  %s  %s", f.Path, how)
	}
	for _, problem := range doc.Problems {
		p.wrapped("  ", fmt.Sprintf("%s: %s", plural(problem.Frames, "frame"), problem.Text), caution)
	}
	return p.err
}

func symbolizedFrame(p *printer, f SymbolizedFrame) {
	mark := "  "
	if !f.Reliable {
		mark = "? "
	}
	if len(f.Answers) == 0 {
		p.line("  %s%s", mark, f.Text)
		return
	}
	for _, a := range f.Answers {
		if len(a.Lines) == 0 {
			p.line("  %s%s", mark, locatedText(f, a))
		}
		for _, l := range a.Lines {
			place := ""
			if l.File != "" {
				place = fmt.Sprintf("%s:%d", l.File, l.Line)
			}
			if l.Inline {
				p.line("  %s%s %s [inline]", mark, l.Function, p.s.paint(notice, place))
				continue
			}
			p.line("  %s%s %s%s", mark, locatedText(f, a), p.s.paint(notice, place), p.s.paint(caution, ambiguous(a)))
		}
	}
}

// locatedText is the frame as printed; for an address what it was found to be.
func locatedText(f SymbolizedFrame, a SymbolAnswer) string {
	if !strings.HasPrefix(f.Text, "0x") {
		return f.Text
	}
	text := fmt.Sprintf("%s+%#x/%#x", a.Function, a.Offset, a.Size)
	if a.Module != "" {
		text += " [" + a.Module + "]"
	}
	return text
}

func ambiguous(a SymbolAnswer) string {
	if a.Ambiguous {
		return " (ambiguous)"
	}
	return ""
}

// SymbolEntries is the JSON of "symbol index" and "symbol fetch".
type SymbolEntries struct {
	Schema  string         `json:"schema"`
	Store   string         `json:"store"`
	Entries []symbol.Entry `json:"entries"`
	Skipped int            `json:"skipped"` // files that are no ELF files with symbols
}

// SymbolEntryList writes what a store was given.
func SymbolEntryList(w io.Writer, doc SymbolEntries, s Style) error {
	p := &printer{w: w, s: s}
	added := 0
	for _, e := range doc.Entries {
		state := s.paint(faint, "kept")
		if e.New {
			state, added = s.paint(good, "new "), added+1
		}
		name := e.Module
		if name == "" && e.Kernel {
			name = "vmlinux"
		}
		what := strings.TrimSpace(e.Release + " " + name)
		if !e.Lines && e.Machine != "" {
			what += " (functions only)"
		}
		p.line("%s  %s  %9s  %s", state, e.BuildID, bytesText(e.Bytes), what)
	}
	text := fmt.Sprintf("%s in %s, %d new", plural(len(doc.Entries), "file"), doc.Store, added)
	if doc.Skipped > 0 {
		text += fmt.Sprintf(", %d passed over", doc.Skipped)
	}
	p.line("%s", s.paint(faint, text))
	return p.err
}
