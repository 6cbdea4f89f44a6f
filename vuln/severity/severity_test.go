package severity_test

import (
	"testing"

	"ringside/vuln/feed"
	"ringside/vuln/impact"
	"ringside/vuln/internal/cvetest"
	"ringside/vuln/severity"
)

func TestOf(t *testing.T) {
	given := func(score float64, level, vector, by string) feed.Metric {
		return feed.Metric{Version: "3.1", Vector: vector, Score: score, Severity: level, Source: by}
	}
	for _, tt := range []struct {
		name     string
		metrics  []feed.Metric
		class    impact.Class
		files    string
		level    severity.Level
		estimate bool
		reach    string
	}{
		{"given", []feed.Metric{given(7.8, "high", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "CNA")}, impact.Crash, "net/ipv4/x.c", severity.High, false, "local"},
		{"the gravest that was given", []feed.Metric{given(5.5, "medium", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H", "CNA"), given(9.8, "critical", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "ADP x")}, 0, "", severity.Critical, false, "network"},
		{"given as a vector alone", []feed.Metric{given(0, "", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H", "OSV")}, 0, "", severity.Medium, false, "local"},
		{"use after free by packets", nil, impact.UseAfter, "net/ipv4/tcp.c", severity.High, true, "network"},
		{"crash by packets", nil, impact.Crash, "net/ipv6/route.c", severity.High, true, "network"},
		{"crash of a driver", nil, impact.Crash, "drivers/gpu/x.c", severity.Medium, true, "local"},
		{"use after free by a stick", nil, impact.UseAfter, "drivers/usb/x.c", severity.Medium, true, "physical"},
		{"leak", nil, impact.Leak, "drivers/gpu/x.c", severity.Low, true, "local"},
		{"read out of bounds that all reach", nil, impact.ReadOOB, "mm/x.c", severity.High, true, "local"},
		{"not told", nil, impact.Unknown, "drivers/gpu/x.c", severity.Medium, true, "local"},
		{"no files", nil, impact.Crash, "", severity.Medium, true, "local"},
	} {
		r := feed.Record{Metrics: tt.metrics, Impact: impact.Impact{Class: tt.class, Phrase: "x"}}
		if tt.files != "" {
			r.Files = []string{tt.files}
		}
		got := severity.Of(&r)
		if got.Level != tt.level || got.Estimate != tt.estimate || got.Reach != tt.reach || got.Source == "" || (got.Estimate && len(got.Reasons) == 0) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// Scores of FIRST's own examples.
func TestScore(t *testing.T) {
	for vector, want := range map[string]float64{
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": 9.8, "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N": 6.1,
		"CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N": 6.4, "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:N": 0,
		"CVSS:3.1/AV:L/AC:L/PR:H/UI:N/S:C/C:H/I:H/A:H": 8.2, "CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": 6.8,
		"CVSS:4.0/AV:N": 0, "": 0, "CVSS:3.1/AV:X": 0,
	} {
		if got := severity.Score(vector); got != want {
			t.Errorf("%s is %.1f, want %.1f", vector, got, want)
		}
	}
}

// The score of each vector that the CNA gives is the one that it gives.
func TestScoreOfRecords(t *testing.T) {
	f, _ := cvetest.Corpus(t)
	n := 0
	for _, r := range f.Records {
		for _, m := range r.Metrics {
			n++
			if got := severity.Score(m.Vector); got != m.Score {
				t.Errorf("%s: %s is %.1f, the record says %.1f", r.ID, m.Vector, got, m.Score)
			}
		}
	}
	if n < 5000 {
		t.Errorf("only %d vectors", n)
	}
}
