package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"ringside/crash"
	"ringside/internal/store"
)

type ownersFunc func(function, module, file string) (Owner, bool)

func (f ownersFunc) Owner(function, module, file string) (Owner, bool) {
	return f(function, module, file)
}

func TestSignatureSearch(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, clock := newService(t, db, func(c *Config) {
			c.Owners = ownersFunc(func(function, _, _ string) (Owner, bool) {
				return Owner{Subsystem: "EXT4 FILE SYSTEM", Maintainers: []string{"Ann <ann@example.org>"}}, strings.HasPrefix(function, "ext4")
			})
		})
		day := func(n int) func(*Meta) { return collected(testStart.AddDate(0, 0, n)) }
		take(t, s, "web1", "REPORT kind=null-ptr-deref fn=ext4_write stack=ext4_write,vfs_write,ksys_write kernel=6.1.0-1\n", day(-20))
		for i := range 3 {
			take(t, s, fmt.Sprintf("web%d", i+1), fmt.Sprintf("%d\nREPORT kind=warning fn=tcp_ack stack=tcp_ack,tcp_v4_rcv kernel=6.1.0-2\n", i), day(-i))
		}
		take(t, s, "db1", "REPORT kind=soft-lockup fn=native_queued stack=native_queued,ext4_sync_file kernel=6.1.0-2\nREPORT kind=panic fn=native_queued by=0\n", day(-9))
		tcp, ext4, lockup := "warning in tcp_ack", "null-ptr-deref in ext4_write", "soft-lockup in native_queued"
		p, err := s.Signatures(t.Context(), SignatureFilter{Text: "tcp_ack"})
		if err != nil || len(p.Items) != 1 {
			t.Fatalf("search by title: %+v, %v", p, err)
		}
		if _, err := s.ChangeSignature(t.Context(), p.Items[0].ID, SignatureChange{State: new(StateOpen), Assignee: new("ann")}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			f    SignatureFilter
			want []string
		}{
			{"all, newest first", SignatureFilter{}, []string{tcp, lockup, ext4}},
			{"oldest first", SignatureFilter{Reverse: true}, []string{ext4, lockup, tcp}},
			{"by first seen", SignatureFilter{Sort: SignaturesByFirstSeen}, []string{tcp, lockup, ext4}},
			{"by count", SignatureFilter{Sort: SignaturesByCrashes, Window: Window{Limit: 1}}, []string{tcp}},
			{"by hosts, second page", SignatureFilter{Sort: SignaturesByHosts, Reverse: true, Window: Window{Limit: 2, Offset: 2}}, []string{tcp}},
			{"by trend", SignatureFilter{Sort: SignaturesByTrend}, []string{tcp, ext4, lockup}},
			{"function in a stack", SignatureFilter{Text: "tcp_v4_r"}, []string{tcp}},
			{"function in any case", SignatureFilter{Text: "EXT4_SYNC"}, []string{lockup}},
			{"the middle of a function", SignatureFilter{Text: "v4_rcv"}, nil},
			{"two words", SignatureFilter{Text: "ext4 deref"}, []string{ext4}},
			{"owner's words", SignatureFilter{Text: "file system"}, []string{ext4}},
			{"wildcards are letters", SignatureFilter{Text: "%"}, nil},
			{"assignee", SignatureFilter{Text: "ann"}, []string{tcp}},
			{"kind", SignatureFilter{Kinds: []string{"warning", "panic"}}, []string{tcp}},
			{"class", SignatureFilter{Classes: []string{"hang"}}, []string{lockup}},
			{"state", SignatureFilter{States: []State{StateNew}}, []string{lockup, ext4}},
			{"kernel", SignatureFilter{Kernel: "6.1.0-1"}, []string{ext4}},
			{"host", SignatureFilter{Host: "WEB1"}, []string{tcp, ext4}},
			{"owner", SignatureFilter{Owner: "EXT4 FILE SYSTEM"}, []string{ext4}},
			{"no owner", SignatureFilter{Owner: "-"}, []string{tcp, lockup}},
			{"since", SignatureFilter{Since: testStart.AddDate(0, 0, -9)}, []string{tcp, lockup}},
			{"secondary too", SignatureFilter{Kinds: []string{"panic"}, Secondary: true}, []string{"panic in native_queued"}},
		} {
			p, err := s.Signatures(t.Context(), c.f)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			var got []string
			for _, sig := range p.Items {
				got = append(got, sig.Title)
			}
			// What has the same trend may be in any order.
			if c.name == "by trend" && len(got) == 3 {
				slices.Sort(got[1:])
				slices.Sort(c.want[1:])
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
			if c.f.Limit == 0 && p.Total != int64(len(c.want)) {
				t.Errorf("%s: total %d, want %d", c.name, p.Total, len(c.want))
			}
		}
		for _, f := range []SignatureFilter{{Sort: "x"}, {Window: Window{Limit: 501}}, {Window: Window{Offset: -1}}} {
			if _, err := s.Signatures(t.Context(), f); !errors.Is(err, ErrInvalid) {
				t.Errorf("%+v: %v, want %v", f, err, ErrInvalid)
			}
		}
		if p, err = s.Signatures(t.Context(), SignatureFilter{Kinds: []string{"none"}}); err != nil {
			t.Fatal(err)
		}
		if f := p.Facets; len(f.States) != 2 || f.States[0] != (Facet{"new", 2}) || len(f.Kernels) != 2 || f.Kernels[0] != (Facet{"6.1.0-2", 2}) ||
			len(f.Owners) != 1 || len(f.Kinds) != 3 {
			t.Errorf("facets %+v", f)
		}
		clock.t = clock.t.AddDate(0, 0, 1)
		d, err := s.Signature(t.Context(), p0(t, s, "ext4_write").ID)
		if err != nil {
			t.Fatal(err)
		}
		if d.Owner == nil || d.Owner.Subsystem != "EXT4 FILE SYSTEM" || len(d.Stack) != 3 || !d.Stack[0].Guilty || d.Stack[1].Guilty || !d.Stack[0].Basis {
			t.Errorf("owner %+v, stack %+v", d.Owner, d.Stack)
		}
		if d.Trend.Counts[29-21] != 1 || d.Trend.Day(29-21).Format(time.DateOnly) != "2026-10-31" {
			t.Errorf("trend %+v", d.Trend)
		}
	})
}

