package render

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// PairsSchemaID names the JSON form of [Pairs].
const PairsSchemaID = "https://ringside.dev/schemas/signature-pairs.v1.json"

// Pairs is the JSON of the verbs about pairs of signatures.
type Pairs struct {
	Schema      string          `json:"schema"`
	Links       json.RawMessage `json:"links,omitempty"`       // what was decided, as the API describes it
	Suggestions json.RawMessage `json:"suggestions,omitempty"` // what might be, as the API describes it
}

type linkList struct {
	Items []struct {
		ID, Kind, By, Reason string
		A, B                 signedAs
		UndoneAt             *string `json:"undone_at"`
		UndoneBy             string  `json:"undone_by"`
	} `json:"items"`
	Next string `json:"next"`
}

type suggestionList struct {
	Total int64 `json:"total"`
	Items []struct {
		A, B    candidate
		Score   float64
		Zone    string
		Reasons []string
	} `json:"items"`
}

type candidate struct {
	signedAs
	Crashes int64 `json:"crashes"`
}

// SignaturePairs writes decisions and suggestions for reading.
func SignaturePairs(w io.Writer, x Pairs, s Style) error {
	p := &printer{w: w, s: s}
	if x.Links != nil {
		var l linkList
		if err := json.Unmarshal(x.Links, &l); err != nil {
			return fmt.Errorf("answer about links: %w", err)
		}
		if len(l.Items) == 0 {
			p.line("nobody decided about any two signatures")
		}
		for _, v := range l.Items {
			what := s.paint(good, "merged")
			if v.Kind != "must" {
				what = s.paint(caution, "kept apart")
			}
			by := ""
			if v.By != "" {
				by = " by " + v.By
			}
			if v.UndoneAt != nil {
				by += ", taken back"
				if v.UndoneBy != "" {
					by += " by " + v.UndoneBy
				}
			}
			p.line("%s%s  %s", what, by, s.paint(faint, v.ID))
			p.line("  %s  %s", v.A.Title, s.paint(faint, v.A.State+" · "+v.A.ID))
			p.line("  %s  %s", v.B.Title, s.paint(faint, v.B.State+" · "+v.B.ID))
			if v.Reason != "" {
				p.wrapped("  ", v.Reason, faint)
			}
		}
		if l.Next != "" {
			p.line("there are more; ask for them with --limit")
		}
	}
	if x.Suggestions != nil {
		var l suggestionList
		if err := json.Unmarshal(x.Suggestions, &l); err != nil {
			return fmt.Errorf("answer about suggestions: %w", err)
		}
		if len(l.Items) == 0 {
			p.line("no two signatures are alike enough")
		}
		for _, v := range l.Items {
			p.line("%3d %%  %s", percent(v.Score), v.Zone)
			for _, c := range []candidate{v.A, v.B} {
				p.line("  %s  %s", c.Title, s.paint(faint, crashes(c.Crashes)+" · "+c.State+" · "+c.ID))
			}
			p.wrapped("  ", strings.Join(v.Reasons, "; "), faint)
		}
		if n := l.Total - int64(len(l.Items)); n > 0 && len(l.Items) > 0 {
			p.line("and %d more; ask for them with --limit", n)
		}
	}
	return p.err
}
