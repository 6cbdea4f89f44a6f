package vuln_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ringside/vuln"
	"ringside/vuln/internal/cvetest"
	"ringside/vuln/ranges"
)

// rule is the rule of the .dyad files written as plainly as can be, with nothing of the
// package under test: a flaw is in a release if a line's introduction is and no line's
// fix is.
func rule(dyad, release string) string {
	introduced, fixed := false, false
	for line := range strings.Lines(dyad) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, ":")
		if f[0] == "0" || contains(release, f[0]) {
			introduced = true
		}
		if f[2] != "0" && contains(release, f[2]) {
			fixed = true
		}
	}
	switch {
	case !introduced:
		return "not_in_range"
	case fixed:
		return "fixed"
	}
	return "affected"
}

// contains says whether a release has what was new in another one.
func contains(release, what string) bool {
	branch, number := cut(release)
	b, n := cut(what)
	if n == 0 { // mainline
		return slices.Compare(b, branch) <= 0
	}
	return slices.Equal(b, branch) && n <= number
}

// cut splits a version into its branch and the number of the stable release on it.
func cut(version string) (branch []int, number int) {
	var n []int
	for s := range strings.SplitSeq(version, ".") {
		v, _ := strconv.Atoi(s)
		n = append(n, v)
	}
	size := 2
	if n[0] < 3 {
		size = 3
	}
	if len(n) > size {
		return n[:size], n[size]
	}
	return n, 0
}

func corpus(t testing.TB) (*vuln.Database, map[string]string) {
	t.Helper()
	f, dyads := cvetest.Corpus(t)
	db, err := vuln.New(f)
	if err != nil {
		t.Fatal(err)
	}
	return db, dyads
}

// Every record that is published has, for every version that any record names, the
// verdict of its .dyad file.
func TestRangesEqualDyad(t *testing.T) {
	db, dyads := corpus(t)
	if len(dyads) != 14626 {
		t.Fatalf("%d records have a .dyad file", len(dyads))
	}
	if len(db.Problems()) > 0 {
		t.Errorf("problems: %v", db.Problems())
	}
	seen := map[ranges.Version]bool{}
	for _, r := range db.Records() {
		for _, s := range r.Sources {
			for _, p := range s.Pairs {
				seen[p.Intro], seen[p.Fix] = true, true
			}
		}
	}
	all := slices.Sorted(maps.Keys(seen))
	if len(all) < 2000 {
		t.Fatalf("the records name %d versions", len(all))
	}
	asked := []string{"6.1", "6.1.100", "6.1.176", "6.1.192", "6.12.74", "6.12.107", "6.6.100", "5.15.190", "5.10.250", "7.2"}
	for i := 1; i < len(all); i += 60 { // a prime's multiple would do as well; the walk takes a minute for all
		asked = append(asked, all[i].String())
	}
	want := map[string][3]int{ // affected, fixed, not introduced; counted by others
		"6.1.100": {5365, 5093, 4168}, "6.1.176": {1903, 8843, 3880}, "6.1.192": {1087, 9673, 3866},
	}
	for _, release := range asked {
		v, err := ranges.ParseVersion(release)
		if err != nil {
			t.Fatal(err)
		}
		got := db.Ranges(v)
		var n [4]int
		for i, r := range db.Records() {
			if r.Rejected {
				continue
			}
			n[got[i]]++
			if plain := rule(dyads[r.ID], release); plain != got[i].String() {
				t.Errorf("%s in %s: %s, the .dyad file says %s", r.ID, release, got[i], plain)
			}
		}
		if w, ok := want[release]; ok && w != [3]int{n[ranges.Affected], n[ranges.Fixed], n[ranges.NotIntroduced]} {
			t.Errorf("%s: %v, want %v", release, n, w)
		}
		if sum := n[ranges.Affected] + n[ranges.Fixed] + n[ranges.NotIntroduced]; sum != 14626 {
			t.Errorf("%s: %d verdicts", release, sum)
		}
	}
}

// Without the .dyad files the CVE records' own statements give the same verdicts, but
// for four records in which they lack branches.
func TestRangesWithoutDyad(t *testing.T) {
	db, _ := corpus(t)
	differ := map[string]bool{}
	for _, r := range db.Records() {
		if len(r.Sources) > 1 {
			differ[r.ID] = true
		}
	}
	want := []string{"CVE-2023-53012", "CVE-2023-54035", "CVE-2023-54130", "CVE-2025-40039"}
	if got := slices.Sorted(maps.Keys(differ)); !slices.Equal(got, want) {
		t.Errorf("JSON and .dyad differ in %v, want %v", got, want)
	}
}

func TestScanCorpus(t *testing.T) {
	db, _ := corpus(t)
	n := map[vuln.State]int{}
	for _, v := range db.Scan(vuln.Kernel{Release: "6.1.176", Base: ranges.Exactly(6<<48 | 1<<32 | 176)}) {
		n[v.Verdict]++
		if len(v.Evidence) == 0 {
			t.Errorf("%s is %s without evidence", v.CVE, v.Verdict)
		}
		if v.Verdict.String() != v.Range.String() && v.Verdict != vuln.Undetermined {
			t.Errorf("%s is %s, by version %s", v.CVE, v.Verdict, v.Range)
		}
	}
	// Two records say that a driver went in 4.18 and a flaw came with its return in 5.8.
	if n[vuln.Affected] != 1903 || n[vuln.Fixed] != 8841 || n[vuln.NotInRange] != 3880 || n[vuln.Undetermined] != 2 {
		t.Errorf("verdicts: %v", n)
	}
}

func BenchmarkScan(b *testing.B) {
	db, _ := corpus(b)
	for b.Loop() {
		db.Scan(vuln.Kernel{Release: "6.1.176", Base: ranges.Exactly(6<<48 | 1<<32 | 176)})
	}
}

func Benchmark500Kernels(b *testing.B) {
	db, _ := corpus(b)
	for b.Loop() {
		for n := range 500 {
			db.Scan(vuln.Kernel{Base: ranges.Exactly(6<<48 | 1<<32 | ranges.Version(n))})
		}
	}
}
