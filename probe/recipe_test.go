package probe

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestBuiltin(t *testing.T) {
	list, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	// What the documentation promises.
	want := []string{
		"cpu-profile", "off-cpu", "runqlat", "sched-timeline", "wakeups", "irqlat", "page-faults", "reclaim", "iolat", "tcp-drops", "tcp-retransmits", "lock-contention", "syscall-latency",
		"irqsoff", "memory-leak", "memory-growth", "boot-time", "task-starts", "migrations", "switches", "tcp-connect", "net-queues", "fs-latency", "page-cache", "hw-profile", "health",
	}
	var got []string
	for _, r := range list {
		got = append(got, r.Name)
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("there is no recipe %s; there are %s", name, strings.Join(got, ", "))
		}
	}
}

// Each capture of a recipe has a view that shows what it makes.
func TestEveryCaptureIsShown(t *testing.T) {
	list, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		for _, c := range r.Captures {
			shown := slices.ContainsFunc(r.Show, func(v View) bool { return v.Shows(c.Format()) })
			if !shown {
				t.Errorf("%s: what %s makes is shown by no view", r.Name, c.With)
			}
		}
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	const good = `
name: x-y
title: T
group: cpu
answers: A?
cost: none
for: 5s
captures: [{with: tracefs, events: ["sched:sched_switch"]}]
show: [{view: recording}]
`
	if _, err := Read(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{"name: x-y", "name: ../x", "use lower-case letters"},
		{"group: cpu", "group: fun", `group "fun"`},
		{"cost: none", "costs: none", "field costs not found"},
		{"for: 5s", "for: soon", "invalid duration"},
		{"with: tracefs", "with: magic", `no engine "magic"`},
		{"sched:sched_switch", "../../etc", "write system:name"},
		{"sched:sched_switch", "cpu-clock", "is no tracepoint"},
		{"view: recording", "view: film", `no view "film"`},
		{"view: recording", "view: flame, of: money", "is not of"},
		{`with: tracefs, events: ["sched:sched_switch"]`, "with: ebpf, measure: [{name: m, title: M, begin: [{event: a:b}], end: [{event: a:c}]}]", "key is missing"},
		{`with: tracefs, events: ["sched:sched_switch"]`, "with: ebpf, measure: [{name: m, title: M, end: [{event: a:c}], kept: {size: n}}]", "what is kept has a beginning"},
		{`with: tracefs, events: ["sched:sched_switch"]`, "with: ebpf, measure: [{name: m, title: M, begin: [{event: a:b, key: [p]}], end: [{event: a:c, key: [p]}], kept: {}}]", "either size or order"},
		{`with: tracefs, events: ["sched:sched_switch"]`, "with: ebpf, measure: [{name: m, title: M, end: [{event: a:c, at: now}]}]", "at names the field"},
	} {
		_, err := Read(strings.NewReader(strings.Replace(good, tt.old, tt.new, 1)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", tt.new, err, tt.want)
		}
	}
	if _, err := Read(strings.NewReader(strings.Repeat("#", maxRecipe+1))); err == nil {
		t.Error("a recipe of unbounded size was read")
	}
}

func FuzzRead(f *testing.F) {
	names, err := builtin.ReadDir("recipes")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		b, err := builtin.ReadFile("recipes/" + n.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, c := range r.Captures {
			for _, e := range c.Events {
				if strings.ContainsAny(e.Name, "/.\n") {
					t.Errorf("event %q would reach a path", e.Name)
				}
			}
		}
	})
}

type engine struct{ err error }

func (e engine) Check(Capture) error { return e.err }
func (e engine) Capture(context.Context, Capture, Session) (*Recording, error) {
	return nil, errors.ErrUnsupported
}

func TestChoose(t *testing.T) {
	r := &Recipe{Name: "r", Captures: []Capture{{With: EBPF}, {With: Tracefs}, {With: Command}}}
	engines := map[string]Engine{EBPF: engine{errors.New("the kernel has no BPF")}, Tracefs: engine{}, Command: engine{}}
	c, err := Choose(r, engines, "")
	if err != nil || c.Capture.With != Tracefs {
		t.Fatalf("chose %v, %v", c, err)
	}
	if len(c.Against) != 1 || c.Against[0] != (Objected{EBPF, "the kernel has no BPF"}) {
		t.Errorf("objections: %v", c.Against)
	}
	if c, err := Choose(r, engines, Command); err != nil || c.Capture.With != Command {
		t.Errorf("with only the command: %v, %v", c, err)
	}
	if _, err := Choose(r, engines, EBPF); err == nil || !strings.Contains(err.Error(), "has no BPF") {
		t.Errorf("with only eBPF: %v", err)
	}
	if _, err := Choose(r, engines, PerfEvent); err == nil || !strings.Contains(err.Error(), "no capture with perf_event") {
		t.Errorf("with what the recipe does not have: %v", err)
	}
}

func TestBucket(t *testing.T) {
	last := -1
	for _, v := range []uint64{0, 1, 31, 32, 33, 63, 64, 65, 100, 1000, 12345, 1 << 20, 1<<40 + 12345, 1 << 63, 1<<64 - 1} {
		i := Bucket(v)
		low, high := BucketRange(i)
		if v < low || (high > low && v >= high) {
			t.Errorf("%d is in bucket %d of [%d, %d)", v, i, low, high)
		}
		if i < last || i >= Buckets {
			t.Errorf("%d is in bucket %d, after %d, of %d", v, i, last, Buckets)
		}
		last = i
	}
	var h Histogram
	h.Counts = make([]uint64, Buckets)
	for v := uint64(1); v <= 1000; v++ {
		h.Counts[Bucket(v*1000)]++
	}
	for _, q := range []float64{.5, .9, .99} {
		got, want := float64(h.Quantile(q)), q*1e6
		if d := got/want - 1; d > .016 || d < -.016 {
			t.Errorf("quantile %v is %v, want %v within 1.6 %%", q, got, want)
		}
	}
}
