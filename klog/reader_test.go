package klog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// texts reads s and returns what it finds as "boot:text".
func texts(t *testing.T, s string) (got []string, stats Stats) {
	t.Helper()
	r := NewReader(strings.NewReader(s), Options{})
	for _, rec := range readAll(t, r) {
		got = append(got, fmt.Sprintf("%d:%s", rec.Boot, rec.Text))
	}
	return got, r.Stats()
}

func expect(t *testing.T, input string, want ...string) Stats {
	t.Helper()
	got, stats := texts(t, input)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return stats
}

func TestGlued(t *testing.T) {
	for _, tt := range []struct {
		name, input string
		want        []string
	}{
		{"login prompt", "host login: [  417.725670][    C1] rcu: INFO: stall\n", []string{"0:host login: ", "0:rcu: INFO: stall"}},
		{"program output", "[    4.000000] a\nLAB-CRASH x[    5.000000] BUG: b\n", []string{"0:a", "0:LAB-CRASH x", "0:BUG: b"}},
		{"two messages", "[   45.865990]  dead beef[   45.871305] tc: bad\n", []string{"0: dead beef", "0:tc: bad"}},
		{"three messages", "[   45.000000] a[   45.000001] b[   45.000002] c\n", []string{"0:a", "0:b", "0:c"}},
		{"with a level", "x<4>[   45.871305] tc: bad\n", []string{"0:x", "0:tc: bad"}},
		{"under a CI stamp", "2026-11-23T16:29:06Z login: [   45.871305] tc: bad\n", []string{"0:login: ", "0:tc: bad"}},
		{"quoted at the end", "[   12.400000] hrtimer at [   12.345678]\n", []string{"0:hrtimer at [   12.345678]"}},
		{"quoted without padding", "[   12.400000] hrtimer at [12.445678] ns\n", []string{"0:hrtimer at [12.445678] ns"}},
		{"quoted from the past", "[   12.400000] log said [    2.345678] boom\n", []string{"0:log said [    2.345678] boom"}},
		{"quoted from far ahead", "[   12.400000] log said [99999999.345678] boom\n", []string{"0:log said [99999999.345678] boom"}},
		{"reboot", "[   90.000000] reboot: x\nGRUB[    0.000000] Linux version 6\n", []string{"0:reboot: x", "0:GRUB", "1:Linux version 6"}},
		{"no blank behind", "[   12.400000] a [   12.400001]b\n", []string{"0:a [   12.400001]b"}},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.input, tt.want...) })
	}
}

// TestNotAnEnvelope has texts that look like an envelope and are none.
func TestNotAnEnvelope(t *testing.T) {
	for _, text := range []string{
		"[drm] Initialized i915", "[mem 0x20000000-0xafffffff] available", "[Firmware Bug]: TSC_DEADLINE", "[<ffffffff81d90889>] dump_stack+0xc1",
		"[    T] x", "[   X1] x", "[  12.34] x", "[   12.345678 x", "[abcde.123456] x", "[1 3 5.123456] x",
		"<no level> x", "<192>x", "<> x", "<EOE>",
		"Decoding supported only on Scalable MCA", "Monitor-Mwait will be used", "kernel: x", "kern: x",
		"6,1,2;x", "6,1,2,x;y", "6,1,2,-", "1 cpu", "12:34 x", "2026-11-23 x", "10.5.6.7, x",
		"{not json", "{}", `{"a":1}`, "b'hello'", "b'", "__CURSOR", "-- x --", "** x **", "** 5 messages **",
		"Panic#1 Part1x", "Panic#1", "Oops: 0002 [#1] PREEMPT SMP", "audit: type=1400 audit(1515564630.515:5): avc",
		" SUBSYSTEM=pci", "ACPI PCI: text",
	} {
		for _, c := range []string{"[    5.000000] ", ""} {
			got, _ := texts(t, c+text+"\n")
			if len(got) != 1 || got[0] != "0:"+text {
				t.Errorf("%q gives %q", c+text, got)
			}
		}
	}
	// A CI stamp in front of what only looks like a host and a tag.
	expect(t, "2026-11-23T16:29:06.123Z ACPI PCI: text\n", "0:ACPI PCI: text")
	// A kernel line that only looks like journalctl -o short-monotonic.
	expect(t, "[    5.000000] Booting kernel: now\n[    6.000000] x\n", "0:Booting kernel: now", "0:x")
}

