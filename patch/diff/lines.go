package diff

// An Edit is a stretch in which two texts differ: lines A to AEnd of the one stand where
// the other has B to BEnd. Lines count from 0.
type Edit struct {
	A, AEnd int
	B, BEnd int
}

// maxEdits bounds the search for the fewest differences: beyond so many, a stretch is
// taken as wholly different.
const maxEdits = 3000

// Lines compares two texts line by line: the fewest lines that are removed and added.
// Where an edit could as well lie further down, it does, as in git's diffs.
func Lines(a, b []string) []Edit {
	// What is the same at both ends is most of a file.
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	x, y := a[head:], b[head:]
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	removed, added := make([]bool, len(a)+1), make([]bool, len(b)+1)
	differ(x, y, removed[head:], added[head:])
	slide(a, removed, added)
	slide(b, added, removed)
	return edits(removed, added, len(a), len(b))
}

// differ marks the lines that only one of the texts has, by Myers' algorithm.
func differ(a, b []string, removed, added []bool) {
	if len(a) == 0 || len(b) == 0 {
		for i := range a {
			removed[i] = true
		}
		for i := range b {
			added[i] = true
		}
		return
	}
	// Numbers are compared faster than lines.
	ids := map[string]int32{}
	number := func(lines []string) []int32 {
		out := make([]int32, len(lines))
		for i, l := range lines {
			id, ok := ids[l]
			if !ok {
				id = int32(len(ids))
				ids[l] = id
			}
			out[i] = id
		}
		return out
	}
	m, n := number(a), number(b)
	most := min(len(m)+len(n), maxEdits)
	// far[k+most] is how far in a one comes on diagonal k; rounds keeps it for each number
	// of edits.
	far := make([]int32, 2*most+2)
	var rounds [][]int32
	found := -1
search:
	for d := 0; d <= most; d++ {
		rounds = append(rounds, append([]int32(nil), far[most-min(d, most):most+min(d, most)+1]...))
		for k := -d; k <= d; k += 2 {
			var i int32
			if k == -d || k != d && far[most+k-1] < far[most+k+1] {
				i = far[most+k+1]
			} else {
				i = far[most+k-1] + 1
			}
			j := i - int32(k)
			for int(i) < len(m) && int(j) < len(n) && j >= 0 && m[i] == n[j] {
				i++
				j++
			}
			far[most+k] = i
			if int(i) >= len(m) && int(j) >= len(n) {
				found = d
				break search
			}
		}
	}
	if found < 0 {
		for i := range a {
			removed[i] = true
		}
		for i := range b {
			added[i] = true
		}
		return
	}
	i, j := int32(len(m)), int32(len(n))
	for d := found; d > 0; d-- {
		row := rounds[d] // what was known before this round, centred
		at := func(k int) int32 {
			if x := k + d; x >= 0 && x < len(row) {
				return row[x]
			}
			return 0
		}
		k := int(i - j)
		down := k == -d || k != d && at(k-1) < at(k+1)
		prev := k - 1
		if down {
			prev = k + 1
		}
		pi := at(prev)
		pj := pi - int32(prev)
		// The edit comes first, then what is the same.
		if down {
			added[pj] = true
		} else {
			removed[pi] = true
		}
		i, j = pi, pj
	}
}

// slide moves each stretch of changed lines as far down as it may lie. Stretches that
// meet become one.
func slide(lines []string, changed, other []bool) {
	n := len(lines)
	for i, o := 0, 0; i < n; {
		if !changed[i] {
			// The other text's line here is the same one: step over its changes.
			for other[o] {
				o++
			}
			i++
			o++
			continue
		}
		begin := i
		for i < n && changed[i] {
			i++
		}
		for i < n && lines[begin] == lines[i] && !otherChange(other, o) {
			changed[begin], changed[i] = false, true
			begin++
			i++
			o++
			for i < n && changed[i] {
				i++
			}
		}
		for i < n && changed[i] {
			i++
		}
	}
}

func otherChange(other []bool, o int) bool { return o < len(other) && other[o] }

// edits gathers what was marked.
func edits(removed, added []bool, la, lb int) (out []Edit) {
	for i, j := 0, 0; i < la || j < lb; {
		if i < la && j < lb && !removed[i] && !added[j] {
			i++
			j++
			continue
		}
		e := Edit{A: i, B: j}
		for i < la && removed[i] {
			i++
		}
		for j < lb && added[j] {
			j++
		}
		e.AEnd, e.BEnd = i, j
		out = append(out, e)
	}
	return out
}
