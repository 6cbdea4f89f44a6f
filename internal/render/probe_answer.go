package render

import (
	"fmt"
	"slices"
	"strings"

	"ringside/probe"
	"ringside/profile"
)

// Conclude says the first things to know about what was recorded, where nothing
// else has.
func (r *ProbeReport) Conclude() {
	if len(r.Answer) > 0 {
		return
	}
	for _, t := range r.Tables {
		if text := t.conclude(); text != "" {
			r.Answer = append(r.Answer, text)
		}
	}
	for _, t := range r.Top {
		// What has no name answers nothing.
		i := slices.IndexFunc(t.Rows, func(x profile.Row) bool { return x.Self > 0 && !strings.HasPrefix(x.Name, "[") })
		if i >= 0 {
			x := t.Rows[i]
			r.Answer = append(r.Answer, fmt.Sprintf("%s itself has %.1f %% of %s, more than any other function", x.Name, 100*float64(x.Self)/float64(max(1, t.Weight)), t.Event))
		}
	}
	if len(r.Answer) == 0 && len(r.Tables) > 0 {
		r.Answer = []string{"Nothing of what it looks for happened."}
	}
}

// named is the label of the first row with what its parts are.
func (t ProbeTable) named() string {
	if len(t.Rows) == 0 {
		return ""
	}
	parts := slices.Clone(t.Rows[0].Label)
	for i := range parts {
		if i < len(t.By) {
			parts[i] = t.By[i] + " " + parts[i]
		}
	}
	return strings.Join(parts, ", ")
}

func (t ProbeTable) conclude() string {
	if t.Count == 0 {
		return ""
	}
	most := t.named()
	switch {
	case t.Kept:
		return fmt.Sprintf("%s: %s stayed, most with %s", t.Title, bytesText(int64(t.Bytes)), most)
	case len(t.Histogram.Counts) > 0:
		text := fmt.Sprintf("%s: %s at the 99th percentile, %s at most", t.Title, brief(t.P99), brief(t.Max))
		if most != "" {
			text += "; most of the time with " + most
		}
		return text
	case t.Timed:
		return fmt.Sprintf("%s: %s, most of it %s", t.Title, brief(t.Total), most)
	case most != "":
		return fmt.Sprintf("%s: %d, most with %s", t.Title, t.Count, most)
	}
	return fmt.Sprintf("%s: %d", t.Title, t.Count)
}

// bar is one bar of a histogram: so many durations from Low on.
type bar struct {
	Low, High uint64
	Count     uint64
}

// barsPerOctave is how finely a picture divides a power of two.
const barsPerOctave = 4

// octaves joins a histogram's buckets into bars of equal width on a logarithmic
// scale, from the first that has any to the last.
func octaves(h probe.Histogram) []bar {
	const join = probe.SubBuckets / barsPerOctave
	first, last := -1, -1
	counts := make([]uint64, probe.Buckets/join)
	for i, n := range h.Counts {
		if n == 0 || i >= probe.Buckets {
			continue
		}
		k := i / join
		counts[k] += n
		if first < 0 {
			first = k
		}
		last = k
	}
	var list []bar
	for k := first; k >= 0 && k <= last; k++ {
		low, _ := probe.BucketRange(k * join)
		_, high := probe.BucketRange(k*join + join - 1)
		list = append(list, bar{low, high, counts[k]})
	}
	return list
}
