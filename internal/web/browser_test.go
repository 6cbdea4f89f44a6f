package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"ringside/internal/record"
)

// browser drives a headless Chromium over the UI of a fleet, and collects what
// no page may do: errors, violations of the policy, requests elsewhere.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex
	problems []string
}

var chromium = sync.OnceValue(func() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
})

func newBrowser(t *testing.T, f *fleet) *browser {
	t.Helper()
	if chromium() == "" {
		t.Skip("SKIPPED: no Chromium; apt-get install chromium runs the browser tests")
	}
	srv := httptest.NewServer(f.ui)
	t.Cleanup(srv.Close)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium()),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.UserDataDir(t.TempDir()))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, base: srv.URL}
	b.must(chromedp.Listen(ctx, b.listen))
	for _, err := range []error{
		call(ctx, log.Enable), call(ctx, network.Enable), call(ctx, page.Enable),
	} {
		b.must(err)
	}
	_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	b.must(err)
	var cancelTime context.CancelFunc
	b.ctx, cancelTime = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancelTime)
	b.size(1440, 1000)
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.problems {
			t.Error("the browser complained: " + p)
		}
	})
	return b
}

func (b *browser) listen(ev any) {
	var problem string
	switch e := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			for _, a := range e.Args {
				problem += fmt.Sprint("console: ", string(a.Value), " ", a.Description)
			}
		}
	case *runtime.EventExceptionThrown:
		problem = "exception: " + e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			problem += " " + x.Description
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			problem = "log: " + e.Entry.Text + " " + e.Entry.URL
		}
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, b.base+"/") && !strings.HasPrefix(u, "data:") {
			problem = "request elsewhere: " + u
		}
	case *page.EventJavascriptDialogOpening:
		problem = "dialog: " + e.Message
	}
	if problem != "" {
		b.mu.Lock()
		b.problems = append(b.problems, problem)
		b.mu.Unlock()
	}
}

func (b *browser) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, steps...))
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

func (b *browser) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// key presses keys one after the other. Each is one event, as from a keyboard,
// so that a page that takes a key for itself keeps it out of the field.
func (b *browser) key(keys string) {
	b.t.Helper()
	for _, r := range keys {
		text, name := string(r), string(r)
		switch r {
		case '\r':
			name = "Enter"
		case '\x1b':
			text, name = "", "Escape"
		}
		for _, typ := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
			_, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: typ, Key: name, Text: text})
			b.must(err)
			text = ""
		}
	}
}

// wait waits until an expression is true, on whatever page that is then, with
// its scripts run.
func (b *browser) wait(expression string) {
	b.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		_, err := chromedp.Run(b.ctx, chromedp.Poll[chromedp.Void](`document.readyState === "complete" && !!(`+expression+")", chromedp.WithPollingTimeout(10*time.Second)))
		switch {
		case err == nil:
			return
		case (strings.Contains(err.Error(), "context") || strings.Contains(err.Error(), "navigated")) && time.Now().Before(deadline):
			continue // the page went away while it was asked; ask the next one
		}
		b.t.Fatalf("waiting on %s for %s: %v", b.eval("location.href"), expression, err)
	}
}

