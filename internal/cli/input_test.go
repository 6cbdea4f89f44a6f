package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ringside/internal/triage"
)

// mixed makes a folder with what a crash folder has in it, good and bad.
func mixed(t *testing.T, dir string) {
	t.Helper()
	cut := pack(t, "gzip", strings.Repeat("[    1.000000] a\n", 10)+oops)
	for name, content := range map[string]string{
		"a.log":       oops,
		"b.log.xz":    string(pack(t, "xz", oops)),
		"c.vmcore":    "KDUMP   x",
		"d.empty":     "",
		"e.junk":      strings.Repeat("\x00\x01\x02\xff\xfe\x80", 999),
		"f.log.gz":    string(cut[:len(cut)-9]),
		"g/deep.log":  oops,
		"h/other.log": oops,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "z.dangling")); err != nil {
		t.Fatal(err)
	}
}

// TestFolder: what is bad in a folder is named and does not hide the rest.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	mixed(t, dir)
	docs, stderr, code := runJSON(t, "crash", "parse", "--json", dir)
	if code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	found := map[string]int{}
	for _, d := range docs {
		doc := d.(map[string]any)
		name, err := filepath.Rel(dir, doc["input"].(map[string]any)["name"].(string))
		if err != nil {
			t.Fatal(err)
		}
		found[name] = len(doc["reports"].([]any))
	}
	want := map[string]int{"a.log": 1, "b.log.xz": 1, "d.empty": 0, "e.junk": 0, "f.log.gz": 1, "g/deep.log": 1, "h/other.log": 1}
	for name, n := range want {
		if got, ok := found[name]; !ok || got != n {
			t.Errorf("%s: %d reports (there: %v), want %d", name, got, ok, n)
		}
	}
	if len(found) != len(want) {
		t.Errorf("documents of %v", found)
	}
	for _, text := range []string{"c.vmcore: this is vmcore-kdump", "f.log.gz: parse log: gzip archive is cut short"} {
		if !strings.Contains(stderr, text) {
			t.Errorf("standard error does not say %q: %s", text, stderr)
		}
	}

	var out, errs bytes.Buffer
	if code := Main(t.Context(), []string{"triage", "--each", dir}, Streams{Out: &out, Err: &errs}); code != exitUsage {
		t.Errorf("triage: exit code %d", code)
	}
	if n := strings.Count(out.String(), "null-ptr-deref in null_in_thread [labcrash]\n"); n < 5 {
		t.Errorf("triage tells of %d of 5 reports:\n%s", n, out.String())
	}
	for _, text := range []string{"c.vmcore: dump: the KDUMP header is cut off", "d.empty: it is empty", "e.junk: these are bytes of no known kind"} {
		if !strings.Contains(errs.String(), text) {
			t.Errorf("triage does not say %q: %s", text, errs.String())
		}
	}

	// As one report: the same event in five logs is told once, and what is wrong
	// with a member is told with it.
	out.Reset()
	if code := Main(t.Context(), []string{"triage", dir}, Streams{Out: &out, Err: &errs}); code != exitDone {
		t.Errorf("triage of the folder: exit code %d", code)
	}
	for _, text := range []string{"OOPS  null-ptr-deref in null_in_thread [labcrash]", "in a.log; the same event in b.log.xz, f.log.gz, g/deep.log, h/other.log",
		"c.vmcore is a memory dump", "gzip archive is cut short"} {
		if strings.Count(out.String(), text) != 1 {
			t.Errorf("triage of the folder does not say %q once:\n%s", text, out.String())
		}
	}
}

