package record

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringside/crash"
	"ringside/klog"
)

// analyzeScript is an Analyzer for tests of the record's own rules, in which
// a log says what is to be found in it. Each line is either text or a report:
//
//	REPORT boot=0 kind=null-ptr-deref fn=foo_bar stack=foo_bar,baz kernel=6.1.0-1-amd64 by=0 panic wall=2026-11-01T00:00:00Z
//
// "BROKEN" ends the input with an error, as a truncated archive does, and
// "PANIC" makes the analyzer panic.
func analyzeScript(_ context.Context, r io.Reader) (*crash.Document, error) {
	doc := &crash.Document{Schema: crash.SchemaID, Input: crash.Input{Transports: map[string]int64{"console": 1}}}
	in := bufio.NewScanner(r)
	var offset int64
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		span := klog.Span{Start: offset, End: offset + int64(len(line)) + 1}
		offset = span.End
		switch fields := strings.Fields(line); {
		case line == "BROKEN":
			err := errors.New("the archive is truncated")
			doc.Notes = append(doc.Notes, crash.Note{Text: err.Error(), Line: n})
			return doc, err
		case line == "PANIC":
			panic("analyzer met its match")
		case len(fields) > 0 && fields[0] == "REPORT":
			rep, err := scriptReport(fields[1:])
			if err != nil {
				return nil, err
			}
			rep.Index, rep.Lines, rep.Span = len(doc.Reports), crash.LineRange{First: n, Last: n}, span
			doc.Reports = append(doc.Reports, rep)
		}
	}
	return doc, in.Err()
}

func scriptReport(fields []string) (crash.Report, error) {
	r := crash.Report{Arch: "x86_64", Kernel: "6.1.0-1-amd64"}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		var err error
		switch name {
		case "boot":
			r.Boot, err = strconv.Atoi(value)
		case "kind":
			r.Kind, r.Class = crash.Kind(value), crash.Kind(value).Class()
		case "fn":
			r.Guilty = &crash.Location{Function: value}
		case "stack":
			for fn := range strings.SplitSeq(value, ",") {
				r.Frames = append(r.Frames, crash.Frame{Function: fn, Reliable: true})
			}
		case "kernel":
			r.Kernel = value
		case "arch":
			r.Arch = value
		case "by":
			var by int
			by, err = strconv.Atoi(value)
			r.CausedBy = &by
		case "panic":
			r.Panicked = true
		case "wall":
			var at time.Time
			at, err = time.Parse(time.RFC3339, value)
			r.Wall = &at
		default:
			err = fmt.Errorf("unknown field %q", f)
		}
		if err != nil {
			return r, err
		}
	}
	fn := ""
	if r.Guilty != nil {
		fn = r.Guilty.Function
	}
	r.Title = string(r.Kind) + " in " + fn
	r.Headline = "headline: " + r.Title
	sum := sha256.Sum256([]byte(r.Title))
	r.Signature = crash.Signature{Algorithm: "t1", Portable: hex.EncodeToString(sum[:8]), Family: r.Kind.Family() + "/" + fn,
		Exact: "exact", Stack: "stack", Basis: []string{string(r.Kind), fn}}
	return r, nil
}

// take keeps a log and analyses it, and returns the receipt.
func take(t testing.TB, s *Service, host, log string, change ...func(*Meta)) Receipt {
	t.Helper()
	m := Meta{Host: host, Source: "test"}
	for _, f := range change {
		f(&m)
	}
	r, err := s.Intake(t.Context(), strings.NewReader(log), m)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	r2, err := s.Receipt(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	r2.Duplicate = r.Duplicate
	return r2
}

func collected(when time.Time) func(*Meta) { return func(m *Meta) { m.CollectedAt = when } }

// analyzeNothing is an Analyzer that finds no report in anything.
func analyzeNothing(context.Context, io.Reader) (*crash.Document, error) {
	return &crash.Document{Schema: crash.SchemaID, Input: crash.Input{Transports: map[string]int64{}}}, nil
}
