package crash

// CompareSchemaID names the JSON form of [Comparison].
const CompareSchemaID = "https://ringside.dev/schemas/crash-compare.v1.json"

// Comparison says at which levels two reports are the same.
type Comparison struct {
	Schema   string      `json:"schema"`
	Exact    bool        `json:"exact"`
	Stack    bool        `json:"stack"`
	Portable bool        `json:"portable"`
	Family   bool        `json:"family"`
	Verdict  string      `json:"verdict"` // in words
	Common   int         `json:"common"`  // frames that both stacks have, counted from the outermost
	Frames   []FramePair `json:"frames"`  // the two stacks side by side, innermost first
}

// FramePair is one row of two aligned stacks; either side may be empty.
type FramePair struct {
	A    string `json:"a"`
	B    string `json:"b"`
	Same bool   `json:"same"`
}

// maxAligned bounds the alignment of two stacks.
const maxAligned = 128

// Compare compares two reports by their signatures and aligns their stacks.
func Compare(a, b *Report) Comparison {
	c := Comparison{
		Schema:   CompareSchemaID,
		Exact:    a.Signature.Exact == b.Signature.Exact,
		Stack:    a.Signature.Stack == b.Signature.Stack,
		Portable: a.Signature.Portable == b.Signature.Portable,
		Family:   a.Signature.Family == b.Signature.Family,
	}
	switch {
	case c.Exact:
		c.Verdict = "the same crash of the same build"
	case c.Stack:
		c.Verdict = "the same crash, from another build"
	case c.Portable:
		c.Verdict = "the same defect, reached another way"
	case c.Family:
		c.Verdict = "probably the same defect, seen by another detector"
	default:
		c.Verdict = "different defects"
	}
	c.Frames, c.Common = align(stackNames(a), stackNames(b))
	return c
}

func stackNames(r *Report) []string {
	var names []string
	for i := range r.Frames {
		f := &r.Frames[i]
		if f.Reliable && !f.Inline && f.Function != "" && len(names) < maxAligned {
			names = append(names, PortableName(f.Function))
		}
	}
	return names
}

// align finds a longest common subsequence of two stacks.
func align(a, b []string) ([]FramePair, int) {
	// best[i][j] is the length for a[i:] and b[j:].
	best := make([][]int, len(a)+1)
	for i := range best {
		best[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				best[i][j] = best[i+1][j+1] + 1
			} else {
				best[i][j] = max(best[i+1][j], best[i][j+1])
			}
		}
	}
	pairs := []FramePair{}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			pairs = append(pairs, FramePair{a[i], b[j], true})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && best[i+1][j] >= best[i][j+1]:
			pairs = append(pairs, FramePair{A: a[i]})
			i++
		default:
			pairs = append(pairs, FramePair{B: b[j]})
			j++
		}
	}
	return pairs, best[0][0]
}
