package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringside/internal/record"
)

// query is the address of a list: its path and parameters. What a list shows
// follows from its address alone, so that every view can be sent to a colleague.
type query struct {
	path string
	v    url.Values
}

// maxQuery bounds a text that someone filters by.
const maxQuery = 512

// readQuery reads the parameters that a page knows; others are left out of the
// addresses it makes. Empty ones, as GET forms send them, do not count.
func readQuery(r *http.Request, known ...string) (query, error) {
	q := query{r.URL.Path, url.Values{}}
	for k, values := range r.URL.Query() {
		if !slices.Contains(known, k) {
			continue
		}
		for _, v := range values {
			v = strings.TrimSpace(v)
			if len(v) > maxQuery {
				return q, fmt.Errorf("%s: %w: it has %d characters and may have %d", k, record.ErrInvalid, len(v), maxQuery)
			}
			if v != "" {
				q.v.Add(k, v)
			}
		}
	}
	return q, nil
}

func (q query) get(key string) string { return q.v.Get(key) }

// list returns the values of a parameter that may be given several times.
func (q query) list(key string) []string { return q.v[key] }

// number returns a parameter that counts something from 0.
func (q query) number(key string) (int, error) {
	s := q.v.Get(key)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s=%q: %w: it is a number from 0 up", key, s, record.ErrInvalid)
	}
	return n, nil
}

// with returns the address with parameters changed: with("state", "new",
// "kind", "") sets one and removes another. A change of anything but the place
// in the list starts the list from its beginning.
func (q query) with(pairs ...string) string {
	v := url.Values{}
	for k, list := range q.v {
		if k != "offset" && k != "cursor" {
			v[k] = slices.Clone(list)
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return q.path
	}
	return q.path + "?" + v.Encode()
}

// column is the head of a column that a list may be ordered by.
type column struct {
	Label string
	Title string // says more, where the label is short
	URL   string // "" if the list cannot be ordered by it
	Order string // aria-sort: "ascending", "descending", "" if it is not the order
	Class string
}

// column returns a column's head. A click on the column that orders the list
// turns the order around, if the list can do that.
func (q query) column(label, class, sort, standard string, canReverse bool) column {
	c := column{Label: label, Class: class}
	if sort == "" {
		return c
	}
	current := q.get("sort")
	if current == "" {
		current = standard
	}
	set := sort
	if sort == standard {
		set = "" // the shortest address of each view
	}
	if current != sort {
		c.URL = q.with("sort", set, "reverse", "")
		return c
	}
	if c.Order = "descending"; q.get("reverse") != "" {
		c.Order = "ascending"
		c.URL = q.with("sort", set, "reverse", "")
	} else if canReverse {
		c.URL = q.with("sort", set, "reverse", "1")
	} else {
		c.URL = q.with("sort", set)
	}
	return c
}

// pager says which part of a list is shown and where the others are.
type pager struct {
	From, To, Total int64
	Prev, Next      string
}

func (q query) pager(offset, shown, limit int, total int64) pager {
	p := pager{From: int64(offset) + 1, To: int64(offset + shown), Total: total}
	if shown == 0 {
		p.From = 0
	}
	if offset > 0 {
		p.Prev = q.with("offset", place(max(0, offset-limit)))
	}
	if p.To < total && shown > 0 {
		p.Next = q.with("offset", place(offset+limit))
	}
	return p
}

func place(offset int) string {
	if offset == 0 {
		return ""
	}
	return strconv.Itoa(offset)
}

// choice is an entry of a list to choose from.
type choice struct {
	Value, Label string
	Count        int64
	Chosen       bool
	URL          string
}

// choices turns facets into the options of a select, the chosen one always
// among them.
func choices(facets []record.Facet, chosen string) []choice {
	var out []choice
	seen := chosen == ""
	for _, f := range facets {
		out = append(out, choice{Value: f.Value, Label: f.Value, Count: f.Count, Chosen: f.Value == chosen})
		seen = seen || f.Value == chosen
	}
	if !seen {
		out = append(out, choice{Value: chosen, Label: chosen, Chosen: true})
	}
	return out
}

// periods are the spans of time that lists can be limited to.
var periods = []struct {
	value, label string
	span         time.Duration
}{
	{"24h", "24 hours", 24 * time.Hour},
	{"7d", "7 days", 7 * 24 * time.Hour},
	{"30d", "30 days", 30 * 24 * time.Hour},
	{"90d", "90 days", 90 * 24 * time.Hour},
}

// since returns the time a period begins at: one of periods, or a day.
func since(now time.Time, value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	for _, p := range periods {
		if p.value == value {
			return now.Add(-p.span), nil
		}
	}
	t, err := time.Parse(time.DateOnly, value)
	if err != nil {
		return t, fmt.Errorf("since=%q: %w: it is 24h, 7d, 30d, 90d or a day as 2006-01-02", value, record.ErrInvalid)
	}
	return t, nil
}

func periodChoices(chosen string) []choice {
	var out []choice
	seen := chosen == ""
	for _, p := range periods {
		out = append(out, choice{Value: p.value, Label: p.label, Chosen: p.value == chosen})
		seen = seen || p.value == chosen
	}
	if !seen {
		out = append(out, choice{Value: chosen, Label: "since " + chosen, Chosen: true})
	}
	return out
}
