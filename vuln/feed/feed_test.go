package feed_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/vuln/feed"
	"ringside/vuln/impact"
	"ringside/vuln/ranges"
)

// record is a CVE record as the kernel's CNA writes them, shortened.
const record = `{
  "containers": {"cna": {
    "providerMetadata": {"orgId": "f4215fc3-5b6b-47ff-a258-f7189bd81038"},
    "descriptions": [{"lang": "en", "value": "In the Linux kernel, the following vulnerability has been resolved:\n\nksmbd: fix \"use after free\" in x\n\nA crash.\u00e4"}],
    "metrics": [{"cvssV3_1": {"version": "3.1", "vectorString": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "baseScore": 7.8, "baseSeverity": "HIGH"}}],
    "affected": [
      {"product": "Linux", "vendor": "Linux", "defaultStatus": "unaffected", "programFiles": ["fs/ksmbd/a.c", "fs/ksmbd/a.h"], "versions": [
        {"version": "fe2891a9c43ab87d1a210d61e6438ca6936e2f62", "lessThan": "671c3fcc2ad31c1311ea6414382a2d95104ae1b9", "status": "affected", "versionType": "git"},
        {"version": "6.1.149", "lessThan": "6.1.178", "status": "affected", "versionType": "semver"},
        {"version": "5.4.297", "lessThan": "5.5", "status": "affected", "versionType": "semver"}]},
      {"product": "Linux", "vendor": "Linux", "defaultStatus": "affected", "programFiles": ["fs/ksmbd/a.c"], "versions": [
        {"version": "6.17", "status": "affected"},
        {"version": "0", "lessThan": "6.17", "status": "unaffected", "versionType": "semver"},
        {"version": "6.1.178", "lessThanOrEqual": "6.1.*", "status": "unaffected", "versionType": "semver"},
        {"version": "6.18.40", "lessThanOrEqual": "6.18.*", "status": "unaffected", "versionType": "semver"},
        {"version": "7.2", "lessThanOrEqual": "*", "status": "unaffected", "versionType": "original_commit_for_fix"}]}],
    "references": [{"url": "https://git.kernel.org/stable/c/671c3fcc2ad31c1311ea6414382a2d95104ae1b9"}, {"url": "https://example.org/x"}],
    "title": "ksmbd: fix \"use after free\" in x"}},
  "cveMetadata": {"cveId": "CVE-2026-1000", "state": "PUBLISHED"}, "dataType": "CVE_RECORD", "dataVersion": "5.1.1"}`

const dyad = `# dyad version: 1.2.0
6.1.149:fe2891a9c43ab87d1a210d61e6438ca6936e2f62:6.1.178:671c3fcc2ad31c1311ea6414382a2d95104ae1b9
6.17:a431930c9bac518bf99d6b1da526a7f37ddee8d8:6.18.40:607217f7ad419b53926f71e3f75001813bbc08ad
6.17:a431930c9bac518bf99d6b1da526a7f37ddee8d8:7.2:966cb76fb2857a4242cab6ea2ea17acf818a3da7
5.4.297:e7d2dc2421e821e4045775e6dc226378328de6f6:0:0
`

