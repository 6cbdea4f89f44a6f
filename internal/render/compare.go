package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/crash"
)

// Compared is two reports with what they have in common.
type Compared struct {
	NameA, NameB string // of the inputs
	A, B         *crash.Report
	crash.Comparison
}

// Comparison writes what two reports have in common.
func Comparison(w io.Writer, c Compared, s Style) error {
	p := &printer{w: w, s: s}
	p.line("A  %s  %s", c.A.Title, s.paint(faint, c.NameA))
	p.line("B  %s  %s", c.B.Title, s.paint(faint, c.NameB))
	r := caution
	if c.Portable {
		r = good
	}
	p.line("\n%s", s.paint(r, c.Verdict))
	yes := func(same bool) painted {
		if same {
			return s.paint(good, "same")
		}
		return s.paint(caution, "differs")
	}
	p.line("  exact %s · stack %s · portable %s · family %s · stacks %d %% alike", yes(c.Exact), yes(c.Stack), yes(c.Portable), yes(c.Family), percent(c.Score))
	p.section("Why")
	for _, why := range c.Why {
		p.wrapped("  • ", why, plain)
	}
	p.section("Components of the signatures")
	for i := range c.Components {
		x := &c.Components[i]
		mark, text := "≠", fmt.Sprintf("%s ≠ %s", dash(x.A), dash(x.B))
		if x.Same {
			mark, text = "=", dash(x.A)
		}
		p.line("  %s %-16s %-16s %s", mark, x.Name, levels(x.Levels), cut(text, s.width()-38))
	}
	p.section("Stacks, with the weight of each frame")
	half := (s.width() - 14) / 2
	for _, f := range c.Frames {
		mark := " "
		if f.Same {
			mark = "="
		}
		p.line("  %3d %%  %-*s %s %s", percent(f.Weight), half, cut(f.A, half), mark, cut(f.B, half))
	}
	return p.err
}

// ComparisonMarkdown writes the same to paste into a tracker or a mail.
func ComparisonMarkdown(w io.Writer, c Compared) error {
	p := &printer{w: w}
	p.line("## %s", mdText(c.Verdict))
	p.line("")
	p.line("- **A** %s (`%s`)", mdText(c.A.Title), mdCode(c.NameA))
	p.line("- **B** %s (`%s`)", mdText(c.B.Title), mdCode(c.NameB))
	p.line("- they are the same at the level: **%s**; stacks %d %% alike", string(c.Level), percent(c.Score))
	p.line("")
	p.line("### Why")
	p.line("")
	for _, why := range c.Why {
		p.line("- %s", mdText(why))
	}
	p.line("")
	p.line("| component | level | A | B | |")
	p.line("|---|---|---|---|---|")
	for i := range c.Components {
		x := &c.Components[i]
		mark := "differs"
		if x.Same {
			mark = "same"
		}
		p.line("| %s | %s | `%s` | `%s` | %s |", x.Name, levels(x.Levels), mdCode(dash(x.A)), mdCode(dash(x.B)), mark)
	}
	p.line("")
	p.line("| weight | A | | B |")
	p.line("|---:|---|---|---|")
	for _, f := range c.Frames {
		mark := ""
		if f.Same {
			mark = "="
		}
		p.line("| %d %% | `%s` | %s | `%s` |", percent(f.Weight), mdCode(dash(f.A)), mark, mdCode(dash(f.B)))
	}
	return p.err
}

func levels(list []crash.Level) string {
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = string(l)
	}
	return strings.Join(names, ", ")
}

func percent(share float64) int { return int(share*100 + 0.5) }

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
