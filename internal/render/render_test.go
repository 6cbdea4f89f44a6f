package render_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"ringside/internal/render"
	"ringside/internal/triage"
	"ringside/owner"
)

var update = flag.Bool("update", false, "rewrite golden files")

func run(t *testing.T, name string) *triage.Result {
	t.Helper()
	path := filepath.Join("../../crash/testdata/lab", name)
	res, err := triage.Run(context.Background(), triage.Input{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(path) }},
		triage.Options{Owners: owner.Default})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestGolden holds the reports to how a person found them good.
func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		log, golden string
		write       func(io.Writer, *triage.Result) error
	}{
		{"crash-mod-null.log", "null.txt", terminal(100)},
		{"crash-mod-null.log", "null-80.txt", terminal(80)},
		{"crash-mod-rcustall.log", "rcustall.txt", terminal(100)},
		{"vmcore-hang.console", "hang.txt", terminal(100)},
		{"crash-mod-hung.log", "hung.txt", terminal(100)},
		{"crash-mod-oom.log", "oom.txt", terminal(100)},
		{"crash-sysrq-l.log", "sysrq.txt", terminal(100)},
		{"boot-clean.log", "clean.txt", terminal(100)},
		{"crash-mod-dfree.log", "dfree.md", render.Markdown},
	} {
		var buf bytes.Buffer
		if err := tt.write(&buf, run(t, tt.log)); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", tt.golden)
		if *update {
			if err := os.WriteFile(golden, buf.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(buf.Bytes(), want) {
			t.Errorf("%s as %s changed; if that is meant, run with -update and read the diff. Now:\n%s", tt.log, tt.golden, buf.String())
		}
	}
}

func terminal(width int) func(io.Writer, *triage.Result) error {
	return func(w io.Writer, res *triage.Result) error {
		return render.Terminal(w, res, render.Style{Width: width})
	}
}

// No line of a report is wider than the terminal, and nothing in a log can
// send the terminal control characters.
func TestTerminalIsSafe(t *testing.T) {
	hostile := "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000\x1b]0;owned\x07\x1b[2J\n" +
		"[    1.000001] CPU: 0 PID: 1 Comm: \x1b[31mevil\u202e Not tainted 6.1.0 #1\n" +
		"[    1.000002] Call Trace:\n[    1.000003]  foo+0x1/0x2 [<script>alert(1)</script>]\n[    1.000004]  bar+0x1/0x2\n"
	res, err := triage.Run(context.Background(), triage.Input{Name: "hostile", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(hostile)), nil
	}}, triage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := render.Terminal(&buf, res, render.Style{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(buf.String(), "\n") {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }) {
			t.Errorf("line %d carries control characters: %q", i+1, line)
		}
		if n := utf8.RuneCountInString(line); n > 140 {
			t.Errorf("line %d has %d columns: %q", i+1, n, line)
		}
	}
	if len(res.Findings) != 1 {
		t.Errorf("%d findings, want 1", len(res.Findings))
	}
}