func TestNotes(t *testing.T) {
	s := expect(t, "[    1.000000] a\n** 12 printk messages dropped **\n[    2.000000] b\n", "0:a", "0:b")
	if s.Lost != 12 {
		t.Errorf("lost %d, want 12", s.Lost)
	}
	expect(t, "[    1.000000] a\n[    2.000000] cut sho\n** replaying previous printk message **\n[    2.000000] cut short\n",
		"0:a", "0:cut short")
	expect(t, "[    1.000000] a\n** replaying previous printk message **\n[    2.000000] b\n", "0:a", "0:b")
	if s := expect(t, "Nov 23 16:29:06 h systemd-journald[9]: Missed 34 kernel messages\n", "0:Missed 34 kernel messages"); s.Lost != 34 {
		t.Errorf("lost %d, want 34", s.Lost)
	}
	// A note behind the last record is told by Stats alone.
	if s := expect(t, "[    1.000000] a\n** 5 printk messages dropped **\n", "0:a"); s.Lost != 5 {
		t.Errorf("lost %d, want 5", s.Lost)
	}
}

func TestBytes(t *testing.T) {
	for _, tt := range []struct {
		name, input string
		want        []string
	}{
		{"colours", "\x1b[1;31m[    1.000000] \x1b[0mred\x1b[0m\n", []string{"0:red"}},
		{"cleared screen", "\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS\r\n", []string{"0:SeaBIOS"}},
		{"title", "\x1b]0;user@host\a[    1.000000] x\n", []string{"0:x"}},
		{"cut sequence", "\x1b[[    1.000000] x\n", []string{"0:x"}},
		{"unterminated title", "\x1b]0;[    1.000000] x\n", []string{"0:0;", "0:x"}},
		{"zeros", "\x00\x00[    1.000000] x\x00y\n", []string{"0:xy"}},
		{"line ends", "[    1.000000] a\r\n[    2.000000] b\r\r\n[    3.000000] c\n\r[    4.000000] d", []string{"0:a", "0:b", "0:c", "0:d"}},
		{"lone returns", "[    1.000000] a\r[    2.000000] b\r", []string{"0:a", "0:b"}},
		{"tabs and blanks", "[    1.000000] \t ? x  \n", []string{"0:\t ? x  "}},
		{"byte order mark", "\xef\xbb\xbf[    1.000000] x\n", []string{"0:x"}},
		{"not UTF-8", "[    1.000000] \xff\xfe\n", []string{"0:\xff\xfe"}},
		{"empty lines", "\n\r\n[    1.000000] \n[    1.000000]\n   \n", []string{"0:   "}},
		{"long uptime", "[123456.123456] a\n[12345678.123456] b\n[1234567890.123456] c\n", []string{"0:a", "0:b", "0:c"}},
		{"squeezed blanks", "[1.000000] a\n", []string{"0:a"}},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.input, tt.want...) })
	}
}

