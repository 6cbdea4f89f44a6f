package record

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/internal/store"
)

// CVE is one record of the feed, and how the fleet stands to it.
type CVE struct {
	ID           string     `json:"id"`
	Title        string     `json:"title"`
	Severity     string     `json:"severity,omitempty" enum:"critical,high,medium,low" doc:"Empty where nobody knows"`
	Score        float64    `json:"score,omitempty"`
	SeverityFrom string     `json:"severity_from,omitempty" doc:"Who says so; an estimate of ours is named as such"`
	Published    *time.Time `json:"published,omitempty"`
	Modified     *time.Time `json:"modified,omitempty"`
	Rejected     bool       `json:"rejected,omitempty" doc:"The record was withdrawn"`
	Affected     int64      `json:"affected" doc:"Kernels that are affected"`
	Undetermined int64      `json:"undetermined" doc:"Kernels for which it cannot be decided"`
	Hosts        int64      `json:"hosts" doc:"Hosts that run an affected kernel now, without those that told that its code is not loaded"`
	NotLoaded    int64      `json:"hosts_not_loaded" doc:"Hosts that run a kernel with the code and told that they have not loaded it"`
	Clock        Clock      `json:"clock"`
}

// ClockState is how a CVE stands to its deadline.
type ClockState string

// The states, in the order of a board.
const (
	ClockOverdue  ClockState = "overdue"
	ClockSoon     ClockState = "soon" // less than a quarter of the time is left
	ClockRunning  ClockState = "running"
	ClockNone     ClockState = "none"     // affected, without a deadline
	ClockAccepted ClockState = "accepted" // somebody took the risk
	ClockStopped  ClockState = "stopped"  // no kernel is affected
)

// clockOrder is the order of a board.
var clockOrder = map[ClockState]int{ClockOverdue: 0, ClockSoon: 1, ClockRunning: 2, ClockNone: 3, ClockAccepted: 4, ClockStopped: 5}

// Clock tells how long a CVE has been open, and how long it may be.
type Clock struct {
	State ClockState `json:"state" enum:"overdue,soon,running,none,accepted,stopped"`
	// Since is when the first kernel that is affected was judged so: confirmed
	// exposure, not publication.
	Since *time.Time `json:"since,omitempty"`
	Due   *time.Time `json:"due,omitempty"`
	Risk  *Risk      `json:"risk,omitempty" doc:"Of an accepted one"`
}

// Deadlines say how long a CVE may stay open.
type Deadlines interface {
	// Due returns when a CVE of a severity that has been confirmed since a time
	// must be gone; ok is false where there is no deadline.
	Due(severity string, since time.Time) (due time.Time, ok bool)
}

// CVESort orders a list of CVEs.
type CVESort string

// The orders. CVEsByDue puts what is overdue first.
const (
	CVEsByDue     CVESort = "due"
	CVEsByScore   CVESort = "score"
	CVEsBySince   CVESort = "since"
	CVEsByKernels CVESort = "kernels"
	CVEsByID      CVESort = "id"
)

// CVEFilter selects CVEs. Empty fields select all that are open.
type CVEFilter struct {
	Text     string     // words of the ID or the title
	Severity string     // one of CVE.Severity
	State    ClockState // only these
	Kernel   string     // ID of a kernel that is affected
	All      bool       // also those that no kernel is affected by
	Sort     CVESort    // CVEsByDue if empty
	Window
}

// CVEPage is a part of a list of CVEs.
type CVEPage struct {
	Total  int64                `json:"total"`
	States map[ClockState]int64 `json:"states" doc:"How many of all selected are in each state, before the filter by state"`
	Items  []CVE                `json:"items" nullable:"false"`
}

const cveColumns = `c.id, c.title, c.severity, c.score, c.severity_from, c.published, c.modified, c.rejected, c.affected, c.undetermined, c.since `

func scanCVE(scan func(...any) error) (c CVE, err error) {
	var published, modified, since sql.Null[int64]
	err = scan(&c.ID, &c.Title, &c.Severity, &c.Score, &c.SeverityFrom, &published, &modified, &c.Rejected, &c.Affected, &c.Undetermined, &since)
	c.Published, c.Modified, c.Clock.Since = store.NullTime(published), store.NullTime(modified), store.NullTime(since)
	return c, err
}

