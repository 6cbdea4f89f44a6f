package graph

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringside/trace/event"
	"ringside/trace/internal/tracetest"
)

func events() map[string]string {
	return map[string]string{
		"ftrace:funcgraph_entry": "func/8 depth",
		"ftrace:funcgraph_exit":  "func/8 depth calltime/8 rettime/8",
		"ftrace:function":        "ip/8 parent_ip/8",
	}
}

const symbols = "ffff0000 T outer\nffff0100 T inner\nffff0200 T leaf\nffff0300 T end\n"

// outer calls inner twice and itself once; another task's calls lie between.
func TestCalls(t *testing.T) {
	e := tracetest.New(t, events())
	e.Catalog.AddSymbols(symbols)
	e.Catalog.AddComms("5 job\n6 other\n")
	a := New(e.Catalog)
	enter := func(at uint64, pid, addr int) { a.Add(e.Record(at, 0, pid, 0, "ftrace:funcgraph_entry", "func", addr)) }
	leave := func(at uint64, pid, addr, from, to int) {
		a.Add(e.Record(at, 0, pid, 0, "ftrace:funcgraph_exit", "func", addr, "calltime", from, "rettime", to))
	}
	leave(50, 5, 0xffff0200, 10, 50) // its entry was lost
	enter(100, 5, 0xffff0000)
	enter(110, 5, 0xffff0100)
	enter(115, 6, 0xffff0100)
	leave(130, 5, 0xffff0100, 110, 130)
	enter(140, 5, 0xffff0000)
	leave(150, 5, 0xffff0000, 140, 150)
	leave(155, 6, 0xffff0100, 115, 155)
	enter(160, 5, 0xffff0100)
	leave(190, 5, 0xffff0100, 0, 0) // a kernel that gives no times
	leave(300, 5, 0xffff0000, 100, 300)
	enter(400, 5, 0xffff0200) // never ends
	g := a.Result()
	want := map[string]Function{
		"outer": {Calls: 2, Total: 200, Self: 150, Max: 200},
		"inner": {Calls: 3, Total: 90, Self: 90, Max: 40},
		"leaf":  {Calls: 1, Total: 40, Self: 40, Max: 40},
	}
	for _, f := range g.Functions {
		w := want[f.Name]
		if f.Calls != w.Calls || f.Total != w.Total || f.Self != w.Self || f.Max != w.Max {
			t.Errorf("%+v, want %+v", f, w)
		}
	}
	if len(g.Functions) != 3 || g.Partial != 1 || g.Open != 1 {
		t.Errorf("%d functions, %d partial, %d open", len(g.Functions), g.Partial, g.Open)
	}
	var b strings.Builder
	if err := WriteFolded(&b, g.Tree); err != nil {
		t.Fatal(err)
	}
	if want := "job;outer 140\njob;outer;inner 50\njob;outer;outer 10\njob;leaf 40\nother;inner 40\n"; b.String() != want {
		t.Errorf("folded\n%swant\n%s", b.String(), want)
	}
}

func TestFunctionTracer(t *testing.T) {
	f, text := tracetest.Corpus(t, "guest-func_v7")
	a := New(f.Catalog)
	for i := range f.Buffers {
		if _, err := f.Buffers[i].Each(nil, func(r *event.Record) bool { a.Add(r); return true }); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]uint64{}
	line := regexp.MustCompile(`: function: +(\S+)`)
	for row := range strings.Lines(text) {
		if m := line.FindStringSubmatch(row); m != nil {
			want[m[1]]++
		}
	}
	g := a.Result()
	checked := uint64(0)
	for _, x := range g.Functions {
		if want[x.Name] != x.Calls {
			t.Errorf("%s: %d calls, the report has %d", x.Name, x.Calls, want[x.Name])
		}
		checked += x.Calls
	}
	var pairs uint64
	for _, p := range g.Pairs {
		pairs += p.Calls
	}
	if checked == 0 || pairs != checked {
		t.Errorf("%d calls, %d in pairs", checked, pairs)
	}
	t.Logf("%d functions, %d calls", len(g.Functions), checked)
}

var (
	leafLine  = regexp.MustCompile(`-(\d+) +\[\d+\] .*funcgraph_entry: +(?:\S )?(\d+\.\d+) us +\| +(\S+)\(\);`)
	enterLine = regexp.MustCompile(`-(\d+) +\[\d+\] .*funcgraph_entry: +\| +(\S+)\(\) \{`)
	exitLine  = regexp.MustCompile(`-(\d+) +\[\d+\] .*funcgraph_exit: +(?:\S )?(\d+\.\d+) us +\| +\}`)
)

// The corpus' recording gives what a plain reading of trace-cmd's report gives:
// calls and total time of every function that is only ever a leaf.
func TestFunctionGraph(t *testing.T) {
	f, text := tracetest.Corpus(t, "guest-fgraph_v7")
	a := New(f.Catalog)
	for i := range f.Buffers {
		if _, err := f.Buffers[i].Each(nil, func(r *event.Record) bool { a.Add(r); return true }); err != nil {
			t.Fatal(err)
		}
	}
	type sum struct {
		n     uint64
		us    float64
		inner bool
	}
	want := map[string]*sum{}
	at := func(name string) *sum {
		if want[name] == nil {
			want[name] = &sum{}
		}
		return want[name]
	}
	exits := 0
	for row := range strings.Lines(text) {
		if m := leafLine.FindStringSubmatch(row); m != nil {
			us, _ := strconv.ParseFloat(m[2], 64)
			at(m[3]).n++
			at(m[3]).us += us
		} else if m := enterLine.FindStringSubmatch(row); m != nil {
			at(m[2]).inner = true
		} else if exitLine.MatchString(row) {
			exits++
		}
	}
	g := a.Result()
	checked, calls := 0, uint64(0)
	for _, x := range g.Functions {
		calls += x.Calls
		w := want[x.Name]
		if w == nil || w.inner || g.Partial > 0 && x.Calls != w.n {
			continue
		}
		checked++
		if d := x.Total - time.Duration(w.us*1e3); x.Calls != w.n || d < -time.Duration(w.n) || d > time.Duration(w.n) {
			t.Errorf("%s: %d calls, %v; the report has %d, %.3f µs", x.Name, x.Calls, x.Total, w.n, w.us)
		}
	}
	if checked == 0 || calls == 0 {
		t.Errorf("%d functions to compare, %d calls", checked, calls)
	}
	t.Logf("%d of %d functions, %d calls, %d partial, %d open", checked, len(g.Functions), calls, g.Partial, g.Open)
	var self, total time.Duration
	for _, x := range g.Functions {
		self += x.Self
	}
	for _, n := range g.Tree {
		total += n.Total
	}
	if d := float64(self-total) / float64(total); d < -.001 || d > .001 {
		t.Errorf("functions themselves took %v, tasks were in them for %v", self, total)
	}
}

// Random records, with values that no kernel writes.
func FuzzAdd(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\x04 any bytes at all, some of which are functions"))
	e := tracetest.New(f, events())
	e.Catalog.AddSymbols(symbols)
	f.Fuzz(func(t *testing.T, data []byte) {
		a := New(e.Catalog)
		e.Random(data, a.Add)
		for _, x := range a.Result().Functions {
			if x.Self < 0 || x.P50 > x.Max {
				t.Errorf("%+v", x)
			}
		}
	})
}
