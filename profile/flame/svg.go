package flame

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"ringside/profile"
)

// The measures of a drawing, in pixels.
const (
	svgWidth   = 1200
	svgRow     = 17
	svgHead    = 44
	svgMargin  = 10
	svgLetter  = 6.6 // about as wide as a letter of the font is
	svgLeast   = .3  // narrower frames are not drawn
	svgMaxDeep = 256 // deeper frames are not drawn
)

// svgStyle gives a drawing its colours, in light and dark.
const svgStyle = `svg{background:#fff;font:12px system-ui,sans-serif}text{fill:#1b1f24}.h{font-size:16px;font-weight:600}.d{fill:#5b6672}rect{stroke:#fff;stroke-width:.5}` +
	`.u{fill:#e8a33d}.k{fill:#5b8fd6}.m{fill:#4fae9b}.i{fill:#f1c98a}.x{fill:#c9ced5}.r{fill:#a3a9b2}g:hover>rect{stroke:#b1309e;stroke-width:2}` +
	`@media(prefers-color-scheme:dark){svg{background:#14181d}text{fill:#e6eaef}.d{fill:#9aa6b2}rect{stroke:#14181d}.u{fill:#b87a1f}.k{fill:#3e6fb3}.m{fill:#2f8575}.i{fill:#8f6d3c}.x{fill:#454d57}.r{fill:#5d6671}}`

// WriteSVG writes a profile as a still picture, for documents, tickets and mails:
// roots on top, what a frame is and weighs in its tooltip, no script. [Write]
// makes the one to work with.
func WriteSVG(w io.Writer, p *profile.Profile, o Options) error {
	tree := profile.CallTree(p, profile.TreeOptions{Event: o.Event})
	b := bufio.NewWriter(w)
	d := &drawing{w: b, unit: unit(p, o.Event), total: tree.Total}
	deep := d.depth(tree, 0, svgWidth-2*svgMargin)
	height := svgHead + (deep+1)*svgRow + svgMargin
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="flame graph">`, svgWidth, height, svgWidth, height)
	fmt.Fprintf(b, "<style>%s</style>\n", svgStyle)
	title := o.Title
	if title == "" {
		title = "Flame graph"
	}
	fmt.Fprintf(b, `<text class="h" x="%d" y="20">%s</text><text class="d" x="%d" y="36">%s</text>`+"\n", svgMargin, clip(title, svgWidth-2*svgMargin), svgMargin,
		clip(strings.Join(append(facts(p), losses(p)...), " · "), svgWidth-2*svgMargin))
	if tree.Total > 0 {
		d.frame("all", "", "r", tree.Total, tree.Self, svgMargin, svgHead, svgWidth-2*svgMargin)
		d.children(tree, svgMargin, 1)
	}
	fmt.Fprintln(b, "</svg>")
	return b.Flush()
}

// drawing draws frames.
type drawing struct {
	w     *bufio.Writer
	unit  string
	total int64
}

// width is how wide a weight is.
func (d *drawing) width(weight int64) float64 {
	return float64(weight) / float64(max(1, d.total)) * (svgWidth - 2*svgMargin)
}

// depth is how deep what is drawn below a node goes.
func (d *drawing) depth(n *profile.TreeNode, at int, width float64) int {
	deepest := at
	if width < svgLeast || at == svgMaxDeep {
		return at
	}
	for _, c := range n.Children {
		if w := d.width(c.Total); w >= svgLeast {
			deepest = max(deepest, d.depth(c, at+1, w))
		}
	}
	return deepest
}

// children draws what a node calls, in the order of names.
func (d *drawing) children(n *profile.TreeNode, x float64, level int) {
	if level > svgMaxDeep {
		return
	}
	kids := slices.Clone(n.Children)
	slices.SortFunc(kids, func(a, b *profile.TreeNode) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range kids {
		w := d.width(c.Total)
		if w >= svgLeast {
			d.frame(c.Name, c.Module, class(c), c.Total, c.Self, x, float64(svgHead+level*svgRow), w)
			d.children(c, x, level+1)
		}
		x += w
	}
}

func class(n *profile.TreeNode) string {
	switch {
	case strings.HasPrefix(n.Name, "["):
		return "x"
	case n.Kind == profile.Kernel && n.Module != "[kernel.kallsyms]":
		return "m"
	case n.Kind == profile.Kernel || n.Kind == profile.GuestKernel:
		return "k"
	case n.Kind == profile.Marker:
		return "r"
	}
	return "u"
}

// frame draws one, with its tooltip and as much of its name as fits.
func (d *drawing) frame(name, module, class string, total, self int64, x, y, w float64) {
	share := func(v int64) float64 { return 100 * float64(v) / float64(max(1, d.total)) }
	tip := fmt.Sprintf("%s\n%.2f %%, %d %s; itself %.2f %%", name, share(total), total, d.unit, share(self))
	if module != "" {
		tip = name + "\n" + module + strings.TrimPrefix(tip, name)
	}
	fmt.Fprintf(d.w, `<g><title>%s</title><rect class="%s" x="%.2f" y="%.0f" width="%.2f" height="%d"/>`, plain(tip), class, x, y, w, svgRow-1)
	if text := clip(name, w-6); text != "" {
		fmt.Fprintf(d.w, `<text x="%.2f" y="%.0f">%s</text>`, x+3, y+12, text)
	}
	fmt.Fprintln(d.w, "</g>")
}

// clip is as much of a text as fits, escaped; nothing where not even three
// letters do.
func clip(text string, width float64) string {
	room := int(width / svgLetter)
	letters := []rune(text)
	switch {
	case len(letters) <= room:
	case room < 4:
		return ""
	default:
		letters = append(letters[:room-1:room-1], '…')
	}
	return plain(string(letters))
}

// plain escapes a text; what XML cannot hold becomes a question mark.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff || r >= 0xd800 && r < 0xe000 {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return html.EscapeString(text)
}
