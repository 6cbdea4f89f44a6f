package record

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringside/crash"
)

// realAnalyzer is the product's own.
func realAnalyzer(c *Config) {
	c.Analyzer = AnalyzerFunc(func(ctx context.Context, r io.Reader) (*crash.Document, error) {
		return crash.Parse(ctx, r, crash.Options{})
	})
	c.Log = nil
}

// corpusLogs returns the folder of the lab's logs.
func corpusLogs(t testing.TB) string {
	t.Helper()
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("SKIPPED: set RINGSIDE_CORPUS to the corpus of real logs")
	}
	return filepath.Join(corpus, "crashlog", "lab")
}

func TestSeed(t *testing.T) {
	dir := corpusLogs(t)
	s, clock := newService(t, openSQLite(t, t.TempDir()), realAnalyzer)
	start := time.Now()
	res, err := Seed(t.Context(), s, SeedInput{Logs: os.DirFS(dir), Until: clock.t})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v in %v", res, time.Since(start))
	if res.Crashes < 600 || res.Crashes > 1500 || res.Hosts != 60 || res.Kernels < 5 {
		t.Errorf("seeded %+v: want 600 to 1500 crashes of 60 hosts and 5 kernels or more", res)
	}
	o, err := s.Overview(t.Context(), OverviewQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if !o.Demo || len(o.Regressed) == 0 || len(o.New) == 0 || len(o.Rising) == 0 || len(o.Top) != 10 || len(o.Kernels) < 5 || len(o.Latest) != 10 {
		t.Errorf("overview has %d regressed, %d new, %d rising, %d top, %d kernels, %d latest, demo %v",
			len(o.Regressed), len(o.New), len(o.Rising), len(o.Top), len(o.Kernels), len(o.Latest), o.Demo)
	}
	for _, k := range o.Kernels {
		if k.HostDays <= 0 {
			t.Errorf("kernel %s: %v host-days on %d hosts", k.Kernel.Release, k.HostDays, k.Hosts)
		}
	}
	checkRollups(t, s)

	// What was changed in a log must not have changed what it says.
	page, err := s.Crashes(t.Context(), CrashFilter{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Items {
		if !c.Demo || c.Host == nil || c.Kernel == nil || c.OccurredAt.After(clock.t) {
			t.Errorf("crash %+v: want demo data with a host and a kernel, not of the future", c)
		}
	}
	d, err := s.Crash(t.Context(), page.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	original, err := os.Open(filepath.Join(dir, d.Filename))
	if err != nil {
		t.Fatal(err)
	}
	defer original.Close()
	want, err := crash.Parse(t.Context(), original, crash.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Reports) != len(d.Document.Reports) || want.Reports[d.Primary].Signature.Portable != d.Document.Reports[d.Primary].Signature.Portable ||
		want.Reports[d.Primary].Span != d.Document.Reports[d.Primary].Span {
		t.Errorf("the seeded variant of %s says something else than the log itself", d.Filename)
	}
	text, err := s.CrashLog(t.Context(), d.ID, LogRange{})
	if err != nil {
		t.Fatal(err)
	}
	primary := d.Document.Reports[d.Primary]
	found := false
	for _, l := range text.Lines {
		if l.Number == primary.Lines.First && l.Start != primary.Span.Start {
			t.Errorf("line %d begins at %d, and the report in it at %d", l.Number, l.Start, primary.Span.Start)
		}
		if l.Number >= primary.Lines.First && l.Number <= primary.Lines.Last {
			found = found || strings.Contains(l.Text, d.Headline)
		}
	}
	if !found {
		t.Errorf("the log around the crash does not show its headline %q in lines %+v", d.Headline, primary.Lines)
	}
}
