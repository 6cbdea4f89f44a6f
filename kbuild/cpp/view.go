package cpp

import (
	"slices"
	"strings"
)

// A Reason is a conditional that decides about lines.
type Reason struct {
	Line int    // of the directive
	Text string // as "#ifdef CONFIG_X", or "#else of #ifdef CONFIG_X"
	// Symbol is the first that the condition names, without CONFIG_; "" for none.
	Symbol string
	Holds  Truth
}

// A View is a file's conditionals under a configuration. It is not for several
// goroutines.
type View struct {
	f       *File
	symbols Symbols
	holds   []Truth // of each branch's own condition
	known   []bool
}

// Under gives the view of a configuration.
func (f *File) Under(symbols Symbols) *View {
	return &View{f: f, symbols: symbols, holds: make([]Truth, len(f.branches)), known: make([]bool, len(f.branches))}
}

// Lines says whether a stretch of lines is compiled: No where each of them is left out,
// Yes where one is not, Unknown otherwise. Where last is less than first it asks about
// what would be inserted before first. The reasons are the conditionals that leave the
// lines out, or that have to hold for them.
func (v *View) Lines(first, last int) (Truth, []Reason) {
	f := v.f
	if f.broken != "" || first < 1 || first > len(f.at) || last >= len(f.at) {
		return Unknown, nil
	}
	if last < first {
		t, why := v.inside(f.at[first-1])
		return t, why
	}
	result := No
	var out, in []Reason
	for line := first; line <= last; line++ {
		at := f.at[line]
		// An #if and an #else are read where what they stand in is.
		if at >= 0 && f.directives[line] == int32(f.branches[at].line) {
			at = int32(f.branches[at].outer)
		}
		t, why := v.inside(at)
		switch t {
		case No:
			out = merge(out, why)
			continue
		case Yes:
			result = Yes
		case Unknown:
			if result == No {
				result = Unknown
			}
		}
		in = merge(in, why)
	}
	if result == No {
		return No, out
	}
	return result, in
}

func merge(list, more []Reason) []Reason {
	for _, r := range more {
		if !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list
}

// inside says whether a branch is read, with what decides it: the outermost condition
// that does not hold, else all that it stands under.
func (v *View) inside(branch int32) (Truth, []Reason) {
	t := Yes
	var why []Reason
	for i := int(branch); i >= 0; i = v.f.branches[i].outer {
		r := v.reason(i)
		if r.Holds == No {
			why = append(why[:0], r)
		} else if t != No && !v.f.branches[i].guard {
			why = append(why, r)
		}
		t = t.and(r.Holds)
	}
	slices.Reverse(why)
	return t, why
}

// reason says whether a branch is taken, if what it stands in is read.
func (v *View) reason(i int) Reason {
	b := &v.f.branches[i]
	r := Reason{Line: b.line, Text: "#" + b.word, Symbol: symbolIn(b.text)}
	if b.text != "" {
		r.Text += " " + b.text
	}
	r.Holds = v.own(i)
	for j := b.before; j >= 0; j = v.f.branches[j].before {
		r.Holds = r.Holds.and(v.own(j).not())
		if v.f.branches[j].before < 0 {
			r.Text += " of #" + v.f.branches[j].word + " " + v.f.branches[j].text
			if r.Symbol == "" {
				r.Symbol = symbolIn(v.f.branches[j].text)
			}
		}
	}
	return r
}

// own gives the truth of a branch's own condition.
func (v *View) own(i int) Truth {
	if v.known[i] {
		return v.holds[i]
	}
	b := &v.f.branches[i]
	t := Unknown
	switch b.word {
	case "if", "elif":
		t = condition(b.text, v.symbols)
	case "ifdef", "elifdef":
		t = v.symbols.defined(firstWord(b.text))
	case "ifndef", "elifndef":
		t = v.symbols.defined(firstWord(b.text)).not()
	case "else":
		t = Yes
	}
	if b.guard {
		t = Yes
	}
	v.holds[i], v.known[i] = t, true
	return t
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}

func symbolIn(text string) string {
	_, rest, ok := strings.Cut(text, "CONFIG_")
	if !ok {
		return ""
	}
	n := 0
	for n < len(rest) && identifier(rest[n]) {
		n++
	}
	return rest[:n]
}
