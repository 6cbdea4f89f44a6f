package diagnose

import (
	"cmp"
	"fmt"
	"slices"

	"ringside/crash"
)

// Diagnosis is what is made of one report.
type Diagnosis struct {
	Meaning    string               `json:"meaning"`                        // what happened, one or two sentences
	Errnos     []Errno              `json:"errnos,omitempty"`               // error numbers in the headline, named
	Fault      *FaultingInstruction `json:"faulting_instruction,omitempty"` // the instruction that trapped
	Security   *Security            `json:"security,omitempty"`             // what it may mean to an attacker
	Hypotheses []Hypothesis         `json:"hypotheses"`                     // likely causes, the likeliest first
	Next       []string             `json:"next"`                           // what to do, in order
}

// Hypothesis is a likely cause with the facts that speak for it.
type Hypothesis struct {
	Rule       string   `json:"rule"`
	Text       string   `json:"text"`
	Confidence float64  `json:"confidence"` // 0-1
	Evidence   []string `json:"evidence"`   // fields of the report, as in crash.Evidence.Field
	Check      string   `json:"check"`      // how to confirm or refute it
}

// Explain diagnoses report i of doc.
func Explain(doc *crash.Document, i int) Diagnosis {
	r := &doc.Reports[i]
	k := &facts{doc: doc, report: r, space: spaceOf(r), fault: fault(r)}
	d := Diagnosis{Meaning: meaning(r), Hypotheses: []Hypothesis{}, Fault: k.fault, Security: security(k), Errnos: errnosIn(r.Headline, k.space.arch)}
	for _, e := range d.Errnos {
		d.Meaning += fmt.Sprintf(" -%d is %s: %s.", e.Number, e.Name, e.Text)
	}
	for _, rule := range rules {
		if h := rule.apply(k); h != nil {
			h.Rule = rule.id
			d.Hypotheses = append(d.Hypotheses, *h)
		}
	}
	slices.SortStableFunc(d.Hypotheses, func(a, b Hypothesis) int { return cmp.Compare(b.Confidence, a.Confidence) })
	d.Next = next(doc, r, d.Hypotheses)
	return d
}
