package sla

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/vuln"
	"ringside/vuln/feed"
	"ringside/vuln/severity"
)

// A Standing says how a CVE stands against its day.
type Standing string

// The standings, the worst first.
const (
	Breached Standing = "breached"
	// Lapsed: the risk was accepted, the day has passed, and the CVE is still there.
	Lapsed   Standing = "acceptance_lapsed"
	DueSoon  Standing = "due_soon"
	Open     Standing = "open"
	Accepted Standing = "accepted"
	// Unruled: no rule of the policy is for it.
	Unruled Standing = "no_rule"
	// Met and Missed are of CVEs that are gone.
	Met    Standing = "met"
	Missed Standing = "missed"
)

var order = []Standing{Breached, Lapsed, DueSoon, Open, Accepted, Unruled, Missed, Met}

// Bad says whether somebody is late.
func (s Standing) Bad() bool { return s == Breached || s == Lapsed }

// An Item is a CVE and its day.
type Item struct {
	CVE      string         `json:"cve"`
	Title    string         `json:"title,omitempty"`
	Kernel   string         `json:"kernel"`
	Exposure string         `json:"exposure,omitempty"`
	Severity severity.Level `json:"severity"`
	Verdict  vuln.State     `json:"verdict"`
	Standing Standing       `json:"standing"`
	// Started is when the exposure was confirmed: the first scan that found the kernel
	// affected, after the last one that did not.
	Started time.Time `json:"started"`
	Due     time.Time `json:"due,omitzero"`
	// Ended is the scan that found it gone.
	Ended time.Time `json:"ended,omitzero"`
	// DaysLeft is negative after the day.
	DaysLeft int         `json:"days_left"`
	Rule     *Rule       `json:"rule,omitempty"`
	Accepted *Acceptance `json:"accepted,omitempty"`
	// Why says what started the clock, where it was not the first scan.
	Why string `json:"why,omitempty"`
}

// A clock is a CVE's while the scans are gone through.
type clock struct {
	v       vuln.Verdict
	running bool
	started time.Time
	ended   time.Time
	why     string
	print   string
}

// ErrNoTime says that a scan has no time.
var ErrNoTime = errors.New("a scan without a time starts no clock")

// Evaluate goes through the scans of one kernel or of those that followed each other on
// the same hosts, and says how each CVE stands on the day now. The clock of a CVE starts
// with the first scan that finds it in the kernel, and not with its publication; it
// starts again where a scan in between found it not there, or where a changed record made
// out of something unsure something confirmed.
func (p *Policy) Evaluate(scans []*vuln.Report, exposure string, now time.Time) ([]Item, error) {
	scans = slices.Clone(scans)
	for _, s := range scans {
		if s.Time.IsZero() {
			return nil, fmt.Errorf("the scan of %s: %w", s.Kernel.Release, ErrNoTime)
		}
	}
	slices.SortStableFunc(scans, func(a, b *vuln.Report) int { return a.Time.Compare(b.Time) })
	clocks := map[string]*clock{}
	for _, s := range scans {
		seen := map[string]bool{}
		for i := range s.Verdicts {
			v := &s.Verdicts[i]
			if v.Verdict.Open() {
				seen[v.CVE] = true
				tick(clocks, v, s.Time)
			}
		}
		for id, c := range clocks {
			if c.running && !seen[id] {
				c.running, c.ended = false, s.Time
			}
		}
	}
	release := ""
	if len(scans) > 0 {
		release = scans[len(scans)-1].Kernel.Release
	}
	items := make([]Item, 0, len(clocks))
	for _, c := range clocks {
		items = append(items, p.stand(c, release, exposure, now))
	}
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Standing), slices.Index(order, b.Standing)), a.Due.Compare(b.Due), cmp.Compare(b.Severity, a.Severity), feed.Compare(a.CVE, b.CVE))
	})
	return items, nil
}

func tick(clocks map[string]*clock, v *vuln.Verdict, at time.Time) {
	c := clocks[v.CVE]
	switch {
	case c == nil:
		clocks[v.CVE] = &clock{v: *v, running: true, started: at, print: v.Fingerprint}
		return
	case !c.running:
		c.running, c.started, c.ended = true, at, time.Time{}
		c.why = "it had been gone, and came back"
	case c.v.Verdict != v.Verdict && v.Verdict == vuln.Affected:
		c.started = at
		c.why = "before, it was " + strings.ReplaceAll(c.v.Verdict.String(), "_", " ")
		if len(c.print) >= 16 && len(v.Fingerprint) >= 16 && c.print[:16] != v.Fingerprint[:16] {
			c.why += "; its record was changed"
		}
	}
	c.v, c.print = *v, v.Fingerprint
}

func (p *Policy) stand(c *clock, release, exposure string, now time.Time) Item {
	it := Item{CVE: c.v.CVE, Title: c.v.Title, Kernel: release, Exposure: exposure, Verdict: c.v.Verdict, Started: c.started, Ended: c.ended, Why: c.why}
	if c.v.Severity != nil {
		it.Severity = c.v.Severity.Level
	}
	it.Rule = p.Rule(&c.v, exposure)
	it.Accepted = p.Accepts(c.v.CVE, release)
	if it.Rule == nil {
		it.Standing = Unruled
		return it
	}
	it.Due = c.started.AddDate(0, 0, it.Rule.Days)
	if !c.running {
		it.Standing = Met
		if c.ended.After(it.Due) && (it.Accepted == nil || c.ended.After(it.Accepted.Expires.End())) {
			it.Standing = Missed
		}
		return it
	}
	it.DaysLeft = days(it.Due.Sub(now))
	warn := p.WarnDays
	if warn == 0 {
		warn = 7
	}
	switch {
	case it.Accepted != nil && !now.After(it.Accepted.Expires.End()):
		it.Standing = Accepted
		it.DaysLeft = days(it.Accepted.Expires.End().Sub(now))
	case it.Accepted != nil && now.After(it.Due):
		it.Standing = Lapsed
	case now.After(it.Due):
		it.Standing = Breached
	case it.DaysLeft <= warn:
		it.Standing = DueSoon
	default:
		it.Standing = Open
	}
	return it
}

// days rounds towards the past, so that a day that was missed by an hour is missed.
func days(d time.Duration) int {
	n := int(d / (24 * time.Hour))
	if d < 0 && d%(24*time.Hour) != 0 {
		n--
	}
	return n
}
