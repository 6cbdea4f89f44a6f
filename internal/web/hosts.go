package web

import (
	"net/http"

	"ringside/internal/record"
)

// hostsView is the machines of the fleet.
type hostsView struct {
	Origin  string
	Items   []record.Host
	Columns []column
	Pager   pager
	Text    string
	Kernel  string
	Group   string
	Sort    string
	Active  []choice
}

func (s *site) hosts(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "q", "kernel", "group", "sort", "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	p, err := s.svc.Hosts(r.Context(), record.HostFilter{Text: q.get("q"), Group: q.get("group"), Kernel: q.get("kernel"),
		Sort: record.HostSort(q.get("sort")), Window: record.Window{Limit: pageRows, Offset: offset}})
	if err != nil {
		return err
	}
	const standard = string(record.HostsByLastCrash)
	v := hostsView{Origin: origin(r), Items: p.Items, Pager: q.pager(offset, len(p.Items), pageRows, p.Total),
		Text: q.get("q"), Kernel: q.get("kernel"), Group: q.get("group"), Sort: q.get("sort"), Columns: []column{
			q.column("Host", "wide", string(record.HostsByName), standard, false),
			q.column("Group", "", "", "", false),
			q.column("Kernel", "", "", "", false),
			q.column("Crashes", "n", string(record.HostsByCrashes), standard, false),
			q.column("Signatures", "n", "", "", false),
			q.column("Last crash", "", standard, standard, false),
			q.column("Last seen", "", string(record.HostsByLastSeen), standard, false),
		}}
	for _, k := range []string{"q", "kernel", "group"} {
		if val := q.get(k); val != "" {
			v.Active = append(v.Active, choice{Label: k, Value: val, URL: q.with(k, "")})
		}
	}
	return s.show(w, r, "hosts", layout{Title: "Hosts", Section: "hosts", API: "/api/v1/hosts", View: v})
}

// hostView is one machine with its history.
type hostView struct {
	*record.HostDetail
	Chart chart
}

func (s *site) host(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.Host(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := hostView{HostDetail: d}
	if d.Trend.Total() > 0 {
		v.Chart = newChart("Crashes per day", d.Trend.Day(0), []series{{Label: "crashes", Color: "k0", Counts: d.Trend.Counts}})
	}
	return s.show(w, r, "host", layout{Title: d.Name, Section: "hosts", API: "/api/v1/hosts/" + d.ID, Charts: true, View: v})
}