// eval returns an expression's value as text.
func (b *browser) eval(expression string) string {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (b *browser) is(expression, want string) {
	b.t.Helper()
	if got := b.eval(expression); got != want {
		b.t.Errorf("%s = %q, want %q", expression, got, want)
	}
}

// point moves the mouse over the middle of an element.
func (b *browser) point(expression string) {
	b.t.Helper()
	at := b.eval(`(() => { const e = ` + expression + `; e.scrollIntoView({block: "center"}); const r = e.getClientRects()[0]; return (r.x + r.width / 2) + " " + (r.y + r.height / 2) })()`)
	var x, y float64
	if _, err := fmt.Sscan(at, &x, &y); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
}

func (b *browser) dark(on bool) {
	b.t.Helper()
	value := "light"
	if on {
		value = "dark"
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	b.must(err)
}

func TestBrowserKeys(t *testing.T) {
	f := newFleet(t)
	b := newBrowser(t, f)
	b.open("/")
	b.wait(`document.querySelector("figure.chart canvas")`)
	want := b.eval(`document.querySelectorAll("[data-nav] [data-row]")[1].href`)
	b.key("jjjk")
	b.is(`document.activeElement.href`, want)
	b.key("\r")
	b.wait(`location.href === ` + fmt.Sprintf("%q", want) + ` && document.querySelector(".levels")`)
	b.key("?")
	b.wait(`document.getElementById("help").open`)
	b.key("j") // keys are the dialog's now
	b.is(`location.href`, want)
	b.do(chromedp.Click(chromedp.CSS("#help button")))
	b.wait(`!document.getElementById("help").open`)
	for key, path := range map[string]string{"gs": "/signatures", "gc": "/crashes", "gd": "/dumps", "gp": "/profiles", "gt": "/traces", "gk": "/kernels", "gh": "/hosts", "gv": "/cves", "gb": "/baselines", "ge": "/tests", "gl": "/lab", "ga": "/stacks", "go": "/"} {
		b.key(key)
		b.wait(`location.pathname === "` + path + `" && document.readyState === "complete"`)
	}
	b.key("/")
	b.is(`document.activeElement.name`, "q")
	b.key("jk")
	b.is(`document.activeElement.value`, "jk")
	b.key("\x1b")
	b.is(`document.activeElement === document.body`, "true")
}

func TestBrowserFilters(t *testing.T) {
	f := newFleet(t)
	b := newBrowser(t, f)
	b.open("/signatures")
	b.key("/")
	b.key("write_ro")
	b.wait(`document.querySelectorAll("#results [data-row]").length === 1`)
	b.wait(`location.search === "?q=write_ro"`)
	b.is(`document.querySelector("#results [data-row]").textContent`, "page-fault in lkdtm_WRITE_RO [lkdtm]")
	b.do(chromedp.Evaluate[chromedp.Void](`(() => { const e = document.querySelector("[data-find-here]"); e.value = ""; e.dispatchEvent(new Event("input", {bubbles: true})) })()`))
	b.wait(`document.querySelectorAll("#results [data-row]").length > 3`)
	b.wait(`location.search === ""`)
	b.do(chromedp.Evaluate[chromedp.Void](`(() => { const s = document.querySelector("select[name=class]"); s.value = "locking"; s.dispatchEvent(new Event("input", {bubbles: true})) })()`))
	b.wait(`document.querySelectorAll("#results [data-row]").length === 1 && location.search === "?class=locking"`)
	b.do(chromedp.Click(chromedp.CSS(`#results .active a`)))
	b.wait(`location.search === "" && document.querySelectorAll("#results [data-row]").length > 3`)
	b.do(chromedp.Click(chromedp.CSS(`th a[href*="sort=count"]`)))
	b.wait(`location.search === "?sort=count"`)
	b.is(`document.querySelector("th[aria-sort]").textContent`, "Crashes")
}

func TestBrowserEvidence(t *testing.T) {
	f := newFleet(t)
	b := newBrowser(t, f)
	b.dark(false)
	b.open("/crashes/" + f.crashOf("null-ptr-deref in null_in_thread"))
	const fact = `document.querySelector("[data-facts] dd [data-fact][title*='x86/pf-access']")`
	const lit = `[...document.querySelectorAll("[data-log] .lit")].map(e => e.textContent).join("|")`
	const inView = `(() => { const p = document.querySelector("[data-log]").getBoundingClientRect(), e = document.querySelector("[data-log] .lit").getBoundingClientRect(); return e.top >= p.top && e.bottom <= p.bottom })()`

	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-log]").scrollTop = 0`))
	b.point(fact)
	b.wait(lit + ` === "read access"`)
	b.wait(inView)
	b.is(fact+`.classList.contains("lit")`, "true")

	// The other way: from the log to the fact, which scrolls into view.
	b.point(`[...document.querySelectorAll("[data-log] .ev")].find(e => e.textContent === "lab-null")`)
	b.wait(`[...document.querySelectorAll("[data-facts] .lit")].map(e => e.textContent).join("|") === "lab-null"`)
	b.wait(`(() => { const p = document.querySelector("[data-facts]").getBoundingClientRect(), e = document.querySelector("[data-facts] .lit").getBoundingClientRect(); return e.top >= p.top && e.bottom <= p.bottom })()`)

	// Away from both, the light goes out.
	b.point(`document.querySelector("h1")`)
	b.wait(`document.querySelectorAll(".lit").length === 0`)

	// The keyboard does the same, for a far frame.
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-log]").scrollTop = 0; [...document.querySelectorAll("[data-facts] .frames a")].at(-1).focus()`))
	b.wait(lit + ` === "ret_from_fork+0x22/0x30"`)
	b.wait(inView)

	// A click pins the light and gives the line an address.
	b.do(chromedp.Evaluate[chromedp.Void](fact + `.click()`))
	b.point(`document.querySelector("h1")`)
	b.wait(lit + ` === "read access" && location.hash === "#L365"`)
	b.key("\x1b")
	b.wait(`document.querySelectorAll(".lit").length === 0`)

	// A gap fills in place, without another page.
	before := b.eval(`document.querySelectorAll("[data-log] .ln").length`)
	b.do(chromedp.Evaluate[chromedp.Void](`window.samePage = true; document.querySelector(".gap a").click()`))
	b.wait(`document.querySelectorAll("[data-log] .ln").length > ` + before + ` && window.samePage`)
}