// TestUnreadable does it for what the caller may not read. Root may read
// everything, so for root a copy of this program runs as somebody else.
func TestUnreadable(t *testing.T) {
	dir, err := os.MkdirTemp("", "ringside-unreadable-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(os.Chmod(filepath.Join(dir, "logs", "g"), 0o755), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	logs := filepath.Join(dir, "logs")
	mixed(t, logs)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cred := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		const nobody = 65534
		cred.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		program, err := os.ReadFile(exe)
		if err != nil {
			t.Fatal(err)
		}
		exe = filepath.Join(dir, "ringside")
		if err := errors.Join(os.WriteFile(exe, program, 0o755), os.Chmod(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(filepath.Join(logs, "a.log"), 0), os.Chmod(filepath.Join(logs, "g"), 0)); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"triage --each --json", "triage --json", "crash parse --json"} {
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Args = append([]string{"ringside"}, append(strings.Fields(verb), logs)...)
		cmd.SysProcAttr = cred
		cmd.Dir = "/"
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != exitUsage {
			t.Fatalf("%s: %v, want exit code 2: %s", verb, err, errs.String())
		}
		// Of a bundle, members are named without the folder's own name.
		for _, text := range []string{"a.log: permission denied", "g: permission denied"} {
			if !strings.Contains(errs.String(), text) {
				t.Errorf("%s does not say %q: %s", verb, text, errs.String())
			}
		}
		if !strings.Contains(out.String(), "h/other.log") || strings.Count(out.String(), `"title": "null-ptr-deref in null_in_thread [labcrash]"`) < 3 {
			t.Errorf("%s does not show the rest", verb)
		}
	}
}

// TestPipe: a named pipe is read like standard input, evidence included, and
// nothing is read twice from it.
func TestPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	for _, tt := range []struct{ verb, want string }{
		{"triage", "│ [   42.000000] BUG: kernel NULL pointer dereference"},
		{"crash parse", "null-ptr-deref in null_in_thread [labcrash]"},
	} {
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		fed := make(chan error, 1)
		go func() {
			w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
			if err == nil {
				_, err = io.WriteString(w, oops)
				err = errors.Join(err, w.Close())
			}
			fed <- err
		}()
		var out, errs bytes.Buffer
		code := Main(t.Context(), append(strings.Fields(tt.verb), pipe), Streams{Out: &out, Err: &errs})
		if err := <-fed; err != nil {
			t.Fatal(err)
		}
		if code != exitDone || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: exit code %d: %s%s", tt.verb, code, out.String(), errs.String())
		}
		if err := os.Remove(pipe); err != nil {
			t.Fatal(err)
		}
	}
	var errs bytes.Buffer
	if code := Main(t.Context(), []string{"triage", "-", "-"}, Streams{In: strings.NewReader(oops), Out: io.Discard, Err: &errs}); code != exitUsage ||
		!strings.Contains(errs.String(), "give - once") {
		t.Errorf("standard input twice: exit code %d, %s", code, errs.String())
	}
}

// TestSpool: what the spool does not keep is found all the same; it is not
// quoted, and the report says so.
func TestSpool(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	filler := strings.Repeat("[    1.000000] usb 1-1: new device\n", 100)
	for _, tt := range []struct {
		name, log string
		max       int64
		compress  string
		quoted    int
		note      string
	}{
		{name: "all kept", log: oops, max: 1 << 20, quoted: 6},
		{name: "exactly all kept", log: oops, max: int64(len(oops)), quoted: 6},
		{name: "the beginning kept", log: oops, max: int64(strings.Index(oops, "\n") + 10), quoted: 1, note: "longer than 0 MiB; pass a file"},
		{name: "the report is behind what was kept", log: filler + oops, max: 1000, note: "longer than 0 MiB; pass a file"},
		{name: "compressed, cut", log: oops, max: 100, compress: "gzip", note: "longer than 0 MiB; pass a file"},
		{name: "nothing kept", log: oops, max: 0, note: "longer than 0 MiB; pass a file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := []byte(tt.log)
			if tt.compress != "" {
				data = pack(t, tt.compress, tt.log)
			}
			s := &spool{name: "-", src: io.NopCloser(bytes.NewReader(data)), max: tt.max}
			defer s.remove()
			res, err := triage.Run(context.Background(), triage.Input{Name: "-", Open: s.open}, triage.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Findings) != 1 || res.Findings[0].Title != "null-ptr-deref in null_in_thread [labcrash]" {
				t.Fatalf("findings %+v", res.Findings)
			}
			if n := len(res.Findings[0].Excerpt); n != tt.quoted {
				t.Errorf("%d lines are quoted, want %d: %v", n, tt.quoted, res.Findings[0].Excerpt)
			}
			notes := ""
			for _, n := range res.Document.Notes {
				notes += n.Text + "\n"
			}
			if !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" {
				t.Errorf("notes are %q, want %q in them", notes, tt.note)
			}
		})
	}
	t.Run("no room on the disk", func(t *testing.T) {
		t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "nosuch"))
		s := &spool{name: "-", src: io.NopCloser(strings.NewReader(oops)), max: maxSpool}
		defer s.remove()
		res, err := triage.Run(context.Background(), triage.Input{Name: "-", Open: s.open}, triage.Options{})
		if err != nil || len(res.Findings) != 1 || len(res.Document.Notes) != 1 {
			t.Fatalf("%+v, %v", res, err)
		}
		if text := res.Document.Notes[0].Text; !strings.Contains(text, "no such file") {
			t.Errorf("the note is %q", text)
		}
	})
}
