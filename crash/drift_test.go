package crash

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
)

// drift is a row of testdata/drift/labels.tsv: what the drift lab did wrong, and
// what must be found.
type drift struct {
	fault, kernels string
	kinds          []string // none: nothing may be found
	functions      []string // none: it does not matter
}

const driftDir = "testdata/drift"

func driftLabels(t testing.TB) []drift {
	t.Helper()
	data, err := os.ReadFile(driftDir + "/labels.tsv")
	if err != nil {
		t.Fatal(err)
	}
	split := func(s string) []string {
		if s == "-" || s == "*" {
			return nil
		}
		return strings.Split(s, "|")
	}
	var list []drift
	for n, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 6 {
			t.Fatalf("labels.tsv:%d: %d columns, want 6", n+1, len(f))
		}
		d := drift{fault: f[0], kernels: f[1], kinds: split(f[4]), functions: split(f[5])}
		for _, k := range d.kinds {
			if !slices.Contains(Kinds(), Kind(k)) {
				t.Fatalf("labels.tsv:%d: there is no kind %q", n+1, k)
			}
		}
		list = append(list, d)
	}
	return list
}

// labelOf returns the first row for a kernel's fault.
func labelOf(t testing.TB, labels []drift, kernel, fault string) *drift {
	t.Helper()
	for i := range labels {
		ok, err := path.Match(labels[i].kernels, kernel)
		if err != nil {
			t.Fatal(err)
		}
		if ok && labels[i].fault == fault {
			return &labels[i]
		}
	}
	return nil
}

// driftLog is a recorded boot.
type driftLog struct{ kernel, fault, file string }

func driftLogs(t testing.TB) []driftLog {
	t.Helper()
	files, err := filepath.Glob(driftDir + "/*/*.log.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d logs in %s: %v", len(files), driftDir, err)
	}
	sort.Strings(files)
	var list []driftLog
	for _, f := range files {
		fault := strings.Replace(strings.TrimSuffix(filepath.Base(f), ".log.gz"), "-", ":", 1)
		list = append(list, driftLog{filepath.Base(filepath.Dir(f)), fault, f})
	}
	return list
}

func readDrift(t testing.TB, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return data
}

// TestDrift holds the parser to what real kernels said when they were made to
// fail. Truth is what was done to them, not what the parser found.
func TestDrift(t *testing.T) {
	labels := driftLabels(t)
	cells := map[string]map[string]string{} // fault → kernel → what was found
	for _, l := range driftLogs(t) {
		label := labelOf(t, labels, l.kernel, l.fault)
		if label == nil {
			t.Errorf("%s %s has no label", l.kernel, l.fault)
			continue
		}
		data := readDrift(t, l.file)
		doc, err := Parse(context.Background(), bytes.NewReader(data), Options{})
		if err != nil {
			t.Fatal(err)
		}
		found := firstReport(doc)
		if found == nil && len(label.kinds) > 0 && len(doc.Reports) > 0 {
			found = &doc.Reports[0] // what was done makes an event only
		}
		if cells[l.fault] == nil {
			cells[l.fault] = map[string]string{}
		}
		cells[l.fault][l.kernel] = "–"
		if found != nil {
			cells[l.fault][l.kernel] = string(found.Kind)
		}
		switch {
		case len(label.kinds) == 0 && found != nil:
			t.Errorf("%s %s: found %s in line %d, want nothing", l.kernel, l.fault, found.Title, found.Lines.First)
		case len(label.kinds) == 0:
		case found == nil:
			t.Errorf("%s %s: nothing found, want %s", l.kernel, l.fault, label.kinds)
		case !slices.Contains(label.kinds, string(found.Kind)):
			t.Errorf("%s %s: line %d is %s, want %s", l.kernel, l.fault, found.Lines.First, found.Title, label.kinds)
		case len(label.functions) > 0 && (found.Guilty == nil || !slices.Contains(label.functions, PortableName(found.Guilty.Function))):
			t.Errorf("%s %s: line %d is %s, want the fault of %s", l.kernel, l.fault, found.Lines.First, found.Title, label.functions)
		}
	}
	coverage(t, labels, cells)
}