func TestBrowserTheme(t *testing.T) {
	f := newFleet(t)
	b := newBrowser(t, f)
	const background = `getComputedStyle(document.body).backgroundColor`
	b.dark(false)
	b.open("/")
	light := b.eval(background)
	b.dark(true)
	b.wait(background + ` !== "` + light + `"`)
	night := b.eval(background)
	b.do(chromedp.Click(chromedp.CSS("[data-theme-toggle]")))
	b.wait(background + ` === "` + light + `"`)
	b.open("/signatures") // it holds, against the system's preference
	b.is(background, light)
	b.is(`document.documentElement.dataset.theme`, "light")
	b.key("t")
	b.wait(background + ` === "` + night + `"`)
}

func TestBrowserChangesState(t *testing.T) {
	f := newFleet(t)
	b := newBrowser(t, f)
	id := f.signature("lkdtm_WRITE_RO")
	b.open("/signatures/" + id)
	const field = `document.querySelector("[name=resolved_in]").checkVisibility()`
	b.is(field, "false")
	b.do(chromedp.Click(chromedp.CSS(`[name=state][value=resolved]`)))
	b.is(field, "true")
	b.do(chromedp.SendKeys(chromedp.CSS(`[name=resolved_in]`), "6.1.0-57-amd64"), chromedp.SendKeys(chromedp.CSS(`[name=note]`), "seen & fixed"),
		chromedp.SendKeys(chromedp.CSS(`[name=by]`), "ada"), chromedp.Click(chromedp.CSS(`.decide .primary`)))
	b.wait(`document.querySelector(".facts-line .state-resolved") && location.hash === "#activity"`)
	b.is(`document.querySelector(".activity .note-text").textContent`, "seen & fixed")
	b.is(`document.querySelector("[name=by]").value`, "ada")
}

