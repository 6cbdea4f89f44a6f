package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ringside/internal/store"
)

// scriptExposer judges by a table: verdicts by kernel and CVE; "*" is any kernel. An
// inventory is "INVENTORY release kind", and "cloud" has no ksmbd. A host's report is
// "HOST name release modules config broken-guardrail", and ksmbd is a module.
type scriptExposer struct {
	version  string
	records  []CVERecord
	verdicts map[string]map[string]string
	broken   error
	judged   []string
}

func (a *scriptExposer) Recognize(head []byte) bool {
	return bytes.HasPrefix(head, []byte("INVENTORY "))
}

func (a *scriptExposer) Inventory(_ context.Context, r io.Reader) (*Inventory, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	part := strings.Fields(string(text))
	return &Inventory{Release: part[1], Arch: "x86_64", Upstream: "6.1.192", Config: "c1", Compiled: 3, Baselines: []BaselineResult{{Baseline: "server", Title: "Servers",
		Passed: 7, Failed: 1, Findings: []BaselineFinding{{ID: "kaslr", Title: "KASLR", State: "failed", Why: "RANDOMIZE_BASE is n"}}}}}, nil
}

func (a *scriptExposer) Feed(context.Context) (Feed, error) {
	return Feed{Fingerprint: a.version, Origin: "test", Records: int64(len(a.records))}, a.broken
}

