package cli

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// oops is a short report, complete.
const oops = `[   42.000000] BUG: kernel NULL pointer dereference, address: 0000000000000018
[   42.000001] #PF: supervisor read access in kernel mode
[   42.000002] Oops: 0000 [#1] PREEMPT SMP NOPTI
[   42.000003] CPU: 0 PID: 122 Comm: lab Tainted: G           OE      6.1.0-56-amd64 #1  Debian 6.1.192-2
[   42.000004] RIP: 0010:null_in_thread+0x5/0x20 [labcrash]
[   42.000005] RAX: 0000000000000000 RBX: ffff8881003e0000 RCX: 0000000000000000
[   42.000006] CR2: 0000000000000018 CR3: 0000000003d2a000 CR4: 0000000000750ef0
[   42.000007] Call Trace:
[   42.000008]  <TASK>
[   42.000009]  kthread+0xda/0x100
[   42.000010]  ret_from_fork+0x22/0x30
[   42.000011]  </TASK>
[   42.000012] ---[ end trace 0000000000000000 ]---
`

// What a child may hold, in MiB, the base beyond what the program itself takes, with
// its code and the index of owners. A log is read in a fixed buffer; what grows is
// what was found. Beyond base are the windows of decompressors, documents with
// 10,000 reports, and 10,000 long ones as 130 MB of JSON, which is put together
// before it is written. None of them grows with the input.
const (
	peakBase     = 24
	peakInflate  = 96
	peakDocument = 400
	peakOutput   = 400
)

// long is n, or a hundredth of it in a short run.
func long(n int64) int64 {
	if testing.Short() {
		return n / 100
	}
	return n
}

// repeat writes block until n bytes are written.
func repeat(w io.Writer, block []byte, n int64) error {
	for n > 0 {
		m, err := w.Write(block[:min(n, int64(len(block)))])
		n -= int64(m)
		if err != nil {
			return err
		}
	}
	return nil
}

// pack compresses text.
func pack(t *testing.T, compression, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch compression {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	}
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zstdBomb is one frame of blocks that each say "this byte, 128 KiB times":
// 32 KiB of output for every byte.
func zstdBomb(blocks int) []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58} // no content size, window of 2 MiB
	for i := range blocks {
		head := uint32(128<<10)<<3 | 1<<1
		if i == blocks-1 {
			head |= 1
		}
		b = append(binary.LittleEndian.AppendUint32(b, head)[:len(b)+3], 'x')
	}
	return b
}

