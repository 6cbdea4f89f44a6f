package web

import (
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"ringside/crash"
	"ringside/internal/record"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// wants checks that a page holds some texts, or with "!" in front does not.
func wants(t *testing.T, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if rest, not := strings.CutPrefix(text, "!"); not {
			if strings.Contains(body, rest) {
				t.Errorf("the page holds %q", rest)
			}
		} else if !strings.Contains(body, text) {
			t.Errorf("the page does not hold %q", text)
		}
	}
}

func TestPages(t *testing.T) {
	f := newFleet(t, func(c *Config) { c.Demo = true })
	null := f.crashOf("null-ptr-deref in null_in_thread")
	stall := f.crashOf("rcu-stall in rcustall")
	write := f.signature("page-fault in lkdtm_WRITE_RO")
	for _, c := range []struct {
		path   string
		status int
		texts  []string
	}{
		{"/", 200, []string{"Demo data.", "regressed", "was resolved and came back 30 min ago", "rising", "6.1.0-56-amd64", "Crashes per day by class", `class="spark"`,
			"page-fault in lkdtm_WRITE_RO [lkdtm]", "per 1,000 host-days", `href="/crashes/` + null + `"`, "12 known", "nothing waits"}},
		{"/?days=7", 200, []string{`<a href="/?days=7" aria-current="true">7 days</a>`}},
		{"/?days=0", 200, nil},
		{"/?days=4000", 400, []string{"That cannot be asked for", "1 to 365 days"}},
		{"/?days=x", 400, []string{"it is a number from 0 up"}},
		{"/signatures", 200, []string{"1–", "LAB &lt;CRASH&gt;", `aria-sort="descending"`, "<option value=\"6.1.0-55-amd64\"", `href="/signatures?reverse=1"`}},
		{"/signatures?q=WRITE_RO", 200, []string{"lkdtm_WRITE_RO", "!null_in_thread", `value="WRITE_RO"`, "1–1 of 1", `href="/signatures" aria-label="Remove the filter q WRITE_RO"`}},
		{"/signatures?state=regressed", 200, []string{"scheduling while atomic", "!lkdtm_WRITE_RO", `name="state" value="regressed"`}},
		{"/signatures?class=fault&sort=hosts&reverse=1", 200, []string{`aria-sort="ascending"`, "!scheduling while atomic"}},
		{"/signatures?owner=-", 200, []string{"!lkdtm_WRITE_RO"}},
		{"/signatures?q=nosuchthing", 200, []string{"No signature fits", "Show all signatures"}},
		{"/signatures?offset=50", 200, []string{"No signature fits"}},
		{"/signatures?sort=colour", 400, []string{"last_seen, first_seen, count, hosts or trend"}},
		{"/signatures?since=soon", 400, []string{"2006-01-02"}},
		{"/signatures/" + write, 200, []string{"Why grouped", "portable", "exact", "family", "ringside-", "guilty", "Exemplars", "Similar", "Crashes per day by kernel",
			"LINUX KERNEL DUMP TEST MODULE (LKDTM)", "FILESYSTEMS (VFS and infrastructure)", "web00", "6.1.0-55-amd64", `value="resolved"`, "Nobody has said anything yet"}},
		{"/signatures/" + f.signature("scheduling while atomic"), 200, []string{"fixed by dropping the lock", "ada", "it was resolved and came back", "Ringside"}},
		{"/signatures/01H00000000000000000000000", 404, []string{"Not in the record"}},
		{"/crashes", 200, []string{"null-ptr-deref in null_in_thread", "web04", `data-row`}},
		{"/crashes?host=web04", 200, []string{"web04", "!web05", "Remove the filter host web04"}},
		{"/crashes?signature=" + write, 200, []string{"!null_in_thread", "page-fault in lkdtm_WRITE_RO [lkdtm]"}},
		{"/crashes?class=locking", 200, []string{"scheduling while atomic", "!lkdtm_WRITE_RO"}},
		{"/crashes?kernel=5.10", 200, []string{"No crash fits"}},
		{"/crashes?cursor=x", 400, []string{"use the next of the page before"}},
		{"/crashes/" + null, 200, []string{"BUG: kernel NULL pointer dereference", "What it means", "offset 0x18", "Registers", "null_in_thread+0x5/0x20", "labcrash", `id="L364"`,
			"out-of-tree-module", `class="ev`, "line 364, rule ", "lines not shown", "Raw log", "!Course of events"}},
		{"/crashes/" + stall, 200, []string{"Course of events", "followed from 1", "again at", "primary"}},
		{"/crashes/" + stall + "?report=2", 200, []string{`aria-current="true"`, "soft-lockup"}},
		{"/crashes/" + stall + "?report=99", 404, []string{"Not in the record"}},
		{"/crashes/" + stall + "?report=x", 400, []string{"index of a report"}},
		{"/crashes/" + null + "?log=2-20", 200, []string{`id="L2"`, `id="L20"`, `id="L364"`}},
		{"/crashes/" + null + "?log=20-2", 400, []string{"120-300"}},
		{"/crashes/01H00000000000000000000000", 404, []string{"Not in the record"}},
		{"/kernels", 200, []string{"6.1.0-55-amd64", "6.1.0-56-amd64", "Compare", "11 <span", "new</span>"}},
		{"/kernels?q=6.12", 200, []string{"6.12.113", `1–1 of 1`}},
		{"/kernels?q=nosuch", 200, []string{"No kernel fits"}},
		{"/kernels/6.1.0-56-amd64", 200, []string{"First seen on this kernel", "per 1,000 host-days", "null-ptr-deref in null_in_thread", "web00"}},
		{"/kernels/compare", 200, []string{"Choose two kernels"}},
		{"/kernels/compare?a=6.1.0-55-amd64&b=6.1.0-56-amd64", 200, []string{"Only on B", "null-ptr-deref in null_in_thread", "On both", "page-fault in lkdtm_WRITE_RO", "Nothing that B does not have", "Swap"}},
		{"/kernels/compare?a=6.1.0-55-amd64&b=nosuch", 404, nil},
		{"/hosts", 200, []string{"web00", "db", `aria-sort`}},
		{"/hosts?group=db", 200, []string{"web09", "!web01"}},
		{"/hosts?q=nosuch", 200, []string{"No host fits"}},
		{"/hosts/web03", 200, []string{"What it ran", "6.1.0-55-amd64", "scheduling while atomic", "QEMU"}},
		{"/hosts/nosuch", 404, []string{"Not in the record"}},
		{"/admin/jobs", 200, []string{"Everything that arrived is analysed"}},
		{"/admin/jobs?state=done", 200, []string{"analyse", "done"}},
		{"/admin/jobs?state=lost", 400, []string{"it is one of"}},
		{"/docs/", 200, []string{"<h1 id=\"welcome\">Welcome</h1>", `href="push#top"`, "!<script>alert", "!javascript:alert", "Pushing logs"}},
		{"/docs/push", 200, []string{"<table>", "Pushing logs · Ringside"}},
		{"/docs/push.md", 200, []string{"<table>"}},
		{"/docs/schemas/a.json", 200, []string{"{}"}},
		{"/docs/../web.go", 307, nil},
		{"/docs/nosuch", 404, nil},
		{"/nosuch", 404, []string{"There is no such page"}},
	} {
		t.Run(c.path, func(t *testing.T) {
			w := f.get(c.path)
			if w.Code != c.status {
				t.Fatalf("status %d, want %d\n%s", w.Code, c.status, f.log)
			}
			if got := w.Header().Get("Content-Security-Policy"); got != policy {
				t.Errorf("policy %q", got)
			}
			wants(t, w.Body.String(), c.texts...)
			checkMarkup(t, w.Body.String())
		})
	}
	if f.log.Len() > 0 {
		t.Errorf("the log should be empty:\n%s", f.log)
	}
}

