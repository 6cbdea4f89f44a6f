package triage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ringside/crash"
	"ringside/symbol"
)

// SymbolStats counts what came of symbolizing the frames of a document.
type SymbolStats struct {
	Frames    int `json:"frames"`    // frames with a name or an address
	Resolved  int `json:"resolved"`  // those with at least one answer
	Placed    int `json:"placed"`    // those with file and line
	Ambiguous int `json:"ambiguous"` // those with several answers
	Inlined   int `json:"inlined"`   // inlined calls that came to light
	Refused   int `json:"refused"`   // the symbols at hand are of another build
	Unknown   int `json:"unknown"`   // nothing at hand knows them
	// Refusal is why symbols were refused, in the words of the first time.
	Refusal string `json:"refusal,omitempty"`
}

// FrameAnswer is one frame of a document with what its symbols say.
type FrameAnswer struct {
	Report  *crash.Report
	Dump    bool   // Report is one of the document's dumps
	Stack   string // "" for the report's main stack
	Frame   crash.Frame
	Query   symbol.Query
	Answers []symbol.Answer
	Err     error
}

// Symbolize asks src about every frame of the document and hands each answer to
// visit, in the order of the log. It changes nothing. Frames that have their
// place already are left out.
func Symbolize(ctx context.Context, doc *crash.Document, kernelID string, src symbol.Source, visit func(FrameAnswer)) (SymbolStats, error) {
	var st SymbolStats
	_, err := symbolize(ctx, doc, kernelID, src, func(a FrameAnswer) []crash.Frame {
		st.count(a)
		visit(a)
		return []crash.Frame{a.Frame}
	})
	return st, err
}

// Annotate fills in file and line of the document's frames and puts the calls
// that the compiler inlined before the frame that they are in. Frames with
// several possible meanings stay as they are. Signatures do not change: they
// are made from what the kernel printed.
func Annotate(ctx context.Context, doc *crash.Document, kernelID string, src symbol.Source) (SymbolStats, error) {
	var st SymbolStats
	write, err := symbolize(ctx, doc, kernelID, src, func(a FrameAnswer) []crash.Frame {
		st.count(a)
		return annotated(a)
	})
	if err != nil {
		return st, err // a document with half of its frames changed is worse than an unchanged one
	}
	for _, change := range write {
		change()
	}
	for i := range doc.Reports {
		placeGuilty(&doc.Reports[i])
	}
	return st, nil
}

// annotate adds file, line and inlined calls to the stacks of the document where
// there are symbols for them. Symbols that do not fit are refused, and the
// document says so.
func (res *Result) annotate(ctx context.Context, o Options, hints symbol.Hints) error {
	doc := res.Document
	if o.Symbols == nil || len(doc.Reports)+len(doc.Dumps) == 0 {
		return nil
	}
	src, kernelID, err := o.Symbols(hints)
	if err != nil {
		return fmt.Errorf("symbols: %w", err)
	}
	if src == nil {
		return nil
	}
	if kernelID == "" {
		kernelID = hints.BuildID
	}
	st, err := Annotate(ctx, doc, kernelID, src)
	if err != nil {
		return err
	}
	res.Symbols = &st
	if st.Refused > 0 {
		doc.Notes = append(doc.Notes, crash.Note{Text: fmt.Sprintf("symbols were refused for %d of %d frames: %s", st.Refused, st.Frames, st.Refusal)})
	}
	return nil
}

func (st *SymbolStats) count(a FrameAnswer) {
	st.Frames++
	var mismatch *symbol.MismatchError
	switch {
	case errors.As(a.Err, &mismatch):
		st.Refused++
		if st.Refusal == "" {
			st.Refusal = mismatch.Error()
		}
	case a.Err != nil:
		st.Unknown++
	default:
		st.Resolved++
		if len(a.Answers) > 1 {
			st.Ambiguous++
		}
		if lines := a.Answers[0].Lines; len(lines) > 0 {
			if lines[len(lines)-1].File != "" {
				st.Placed++
			}
			if len(a.Answers) == 1 {
				st.Inlined += len(lines) - 1
			}
		}
	}
}