// TestHostile feeds whole processes with what nobody should, and asserts four
// things of each: that it ends, in how much memory, with which exit code, and
// that it says what is the matter.
func TestHostile(t *testing.T) {
	exe := program(t)
	own := runChild(t, exe, func(io.Writer) error { return nil }, "version").peakMiB
	t.Logf("the program itself takes %d MiB", own)
	schemas := published(t)
	zeros := strings.Repeat("\x00", 64<<20)
	gzipBomb := bytes.Repeat(pack(t, "gzip", zeros), 160)
	xzBomb := bytes.Repeat(pack(t, "xz", zeros[:16<<20]), 640)
	nested := []byte(oops)
	for range 4 {
		nested = pack(t, "gzip", string(nested))
	}
	noise := strings.Repeat("[    1.000000] usb 1-1: new device number 7\n", 4000)
	bytesOf := func(b []byte) func(io.Writer) error {
		return func(w io.Writer) error { _, err := w.Write(b); return err }
	}
	text := func(s string) func(io.Writer) error { return bytesOf([]byte(s)) }

	for _, tt := range []struct {
		name    string
		feed    func(io.Writer) error
		verb    string
		code    int
		peak    int
		reports int      // in the document, -1 where there is none
		stdout  []string // all of them
		stderr  string
	}{
		{
			name: "binary junk", verb: "crash parse --json", peak: peakBase, feed: func(w io.Writer) error {
				src := rand.NewChaCha8([32]byte{1})
				_, err := io.CopyN(w, src, long(64<<20))
				return err
			},
		},
		{
			name: "binary junk to triage", verb: "triage --json", code: exitUsage, peak: peakBase, feed: func(w io.Writer) error {
				_, err := io.CopyN(w, rand.NewChaCha8([32]byte{2}), 8<<20)
				return err
			}, stderr: "bytes of no known kind",
		},
		{
			name: "a line of 10 GB, then a report", verb: "crash parse --json", peak: peakBase, reports: 1, feed: func(w io.Writer) error {
				if err := repeat(w, bytes.Repeat([]byte("x"), 1<<20), long(10_000_000_000)); err != nil {
					return err
				}
				_, err := io.WriteString(w, "\n"+oops)
				return err
			}, stdout: []string{`"function": "null_in_thread"`, "1 lines were too long and have been cut"},
		},
		{
			name: "a line without an end", verb: "crash signature --json", peak: peakBase, reports: -1, feed: func(w io.Writer) error {
				return repeat(w, bytes.Repeat([]byte("x"), 1<<20), long(1_000_000_000))
			}, stdout: []string{`"signatures": []`},
		},
		{
			name: "nothing but NULs", verb: "crash parse --json", peak: peakBase, feed: func(w io.Writer) error {
				return repeat(w, make([]byte, 1<<20), long(1_000_000_000))
			},
		},
		{
			name: "nothing but line ends", verb: "crash parse --json", peak: peakBase, feed: func(w io.Writer) error {
				return repeat(w, bytes.Repeat([]byte("\n"), 1<<20), long(50_000_000))
			},
		},
		{
			name: "NULs around and within a report", verb: "triage --json", peak: peakBase, reports: 1,
			feed:   text(strings.Repeat("\x00", 4096) + strings.ReplaceAll(oops, "\n", "\x00\n\x00") + strings.Repeat("\x00", 4096)),
			stdout: []string{`"function": "null_in_thread"`},
		},
		{
			name: "invalid UTF-8", verb: "triage --json", peak: peakBase, reports: 1,
			feed:   text("[    1.000000] \xff\xfe\x80\n" + strings.Replace(oops, "Comm: lab", "Comm: \xc3\x28\xff", 1)),
			stdout: []string{`"function": "null_in_thread"`},
		},
		{
			name: "cut in the middle of a report", verb: "triage --json", peak: peakBase, reports: 1,
			feed:   text(oops[:strings.Index(oops, "Call Trace")+4]),
			stdout: []string{`"function": "null_in_thread"`, "the log ends in the middle of it"},
		},
		{name: "empty", verb: "crash parse --json", peak: peakBase, feed: text("")},
		{name: "empty to triage", verb: "triage --json", code: exitUsage, peak: peakBase, feed: text(""), stderr: "it is empty"},
		{
			name: "gzip bomb of 10 GiB", verb: "crash parse --json", code: exitUsage, peak: peakInflate, feed: bytesOf(gzipBomb),
			stdout: []string{"could not be read to its end"}, stderr: "raise the limit if the input is trusted",
		},
		{
			name: "zstd bomb of 16 GiB", verb: "crash parse --json", code: exitUsage, peak: peakInflate, feed: bytesOf(zstdBomb(128 << 10)),
			stdout: []string{"could not be read to its end"}, stderr: "raise the limit if the input is trusted",
		},
		{
			name: "xz bomb of 10 GiB", verb: "crash parse --json", code: exitUsage, peak: peakInflate, feed: bytesOf(xzBomb),
			stdout: []string{"could not be read to its end"}, stderr: "raise the limit if the input is trusted",
		},
		{
			name: "a report in front of a bomb", verb: "triage --json", code: exitUsage, peak: peakInflate, reports: 1,
			feed:   bytesOf(append(pack(t, "zstd", noise+oops), zstdBomb(128<<10)...)),
			stdout: []string{`"function": "null_in_thread"`, `"error":`}, stderr: "raise the limit if the input is trusted",
		},
		{
			name: "four times compressed", verb: "crash parse --json", code: exitUsage, peak: peakBase, feed: bytesOf(nested),
			stdout: []string{"nothing of the input could be read"}, stderr: "compressed more than three times over",
		},
		{
			name: "a million reports", verb: "crash parse --json", peak: peakDocument, reports: 10_000, feed: func(w io.Writer) error {
				out := bufio.NewWriterSize(w, 1<<20)
				for i := range 1_000_000 {
					fmt.Fprintf(out, "[%5d.%06d] kernel BUG at fs/foo%d.c:%d!\n", i/1000, i%1000*1000, i%977, i%5000)
				}
				return out.Flush()
			}, stdout: []string{"990000 further reports were found and not kept"},
		},
		{
			name: "a million callers", verb: "crash parse --json", peak: peakDocument, reports: 10_000, feed: func(w io.Writer) error {
				out := bufio.NewWriterSize(w, 1<<20)
				for i := range 1_000_000 {
					fmt.Fprintf(out, "[%5d.%06d][T%6d] BUG: kernel NULL pointer dereference, address: 0\n", i/1000, i%1000*1000, i)
				}
				return out.Flush()
			}, stdout: []string{"further reports were found and not kept"},
		},
		{
			name: "a million boots", verb: "crash parse --json", peak: peakDocument, reports: 10_000, feed: func(w io.Writer) error {
				out := bufio.NewWriterSize(w, 1<<20)
				for i := range 1_000_000 {
					fmt.Fprintf(out, "[    0.000000] Linux version 6.1.%d (x@y) #1 SMP\n[    1.%06d] kernel BUG at fs/foo%d.c:1!\n", i, i, i%977)
				}
				return out.Flush()
			}, stdout: []string{"further boots are not described"},
		},
		{
			name: "a hundred thousand long reports", verb: "triage --json", peak: peakOutput, reports: 10_000, feed: func(w io.Writer) error {
				out := bufio.NewWriterSize(w, 1<<20)
				for i := range 100_000 {
					stamp := fmt.Sprintf("[%5d.%06d] ", i/1000, i%1000*1000)
					fmt.Fprintf(out, "%sBUG: kernel NULL pointer dereference, address: %016x\n%sCPU: 0 PID: %d Comm: x%d Not tainted 6.1.0 #1\n", stamp, i, stamp, i, i)
					fmt.Fprintf(out, "%sRIP: 0010:f%d+0x1/0x2\n%sRAX: 0000000000000000 RBX: %016x RCX: 0000000000000000\n%sCall Trace:\n", stamp, i, stamp, i, stamp)
					for j := range 20 {
						fmt.Fprintf(out, "%s g%d_%d+0x1/0x2 [mod%d]\n", stamp, j, i, i)
					}
					fmt.Fprintf(out, "%s---[ end trace 0000000000000000 ]---\n", stamp)
				}
				return out.Flush()
			}, stdout: []string{"90000 further reports were found and not kept"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := runChild(t, exe, tt.feed, append(strings.Fields(tt.verb), "-")...)
			t.Logf("%d MiB", got.peakMiB)
			if got.code != tt.code {
				t.Errorf("exit code %d, want %d: %s", got.code, tt.code, got.stderr)
			}
			most := tt.peak
			if most == peakBase {
				most += own
			}
			if got.peakMiB > most {
				t.Errorf("it held %d MiB, at most %d are allowed", got.peakMiB, most)
			}
			if !strings.Contains(got.stderr, tt.stderr) || tt.stderr == "" && got.stderr != "" {
				t.Errorf("standard error is %q, want %q in it", got.stderr, tt.stderr)
			}
			for _, want := range tt.stdout {
				if !strings.Contains(got.stdout, want) {
					t.Errorf("%q is not in the output", want)
				}
			}
			if !utf8.ValidString(got.stdout) {
				t.Error("the output is not UTF-8")
			}
			docs, err := documents(strings.NewReader(got.stdout))
			if err != nil || len(docs) != 1 {
				t.Fatalf("%d documents, %v", len(docs), err)
			}
			doc, ok := docs[0].(map[string]any)
			if !ok {
				t.Fatal("the document is no object")
			}
			validate(t, schemas, docs, schemaID(strings.ReplaceAll(strings.TrimSuffix(tt.verb, " --json"), " ", "-")))
			if inner, ok := doc["document"].(map[string]any); ok {
				doc = inner
			}
			if reports, ok := doc["reports"].([]any); tt.reports >= 0 && (!ok || len(reports) != tt.reports) {
				t.Errorf("%d reports, want %d", len(reports), tt.reports)
			}
		})
	}
}