var (
	inlineStyle = regexp.MustCompile(`<[^>]*\sstyle\s*=`)
	inlineEvent = regexp.MustCompile(`<[^>]*\son[a-z]+\s*=`)
	bareScript  = regexp.MustCompile(`<script(>|[^>]*[^"]>\s*[^<\s])`)
	address     = regexp.MustCompile(`(?:href|src|action|hx-get)="([^"]*)"`)
	zeroURL     = regexp.MustCompile(`<(link|script|img|a class)[^>]* (?:href|src)=""`)
)

// checkMarkup holds a page against the promises of its policy.
func checkMarkup(t *testing.T, body string) {
	t.Helper()
	for name, re := range map[string]*regexp.Regexp{"inline style": inlineStyle, "inline event handler": inlineEvent, "inline script": bareScript, "empty address": zeroURL} {
		if m := re.FindString(body); m != "" {
			t.Errorf("%s: %s", name, m)
		}
	}
	for _, m := range address.FindAllStringSubmatch(body, -1) {
		if u, err := url.Parse(m[1]); err != nil || u.Host != "" || u.Scheme != "" {
			t.Errorf("an address that is not here: %s", m[1])
		}
	}
}

func TestEmptyPagesTeach(t *testing.T) {
	f := emptyFleet(t)
	for _, path := range []string{"/", "/signatures", "/crashes", "/kernels", "/hosts"} {
		w := f.get(path)
		if w.Code != 200 {
			t.Fatalf("%s: status %d", path, w.Code)
		}
		wants(t, w.Body.String(), "ringside push", "curl --data-binary", "http://example.com/api/v1/artefacts?host=NAME", "--server http://example.com ", "!Demo data.")
	}
}