// p0 returns the signature that a search finds.
func p0(t *testing.T, s *Service, text string) Signature {
	t.Helper()
	p, err := s.Signatures(t.Context(), SignatureFilter{Text: text})
	if err != nil || len(p.Items) == 0 {
		t.Fatalf("search for %q: %+v, %v", text, p, err)
	}
	return p.Items[0]
}

func TestSimilarSignatures(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		const common = "ksys_write,do_syscall_64"
		take(t, s, "h", "REPORT kind=null-ptr-deref fn=a_free stack=a_free,a_put,a_close,"+common+"\n")
		take(t, s, "h", "REPORT kind=kasan fn=a_free stack=a_free,a_put,a_close,"+common+"\n") // the same family
		take(t, s, "h", "REPORT kind=warning fn=a_check stack=a_check,a_put,a_close,"+common+"\n")
		for i := range 8 {
			take(t, s, "h", fmt.Sprintf("REPORT kind=bug fn=other%d stack=other%d,deep%d,%s\n", i, i, i, common))
		}
		d, err := s.Signature(t.Context(), p0(t, s, "null-ptr-deref").ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Similar) < 2 || d.Similar[0].Signature.Title != "kasan in a_free" || !d.Similar[0].SameFamily ||
			d.Similar[1].Signature.Title != "warning in a_check" || d.Similar[1].SameFamily {
			t.Fatalf("similar %+v: want the same family first, then the shared path", d.Similar)
		}
		if got := d.Similar[1].Shared; len(got) < 2 || got[0] != "a_close" && got[0] != "a_put" {
			t.Errorf("shared %v: want the rare functions first", got)
		}
		for _, v := range d.Similar {
			if strings.Contains(v.Signature.Title, "other") && v.Score >= d.Similar[1].Score {
				t.Errorf("%s has score %v for what every stack has", v.Signature.Title, v.Score)
			}
		}
	})
}

func TestCrashPages(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		var want []string
		for i := range 7 { // several at the same time, so that the order needs the ID
			r := take(t, s, fmt.Sprintf("h%d", i%2), fmt.Sprintf("%d\nREPORT kind=bug fn=foo\n", i), collected(testStart.Add(-time.Duration(i/3)*time.Hour)))
			want = append(want, r.Crashes...)
		}
		var got []string
		f := CrashFilter{Limit: 3}
		for pages := 0; ; pages++ {
			p, err := s.Crashes(t.Context(), f)
			if err != nil || pages > 3 {
				t.Fatalf("page %d: %v", pages, err)
			}
			for i, c := range p.Items {
				if i > 0 && c.OccurredAt.After(p.Items[i-1].OccurredAt) {
					t.Error("the page is not sorted")
				}
				got = append(got, c.ID)
			}
			if f.Cursor = p.Next; f.Cursor == "" {
				break
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("paged through %v, want each of %v once", got, want)
		}
		for _, c := range []struct {
			f    CrashFilter
			want int
		}{
			{CrashFilter{Host: "h1"}, 3}, {CrashFilter{Kind: "bug"}, 7}, {CrashFilter{Kind: "oom"}, 0}, {CrashFilter{Class: "assertion"}, 7},
			{CrashFilter{Kernel: "6.1.0-1-amd64"}, 7}, {CrashFilter{Since: testStart}, 3}, {CrashFilter{Until: testStart}, 4},
		} {
			if p, err := s.Crashes(t.Context(), c.f); err != nil || len(p.Items) != c.want {
				t.Errorf("%+v: %d crashes, %v; want %d", c.f, len(p.Items), err, c.want)
			}
		}
		for _, cursor := range []string{"x", "-", "zz!-1"} {
			if _, err := s.Crashes(t.Context(), CrashFilter{Cursor: cursor}); !errors.Is(err, ErrInvalid) {
				t.Errorf("cursor %q: %v, want %v", cursor, err, ErrInvalid)
			}
		}
	})
}

