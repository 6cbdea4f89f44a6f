package triage

import (
	"bytes"
	"context"
	"errors"
	"io"

	"ringside/crash"
	"ringside/symbol"
	"ringside/vmcore"
	"ringside/vmcore/kernel"
)

// dump triages a kernel dump: all that is in memory, and its log as any other.
func (res *Result) dump(ctx context.Context, in Input, o Options) error {
	k, end, err := in.Dump(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := addLines(ctx, k, o); err != nil {
		return err
	}
	doc, err := vmcore.Triage(ctx, k, vmcore.Options{Crash: o.Crash})
	if err != nil {
		return err
	}
	res.Dump, res.Document = doc, doc.Crash
	if res.Document == nil {
		if res.Document, err = crash.Parse(ctx, bytes.NewReader(nil), o.Crash); err != nil {
			return err
		}
	}
	err = res.annotate(ctx, o, symbol.Hints{BuildID: k.BuildID})
	log := Input{Name: in.Name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(doc.LogText())), nil }}
	err = errors.Join(err, res.findings(ctx, log, o, nil))
	doc.Crash = nil // it is the result's document
	if errors.Is(err, context.Canceled) {
		return ctx.Err()
	}
	return err
}

// addLines looks for the kernel's file of symbols where there are any. One of
// another build is refused, and the ladder says so.
func addLines(ctx context.Context, k *kernel.Kernel, o Options) error {
	if o.Symbols == nil || k.BuildID == "" {
		return nil
	}
	src, _, err := o.Symbols(symbol.Hints{BuildID: k.BuildID})
	if err != nil {
		return err
	}
	files, ok := src.(interface {
		Kernel(ctx context.Context, kernel symbol.Identity) (*symbol.File, error)
	})
	if !ok {
		return nil
	}
	f, err := files.Kernel(ctx, symbol.Identity{BuildID: k.BuildID, Release: k.Release})
	var other *symbol.MismatchError
	switch {
	case errors.Is(err, symbol.ErrNotFound):
		return nil // a triage does without
	case errors.As(err, &other):
		k.Refuse(err)
		return nil
	case err != nil:
		return err
	}
	if err := k.AddDebug(DebugFile(f)); err != nil {
		k.Refuse(err)
	}
	return nil
}

// DebugFile gives a dump's kernel the lines of a symbol file.
func DebugFile(f *symbol.File) kernel.DebugInfo { return debugFile{f} }

type debugFile struct{ f *symbol.File }

func (d debugFile) Name() string    { return d.f.Name }
func (d debugFile) BuildID() string { return d.f.Identity().BuildID }

func (d debugFile) Lines(addr uint64) []kernel.Line {
	lines, _ := d.f.Lines(addr) // what comes with an error is good
	out := make([]kernel.Line, 0, len(lines))
	for _, l := range lines {
		out = append(out, kernel.Line{Function: l.Function, File: l.File, Line: l.Line})
	}
	return out
}
