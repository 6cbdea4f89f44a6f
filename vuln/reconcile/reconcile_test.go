package reconcile_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"ringside/kbuild"
	"ringside/vuln"
	"ringside/vuln/feed"
	"ringside/vuln/internal/cvetest"
	"ringside/vuln/ranges"
	"ringside/vuln/reconcile"
)

const grype = `{"matches":[
{"vulnerability":{"id":"CVE-2023-0001","severity":"High","namespace":"nvd:cpe","fix":{"versions":[],"state":"unknown"}},"matchDetails":[{"type":"cpe-match","found":{"versionConstraint":">= 5.12, < 6.5 (unknown)"}}],"artifact":{"name":"linux_kernel","version":"6.1.176","type":"linux-kernel"}},
{"vulnerability":{"id":"GHSA-x","severity":"Low"},"relatedVulnerabilities":[{"id":"CVE-2023-0002"}],"matchDetails":[],"artifact":{"name":"linux-libc-dev","version":"6.1.176-1"}},
{"vulnerability":{"id":"CVE-2023-9999","severity":"Low"},"artifact":{"name":"openssl","version":"3"}}]}`

const trivy = `{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"x","Vulnerabilities":[
{"VulnerabilityID":"CVE-2023-0003","PkgName":"linux-image-6.1.0-50-amd64","InstalledVersion":"6.1.176-1","FixedVersion":"6.1.180-1","Severity":"HIGH","DataSource":{"ID":"debian","Name":"Debian Security Tracker"}},
{"VulnerabilityID":"CVE-2023-0004","PkgName":"linux-image-6.1.0-50-amd64","InstalledVersion":"6.1.176-1","Severity":"LOW"}]},{"Target":"y"}]}`

const osv = `{"results":[{"source":{"path":"/src/linux","type":"git"},"packages":[{"package":{"name":"Kernel","version":"6.1.176","ecosystem":"Linux"},"vulnerabilities":[{"id":"CVE-2023-0005"},{"id":"OSV-1","aliases":["CVE-2023-0006"]}]},
{"package":{"commit":"17b17fcd6d446b95904a6929c40012ee7f0afc0c"},"vulnerabilities":[{"id":"CVE-2023-0007"}]}]}]}`

