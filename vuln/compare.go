package vuln

import (
	"fmt"
	"slices"
	"strings"

	"ringside/vuln/feed"
)

// A Difference is what has changed between two scans of a kernel.
type Difference struct {
	// Expired is how many verdicts rest on something that is not the same any more: the
	// record, or what is known of the kernel. Most come out as they were.
	Expired int `json:"expired"`
	// Records is how many records say something else than before.
	Records int `json:"records"`
	// Inputs are what else has changed.
	Inputs  []InputChange `json:"inputs,omitempty"`
	Changes []Change      `json:"changes"`
}

// An InputChange is something that the kernel's verdicts were made from.
type InputChange struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// A Change is a verdict that is another than before.
type Change struct {
	CVE   string `json:"cve"`
	Title string `json:"title,omitempty"`
	// Old is empty where the CVE is new, New where its record is gone or was rejected.
	Old string   `json:"old,omitempty"`
	New string   `json:"new,omitempty"`
	Why []string `json:"why"`
}

// Compare says which verdicts differ between two scans, and because of what.
func Compare(old, new *Report) *Difference {
	d := &Difference{Changes: []Change{}}
	d.Inputs = compareInputs(old.Kernel, new.Kernel)
	i, j := 0, 0
	for i < len(old.Verdicts) || j < len(new.Verdicts) {
		var order int
		switch {
		case i == len(old.Verdicts):
			order = 1
		case j == len(new.Verdicts):
			order = -1
		default:
			order = feed.Compare(old.Verdicts[i].CVE, new.Verdicts[j].CVE)
		}
		switch {
		case order < 0:
			o := &old.Verdicts[i]
			d.Expired++
			d.Changes = append(d.Changes, Change{CVE: o.CVE, Title: o.Title, Old: o.Verdict.String(), Why: []string{"the record is gone or was rejected"}})
			i++
		case order > 0:
			n := &new.Verdicts[j]
			d.Changes = append(d.Changes, Change{CVE: n.CVE, Title: n.Title, New: n.Verdict.String(), Why: append([]string{"the record is new"}, says(n.Evidence)...)})
			j++
		default:
			d.compare(&old.Verdicts[i], &new.Verdicts[j])
			i, j = i+1, j+1
		}
	}
	return d
}

func (d *Difference) compare(o, n *Verdict) {
	if o.Fingerprint == n.Fingerprint {
		return
	}
	d.Expired++
	record := recordOf(o.Fingerprint) != recordOf(n.Fingerprint)
	if record {
		d.Records++
	}
	if o.Verdict == n.Verdict {
		return
	}
	c := Change{CVE: n.CVE, Title: n.Title, Old: o.Verdict.String(), New: n.Verdict.String()}
	if record {
		c.Why = append(c.Why, "the record was changed")
	} else {
		for _, in := range d.Inputs {
			c.Why = append(c.Why, in.Name+" is another")
		}
	}
	before, after := says(o.Evidence), says(n.Evidence)
	for _, s := range before {
		if !slices.Contains(after, s) {
			c.Why = append(c.Why, "no longer: "+s)
		}
	}
	for _, s := range after {
		if !slices.Contains(before, s) {
			c.Why = append(c.Why, "now: "+s)
		}
	}
	d.Changes = append(d.Changes, c)
}

// recordOf is the part of a fingerprint that identifies the record.
func recordOf(fingerprint string) string { return fingerprint[:min(16, len(fingerprint))] }

func says(list []Evidence) (s []string) {
	for _, e := range list {
		s = append(s, e.Says)
	}
	return s
}

func compareInputs(o, n KernelInfo) (list []InputChange) {
	if o.Base != n.Base {
		list = append(list, InputChange{Name: "version", Old: o.Base.String(), New: n.Base.String()})
	}
	names := map[string]bool{}
	for name := range o.Inputs {
		names[name] = true
	}
	for name := range n.Inputs {
		names[name] = true
	}
	for name := range names {
		if o.Inputs[name] != n.Inputs[name] {
			list = append(list, InputChange{Name: name, Old: o.Inputs[name], New: n.Inputs[name]})
		}
	}
	slices.SortFunc(list, func(a, b InputChange) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// String says in a line what has changed.
func (d *Difference) String() string {
	return fmt.Sprintf("%d verdicts are other than before; %d had expired, %d because their records were changed", len(d.Changes), d.Expired, d.Records)
}
