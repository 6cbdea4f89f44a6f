package web

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"ringside/crash"
)

// lockGraph is a wait graph as a drawing and in words.
type lockGraph struct {
	SVG     template.HTML
	Rings   []string // deadlocks, in words
	Waits   []string // every edge, in words
	More    int      // waiters that are not drawn
	Ends    []lockEnd
	Drawn   int
	HasRing bool
}

// lockEnd is what everything else waits for.
type lockEnd struct {
	Name    string
	Waiters int
	Task    int // TID, 0 if it is no task
}

const (
	maxDrawn   = 60 // nodes of a drawing
	maxAlike   = 4  // waiters with nobody behind them that are drawn for one lock
	nodeWidth  = 204
	nodeHeight = 42
	gapX       = 76
	gapY       = 18
	margin     = 14
)

// drawLocks lays a wait graph out: who waits on the left, whom they wait for on
// the right. Rings are taken apart at one edge, which is drawn as the way back.
func drawLocks(g *crash.WaitGraph, dumpPath string) *lockGraph {
	l := &lockLayout{g: g, path: dumpPath, ring: map[[2]int]bool{}, inRing: map[int]bool{}, seen: map[int]bool{}}
	out := &lockGraph{HasRing: len(g.Cycles) > 0}
	for _, c := range g.Cycles {
		var names []string
		for i, n := range c {
			names = append(names, l.name(n))
			l.inRing[n] = true
			l.ring[[2]int{n, c[(i+1)%len(c)]}] = true
		}
		if len(c) > 0 {
			out.Rings = append(out.Rings, strings.Join(names, " → ")+" → "+l.name(c[0]))
		}
	}
	for _, e := range g.Edges {
		if l.valid(e) {
			out.Waits = append(out.Waits, l.name(e.From)+" "+e.Reason+" "+l.name(e.To))
		}
	}
	for _, e := range g.Ends {
		if e.Node >= 0 && e.Node < len(g.Nodes) {
			out.Ends = append(out.Ends, lockEnd{l.name(e.Node), e.Waiters, g.Nodes[e.Node].PID})
		}
	}
	l.choose()
	out.Drawn, out.More = len(l.shown), len(g.Nodes)-len(l.shown)
	if len(l.shown) > 0 {
		l.place()
		out.SVG = l.svg(out)
	}
	return out
}

type lockLayout struct {
	g      *crash.WaitGraph
	path   string
	ring   map[[2]int]bool // edges of rings
	inRing map[int]bool
	seen   map[int]bool // shown
	shown  []int
	out    map[int][]int // of shown nodes, less the ways back
	back   map[[2]int]bool
	layer  map[int]int
	x, y   map[int]int
	width  int
	height int
}

func (l *lockLayout) valid(e crash.WaitEdge) bool {
	return e.From >= 0 && e.From < len(l.g.Nodes) && e.To >= 0 && e.To < len(l.g.Nodes) && e.From != e.To
}

func (l *lockLayout) name(n int) string {
	if n < 0 || n >= len(l.g.Nodes) {
		return "?"
	}
	return l.g.Nodes[n].Name
}