func parse(t *testing.T, text string) *reconcile.Findings {
	t.Helper()
	f, err := reconcile.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestParse(t *testing.T) {
	g, v, o := parse(t, grype), parse(t, trivy), parse(t, osv)
	if g.Scanner != "grype" || len(g.Findings) != 2 || g.Others != 1 || g.Findings[0] != (reconcile.Finding{CVE: "CVE-2023-0001", Package: "linux_kernel", Version: "6.1.176", How: "cpe-match nvd:cpe", Range: ">= 5.12, < 6.5 (unknown)", Severity: "high"}) || g.Findings[1].CVE != "CVE-2023-0002" {
		t.Errorf("%+v", g)
	}
	if v.Scanner != "trivy" || len(v.Findings) != 2 || v.Findings[0].Range != "< 6.1.180-1" || v.Findings[0].How != "Debian Security Tracker" {
		t.Errorf("%+v", v)
	}
	if o.Scanner != "osv-scanner" || len(o.Findings) != 3 || o.Findings[1].CVE != "CVE-2023-0006" || o.Findings[2].How != "commit" {
		t.Errorf("%+v", o)
	}
	for _, bad := range []string{"", "[]", "{}", `{"matches":3}`, `{"matches":[`, "x"} {
		if f, err := reconcile.Parse(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken as %+v", bad, f)
		}
	}
}

func v(s string) ranges.Version {
	x, err := ranges.ParseVersion(s)
	if err != nil {
		panic(err)
	}
	return x
}

func TestReconcile(t *testing.T) {
	pair := func(id, intro, fix string) feed.Record {
		p := ranges.Pair{Intro: v(intro)}
		if fix != "" {
			p.Fix = v(fix)
		}
		return feed.Record{ID: id, Files: []string{"a.c"}, Sources: []feed.Source{{Kind: feed.Dyad, Pairs: []ranges.Pair{p, {Intro: v(intro), Fix: v("7.1")}}}}}
	}
	off := pair("CVE-2023-0004", "5.12", "")
	off.Files = []string{"off.c"}
	db, err := vuln.New(&feed.Feed{Records: []feed.Record{
		pair("CVE-2023-0001", "5.12", "6.1.42"), pair("CVE-2023-0002", "5.12", "6.1.180"), pair("CVE-2023-0003", "5.12", "6.1.180"), off,
		pair("CVE-2023-0005", "6.2", "6.2.3"), pair("CVE-2023-0006", "6.1.149", ""), {ID: "CVE-2023-0007", Rejected: true, File: "rejected/x"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	scan := db.Report(vuln.Kernel{Release: "6.1.176", Base: ranges.Exactly(v("6.1.176")), Presence: func(f string) kbuild.Presence {
		if f == "off.c" {
			return kbuild.Presence{Path: f, State: kbuild.NotCompiled, Why: []kbuild.Step{{File: "Makefile", Line: 1, Symbol: "OFF", Value: "n"}}}
		}
		return kbuild.Presence{Path: f, State: kbuild.Compiled, Targets: []string{kbuild.Vmlinux}}
	}})
	for _, tt := range []struct {
		text                         string
		right, wrong, unsure, missed int
		want                         []string
	}{
		{grype, 0, 2, 0, 2, []string{"CVE-2023-0001 fixed_on_branch", "CVE-2023-0002 no_kernel_code", "CVE-2023-0003 missed", "CVE-2023-0006 missed_stable_only"}},
		{trivy, 1, 1, 0, 2, []string{"CVE-2023-0002 missed", "CVE-2023-0003 agrees", "CVE-2023-0004 not_compiled", "CVE-2023-0006 missed_stable_only"}},
		{osv, 1, 2, 0, 2, []string{"CVE-2023-0002 missed", "CVE-2023-0003 missed", "CVE-2023-0005 not_introduced", "CVE-2023-0006 agrees", "CVE-2023-0007 rejected"}},
	} {
		r := reconcile.Reconcile(parse(t, tt.text), scan, db)
		var got []string
		for _, row := range r.Rows {
			got = append(got, row.CVE+" "+string(row.Reason))
			if row.Why == "" {
				t.Errorf("%s: %s without a why", r.Scanner, row.CVE)
			}
		}
		if !slices.Equal(got, tt.want) || r.Right != tt.right || r.Wrong != tt.wrong || r.Unsure != tt.unsure || r.Missed != tt.missed {
			t.Errorf("%s: %d right, %d wrong, %d unsure, %d missed: %q, want %q", r.Scanner, r.Right, r.Wrong, r.Unsure, r.Missed, got, tt.want)
		}
	}
	first := reconcile.Reconcile(parse(t, grype), scan, db).Rows[0]
	if want := `introduced in 5.12, fixed in 6.1.42; it compared 6.1.176 with ">= 5.12, < 6.5 (unknown)", which has no branches`; first.Why != want {
		t.Errorf("%q, want %q", first.Why, want)
	}
}

// How wrong the two usual ways to read the records are. They are applied to the pairs of
// the .dyad files; the containers of the JSON, which lack a few of them, match 8,118 and
// 6,921 and lose 118 and 132.
func TestBaselines(t *testing.T) {
	f, _ := cvetest.Corpus(t)
	for _, tt := range []struct {
		at                           string
		affected, cpe, falsely, lost int
	}{{"6.1.176", 1903, 8119, 6216, 120}, {"6.12.74", 3361, 6923, 3562, 135}} {
		affected, cpe, falsely, lost := 0, 0, 0, 0
		for _, r := range f.Records {
			if r.Rejected {
				continue
			}
			p := r.Sources[0].Pairs
			in := ranges.Decide(p, v(tt.at)).Verdict == ranges.Affected
			_, match := reconcile.CPE(p, v(tt.at))
			if in {
				affected++
			}
			if in && !reconcile.Semver(p, v(tt.at)) {
				lost++
			}
			if match {
				cpe++
			}
			if match && !in {
				falsely++
			}
		}
		t.Logf("%s: %d affected; CPE ranges match %d, %d of them falsely; the first semver range that fits loses %d", tt.at, affected, cpe, falsely, lost)
		if affected != tt.affected || cpe != tt.cpe || falsely != tt.falsely || lost != tt.lost {
			t.Errorf("%s: want %+v", tt.at, tt)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{grype, trivy, osv} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := reconcile.Parse(strings.NewReader(string(b)))
		if err != nil {
			return
		}
		for _, x := range got.Findings {
			if !feed.IsID(x.CVE) {
				t.Errorf("%q is no CVE", x.CVE)
			}
		}
		if _, err := json.Marshal(reconcile.Reconcile(got, &vuln.Report{}, nil)); err != nil {
			t.Error(err)
		}
	})
}
