package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ringside/internal/record"
)

// cannedExposer judges every kernel the same; an inventory "INVENTORY release" proves
// that ksmbd is not built.
type cannedExposer struct{ records []record.CVERecord }

func (cannedExposer) Recognize(head []byte) bool { return bytes.HasPrefix(head, []byte("INVENTORY ")) }

func (cannedExposer) Inventory(_ context.Context, r io.Reader) (*record.Inventory, error) {
	text, err := io.ReadAll(r)
	until := today.AddDate(0, 1, 0)
	return &record.Inventory{Release: strings.TrimPrefix(string(text), "INVENTORY "), Arch: "x86_64", Upstream: "6.1.192", Symbols: 8781, Sources: 33336, Compiled: 4763, Modules: 1121,
		Baselines: []record.BaselineResult{{Baseline: "server", Title: "Servers", Passed: 120, Failed: 1, Waived: 1, Findings: []record.BaselineFinding{
			{ID: "kaslr", Title: "KASLR is on", Severity: "high", State: "failed", Why: "RANDOMIZE_BASE is <n>, and has to be y", Advice: "set RANDOMIZE_BASE=y"},
			{ID: "hibernation", Title: "No hibernation", State: "waived", Why: "HIBERNATION is y", Owner: "kernel team", Until: &until}}},
			{Baseline: "embedded", Title: "Embedded", Passed: 80}}}, err
}

func (e cannedExposer) Feed(context.Context) (record.Feed, error) {
	newest := today.AddDate(0, 0, -3)
	return record.Feed{Fingerprint: "1", Origin: "vulns", Records: int64(len(e.records)), Newest: &newest}, nil
}

