package web

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"ringside/internal/record"
)

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-5 * time.Second:         "just now",
		-3 * time.Hour:           "3 h from now",
		0:                        "just now",
		59 * time.Second:         "just now",
		61 * time.Second:         "1 min ago",
		47 * time.Hour:           "47 h ago",
		49 * time.Hour:           "2 d ago",
		70 * 24 * time.Hour:      "2 months ago",
		3 * 365 * 24 * time.Hour: "3 years ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("ago(%v) = %q, want %q", d, got, want)
		}
	}
	when := today.Add(-3 * time.Hour)
	const want = `<time datetime="2026-11-20T09:00:00Z" title="2026-11-20 09:00:00 UTC">3 h ago</time>`
	for _, v := range []any{when, &when, when.In(time.FixedZone("", 3600))} {
		if got := string(agoHTML(today, v)); got != want {
			t.Errorf("agoHTML(%v) = %s, want %s", v, got, want)
		}
	}
	for _, v := range []any{time.Time{}, (*time.Time)(nil)} {
		if got := string(agoHTML(today, v)); !strings.Contains(got, "never") {
			t.Errorf("agoHTML(%v) = %s, want never", v, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "−1,000"} {
		if got := num(n); got != want {
			t.Errorf("num(%d) = %q, want %q", n, got, want)
		}
	}
	for f, want := range map[float64]string{0: "0", 0.001: "< 0.01", 1.234: "1.23", 12.34: "12.3", 1234.5: "1,235"} {
		if got := rate(f); got != want {
			t.Errorf("rate(%v) = %q, want %q", f, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1,023 B", 1536: "1.5 KiB", 5 << 30: "5.0 GiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	if got := count(int64(1), "crash", "crashes") + ", " + count(2, "crash", "crashes"); got != "1 crash, 2 crashes" {
		t.Errorf("count: %s", got)
	}
}

func TestPerson(t *testing.T) {
	for in, want := range map[string]mailbox{
		"Ada Lovelace <ada@example.org>": {"Ada Lovelace", "ada@example.org"},
		`"A. B." <ab@example.org>`:       {"A. B.", "ab@example.org"},
		"list@example.org":               {"list@example.org", "list@example.org"},
		"<only@example.org>":             {"only@example.org", "only@example.org"},
	} {
		if got := person(in); got != want {
			t.Errorf("person(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestChange(t *testing.T) {
	for _, c := range []struct {
		now, before int64
		note, tone  string
	}{
		{0, 0, "none in the window before either", ""},
		{5, 0, "none in the window before", ""},
		{5, 5, "as many as in the window before", ""},
		{150, 100, "+50 % against 100 before", "bad"},
		{50, 100, "−50 % against 100 before", "good"},
		{105, 100, "+5 % against 100 before", ""},
		{1000, 4, "4 in the window before", ""},
		{1000, 100, "100 in the window before", ""},
	} {
		if note, tone := change(c.now, c.before); note != c.note || tone != c.tone {
			t.Errorf("change(%d, %d) = %q %q, want %q %q", c.now, c.before, note, tone, c.note, c.tone)
		}
	}
}

func TestQuery(t *testing.T) {
	r := httptest.NewRequest("GET", "/signatures?q=+tcp&class=&state=new&offset=50&utm=x", nil)
	q, err := readQuery(r, "q", "class", "state", "offset", "sort", "reverse")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ got, want string }{
		{q.with(), "/signatures?q=tcp&state=new"},
		{q.with("q", ""), "/signatures?state=new"},
		{q.with("state", "open"), "/signatures?q=tcp&state=open"},
		{q.with("offset", "100"), "/signatures?offset=100&q=tcp&state=new"},
		{query{"/x", url.Values{}}.with("a", ""), "/x"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
	if n, err := q.number("offset"); n != 50 || err != nil {
		t.Errorf("offset = %d, %v", n, err)
	}
	if _, err := readQuery(httptest.NewRequest("GET", "/?q="+strings.Repeat("a", maxQuery+1), nil), "q"); err == nil {
		t.Error("a text of 513 characters was taken")
	}
}

func TestColumn(t *testing.T) {
	on := func(raw string) query {
		v, _ := url.ParseQuery(raw)
		return query{"/s", v}
	}
	for _, c := range []struct {
		query      string
		sort       string
		reversible bool
		url, order string
	}{
		{"", "count", true, "/s?sort=count", ""},
		{"sort=count", "count", true, "/s?reverse=1&sort=count", "descending"},
		{"sort=count&reverse=1", "count", true, "/s?sort=count", "ascending"},
		{"", "last_seen", true, "/s?reverse=1", "descending"}, // the order a list has by itself
		{"sort=count", "last_seen", true, "/s", ""},
		{"sort=count&reverse=1", "hosts", true, "/s?sort=hosts", ""},
		{"sort=count", "count", false, "/s?sort=count", "descending"},
	} {
		got := on(c.query).column("X", "", c.sort, "last_seen", c.reversible)
		if got.URL != c.url || got.Order != c.order {
			t.Errorf("%s, column %s: %q %q, want %q %q", c.query, c.sort, got.URL, got.Order, c.url, c.order)
		}
	}
}

func TestPager(t *testing.T) {
	q := query{"/s", url.Values{"q": {"a"}}}
	for _, c := range []struct {
		offset, shown int
		total         int64
		want          pager
	}{
		{0, 0, 0, pager{0, 0, 0, "", ""}},
		{0, 50, 120, pager{1, 50, 120, "", "/s?offset=50&q=a"}},
		{50, 50, 120, pager{51, 100, 120, "/s?q=a", "/s?offset=100&q=a"}},
		{100, 20, 120, pager{101, 120, 120, "/s?offset=50&q=a", ""}},
	} {
		if got := q.pager(c.offset, c.shown, 50, c.total); got != c.want {
			t.Errorf("pager(%d, %d, %d) = %+v, want %+v", c.offset, c.shown, c.total, got, c.want)
		}
	}
}

func TestSince(t *testing.T) {
	for in, want := range map[string]time.Time{"": {}, "7d": today.AddDate(0, 0, -7), "2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)} {
		if got, err := since(today, in); err != nil || !got.Equal(want) {
			t.Errorf("since(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	if _, err := since(today, "yesterday"); err == nil || !strings.Contains(err.Error(), "2006-01-02") {
		t.Errorf("since(yesterday): %v, want an error that says what can be written", err)
	}
}

func TestCharts(t *testing.T) {
	trend := func(n ...int64) record.Trend { return record.Trend{FirstDay: "2026-11-01", Counts: n} }
	s := string(sparkline(trend(0, 1, 4, 0, 0, 0, 0, 0, 2)))
	if !strings.Contains(s, `aria-label="7 crashes in 9 days, at most 4 a day"`) || !strings.Contains(s, `class="old" d="M4 23`) || !strings.Contains(s, `class="recent" d="M8 23v-22`) {
		t.Errorf("sparkline: %s", s)
	}
	if s := sparkline(record.Trend{}); s != "" {
		t.Errorf("sparkline of nothing: %s", s)
	}
	c := classChart([]record.ClassTrend{{Class: "fault", Trend: trend(1, 3)}, {Class: `"><x`, Trend: trend(0, 2)}})
	if c.Summary != "6 crashes in 2 days, most on 2026-11-02 (5)" {
		t.Errorf("summary %q", c.Summary)
	}
	if c.Series[0].Total != 4 || c.Series[1].Total != 2 || c.Days[1].Total != 5 {
		t.Errorf("totals %+v %+v", c.Series, c.Days)
	}
	if got := string(c.SVG); strings.Count(got, "<rect") != 3 || strings.Contains(got, "<x") || !strings.Contains(got, "tone-unknown") {
		t.Errorf("drawing %s", got)
	}
	var kernels []record.KernelTrend
	for i := range 9 {
		kernels = append(kernels, record.KernelTrend{Kernel: &record.KernelRef{ID: "k", Release: "6." + string(rune('0'+i))}, Trend: trend(1, 1)})
	}
	k := kernelChart(kernels)
	if n := len(k.Series); n != chartColors+1 || k.Series[n-1].Label != "others" || k.Series[n-1].Total != 6 {
		t.Errorf("kernels beyond the colours: %+v", k.Series)
	}
	for most, want := range map[int64]int64{0: 1, 5: 1, 6: 2, 10: 2, 11: 5, 90: 20, 1000: 200} {
		if got := axisStep(most); got != want {
			t.Errorf("axisStep(%d) = %d, want %d", most, got, want)
		}
	}
}
