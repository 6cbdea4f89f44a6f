package klog

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzReader checks, on any bytes, what every caller relies on: no panic, an
// end, texts of bounded length without control bytes, spans within the input
// and in its order unless messages were put into theirs.
func FuzzReader(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "*[!d]"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(b[:min(len(b), 4096)])
			f.Add(b[max(0, len(b)-4096):])
		}
	}
	all := events(f, "crash-lkdtm-USERCOPY_SLAB_SIZE_TO.log")[20:32]
	for _, c := range carriers {
		f.Add(c.encode(all))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkReader(t, data) })
}

func checkReader(t *testing.T, data []byte) {
	const maxLine = 256
	r := NewReader(bytes.NewReader(data), Options{MaxLine: maxLine})
	var last Span
	var records, lost int64
	boot := 0
	reordered := bytes.Contains(data, []byte(",-")) || bytes.Contains(data, []byte(",c")) || bytes.Contains(data, []byte(",+")) ||
		bytes.Contains(data, []byte("Part"))
	for {
		rec, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		records++
		lost += rec.Lost
		if len(rec.Text) == 0 || len(rec.Text) > maxLine {
			t.Fatalf("text of %d bytes: %q", len(rec.Text), rec.Text)
		}
		if i := indexControl(rec.Text); i >= 0 {
			t.Fatalf("control byte %#x in %q", rec.Text[i], rec.Text)
		}
		if rec.Span.Start < 0 || rec.Span.Start >= rec.Span.End || rec.Span.End > int64(len(data)) {
			t.Fatalf("span %v of %q in %d bytes", rec.Span, rec.Text, len(data))
		}
		if at := rec.TextStart; at >= 0 {
			if at < rec.Span.Start || at+int64(len(rec.Text)) > rec.Span.End || !bytes.HasPrefix(data[at:], rec.Text) {
				t.Fatalf("text %q is not at %d, span %v", rec.Text, at, rec.Span)
			}
		}
		if !reordered && rec.Span != last && rec.Span.Start < last.End {
			t.Fatalf("span %v after %v", rec.Span, last)
		}
		last = rec.Span
		if rec.Line < 1 || rec.Level < -1 || rec.Level > 7 || rec.Boot < boot || rec.Transport >= transports {
			t.Fatalf("line %d, level %d, boot %d after %d, transport %d", rec.Line, rec.Level, rec.Boot, boot, rec.Transport)
		}
		boot = rec.Boot
		if rec.Time < 0 || rec.Lost < 0 {
			t.Fatalf("time %v, lost %d", rec.Time, rec.Lost)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("second end: %v", err)
	}
	if s := r.Stats(); s.Records != records || s.Bytes != int64(len(data)) || s.Lost < 0 || s.Lines > int64(len(data)) {
		t.Fatalf("stats %+v of %d records, %d bytes, lost %d", s, records, len(data), lost)
	}
}