func TestBoots(t *testing.T) {
	for _, tt := range []struct {
		name, input string
		want        []string
	}{
		{"banner", "[    0.000000] Linux version 1\n[    9.000000] a\n[    0.000000] Linux version 2\n[    1.000000] b\n",
			[]string{"0:Linux version 1", "0:a", "1:Linux version 2", "1:b"}},
		{"text before the banner", "[   90.000000] a\n[    0.000000] Booting Linux on physical CPU 0x0\n[    0.000000] Linux version 2\n",
			[]string{"0:a", "1:Booting Linux on physical CPU 0x0", "1:Linux version 2"}},
		{"no stamps", "Linux version 1\na\nLinux version 2\n", []string{"0:Linux version 1", "0:a", "1:Linux version 2"}},
		{"quiet console", "[   90.000000] a\n[    0.700000] b\n", []string{"0:a", "1:b"}},
		{"racing CPUs", "[    5.000100] a\n[    5.000000] b\n[    4.900000] c\n", []string{"0:a", "0:b", "0:c"}},
		{"/proc/version", "[    0.000000] Linux version 1\n[    9.000000] a\nLinux version 1\n[   10.000000] b\n",
			[]string{"0:Linux version 1", "0:a", "0:Linux version 1", "0:b"}},
		{"journal", `{"_BOOT_ID":"a","_TRANSPORT":"kernel","MESSAGE":"x","__REALTIME_TIMESTAMP":"1"}` + "\n" +
			`{"_BOOT_ID":"b","_TRANSPORT":"kernel","MESSAGE":"Linux version 2","__REALTIME_TIMESTAMP":"2"}` + "\n", []string{"0:x", "1:Linux version 2"}},
		{"journalctl's separator", "Nov 23 16:29:06 h kernel: a\n-- Boot 0123456789abcdef0123456789abcdef --\nNov 23 16:30:06 h kernel: Linux version 2\n",
			[]string{"0:a", "1:Linux version 2"}},
		{"sequence", "6,900,90000000,-;a\n6,901,90000001,-;b\n5,0,0,-;Linux version 2\n6,1,0,-;c\n",
			[]string{"0:a", "0:b", "1:Linux version 2", "1:c"}},
		{"sequence, the banner lost", "6,9,90000000,-;a\n6,10,90000001,-;b\n6,9,500,-;c\n6,10,600,-;d\n",
			[]string{"0:a", "0:b", "1:c", "1:d"}},
		{"sequence, the banner in fragments", "5,0,0,-;Linux version 1\n6,1,90000001,-;b\n5,0,0,-,ncfrag=0/16;Linux version \n5,0,0,-,ncfrag=14/16;2x\n6,1,10,-;c\n",
			[]string{"0:Linux version 1", "0:b", "1:Linux version 2x", "1:c"}},
		{"firmware in front", "SeaBIOS\nBooting\n[    0.000000] Linux version 1\n", []string{"0:SeaBIOS", "0:Booting", "0:Linux version 1"}},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.input, tt.want...) })
	}
}

func TestSequence(t *testing.T) {
	line := func(seq int) string { return fmt.Sprintf("6,%d,%d,-;m%d\n", seq, 1000+seq, seq) }
	lines := func(seqs ...int) (s string) {
		for _, n := range seqs {
			s += line(n)
		}
		return s
	}
	many := func(from, to int) (seqs []int) {
		for n := from; n < to; n++ {
			seqs = append(seqs, n)
		}
		return seqs
	}
	for _, tt := range []struct {
		name  string
		seqs  []int
		want  []int
		lost  int64
		where int // the index of the record that tells the loss
	}{
		{"in order", []int{5, 6, 7}, []int{5, 6, 7}, 0, 0},
		{"disorder", []int{5, 8, 6, 7, 9}, []int{5, 6, 7, 8, 9}, 0, 0},
		{"duplicates", []int{5, 6, 6, 5, 7, 9, 9, 8}, []int{5, 6, 7, 8, 9}, 0, 0},
		{"a gap at the end", []int{5, 6, 9}, []int{5, 6, 9}, 2, 2},
		{"a gap beyond the window", append([]int{5}, many(10, 200)...), append([]int{5}, many(10, 200)...), 4, 1},
		{"late", append(append([]int{5}, many(7, 200)...), 6), append(append([]int{5}, many(7, 200)...), 6), 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(strings.NewReader(lines(tt.seqs...)), Options{})
			got := readAll(t, r)
			for i, rec := range got {
				if i >= len(tt.want) || rec.Seq != int64(tt.want[i]) || string(rec.Text) != fmt.Sprintf("m%d", tt.want[i]) {
					t.Fatalf("record %d is %d %q, want %v", i, rec.Seq, rec.Text, tt.want)
				}
				if tt.lost > 0 && (i == tt.where) != (rec.Lost == tt.lost) {
					t.Errorf("record %d says that %d are lost before it", i, rec.Lost)
				}
			}
			if len(got) != len(tt.want) || r.Stats().Lost != tt.lost {
				t.Errorf("%d records, lost %d; want %d, %d", len(got), r.Stats().Lost, len(tt.want), tt.lost)
			}
		})
	}
	// What is held goes out before a line of another kind.
	expect(t, lines(1, 3)+"[    9.000000] x\n", "0:m1", "0:m3", "0:x")
}

