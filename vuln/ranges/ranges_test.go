package ranges_test

import (
	"testing"

	"ringside/vuln/ranges"
)

func v(s string) ranges.Version {
	if s == "0" {
		return 0
	}
	x, err := ranges.ParseVersion(s)
	if err != nil {
		panic(err)
	}
	return x
}

func pairs(list ...string) (p []ranges.Pair) {
	for i := 0; i < len(list); i += 2 {
		p = append(p, ranges.Pair{Intro: v(list[i]), Fix: v(list[i+1])})
	}
	return p
}

func TestParseVersion(t *testing.T) {
	for s, want := range map[string]string{"6.1": "6.1", "6.1.0": "6.1", "6.1.192": "6.1.192", "2.6.32": "2.6.32", "2.6.32.71": "2.6.32.71", "3.0.101": "3.0.101"} {
		if got := v(s).String(); got != want {
			t.Errorf("%s is %s", s, got)
		}
	}
	for _, s := range []string{"", "6", "6.", ".1", "6.1.2.3", "6.1-rc1", "70000.1", "6.1.65535", "0.0", "6.-1", "1da177e4c3f4", "６.1"} {
		if got, err := ranges.ParseVersion(s); err == nil {
			t.Errorf("%q is taken as %s", s, got)
		}
	}
}

func TestDecide(t *testing.T) {
	stableOnly := pairs("5.15.190", "5.15.212", "6.1.149", "6.1.178", "6.17", "6.18.40", "6.17", "7.2", "5.4.297", "0")
	usual := pairs("5.12", "6.1.42", "5.12", "6.4.7", "5.12", "6.5")
	for _, tt := range []struct {
		name  string
		pairs []ranges.Pair
		at    string
		want  ranges.Verdict
		late  bool
	}{
		{"before", usual, "5.11.22", ranges.NotIntroduced, false},
		{"first", usual, "5.12", ranges.Affected, false},
		{"branch without a fix", usual, "5.15.200", ranges.Affected, false},
		{"last before the fix", usual, "6.1.41", ranges.Affected, false},
		{"the fix", usual, "6.1.42", ranges.Fixed, false},
		{"a later branch, not fixed yet", usual, "6.2.16", ranges.Affected, false},
		{"mainline's fix", usual, "6.5", ranges.Fixed, false},
		{"long after", usual, "7.1.3", ranges.Fixed, false},
		{"brought by a backport", stableOnly, "6.1.160", ranges.Affected, false},
		{"before the backport", stableOnly, "6.1.148", ranges.NotIntroduced, false},
		{"the backport's fix", stableOnly, "6.1.178", ranges.Fixed, false},
		{"a backport to another branch", stableOnly, "6.6.50", ranges.NotIntroduced, false},
		{"a branch that was never fixed", stableOnly, "5.4.300", ranges.Affected, false},
		{"the mainline after that branch", stableOnly, "5.5", ranges.NotIntroduced, false},
		{"fixed before it came back", pairs("4.12", "4.18", "5.8", "6.12.42", "5.8", "6.17"), "6.1.176", ranges.Fixed, true},
		{"from the beginning on", pairs("0", "5.4.278", "0", "6.10"), "4.19", ranges.Affected, false},
		{"old branches", pairs("2.6.30", "2.6.32.5", "2.6.30", "2.6.33"), "2.6.32.4", ranges.Affected, false},
		{"old branches, fixed", pairs("2.6.30", "2.6.32.5", "2.6.30", "2.6.33"), "2.6.32.5", ranges.Fixed, false},
		{"no pairs", nil, "6.1", ranges.Unknown, false},
	} {
		got := ranges.Decide(tt.pairs, v(tt.at))
		if got.Verdict != tt.want || (got.Late >= 0) != tt.late {
			t.Errorf("%s: %s is %s (late %d), want %s", tt.name, tt.at, got.Verdict, got.Late, tt.want)
		}
	}
}

func TestOver(t *testing.T) {
	for _, tt := range []struct {
		release string
		pairs   []ranges.Pair
		want    ranges.Verdict
	}{
		{"6.1.0-56-amd64", pairs("5.12", "5.15"), ranges.Fixed},
		{"6.1.0-56-amd64", pairs("6.2", "6.5"), ranges.NotIntroduced},
		{"6.1.0-56-amd64", pairs("5.12", "6.5"), ranges.Affected},
		{"6.1.0-56-amd64", pairs("5.12", "6.1.42", "5.12", "6.5"), ranges.Unknown},
		// In the middle of the branch only: the same at both ends.
		{"6.1.0-56-amd64", pairs("6.1.50", "6.1.60", "6.2", "6.3"), ranges.Unknown},
		{"6.2-rc3", pairs("6.2", "6.3"), ranges.Unknown},
		{"6.2-rc3", pairs("6.1", "6.3"), ranges.Affected},
		{"6.2.0-rc3+", pairs("5.1", "6.1"), ranges.Fixed},
		{"6.1.192", pairs("6.1.150", "6.1.192"), ranges.Fixed},
		{"5.14.0-427.13.1.el9_4.x86_64", pairs("5.15", "5.16"), ranges.NotIntroduced},
	} {
		s, err := ranges.Release(tt.release)
		if err != nil {
			t.Errorf("%s: %v", tt.release, err)
			continue
		}
		if got := ranges.Rule(ranges.Decide).Over(tt.pairs, s); got.Verdict != tt.want {
			t.Errorf("%s (%s): %s, want %s", tt.release, s, got.Verdict, tt.want)
		}
	}
}

func TestRelease(t *testing.T) {
	for s, want := range map[string]string{
		"6.1.192": "6.1.192", "v6.12": "6.12", "6.1.192-2": "6.1.192", "6.12.74-cloud": "6.12.74", "6.6.87.2-microsoft-standard-WSL2": "6.6.87",
		"6.1.0-56-amd64": "6.1–6.1.*", "5.15.0-91-generic": "5.15–5.15.*", "6.1.0": "6.1", "6.2.0-rc1": "6.1–6.2", "7.0-rc2": "6.65534–7.0", "6.1.0+": "6.1",
		"": "error", "linux": "error", "6.1.x": "error",
	} {
		got, err := ranges.Release(s)
		text := got.String()
		if err != nil {
			text = "error"
		}
		if text != want {
			t.Errorf("%q is %s (%v), want %s", s, text, err, want)
		}
	}
}

func TestMakefile(t *testing.T) {
	for text, want := range map[string]string{
		"# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\nEXTRAVERSION =\nNAME = x\n": "6.1.192",
		"VERSION = 6\nPATCHLEVEL = 2\nSUBLEVEL = 0\nEXTRAVERSION = -rc3\n":                "6.1–6.2",
		"VERSION = 2\nPATCHLEVEL = 6\nSUBLEVEL = 32\nEXTRAVERSION = .71\n":                "2.6.32.71",
		"all:\n\techo\n": "error",
	} {
		got, err := ranges.Makefile([]byte(text))
		s := got.String()
		if err != nil {
			s = "error"
		}
		if s != want {
			t.Errorf("%q is %s (%v), want %s", text, s, err, want)
		}
	}
}

func TestLinear(t *testing.T) {
	p := pairs("5.12", "6.1.42", "6.2", "6.4.7")
	for at, want := range map[string]ranges.Verdict{"5.11": ranges.NotIntroduced, "6.1.41": ranges.Affected, "6.1.42": ranges.Fixed, "6.2.1": ranges.Affected, "6.4.7": ranges.Fixed, "6.5": ranges.Fixed} {
		if got := ranges.DecideLinear(p, v(at)).Verdict; got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
}
