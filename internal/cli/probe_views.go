package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"ringside/internal/recording"
	"ringside/internal/render"
	"ringside/probe"
	"ringside/profile"
	"ringside/profile/convert"
	"ringside/profile/flame"
	"ringside/trace/timeline"
)

// show makes the views of the recipe that fit what was recorded.
func (p *prober) show(ctx context.Context, r *probe.Recipe, rec *probe.Recording, path string, doc *render.ProbeReport) error {
	profiles := map[string]*profile.Profile{}
	for _, v := range r.Show {
		if !v.Shows(rec.Format) {
			continue
		}
		var err error
		switch {
		case v.View == probe.ViewTop, v.View == probe.ViewFlame && v.Of != probe.OfKept:
			err = p.showProfile(ctx, r, v, path, profiles, doc)
		case v.View == probe.ViewFlame:
			err = p.showKept(r, rec, doc)
		case v.View == probe.ViewLatency, v.View == probe.ViewTimeline:
			err = p.showTrace(ctx, r, v, path, doc)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// page writes a picture to a file of the report's folder.
// The report's own page shows its still, if it has one.
func (p *prober) page(doc *render.ProbeReport, name, what string, draw, still recording.Picture) error {
	page := output{path: filepath.Join(p.dir, name)}
	if err := page.write(Streams{}, func(w io.Writer, _ render.Style) error { return draw(w) }); err != nil {
		return err
	}
	file := render.ProbeFile{What: what, Path: page.path}
	if still != nil {
		var b bytes.Buffer
		if err := still(&b); err != nil {
			return &exitError{exitInternal, err}
		}
		file.Picture = b.Bytes()
	}
	doc.Files = append(doc.Files, file)
	return nil
}

// showProfile makes a flame graph or a top table of a profile.
func (p *prober) showProfile(ctx context.Context, r *probe.Recipe, v probe.View, path string, profiles map[string]*profile.Profile, doc *render.ProbeReport) error {
	of := v.Of
	if of == "" {
		of = "samples"
	}
	pr := profiles[of]
	if pr == nil {
		o := p.profile
		o.of = of
		var err error
		if pr, err = o.load(ctx, path); err != nil {
			return err
		}
		profiles[of] = pr
		for _, w := range pr.Warnings {
			if !slices.Contains(doc.Notes, w) {
				doc.Notes = append(doc.Notes, w)
			}
		}
	}
	event, err := p.profile.chosen(pr)
	if err != nil {
		return err
	}
	if v.View == probe.ViewTop {
		rows, err := profile.Top(pr, profile.ByFunction, event)
		if err != nil {
			return &exitError{exitInternal, err}
		}
		doc.Top = append(doc.Top, render.NewProfileTop(pr, event, string(profile.ByFunction), rows, 15))
		return nil
	}
	draw, still := flames(pr, flame.Options{Title: r.Title + " – " + of, Event: event})
	return p.page(doc, "flame-"+of+".html", "flame graph of "+of, draw, still)
}

// flames are the pages and the still picture of a flame graph.
func flames(pr *profile.Profile, o flame.Options) (draw, still recording.Picture) {
	draw = func(w io.Writer) error { return flame.Write(w, pr, o) }
	return draw, func(w io.Writer) error { return flame.WriteSVG(w, pr, o) }
}

// showKept draws what is kept by its call chains, one flame graph for each
// table.
func (p *prober) showKept(r *probe.Recipe, rec *probe.Recording, doc *render.ProbeReport) error {
	name := strings.NewReplacer(";", ":", "\n", " ")
	for _, t := range rec.Tables {
		var folded strings.Builder
		for _, row := range t.Rows {
			if len(row.Stack) == 0 || row.Bytes == 0 {
				continue
			}
			for _, f := range slices.Backward(row.Stack) {
				folded.WriteString(name.Replace(f) + "_[k];")
			}
			text := folded.String()
			folded.Reset()
			folded.WriteString(strings.TrimSuffix(text, ";") + fmt.Sprintf(" %d\n", row.Bytes))
		}
		if folded.Len() == 0 {
			continue
		}
		pr, err := convert.ReadFolded(strings.NewReader(folded.String()))
		if err != nil {
			return &exitError{exitInternal, fmt.Errorf("%s: %w", t.Name, err)}
		}
		draw, still := flames(pr, flame.Options{Title: r.Title + " – " + t.Title + ", bytes"})
		if err := p.page(doc, "flame-"+t.Name+".html", t.Title+": what stayed, in bytes, by call chain", draw, still); err != nil {
			return err
		}
	}
	return nil
}

// showTrace makes latencies or a timeline of a trace.
func (p *prober) showTrace(ctx context.Context, r *probe.Recipe, v probe.View, path string, doc *render.ProbeReport) error {
	f, end, err := openTrace(path)
	if err != nil {
		return err
	}
	defer end()
	if v.View == probe.ViewLatency {
		s, err := recording.OfTrace(ctx, f)
		if err != nil {
			return err
		}
		doc.Answer, doc.Latency = []string{s.Title}, s.Trace.Kinds
		for _, l := range s.Losses {
			doc.Notes = append(doc.Notes, l.What)
		}
		doc.Notes = append(doc.Notes, s.Warnings...)
		return nil
	}
	b, err := buffer(f, "")
	if err != nil {
		doc.Notes = append(doc.Notes, err.Error())
		return nil
	}
	draw, err := recording.Timeline(ctx, f, b, timeline.Options{Slices: 120_000, Worst: 5}, r.Title)
	if err != nil || draw == nil {
		return err
	}
	return p.page(doc, "timeline.html", "timeline of CPUs and tasks", draw, nil)
}
