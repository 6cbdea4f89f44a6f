package timeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"google.golang.org/protobuf/encoding/protowire"

	"ringside/trace/event"
	"ringside/trace/internal/tracetest"
	"ringside/trace/tracedat"
)

// sample is two CPUs on which a client asks a server, and an interrupt.
func sample(t testing.TB, take func(*event.Catalog) func(*event.Record)) {
	e := tracetest.New(t, tracetest.Events())
	add := take(e.Catalog)
	change := func(at uint64, cpu int, prev string, prevPID, state int, next string, nextPID int) {
		add(e.Record(at, cpu, prevPID, 0, "sched:sched_switch", "prev_comm", prev, "prev_pid", prevPID, "prev_state", state, "next_comm", next, "next_pid", nextPID))
	}
	wake := func(at uint64, cpu, by int, comm string, pid int) {
		add(e.Record(at, cpu, by, 0, "sched:sched_wakeup", "comm", comm, "pid", pid))
	}
	const ms = 1_000_000
	change(1000*ms, 0, "swapper/0", 0, 0, "client", 5)
	change(1000*ms, 1, "swapper/1", 0, 0, "<script>alert(1)</script>", 7)
	wake(1010*ms, 0, 5, "server", 6)
	change(1020*ms, 0, "client", 5, 1, "swapper/0", 0)
	change(1030*ms, 1, "<script>alert(1)</script>", 7, 0, "server", 6)
	add(e.Record(1035*ms, 1, 6, 0, "irq:irq_handler_entry", "irq", 14, "name", "ata"))
	add(e.Record(1036*ms, 1, 6, 8, "irq:irq_handler_exit", "irq", 14))
	wake(1050*ms, 1, 6, "client", 5)
	change(1060*ms, 0, "swapper/0", 0, 0, "client", 5)
	change(1070*ms, 1, "server", 6, 2, "<script>alert(1)</script>", 7)
	change(1100*ms, 0, "client", 5, 1, "swapper/0", 0)
}

func model(t testing.TB, o Options) *Model {
	var x *Collector
	sample(t, func(c *event.Catalog) func(*event.Record) { x = New(c, o); return x.Add })
	return x.Finish()
}

func TestModel(t *testing.T) {
	m := model(t, Options{})
	if m.Begin != 1_000_000_000 || m.End != 1_100_000_000 || len(m.cpus) != 2 || len(m.tasks) != 3 {
		t.Fatalf("from %d to %d, %d CPUs, %d tasks", m.Begin, m.End, len(m.cpus), len(m.tasks))
	}
	var rows []string
	for _, x := range m.tasks {
		for _, s := range x.lane.slices {
			rows = append(rows, fmt.Sprintf("%d %v %d-%d", x.task.PID, s.state, s.from/1e6, s.to/1e6))
		}
	}
	want := "5 running 0-20, 5 runnable 50-60, 5 running 60-100, 7 running 0-30, 7 preempted 30-70, 7 running 70-100, 6 runnable 10-30, 6 running 30-70, 6 blocked 70-100"
	if got := strings.Join(rows, ", "); got != want {
		t.Errorf("rows\n%s\nwant\n%s", got, want)
	}
	if len(m.Marks) == 0 || m.Marks[0].For != 40_000_000 || m.Marks[0].From != 30_000_000 {
		t.Errorf("marks %+v", m.Marks)
	}
	w := model(t, Options{From: 1_040_000_000, To: 1_065_000_000})
	if w.Begin != 1_040_000_000 || w.End != 1_065_000_000 || w.cpus[1].tasks.slices[0].to != 25_000_000 {
		t.Errorf("window from %d to %d: %+v", w.Begin, w.End, w.cpus[1].tasks.slices)
	}
}

// A page is bounded, and what it merges keeps its count and time.
func TestBounds(t *testing.T) {
	e := tracetest.New(t, tracetest.Events())
	x := New(e.Catalog, Options{Slices: 1000})
	const n = 40_000
	for i := range n {
		prev, next := 10+i%7, 10+(i+1)%7
		x.Add(e.Record(uint64(i)*5000, 0, prev, 0, "sched:sched_switch", "prev_comm", fmt.Sprint("t", prev), "prev_pid", prev, "prev_state", 1, "next_comm", fmt.Sprint("t", next), "next_pid", next))
	}
	m := x.Finish()
	merged, of := m.Merged()
	kept := 0
	var busy, spent uint64
	for _, c := range m.cpus {
		kept += len(c.tasks.slices)
		for _, s := range c.tasks.slices {
			busy += s.busy
		}
	}
	for _, r := range m.tasks {
		kept += len(r.lane.slices)
		spent += r.run()
	}
	if kept > 1000 || merged == 0 || of < 2*(n-2) || of > 2*n {
		t.Errorf("%d slices are kept, %d merged of %d", kept, merged, of)
	}
	if all := uint64(n-1) * 5000; busy != all || spent != all {
		t.Errorf("CPUs were busy for %d, tasks ran for %d, of %d", busy, spent, all)
	}
}

