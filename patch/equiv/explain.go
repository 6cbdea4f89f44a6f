package equiv

import (
	"cmp"
	"slices"
	"strings"

	"ringside/patch/diff"
)

// A Pair is a hunk of one change beside the hunk of the other that it agrees with most. One
// of them is nil where nothing agrees.
type Pair struct {
	AFile, BFile string
	A, B         *diff.Hunk
	// Common is how many of the lines that they add or remove both have, OnlyA and OnlyB
	// how many one has alone. Blanks do not count.
	Common, OnlyA, OnlyB int
}

// Same tells whether both hunks change the same lines.
func (p *Pair) Same() bool { return p.A != nil && p.B != nil && p.OnlyA == 0 && p.OnlyB == 0 }

type sideHunk struct {
	file  string
	hunk  *diff.Hunk
	lines map[uint64]int // hash, with the operation, to how often
	total int
	used  bool
}

func sideHunks(files []diff.File) []sideHunk {
	var out []sideHunk
	for i := range files {
		for k := range files[i].Hunks {
			h := sideHunk{file: files[i].Path(), hunk: &files[i].Hunks[k], lines: map[uint64]int{}}
			for _, l := range h.hunk.Lines {
				if hash, ok := lineHash(l.Text); ok && l.Op != ' ' {
					h.lines[hash<<1|uint64(l.Op>>1&1)]++
					h.total++
				}
			}
			out = append(out, h)
		}
	}
	return out
}

func (h *sideHunk) common(o *sideHunk) int {
	n := 0
	for l, k := range h.lines {
		n += min(k, o.lines[l])
	}
	return n
}

// Explain puts the hunks of two changes side by side, in the order of the first.
func Explain(a, b []diff.File) []Pair {
	as, bs := sideHunks(a), sideHunks(b)
	type link struct{ i, k, common, near int }
	var links []link
	for i := range as {
		for k := range bs {
			if n := as[i].common(&bs[k]); n > 0 {
				near := 0
				if as[i].file == bs[k].file {
					near = 1
				}
				links = append(links, link{i, k, n, near})
			}
		}
	}
	slices.SortStableFunc(links, func(x, y link) int {
		if c := cmp.Compare(y.common, x.common); c != 0 {
			return c
		}
		return cmp.Compare(y.near, x.near)
	})
	partner := map[int]link{}
	for _, l := range links {
		if !as[l.i].used && !bs[l.k].used {
			as[l.i].used, bs[l.k].used = true, true
			partner[l.i] = l
		}
	}
	var out []Pair
	for i := range as {
		p := Pair{AFile: as[i].file, A: as[i].hunk, OnlyA: as[i].total}
		if l, ok := partner[i]; ok {
			o := &bs[l.k]
			p.BFile, p.B, p.Common = o.file, o.hunk, l.common
			p.OnlyA, p.OnlyB = as[i].total-l.common, o.total-l.common
		}
		out = append(out, p)
	}
	for k := range bs {
		if !bs[k].used {
			out = append(out, Pair{BFile: bs[k].file, B: bs[k].hunk, OnlyB: bs[k].total})
		}
	}
	return out
}

// Columns lays a pair out side by side: lines that agree stand next to each other, others
// alone. Each row has the operation with the text, empty where a side has nothing.
func (p *Pair) Columns() [][2]string {
	side := func(h *diff.Hunk) (text, key []string) {
		if h == nil {
			return nil, nil
		}
		for _, l := range h.Lines {
			text = append(text, string(l.Op)+l.Text)
			key = append(key, string(l.Op)+strings.Join(strings.Fields(l.Text), " "))
		}
		return text, key
	}
	at, ak := side(p.A)
	bt, bk := side(p.B)
	if len(at)*len(bt) > maxTable {
		at, ak, bt, bk = at[:min(len(at), 1000)], ak[:min(len(ak), 1000)], bt[:min(len(bt), 1000)], bk[:min(len(bk), 1000)]
	}
	// The longest common subsequence, by the usual table.
	best := make([][]int32, len(ak)+1)
	for i := range best {
		best[i] = make([]int32, len(bk)+1)
	}
	for i := len(ak) - 1; i >= 0; i-- {
		for k := len(bk) - 1; k >= 0; k-- {
			if ak[i] == bk[k] {
				best[i][k] = best[i+1][k+1] + 1
			} else {
				best[i][k] = max(best[i+1][k], best[i][k+1])
			}
		}
	}
	var rows [][2]string
	i, k := 0, 0
	for i < len(ak) || k < len(bk) {
		switch {
		case i < len(ak) && k < len(bk) && ak[i] == bk[k]:
			rows = append(rows, [2]string{at[i], bt[k]})
			i, k = i+1, k+1
		case k == len(bk) || i < len(ak) && best[i+1][k] >= best[i][k+1]:
			rows = append(rows, [2]string{at[i], ""})
			i++
		default:
			rows = append(rows, [2]string{"", bt[k]})
			k++
		}
	}
	return rows
}

const maxTable = 1 << 22
