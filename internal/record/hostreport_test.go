package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringside/internal/store"
)

// tell sends what a host says of itself.
func tell(t *testing.T, s *Service, host, kernel, modules, config, broken string, at time.Time) Receipt {
	t.Helper()
	r := intake(t, s, fmt.Sprintf("HOST %s %s %s %s %s %s", host, kernel, modules, config, broken, at.Format(time.RFC3339)), Meta{Class: ClassHost})
	drain(t, s)
	return r
}

func TestHostReports(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, a, clk := newExposureService(t, db)
		const kernel, other = "6.1.0-56-amd64", "6.1.0-57-amd64"
		for _, host := range []string{"web1", "web2", "web3"} {
			take(t, s, host, "REPORT kind=bug fn=foo kernel="+kernel+"\n", collected(clk.t))
		}
		drain(t, s)
		drain(t, s)
		split := func() string {
			t.Helper()
			d, err := s.CVE(t.Context(), "CVE-2026-2")
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, e := range d.Exposures {
				out = append(out, fmt.Sprintf("%s %s %d-%d %v", e.Kernel.Release, e.Verdict, e.Hosts, e.NotLoaded, e.Modules))
			}
			return fmt.Sprintf("%d+%d: %s", d.Hosts, d.NotLoaded, strings.Join(out, "; "))
		}
		check := func(name, want string) {
			t.Helper()
			if got := split(); got != want {
				t.Errorf("%s: %s\nwant %s", name, got, want)
			}
		}
		const ksmbd = " [fs/smb/server/ksmbd.ko]"
		check("nobody told", "3+0: "+kernel+" affected 3-0"+ksmbd)

		clk.t = clk.t.Add(time.Hour)
		tell(t, s, "web1", kernel, "ext4", "c1", "yama", clk.t)
		check("one of three told", "2+1: "+kernel+" affected 3-1"+ksmbd)
		tell(t, s, "web2", kernel, "ext4,ksmbd", "c1", "yama", clk.t)
		check("another one has it loaded", "2+1: "+kernel+" affected 3-1"+ksmbd)
		if _, got := cves(t, s, CVEFilter{Text: "ksmbd"}); got != "CVE-2026-2 none 1/0 on 2" {
			t.Errorf("the board: %s", got)
		}
		k, err := s.KernelExposure(t.Context(), kernel)
		if err != nil || k.Reporting != 2 || k.Hosts != 3 {
			t.Errorf("the kernel: %+v, %v", k, err)
		}

		// Told again with the same modules, nothing is judged anew; with others it is.
		a.judged = nil
		clk.t = clk.t.Add(time.Hour)
		tell(t, s, "web1", kernel, "ext4", "c1", "yama", clk.t)
		if len(a.judged) > 0 {
			t.Errorf("judged again without a reason: %v", a.judged)
		}
		clk.t = clk.t.Add(time.Hour)
		tell(t, s, "web2", kernel, "ext4", "c1", "yama", clk.t)
		tell(t, s, "web3", kernel, "ext4", "c2", "kptr", clk.t)
		check("none has it loaded", "0+3: "+kernel+" not_loaded 3-3"+ksmbd)
		if d, err := s.CVE(t.Context(), "CVE-2026-2"); err != nil || d.Clock.State != ClockStopped || d.Exposures[0].Was != VerdictAffected {
			t.Errorf("its clock: %+v, %v", d, err)
		}
		// What is older than what is known changes nothing.
		tell(t, s, "web2", kernel, "ext4,ksmbd", "c1", "yama", clk.t.Add(-90*time.Minute))
		check("an old report", "0+3: "+kernel+" not_loaded 3-3"+ksmbd)

		// The build keeps yama, and has configuration c1; KASLR it does not keep either.
		intake(t, s, "INVENTORY "+kernel+" full", Meta{Class: ClassInventory})
		drain(t, s)
		drift, err := s.Drift(t.Context(), kernel)
		if err != nil || len(drift) != 1 {
			t.Fatalf("drift: %+v, %v", drift, err)
		}
		var got []string
		for _, f := range drift[0].Findings {
			got = append(got, fmt.Sprintf("%s/%s %d %v", f.Baseline, f.ID, f.Hosts, f.Names))
		}
		if want := []string{"server/yama 2 [web1 web2]", "/configuration 1 [web3]", "server/kconfig/NEW 1 [web3]", "server/kptr 1 [web3]"}; !slices.Equal(got, want) {
			t.Errorf("drift: %q, want %q", got, want)
		}
		if d := drift[0]; d.Hosts != 3 || d.Told != 3 || d.Drifted != 3 {
			t.Errorf("drift: %+v", d)
		}
		if all, err := s.Drift(t.Context(), ""); err != nil || len(all) != 1 || all[0].Drifted != 3 || len(all[0].Findings) != 0 {
			t.Errorf("drift of all: %+v, %v", all, err)
		}

		// A host that goes to another kernel is not of this one's any more.
		clk.t = clk.t.Add(time.Hour)
		take(t, s, "web1", "REPORT kind=bug fn=foo kernel="+other+"\n", collected(clk.t))
		drain(t, s)
		drain(t, s)
		check("one moved", "1+2: "+other+" affected 1-0"+ksmbd+"; "+kernel+" not_loaded 2-2"+ksmbd)
		if drift, err := s.Drift(t.Context(), kernel); err != nil || drift[0].Told != 2 {
			t.Errorf("drift after one moved: %+v, %v", drift, err)
		}
	})
}

func TestHostReportRefused(t *testing.T) {
	s, _ := newService(t, openSQLite(t, t.TempDir()))
	if _, err := s.Intake(t.Context(), strings.NewReader("HOST a 6.1 x c y"), Meta{Class: ClassHost}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a server without an exposer took a host's report: %v", err)
	}
	s, _, clk := newExposureService(t, openSQLite(t, t.TempDir()))
	if _, err := s.Intake(t.Context(), strings.NewReader("a log"), Meta{Class: ClassHost}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a log was taken for a host's report: %v", err)
	}
	r := tell(t, s, "a/b", "6.1.1", "ext4", "c", "x", clk.t)
	if r, err := s.Receipt(t.Context(), r.ID); err != nil || r.Progress != Failed || !strings.Contains(r.Error, "name its host") {
		t.Errorf("a report of nobody: %+v, %v", r, err)
	}
}
