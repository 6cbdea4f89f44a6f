package compare

import "fmt"

// Findings say in words what was found, the most telling first; at most so many
// functions are named.
func (r *Result) Findings(most int) []string {
	var out []string
	named := 0
	for i := range r.Functions {
		f := &r.Functions[i]
		if !f.Changed() || named == most {
			break
		}
		// Callers grow with what they call: they are named only where no function
		// by itself explains it.
		c, what := &f.Self, "itself"
		if !c.Verdict.Up() && !c.Verdict.Down() {
			if named > 0 {
				break
			}
			c, what = &f.Total, "with what it calls"
		}
		named++
		out = append(out, fmt.Sprintf("%s %s: %s %.2f %% → %.2f %%, by %+.2f to %+.2f percentage points",
			f.Name, verb(c.Verdict), what, 100*c.A, 100*c.B, 100*c.Low, 100*c.High))
	}
	if rest := r.changed() - named; rest > 0 && named > 0 {
		out = append(out, fmt.Sprintf("%d more functions changed, themselves or in what they call", rest))
	}
	if q := r.Rate; q != nil {
		text := "no difference that is more than noise"
		if q.Low > 0 || q.High < 0 {
			text = "more than noise within a recording"
		}
		out = append(out, fmt.Sprintf("weight per second: %+.1f %% from A to B (95 %%: %+.1f to %+.1f): %s", 100*(q.B/q.A-1), 100*q.Low, 100*q.High, text))
	}
	if r.Outcome == Unchanged {
		if f := r.heaviest(); f != nil {
			out = append(out, fmt.Sprintf("a change of %.2f percentage points of %s (%.1f %%) would have been seen nine times in ten", 100*f.Self.Seen, f.Name, 100*f.Self.A))
		}
	}
	return out
}

func verb(v Verdict) string {
	switch v {
	case Grown:
		return "has grown"
	case Shrunk:
		return "has shrunk"
	case New:
		return "is new"
	case Vanished:
		return "has vanished"
	case Displaced:
		return "gave way"
	case Unclear:
		return "is within noise"
	case Same:
	}
	return "is the same"
}

func (r *Result) changed() int {
	n := 0
	for i := range r.Functions {
		if r.Functions[i].Changed() {
			n++
		}
	}
	return n
}

// heaviest is the function with the largest share of its own.
func (r *Result) heaviest() *Function {
	var best *Function
	for i := range r.Functions {
		f := &r.Functions[i]
		if f.Self.Seen > 0 && (best == nil || f.Self.A > best.Self.A) {
			best = f
		}
	}
	return best
}