// choose decides which nodes are drawn: rings, then what most wait for, and of
// many waiters that are alike a few.
func (l *lockLayout) choose() {
	waiters, waitsFor := map[int]int{}, map[int][]int{}
	for _, e := range l.g.Edges {
		if l.valid(e) {
			waiters[e.To]++
			waitsFor[e.From] = append(waitsFor[e.From], e.To)
		}
	}
	order := make([]int, 0, len(l.g.Nodes))
	for n := range l.g.Nodes {
		if waiters[n] > 0 || len(waitsFor[n]) > 0 {
			order = append(order, n)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(btoi(l.inRing[b])-btoi(l.inRing[a]), waiters[b]-waiters[a])
	})
	alike := map[int]int{}
	for _, n := range order {
		if len(l.shown) == maxDrawn {
			break
		}
		if waiters[n] == 0 && len(waitsFor[n]) == 1 && !l.inRing[n] {
			if alike[waitsFor[n][0]]++; alike[waitsFor[n][0]] > maxAlike {
				continue
			}
		}
		l.shown = append(l.shown, n)
		l.seen[n] = true
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// place gives every node its column, by the longest way to it from the left,
// and its row.
func (l *lockLayout) place() {
	l.out, l.back, l.layer = map[int][]int{}, map[[2]int]bool{}, map[int]int{}
	next := map[int][]int{}
	for _, e := range l.g.Edges {
		if l.valid(e) && l.seen[e.From] && l.seen[e.To] {
			next[e.From] = append(next[e.From], e.To)
		}
	}
	// Depth first; an edge to a node that is on the way is the way back. Who
	// waits outside of a ring comes first, so that the ring is entered where
	// they wait, or at its first node.
	const white, grey, black = 0, 1, 2
	colour, order := map[int]int{}, []int{}
	var visit func(n int)
	visit = func(n int) {
		colour[n] = grey
		for _, m := range next[n] {
			switch colour[m] {
			case grey:
				l.back[[2]int{n, m}] = true
				continue
			case white:
				visit(m)
			}
			l.out[n] = append(l.out[n], m)
		}
		colour[n] = black
		order = append(order, n)
	}
	for _, n := range l.shown {
		if colour[n] == white {
			visit(n)
		}
	}
	slices.Reverse(order)
	for _, n := range order {
		for _, m := range l.out[n] {
			l.layer[m] = max(l.layer[m], l.layer[n]+1)
		}
	}
	// A waiter stands next to what it waits for.
	for _, n := range slices.Backward(order) {
		if len(l.out[n]) > 0 && !l.inRing[n] {
			least := l.layer[l.out[n][0]]
			for _, m := range l.out[n] {
				least = min(least, l.layer[m])
			}
			l.layer[n] = least - 1
		}
	}
	l.rows(order)
}

// rows stacks the parts of the graph that have nothing to do with each other,
// and within one puts each node near the height of those it waits for.
func (l *lockLayout) rows(order []int) {
	l.x, l.y = map[int]int{}, map[int]int{}
	top := margin
	for _, part := range l.parts(order) {
		first, columns := l.layer[part[0]], map[int][]int{}
		for _, n := range part {
			first = min(first, l.layer[n])
		}
		last := 0
		for _, n := range part {
			c := l.layer[n] - first
			columns[c] = append(columns[c], n)
			last = max(last, c)
		}
		tallest, hasBack := 0, false
		for c := last; c >= 0; c-- {
			slices.SortStableFunc(columns[c], func(a, b int) int { return l.wish(a) - l.wish(b) })
			for i, n := range columns[c] {
				l.x[n] = margin + c*(nodeWidth+gapX)
				l.y[n] = top + i*(nodeHeight+gapY)
			}
			tallest = max(tallest, len(columns[c]))
		}
		for _, n := range part {
			for e := range l.back {
				hasBack = hasBack || e[0] == n
			}
		}
		l.width = max(l.width, margin*2+(last+1)*nodeWidth+last*gapX)
		top += tallest * (nodeHeight + gapY)
		if hasBack {
			top += 34
		}
		top += gapY
	}
	l.height = top
}

// wish is the height at which a node would like to be.
func (l *lockLayout) wish(n int) int {
	if len(l.out[n]) == 0 {
		return 0
	}
	sum := 0
	for _, m := range l.out[n] {
		sum += l.y[m]
	}
	return sum / len(l.out[n])
}

// parts are the connected parts of the graph, in the order of their first nodes.
func (l *lockLayout) parts(order []int) [][]int {
	near := map[int][]int{}
	for _, e := range l.g.Edges {
		if l.valid(e) && l.seen[e.From] && l.seen[e.To] {
			near[e.From], near[e.To] = append(near[e.From], e.To), append(near[e.To], e.From)
		}
	}
	place := map[int]int{}
	for i, n := range order {
		place[n] = i
	}
	done := map[int]bool{}
	var parts [][]int
	for _, n := range l.shown {
		if done[n] {
			continue
		}
		done[n] = true
		part := []int{n}
		for i := 0; i < len(part); i++ {
			for _, m := range near[part[i]] {
				if !done[m] {
					done[m] = true
					part = append(part, m)
				}
			}
		}
		slices.SortFunc(part, func(a, b int) int { return place[a] - place[b] })
		parts = append(parts, part)
	}
	return parts
}

// svg draws. Whatever comes from a dump is escaped here.
func (l *lockLayout) svg(out *lockGraph) template.HTML {
	var b strings.Builder
	said := "Who waits for whom: " + count(len(l.shown), "node", "nodes")
	if len(out.Rings) > 0 {
		said += "; deadlock " + strings.Join(out.Rings, "; ")
	}
	esc := template.HTMLEscapeString
	fmt.Fprintf(&b, `<svg class="locks" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">`, l.width, l.height, l.width, l.height, esc(said))
	b.WriteString(`<defs><marker id="lk-end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path class="lk-tip" d="M0 0L8 4L0 8z"/></marker>` +
		`<marker id="lk-end-ring" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="11" markerHeight="11" markerUnits="userSpaceOnUse" orient="auto"><path class="lk-tip ring" d="M0 0L8 4L0 8z"/></marker></defs>`)
	for _, e := range l.g.Edges {
		if l.valid(e) && l.seen[e.From] && l.seen[e.To] {
			l.edge(&b, e)
		}
	}
	for _, n := range l.shown {
		l.node(&b, n)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

func (l *lockLayout) edge(b *strings.Builder, e crash.WaitEdge) {
	class, tip := "lk-edge", "lk-end"
	if l.ring[[2]int{e.From, e.To}] {
		class, tip = "lk-edge ring", "lk-end-ring"
	}
	if e.Confidence < 0.9 {
		class += " guess"
	}
	x1, y1 := l.x[e.From]+nodeWidth, l.y[e.From]+nodeHeight/2
	x2, y2 := l.x[e.To]-2, l.y[e.To]+nodeHeight/2
	d := fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+gapX/2, y1, x2-gapX/2, y2, x2, y2)
	if l.back[[2]int{e.From, e.To}] {
		// Below everything, from the right end back to the left one.
		x1, x2 = l.x[e.From]+nodeWidth/2, l.x[e.To]+nodeWidth/2
		low := max(l.y[e.From], l.y[e.To]) + nodeHeight
		y1, y2 = l.y[e.From]+nodeHeight, l.y[e.To]+nodeHeight+2
		d = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1, low+44, x2, low+44, x2, y2)
	}
	esc := template.HTMLEscapeString
	fmt.Fprintf(b, `<path class="%s" d="%s" marker-end="url(#%s)"><title>%s</title></path>`, class, d, tip,
		esc(l.name(e.From)+" "+e.Reason+" "+l.name(e.To)))
}

func (l *lockLayout) node(b *strings.Builder, n int) {
	node, esc := l.g.Nodes[n], template.HTMLEscapeString
	class, round := "lk-node lk-other", nodeHeight/2
	switch node.Kind {
	case "task":
		class, round = "lk-node lk-task", 6
	case "lock":
		class = "lk-node lk-lock"
	}
	if l.inRing[n] {
		class += " ring"
	}
	x, y := l.x[n], l.y[n]
	first, second := node.Name, node.Kind
	if node.Kind == "task" {
		if name, tid, ok := strings.Cut(node.Name, ":"); ok {
			first, second = name, "task "+tid
		}
		if node.State != "" {
			second += " · " + node.State
		}
	} else if kind, name, ok := strings.Cut(node.Name, " "); ok {
		first, second = name, kind
	}
	link := node.Kind == "task" && node.PID != 0
	if link {
		fmt.Fprintf(b, `<a href="%s/tasks?q=%d">`, esc(l.path), node.PID)
	}
	fmt.Fprintf(b, `<g class="%s"><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="%d"/>`, class, esc(node.Name), x, y, nodeWidth, nodeHeight, round)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text><text class="lk-sub" x="%d" y="%d">%s</text></g>`,
		x+14, y+18, esc(fit(first, 25)), x+14, y+33, esc(fit(second, 30)))
	if link {
		b.WriteString(`</a>`)
	}
}

// fit cuts a text to so many characters.
func fit(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
