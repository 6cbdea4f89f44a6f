package convert

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"ringside/profile"
)

// sums are a profile's weights and counts by task, event and stack.
func sums(p *profile.Profile, withComm bool) map[string][2]int64 {
	out := map[string][2]int64{}
	for _, c := range p.Cells {
		l := p.Labels[c.Label]
		var names []string
		for f := range p.Stack(c.Stack) {
			names = append(names, f.Name()+"@"+f.Module)
		}
		slices.Reverse(names)
		key := p.Events[l.Event].Unit + " " + strings.Join(names, ";")
		if withComm {
			key = l.Comm + " " + key
		}
		x := out[key]
		out[key] = [2]int64{x[0] + c.Count, x[1] + c.Weight}
	}
	return out
}

func several() *profile.Profile {
	b := profile.NewBuilder(profile.Limits{})
	ns := b.Event(profile.Event{Name: "cpu-clock:pppH", Unit: "ns"})
	push := func(frames ...profile.Frame) profile.StackID {
		var s profile.StackID
		for _, f := range frames {
			s = b.Push(s, b.Frame(f))
		}
		return s
	}
	main := profile.Frame{Func: "main", Module: "/usr/bin/a b"}
	stacks := []profile.StackID{
		push(main, profile.Frame{Func: "std::vector<int, std::allocator<int> >::push_back(int)", Module: "/usr/bin/a b"}),
		push(main, profile.Frame{Func: "vfs_read", Module: "[kernel.kallsyms]", Kind: profile.Kernel}, profile.Frame{Func: "nf_hook", Module: "[nf_tables]", Kind: profile.Kernel}),
		push(main, profile.Frame{Func: "small", Module: "/usr/bin/a b", Inlined: true}),
		push(profile.Frame{Module: "/lib/libc.so.6"}),
		push(profile.Frame{}),
	}
	for i := range 200 {
		l := profile.Labels{Event: ns, Comm: []string{"a task", "other:1", "third"}[i%3], PID: 10, TID: int32(10 + i%3), CPU: int32(i % 2)}
		b.AddAt(5e9+uint64(i)*7e6, stacks[i%len(stacks)], b.Label(l), int64(1+i%3), int64(1000*i+1))
	}
	return b.Profile()
}

// Every format gives back the weights that went in, and says what it is.
func TestRoundTrips(t *testing.T) {
	p := several()
	want := sums(p, true)
	for _, f := range Formats {
		t.Run(string(f), func(t *testing.T) {
			var out bytes.Buffer
			if err := Write(&out, p, f, Options{Event: -1, Folded: FoldedOptions{Weights: true}}); err != nil {
				t.Fatal(err)
			}
			q, format, err := Read(bytes.NewReader(out.Bytes()))
			if err != nil || format != f {
				t.Fatalf("read as %q: %v", format, err)
			}
			if f == Folded {
				_, a := p.Total(-1)
				if _, b := q.Total(-1); a != b {
					t.Errorf("weight %d, want %d", b, a)
				}
				return
			}
			got := sums(q, true)
			for k, w := range want {
				if got[k][1] != w[1] {
					t.Errorf("%s: weight %d, want %d", k, got[k][1], w[1])
				}
				// Counts are not in what speedscope and Firefox know.
				if f != Speedscope && f != Firefox && got[k][0] != w[0] {
					t.Errorf("%s: %d samples, want %d", k, got[k][0], w[0])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d stacks, want %d: %v", len(got), len(want), slices.Sorted(maps.Keys(got)))
			}
		})
	}
}

// perf's own text of the corpus's recordings.
func TestPerfScriptOfPerf(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("SKIPPED: no RINGSIDE_CORPUS")
	}
	files, err := filepath.Glob(filepath.Join(corpus, "profile", "*.script.txt.xz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no texts: %v", err)
	}
	for _, name := range files {
		packed, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := xz.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		p, format, err := Read(bytes.NewReader(text))
		if err != nil || format != PerfScript {
			t.Errorf("%s: %s, %v", filepath.Base(name), format, err)
			continue
		}
		// An independent count: frames are indented, samples hold a time.
		want := int64(0)
		frames := 0
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			head := false
			for _, f := range fields {
				if strings.HasSuffix(f, ":") && strings.Count(f, ".") == 1 && strings.Trim(f, "0123456789.:") == "" {
					head = true
				}
			}
			if head {
				want++
			} else if len(fields) > 1 {
				frames++
			}
		}
		n, _ := p.Total(-1)
		t.Logf("%s: %d samples, %d frames", filepath.Base(name), n, frames)
		if n != want {
			t.Errorf("%s: %d samples, want %d", filepath.Base(name), n, want)
		}
	}
}