func TestBrowserHostileLog(t *testing.T) {
	f := emptyFleet(t)
	text := string(testLog(t, "crash-mod-null"))
	for old, evil := range map[string]string{
		"Comm: lab-null":     `Comm: <img src=x onerror=window.owned=1>`,
		"labcrash mode=null": `<script>window.owned=2</script>`,
		"address: 0000000000000018": `address: 0000000000000018
<4>[    9.897926] "><svg onload=window.owned=3></svg><style>body{display:none}</style>`,
		"Hardware name: QEMU": `Hardware name: <iframe src="javascript:parent.owned=4"></iframe>`,
	} {
		text = strings.ReplaceAll(text, old, evil)
	}
	id := f.sendText("web00", "x.log", []byte(text), today)
	b := newBrowser(t, f)
	for _, path := range []string{"/", "/crashes/" + id, "/signatures/" + f.signature("null_in_thread"), "/hosts/web00"} {
		b.open(path)
		b.is(`[window.owned, document.querySelectorAll("main img, main iframe, main style, main script").length, getComputedStyle(document.body).display].join()`, ",0,flex")
	}
	b.open("/crashes/" + id)
	b.wait(`document.querySelector("[data-log]").textContent.includes("<script>window.owned=2</script>")`)
}

// TestBrowserWidths opens every kind of page at the width of a phone, a tablet
// and a desk, in both themes, and looks at what can be checked by machine.
func TestBrowserWidths(t *testing.T) {
	f := newFleet(t)
	b := newBrowser(t, f)
	stall := f.crashOf("rcu-stall in rcustall")
	d := f.sendDump()
	pa, pb, tr := f.sendRecording(spinning("6.1.0-55-amd64", 5), "a"), f.sendRecording(spinning("6.1.0-56-amd64", 40), "b"), f.sendRecording([]byte("TRACE"), "c")
	pages := []string{"/", "/profiles", "/traces", "/recordings/" + pa, "/recordings/" + tr, "/profiles/compare?a=" + pa + "&b=" + pb, "/signatures", "/signatures?q=nosuch", "/signatures/merges", "/admin/rules",
		"/dumps", d, d + "/tasks", d + "/stacks", d + "/locks", d + "/memory", d + "/system", d + "/log", "/dumps?kind=nosuch",
		"/signatures/compare?a=" + f.signature("lkdtm_WRITE_RO") + "&b=" + f.signature("null_in_thread"), "/signatures/" + f.signature("lkdtm_WRITE_RO"), "/crashes", "/crashes/" + stall,
		"/kernels", "/kernels/6.1.0-56-amd64", "/kernels/compare?a=6.1.0-55-amd64&b=6.1.0-56-amd64", "/cves", "/baselines", "/stacks", "/tests", "/tests/matrix", "/bisections", "/lab", "/hosts", "/hosts/web03", "/admin/jobs?state=done", "/docs/push"}
	for i, width := range []int64{360, 768, 1024, 1440} {
		b.size(width, 900)
		b.dark(i%2 == 1)
		for _, path := range pages {
			b.open(path)
			if over := b.eval(overflow); over != "" {
				t.Errorf("%s at %d px is too wide: %s", path, width, over)
			}
			if got := b.eval(looks); got != "" {
				t.Errorf("%s at %d px:\n%s", path, width, got)
			}
		}
	}
}

// TestBrowserRules opens the page of rules that wait for a decision, with a diff
// and conflicts, and a comparison with long names on both sides.
func TestBrowserRules(t *testing.T) {
	f := newFleet(t, func(c *Config) { c.Service = &newer{Record: c.Service, state: record.BackfillReady} })
	b := newBrowser(t, f)
	pages := []string{"/admin/rules", "/signatures/compare?a=" + f.signature("rcustall") + "&b=" + f.signature("null_in_thread")}
	for _, width := range []int64{360, 1440} {
		for _, dark := range []bool{false, true} {
			b.size(width, 900)
			b.dark(dark)
			for _, path := range pages {
				b.open(path)
				if over := b.eval(overflow); over != "" {
					t.Errorf("%s at %d px is too wide: %s", path, width, over)
				}
				if got := b.eval(looks); got != "" {
					t.Errorf("%s at %d px, dark %v:\n%s", path, width, dark, got)
				}
			}
		}
	}
}

// overflow is an expression that names what makes a page scroll sideways.
const overflow = `(() => {
  if (document.documentElement.scrollWidth <= innerWidth) return "";
  return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map((e) => e.outerHTML.slice(0, 100)).join(" ");
})()`

