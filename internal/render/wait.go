package render

import (
	"fmt"
	"strings"

	"ringside/crash"
)

// Bounds of the drawing of who waits for whom.
const (
	maxWaitTrees = 6
	maxWaitRows  = 24
)

// waits draws who waits for whom: each tree has at its root what the rest waits
// for.
func (p *printer) waits(doc *crash.Document) {
	for i := range doc.Waits {
		g := &doc.Waits[i]
		heading := "Who waits for whom"
		if len(doc.Boots) > 1 {
			heading += fmt.Sprintf(" (boot %d)", g.Boot+1)
		}
		p.section(heading)
		for _, l := range waitLines(g) {
			p.line("  %s%s  %s", p.s.paint(faint, l.branch), p.s.paint(l.role, cut(l.text, p.s.width()-4)), p.s.paint(faint, cut(l.note, max(p.s.width()-8-visible(l.branch)-visible(l.text), 0))))
		}
	}
}

// waitLine is a row of the drawing.
type waitLine struct {
	branch, text, note string
	role               role
}

// waitLines lays a graph out as trees.
func waitLines(g *crash.WaitGraph) []waitLine {
	var lines []waitLine
	drawn := make([]bool, len(g.Nodes))
	into := map[int][]crash.WaitEdge{}
	for _, e := range g.Edges {
		into[e.To] = append(into[e.To], e)
	}
	var draw func(node int, first, rest, note string)
	draw = func(node int, first, rest, note string) {
		n := &g.Nodes[node]
		if n.State != "" {
			note = strings.TrimSpace(n.State + " " + note)
		}
		if d := n.Describe(); d != "" {
			note = strings.TrimSpace(note + " " + d)
		}
		if n.Since != nil {
			note += fmt.Sprintf(" since %.0f s", *n.Since)
		}
		r := plain
		if first == "" {
			r = danger
		}
		if drawn[node] {
			lines = append(lines, waitLine{first, n.Name, "(see above)", faint})
			return
		}
		drawn[node] = true
		lines = append(lines, waitLine{first, n.Name, note, r})
		for i, e := range into[node] {
			if len(lines) >= maxWaitRows {
				lines = append(lines, waitLine{rest, fmt.Sprintf("and %d more", len(into[node])-i), "", faint})
				return
			}
			branch, below := "├─ ", "│  "
			if i == len(into[node])-1 {
				branch, below = "└─ ", "   "
			}
			how := ""
			if e.Confidence < 0.5 {
				how = "(perhaps) "
			}
			draw(e.From, rest+branch, rest+below, how)
		}
	}
	for _, ring := range g.Cycles {
		var names []string
		for _, i := range ring {
			names = append(names, g.Nodes[i].Name)
			drawn[i] = true
		}
		lines = append(lines, waitLine{"", "deadlock: " + strings.Join(append(names, names[0]), " → "), "", danger})
	}
	for i, e := range g.Ends {
		if i == maxWaitTrees {
			lines = append(lines, waitLine{"", fmt.Sprintf("and %d more; --json has them all", len(g.Ends)-i), "", faint})
			break
		}
		draw(e.Node, "", "", "")
	}
	return lines
}

// markdownWaits does the same for Markdown.
func (p *printer) markdownWaits(doc *crash.Document) {
	if len(doc.Waits) == 0 {
		return
	}
	p.line("\n## Who waits for whom\n\n```")
	for i := range doc.Waits {
		for _, l := range waitLines(&doc.Waits[i]) {
			p.line("%s", strings.ReplaceAll(l.branch+l.text+"  "+l.note, "```", "'''"))
		}
	}
	p.line("```")
}
