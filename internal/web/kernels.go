package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"ringside/internal/record"
)

// kernelsView is the kernels of the fleet.
type kernelsView struct {
	Origin  string
	Items   []kernelItem
	Columns []column
	Pager   pager
	Text    string
	Sort    string
	All     []record.KernelRef // to compare
}

// kernelItem is a kernel with its rate, where the record knows how long it ran.
type kernelItem struct {
	record.Kernel
	Rate  *record.KernelRate
	Share int
}

func (s *site) kernels(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "q", "sort", "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	p, err := s.svc.Kernels(r.Context(), record.KernelFilter{Text: q.get("q"), Sort: record.KernelSort(q.get("sort")),
		Window: record.Window{Limit: pageRows, Offset: offset}})
	if err != nil {
		return err
	}
	o, err := s.svc.Overview(r.Context(), record.OverviewQuery{Days: 30, Top: 1})
	if err != nil {
		return err
	}
	rates := map[string]kernelRow{}
	for _, k := range kernelRows(o.Kernels) {
		rates[k.Kernel.ID] = k
	}
	const standard = string(record.KernelsByFirstSeen)
	v := kernelsView{Origin: origin(r), Pager: q.pager(offset, len(p.Items), pageRows, p.Total), Text: q.get("q"), Sort: q.get("sort"), Columns: []column{
		q.column("Kernel", "wide", string(record.KernelsByRelease), standard, false),
		q.column("30 days", "", "", "", false),
		q.column("Crashes", "n", string(record.KernelsByCrashes), standard, false),
		q.column("Rate", "n", "", "", false),
		q.column("Hosts", "n", string(record.KernelsByHosts), standard, false),
		q.column("Signatures", "n", "", "", false),
		q.column("First seen", "", standard, standard, false),
		q.column("Last seen", "", string(record.KernelsByLastSeen), standard, false),
	}}
	v.Columns[3].Title = "Crashes per 1,000 host-days in the last 30 days"
	for _, k := range p.Items {
		item := kernelItem{Kernel: k}
		if row, ok := rates[k.ID]; ok {
			item.Rate, item.Share = &row.KernelRate, row.Share
		}
		v.Items = append(v.Items, item)
		v.All = append(v.All, record.KernelRef{ID: k.ID, Release: k.Release, Arch: k.Arch})
	}
	return s.show(w, r, "kernels", layout{Title: "Kernels", Section: "kernels", API: "/api/v1/kernels", View: v})
}

// kernelView is one kernel with what happened on it.
type kernelView struct {
	*record.KernelDetail
	Chart  chart
	New    []record.KernelSig
	Newest []record.Crash
	Others []record.KernelRef // to compare it with
	// Profiles and Traces count what was recorded of it.
	Profiles, Traces int64
	Judged           *record.KernelExposure // nil where its CVEs are not known
}