func (a *scriptExposer) Records(_ context.Context, yield func(CVERecord) error) error {
	for _, r := range a.records {
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

func (a *scriptExposer) RecognizeHost(head []byte) bool {
	return bytes.HasPrefix(head, []byte("HOST "))
}

func (a *scriptExposer) Host(_ context.Context, r io.Reader) (*HostReport, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	part := strings.Fields(string(text))
	at, err := time.Parse(time.RFC3339, part[6])
	return &HostReport{Host: part[1], Release: part[2], Arch: "x86_64", At: at, ModuleSet: ModuleSet{Loaded: strings.Split(part[3], ",")}, Config: part[4],
		Baselines: []BaselineResult{{Baseline: "server", Title: "Servers", Failed: 2, Findings: []BaselineFinding{
			{ID: "kaslr", State: "failed", Why: "RANDOMIZE_BASE is n"}, {ID: "kconfig/NEW", State: "failed", Why: "NEW is not set"}, {ID: part[5], Title: "A sysctl", State: "failed", Why: part[5] + " is 0"}}}}}, err
}

func (a *scriptExposer) Judge(_ context.Context, k Kernel, inventory io.Reader, hosts Fleet) (*Judgement, error) {
	a.judged = append(a.judged, k.Release)
	j := &Judgement{Upstream: "6.1.192"}
	kind := ""
	if inventory != nil {
		text, err := io.ReadAll(inventory)
		if err != nil {
			return nil, err
		}
		kind = strings.Fields(string(text))[2]
		j.Ranking = []Reduction{{Symbol: "SMB_SERVER", CVEs: []string{"CVE-2026-2"}}}
	}
	table := a.verdicts[k.Release]
	if table == nil {
		table = a.verdicts["*"]
	}
	for _, r := range a.records {
		v := table[r.ID]
		if v == VerdictAffected && kind == "cloud" && strings.Contains(r.Title, "ksmbd") {
			v = VerdictNotCompiled
		}
		x := CVEVerdict{CVE: r.ID, Verdict: v, Evidence: []string{"because of " + a.version}}
		if v == VerdictAffected && strings.Contains(r.Title, "ksmbd") {
			x.Modules = []string{"fs/smb/server/ksmbd.ko"}
			for _, s := range hosts.Sets {
				if !slices.Contains(s.Loaded, "ksmbd") {
					x.Unloaded += s.Hosts
				}
			}
			if x.Unloaded == hosts.Hosts && hosts.Hosts > 0 {
				x.Verdict = VerdictNotLoaded
			}
		}
		j.Verdicts = append(j.Verdicts, x)
	}
	return j, nil
}

// weekly gives high ones a week and the others none.
type weekly struct{}

func (weekly) Due(severity string, since time.Time) (time.Time, bool) {
	return since.Add(7 * 24 * time.Hour), severity == "high"
}

func newExposureService(t *testing.T, db *store.DB) (*Service, *scriptExposer, *clock) {
	t.Helper()
	a := &scriptExposer{version: "feed-1", records: []CVERecord{
		{ID: "CVE-2026-1", Title: "net: fix use-after-free", Severity: "high", Score: 7.8, SeverityFrom: "cna"},
		{ID: "CVE-2026-2", Title: "ksmbd: fix overflow", Severity: "critical", Score: 9.8, SeverityFrom: "cna"},
		{ID: "CVE-2026-10", Title: "btrfs: fix leak", Severity: "medium", Score: 5, SeverityFrom: "estimate"},
		{ID: "CVE-2026-11", Title: "drm: fix warning"},
	}, verdicts: map[string]map[string]string{"*": {"CVE-2026-1": VerdictAffected, "CVE-2026-2": VerdictAffected, "CVE-2026-10": VerdictUndetermined, "CVE-2026-11": VerdictFixed}}}
	s, c := newService(t, db, func(c *Config) { c.Exposer, c.Deadlines = a, weekly{} })
	return s, a, c
}

func cves(t *testing.T, s *Service, f CVEFilter) (*CVEPage, string) {
	t.Helper()
	p, err := s.CVEs(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range p.Items {
		out = append(out, fmt.Sprintf("%s %s %d/%d on %d", c.ID, c.Clock.State, c.Affected, c.Undetermined, c.Hosts))
	}
	return p, strings.Join(out, "; ")
}

func TestExposure(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, a, clk := newExposureService(t, db)
		const oldKernel, newKernel = "6.1.0-40-amd64", "6.1.0-56-amd64"
		take(t, s, "web1", "REPORT kind=bug fn=foo kernel="+oldKernel+"\n", collected(clk.t))
		take(t, s, "web2", "REPORT kind=bug fn=foo kernel="+newKernel+"\n", collected(clk.t))
		drain(t, s) // the kernels of the first round are judged now
		drain(t, s)

		p, got := cves(t, s, CVEFilter{})
		if want := "CVE-2026-1 running 2/0 on 2; CVE-2026-2 none 2/0 on 2; CVE-2026-10 stopped 0/2 on 0"; got != want {
			t.Fatalf("open cves\n%s, want\n%s", got, want)
		}
		if p.States[ClockRunning] != 1 || p.States[ClockNone] != 1 || p.States[ClockStopped] != 1 {
			t.Errorf("states: %v", p.States)
		}
		if _, got := cves(t, s, CVEFilter{All: true, Sort: CVEsByID}); !strings.HasPrefix(got, "CVE-2026-11 stopped 0/0") {
			t.Errorf("all by id: %s", got)
		}
		if _, got := cves(t, s, CVEFilter{Text: "KSMBD"}); !strings.HasPrefix(got, "CVE-2026-2 ") || strings.Contains(got, ";") {
			t.Errorf("by text: %s", got)
		}
		if _, err := s.CVEs(t.Context(), CVEFilter{Sort: "luck"}); !errors.Is(err, ErrInvalid) {
			t.Errorf("an order that there is not: %v", err)
		}

		// One kernel has no ksmbd: an inventory proves it.
		clk.t = clk.t.Add(24 * time.Hour)
		r := intake(t, s, "INVENTORY "+newKernel+" cloud", Meta{Class: ClassInventory})
		drain(t, s)
		d, err := s.CVE(t.Context(), "cve-2026-2")
		if err != nil {
			t.Fatal(err)
		}
		if d.Affected != 1 || d.Hosts != 1 || len(d.Exposures) != 2 || d.Exposures[0].Kernel.Release != oldKernel || d.Judged != 2 {
			t.Errorf("with an inventory: %+v", d)
		}
		if e := d.Exposures[1]; e.Verdict != VerdictNotCompiled || e.Was != VerdictAffected || e.Since != nil || !e.ChangedAt.Equal(clk.t) {
			t.Errorf("the kernel without ksmbd: %+v", e)
		}
		k, err := s.KernelExposure(t.Context(), newKernel)
		if err != nil || k.Inventory == nil || k.Inventory.ID != r.ID || k.Counts[VerdictNotCompiled] != 1 || len(k.Ranking) != 1 {
			t.Fatalf("the kernel's exposure: %+v, %v", k, err)
		}
		if n := len(k.Trend.Affected); n != trendDays || !slices.Equal(k.Trend.Affected[n-3:], []int64{0, 2, 1}) || k.Trend.Dismissed[n-1] != 1 {
			t.Errorf("its trend: %v", k.Trend.Affected[trendDays-3:])
		}
		v, err := s.Verdicts(t.Context(), k.Kernel.ID, VerdictFilter{})
		if err != nil || v.Total != 3 || v.Items[0].CVE.ID != "CVE-2026-1" || v.Items[2].Exposure.Verdict != VerdictNotCompiled || v.Items[0].Exposure.Evidence[0] != "because of feed-1" {
			t.Errorf("its verdicts: %+v, %v", v, err)
		}
		b, err := s.Baselines(t.Context(), newKernel)
		if err != nil || len(b) != 1 || b[0].Failed != 1 || b[0].Findings[0].ID != "kaslr" {
			t.Errorf("its baselines: %+v, %v", b, err)
		}
		// The same judgement again: nothing is written anew.
		before := *k
		a.judged = nil
		drain(t, s)
		if len(a.judged) != 0 {
			t.Errorf("judged again without a reason: %v", a.judged)
		}

		// The clock runs out.
		clk.t = clk.t.Add(5 * 24 * time.Hour)
		if _, got := cves(t, s, CVEFilter{State: ClockSoon}); !strings.HasPrefix(got, "CVE-2026-1 soon") {
			t.Errorf("a day before: %s", got)
		}
		clk.t = clk.t.Add(24 * time.Hour)
		if _, got := cves(t, s, CVEFilter{}); !strings.HasPrefix(got, "CVE-2026-1 overdue") {
			t.Errorf("after a week: %s", got)
		}

		// The records move: fixed on one kernel, gone for the other CVE, come back later.
		a.version = "feed-2"
		a.verdicts[newKernel] = map[string]string{"CVE-2026-1": VerdictFixed, "CVE-2026-2": VerdictAffected, "CVE-2026-10": VerdictNotInRange, "CVE-2026-11": VerdictFixed}
		drain(t, s)
		d, err = s.CVE(t.Context(), "CVE-2026-1")
		if err != nil || d.Affected != 1 || d.Exposures[1].Verdict != VerdictFixed || d.Exposures[1].Was != VerdictAffected {
			t.Errorf("fixed by a record: %+v, %v", d, err)
		}
		a.version = "feed-3"
		a.verdicts[newKernel]["CVE-2026-1"] = VerdictAffected
		drain(t, s)
		d, err = s.CVE(t.Context(), "CVE-2026-1")
		if err != nil || d.Affected != 2 {
			t.Fatalf("come back: %+v, %v", d, err)
		}
		for _, e := range d.Exposures {
			if fresh := e.Since.Equal(clk.t); fresh != (e.Kernel.Release == newKernel) {
				t.Errorf("the clock of %s runs since %v", e.Kernel.Release, e.Since)
			}
		}
		o, err := s.Exposures(t.Context())
		if err != nil || o.Feed == nil || o.Feed.Fingerprint != "feed-3" || len(o.Kernels) != 2 || o.Waiting != 0 || o.Trend.Affected[trendDays-1] != 2 {
			t.Errorf("the fleet: %+v, %v", o, err)
		}
		if reflect.DeepEqual(before.JudgedAt, o.Kernels[0].JudgedAt) {
			t.Error("judged by new records at the old time")
		}
		if _, err := s.KernelExposure(t.Context(), "5.10.0"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a kernel that there is not: %v", err)
		}
	})
}

func TestAcceptedRisk(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _, clk := newExposureService(t, db)
		for _, k := range []string{"6.1.1", "6.1.2"} {
			take(t, s, "h"+k, "REPORT kind=bug fn=foo kernel="+k+"\n", collected(clk.t))
		}
		drain(t, s)
		drain(t, s)
		month := clk.t.Add(30 * 24 * time.Hour)
		for _, bad := range []RiskChange{
			{CVE: "CVE-2026-1", Approver: "ada", Expires: month},
			{CVE: "CVE-2026-1", Reason: "no users", Expires: month},
			{CVE: "CVE-2026-1", Reason: "no users", Approver: "ada", Expires: clk.t},
			{CVE: "CVE-2026-1", Reason: "no users", Approver: "ada", Expires: clk.t.Add(400 * 24 * time.Hour)},
		} {
			if _, err := s.AcceptRisk(t.Context(), bad); !errors.Is(err, ErrInvalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		if _, err := s.AcceptRisk(t.Context(), RiskChange{CVE: "CVE-1999-1", Reason: "x", Approver: "ada", Expires: month}); !errors.Is(err, ErrNotFound) {
			t.Errorf("an unknown cve: %v", err)
		}
		accept := func(kernel string, until time.Time) *Risk {
			clk.t = clk.t.Add(time.Second)
			r, err := s.AcceptRisk(t.Context(), RiskChange{CVE: "CVE-2026-1", Kernel: kernel, Reason: "no users", Approver: "ada", Expires: until})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		state := func() ClockState {
			d, err := s.CVE(t.Context(), "CVE-2026-1")
			if err != nil {
				t.Fatal(err)
			}
			return d.Clock.State
		}
		accept("6.1.1", month)
		if got := state(); got != ClockRunning {
			t.Errorf("accepted for one of two kernels: %s", got)
		}
		second := accept("6.1.2", month)
		if got := state(); got != ClockAccepted {
			t.Errorf("accepted for both kernels: %s", got)
		}
		if err := s.RevokeRisk(t.Context(), second.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		if got := state(); got != ClockRunning {
			t.Errorf("after one was revoked: %s", got)
		}
		accept("", clk.t.Add(time.Hour))
		if got := state(); got != ClockAccepted {
			t.Errorf("accepted for all: %s", got)
		}
		clk.t = clk.t.Add(2 * time.Hour)
		if got := state(); got != ClockRunning {
			t.Errorf("after it ran out: %s", got)
		}
		d, err := s.CVE(t.Context(), "CVE-2026-1")
		if err != nil || len(d.Risks) != 3 || d.Risks[1].RevokedBy != "bob" || d.Risks[0].Kernel != nil {
			t.Errorf("what was accepted: %+v, %v", d.Risks, err)
		}
		if err := s.RevokeRisk(t.Context(), "nothing", ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("a risk that there is not: %v", err)
		}
	})
}

func TestInventoryRefused(t *testing.T) {
	s, _ := newService(t, openSQLite(t, t.TempDir()))
	if _, err := s.Intake(t.Context(), strings.NewReader("INVENTORY 6.1.1 full"), Meta{Class: ClassInventory}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a server without an exposer took an inventory: %v", err)
	}
	s, _, _ = newExposureService(t, openSQLite(t, t.TempDir()))
	if _, err := s.Intake(t.Context(), strings.NewReader("a log"), Meta{Class: ClassInventory}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a log was taken for an inventory: %v", err)
	}
}