func read(t *testing.T, files map[string]string) *feed.Feed {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	f, err := feed.Read(t.Context(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRecord(t *testing.T) {
	f := read(t, map[string]string{"cve/published/2026/CVE-2026-1000.json": record, "cve/published/2026/CVE-2026-1000.dyad": dyad, "cve/published/2026/CVE-2026-1000.sha1": "x"})
	if len(f.Problems) > 0 || len(f.Records) != 1 {
		t.Fatalf("%d records, problems %v", len(f.Records), f.Problems)
	}
	r := f.Records[0]
	if r.ID != "CVE-2026-1000" || r.Title != `ksmbd: fix "use after free" in x` || fmt.Sprint(r.Files) != "[fs/ksmbd/a.c fs/ksmbd/a.h]" || r.Rejected || fmt.Sprint(r.Commits) != "[671c3fcc2ad31c1311ea6414382a2d95104ae1b9]" {
		t.Errorf("%+v", r)
	}
	if len(r.Metrics) != 1 || r.Metrics[0] != (feed.Metric{Version: "3.1", Vector: "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", Score: 7.8, Severity: "high", Source: "CNA"}) {
		t.Errorf("metrics %+v", r.Metrics)
	}
	if r.Impact.Class != impact.UseAfter {
		t.Errorf("impact %+v", r.Impact)
	}
	if len(r.Sources) != 1 || r.Sources[0].Kind != feed.Dyad || len(r.Sources[0].Pairs) != 4 || r.Sources[0].Pairs[0].FixCommit != "671c3fcc2ad31c1311ea6414382a2d95104ae1b9" {
		t.Errorf("sources %+v", r.Sources)
	}
}

// The record alone, without its .dyad file, has the backports that its semver ranges
// hide.
func TestRecordAlone(t *testing.T) {
	f := read(t, map[string]string{"CVE-2026-1000.json": record})
	s := f.Records[0].Sources
	if len(s) != 1 || s[0].Kind != feed.Affected {
		t.Fatalf("%+v", s)
	}
	for at, want := range map[string]ranges.Verdict{"6.1.148": ranges.NotIntroduced, "6.1.160": ranges.Affected, "6.1.178": ranges.Fixed, "5.4.298": ranges.Affected, "5.5": ranges.NotIntroduced, "6.18.39": ranges.Affected, "6.18.40": ranges.Fixed, "7.1.2": ranges.Affected, "7.2": ranges.Fixed} {
		v, _ := ranges.ParseVersion(at)
		if got := s[0].Rule()(s[0].Pairs, v).Verdict; got != want {
			t.Errorf("%s is %s, want %s (%v)", at, got, want, s[0].Pairs)
		}
	}
}

func TestOSV(t *testing.T) {
	f := read(t, map[string]string{"x.json": `{"schema_version":"1.7.0","id":"CVE-2023-53247","modified":"2026-01-01T00:00:00Z","summary":"btrfs: x","details":"A NULL pointer dereference",
"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H"}],
"affected":[{"package":{"ecosystem":"Linux","name":"Kernel"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"5.12.0"},{"fixed":"6.1.42"}]},{"type":"ECOSYSTEM","events":[{"introduced":"6.2.0"},{"fixed":"6.4.7"}]},
{"type":"GIT","repo":"https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux.git","events":[{"introduced":"0"},{"fixed":"0a5e0bc8e8618e32a6ca64450867628eb0a627bf"}]}]}]}`,
		"y.json": `{"id":"GHSA-1","affected":[{"package":{"ecosystem":"npm","name":"left-pad"}}]}`,
		"z.json": `{"id":"OSV-1","aliases":["CVE-2024-99999"],"withdrawn":"2026-01-01T00:00:00Z","affected":[]}`})
	if f.Foreign != 1 || len(f.Records) != 2 {
		t.Fatalf("%+v", f)
	}
	r := f.Records[0]
	if len(r.Sources) != 1 || fmt.Sprint(r.Commits) != "[0a5e0bc8e8618e32a6ca64450867628eb0a627bf]" || r.Impact.Class != impact.Crash || len(r.Metrics) != 1 {
		t.Fatalf("%+v", r)
	}
	for at, want := range map[string]ranges.Verdict{"6.1.41": ranges.Affected, "6.1.42": ranges.Fixed, "6.3": ranges.Affected, "6.5": ranges.Fixed, "5.10.3": ranges.NotIntroduced} {
		v, _ := ranges.ParseVersion(at)
		if got := r.Sources[0].Rule()(r.Sources[0].Pairs, v).Verdict; got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
	if !f.Records[1].Rejected {
		t.Error("a withdrawn record is not rejected")
	}
}

// What is broken is named, with the place, and what can be read is kept.
func TestProblems(t *testing.T) {
	cut := record[:strings.Index(record, `"references"`)]
	for _, tt := range []struct {
		name    string
		files   map[string]string
		want    []string
		sources int // of the first record
	}{
		{"cut off", map[string]string{"CVE-2026-1000.json": cut}, []string{fmt.Sprintf("CVE-2026-1000.json: at byte %d: ends where \" should be", len(cut)), "CVE-2026-1000.json: says no version that could be read: its verdicts are undetermined"}, 0},
		{"cut off, with its dyad", map[string]string{"CVE-2026-1000.json": cut, "CVE-2026-1000.dyad": dyad}, []string{fmt.Sprintf("CVE-2026-1000.json: at byte %d: ends where \" should be", len(cut))}, 1},
		{"a broken line", map[string]string{"CVE-2026-1000.dyad": "# x\n6.1:abc\n" + dyad}, []string{"CVE-2026-1000.dyad:2: \"6.1:abc\" is not 'version:commit:version:commit'"}, 1},
		{"a broken version", map[string]string{"CVE-2026-1000.dyad": "six:0:6.1:0\n"}, []string{"CVE-2026-1000.dyad: says no version that could be read: its verdicts are undetermined", "CVE-2026-1000.dyad:1: \"six\" is no kernel version"}, 0},
		{"empty", map[string]string{"CVE-2026-1000.dyad": dyad, "CVE-2026-1001.dyad": ""}, []string{"CVE-2026-1001.dyad: holds no pair of versions", "CVE-2026-1001.dyad: says no version that could be read: its verdicts are undetermined"}, 1},
		{"something else", map[string]string{"CVE-2026-1000.dyad": dyad, "package.json": `{"name":"x"}`}, []string{"package.json: is neither a CVE record nor OSV's"}, 1},
		{"no JSON", map[string]string{"CVE-2026-1000.dyad": dyad, "x.json": "\x7fELF"}, []string{`x.json: '\x7f' where a value should be`}, 1},
		{"too many", map[string]string{"CVE-2026-1000.dyad": strings.Repeat("6.1:0:6.2:0\n", 5000)}, []string{"CVE-2026-1000.dyad: says no version that could be read: its verdicts are undetermined", "CVE-2026-1000.dyad:2049: more than 2048 pairs, which no record has"}, 0},
		{"too deep", map[string]string{"CVE-2026-1000.dyad": dyad, "x.json": strings.Repeat("[", 1000)}, []string{"x.json: at byte 64: nested deeper than 64"}, 1},
		{"published and rejected", map[string]string{"published/CVE-2026-1000.json": record, "rejected/CVE-2026-1000.json": record}, []string{"rejected/CVE-2026-1000.json: is published and rejected at once; the other is published/CVE-2026-1000.json; taken as published"}, 1},
	} {
		f := read(t, tt.files)
		var got []string
		for _, p := range f.Problems {
			got = append(got, p.String())
		}
		if tt.name == "published and rejected" && len(got) == 1 && strings.HasPrefix(got[0], "published/") {
			got = tt.want // whichever came first
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: problems\n%q, want\n%q", tt.name, got, tt.want)
		}
		if len(f.Records) == 0 || len(f.Records[0].Sources) != tt.sources {
			t.Errorf("%s: records %+v", tt.name, f.Records)
		}
	}
}

func TestEmpty(t *testing.T) {
	if _, err := feed.Read(t.Context(), fstest.MapFS{"README": {Data: []byte("x")}}); err == nil {
		t.Error("an empty feed is no error")
	}
}

// Several records in one file.
func TestMany(t *testing.T) {
	other := strings.ReplaceAll(record, "CVE-2026-1000", "CVE-2026-1001")
	for _, text := range []string{"[" + record + "," + other + "]", record + "\n" + other} {
		if f := read(t, map[string]string{"all.json": text}); len(f.Records) != 2 || len(f.Problems) > 0 {
			t.Errorf("%d records, %v", len(f.Records), f.Problems)
		}
	}
}

// Two files of the same rank that contradict each other are both kept.
func TestContradiction(t *testing.T) {
	f := read(t, map[string]string{"a/CVE-2026-1000.json": record, "b/CVE-2026-1000.json": strings.ReplaceAll(record, "6.1.178", "6.1.150")})
	if len(f.Records) != 1 || len(f.Records[0].Sources) != 2 {
		t.Errorf("%+v", f.Records)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("CVE-2026-1000.json", []byte(record))
	f.Add("x.json", []byte(`{"id":"CVE-2023-53247","affected":[{"package":{"ecosystem":"Linux","name":"Kernel"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"6.1.42"},{"introduced":"6.2"},{"last_affected":"6.4.6"}]}]}]}`))
	f.Add("x.json", []byte(`[{"cveMetadata":{"cveId":"CVE-2024-0001","state":"REJECTED"}},{}]`))
	f.Add("CVE-2026-1000.dyad", []byte(dyad))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		var b feed.Builder
		b.Add(name, data)
		b.Add("CVE-2026-1000.dyad", []byte(dyad))
		got := b.Finish()
		found := false
		for _, r := range got.Records {
			if !feed.IsID(r.ID) {
				t.Errorf("%q is taken as a number", r.ID)
			}
			found = found || r.ID == "CVE-2026-1000"
		}
		for _, p := range got.Problems {
			if p.File == "" && name != "" || p.Text == "" {
				t.Errorf("a problem without place or text: %+v", p)
			}
		}
		if !found {
			t.Error("a good record was lost beside a bad one")
		}
	})
}

func FuzzDyad(f *testing.F) {
	f.Add([]byte(dyad))
	f.Add([]byte("0:0:6.12-rc1:966cb76fb2857a4242cab6ea2ea17acf818a3da7\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		pairs, _ := feed.ParseDyad(text)
		for _, at := range []ranges.Version{6<<48 | 1<<32 | 100, 2<<48 | 6<<32 | 32<<16} {
			if d := ranges.Decide(pairs, at); d.Verdict == ranges.Unknown && len(pairs) > 0 {
				t.Errorf("no verdict from %v", pairs)
			}
		}
	})
}