// symbolize walks over the stacks and returns what would put the frames that
// replace returned in their place.
func symbolize(ctx context.Context, doc *crash.Document, kernelID string, src symbol.Source, replace func(FrameAnswer) []crash.Frame) ([]func(), error) {
	var write []func()
	for pass, reports := range [][]crash.Report{doc.Reports, doc.Dumps} {
		for i := range reports {
			r := &reports[i]
			kernel := kernelOf(doc, r)
			kernel.BuildID = cmp.Or(r.KernelBuildID, kernelID) // the log's own word goes first
			one := func(name string, frames *[]crash.Frame) error {
				out := make([]crash.Frame, 0, len(*frames))
				for _, f := range *frames {
					if err := ctx.Err(); err != nil {
						return fmt.Errorf("symbolize: %w", err)
					}
					q, ok := queryOf(f, kernel)
					if !ok {
						out = append(out, f)
						continue
					}
					a := FrameAnswer{Report: r, Dump: pass == 1, Stack: name, Frame: f, Query: q}
					a.Answers, a.Err = src.Resolve(ctx, q)
					out = append(out, replace(a)...)
				}
				write = append(write, func() { *frames = out })
				return nil
			}
			if err := one("", &r.Frames); err != nil {
				return nil, err
			}
			for k := range r.Stacks {
				if err := one(r.Stacks[k].Name, &r.Stacks[k].Frames); err != nil {
					return nil, err
				}
			}
		}
	}
	return write, nil
}

// kernelOf is what the log says about the kernel of a report. The version line
// counts only as the boot banner has it: reports print a part of it.
func kernelOf(doc *crash.Document, r *crash.Report) symbol.Identity {
	id := symbol.Identity{Release: r.Kernel, Kernel: true}
	for _, b := range doc.Boots {
		if b.Index == r.Boot && (id.Release == "" || id.Release == b.Release) {
			id.Release, id.Version = b.Release, b.Version
		}
	}
	return id
}

// queryOf makes the question for a frame. Only the program counter of a
// register dump is where the CPU was; all else on a stack are return addresses.
func queryOf(f crash.Frame, kernel symbol.Identity) (symbol.Query, bool) {
	q := symbol.Query{Name: f.Function, Offset: f.Offset, Size: f.Size, Module: f.Module, BuildID: f.BuildID, Return: f.Context != "pc", Kernel: kernel}
	switch {
	case f.Inline || f.File != "":
		return q, false
	case f.Function == "":
		addr, ok := parseAddress(f.Address)
		q.Address = addr
		return q, ok
	}
	return q, f.Size != 0 || f.Offset != 0
}

func parseAddress(text string) (uint64, bool) {
	var v uint64
	n, err := fmt.Sscanf(strings.TrimPrefix(text, "0x"), "%x", &v)
	return v, n == 1 && err == nil && v != 0
}

// annotated returns the frames that stand for one.
func annotated(a FrameAnswer) []crash.Frame {
	if a.Err != nil || len(a.Answers) != 1 {
		return []crash.Frame{a.Frame}
	}
	answer := a.Answers[0]
	f := a.Frame
	if f.Function == "" {
		f.Function, f.Offset, f.Size, f.Module = answer.Symbol.Name, answer.Offset, answer.Symbol.Size, answer.Symbol.Module
	}
	var out []crash.Frame
	for _, l := range answer.Lines {
		if !l.Inline {
			f.File, f.Line = l.File, l.Line
			break
		}
		in := f
		in.Function, in.Offset, in.Size, in.Address = l.Function, 0, 0, ""
		in.File, in.Line, in.Inline = l.File, l.Line, true
		out = append(out, in)
	}
	return append(out, f)
}

// placeGuilty gives the guilty function the place of its frame.
func placeGuilty(r *crash.Report) {
	g := r.Guilty
	if g == nil || g.File != "" {
		return
	}
	i := slices.IndexFunc(r.Frames, func(f crash.Frame) bool {
		name, _, _ := strings.Cut(f.Function, ".")
		return !f.Inline && (f.Function == g.Function || name == g.Function) && f.Module == g.Module && f.Offset == g.Offset
	})
	if i >= 0 {
		g.File, g.Line = r.Frames[i].File, r.Frames[i].Line
	}
}