// coverage keeps the matrix of docs/coverage.md.
func coverage(t *testing.T, labels []drift, cells map[string]map[string]string) {
	t.Helper()
	var kernels []string
	for _, row := range cells {
		for k := range row {
			if !slices.Contains(kernels, k) {
				kernels = append(kernels, k)
			}
		}
	}
	sort.Strings(kernels)
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	fmt.Fprintf(w, "| what was done | %s |\n|---|%s\n", strings.Join(kernels, " | "), strings.Repeat("---|", len(kernels)))
	done := map[string]bool{}
	n := 0
	for _, l := range labels {
		if done[l.fault] || cells[l.fault] == nil {
			continue
		}
		done[l.fault] = true
		fmt.Fprintf(w, "| `%s` |", l.fault)
		for _, k := range kernels {
			fmt.Fprintf(w, " %s |", cells[l.fault][k])
			if cells[l.fault][k] != "" {
				n++
			}
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	const page = "../docs/coverage.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- the matrix, by go test ./crash -run Drift -update -->\n", "<!-- end of the matrix -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks of the matrix", page)
	}
	want := fmt.Sprintf("%s%s%d boots of %d kernels.\n\n%s%s%s", before, begin, n, len(kernels), out.String(), end, after)
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Errorf("%s is not what the logs say; run go test ./crash -run Drift -update and read the difference", page)
	}
}

// TestDriftKUnit takes the kernel's own test suites for an examiner: they
// provoke one report after the other and say by the name of each case who is
// to blame.
func TestDriftKUnit(t *testing.T) {
	for _, tt := range []struct {
		file, headline, module string
		kind                   Kind
		least                  int
	}{
		{"checks-6.12-amd64/kunit-kasan_test.log.gz", "BUG: KASAN:", "kasan_test", KindKASAN, 100},
		{"checks-6.12-amd64/kunit-kfence_test.log.gz", "BUG: KFENCE:", "kfence_test", KindKFENCE, 10},
	} {
		t.Run(tt.file, func(t *testing.T) {
			data := readDrift(t, filepath.Join(driftDir, tt.file))
			doc, err := Parse(context.Background(), bytes.NewReader(data), Options{})
			if err != nil {
				t.Fatal(err)
			}
			headlines := bytes.Count(data, []byte("] "+tt.headline))
			if headlines < tt.least {
				t.Fatalf("the log has %d headlines, want at least %d", headlines, tt.least)
			}
			// The case that a report belongs to is named in the next "ok" line.
			cases := map[int]string{}
			name := ""
			lines := strings.Split(string(data), "\n")
			for i := len(lines) - 1; i >= 0; i-- {
				if _, after, ok := strings.Cut(lines[i], "     ok "); ok {
					_, name, _ = strings.Cut(strings.TrimSpace(after), " ")
				} else if _, after, ok := strings.Cut(lines[i], "     not ok "); ok {
					_, name, _ = strings.Cut(strings.TrimSpace(after), " ")
				}
				cases[i+1] = strings.TrimSpace(name)
			}
			reports, right, wrong := 0, 0, []string{}
			for i := range doc.Reports {
				r := &doc.Reports[i]
				if r.Kind != tt.kind {
					continue
				}
				reports++
				// Some cases do their deed in a helper of the suite.
				if r.Guilty != nil && r.Guilty.Module == tt.module && blames(r, cases[r.Lines.First]) {
					right++
				} else {
					wrong = append(wrong, fmt.Sprintf("line %d: %s, in the case %s", r.Lines.First, r.Title, cases[r.Lines.First]))
				}
			}
			if reports != headlines {
				t.Errorf("%d reports of %d headlines", reports, headlines)
			}
			if right*100 < reports*95 {
				t.Errorf("the test case is to blame in %d of %d reports:\n%s", right, reports, strings.Join(wrong, "\n"))
			}
			t.Logf("the test case is to blame in %d of %d reports:\n%s", right, reports, strings.Join(wrong, "\n"))
		})
	}
}

// blames reports whether the guilty function is a test case's, or a helper's
// that the case called.
func blames(r *Report, name string) bool {
	if strings.HasPrefix(name, PortableName(r.Guilty.Function)) {
		return true
	}
	return slices.ContainsFunc(r.Frames, func(f Frame) bool { return strings.HasPrefix(name, PortableName(f.Function)) }) ||
		strings.HasSuffix(PortableName(r.Guilty.Function), "_helper") || strings.HasSuffix(PortableName(r.Guilty.Function), "_reclaim")
}