func TestChromeDurations(t *testing.T) {
	const text = `[{"name":"thread_name","ph":"M","pid":1,"tid":2,"args":{"name":"render"}},
{"name":"frame","ph":"X","ts":1000,"dur":100,"pid":1,"tid":2},
{"name":"paint","ph":"B","ts":1010,"pid":1,"tid":2},
{"name":"text","ph":"X","ts":1020,"dur":20,"pid":1,"tid":2},
{"ph":"E","ts":1060,"pid":1,"tid":2},
`
	p, format, err := Read(strings.NewReader(text))
	if err != nil || format != Chrome {
		t.Fatalf("%s, %v", format, err)
	}
	want := map[string][2]int64{"render ns frame@": {1, 50_000}, "render ns frame@;paint@": {1, 30_000}, "render ns frame@;paint@;text@": {1, 20_000}}
	if got := sums(p, true); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestSpeedscopeEvents(t *testing.T) {
	const text = `{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{"frames":[{"name":"a"},{"name":"b"}]},
"profiles":[{"type":"evented","name":"t","unit":"milliseconds","startValue":0,"endValue":10,
"events":[{"type":"O","frame":0,"at":0},{"type":"O","frame":1,"at":2},{"type":"C","frame":1,"at":5},{"type":"C","frame":0,"at":10}]}]}`
	p, _, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sums(p, true), (map[string][2]int64{"t ns a@": {2, 7e6}, "t ns a@;b@": {1, 3e6}}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// What is wrong is said with its place, and what was read before is kept.
func TestErrors(t *testing.T) {
	for _, x := range []struct{ name, text, want string }{
		{"json", `{"meta": {]`, "offset"},
		{"no profile", `{"a": 1}`, "neither traceEvents"},
		{"no frames", `{"shared":{"frames":[]},"profiles":[{"type":"sampled","name":"x","unit":"none","samples":[[3]],"weights":[1]}]}`, "frame 3 of 0"},
		{"negative", `{"shared":{"frames":[{"name":"a"}]},"profiles":[{"type":"sampled","name":"x","unit":"none","samples":[[0]],"weights":[-1]}]}`, "weight"},
		{"loop", `{"traceEvents":[],"stackFrames":{"1":{"name":"a","parent":"1"}},"samples":[{"name":"x","ts":1,"sf":"1","weight":1}]}`, "callers"},
		{"late caller", `{"meta":{},"threads":[{"stackTable":{"prefix":[1,null],"frame":[0,0]},"frameTable":{"func":[0]},"funcTable":{"name":[0]},"stringArray":["a"],"samples":{"stack":[0]}}]}`, "come first"},
		{"script", "a 1/1 [000] 1.0: 5 cpu-clock: \n\t f a (b)\n\nwhat is this\n", "line 4"},
		{"gzip", "\x1f\x8b\x08\x00", "pprof"},
	} {
		_, _, err := Read(strings.NewReader(x.text))
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q in it", x.name, err, x.want)
		}
	}
	p, _, err := Read(strings.NewReader("a 1/1 [000] 1.0: 5 cpu-clock: \n\t f a (b)\n\nwhat is this\n"))
	if err == nil || p == nil {
		t.Fatal("nothing was kept")
	}
	if n, w := p.Total(-1); n != 1 || w != 5 {
		t.Errorf("%d samples of %d were kept, want 1 of 5", n, w)
	}
	if err := Write(io.Discard, several(), "svg", Options{}); err == nil || !strings.Contains(err.Error(), "speedscope") {
		t.Errorf("an unknown format: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	p := several()
	for _, x := range Formats {
		var out bytes.Buffer
		if err := Write(&out, p, x, Options{Event: -1}); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	f.Add([]byte(`[{"ph":"B","ts":1,"name":"a"},{"ph":"X","ts":2,"dur":9,"name":"b"},{"ph":"E","ts":3}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, format, err := Read(bytes.NewReader(data))
		if p == nil || err != nil {
			return
		}
		n, w := p.Total(-1)
		if n < 0 || w < 0 {
			t.Errorf("%s: %d samples of %d", format, n, w)
		}
		for i := 1; i < len(p.Nodes); i++ {
			if int(p.Nodes[i].Parent) >= i {
				t.Fatalf("%s: the caller of stack %d is %d", format, i, p.Nodes[i].Parent)
			}
		}
	})
}

func BenchmarkReadPerfScript(b *testing.B) {
	var text bytes.Buffer
	for i := range 20000 {
		fmt.Fprintf(&text, "python3 100/%d [001] %d.%06d: 50000 cpu-clock:pppH: \n\t%x f%d+0x12 (/usr/bin/python3)\n\t%x main+0x5 (/usr/bin/python3)\n\n", i%7, i, i, 0x400000+i, i%500, 0x400100)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := ReadPerfScript(bytes.NewReader(text.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