func TestFragments(t *testing.T) {
	head := func(seq int, tail string) string { return fmt.Sprintf("4,%d,1000000,-%s\n", seq, tail) }
	expect(t, head(1, ";a")+head(2, ",ncfrag=3/6;def")+head(2, ",ncfrag=0/6;abc")+head(3, ";b"), "0:a", "0:abcdef", "0:b")
	// The dictionary comes in fragments too.
	expect(t, head(1, ",ncfrag=0/16;abc")+"b'4,1,1000000,-,ncfrag=3/16;\\n SUBSYS=usb\\n'\n"+head(2, ";b"), "0:abc", "0:b")
	// A piece is missing: what there is, marked.
	r := NewReader(strings.NewReader(head(1, ",ncfrag=0/9;abc")+head(1, ",ncfrag=6/9;ghi")+head(2, ";b")), Options{})
	got := readAll(t, r)
	if len(got) != 2 || string(got[0].Text) != "abcghi" || !got[0].Clipped || string(got[1].Text) != "b" || got[1].Clipped {
		t.Errorf("got %+v", got)
	}
}

func TestPstore(t *testing.T) {
	part := func(head string, from, to int) (s string) {
		s = head + "\n"
		for i := from; i < to; i++ {
			s += fmt.Sprintf("<6>[    %d.000000] m%d\n", i, i)
		}
		return s
	}
	want := []string{"0:m1", "0:m2", "0:m3", "0:m4", "0:m5"}
	newestFirst := part("Panic#2 Part1", 4, 6) + part("Panic#2 Part2", 2, 4) + part("Panic#2 Part3", 1, 2)
	expect(t, newestFirst, want...)
	oldestFirst := part("Panic#2 Part3", 1, 2) + part("Panic#2 Part2", 2, 4) + part("Panic#2 Part1", 4, 6)
	expect(t, oldestFirst, want...)
	// Two dumps stay apart, and so do two that have the same number.
	expect(t, newestFirst+part("Oops#1 Part1", 3, 4)+part("Oops#1 Part2", 2, 3), append(want, "1:m2", "1:m3")...)
	expect(t, newestFirst+newestFirst, append(want, "1:m1", "1:m2", "1:m3", "1:m4", "1:m5")...)
	// A dump beyond what is held is read as it stands, not lost.
	long := part("Panic#1 Part1", 1, 9) + strings.Repeat("[    9.000000] x\n", maxDump/heldLineCost)
	if got, s := texts(t, long); len(got) != 8+maxDump/heldLineCost || s.Boots != 1 {
		t.Errorf("%d records, %d boots", len(got), s.Boots)
	}
}

