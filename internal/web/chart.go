package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringside/crash"
	"ringside/internal/record"
)

const (
	sparkBar    = 4 // units of width per day, gap included
	sparkHeight = 24
)

// sparkline draws a trend as one bar per day. It holds digits and text of ours
// only, so it needs no escaping.
func sparkline(t record.Trend) template.HTML {
	n := len(t.Counts)
	if n == 0 {
		return ""
	}
	most := t.Max()
	label := fmt.Sprintf("%s in %d days", count(t.Total(), "crash", "crashes"), n)
	if most > 0 {
		label += ", at most " + num(most) + " a day"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="spark" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="%s"><title>%s</title>`,
		n*sparkBar, sparkHeight, label, label)
	fmt.Fprintf(&b, `<path class="base" d="M0 %[1]d.5H%[2]d"/>`, sparkHeight-1, n*sparkBar)
	// Two paths are a tenth of the markup of thirty rectangles; the last
	// seven days stand out.
	for _, part := range []struct {
		class       string
		first, last int
	}{{"old", 0, n - 7}, {"recent", max(0, n-7), n}} {
		var d strings.Builder
		for i := part.first; i < part.last; i++ {
			if t.Counts[i] == 0 {
				continue
			}
			h := max(2, int(t.Counts[i]*(sparkHeight-2)/most))
			fmt.Fprintf(&d, "M%d %dv-%dh%dv%dz", i*sparkBar, sparkHeight-1, h, sparkBar-1, h)
		}
		if d.Len() > 0 {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, part.class, d.String())
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// series is one row of a chart.
type series struct {
	Label  string
	Color  string // name of a colour of the style sheet: "fault", "k0"
	URL    string // what the legend leads to, "" for nothing
	Title  string // more about the label
	Counts []int64
	Total  int64
}

// chart is crashes per day, stacked by something. The page has it as SVG and
// as a table; a script replaces the SVG by one that can be pointed at.
type chart struct {
	Label   string // what it shows
	Summary string // what is to be seen in it, in words
	Series  []series
	SVG     template.HTML
	Data    string // JSON for the script
	Days    []chartDay
}

// chartDay is a day of the table, with the counts in the order of the series.
type chartDay struct {
	Day    string
	Counts []int64
	Total  int64
}

// chartColors is how many kernels get a colour of their own.
const chartColors = 6

func newChart(label string, first time.Time, list []series) chart {
	c := chart{Label: label, Series: list}
	if len(list) == 0 {
		return c
	}
	peak, peakDay := c.fill(first)
	var total int64
	for i := range c.Series {
		for _, n := range c.Series[i].Counts {
			c.Series[i].Total += n
		}
		total += c.Series[i].Total
	}
	c.Summary = fmt.Sprintf("%s in %d days", count(total, "crash", "crashes"), len(c.Days))
	if peak > 0 {
		c.Summary += fmt.Sprintf(", most on %s (%s)", peakDay, num(peak))
	}
	c.SVG = c.draw(peak)
	c.Data = c.json(first)
	return c
}

// levelChart shows how much there is on each day, not what came on it: a series'
// total is its last value.
func levelChart(label, summary string, first time.Time, list []series) chart {
	c := chart{Label: label, Summary: summary, Series: list}
	peak, _ := c.fill(first)
	for i := range c.Series {
		if n := len(c.Series[i].Counts); n > 0 {
			c.Series[i].Total = c.Series[i].Counts[n-1]
		}
	}
	c.SVG = c.draw(peak)
	c.Data = c.json(first)
	return c
}

// fill makes the table, and finds the day with the most.
func (c *chart) fill(first time.Time) (peak int64, peakDay string) {
	list := c.Series
	for i := range list[0].Counts {
		d := chartDay{Day: first.AddDate(0, 0, i).Format(time.DateOnly)}
		for _, s := range list {
			d.Counts = append(d.Counts, s.Counts[i])
			d.Total += s.Counts[i]
		}
		if d.Total > peak {
			peak, peakDay = d.Total, d.Day
		}
		c.Days = append(c.Days, d)
	}
	return peak, peakDay
}

func (c *chart) json(first time.Time) string {
	type row struct {
		Label string  `json:"label"`
		Color string  `json:"color"`
		N     []int64 `json:"n"`
	}
	data := struct {
		First int64 `json:"first"` // seconds since 1970
		Rows  []row `json:"rows"`
	}{First: first.Unix(), Rows: []row{}}
	for _, s := range c.Series {
		data.Rows = append(data.Rows, row{s.Label, s.Color, s.Counts})
	}
	b, err := json.Marshal(data)
	if err != nil {
		return "" // no map, no float: cannot happen, and the SVG stays
	}
	return string(b)
}

// The drawing, in units of the viewBox.
const (
	chartWidth, chartHeight = 720, 200
	chartLeft, chartBottom  = 36, 22
	chartTop                = 8
)

func (c *chart) draw(peak int64) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="bars" viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, chartHeight,
		template.HTMLEscapeString(c.Label+": "+c.Summary))
	step := axisStep(peak)
	top := max(step, (peak+step-1)/step*step)
	y := func(n int64) float64 {
		return chartHeight - chartBottom - float64(n)*(chartHeight-chartBottom-chartTop)/float64(top)
	}
	for n := int64(0); n <= top; n += step {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			chartLeft, y(n), chartWidth, chartLeft-6, y(n)+4, num(n))
	}
	days := len(c.Days)
	pitch := float64(chartWidth-chartLeft) / float64(days)
	every := max(1, (days+5)/6)
	for i, d := range c.Days {
		x := chartLeft + pitch*float64(i)
		if i%every == 0 {
			fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%d">%s</text>`, x, chartHeight-6, d.Day[5:])
		}
		if d.Total == 0 {
			continue
		}
		var below int64
		b.WriteString("<g>")
		fmt.Fprintf(&b, "<title>%s: %s</title>", d.Day, num(d.Total))
		for k, n := range d.Counts {
			if n == 0 {
				continue
			}
			fmt.Fprintf(&b, `<rect class="tone-%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, c.Series[k].Color,
				x+pitch*0.1, y(below+n), pitch*0.8, y(below)-y(below+n))
			below += n
		}
		b.WriteString("</g>")
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// axisStep returns a round step that divides an axis into two to five parts.
func axisStep(most int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, m := range []int64{1, 2, 5} {
			if m*unit*5 >= most {
				return m * unit
			}
		}
	}
}

// classes have a colour in the style sheet.
var classes = []crash.Class{
	crash.ClassFault, crash.ClassMemory, crash.ClassAssertion, crash.ClassLocking, crash.ClassHang, crash.ClassResource,
	crash.ClassPanic, crash.ClassHardware, crash.ClassIO, crash.ClassFilesystem, crash.ClassUser,
}

// classColor returns the name of a class's colour. Only names of the style
// sheet come out of it, whatever is in the record.
func classColor(class string) string {
	if slices.Contains(classes, crash.Class(class)) {
		return class
	}
	return string(crash.ClassUnknown)
}

// classChart stacks crashes per day by class.
func classChart(classes []record.ClassTrend) chart {
	var list []series
	var first time.Time
	for _, t := range classes {
		first = t.Trend.Day(0)
		list = append(list, series{Label: t.Class, Color: classColor(t.Class), URL: "/signatures?class=" + url.QueryEscape(t.Class), Counts: t.Trend.Counts})
	}
	return newChart("Crashes per day by class", first, list)
}

// kernelChart stacks a signature's crashes per day by kernel. The kernels with
// the most have a colour each; the rest share one.
func kernelChart(kernels []record.KernelTrend) chart {
	var list []series
	var first time.Time
	for i, t := range kernels {
		first = t.Trend.Day(0)
		if i >= chartColors {
			rest := &list[len(list)-1]
			if i == chartColors {
				list = append(list, series{Label: "others", Color: "rest", Counts: make([]int64, len(t.Trend.Counts))})
				rest = &list[len(list)-1]
			}
			for d, n := range t.Trend.Counts {
				rest.Counts[d] += n
			}
			continue
		}
		s := series{Label: "unknown kernel", Color: "k" + strconv.Itoa(i), Counts: t.Trend.Counts}
		if k := t.Kernel; k != nil {
			s.Label, s.Title, s.URL = k.Release, k.Arch, "/kernels/"+k.ID
		}
		list = append(list, s)
	}
	return newChart("Crashes per day by kernel", first, list)
}
