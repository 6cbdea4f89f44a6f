package web

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ringside/internal/record"
)

// stackFleet is a fleet with one stack: three patches now, four a month ago.
func stackFleet(t *testing.T) *fleet {
	t.Helper()
	f := fleetOf(t, func(*record.Config) {})
	report := func(version string, size int) string {
		return fmt.Sprintf(`{"schema":"https://ringside.dev/schemas/patch-stack.v1.json","stack":"vendor-6.1","tree":"linux-6.6","tree_version":%q,"problems":[],"patches":[
{"file":"0001-drop.patch","subject":"net: <fix> a leak","origin":"unsaid","paths":[],"added":2,"removed":1,"apply":"fail","apply_why":"net/a.c:3 is another line","upstream":{"state":"upstream","release":"v6.5","relation":"equal","evidence":["100 %% of what it adds is in its files"]},"advice":{"do":"drop","why":"the tree has it, upstream since v6.5"}},
{"file":"0002-repair.patch","subject":"mm: fix","author":"Ada","origin":"upstream","paths":[],"added":2,"removed":1,"apply":"clean","upstream":{"state":"not_upstream","evidence":[]},"missing":[{"commit":"0123456789abcdef0123456789abcdef01234567","subject":"mm: it was not enough","fixes":"x"}],"advice":{"do":"repair","why":"it lacks 1 later fix(es)"}},
{"file":"0003-keep.patch","origin":"downstream","paths":[],"added":20,"removed":0,"apply":"clean","upstream":{"state":"not_upstream","evidence":[]},"advice":{"do":"keep","why":"it says that it is not for upstream"}}],
"totals":{"patches":%d,"size":%d,"lines":26,"files":3,"upstream":1,"not_upstream":2,"missing_fixes":1,"clean":2,"fail":1,"never_sent":1},"by_advice":{"drop":1,"repair":1,"keep":1}}`, version, size+1, size)
	}
	for _, x := range []struct {
		version string
		size    int
		days    int
	}{{"6.6.1", 4, -35}, {"6.6.2", 2, -1}} {
		if _, err := f.svc.Intake(t.Context(), strings.NewReader(report(x.version, x.size)), record.Meta{ReceivedAt: f.now.AddDate(0, 0, x.days)}); err != nil {
			t.Fatal(err)
		}
		f.drain()
	}
	for _, text := range []string{
		`{"schema":"https://ringside.dev/schemas/patch-reviews.v1.json","name":"forge <1>","reviews":[],"totals":{"reviews":9,"merged":3,"abandoned":1,"open":5,"acceptance":0.75,"median_rounds":2.5,"median_days":4.5,"reviewers":[]}}`,
		`{"schema":"https://ringside.dev/schemas/patch-contributions.v1.json","name":"us in linux","commits":100,"share":0.25,"total":{"authored":25},"releases":[],"people":[]}`,
		`{"schema":"https://ringside.dev/schemas/patch-rebase-plan.v1.json","name":"vendor <2> to 6.12","stack":"s","from":"linux-6.6","to":"linux-6.12","drop":3,"keep":90,"adapt":4,"conflict":2,"minutes":150,"broken":0,"steps":[],"packages":[]}`,
	} {
		if _, err := f.svc.Intake(t.Context(), strings.NewReader(text), record.Meta{ReceivedAt: f.now}); err != nil {
			t.Fatal(err)
		}
	}
	f.drain()
	return f
}

func TestStackPages(t *testing.T) {
	wants(t, emptyFleet(t).get("/stacks").Body.String(), "No stack here", "ringside patch stack debian/patches")
	f := stackFleet(t)
	p, err := f.svc.PatchStack(t.Context(), "vendor-6.1")
	if err != nil {
		t.Fatal(err)
	}
	page := "/stacks/" + p.ID
	for _, tt := range []struct {
		path string
		code int
		text []string
	}{
		{"/stacks", 200, []string{"vendor-6.1", `href="` + page + `"`, "linux-6.6 6.6.2", "2 patches to carry on in 1 stack", "forge &lt;1&gt;", "75 %", "2.5", "us in linux", "25 % of 100 commits", "vendor &lt;2&gt; to 6.12", "linux-6.6 → linux-6.12", "<b>9</b>", "0 days so far", "!Upgrade cycle time"}},
		{page, 200, []string{"net: &lt;fix&gt; a leak", "0003-keep.patch", "2 patches to carry, 4 30 days ago", "2 clean, 0 with fuzz, 1 fail", "mm: it was not enough", "net/a.c:3 is another line"}},
		{page + "?advice=drop", 200, []string{"net: &lt;fix&gt; a leak", "!0003-keep.patch"}},
		{page + "?state=not_upstream&q=ADA", 200, []string{"0002-repair.patch", "!0003-keep.patch"}},
		{page + "?q=nothing", 200, []string{"Nothing fits"}},
		{page + "?offset=-1", 400, nil},
		{"/stacks/nothing", 404, nil},
	} {
		r := f.get(tt.path)
		if r.Code != tt.code {
			t.Errorf("%s: %d", tt.path, r.Code)
		}
		wants(t, r.Body.String(), tt.text...)
		if r.Code == 200 {
			checkMarkup(t, r.Body.String())
		}
	}
}

// A reader finds the stack, filters by what is to be done, and looks at the evidence.
func TestStackInBrowser(t *testing.T) {
	f := stackFleet(t)
	b := newBrowser(t, f)
	b.open("/stacks")
	b.key("j")
	b.key("\r")
	b.wait(`document.querySelector("h1")?.textContent === "vendor-6.1"`)
	b.do(chromedp.Click(chromedp.CSS(`.states a[href*="advice=repair"]`)))
	b.wait(`document.querySelectorAll("#results tbody tr").length === 1`)
	b.is(`String(document.querySelector("#results details").open)`, "false")
	b.do(chromedp.Click(chromedp.CSS(`#results summary`)))
	b.wait(`document.querySelector("#results details").open`)
	b.is(`String(document.querySelector("#results details").textContent.includes("mm: it was not enough"))`, "true")
}
