package klog

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// readAll returns copies of all records of r.
func readAll(t testing.TB, r *Reader) []Record {
	t.Helper()
	var all []Record
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, own(rec))
	}
}

// TestInvariance re-encodes real logs as every transport would deliver them:
// the messages must be the same, and so must be the facts that it keeps.
func TestInvariance(t *testing.T) {
	for _, log := range []string{"crash-mod-null.log", "crash-lkdtm-USERCOPY_SLAB_SIZE_TO.log", "crash-sysrq-w.log", "dmesg-ramoops-0"} {
		want := events(t, log)
		for _, c := range carriers {
			t.Run(log+"/"+c.name, func(t *testing.T) {
				checkEvents(t, c, want, c.encode(want))
			})
		}
	}
}

func checkEvents(t *testing.T, c carrier, want []event, data []byte) {
	t.Helper()
	r := NewReader(bytes.NewReader(data), Options{Year: 2026})
	got := readAll(t, r)
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if string(g.Text) != w.text {
			t.Fatalf("record %d: text %q, want %q", i, g.Text, w.text)
		}
		if g.Transport != c.transport {
			t.Fatalf("record %d %.40q: transport %v, want %v", i, g.Text, g.Transport, c.transport)
		}
		if g.HasTime != c.keeps.time || g.HasTime && g.Time.Microseconds() != w.us {
			t.Fatalf("record %d %q: time %v %v, want %dus", i, g.Text, g.HasTime, g.Time, w.us)
		}
		if c.keeps.caller && g.Caller != w.caller || !c.keeps.caller && g.Caller != (Caller{}) {
			t.Fatalf("record %d %q: caller %v, want %v", i, g.Text, g.Caller, w.caller)
		}
		if level := w.level; !c.keeps.level && g.Level != -1 || c.keeps.level && g.Level != level {
			t.Fatalf("record %d %q: level %d, want %d", i, g.Text, g.Level, level)
		}
		if wall := w.wall().Truncate(max(c.keeps.wallUnit, 1000)); c.keeps.wall && !g.Wall.Equal(wall) {
			t.Fatalf("record %d %q: wall time %v, want %v", i, g.Text, g.Wall, wall)
		}
		if origin := OriginKernel; c.transport != Plain && g.Origin != origin {
			t.Fatalf("record %d %q: origin %v, want %v", i, g.Text, g.Origin, origin)
		}
		if g.Boot != 0 || g.Lost != 0 || g.Clipped {
			t.Fatalf("record %d %q: boot %d, lost %d, clipped %v", i, g.Text, g.Boot, g.Lost, g.Clipped)
		}
		if g.TextStart >= 0 && !bytes.HasPrefix(data[g.TextStart:], g.Text) {
			t.Fatalf("record %d: text %q is not at its offset %d", i, g.Text, g.TextStart)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d; stats %+v", len(got), len(want), r.Stats())
	}
	if s := r.Stats(); s.Lost != 0 || s.Bytes != int64(len(data)) || s.Records != int64(len(want)) {
		t.Errorf("stats %+v, want %d bytes, %d records, nothing lost", s, len(data), len(want))
	}
}

// TestSmallReads checks that nothing depends on how the input comes in.
func TestSmallReads(t *testing.T) {
	want := events(t, "crash-lkdtm-USERCOPY_SLAB_SIZE_TO.log")
	for _, c := range carriers {
		data := c.encode(want)
		whole := readAll(t, NewReader(bytes.NewReader(data), Options{}))
		bytewise := readAll(t, NewReader(iotest.OneByteReader(bytes.NewReader(data)), Options{}))
		if len(whole) != len(bytewise) {
			t.Errorf("%s: %d records from whole reads, %d bytewise", c.name, len(whole), len(bytewise))
			continue
		}
		for i := range whole {
			if a, b := whole[i], bytewise[i]; !bytes.Equal(a.Text, b.Text) || a.Span != b.Span || a.Line != b.Line || a.Transport != b.Transport {
				t.Errorf("%s: record %d is %q %v, bytewise %q %v", c.name, i, a.Text, a.Span, b.Text, b.Span)
				break
			}
		}
	}
}
