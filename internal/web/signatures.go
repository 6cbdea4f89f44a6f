package web

import (
	"net/http"
	"slices"

	"ringside/internal/record"
)

const pageRows = 50

// signaturesView is a list of signatures with what it can be narrowed by.
type signaturesView struct {
	Origin  string
	Items   []record.Signature
	Columns []column
	Pager   pager
	Empty   bool // the record has no signature at all
	Active  []choice
	Clear   string

	Text    string
	Sort    string
	Reverse bool
	State   string
	States  []choice
	Classes []choice
	Kinds   []choice
	Owners  []choice
	Kernels []choice
	Periods []choice
	Host    string
	Beside  bool
}

func (s *site) signatures(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "q", "state", "class", "kind", "owner", "kernel", "host", "since", "secondary", "sort", "reverse", "offset")
	if err != nil {
		return err
	}
	f, err := s.signatureFilter(q)
	if err != nil {
		return err
	}
	p, err := s.svc.Signatures(r.Context(), f)
	if err != nil {
		return err
	}
	v := signaturesView{
		Origin: origin(r),
		Items:  p.Items, Pager: q.pager(f.Offset, len(p.Items), pageRows, p.Total),
		Empty: p.Total == 0 && len(p.Facets.States) == 0,
		Clear: q.path,
		Text:  f.Text, Sort: q.get("sort"), Reverse: f.Reverse, State: q.get("state"), Host: f.Host, Beside: f.Secondary,
		Classes: choices(p.Facets.Classes, q.get("class")),
		Kinds:   choices(p.Facets.Kinds, q.get("kind")),
		Owners:  choices(p.Facets.Owners, q.get("owner")),
		Kernels: choices(p.Facets.Kernels, f.Kernel),
		Periods: periodChoices(q.get("since")),
	}
	v.Columns = []column{
		q.column("Signature", "wide", "", "", false),
		q.column("30 days", "", string(record.SignaturesByTrend), string(record.SignaturesByLastSeen), true),
		q.column("Crashes", "n", string(record.SignaturesByCrashes), string(record.SignaturesByLastSeen), true),
		q.column("Hosts", "n", string(record.SignaturesByHosts), string(record.SignaturesByLastSeen), true),
		q.column("Kernels", "n", "", "", false),
		q.column("First seen", "", string(record.SignaturesByFirstSeen), string(record.SignaturesByLastSeen), true),
		q.column("Last seen", "", string(record.SignaturesByLastSeen), string(record.SignaturesByLastSeen), true),
		q.column("Owner", "", "", "", false),
	}
	v.Columns[1].Title = "The most grown in the last 7 days first"
	v.States = stateChoices(q, p.Facets.States)
	for _, k := range []string{"q", "class", "kind", "owner", "kernel", "host", "since", "secondary"} {
		if val := q.get(k); val != "" {
			v.Active = append(v.Active, choice{Label: k, Value: val, URL: q.with(k, "")})
		}
	}
	return s.show(w, r, "signatures", layout{Title: "Signatures", Section: "signatures", API: "/api/v1/signatures", Query: f.Text, View: v})
}

func (s *site) signatureFilter(q query) (record.SignatureFilter, error) {
	offset, err := q.number("offset")
	if err != nil {
		return record.SignatureFilter{}, err
	}
	from, err := since(s.now(), q.get("since"))
	if err != nil {
		return record.SignatureFilter{}, err
	}
	f := record.SignatureFilter{
		Text: q.get("q"), Kinds: q.list("kind"), Classes: q.list("class"),
		Kernel: q.get("kernel"), Host: q.get("host"), Owner: q.get("owner"), Since: from, Secondary: q.get("secondary") != "",
		Sort: record.SignatureSort(q.get("sort")), Reverse: q.get("reverse") != "",
		Window: record.Window{Limit: pageRows, Offset: offset},
	}
	for _, st := range q.list("state") {
		f.States = append(f.States, record.State(st))
	}
	return f, nil
}

// stateChoices offers all states, in the order a newcomer should learn them.
func stateChoices(q query, facets []record.Facet) []choice {
	chosen := q.list("state")
	var all int64
	var out []choice
	for _, st := range record.States {
		c := choice{Value: string(st), Label: string(st), Chosen: slices.Contains(chosen, string(st)), URL: q.with("state", string(st))}
		for _, f := range facets {
			if f.Value == c.Value {
				c.Count = f.Count
			}
		}
		all += c.Count
		out = append(out, c)
	}
	return append([]choice{{Label: "all", Count: all, Chosen: len(chosen) == 0, URL: q.with("state", "")}}, out...)
}