// TestLinks follows every link of every page, once.
func TestLinks(t *testing.T) {
	f := newFleet(t)
	seen := map[string]bool{}
	queue := []string{"/"}
	for len(queue) > 0 && len(seen) < 1500 {
		at := queue[0]
		queue = queue[1:]
		w := f.get(at)
		if w.Code != 200 {
			t.Errorf("%s: status %d", at, w.Code)
			continue
		}
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		base, _ := url.Parse(at)
		for _, m := range address.FindAllStringSubmatch(w.Body.String(), -1) {
			u, err := base.Parse(strings.ReplaceAll(m[1], "&amp;", "&"))
			if err != nil {
				t.Errorf("%s: address %q: %v", at, m[1], err)
				continue
			}
			u.Fragment = ""
			to := u.String()
			// Filters multiply without end; one step from a page without one is enough.
			if seen[to] || strings.HasPrefix(to, "/api") || u.RawQuery != "" && base.RawQuery != "" {
				continue
			}
			seen[to] = true
			queue = append(queue, to)
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d links were found", len(seen))
	}
}

func TestHostileLog(t *testing.T) {
	f := emptyFleet(t)
	const evil = `<script>alert(1)</script>`
	text := strings.ReplaceAll(string(testLog(t, "crash-mod-null")), "Comm: lab-null", `Comm: <img src=x onerror=alert(2)>`)
	text = strings.ReplaceAll(text, "labcrash mode=null", "labcrash mode=null "+evil+" \x1b]0;owned\x07 \u202egnp.exe \xff\xfe")
	text = strings.ReplaceAll(text, "BUG: kernel NULL pointer dereference, address: 0000000000000018",
		`BUG: kernel NULL pointer dereference, address: 0000000000000018 "><svg onload=alert(3)>`)
	text = strings.ReplaceAll(text, "Hardware name: QEMU", `Hardware name: </dd><script src="https://evil.example/x.js"></script> QEMU`)
	id := f.sendText("web00", `"><b>.log`, []byte(text), today)
	if id == "" {
		t.Fatal("no crash was found")
	}
	w := f.get("/crashes/" + id)
	wants(t, w.Body.String(), `&lt;script&gt;alert(1)&lt;/script&gt;`, `<i class="ctl">^[</i>`, `<i class="ctl">U+202E</i>`, `<i class="ctl">\xff</i>`,
		"!<script>alert", "!<img", "!<svg onload", "!https://evil.example/x.js\"></script>", "!<b>.log")
	for _, path := range []string{"/", "/crashes", "/crashes/" + id, "/signatures", "/hosts/web00", "/kernels/6.1.0-56-amd64", "/signatures/" + f.signature("null_in_thread")} {
		checkMarkup(t, f.get(path).Body.String())
	}
	if w := f.get("/crashes/" + id + "/log.txt"); !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Body.String(), evil) {
		t.Errorf("text: %v", w.Header())
	}
	raw := f.get("/crashes/" + id + "/raw")
	if d := raw.Header().Get("Content-Disposition"); !strings.HasPrefix(d, "attachment") || raw.Body.String() != text {
		t.Errorf("raw: disposition %q, %d bytes, want an attachment of %d", d, raw.Body.Len(), len(text))
	}
}