func TestFleet(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		day := func(n int) time.Time { return testStart.AddDate(0, 0, n) }
		see := func(host, kernel string, n int) {
			t.Helper()
			if err := s.Observe(t.Context(), Observation{Host: host, Group: "web", Kernel: kernel, At: day(n)}); err != nil {
				t.Fatal(err)
			}
		}
		see("h1", "6.1.0-1", -20)
		see("h1", "6.1.0-2", -10)
		see("h1", "6.1.0-2", -5)  // nothing new
		see("h1", "6.1.0-1", -15) // known
		see("h1", "6.1.0-2", -15) // told late, and disagrees: the history stands
		see("h1", "6.1.0-1", -25) // ran it longer than was known
		see("h1", "6.0.0-1", -30) // and another before
		take(t, s, "h1", "REPORT kind=bug fn=foo kernel=6.1.0-2 arch=x86_64\n", collected(day(-1)))
		take(t, s, "h2", "REPORT kind=bug fn=foo kernel=6.1.0-2 arch=\n", collected(day(-1)))

		h, err := s.Host(t.Context(), "H1")
		if err != nil {
			t.Fatal(err)
		}
		var spells []string
		for _, k := range h.Kernels {
			until := "now"
			if k.Until != nil {
				until = fmt.Sprint(int(k.Until.Sub(testStart).Hours() / 24))
			}
			spells = append(spells, fmt.Sprintf("%s %d..%s", k.Kernel.Release, int(k.Since.Sub(testStart).Hours()/24), until))
		}
		if want := []string{"6.1.0-2 -10..now", "6.1.0-1 -25..-10", "6.0.0-1 -30..-25"}; !slices.Equal(spells, want) {
			t.Errorf("spells %v, want %v", spells, want)
		}
		if h.Crashes != 1 || h.Host.Signatures != 1 || h.Kernel.Release != "6.1.0-2" || h.Group != "web" || h.Trend.Total() != 1 ||
			len(h.BySignature) != 1 || len(h.Recent) != 1 || !h.LastCrash.Equal(day(-1)) {
			t.Errorf("host %+v", h)
		}
		k, err := s.Kernel(t.Context(), "6.1.0-2")
		if err != nil {
			t.Fatal(err)
		}
		if k.Arch != "x86_64" || k.Crashes != 2 || k.Hosts != 2 || k.HostsNow != 2 || k.HostsAffected != 2 || k.NewSignatures != 1 ||
			len(k.HostList) != 2 || len(k.BySignature) != 1 || !k.BySignature[0].New || k.Trend.Total() != 2 || k.Rate.Crashes != 2 {
			t.Errorf("kernel %+v", k)
		}
		kernels, err := s.Kernels(t.Context(), KernelFilter{Text: "6.1", Sort: KernelsByHosts})
		if err != nil || kernels.Total != 2 || kernels.Items[0].Release != "6.1.0-2" {
			t.Errorf("kernels %+v, %v: want 2, that of most hosts first, none double for want of an architecture", kernels, err)
		}
		for _, f := range []HostFilter{{Text: "h1"}, {Group: "web"}, {Kernel: "6.1.0-2", Sort: HostsByCrashes}, {Sort: HostsByName}, {Sort: HostsByLastSeen}} {
			if p, err := s.Hosts(t.Context(), f); err != nil || len(p.Items) == 0 || p.Items[0].Name != "h1" && f.Sort != HostsByLastSeen {
				t.Errorf("hosts %+v: %+v, %v", f, p, err)
			}
		}
		checkRollups(t, s)
		for _, err := range []error{
			second(s.Host(t.Context(), "none")), second(s.Kernel(t.Context(), "none")), second(s.Crash(t.Context(), "none")),
			second(s.Signature(t.Context(), "none")), second(s.Artefact(t.Context(), "none")), second(s.Receipt(t.Context(), "none")),
			second(s.RetryJob(t.Context(), "none")), s.Reanalyse(t.Context(), "none"), second(s.CrashLog(t.Context(), "none", LogRange{})),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("what is not there: %v, want %v", err, ErrNotFound)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestExemplars(t *testing.T) {
	e := func(crash, kernel string, at int64) exemplar { return exemplar{crash, kernel, at} }
	var many []exemplar
	for i := range int64(20) {
		many = append(many, e(fmt.Sprint("c", i), fmt.Sprint("k", i), i))
	}
	for _, c := range []struct {
		name string
		in   []exemplar
		want string
	}{
		{"none", nil, ""},
		{"one", []exemplar{e("a", "k", 1)}, "a"},
		{"first and newest of a kernel", []exemplar{e("b", "k", 2), e("a", "k", 1), e("c", "k", 3)}, "a c"},
		{"newest of each kernel", []exemplar{e("a", "k", 1), e("b", "l", 2), e("c", "k", 3), e("d", "l", 4)}, "a c d"},
		{"the same offered twice", []exemplar{e("a", "k", 1), e("b", "k", 2), e("b", "k", 2)}, "a b"},
		{"too many kernels", many, "c0 c13 c14 c15 c16 c17 c18 c19"},
	} {
		var got []string
		for _, x := range chooseExemplars(c.in) {
			got = append(got, x.crash)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

func TestCausalOrder(t *testing.T) {
	// 0 stands alone, 1 causes 3, 3 causes 4, 2 was caused in another boot.
	by := func(n int) *int { return &n }
	reports := []crash.Report{{Kind: crash.KindWarning}, {Kind: crash.KindKASAN}, {Kind: crash.KindSoftLockup, CausedBy: by(9)},
		{Kind: crash.KindNullDeref, CausedBy: by(1)}, {Kind: crash.KindPanic, CausedBy: by(3), Panicked: true}}
	members := []int{0, 1, 2, 3, 4}
	if got := causalOrder(reports, members); !slices.Equal(got, []int{0, 1, 3, 4, 2}) {
		t.Errorf("order %v", got)
	}
	if got := primaryReport(reports, members); got != 2 {
		t.Errorf("primary %d, want the hang: the most severe that nothing in the boot caused", got)
	}
	reports[0].CausedBy, reports[1].CausedBy = by(1), by(0) // a circle
	if got := causalOrder(reports, members); len(got) != 5 {
		t.Errorf("order of a circle %v: want each once", got)
	}
}

func TestLogLines(t *testing.T) {
	long := strings.Repeat("x", maxLogLine+10)
	text := "one\r\ntwo\n" + long + "\n\nlast without end"
	for _, c := range []struct {
		first, last   int
		want          []LogLine
		before, after bool
	}{
		{1, 2, []LogLine{{1, 0, "one", false}, {2, 5, "two", false}}, false, true},
		{3, 4, []LogLine{{3, 9, long[:maxLogLine], true}, {4, 9 + int64(len(long)) + 1, "", false}}, true, true},
		{5, 9, []LogLine{{5, 9 + int64(len(long)) + 2, "last without end", false}}, true, false},
		{7, 9, []LogLine{}, true, false},
	} {
		got, err := readLines(t.Context(), iotest.OneByteReader(strings.NewReader(text)), c.first, c.last)
		if err != nil || !slices.Equal(got.Lines, c.want) || got.Before != c.before || got.After != c.after {
			t.Errorf("lines %d to %d: %+v, %v", c.first, c.last, got, err)
		}
	}
	cut := errors.New("the archive is truncated")
	got, err := readLines(t.Context(), iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(text))), 1, 5)
	if err == nil && len(got.Lines) == 0 {
		t.Error("a log that breaks at once was shown as empty")
	}
	if _, err := readLines(t.Context(), iotest.ErrReader(cut), 1, 5); !errors.Is(err, cut) {
		t.Errorf("broken log: %v, want %v", err, cut)
	}
}

// FuzzLogLines holds that every line is where it says it is, for any bytes.
func FuzzLogLines(f *testing.F) {
	for _, s := range []string{"", "\n", "a\r\nb\n\nc", "\r\r\n\x00\xff", strings.Repeat("y", maxLogLine+1) + "\nz"} {
		f.Add([]byte(s), 1, 3)
		f.Add([]byte(s), 2, 9)
	}
	f.Fuzz(func(t *testing.T, text []byte, first, last int) {
		got, err := readLines(t.Context(), strings.NewReader(string(text)), max(1, first), last)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range got.Lines {
			end := l.Start + int64(len(l.Text))
			if end > int64(len(text)) || string(text[l.Start:end]) != l.Text || strings.Contains(l.Text, "\n") {
				t.Fatalf("line %+v is not at its place", l)
			}
			if n := strings.Count(string(text[:l.Start]), "\n") + 1; n != l.Number {
				t.Fatalf("line %d begins line %d", l.Number, n)
			}
		}
	})
}
