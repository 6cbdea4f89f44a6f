package web

import (
	"strings"
	"testing"

	"ringside/internal/record"
)

// toldFleet is a fleet of which two of three hosts told of themselves: btrfs is not
// loaded on them, and one has a sysctl that breaks a guardrail.
func toldFleet(t *testing.T) *fleet {
	t.Helper()
	f := exposedFleet(t, cveRecords...)
	for _, host := range []string{"web01", "web02", "web03"} {
		if err := f.svc.Observe(t.Context(), record.Observation{Host: host, Kernel: "6.1.0-55-amd64", Arch: "x86_64", At: f.now}); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"HOST web01 6.1.0-55-amd64 kernel.kptr_restrict", "HOST web02 6.1.0-55-amd64", "HOST db1 6.1.0-57-amd64 kernel.yama"} {
		if _, err := f.svc.Intake(t.Context(), strings.NewReader(text), record.Meta{ReceivedAt: f.now}); err != nil {
			t.Fatal(err)
		}
	}
	f.drain()
	return f
}

func TestHostsThatTold(t *testing.T) {
	f := toldFleet(t)
	k, err := f.svc.KernelExposure(t.Context(), "6.1.0-55-amd64")
	if err != nil {
		t.Fatal(err)
	}
	alone, err := f.svc.Kernel(t.Context(), "6.1.0-57-amd64")
	if err != nil {
		t.Fatal(err)
	}
	kernel := "/kernels/" + k.Kernel.ID
	for _, tt := range []struct {
		path  string
		texts []string
	}{
		{"/cves", []string{"+3 not loaded", "2 of 3 hosts told"}},
		{"/cves/CVE-2026-23001", []string{"more without its code loaded", "2 not loaded"}},
		{kernel + "/cves", []string{"2 told which modules they have loaded", "not loaded on 2 of 3 hosts"}},
		{"/baselines", []string{"1 host drifts", "2 of 3 told", "6.1.0-57-amd64", "1 of 1 told"}},
		{kernel + "/baselines", []string{"<h2 id=\"drift\">Drift", "1 of 2 hosts", "The sysctl &lt;kernel.kptr_restrict&gt;", "sysctl -w kernel.kptr_restrict=2", `href="/hosts?q=web01"`, "KASLR is on", "!ringside cve host"}},
		{"/kernels/" + alone.ID + "/baselines", []string{"1 of 1 host", "kernel.yama is 0"}},
	} {
		w := f.get(tt.path)
		if w.Code != 200 {
			t.Errorf("%s: status %d\n%s", tt.path, w.Code, f.log)
			continue
		}
		wants(t, w.Body.String(), tt.texts...)
		checkMarkup(t, w.Body.String())
	}
	// Where no host told, the page says how it would.
	wants(t, exposedFleet(t, cveRecords...).get("/kernels/6.1.0-55-amd64/baselines").Body.String(), "ringside cve host")
}

func TestBrowserDrift(t *testing.T) {
	f := toldFleet(t)
	b := newBrowser(t, f)
	b.open("/baselines")
	b.is(`document.querySelectorAll("tbody tr").length`, "3")
	b.key("j")
	b.key("\r")
	b.wait(`document.querySelector("#drift")`)
	b.is(`document.querySelectorAll("section[aria-labelledby=drift] tbody tr").length`, "1")
	b.is(`document.querySelector("section[aria-labelledby=drift] details a").textContent`, "web01")
	for i, width := range []int64{360, 768, 1440} {
		b.size(width, 900)
		b.dark(i%2 == 1)
		for _, path := range []string{"/cves", "/cves/CVE-2026-23001", "/kernels/6.1.0-55-amd64/cves", "/baselines", "/kernels/6.1.0-55-amd64/baselines"} {
			b.open(path)
			if over := b.eval(overflow); over != "" {
				t.Errorf("%s at %d px is too wide: %s", path, width, over)
			}
			if got := b.eval(looks); got != "" {
				t.Errorf("%s at %d px:\n%s", path, width, got)
			}
		}
	}
}