// TestTruncated cuts archives of a real log and finds the report in what is
// left of them, for every compression and verb.
func TestTruncated(t *testing.T) {
	schemas := published(t)
	log, err := os.ReadFile("../../crash/testdata/lab/crash-mod-null.log")
	if err != nil {
		t.Fatal(err)
	}
	// What is behind the report is what gets lost, and it does not compress.
	junk := make([]byte, 512<<10)
	for i, src := 0, rand.New(rand.NewPCG(1, 2)); i < len(junk); i++ {
		junk[i] = 'a' + byte(src.UintN(26))
		if i%100 == 99 {
			junk[i] = '\n'
		}
	}
	for _, compression := range []string{"gzip", "zstd", "xz"} {
		archive := pack(t, compression, string(log)+string(junk))
		file := filepath.Join(t.TempDir(), "cut."+compression)
		if err := os.WriteFile(file, archive[:len(archive)*7/8], 0o644); err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"triage", "crash parse"} {
			t.Run(compression+" "+verb, func(t *testing.T) {
				docs, stderr, code := runJSON(t, append(strings.Fields(verb), "--json", file)...)
				if code != exitUsage || !strings.Contains(stderr, compression+" archive is cut short") {
					t.Errorf("exit code %d, %q", code, stderr)
				}
				if len(docs) != 1 {
					t.Fatalf("%d documents", len(docs))
				}
				validate(t, schemas, docs, schemaID(strings.ReplaceAll(verb, " ", "-")))
				doc := docs[0].(map[string]any)
				if inner, ok := doc["document"].(map[string]any); ok {
					doc = inner
				}
				if reports := doc["reports"].([]any); len(reports) != 1 {
					t.Errorf("%d reports, want 1", len(reports))
				}
				if notes := fmt.Sprint(doc["notes"]); !strings.Contains(notes, "could not be read to its end") {
					t.Errorf("the notes do not say it: %s", notes)
				}
			})
		}
		var out, errs bytes.Buffer
		if code := Main(t.Context(), []string{"triage", file}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs}); code != exitUsage ||
			!strings.Contains(out.String(), "null-ptr-deref in null_in_thread") || !strings.Contains(out.String(), "cut short") {
			t.Errorf("the %s report for people: exit code %d\n%s", compression, code, out.String())
		}
	}
}