func TestChangeSignature(t *testing.T) {
	f := newFleet(t)
	id := f.signature("lkdtm_WRITE_RO")
	state := func() *record.SignatureDetail {
		d, err := f.svc.Signature(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	w := f.post("/signatures/"+id, "state=resolved&resolved_in=6.1.0-57-amd64&assignee=grace&note=+patched+&by=Ada+L.")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/signatures/"+id+"#activity" {
		t.Fatalf("status %d, location %q", w.Code, w.Header().Get("Location"))
	}
	if d := state(); d.State != record.StateResolved || d.ResolvedIn != "6.1.0-57-amd64" || d.Assignee != "grace" || d.Activity[len(d.Activity)-1].By != "Ada L." {
		t.Errorf("after the change: %s in %q, assigned to %q, %+v", d.State, d.ResolvedIn, d.Assignee, d.Activity)
	}
	c := w.Result().Cookies()
	if len(c) != 1 || c[0].Name != byCookie || !c[0].HttpOnly {
		t.Fatalf("cookies %v", c)
	}
	r := httptest.NewRequest(http.MethodGet, "/signatures/"+id, nil)
	r.AddCookie(c[0])
	wants(t, f.do(r).Body.String(), `name="by" value="Ada L."`, "patched", "grace")

	f.post("/signatures/"+id, "state=muted&muted_for=7d&by=Ada")
	if d := state(); d.State != record.StateMuted || d.MutedUntil == nil || !d.MutedUntil.Equal(today.AddDate(0, 0, 7)) || d.Assignee != "grace" {
		t.Errorf("muted: %s until %v, assigned to %q", d.State, d.MutedUntil, d.Assignee)
	}
	before := len(state().Activity)
	if w := f.post("/signatures/"+id, "state=keep&assignee=grace&note=+"); w.Code != http.StatusSeeOther || len(state().Activity) != before {
		t.Errorf("nothing changed: status %d, %d activities, had %d", w.Code, len(state().Activity), before)
	}
	w = f.post("/signatures/"+id, "state=new&note=do+not+lose+this")
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("state new: status %d", w.Code)
	}
	wants(t, w.Body.String(), "the record sets it by itself", "do not lose this")
	if w := f.post("/signatures/nosuch", "state=open"); w.Code != http.StatusNotFound {
		t.Errorf("unknown signature: status %d", w.Code)
	}
	if w := f.post("/signatures/"+id, "note="+strings.Repeat("x", maxForm)); w.Code != http.StatusBadRequest {
		t.Errorf("huge form: status %d", w.Code)
	}
}

