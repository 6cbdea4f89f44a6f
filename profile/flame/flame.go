// Package flame makes pictures of profiles: one HTML page with everything in it
// that opens from a file, a mail or a web page without asking anybody for
// anything else.
//
// A page holds the profile's cells, not a drawing: it can be filtered by task,
// CPU, cgroup and window of time, turned around, searched, and read as a table
// or by keyboard. [Write] draws one profile, [WriteDiff] two in one view, where
// what has vanished is seen as well as what is new. Pages are bounded: beyond
// 100,000 nodes the smallest leaves are counted to their callers and the page
// says how much that is; totals are always right.
//
// All text is data to the page's script, which writes it as text. The script is
// the only one and is inline: a Content-Security-Policy can name its hash
// ([ScriptHash]).
package flame

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strings"
	"time"

	"ringside/profile"
)

//go:embed ui/flame.css ui/flame.js ui/model.js
var ui embed.FS

// Options say what is drawn.
type Options struct {
	Title string
	// Event is an index into Profile.Events; -1 adds all up, which is right only
	// where they have one unit.
	Event int
}

// script is the page's script: its modules, one after the other.
func script() (string, error) {
	var b strings.Builder
	for _, name := range []string{"ui/model.js", "ui/flame.js"} {
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

// Write writes a page with the flame graph of a profile.
func Write(w io.Writer, p *profile.Profile, o Options) error {
	t := newTree()
	t.add(p, o.Event, 0)
	d := &document{Title: o.Title, Unit: unit(p, o.Event), Facts: facts(p), Losses: losses(p)}
	d.Pruned = t.prune(maxNodes)
	timed, factor := t.timed(maxTimed)
	d.Width = p.SliceWidth * factor
	if timed != nil {
		for i := range t.cells {
			t.cells[i].slice = 0
		}
		t.settle(maxCells)
	}
	t.fill(d, false)
	if timed != nil {
		d.Whole = d.columns
		d.columns = columns{}
		d.columns.fill(timed, false)
	}
	return page(w, d)
}

func unit(p *profile.Profile, event int) string {
	if event < 0 {
		event = 0
	}
	if event < len(p.Events) {
		return p.Events[event].Unit
	}
	return "samples"
}

// facts say what was recorded.
func facts(p *profile.Profile) []string {
	var list []string
	s := p.Source
	for _, x := range []string{s.Hostname, s.Release, s.Arch} {
		if x != "" {
			list = append(list, x)
		}
	}
	if s.CPUs > 0 {
		list = append(list, fmt.Sprintf("%d CPUs", s.CPUs))
	}
	if p.Duration > 0 {
		list = append(list, time.Duration(p.Duration).Round(time.Millisecond).String())
	}
	n, _ := p.Total(-1)
	list = append(list, fmt.Sprintf("%d samples", n))
	for _, e := range p.Events {
		list = append(list, e.Name)
	}
	if s.Command != "" {
		list = append(list, s.Command)
	}
	return list
}

// losses say what is missing.
func losses(p *profile.Profile) []string {
	list := []string{}
	for _, l := range p.Losses {
		if l.Count < 0 {
			list = append(list, "lost: "+l.What)
			continue
		}
		list = append(list, fmt.Sprintf("lost: %d %s", l.Count, l.What))
	}
	return append(list, p.Warnings...)
}

// page writes the document into the page.
func page(w io.Writer, d *document) error {
	css, err := ui.ReadFile("ui/flame.css")
	if err != nil {
		return err
	}
	js, err := script()
	if err != nil {
		return err
	}
	// encoding/json escapes <, > and &: the data cannot end their element.
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("flame graph: %w", err)
	}
	title := d.Title
	if title == "" {
		title = "Flame graph"
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
<noscript>This page draws a profile with a script; allow scripts to see it.</noscript>
<main id="app"></main>
<script type="application/json" id="data">%s</script>
<script>%s</script>
</body>
</html>
`, html.EscapeString(title), css, data, js)
	return err
}
