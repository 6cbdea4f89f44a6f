package ktest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each case is a log and what is read out of it; the golden file is read by a person.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.in")
	if err != nil || len(inputs) == 0 {
		t.Fatal("no cases", err)
	}
	for _, in := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(in), ".in"), func(t *testing.T) {
			text, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			run, err := Read(bytes.NewReader(text))
			got := ""
			if run != nil {
				got = fmt.Sprintf("%s ", run.Format) + outline(run)
			}
			if err != nil {
				got += "error: " + err.Error() + "\n"
			}
			golden := strings.TrimSuffix(in, ".in") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// Wherever a log that passes is cut, the rest does not pass.
func TestCutNeverPasses(t *testing.T) {
	const whole = "KTAP version 1\n1..2\n    KTAP version 1\n    # Subtest: a\n    1..2\n    ok 1 x\n    ok 2 y\nok 1 a\n    # Subtest: b\n    1..1\n    ok 1 z\nok 2 b\n"
	run, err := KTAP(strings.NewReader(whole))
	if err != nil || run.Status != Pass || run.Totals.Tests != 3 {
		t.Fatalf("%s, %v", outline(run), err)
	}
	// The last line's description may be cut: its result is there.
	last := strings.LastIndex(whole, "ok 2") + 2
	for i := range last {
		if run, err := KTAP(strings.NewReader(whole[:i])); err != nil || run.Status == Pass {
			t.Errorf("cut at %d of %d it passes: %q\n%s", i, len(whole), whole[max(0, i-30):i], outline(run))
		}
	}
}

// The corpus: a guest's console with kselftest and LTP in it, and a whole KUnit boot, which
// the kernel's own parser counts as 42, 40 passed, 2 skipped.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set")
	}
	for name, want := range map[string]Totals{"kunit-all.log": {Tests: 42, Pass: 40, Skip: 2}, "suite-9p.log": {Tests: 142, Pass: 141, Fail: 1}} {
		f, err := os.Open(filepath.Join(dir, "ktest", name))
		if err != nil {
			t.Fatal(err)
		}
		run, err := Read(f)
		f.Close()
		if err != nil || run.Totals != want {
			t.Errorf("%s: %+v, %v", name, run.Totals, err)
		}
		seen := map[string]bool{}
		run.Each(func(r *Result) {
			if seen[r.Path] {
				t.Errorf("%s: two tests are called %s", name, r.Path)
			}
			seen[r.Path] = true
		})
	}
}

// What the tools of today print, on the spot.
func TestLiveTools(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		file   string
		format Format
		metric string
	}{
		{[]string{"stress-ng", "--cpu", "1", "--cpu-ops", "20", "--metrics", "--yaml", "OUT"}, "out.yaml", FormatStressNG, "stress-ng/cpu/ops"},
		{[]string{"fio", "--name=job", "--filename=DATA", "--size=1m", "--rw=randread", "--bs=4k", "--output-format=json", "--output=OUT"}, "out.json", FormatFio, "fio/job/read/bandwidth"},
	} {
		if _, err := exec.LookPath(tt.args[0]); err != nil {
			t.Logf("SKIPPED: no %s here", tt.args[0])
			continue
		}
		dir := t.TempDir()
		out := filepath.Join(dir, tt.file)
		var args []string
		for _, a := range tt.args[1:] {
			args = append(args, strings.NewReplacer("OUT", out, "DATA", filepath.Join(dir, "data")).Replace(a))
		}
		if b, err := exec.CommandContext(t.Context(), tt.args[0], args...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", tt.args[0], err, b)
			continue
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		run, err := Read(bytes.NewReader(text))
		if err != nil || run.Format != tt.format || run.Status != Pass {
			t.Errorf("%s: %v\n%.500s", tt.args[0], err, text)
			continue
		}
		found := false
		for _, m := range run.Metrics {
			found = found || m.Name == tt.metric && m.Values[0] > 0
		}
		if !found {
			t.Errorf("%s: no %s\n%s", tt.args[0], tt.metric, outline(run))
		}
	}
}

func TestCompare(t *testing.T) {
	read := func(text string) *Run {
		t.Helper()
		run, err := KTAP(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	a := read("TAP version 13\n1..6\nok 1 same\nok 2 breaks\nnot ok 3 mends\nok 4 gone\nnot ok 5 still\nok 6 skipped\n")
	b := read("TAP version 13\n1..6\nok 1 same\nnot ok 2 breaks\nok 3 mends\nok 4 new\nnot ok 5 still\nok 6 skipped # SKIP\n")
	c := Compare(a, b)
	got := map[Change]string{}
	for _, x := range c.Tests {
		got[x.Change] += x.Path + " "
	}
	want := map[Change]string{Regressed: "breaks ", Mended: "mends ", Gone: "gone ", New: "new ", StillBad: "still ", Unsure: "skipped "}
	if fmt.Sprint(got) != fmt.Sprint(want) || c.Same != 1 {
		t.Errorf("%v, %d the same", got, c.Same)
	}
	a.Metrics = []Metric{{"fast", "1/s", Higher, []float64{100}}, {"late", "ns", Lower, []float64{10}}, {"zero", "1", Lower, []float64{0}}}
	b.Metrics = []Metric{{"fast", "1/s", Higher, []float64{90}}, {"late", "ns", Lower, []float64{8}}, {"zero", "1", Lower, []float64{3}}}
	if c := Compare(a, b); len(c.Metrics) != 3 || c.Metrics[0].Worse != 0.1 || c.Metrics[1].Worse > -0.199 {
		t.Errorf("%+v", c.Metrics)
	}
}

func TestUnknown(t *testing.T) {
	for _, text := range []string{"", "hello\n", "{}", "<html></html>", "\x00\x01\x02"} {
		if _, err := Read(strings.NewReader(text)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	inputs, err := filepath.Glob("testdata/*.in")
	if err != nil {
		f.Fatal(err)
	}
	for _, in := range inputs {
		text, err := os.ReadFile(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		run, err := Read(bytes.NewReader(b))
		if run == nil {
			if err == nil {
				t.Fatal("neither a run nor an error")
			}
			return
		}
		seen := map[string]bool{}
		n := 0
		run.Each(func(r *Result) { n++; seen[r.Path] = true })
		if run.Status == Pass && run.Totals.Bad() > 0 {
			t.Errorf("it passes with %+v", run.Totals)
		}
		if run.Totals.Tests < n {
			t.Errorf("%d tests, %d counted", n, run.Totals.Tests)
		}
	})
}

// manyResults is a log of a million results in suites of a hundred.
func manyResults(n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "KTAP version 1\n1..%d\n", n/100)
	for s := range n / 100 {
		fmt.Fprintf(&b, "    KTAP version 1\n    # Subtest: suite_%d\n    1..100\n", s+1)
		for i := range 100 {
			fmt.Fprintf(&b, "    ok %d case_number_%d\n", i+1, i+1)
		}
		fmt.Fprintf(&b, "# suite_%d: pass:100 fail:0 skip:0 total:100\nok %d suite_%d\n", s+1, s+1, s+1)
	}
	return b.Bytes()
}

func BenchmarkKTAP(b *testing.B) {
	text := manyResults(1_000_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		run, err := KTAP(bytes.NewReader(text))
		if err != nil || run.Totals.Tests != 1_000_000 || run.Status != Pass {
			b.Fatalf("%+v, %v", run.Totals, err)
		}
	}
}