func (s *site) kernel(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.Kernel(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	all, err := s.svc.Kernels(r.Context(), record.KernelFilter{Window: record.Window{Limit: 200}})
	if err != nil {
		return err
	}
	v := kernelView{KernelDetail: d, Chart: classChart(d.Classes), Newest: d.Recent[:min(len(d.Recent), 15)]}
	for _, sig := range d.BySignature {
		if sig.New {
			v.New = append(v.New, sig)
		}
	}
	for kind, to := range map[string]*int64{record.KindProfile: &v.Profiles, record.KindTrace: &v.Traces} {
		p, err := s.svc.Recordings(r.Context(), record.RecordingFilter{Kind: kind, Kernel: d.Release, Window: record.Window{Limit: 1}})
		if err != nil {
			return err
		}
		*to = p.Total
	}
	if v.Judged, err = s.svc.KernelExposure(r.Context(), d.ID); err != nil && !errors.Is(err, record.ErrNotFound) {
		return err
	}
	for _, k := range all.Items {
		if k.ID != d.ID {
			v.Others = append(v.Others, record.KernelRef{ID: k.ID, Release: k.Release, Arch: k.Arch})
		}
	}
	return s.show(w, r, "kernel", layout{Title: d.Release, Section: "kernels", API: "/api/v1/kernels/" + d.ID, Charts: true, View: v})
}

// compareView is two kernels side by side.
type compareView struct {
	A, B  *record.KernelDetail
	OnlyA []pair
	OnlyB []pair
	Both  []pair
	All   []record.KernelRef
	// Cut tells that a kernel has more signatures than are compared, so that
	// "only here" may be wrong for rare ones.
	Cut  bool
	Swap string
	// Profiles leads to a comparison of their newest profiles, where both have one.
	Profiles string
}

// pair is a signature with its crashes on two kernels.
type pair struct {
	Signature record.SignatureRef
	A, B      int64
	PerA      float64 // per 1,000 host-days, 0 where the host-days are not known
	PerB      float64
	New       bool // first seen on the one kernel that has it
}

// comparedSignatures is how many signatures a kernel's detail holds.
const comparedSignatures = 100

func (s *site) compareKernels(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "a", "b")
	if err != nil {
		return err
	}
	all, err := s.svc.Kernels(r.Context(), record.KernelFilter{Window: record.Window{Limit: 200}})
	if err != nil {
		return err
	}
	v := compareView{}
	for _, k := range all.Items {
		v.All = append(v.All, record.KernelRef{ID: k.ID, Release: k.Release, Arch: k.Arch})
	}
	if q.get("a") != "" && q.get("b") != "" {
		if v.A, err = s.svc.Kernel(r.Context(), q.get("a")); err != nil {
			return err
		}
		if v.B, err = s.svc.Kernel(r.Context(), q.get("b")); err != nil {
			return err
		}
		v.compare()
		if v.Profiles, err = s.newestProfiles(r.Context(), v.A.Release, v.B.Release); err != nil {
			return err
		}
		v.Swap = query{q.path, nil}.with("a", v.B.ID, "b", v.A.ID)
	}
	return s.show(w, r, "compare", layout{Title: "Compare kernels", Section: "kernels", View: v})
}

// newestProfiles is where the newest profiles of two kernels are compared; ""
// where one has none.
func (s *site) newestProfiles(ctx context.Context, a, b string) (string, error) {
	var ids []string
	for _, release := range []string{a, b} {
		p, err := s.svc.Recordings(ctx, record.RecordingFilter{Kind: record.KindProfile, Kernel: release, State: record.DumpAnalysed, Window: record.Window{Limit: 1}})
		if err != nil || len(p.Items) == 0 {
			return "", err
		}
		ids = append(ids, p.Items[0].ID)
	}
	return "/profiles/compare?a=" + ids[0] + "&b=" + ids[1], nil
}

func (v *compareView) compare() {
	per := func(n int64, k *record.KernelDetail) float64 {
		// The rate's host-days cover the last 30 days; a kernel's counts by
		// signature cover its life. They fit together only where the life is
		// within the window.
		if k.Rate.HostDays <= 0 || k.Rate.Crashes != k.Crashes {
			return 0
		}
		return 1000 * float64(n) / k.Rate.HostDays
	}
	onB := map[string]record.KernelSig{}
	for _, sig := range v.B.BySignature {
		onB[sig.Signature.ID] = sig
	}
	both := map[string]bool{}
	for _, a := range v.A.BySignature {
		p := pair{Signature: a.Signature, A: a.Crashes, PerA: per(a.Crashes, v.A), New: a.New}
		if b, ok := onB[a.Signature.ID]; ok {
			both[a.Signature.ID] = true
			p.B, p.PerB = b.Crashes, per(b.Crashes, v.B)
			v.Both = append(v.Both, p)
		} else {
			v.OnlyA = append(v.OnlyA, p)
		}
	}
	for _, b := range v.B.BySignature {
		if !both[b.Signature.ID] {
			v.OnlyB = append(v.OnlyB, pair{Signature: b.Signature, B: b.Crashes, PerB: per(b.Crashes, v.B), New: b.New})
		}
	}
	slices.SortStableFunc(v.Both, func(x, y pair) int { return cmp.Compare(y.A+y.B, x.A+x.B) })
	v.Cut = len(v.A.BySignature) >= comparedSignatures || len(v.B.BySignature) >= comparedSignatures
}