// looks is an expression that lists what is wrong with a page for readers who
// do not see it well: names missing, IDs twice, contrast too low.
const looks = `(() => {
  const out = [];
  const name = (e) => (e.getAttribute("aria-label") || e.textContent || e.title || "").trim();
  const say = (what, e) => out.push(what + ": " + e.outerHTML.slice(0, 120));
  if (document.querySelectorAll("h1").length !== 1) out.push("not exactly one h1");
  for (const e of document.querySelectorAll("a[href], button")) if (!name(e)) say("no name", e);
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!e.labels?.length && !e.getAttribute("aria-label")) say("no label", e);
  for (const e of document.querySelectorAll("svg")) if (!e.getAttribute("aria-hidden") && !e.getAttribute("aria-label")) say("no text alternative", e);
  const ids = new Set();
  for (const e of document.querySelectorAll("[id]")) ids.has(e.id) ? say("ID twice", e) : ids.add(e.id);
  for (const e of document.querySelectorAll("[aria-labelledby]")) if (!document.getElementById(e.getAttribute("aria-labelledby"))) say("label missing", e);
  const rgba = (s) => { const m = s.match(/[\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1] };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const lum = (c) => { const f = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2] };
  const ground = (e) => { const list = []; for (; e; e = e.parentElement) list.push(rgba(getComputedStyle(e).backgroundColor)); return list.reverse().reduce((b, a) => over(a, b), [255, 255, 255, 1]) };
  const fade = (e) => { let o = 1; for (; e; e = e.parentElement) o *= +getComputedStyle(e).opacity; return o };
  const seen = new Set();
  const walk = document.createTreeWalker(document.querySelector("body"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest("svg, .vh, script, option, select, .skip")) continue;
    const s = getComputedStyle(e), key = s.color + s.fontSize + s.fontWeight + e.className + e.parentElement.className;
    if (seen.has(key)) continue;
    seen.add(key);
    const bg = ground(e), c = rgba(s.color);
    c[3] *= fade(e);
    const a = lum(over(c, bg)), z = lum(bg), ratio = (Math.max(a, z) + 0.05) / (Math.min(a, z) + 0.05);
    const large = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.6 && +s.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) say("contrast " + ratio.toFixed(2), e);
  }
  return out.join("\n");
})()`

func TestBrowserWithoutScripts(t *testing.T) {
	f := newFleet(t)
	b := newBrowser(t, f)
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.must(err)
	b.open("/signatures")
	b.do(chromedp.SendKeys(chromedp.CSS(`.filters [name=q]`), "write_ro"))
	_, err = chromedp.RunResponse(b.ctx, chromedp.Click(chromedp.CSS(`.filters .apply`)))
	b.must(err)
	at, err := chromedp.Run(b.ctx, chromedp.Location())
	b.must(err)
	if u, err := url.Parse(at); err != nil || u.Query().Get("q") != "write_ro" {
		t.Errorf("the form led to %s", at)
	}
	rows, err := chromedp.Run(b.ctx, chromedp.Nodes(chromedp.CSSAll(`#results [data-row]`)))
	b.must(err)
	if len(rows) != 1 {
		t.Errorf("%d rows, want 1", len(rows))
	}
	b.open("/")
	b.do(chromedp.WaitVisible(chromedp.CSS("figure.chart svg.bars")))
	crash := f.crashOf("null-ptr-deref in null_in_thread")
	b.open("/crashes/" + crash)
	_, err = chromedp.RunResponse(b.ctx, chromedp.Click(chromedp.CSS(`.gap a`)))
	b.must(err)
	b.do(chromedp.WaitVisible(chromedp.CSS(`#L200`)))
}

// call runs a command that takes no parameters of ours.
func call[P, R any](ctx context.Context, cmd cdp.Command[P, R]) error {
	var none P
	_, err := chromedp.Call(ctx, cmd, none)
	return err
}