// CVEs lists CVEs with their clocks.
func (s *Service) CVEs(ctx context.Context, f CVEFilter) (*CVEPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	less, ok := cveOrders[f.Sort]
	if !ok {
		return nil, fmt.Errorf("sort %q: %w: it is due, score, since, kernels or id", f.Sort, ErrInvalid)
	}
	if _, ok := clockOrder[f.State]; f.State != "" && !ok {
		return nil, fmt.Errorf("state %q: %w: it is overdue, soon, running, none, accepted or stopped", f.State, ErrInvalid)
	}
	var args store.Args
	var where []string
	if !f.All {
		where = append(where, "(c.affected > 0 or c.undetermined > 0)")
	}
	for _, word := range strings.Fields(f.Text) {
		p := args.Add(store.Like(word, false))
		where = append(where, `(lower(c.id) like `+p+` escape '\' or lower(c.title) like `+p+` escape '\')`)
	}
	if f.Severity != "" {
		where = append(where, "c.severity = "+args.Add(f.Severity))
	}
	if f.Kernel != "" {
		where = append(where, "c.id in (select x.cve from exposures x where x.verdict = 'affected' and x.kernel_id = "+args.Add(f.Kernel)+")")
	}
	if len(where) == 0 {
		where = []string{"1 = 1"}
	}
	p := CVEPage{States: map[ClockState]int64{}}
	err = s.db.View(ctx, func(q store.Querier) error {
		// Deadlines and risks are rules, not columns: the open ones, some thousands,
		// are ordered here.
		all, err := store.Collect(ctx, q, `select `+cveColumns+`from cves c where `+strings.Join(where, " and "), args, scanCVE)
		if err != nil {
			return err
		}
		risks, err := s.risks(ctx, q, "")
		if err != nil {
			return err
		}
		kept := all[:0]
		for _, c := range all {
			c.Clock = s.clock(c, risks)
			p.States[c.Clock.State]++
			if f.State == "" || c.Clock.State == f.State {
				kept = append(kept, c)
			}
		}
		slices.SortFunc(kept, less)
		p.Total = int64(len(kept))
		p.Items = kept[min(offset, len(kept)):min(offset+limit, len(kept))]
		return addHosts(ctx, q, p.Items)
	})
	if err != nil {
		return nil, fmt.Errorf("list cves: %w", err)
	}
	return &p, nil
}

// newerID orders by ID, the newest first: years and numbers, not text.
func newerID(a, b CVE) int { return cmp.Or(cmp.Compare(len(b.ID), len(a.ID)), cmp.Compare(b.ID, a.ID)) }

var cveOrders = map[CVESort]func(a, b CVE) int{
	"":            byDue,
	CVEsByDue:     byDue,
	CVEsByScore:   func(a, b CVE) int { return cmp.Or(cmp.Compare(b.Score, a.Score), newerID(a, b)) },
	CVEsBySince:   func(a, b CVE) int { return cmp.Or(compareTimes(a.Clock.Since, b.Clock.Since), newerID(a, b)) },
	CVEsByKernels: func(a, b CVE) int { return cmp.Or(cmp.Compare(b.Affected, a.Affected), byDue(a, b)) },
	CVEsByID:      newerID,
}

func byDue(a, b CVE) int {
	return cmp.Or(cmp.Compare(clockOrder[a.Clock.State], clockOrder[b.Clock.State]), compareTimes(a.Clock.Due, b.Clock.Due),
		cmp.Compare(b.Score, a.Score), newerID(a, b))
}

// compareTimes puts the earlier first, and what has no time last.
func compareTimes(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Compare(*b)
}

// clock tells how a CVE stands to its deadline now.
func (s *Service) clock(c CVE, risks map[string][]Risk) Clock {
	k := Clock{State: ClockStopped, Since: c.Clock.Since}
	if c.Affected == 0 {
		k.Since = nil
		return k
	}
	k.State = ClockNone
	if s.deadlines != nil && k.Since != nil {
		if due, ok := s.deadlines.Due(c.Severity, *k.Since); ok {
			k.Due, k.State = &due, ClockRunning
			switch left := due.Sub(s.now()); {
			case left <= 0:
				k.State = ClockOverdue
			case left < due.Sub(*k.Since)/4:
				k.State = ClockSoon
			}
		}
	}
	if r := accepted(risks[c.ID], c.Affected, s.now()); r != nil {
		k.State, k.Risk = ClockAccepted, r
	}
	return k
}