func TestPage(t *testing.T) {
	var out bytes.Buffer
	if err := Write(&out, model(t, Options{}), Page{Title: "a <title>", Facts: []string{"a fact"}, Losses: []string{"3 events are missing"}}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, not := range []string{"<script>alert", "http://", "https://", "src=", "a <title>"} {
		if strings.Contains(text, not) {
			t.Errorf("the page holds %q", not)
		}
	}
	_, rest, _ := strings.Cut(text, `id="data">`)
	data, _, _ := strings.Cut(rest, "</script>")
	var d document
	if err := json.Unmarshal([]byte(data), &d); err != nil {
		t.Fatal(err)
	}
	if d.Span != 100_000_000 || len(d.CPUs) != 2 || len(d.Tasks) != 3 || d.Losses[0] != "3 events are missing" {
		t.Errorf("document %+v", d)
	}
	if hash, err := ScriptHash(); err != nil || !strings.HasPrefix(hash, "sha256-") {
		t.Errorf("hash %q, %v", hash, err)
	}
}

func export(t testing.TB, x Exporter, feed func(add func(*event.Record))) []byte {
	t.Helper()
	var out bytes.Buffer
	x.Begin(&out)
	feed(func(r *event.Record) {
		if !x.Add(r) {
			t.Fatal("an export ended early")
		}
	})
	if err := x.End(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestChrome(t *testing.T) {
	var x *Chrome
	var records []*event.Record
	sample(t, func(c *event.Catalog) func(*event.Record) {
		x = NewChrome(c, Options{})
		return func(r *event.Record) { records = append(records, r) }
	})
	data := export(t, x, func(add func(*event.Record)) {
		for _, r := range records {
			add(r)
		}
	})
	var doc struct {
		TraceEvents []struct {
			Ph, Name string
			PID, TID int
			Ts, Dur  float64
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	sums := map[string]float64{}
	for _, e := range doc.TraceEvents {
		if e.Ph == "X" {
			sums[fmt.Sprintf("%d %d %s", e.PID, e.TID, e.Name)] += e.Dur / 1000
		}
	}
	for what, ms := range map[string]float64{"1 0 client": 60, "1 1 server": 40, "2 5 running": 60, "2 6 runnable": 20, "2 7 preempted": 40, "1 1048577 interrupt 14 ata": 1} {
		if sums[what] != ms {
			t.Errorf("%s: %v ms, want %v", what, sums[what], ms)
		}
	}
}

// unpack reads a message's fields.
func unpack(t *testing.T, b []byte, field func(n protowire.Number, v uint64, body []byte)) {
	t.Helper()
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		b = b[size:]
		switch kind {
		case protowire.VarintType:
			v, size := protowire.ConsumeVarint(b)
			field(n, v, nil)
			b = b[size:]
		case protowire.BytesType:
			v, size := protowire.ConsumeBytes(b)
			if size < 0 {
				t.Fatal(protowire.ParseError(size))
			}
			field(n, 0, v)
			b = b[size:]
		default:
			t.Fatalf("field %d has type %d", n, kind)
		}
	}
}

// The corpus' events of the scheduler are all in the Perfetto file, each with its
// time, CPU and tasks.
func TestPerfetto(t *testing.T) {
	f, _ := tracetest.Corpus(t, "sched_v6")
	b := &f.Buffers[0]
	type change struct {
		cpu        int
		at         uint64
		prev, next int32
		comm       string
	}
	want := map[change]int{}
	sw := f.Catalog.Format("sched", "sched_switch")
	each(t, b, func(r *event.Record) {
		if r.Format == sw {
			want[change{r.CPU, r.Time, int32(sw.Uint("prev_pid").Int(r.Data)), int32(sw.Uint("next_pid").Int(r.Data)), string(sw.Text("next_comm").Bytes(r.Data))}]++
		}
	})
	data := export(t, NewPerfetto(f.Catalog, f.Uname, Options{}), func(add func(*event.Record)) { each(t, b, add) })
	n, release := 0, ""
	unpack(t, data, func(_ protowire.Number, _ uint64, packet []byte) {
		unpack(t, packet, func(field protowire.Number, _ uint64, body []byte) {
			if field == packetSystemInfo {
				unpack(t, body, func(_ protowire.Number, _ uint64, names []byte) {
					unpack(t, names, func(k protowire.Number, _ uint64, text []byte) {
						if k == 3 {
							release = string(text)
						}
					})
				})
				return
			}
			cpu := 0
			unpack(t, body, func(field protowire.Number, v uint64, e []byte) {
				if field == bundleCPU {
					cpu = int(v)
					return
				}
				var c change
				c.cpu = cpu
				unpack(t, e, func(k protowire.Number, v uint64, body []byte) {
					if k == eventTime {
						c.at = v
					}
					if k != 4 {
						return
					}
					unpack(t, body, func(k protowire.Number, v uint64, text []byte) {
						switch k {
						case 2:
							c.prev = int32(v)
						case 5:
							c.comm = string(text)
						case 6:
							c.next = int32(v)
						}
					})
					if want[c] == 0 {
						t.Errorf("no event of the recording: %+v", c)
					}
					want[c]--
					n++
				})
			})
		})
	})
	if n != 1706 || release == "" {
		t.Errorf("%d switches, want 1706; release %q", n, release)
	}
}

func each(t *testing.T, b *tracedat.Buffer, take func(*event.Record)) {
	t.Helper()
	if _, err := b.Each(nil, func(r *event.Record) bool { take(r); return true }); err != nil {
		t.Fatal(err)
	}
}

// Random records, with times that go back and values that no kernel writes.
func FuzzAdd(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\x04 any bytes at all, some of which are numbers of tasks"))
	e := tracetest.New(f, tracetest.Events())
	f.Fuzz(func(t *testing.T, data []byte) {
		x := New(e.Catalog, Options{Slices: 100})
		e.Random(data, x.Add)
		m := x.Finish()
		var out bytes.Buffer
		if err := Write(&out, m, Page{}); err != nil {
			t.Fatal(err)
		}
		for _, r := range m.tasks {
			if r.lane == nil {
				continue
			}
			for _, s := range r.lane.slices {
				if s.to < s.from || s.to > m.End-m.Begin {
					t.Fatalf("slice %+v in %d", s, m.End-m.Begin)
				}
			}
		}
		for _, x := range []Exporter{NewChrome(e.Catalog, Options{}), NewPerfetto(e.Catalog, "", Options{})} {
			export(t, x, func(add func(*event.Record)) { e.Random(data, add) })
		}
	})
}

// The page in a browser: what a user does by keyboard and pointer.
func TestBrowser(t *testing.T) {
	tool := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			tool = p
			break
		}
	}
	if tool == "" {
		t.Skip("SKIPPED: no Chromium; apt-get install chromium runs the browser tests")
	}
	path := filepath.Join(t.TempDir(), "timeline.html")
	var out bytes.Buffer
	if err := Write(&out, model(t, Options{}), Page{Title: "test", Losses: []string{"3 events are missing"}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(tool), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))...)
	defer stop()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	ctx, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	do := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	// eval runs code after the page has painted what is pending.
	eval := func(what, code string) string {
		t.Helper()
		s, err := chromedp.Run(ctx, chromedp.Evaluate[string]("(() => {"+code+"; return \"\" })()"))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return s
	}
	// becomes polls in the page until it is so.
	becomes := func(what, expression, want string) {
		t.Helper()
		for {
			got := eval(what, "return String("+expression+")")
			if strings.Contains(got, want) {
				return
			}
			if ctx.Err() != nil {
				t.Fatalf("%s: %q, want %q in it", what, got, want)
			}
			if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void]("new Promise(requestAnimationFrame)")); err != nil {
				t.Fatalf("%s: %q, want %q in it: %v", what, got, want, err)
			}
		}
	}
	do("open", chromedp.Navigate("file://"+path), chromedp.WaitVisible(chromedp.CSS("#rows")))
	text := func(selector string) string {
		return "document.querySelector(" + fmt.Sprintf("%q", selector) + ").textContent"
	}
	becomes("losses", text("#losses"), "3 events")
	becomes("the window", text("#width"), "100 ms")
	eval("focus", `document.getElementById("rows").focus()`)
	do("move", chromedp.KeyEvent("\u0301"))
	becomes("the first slice", text("#said"), "client 5 · on CPU 0 for 20 ms · at +0 ns, 1.000000")
	do("down and right", chromedp.KeyEvent("\u0301"), chromedp.KeyEvent("\u0303"))
	becomes("the next CPU's next slice", text("#said"), "server 6 · on CPU 1 for 40 ms")
	do("into it", chromedp.KeyEvent("\r"))
	becomes("zoomed", text("#width"), "52 ms")
	do("out", chromedp.KeyEvent("0"))
	becomes("all again", text("#width"), "100 ms")
	do("the longest", chromedp.KeyEvent("n"))
	becomes("its story", text("#said"), "40 ms: <script>alert(1), server ran 40ms")
	do("table", chromedp.KeyEvent("0"), chromedp.KeyEvent("t"), chromedp.WaitVisible(chromedp.CSS("#table table")))
	becomes("table", text("#table"), "server 6")
	do("search", chromedp.KeyEvent("/"))
	becomes("where one types", `document.activeElement.id`, "search")
	eval("type", `const q = document.getElementById("search"); q.value = "^cli"; q.dispatchEvent(new Event("input"))`)
	becomes("matched", text("#matched"), "1 task")
	becomes("rows of the table", `document.querySelectorAll("#table tbody tr").length`, "1")
	eval("window", `const t = document.getElementById("to"); t.value = "0.05"; t.dispatchEvent(new Event("change"))`)
	becomes("time in the window", text("#table tbody tr"), "20 ms")
	eval("narrow", `document.getElementById("show-table").click()`)
	do("a telephone", chromedp.EmulateViewport(360, 640))
	becomes("nothing is wider than the screen", `document.documentElement.scrollWidth <= 360`, "true")
}
