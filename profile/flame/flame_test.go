package flame

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

	"ringside/profile"
)

// sample is a profile of two tasks over two seconds.
func sample() *profile.Profile {
	b := profile.NewBuilder(profile.Limits{})
	e := b.Event(profile.Event{Name: "cpu-clock", Unit: "ns"})
	push := func(kind profile.Kind, names ...string) profile.StackID {
		var s profile.StackID
		for _, n := range names {
			s = b.Push(s, b.Frame(profile.Frame{Func: n, Module: "/usr/bin/prog", Kind: kind}))
		}
		return s
	}
	for i := range 10 {
		task, stack := "busy", push(profile.User, "main", "work", "inner")
		if i%5 == 4 {
			task, stack = "<script>alert(1)</script>", push(profile.User, "main", "rest")
		}
		b.AddAt(uint64(i)*200e6, stack, b.Label(profile.Labels{Event: e, Comm: task, CPU: int32(i % 2)}), 1, 1e6)
	}
	b.Lost(profile.Loss{What: "events that the kernel had no room for", Count: 3})
	return b.Profile()
}

func TestPage(t *testing.T) {
	var out bytes.Buffer
	if err := Write(&out, sample(), Options{Title: "a <title>", Event: 0}); err != nil {
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
	var sum int64
	for _, w := range d.Weights {
		sum += w
	}
	if sum != 10e6 || len(d.Parents) != 5 || d.Losses[0] != "lost: 3 events that the kernel had no room for" {
		t.Errorf("weight %d, %d nodes, losses %q", sum, len(d.Parents), d.Losses)
	}
	if hash, err := ScriptHash(); err != nil || !strings.HasPrefix(hash, "sha256-") {
		t.Errorf("hash %q, %v", hash, err)
	}
}

// A page stays small: the smallest leaves are counted to their callers, and
// time becomes coarser. What it sums up to stays the same.
func TestBounds(t *testing.T) {
	b := profile.NewBuilder(profile.Limits{})
	e := b.Event(profile.Event{Name: "e", Unit: "events"})
	root := b.Push(0, b.Frame(profile.Frame{Func: "root"}))
	var want int64
	for i := range 3000 {
		s := b.Push(root, b.Frame(profile.Frame{Func: fmt.Sprint("f", i)}))
		for k := range 4 {
			w := int64(i + 1)
			want += w
			b.AddAt(uint64(i*k)*50e6, s, b.Label(profile.Labels{Event: e, CPU: int32(k)}), 1, w)
		}
	}
	tr := newTree()
	tr.add(b.Profile(), 0, 0)
	pruned := tr.prune(1000)
	factor := tr.settle(1500)
	var sum int64
	for _, c := range tr.cells {
		sum += c.a
		if int(c.node) >= len(tr.parent) || int(c.label) >= len(tr.labels) {
			t.Fatalf("cell %+v of %d nodes, %d labels", c, len(tr.parent), len(tr.labels))
		}
	}
	if sum != want || len(tr.parent) > 1000 || len(tr.cells) > 1500 || pruned <= 0 || pruned >= .6 || factor < 2 {
		t.Errorf("weight %d of %d, %d nodes, %d cells, %.2f pruned, %d times as wide", sum, want, len(tr.parent), len(tr.cells), pruned, factor)
	}
}

// What a reader does with the page: search, zoom, turn around, filter, table,
// all of it by keyboard too.
func TestInBrowser(t *testing.T) {
	var tool string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			tool = p
			break
		}
	}
	if tool == "" {
		t.Skip("SKIPPED: no Chromium; apt-get install chromium runs the browser tests")
	}
	path := filepath.Join(t.TempDir(), "flame.html")
	var out bytes.Buffer
	if err := Write(&out, sample(), Options{Title: "test", Event: 0}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(tool), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))...)
	defer stop()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	ctx, done := context.WithTimeout(ctx, 2*time.Minute)
	defer done()
	do := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	ask := func(what string, a chromedp.Action[string]) string {
		t.Helper()
		s, err := chromedp.Run(ctx, a)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return s
	}
	script := func(what, code string) string {
		t.Helper()
		return ask(what, chromedp.Evaluate[string]("(() => {"+code+"; return \"\" })()"))
	}
	text := func(selector string) string {
		t.Helper()
		return ask(selector, chromedp.Text(chromedp.CSS(selector)))
	}
	holds := func(what, selector, want string) {
		t.Helper()
		if got := text(selector); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", what, got, want)
		}
	}
	out.Reset()
	if err := Write(&out, &profile.Profile{Nodes: make([]profile.Node, 1)}, Options{Title: "nothing"}); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.html")
	if err := os.WriteFile(empty, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	do("open a picture of nothing", chromedp.Navigate("file://"+empty), chromedp.WaitVisible(chromedp.CSS("#graph")))
	do("open", chromedp.Navigate("file://"+path), chromedp.WaitVisible(chromedp.CSS("#graph")))
	holds("losses", "#losses", "3 events")
	do("search", chromedp.KeyEvent("/"), chromedp.SendKeys(chromedp.CSS("#search"), "work|inner"))
	holds("search", "#matched", "80.00 % matched")
	do("leave the search", chromedp.KeyEvent("\x1b"))
	do("up twice and zoom", chromedp.KeyEvent("\u0304"), chromedp.KeyEvent("\u0304"), chromedp.KeyEvent("\r"))
	spoken := script("what a screen reader hears", `return document.querySelector("[aria-live]").textContent`)
	if !strings.HasPrefix(spoken, "work") {
		t.Errorf("a screen reader hears %q, want work", spoken)
	}
	holds("crumbs", ".crumbs", "main")
	do("out and table", chromedp.KeyEvent("\x1b"), chromedp.KeyEvent("t"), chromedp.WaitVisible(chromedp.CSS("#table table")))
	holds("table", "#table", "inner")
	script("task", `const q = document.getElementById("search"); q.value = ""; q.dispatchEvent(new Event("input"));
		const s = document.getElementById("by-comm"); s.selectedIndex = [...s.options].findIndex(o => o.text.startsWith("<script>")); s.dispatchEvent(new Event("change"))`)
	if got := text("#table"); strings.Contains(got, "inner") || !strings.Contains(got, "rest") {
		t.Errorf("of the other task: %q", got)
	}
	script("all tasks", `const c = document.getElementById("by-comm"); c.selectedIndex = 0; c.dispatchEvent(new Event("change"))`)
	do("callers first", chromedp.KeyEvent("r"))
	holds("callers first", "#table", "rest")
	do("back to the graph", chromedp.KeyEvent("r"), chromedp.KeyEvent("t"), chromedp.WaitVisible(chromedp.CSS("#graph")))
	script("by task", `document.getElementById("by-task").click(); const q = document.getElementById("search"); q.value = "^busy$"; q.dispatchEvent(new Event("input"))`)
	holds("by task", "#matched", "80.00 % matched")
	script("not by task", `document.getElementById("by-task").click(); const q = document.getElementById("search"); q.value = ""; q.dispatchEvent(new Event("input"))`)
	script("window", `const t = document.getElementById("to"); t.value = "1"; t.dispatchEvent(new Event("change"))`)
	from, to := ask("from", chromedp.Value(chromedp.CSS("#from"))), ask("to", chromedp.Value(chromedp.CSS("#to")))
	if from != "0.000" || to != "1.000" {
		t.Errorf("the window is from %s to %s", from, to)
	}
}

func BenchmarkWrite(b *testing.B) {
	pb := profile.NewBuilder(profile.Limits{})
	e := pb.Event(profile.Event{Name: "e"})
	l := pb.Label(profile.Labels{Event: e})
	var at profile.StackID
	for i := range 100_000 {
		if i%40 == 0 {
			at = 0
		}
		at = pb.Push(at, pb.Frame(profile.Frame{Func: fmt.Sprint("f", i%5000)}))
		pb.AddAt(uint64(i)*1e5, at, l, 1, 1)
	}
	p := pb.Profile()
	for b.Loop() {
		var out bytes.Buffer
		if err := Write(&out, p, Options{}); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(out.Len()))
	}
}
