package triage

import (
	"bytes"
	"context"
	"errors"
	"io"

	"ringside/crash"
	"ringside/vmcore"
)

// dump triages a kernel dump: all that is in memory, and its log as any other.
func (res *Result) dump(ctx context.Context, in Input, o Options) error {
	k, end, err := in.Dump(ctx)
	if err != nil {
		return err
	}
	defer end()
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
	log := Input{Name: in.Name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(doc.LogText())), nil }}
	err = res.findings(ctx, log, o, nil)
	doc.Crash = nil // it is the result's document
	if errors.Is(err, context.Canceled) {
		return ctx.Err()
	}
	return err
}