// addHosts counts the hosts that run a kernel that is affected.
func addHosts(ctx context.Context, q store.Querier, list []CVE) error {
	if len(list) == 0 {
		return nil
	}
	var args store.Args
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	type count struct {
		id           string
		n, notLoaded int64
	}
	counts, err := store.Collect(ctx, q, `select e.cve, sum(case when e.verdict = 'affected' and k.hosts_now > e.unloaded then k.hosts_now - e.unloaded else 0 end),
			sum(case when e.verdict = 'not_loaded' or k.hosts_now < e.unloaded then k.hosts_now else e.unloaded end)
		from exposures e join kernels k on k.id = e.kernel_id
		where e.verdict in ('affected', 'not_loaded') and e.cve in `+store.In(&args, ids)+` group by e.cve`, args,
		func(scan func(...any) error) (c count, err error) { return c, scan(&c.id, &c.n, &c.notLoaded) })
	by := map[string]count{}
	for _, c := range counts {
		by[c.id] = c
	}
	for i := range list {
		list[i].Hosts, list[i].NotLoaded = by[list[i].ID].n, by[list[i].ID].notLoaded
	}
	return err
}

// Exposure is the verdict about a CVE for a kernel.
type Exposure struct {
	Kernel    KernelRef  `json:"kernel"`
	Hosts     int64      `json:"hosts" doc:"Hosts that run the kernel now"`
	Verdict   string     `json:"verdict" enum:"affected,fixed,not_in_range,not_compiled,not_loaded,undetermined"`
	Was       string     `json:"was,omitempty" doc:"The verdict before"`
	Since     *time.Time `json:"since,omitempty" doc:"When it was judged affected; the clock starts here"`
	ChangedAt time.Time  `json:"changed_at" doc:"When this verdict was first given"`
	Evidence  []string   `json:"evidence" nullable:"false"`
	Modules   []string   `json:"modules,omitempty" doc:"What contains the code, where it is in modules alone"`
	NotLoaded int64      `json:"hosts_not_loaded" doc:"Of the hosts, those that told that they have loaded none of these modules"`
}

// CVEDetail is a CVE with the verdicts for all kernels.
type CVEDetail struct {
	CVE
	Exposures []Exposure `json:"exposures" nullable:"false" doc:"Affected first, then by hosts; kernels that are not in it are fixed or were never in range"`
	Judged    int64      `json:"judged" doc:"Kernels that a verdict was given for"`
	Risks     []Risk     `json:"risks" nullable:"false" doc:"Accepted risks, newest first, also those that ended"`
}

// CVE returns a CVE with the verdicts for all kernels.
func (s *Service) CVE(ctx context.Context, id string) (*CVEDetail, error) {
	var d CVEDetail
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		if d.CVE, err = scanCVE(q.QueryRowContext(ctx, `select `+cveColumns+`from cves c where c.id = $1`, strings.ToUpper(id)).Scan); err != nil {
			return err
		}
		if err := q.QueryRowContext(ctx, `select count(*) from kernel_exposures`).Scan(&d.Judged); err != nil {
			return err
		}
		d.Exposures, err = store.Collect(ctx, q, `select k.id, k.release, k.arch, k.hosts_now, e.verdict, e.was, e.since, e.changed_at, e.evidence, e.modules, e.unloaded
			from exposures e join kernels k on k.id = e.kernel_id where e.cve = $1
			order by case e.verdict when 'affected' then 0 when 'undetermined' then 1 else 2 end, k.hosts_now desc, k.release limit 500`, []any{d.ID}, scanExposure)
		if err != nil {
			return err
		}
		risks, err := s.risks(ctx, q, d.ID)
		if err != nil {
			return err
		}
		d.Risks = slices.Concat([]Risk{}, risks[d.ID])
		slices.Reverse(d.Risks)
		d.Clock = s.clock(d.CVE, risks)
		one := []CVE{d.CVE}
		err = addHosts(ctx, q, one)
		d.Hosts, d.NotLoaded = one[0].Hosts, one[0].NotLoaded
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cve %s: %w", id, found(err))
	}
	return &d, nil
}

func scanExposure(scan func(...any) error) (e Exposure, err error) {
	var (
		since    sql.Null[int64]
		changed  int64
		evidence string
		modules  string
	)
	if err = scan(&e.Kernel.ID, &e.Kernel.Release, &e.Kernel.Arch, &e.Hosts, &e.Verdict, &e.Was, &since, &changed, &evidence, &modules, &e.NotLoaded); err != nil {
		return e, err
	}
	e.Since, e.ChangedAt = store.NullTime(since), store.Time(changed)
	if e.NotLoaded = min(e.NotLoaded, e.Hosts); e.Verdict == VerdictNotLoaded {
		e.NotLoaded = e.Hosts
	}
	if modules != "" {
		if err := fromJSON(modules, &e.Modules); err != nil {
			return e, err
		}
	}
	return e, json.Unmarshal([]byte(evidence), &e.Evidence)
}
