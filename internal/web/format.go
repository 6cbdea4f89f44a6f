package web

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"ringside/internal/record"
)

// parseTemplates parses each page with the layout and the shared parts.
func (s *site) parseTemplates() (map[string]*template.Template, error) {
	shared, err := template.New("").Funcs(s.funcs()).ParseFS(templateFiles, "templates/layout.html", "templates/part_*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the shared templates: %w", err)
	}
	pages := map[string]*template.Template{}
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	for _, e := range names {
		page := strings.TrimSuffix(e.Name(), ".html")
		if page == "layout" || strings.HasPrefix(page, "part_") {
			continue
		}
		t, err := shared.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, "templates/"+e.Name())
		}
		if err != nil {
			return nil, fmt.Errorf("parse the template of %s: %w", page, err)
		}
		pages[page] = t
	}
	return pages, nil
}

func (s *site) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":    s.assets.url,
		"ago":      func(t any) template.HTML { return agoHTML(s.now(), t) },
		"stamp":    stamp,
		"day":      func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
		"num":      func(n any) string { return num(integer(n)) },
		"rate":     rate,
		"size":     size,
		"count":    count,
		"short":    short,
		"spark":    func(t record.Trend) template.HTML { return sparkline(t) },
		"hours":    hours,
		"percent":  func(f float64) string { return strconv.Itoa(int(math.Round(f*100))) + " %" },
		"permille": func(f float64) string { return strconv.FormatFloat(100*f, 'f', 1, 64) + " %" },
		"points":   func(f float64) string { return fmt.Sprintf("%+.2f", 100*f) },
		"nanos":    nanos,
		"base":     path.Base,
		"seconds":  func(t *float64) string { return strconv.FormatFloat(*t, 'f', 3, 64) + " s" },
		"span":     span,
		"ref":      func(f float64) *float64 { return &f },
		"person":   person,
		"color":    classColor,
		"severity": severityTone,
		"verdict":  verdictTone,
		"testtone": testTone,
		"ticks":    testTicks,
		"sum":      func(a, b int64) int64 { return a + b },
		"score":    func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) },
	}
}

// agoHTML writes how long ago something was, with the exact time where a
// reader or a script looks for it. It takes a time.Time or a *time.Time.
func agoHTML(now time.Time, v any) template.HTML {
	var t time.Time
	switch v := v.(type) {
	case time.Time:
		t = v
	case *time.Time:
		if v != nil {
			t = *v
		}
	}
	if t.IsZero() {
		return `<span class="dim">never</span>`
	}
	t = t.UTC()
	// Nothing below comes from outside: digits, letters and punctuation of ours.
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`,
		t.Format(time.RFC3339), stamp(t), ago(now.Sub(t))))
}

// stamp writes a time in full.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// ago writes a duration in its one unit that says enough.
func ago(d time.Duration) string {
	suffix := " ago"
	if d < 0 {
		if d > -time.Minute {
			return "just now" // two clocks that disagree a little
		}
		d, suffix = -d, " from now"
	}
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min" + suffix
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h" + suffix
	case d < 60*24*time.Hour:
		return strconv.Itoa(int(d/(24*time.Hour))) + " d" + suffix
	case d < 2*365*24*time.Hour:
		return strconv.Itoa(int(d/(30*24*time.Hour))) + " months" + suffix
	}
	return strconv.Itoa(int(d/(365*24*time.Hour))) + " years" + suffix
}

// num writes an integer with thousands apart.
func num[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// rate writes a rate with as many digits as mean something.
func rate(f float64) string {
	switch {
	case f == 0:
		return "0"
	case f < 0.01:
		return "< 0.01"
	case f < 10:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case f < 100:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return num(int64(math.Round(f)))
}

// span writes a duration with as many digits as mean something.
func span(d time.Duration) string {
	switch abs := d.Abs(); {
	case abs < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case abs < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case abs < 2*time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case abs < 2*time.Hour:
		return strconv.FormatFloat(d.Minutes(), 'f', 0, 64) + " min"
	case abs < 48*time.Hour:
		return strconv.FormatFloat(d.Hours(), 'f', 0, 64) + " h"
	}
	return strconv.FormatFloat(d.Hours()/24, 'f', 0, 64) + " d"
}

// nanos writes a short time to three digits.
func nanos(d time.Duration) string {
	switch abs := d.Abs(); {
	case abs < time.Microsecond:
		return strconv.FormatInt(d.Nanoseconds(), 10) + " ns"
	case abs < time.Millisecond:
		return strconv.FormatFloat(float64(d)/1e3, 'g', 3, 64) + " µs"
	case abs < time.Second:
		return strconv.FormatFloat(float64(d)/1e6, 'g', 3, 64) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
}

// size writes a number of bytes.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return num(n) + " B"
	}
	f, i := float64(n)/unit, 0
	for ; f >= unit && i < 3; i++ {
		f /= unit
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + [...]string{"KiB", "MiB", "GiB", "TiB"}[i]
}

// count writes a number with its noun: count 2 "crash" "crashes".
func count(n any, one, many string) string {
	v := integer(n)
	if v == 1 {
		return "1 " + one
	}
	return num(v) + " " + many
}

// integer takes the integer types that views hold.
func integer(n any) int64 {
	switch v := n.(type) {
	case int:
		return int64(v)
	case uint64:
		return int64(min(v, math.MaxInt64))
	case int64:
		return v
	}
	return 0
}

// short cuts a hash to what tells it apart in practice.
func short(hash string) string { return hash[:min(len(hash), 12)] }

// mailbox is a person as MAINTAINERS writes one.
type mailbox struct{ Name, Address string }

// person splits "Name <address>"; what has no name is shown by its address.
func person(s string) mailbox {
	name, rest, ok := strings.Cut(s, "<")
	address := strings.TrimSuffix(strings.TrimSpace(rest), ">")
	if !ok {
		name, address = "", strings.TrimSpace(s)
	}
	name = strings.Trim(strings.TrimSpace(name), `"`)
	return mailbox{cmp.Or(name, address), address}
}

// hours writes an estimate of work.
func hours(minutes int) string {
	if minutes < 60 {
		return strconv.Itoa(minutes) + " min"
	}
	return strconv.FormatFloat(float64(minutes)/60, 'f', 0, 64) + " h"
}