func (e cannedExposer) Records(_ context.Context, yield func(record.CVERecord) error) error {
	for _, r := range e.records {
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

func (cannedExposer) RecognizeHost(head []byte) bool { return bytes.HasPrefix(head, []byte("HOST ")) }

// Host reads "HOST name release sysctl": a host on which nothing but ext4 is loaded.
func (cannedExposer) Host(_ context.Context, r io.Reader) (*record.HostReport, error) {
	text, err := io.ReadAll(r)
	part := strings.Fields(string(text))
	h := &record.HostReport{Host: part[1], Release: part[2], Arch: "x86_64", At: today, ModuleSet: record.ModuleSet{Loaded: []string{"ext4"}},
		Baselines: []record.BaselineResult{{Baseline: "server", Title: "Servers"}}}
	if len(part) > 3 {
		h.Baselines[0].Findings = []record.BaselineFinding{{ID: part[3], Title: "The sysctl <" + part[3] + ">", Severity: "medium", State: "failed", Why: part[3] + " is 0, and has to be 2", Advice: "sysctl -w " + part[3] + "=2"}}
	}
	return h, err
}

func (e cannedExposer) Judge(_ context.Context, _ record.Kernel, inventory io.Reader, hosts record.Fleet) (*record.Judgement, error) {
	j := &record.Judgement{Upstream: "6.1.176", Notes: []string{"which modules hosts load is not known"}}
	for _, r := range e.records {
		v := record.CVEVerdict{CVE: r.ID, Verdict: record.VerdictAffected, Evidence: []string{"introduced in 5.15, fixed in 6.1.177 <of> the branch"}}
		switch {
		case inventory != nil && strings.Contains(r.Title, "ksmbd"):
			v.Verdict = record.VerdictNotCompiled
			v.Evidence = append(v.Evidence, "fs/Makefile:57: obj-$(CONFIG_SMB_SERVER) += smb/server/", "CONFIG_SMB_SERVER is n")
		case strings.Contains(r.Title, "btrfs"):
			v.Modules = []string{"fs/btrfs/btrfs.ko"}
			for _, s := range hosts.Sets {
				v.Unloaded += s.Hosts
			}
		case strings.Contains(r.Title, "moved"):
			v.Verdict = record.VerdictUndetermined
		}
		j.Verdicts = append(j.Verdicts, v)
	}
	j.Ranking = []record.Reduction{{Symbol: "BTRFS_FS", Prompt: "Btrfs filesystem support", Off: []string{"BTRFS_FS_POSIX_ACL"}, CVEs: []string{"CVE-2026-23001"}}}
	return j, nil
}

// weekly lets the high ones be open for a week.
type weekly struct{}

func (weekly) Due(severity string, since time.Time) (time.Time, bool) {
	return since.AddDate(0, 0, 7), severity == "high"
}

// exposedFleet is a fleet of two kernels that were judged.
func exposedFleet(t *testing.T, records ...record.CVERecord) *fleet {
	t.Helper()
	f := fleetOf(t, func(c *record.Config) { c.Exposer, c.Deadlines = cannedExposer{records}, weekly{} })
	if len(records) == 0 {
		return f
	}
	for i, k := range []string{"6.1.0-55-amd64", "6.1.0-56-cloud-amd64"} {
		if _, err := f.svc.Intake(t.Context(), strings.NewReader("INVENTORY "+k), record.Meta{ReceivedAt: f.now}); err != nil && i == 0 {
			t.Fatal(err)
		}
	}
	f.drain()
	return f
}

func (f *fleet) drain() {
	f.t.Helper()
	for range 2 { // kernels that came with the first round are judged in the second
		if err := f.svc.Drain(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
	}
}

// cveRecords are three: one of a file system, one that an inventory dismisses, one
// that cannot be decided.
var cveRecords = []record.CVERecord{
	{ID: "CVE-2026-23001", Title: "btrfs: fix <use-after-free> in relocation", Severity: "high", Score: 7.8, SeverityFrom: "cna"},
	{ID: "CVE-2026-23002", Title: "ksmbd: fix slab-out-of-bounds", Severity: "critical", Score: 9.8, SeverityFrom: "cna"},
	{ID: "CVE-2026-23003", Title: "accel: fix a leak in code that moved", Severity: "medium", Score: 5.5, SeverityFrom: "estimate of Ringside"},
}

func TestCVEPages(t *testing.T) {
	wants(t, emptyFleet(t).get("/cves").Body.String(), "No CVE records here", "--cve-feed", "ringside cve inventory")
	none := exposedFleet(t)
	wants(t, none.get("/baselines").Body.String(), "No configuration here")
	f := exposedFleet(t, cveRecords...)
	k, err := f.svc.KernelExposure(t.Context(), "6.1.0-55-amd64")
	if err != nil {
		t.Fatal(err)
	}
	kernel := "/kernels/" + k.Kernel.ID
	for _, tt := range []struct {
		path   string
		status int
		texts  []string
	}{
		{"/cves", 200, []string{"btrfs: fix &lt;use-after-free&gt;", "CVE-2026-23003", "in time", "2026-11-27", `href="` + kernel + `/cves"`, "as 6.1.176", "1 affects now", "3 records", "!ksmbd: fix slab"}},
		{"/cves?all=1", 200, []string{"ksmbd: fix slab-out-of-bounds", "not affected"}},
		{"/cves?q=leak", 200, []string{"accel: fix a leak", "!btrfs: fix"}},
		{"/cves?severity=low", 200, []string{"Nothing fits"}},
		{"/cves?state=running", 200, []string{"btrfs: fix", "!accel: fix"}},
		{"/cves?state=late", 400, nil},
		{"/cves?kernel=" + k.Kernel.ID, 200, []string{"btrfs: fix"}},
		{"/cves/CVE-2026-23001", 200, []string{"2</b> of 2 kernels affected", "fixed in 6.1.177 &lt;of&gt; the branch", "Accept the risk", "2026-11-27"}},
		{"/cves/CVE-2026-23002", 200, []string{"not in the build", "CONFIG_SMB_SERVER is n", "!Accept the risk, because"}},
		{"/cves/CVE-1999-0001", 404, nil},
		{kernel + "/cves", 200, []string{"judged as <b>6.1.176", "BTRFS_FS", "Btrfs filesystem support", "4,763 of 33,336", "which modules hosts load is not known", "undetermined", "Baselines"}},
		{kernel + "/cves?verdict=not_compiled", 200, []string{"ksmbd: fix", "!accel: fix"}},
		{kernel + "/cves?offset=-1", 400, nil},
		{"/kernels/nothing/cves", 404, nil},
		{"/baselines", 200, []string{"6.1.0-55-amd64", "1 fail", "120 pass, 1 waived", "passes", `href="` + kernel + `/baselines"`}},
		{kernel + "/baselines", 200, []string{"KASLR is on", "RANDOMIZE_BASE is &lt;n&gt;", "set RANDOMIZE_BASE=y", "waived", "until 2026-12-20", "kernel team"}},
		{"/kernels/nothing/baselines", 404, nil},
		{kernel, 200, []string{`href="` + kernel + `/cves"`}},
	} {
		t.Run(tt.path, func(t *testing.T) {
			w := f.get(tt.path)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d\n%s", w.Code, tt.status, f.log)
			}
			wants(t, w.Body.String(), tt.texts...)
			checkMarkup(t, w.Body.String())
		})
	}
}

func TestAcceptRiskPage(t *testing.T) {
	f := exposedFleet(t, cveRecords...)
	const page = "/cves/CVE-2026-23001"
	if w := f.post(page+"/risks", "reason=&by=Ada&days=30"); w.Code != http.StatusBadRequest {
		t.Errorf("without a reason: %d", w.Code)
	}
	if w := f.post(page+"/risks", "reason=no+untrusted+<images>&by=Ada&days=30"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != page {
		t.Fatalf("accepting: %d %s", w.Code, w.Body)
	}
	wants(t, f.get(page).Body.String(), "accepted", "until 2026-12-20", "no untrusted &lt;images&gt;", "Revoke")
	wants(t, f.get("/cves?state=accepted").Body.String(), "btrfs: fix", "by Ada")
	d, err := f.svc.CVE(t.Context(), "CVE-2026-23001")
	if err != nil {
		t.Fatal(err)
	}
	if w := f.post(page+"/risks/"+d.Risks[0].ID+"/revoke", "by=Bob"); w.Code != http.StatusSeeOther {
		t.Fatalf("revoking: %d", w.Code)
	}
	wants(t, f.get(page).Body.String(), "by Bob", "in time", "!Revoke</button>")
	f.now = f.now.AddDate(0, 0, 8)
	wants(t, f.get("/cves").Body.String(), "overdue")
}

func TestBrowserAcceptsRisk(t *testing.T) {
	f := exposedFleet(t, cveRecords...)
	b := newBrowser(t, f)
	b.open("/cves")
	b.key("j")
	b.key("\r")
	b.wait(`location.pathname === "/cves/CVE-2026-23001"`)
	b.do(chromedp.SendKeys(chromedp.CSS(`[name=reason]`), "no untrusted <images>"), chromedp.SendKeys(chromedp.CSS(`[name=by]`), "ada"), chromedp.Click(chromedp.CSS(`.decide button`)))
	b.wait(`document.querySelector(".side .state-muted")`)
	b.is(`document.querySelector(".activity .note-text").textContent`, "no untrusted <images>")
	b.do(chromedp.Click(chromedp.CSS(`.activity button`)))
	b.wait(`document.querySelector(".side .state-open")`)
	b.open("/cves?state=accepted")
	b.is(`document.querySelectorAll("#results tbody tr").length`, "0")
}
