package recording

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringside/profile"
	"ringside/profile/convert"
	"ringside/trace/latency"
	"ringside/trace/tracedat"
)

// of makes a profile of stacks of the kernel's functions; the weights are ms.
func of(stacks map[string]int64) *profile.Profile {
	b := profile.NewBuilder(profile.Limits{})
	b.Source(profile.Source{Format: "perf.data", Hostname: "web7", Release: "6.12.1", CPUs: 4})
	few, many := b.Event(profile.Event{Name: "page-faults", Unit: "events"}), b.Event(profile.Event{Name: "cpu-clock", Unit: "ns"})
	b.Add(0, b.Label(profile.Labels{Event: few, Comm: "a"}), 1, 1)
	for text, ms := range stacks {
		var s profile.StackID
		for _, name := range strings.Split(text, ";") {
			s = b.Push(s, b.Frame(profile.Frame{Func: name, Module: "[kernel.kallsyms]", Kind: profile.Kernel}))
		}
		b.Add(s, b.Label(profile.Labels{Event: many, Comm: "a"}), ms, ms*1e6)
	}
	b.Lost(profile.Loss{What: "samples", Count: 3})
	b.Lost(profile.Loss{What: "the end", Count: -1})
	return b.Profile()
}

func TestOfProfile(t *testing.T) {
	for _, x := range []struct {
		stacks map[string]int64
		title  string
	}{
		{map[string]int64{"vfs_read;work": 90, "do_idle;default_idle": 10}, "work runs 100 % of the busy time"},
		{map[string]int64{"vfs_read;work": 60, "vfs_write;native_queued_spin_lock_slowpath": 20, "do_idle": 20}, "Spinning on locks: 25 % of the busy time, mostly for vfs_write"},
		{map[string]int64{"do_idle": 999, "work": 1}, "the machine was idle 99.9 % of the time"},
	} {
		s, err := OfProfile(of(x.stacks))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(s.Title, x.title) {
			t.Errorf("title %q, want %q", s.Title, x.title)
		}
		if s.Profile.Event != "cpu-clock" || s.Events[0].Name != "cpu-clock" || s.Hostname != "web7" || s.Kind != Profile {
			t.Errorf("summary %+v", s)
		}
		if n, more := s.Lost(); n != 3 || !more {
			t.Errorf("lost %d, more %v", n, more)
		}
	}
	s, err := OfProfile(&profile.Profile{Nodes: make([]profile.Node, 1)})
	if err != nil || s.Title != "a profile without samples" || s.Profile != nil {
		t.Errorf("of nothing: %+v, %v", s, err)
	}
}

func TestUname(t *testing.T) {
	for text, want := range map[string][3]string{
		"Linux vm 6.18.44 #1 SMP PREEMPT_DYNAMIC x86_64": {"vm", "6.18.44", "x86_64"},
		"Linux 6.18.44 x86_64":                           {"", "6.18.44", "x86_64"},
		"Linux 10.0.0.7 6.1.0-13-amd64 #1 x86_64":        {"10.0.0.7", "6.1.0-13-amd64", "x86_64"},
		"":          {},
		"Linux 6.1": {},
	} {
		var s Summary
		s.uname(text)
		if got := [3]string{s.Hostname, s.Release, s.Arch}; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// What is written of a profile is the profile, and a page of it.
func TestWrite(t *testing.T) {
	o := Opened{Profile: of(map[string]int64{"vfs_read;work": 90})}
	s, err := o.Summary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var kept, page bytes.Buffer
	if err := o.WriteProfile(&kept); err != nil {
		t.Fatal(err)
	}
	p, err := convert.ReadRingside(&kept)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := OfProfile(p); err != nil || again.Title != s.Title {
		t.Errorf("read back it says %q, %v, want %q", again.Title, err, s.Title)
	}
	picture, err := o.Picture(t.Context(), s)
	if err != nil || picture == nil {
		t.Fatalf("no picture: %v", err)
	}
	if err := picture(&page); err != nil || !strings.Contains(page.String(), `id="data"`) || !strings.Contains(page.String(), s.Title) {
		t.Errorf("the page: %v", err)
	}
}

func TestOfTrace(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set: no recordings to read")
	}
	f, err := os.Open(filepath.Join(corpus, "trace", "sched_v6.dat"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := tracedat.Open(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	s, err := OfTrace(t.Context(), tr)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, e := range s.Events {
		sum += e.Count
	}
	if s.Count != 15014 || sum != s.Count || s.Release != "6.18.44-fc-v669" || s.Arch != "x86_64" || s.Trace.Kinds[latency.RunQueue].N != 1698 {
		t.Errorf("%d events, %d by kind, release %q, run queue %+v", s.Count, sum, s.Release, s.Trace.Kinds[latency.RunQueue])
	}
	o := Opened{Trace: tr}
	var page bytes.Buffer
	picture, err := o.Picture(t.Context(), s)
	if err != nil || picture == nil {
		t.Fatalf("no timeline: %v", err)
	}
	if err := picture(&page); err != nil || !strings.Contains(page.String(), "khugepaged") {
		t.Errorf("the timeline: %v", err)
	}
	if !strings.HasPrefix(s.Title, "khugepaged waited for a CPU 48ms; git had it for") {
		t.Errorf("title %q", s.Title)
	}
}