func TestJournalLines(t *testing.T) {
	r := NewReader(strings.NewReader(
		"[    0.000000] host1 kernel: Linux version 6\n"+
			"[    0.500000] host1 kernel:  ? foo+0x1/0x2\n"+
			"[    1.000000] host1 systemd[1]: Started x\n"+
			"                                 and more of it\n"+
			"[    2.000000] host1 app: no process ID\n"), Options{})
	var got []string
	for _, rec := range readAll(t, r) {
		got = append(got, fmt.Sprintf("%v %d %s|%s", rec.Transport, rec.Origin, rec.Host, rec.Text))
	}
	want := []string{"journal 1 host1|Linux version 6", "journal 1 host1| ? foo+0x1/0x2", "journal 2 host1|Started x", "journal 2 |and more of it", "journal 2 host1|no process ID"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJournalDamage(t *testing.T) {
	for name, input := range map[string]string{
		"cut in the message": `{"__REALTIME_TIMESTAMP":"1","_TRANSPORT":"kernel","MESSAGE":"half a mess`,
		"cut in the array":   `{"__REALTIME_TIMESTAMP":"1","_TRANSPORT":"kernel","MESSAGE":[104,97,108,102,32,97,32,109,101,115,115`,
		"cut in the export":  "__REALTIME_TIMESTAMP=1\n_TRANSPORT=kernel\nMESSAGE=half a mess",
		"cut in the binary":  "__REALTIME_TIMESTAMP=1\n_TRANSPORT=kernel\nMESSAGE\n\x20\x00\x00\x00\x00\x00\x00\x00half a mess",
	} {
		if got, _ := texts(t, input); len(got) != 1 || got[0] != "0:half a mess" {
			t.Errorf("%s: %q", name, got)
		}
	}
	// A block that breaks off, and a length that is none.
	expect(t, "__REALTIME_TIMESTAMP=1\n_TRANSPORT=kernel\nMESSAGE=a\n[    1.000000] b\n", "0:a", "0:b")
	expect(t, "__REALTIME_TIMESTAMP=1\n_TRANSPORT=kernel\nMESSAGE=a\nFOO\n[    1.000000] b\n", "0:a", "0:FOO", "0:b")
	expect(t, `{"__REALTIME_TIMESTAMP":"1","_TRANSPORT":"kernel","MESSAGE":"\ud83d\ude00 \u00e9 \ud800 \"q\""}`, "0:😀 é \ufffd \"q\"")
}

// TestTextStart checks that a text that stands in the input as it is says
// where, whatever is around it.
func TestTextStart(t *testing.T) {
	for name, input := range map[string]string{
		"console":       "\x1b[32m[    1.000000] \x1b[0mTEXT\x1b[0m\n",
		"kmsg":          "6,1,2,-;TEXT\n",
		"capture":       "b'6,1,2,-;TEXT\\n'\n",
		"json":          `{"__REALTIME_TIMESTAMP":"1","_TRANSPORT":"kernel","MESSAGE":"TEXT"}`,
		"json stamp":    `{"__REALTIME_TIMESTAMP":"1","_TRANSPORT":"kernel","MESSAGE":"[    1.000000] TEXT"}`,
		"export":        "__REALTIME_TIMESTAMP=1\n_TRANSPORT=kernel\nMESSAGE=TEXT\n\n",
		"export binary": "__REALTIME_TIMESTAMP=1\n_TRANSPORT=kernel\nMESSAGE\n\x09\x00\x00\x00\x00\x00\x00\x00a\nTEXT\nbc\n\n",
		"syslog":        "<3>1 2026-11-23T16:29:06Z h kernel - - - [    1.000000] TEXT\n",
	} {
		found := false
		for _, rec := range readAll(t, NewReader(strings.NewReader(input), Options{})) {
			if string(rec.Text) == "TEXT" {
				found = rec.TextStart == int64(strings.Index(input, "TEXT"))
			}
		}
		if !found {
			t.Errorf("%s: no text at its place", name)
		}
	}
}

// endless is a line without an end.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := int(min(e.left, int64(len(p))))
	for i := range p[:n] {
		p[i] = 'x'
	}
	e.left -= int64(n)
	return n, nil
}

// TestLongLine checks that a line of any length costs no memory and hides
// nothing behind it.
func TestLongLine(t *testing.T) {
	const length = 1 << 30
	in := io.MultiReader(strings.NewReader("[    1.000000] a\n[    2.000000] "), &endless{length}, strings.NewReader("\n[    3.000000] b\n"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := NewReader(in, Options{})
	got := readAll(t, r)
	runtime.ReadMemStats(&after)
	if len(got) != 3 || string(got[2].Text) != "b" || got[2].Line != 3 || got[2].Clipped {
		t.Fatalf("%d records, the last %q", len(got), got[len(got)-1].Text)
	}
	if l := got[1]; !l.Clipped || len(l.Text) != 64<<10-15 || l.Span.End-l.Span.Start != length+16 || l.Time != 2*time.Second {
		t.Errorf("%d bytes of text, clipped %v, span %v", len(l.Text), l.Clipped, l.Span)
	}
	if s := r.Stats(); s.Clipped != 1 || s.Lines != 3 || s.Bytes != length+17+15+1+17 {
		t.Errorf("stats %+v", s)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

func TestNoAllocation(t *testing.T) {
	data := bytes.Repeat([]byte("[    5.123456][    T1] pci 0000:00:1f.2: [8086:2922] type 00 class 0x010601\n"), 20_000)
	r := NewReader(bytes.NewReader(data), Options{})
	n := testing.AllocsPerRun(10_000, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

// TestInputError checks that the records in front of an error come first, and
// that the error stays.
func TestInputError(t *testing.T) {
	broken := errors.New("archive is cut short")
	r := NewReader(io.MultiReader(strings.NewReader("[    1.000000] a\n6,1,2000000,-;b\n6,3,2000001,-;c\n[    3.000000] half a li"), iotest.ErrReader(broken)), Options{})
	var got []string
	for {
		rec, err := r.Next()
		if err != nil {
			if !errors.Is(err, broken) {
				t.Errorf("error %v", err)
			}
			break
		}
		got = append(got, string(rec.Text))
	}
	if want := "a b c half a li"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Errorf("the error is forgotten: %v", err)
	}
}

// TestCorpus reads every log of the project's corpus: each kernel line that a
// plain regular expression finds must be there.
func TestCorpus(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("RINGSIDE_CORPUS is not set: real logs are NOT tested")
	}
	logs := 0
	for _, pattern := range []string{"crashlog/lab/*.log", "crashlog/lab/*.console", "crashlog/lab/dmesg*", "crashlog/lab/flaky/*"} {
		names, err := filepath.Glob(filepath.Join(corpus, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			logs++
			want := oracle.FindAllSubmatch(data, -1)
			i := 0
			r := NewReader(bytes.NewReader(data), Options{})
			for _, rec := range readAll(t, r) {
				if !rec.HasTime {
					continue
				}
				if i >= len(want) || !bytes.Equal(rec.Text, want[i][4]) {
					t.Errorf("%s:%d: %q is not the next message", name, rec.Line, rec.Text)
					break
				}
				i++
			}
			if s := r.Stats(); i != len(want) || s.Boots != 1 || s.Lost != 0 {
				t.Errorf("%s: %d of %d messages, stats %+v", name, i, len(want), s)
			}
		}
	}
	if logs < 40 {
		t.Errorf("found %d logs only", logs)
	}
}

func TestReset(t *testing.T) {
	var r Reader
	for _, log := range []string{"[    1.000000] one\n[    2.000000] two", "6,339,5140900,-;kmsg\n", "", "[    3.000000] three\n"} {
		fresh := NewReader(strings.NewReader(log), Options{})
		r.Reset(strings.NewReader(log), Options{})
		for {
			want, wantErr := fresh.Next()
			got, err := r.Next()
			if !errors.Is(err, wantErr) {
				t.Fatalf("%q: error %v, want %v", log, err, wantErr)
			}
			if err != nil {
				break
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%q: record %+v, want %+v", log, got, want)
			}
		}
		if !reflect.DeepEqual(r.Stats(), fresh.Stats()) {
			t.Errorf("%q: stats %+v, want %+v", log, r.Stats(), fresh.Stats())
		}
		r.Reset(nil, Options{})
	}
}
