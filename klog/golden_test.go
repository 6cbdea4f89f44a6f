package klog

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// describe writes a record as golden files show it.
func describe(b *strings.Builder, rec *Record) {
	origin := [...]string{"?", "kernel", "user"}[rec.Origin]
	fmt.Fprintf(b, "%3d [%d,%d)", rec.Line, rec.Span.Start, rec.Span.End)
	fmt.Fprintf(b, " %s %s", rec.Transport, origin)
	if rec.Boot > 0 {
		fmt.Fprintf(b, " boot=%d", rec.Boot)
	}
	if rec.HasTime {
		fmt.Fprintf(b, " t=%v", rec.Time)
	}
	if !rec.Wall.IsZero() {
		fmt.Fprintf(b, " wall=%s", rec.Wall.Format("2006-01-02T15:04:05.999999"))
	}
	if rec.Level >= 0 {
		fmt.Fprintf(b, " pri=%d.%d", rec.Facility, rec.Level)
	}
	switch rec.Caller.Kind {
	case CallerTask:
		fmt.Fprintf(b, " task=%d", rec.Caller.ID)
	case CallerCPU:
		fmt.Fprintf(b, " cpu=%d", rec.Caller.ID)
	}
	if rec.Seq >= 0 {
		fmt.Fprintf(b, " seq=%d", rec.Seq)
	}
	if rec.Lost > 0 {
		fmt.Fprintf(b, " lost=%d", rec.Lost)
	}
	if len(rec.Host) > 0 {
		fmt.Fprintf(b, " host=%s", rec.Host)
	}
	if len(rec.Release) > 0 {
		fmt.Fprintf(b, " release=%s", rec.Release)
	}
	if rec.TextStart < 0 {
		b.WriteString(" decoded")
	}
	fmt.Fprintf(b, "\n\t%q\n", rec.Text)
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"mixed.log", "crash-lkdtm-USERCOPY_SLAB_SIZE_TO.log", "netconsole.raw"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			r := NewReader(bytes.NewReader(data), Options{Year: 2026})
			var b strings.Builder
			for _, rec := range readAll(t, r) {
				describe(&b, &rec)
			}
			s := r.Stats()
			fmt.Fprintf(&b, "bytes %d, lines %d, records %d, lost %d, boots %d\n", s.Bytes, s.Lines, s.Records, s.Lost, s.Boots)
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() == string(want) {
				return
			}
			got := strings.Split(b.String(), "\n")
			for i, line := range strings.Split(string(want), "\n") {
				if i >= len(got) || got[i] != line {
					t.Fatalf("line %d of %s:\n got %s\nwant %s\n(-update rewrites it, if that is meant)", i+1, golden, append(got, "nothing")[min(i, len(got))], line)
				}
			}
			t.Fatalf("%s is shorter than the output", golden)
		})
	}
}