func TestChangesAreGuarded(t *testing.T) {
	f := newFleet(t)
	id := f.signature("lkdtm_WRITE_RO")
	for _, site := range []string{"cross-site", "same-site"} {
		r := httptest.NewRequest(http.MethodPost, "/signatures/"+id, strings.NewReader("state=resolved"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		if w := f.do(r); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "another site") {
			t.Errorf("%s: status %d", site, w.Code)
		}
	}
	ro := newFleet(t, func(c *Config) { c.MayChange = func(*http.Request) bool { return false } })
	id = ro.signature("lkdtm_WRITE_RO")
	wants(t, ro.get("/signatures/"+id).Body.String(), "only through its API", "!<form class=\"decide\"")
	for _, path := range []string{"/signatures/" + id, "/admin/jobs/1/retry"} {
		if w := ro.post(path, "state=resolved"); w.Code != http.StatusForbidden {
			t.Errorf("%s without the right: status %d", path, w.Code)
		}
	}
	if d, err := ro.svc.Signature(t.Context(), id); err != nil || d.State != record.StateNew {
		t.Errorf("state %v, %v: want it as it was", d.State, err)
	}
}

func TestGaps(t *testing.T) {
	f := emptyFleet(t)
	noise := strings.Repeat("[    1.000000] systemd[1]: Started a service.\n", 1000)
	id := f.sendText("web00", "big.log", []byte(noise+string(testLog(t, "crash-mod-null"))+noise), today)
	body := f.get("/crashes/" + id).Body.String()
	wants(t, body, "lines not shown", "the log goes on", `id="L1364"`, "!id=\"L900\"", "!id=\"L1900\"", "show the 200 before line", "show the next 200")
	part := regexp.MustCompile(`hx-get="(/crashes/[^"]*)"`).FindAllStringSubmatch(body, -1)
	if len(part) != 2 {
		t.Fatalf("%d links to what is not shown, want 2: %v", len(part), part)
	}
	up := f.get(strings.ReplaceAll(part[0][1], "&amp;", "&")).Body.String()
	wants(t, up, "lines not shown", "!<html", `class="ln"`)
	if n := strings.Count(up, `class="ln"`); n != 200 {
		t.Errorf("%d lines, want 200", n)
	}
	down := f.get(strings.ReplaceAll(part[1][1], "&amp;", "&")).Body.String()
	wants(t, down, "the log goes on")
	if n := strings.Count(down, `class="ln"`); n != 200 {
		t.Errorf("%d lines, want 200", n)
	}
	// To the very end, step by step, each line once.
	lines := 0
	for at := part[1][1]; ; lines += 200 {
		b := f.get(strings.ReplaceAll(at, "&amp;", "&")).Body.String()
		m := regexp.MustCompile(`hx-get="(/crashes/[^"]*)"`).FindStringSubmatch(b)
		if m == nil {
			lines += strings.Count(b, `class="ln"`)
			break
		}
		at = m[1]
	}
	if lines < 980 || lines > 1000 {
		t.Errorf("%d lines followed, want the 1000 of the noise less the surroundings", lines)
	}
	for _, bad := range []string{"", "?first=1&last=5&gap=x", "?first=9&last=5&gap=1-9", "?first=0&last=5&gap=1-9"} {
		if w := f.get("/crashes/" + id + "/lines" + bad); w.Code != http.StatusBadRequest {
			t.Errorf("%q: status %d, want 400", bad, w.Code)
		}
	}
}

// TestFarReports selects the last of many reports that are far from each
// other: its lines are shown whatever has to be left out.
func TestFarReports(t *testing.T) {
	f := emptyFleet(t)
	const apart = 6000
	var b strings.Builder
	b.WriteString("[    0.000000] Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org)\n")
	for i := range 7 {
		b.WriteString(strings.Repeat(fmt.Sprintf("[  %d.000000] systemd[1]: Started a service.\n", 100+i), apart))
		fmt.Fprintf(&b, "[  %d.000000] WARNING: CPU: 1 PID: %d at fs/far%d.c:12 far_call_%d+0x12/0x20 [far]\n", 100+i, 100+i, i, i)
		fmt.Fprintf(&b, "[  %d.000001] RIP: 0010:far_call_%d+0x12/0x20 [far]\n[  %d.000002] Call Trace:\n[  %d.000003]  <TASK>\n[  %d.000004]  do_syscall_64+0x55/0xb0\n[  %d.000005]  </TASK>\n[  %d.000006] ---[ end trace 0000000000000000 ]---\n",
			100+i, i, 100+i, 100+i, 100+i, 100+i, 100+i)
	}
	id := f.sendText("web00", "far.log", []byte(b.String()), today)
	c, err := f.svc.Crash(t.Context(), id)
	if err != nil || len(c.Chain) != 7 {
		t.Fatalf("%d reports, %v, want 7", len(c.Chain), err)
	}
	for _, r := range []int{0, 3, 6} {
		body := f.get(fmt.Sprintf("/crashes/%s?report=%d", id, r)).Body.String()
		line := c.Document.Reports[r].Lines.First
		wants(t, body, fmt.Sprintf(`id="L%d"`, line), fmt.Sprintf("far_call_%d+0x12/0x20", r), "lines not shown")
		if n := strings.Count(body, `class="ln`); n > maxShown {
			t.Errorf("report %d: %d lines on the page", r, n)
		}
	}
}

// TestFactsGolden writes down every fact of a report with the bytes it was
// read from, so that a wrong span is there to see.
func TestFactsGolden(t *testing.T) {
	text := testLog(t, "crash-mod-null")
	doc, err := crash.Parse(t.Context(), strings.NewReader(string(text)), crash.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sheet := readFacts(doc, &doc.Reports[*doc.Primary])
	var b strings.Builder
	line := func(indent, label, value string, s source) {
		fmt.Fprintf(&b, "%s%s: %s", indent, label, value)
		for id := range strings.FieldsSeq(s.Marks) {
			for _, m := range sheet.marks {
				if m.id == id {
					fmt.Fprintf(&b, "  <- %q (line %d, %s)", text[m.start:m.end], s.Line, s.Rule)
				}
			}
		}
		b.WriteByte('\n')
	}
	for _, g := range sheet.Groups {
		b.WriteString(g.Name + "\n")
		for _, f := range g.Facts {
			line("  ", f.Label, f.Value, f.source)
		}
	}
	b.WriteString("Stack\n")
	for _, f := range sheet.Stack.Frames {
		line("  ", "frame", f.Function, f.source)
	}
	b.WriteString("Registers\n")
	for _, f := range sheet.Registers {
		line("  ", f.Label, f.Value, f.source)
	}
	for _, f := range sheet.Also {
		line("", "also", f.Label, f.source)
	}
	const golden = "testdata/facts.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("differs from %s; look, then run with -update:\n%s", golden, b.String())
	}
}

func TestAssets(t *testing.T) {
	f := emptyFleet(t)
	body := f.get("/signatures/x").Body.String() // an error page has the layout too
	m := regexp.MustCompile(`href="(/assets/app\.[0-9a-f]{10}\.css)"`).FindStringSubmatch(body)
	if m == nil {
		t.Fatal("the layout names no style sheet")
	}
	w := f.get(m[1])
	if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%s: %d %v", m[1], w.Code, w.Header())
	}
	r := httptest.NewRequest(http.MethodGet, m[1], nil)
	r.Header.Set("Accept-Encoding", "br, gzip;q=0.8")
	z := f.do(r)
	gz, err := gzip.NewReader(z.Body)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(gz)
	if err != nil || string(plain) != w.Body.String() {
		t.Errorf("compressed: %d bytes, %v, want %d", len(plain), err, w.Body.Len())
	}
	for _, path := range []string{"/assets/app.css", "/assets/app.0000000000.css", "/assets/vendor/README.md", "/assets/../web.go"} {
		if w := f.get(path); w.Code == 200 {
			t.Errorf("%s was served", path)
		}
	}
}

// failing is a record whose every answer is an error.
type failing struct{ Record }

func (failing) Overview(_ context.Context, _ record.OverviewQuery) (*record.Overview, error) {
	return nil, errors.New("database is gone: password=hunter2")
}

func (failing) Signatures(_ context.Context, _ record.SignatureFilter) (*record.SignaturePage, error) {
	panic("a bug")
}

func TestFailuresAreLoggedNotShown(t *testing.T) {
	f := emptyFleet(t, func(c *Config) { c.Service = failing{c.Service} })
	for path, logged := range map[string]string{"/": "database is gone", "/signatures": "a bug"} {
		f.log.Reset()
		w := f.get(path)
		if w.Code != 500 {
			t.Errorf("%s: status %d", path, w.Code)
		}
		wants(t, w.Body.String(), "That is our failure", "!hunter2", "!a bug")
		id := regexp.MustCompile(`Request <code>([A-Z0-9]+)</code>`).FindStringSubmatch(w.Body.String())
		if id == nil || !strings.Contains(f.log.String(), id[1]) || !strings.Contains(f.log.String(), logged) {
			t.Errorf("%s: page names %v, log says %s", path, id, f.log)
		}
	}
}

func TestNewNeedsARecord(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("a UI without a record was made")
	}
}
