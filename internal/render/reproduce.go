package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/lab"
	"ringside/lab/reproduce"
)

func rateText(r reproduce.Rate) string {
	return fmt.Sprintf("%d of %d runs, %.0f %% (%.0f to %.0f %% with %.0f %% confidence)", r.Hits, r.Runs, 100*r.Rate, 100*r.Low, 100*r.High, 100*r.Confidence)
}

// reproduced says in a sentence what a search found.
func reproduced(r *reproduce.Result) string {
	switch {
	case r.Reproduced:
		return "reproduced: " + safe(r.Target.Title)
	case r.Target != nil:
		return "not reproduced: " + safe(r.Target.Title)
	}
	return "not reproduced: no crash was seen"
}

// recipeParts lists what is left in a recipe, for people.
func recipeParts(r *lab.Recipe) [][2]string {
	list := [][2]string{{"kernel", fmt.Sprintf("%s %s, %.12s", r.Release, r.Arch, r.Kernel.SHA256)}}
	if len(r.Cmdline) > 0 {
		list = append(list, [2]string{"options", strings.Join(r.Cmdline, " ")})
	}
	for _, m := range r.Modules {
		list = append(list, [2]string{"module", strings.TrimSpace(m.Name + " " + m.Params)})
	}
	links := 0
	for _, f := range r.Files {
		if f.Link != "" {
			links++
			continue
		}
		list = append(list, [2]string{"file", fmt.Sprintf("%s, %.12s", f.Path, f.Content.SHA256)})
	}
	if links > 0 {
		list = append(list, [2]string{"links", plural(links, "link")})
	}
	for _, s := range r.Steps {
		list = append(list, [2]string{"step", strings.Join(s.Argv, " ")})
	}
	for i := range list {
		list[i][1] = safe(list[i][1])
	}
	return list
}

// Reproduce writes what a search found for a terminal.
func Reproduce(w io.Writer, r *reproduce.Result, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s", st.paint(strong, reproduced(r)))
	if t := r.Target; t != nil {
		p.line("  signature  %.12s, which must agree at level %s", t.Signature.Portable, t.Level)
	}
	p.line("  rate       %s", rateText(r.Rate))
	if r.Reproduced {
		p.line("  recipe     %d of %d parts are left, after %s", r.After, r.Before, plural(r.Runs, "run"))
		for _, x := range recipeParts(&r.Recipe) {
			p.line("    %-8s %s", x[0], x[1])
		}
		for _, x := range r.Removed {
			p.line("  not needed %s", safe(x))
		}
		p.line("  example    ringside lab show %s", r.Example)
	}
	for _, x := range r.Others {
		p.line("  also seen  %s", safe(x))
	}
	for _, x := range r.Notes {
		p.line("  note       %s", safe(x))
	}
	return p.err
}

// ReproduceMarkdown writes it for a tracker or a mail.
func ReproduceMarkdown(w io.Writer, r *reproduce.Result) error {
	p := &printer{w: w}
	p.line("## %s", mdText(reproduced(r)))
	p.line("")
	p.line("Rate: %s.", rateText(r.Rate))
	if t := r.Target; t != nil {
		p.line("Signature `%.12s`, level %s.", t.Signature.Portable, t.Level)
	}
	if r.Reproduced {
		p.line("")
		p.line("The smallest recipe, %d of %d parts, after %s:", r.After, r.Before, plural(r.Runs, "run"))
		p.line("")
		p.line("| part | |")
		p.line("|---|---|")
		for _, x := range recipeParts(&r.Recipe) {
			p.line("| %s | `%s` |", x[0], mdCode(x[1]))
		}
		if len(r.Removed) > 0 {
			p.line("")
			p.line("Not needed:")
			p.line("")
			for _, x := range r.Removed {
				p.line("- `%s`", mdCode(safe(x)))
			}
		}
	}
	for _, x := range r.Others {
		p.line("")
		p.line("Also seen: %s", mdText(safe(x)))
	}
	for _, x := range r.Notes {
		p.line("")
		p.line("%s", mdText(safe(x)))
	}
	return p.err
}
