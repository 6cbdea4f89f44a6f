package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"ringside/internal/record"
)

// overviewView answers: what needs me now?
type overviewView struct {
	*record.Overview
	Origin  string
	Empty   bool
	Needs   []need
	Chart   chart
	Figures []figure
	Windows []choice
	Kernels []kernelRow
}

// need is a signature that asks for somebody, with every reason why.
type need struct {
	Sig     record.Signature
	Reasons []reason
}

// reason is why a signature asks for somebody.
type reason struct {
	Kind string // regressed, new, rising
	Text string
}

// figure is a headline number with what makes it mean something.
type figure struct {
	Label, Value, Note string
	URL                string
	Tone               string // good, bad, or nothing
}

// kernelRow is a kernel with a bar for how its crash rate compares.
type kernelRow struct {
	record.KernelRate
	Share int // 0-100 of the worst rate in the list
}

func (s *site) overview(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "days")
	if err != nil {
		return err
	}
	days, err := q.number("days")
	if err != nil {
		return err
	}
	if days == 0 {
		days = 30
	}
	o, err := s.svc.Overview(r.Context(), record.OverviewQuery{Days: days, Top: 10})
	if err != nil {
		return err
	}
	v := overviewView{
		Origin:   origin(r),
		Overview: o,
		Empty:    o.Totals.Crashes == 0 && o.Totals.Signatures == 0 && len(o.Latest) == 0,
		Needs:    needs(s.now(), o),
		Chart:    classChart(o.Classes),
		Figures:  figures(o),
		Kernels:  kernelRows(o.Kernels),
	}
	for _, n := range []int{7, 30, 90} {
		value := fmt.Sprint(n)
		if n == 30 {
			value = ""
		}
		v.Windows = append(v.Windows, choice{Label: fmt.Sprintf("%d days", n), Chosen: n == days, URL: q.with("days", value)})
	}
	return s.show(w, r, "overview", layout{Title: "Overview", Section: "overview", API: "/api/v1/overview?days=" + fmt.Sprint(days), Charts: true, View: v})
}

// needs joins the record's lists: a signature that is both new and rising is
// one thing to look at, with two reasons.
func needs(now time.Time, o *record.Overview) []need {
	var out []need
	at := map[string]int{}
	add := func(sig record.Signature, why reason) {
		i, ok := at[sig.ID]
		if !ok {
			i = len(out)
			at[sig.ID] = i
			out = append(out, need{Sig: sig})
		}
		out[i].Reasons = append(out[i].Reasons, why)
	}
	for _, sig := range o.Regressed {
		text := "was resolved"
		if sig.ResolvedIn != "" {
			text += " in " + sig.ResolvedIn
		}
		add(sig, reason{"regressed", text + " and came back " + ago(now.Sub(sig.StateSince))})
	}
	for _, sig := range o.New {
		text := "first seen " + ago(now.Sub(sig.FirstSeen))
		if sig.FirstKernel != nil {
			text += " on " + sig.FirstKernel.Release
		}
		add(sig, reason{"new", text})
	}
	for _, sig := range o.Rising {
		add(sig, reason{"rising", fmt.Sprintf("%s in 7 days, %s in the 7 before", num(sig.Recent), num(sig.Previous))})
	}
	return out
}

func figures(o *record.Overview) []figure {
	t := o.Totals
	crashes := figure{Label: "crashes", Value: num(t.Crashes), URL: "/crashes", Note: "none in the window before"}
	crashes.Note, crashes.Tone = change(t.Crashes, o.Previous.Crashes)
	fresh := figure{Label: "new signatures", Value: num(t.NewSignatures), URL: "/signatures?sort=first_seen"}
	fresh.Note, fresh.Tone = change(t.NewSignatures, o.Previous.NewSignatures)
	hosts := figure{Label: "hosts affected", Value: num(t.HostsAffected), URL: "/hosts", Note: "of " + num(t.Hosts) + " known"}
	if t.Hosts > 0 {
		hosts.Note += fmt.Sprintf(", %.0f %%", 100*float64(t.HostsAffected)/float64(t.Hosts))
	}
	sigs := figure{Label: "active signatures", Value: num(t.Signatures), URL: "/signatures"}
	for _, f := range o.States {
		if f.Value == string(record.StateOpen) {
			sigs.Note = num(f.Count) + " open"
		}
	}
	jobs := figure{Label: "analysis queue", Value: num(o.Jobs.Pending + o.Jobs.Running), URL: "/admin/jobs", Note: "nothing waits"}
	if o.Jobs.Running+o.Jobs.Pending > 0 {
		jobs.Note = num(o.Jobs.Running) + " running"
	}
	if o.Jobs.Dead > 0 {
		jobs.Note, jobs.Tone, jobs.URL = count(o.Jobs.Dead, "job", "jobs")+" gave up", "bad", "/admin/jobs?state=dead"
	}
	return []figure{crashes, sigs, fresh, hosts, jobs}
}

// change compares a number with the one before. More crashes are bad news.
func change(now, before int64) (note, tone string) {
	switch {
	case before == 0 && now == 0:
		return "none in the window before either", ""
	case before == 0:
		return "none in the window before", ""
	case now == before:
		return "as many as in the window before", ""
	}
	tone = "good"
	if now > before {
		tone = "bad"
	}
	d := 100 * float64(now-before) / float64(before)
	switch {
	case before < 10 || d > 400:
		// A percentage of next to nothing says nothing.
		return num(before) + " in the window before", ""
	case d < 10 && d > -10:
		tone = ""
	}
	return strings.Replace(fmt.Sprintf("%+.0f %% against %s before", d, num(before)), "-", "−", 1), tone
}

func kernelRows(rates []record.KernelRate) []kernelRow {
	var worst float64
	for _, k := range rates {
		worst = max(worst, k.Rate)
	}
	out := make([]kernelRow, len(rates))
	for i, k := range rates {
		out[i].KernelRate = k
		if worst > 0 {
			out[i].Share = int(100 * k.Rate / worst)
		}
	}
	return out
}
