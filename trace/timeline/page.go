package timeline

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
)

//go:embed ui/timeline.css ui/model.js ui/timeline.js
var ui embed.FS

// document is what a page embeds. Names are short because lists are long; lists
// are columns.
type document struct {
	Title  string   `json:"title"`
	Facts  []string `json:"facts"`
	Losses []string `json:"losses"`
	// Begin is of the recording's clock in ns, as text: it is beyond what a
	// script's numbers hold. All other times count from it.
	Begin string      `json:"begin"`
	Span  uint64      `json:"span"`
	Names []string    `json:"s"`
	CPUs  []cpuColumn `json:"cpus"`
	Tasks []taskCol   `json:"tasks"`
	Marks []Mark      `json:"marks"`
	// Merged slices of all, and the resolution in ns.
	Merged     uint64 `json:"merged"`
	Slices     uint64 `json:"slices"`
	Resolution uint64 `json:"least"`
	LostTasks  int    `json:"lostTasks"`
}

type cpuColumn struct {
	CPU   int     `json:"cpu"`
	Tasks columns `json:"t"`
	IRQs  columns `json:"i"`
}

type taskCol struct {
	Comm   string `json:"n"`
	PID    int    `json:"p"`
	Cgroup string `json:"g,omitempty"`
	// Time by state in ns, in the order of sched.State.
	Spent [8]uint64 `json:"d"`
	Row   *columns  `json:"r,omitempty"`
}

// columns is a row: distances from the end before, lengths, what, states; and of
// what was merged its place, how many, and the busy share in percent.
type columns struct {
	Gaps    []int64  `json:"g"`
	Lengths []uint64 `json:"l"`
	Whats   []int    `json:"w"`
	States  []int    `json:"s,omitempty"`
	Places  []int    `json:"mp,omitempty"`
	Counts  []uint32 `json:"mn,omitempty"`
	Busy    []int    `json:"mb,omitempty"`
}

func newColumns(l *lane, what func(slice) int, states bool) columns {
	c := columns{Gaps: []int64{}, Lengths: []uint64{}, Whats: []int{}}
	end := uint64(0)
	for i, s := range l.slices {
		c.Gaps = append(c.Gaps, int64(s.from-end))
		c.Lengths = append(c.Lengths, s.to-s.from)
		c.Whats = append(c.Whats, what(s))
		if states {
			c.States = append(c.States, int(s.state))
		}
		if s.n > 1 {
			c.Places = append(c.Places, i)
			c.Counts = append(c.Counts, s.n)
			c.Busy = append(c.Busy, int(100*float64(s.busy)/float64(max(1, s.to-s.from))+.5))
		}
		end = s.to
	}
	return c
}

func newDocument(m *Model, p Page) *document {
	d := &document{Title: p.Title, Facts: p.Facts, Losses: slices.Clone(p.Losses), Begin: fmt.Sprint(m.Begin), Span: max(1, m.End-m.Begin), Names: m.names, Marks: m.Marks, Resolution: uint64(m.Resolution), LostTasks: m.LostTasks}
	d.Merged, d.Slices = m.Merged()
	if m.LostSwitches > 0 {
		d.Losses = append(d.Losses, fmt.Sprintf("%d switches are missing in the recording: the time around them belongs to nobody", m.LostSwitches))
	}
	name := func(s slice) int { return s.what }
	for _, c := range m.cpus {
		d.CPUs = append(d.CPUs, cpuColumn{c.cpu, newColumns(c.tasks, func(s slice) int { return m.index[s.what] }, false), newColumns(c.irqs, name, true)})
	}
	for _, t := range m.tasks {
		x := taskCol{Comm: t.task.Comm, PID: t.task.PID, Cgroup: t.task.Cgroup}
		if t.lane != nil {
			row := newColumns(t.lane, name, true)
			x.Row, x.Spent = &row, t.lane.spent
		}
		d.Tasks = append(d.Tasks, x)
	}
	return d
}

// script is the page's script: its modules, one after the other.
func script() (string, error) {
	var b strings.Builder
	for _, name := range []string{"ui/model.js", "ui/timeline.js"} {
		text, err := ui.ReadFile(name)
		if err != nil {
			return "", err
		}
		b.Write(text)
	}
	return b.String(), nil
}

// ScriptHash is the page's script as a Content-Security-Policy names it:
// "sha256-…".
func ScriptHash() (string, error) {
	s, err := script()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:]), nil
}

// Page is what a page says above the picture.
type Page struct {
	Title  string
	Facts  []string
	Losses []string
}

// Write writes the page.
func Write(w io.Writer, m *Model, p Page) error {
	css, err := ui.ReadFile("ui/timeline.css")
	if err != nil {
		return err
	}
	js, err := script()
	if err != nil {
		return err
	}
	// encoding/json escapes <, > and &: the data cannot end their element.
	data, err := json.Marshal(newDocument(m, p))
	if err != nil {
		return fmt.Errorf("timeline: %w", err)
	}
	title := p.Title
	if title == "" {
		title = "Timeline"
	}
	_, err = fmt.Fprintf(w, `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s</title>
<style>
%s</style>
<body>
<noscript>This page draws a recording with a script; allow scripts to see it.</noscript>
<main id="app"></main>
<script type="application/json" id="data">%s</script>
<script>%s</script>
</body>
</html>
`, html.EscapeString(title), css, data, js)
	return err
}