// TestTerminal: what a log holds never reaches the terminal as a command to it.
func TestTerminal(t *testing.T) {
	log := "[    1.000000] BUG: kernel NULL pointer dereference, address: 0\x1b]0;evil\x07 \u009b31m \x08\x08\x7f \u202e\n" +
		"[    1.000001] CPU: 0 PID: 1 Comm: a\x1b[31mb\x08c\x01\xff Not tainted 6.1.0\x1b[2J #1\n" +
		"[    1.000002] RIP: 0010:f\x07oo+0x1/0x2 [m\x1b[1mod]\n" +
		"[    1.000003] Call Trace:\n[    1.000004]  bar\u009b+0x1/0x2\n[    1.000003]  baz+0x1/0x2\n"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a\x1b[31m\u009b.log"), []byte(log), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b\x1b[31m.log"), []byte("KDUMP   "), 0o644); err != nil {
		t.Fatal(err)
	}
	bad := func(r rune) bool {
		return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == utf8.RuneError
	}
	for verb, want := range map[string]int{
		"triage --each": exitUsage, "triage --each --markdown": exitUsage, "crash parse": exitUsage, "crash signature": exitUsage,
		"triage": exitDone, "triage --markdown": exitDone, // of a bundle, a dump is a member like others
	} {
		var out, errs bytes.Buffer
		code := Main(t.Context(), append(strings.Fields(verb), dir), Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		if code != want || !strings.Contains(out.String(), "null-ptr-deref") {
			t.Errorf("%s: exit code %d\n%q\n%q", verb, code, out.String(), errs.String())
		}
		for name, text := range map[string]string{"output": out.String(), "standard error": errs.String()} {
			if i := strings.IndexFunc(text, bad); i >= 0 {
				t.Errorf("%s: %s holds %q", verb, name, text[max(0, i-40):min(len(text), i+20)])
			}
		}
	}
}
