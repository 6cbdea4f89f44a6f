package main

import (
	"os"
	"path/filepath"
	"testing"

	"ringside/crash"
	"ringside/similar"
)

// What has been reached on the public cases stays reached.
func TestJudge(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("SKIPPED: set RINGSIDE_CORPUS to the folder of the corpora")
	}
	reports, err := readReports(filepath.Join(corpus, "crashlog/syzkaller/report"), false)
	if err != nil {
		t.Fatal(err)
	}
	m := &similar.Model{Prior: crash.Prior}
	for i := range reports {
		m.Add(&reports[i].stack)
	}
	res := judge(reports, m)
	same, suggest, baseline := res.Methods["same"], res.Methods["suggest"], res.Methods["levenshtein"]
	t.Logf("%d reports, %d pairs: same %+v, suggest %+v, portable %+v, levenshtein %+v",
		res.Reports, res.Pairs, *same, *suggest, *res.Methods["portable"], *baseline)
	if same.Precision < 0.9 || suggest.F1 < 0.78 || suggest.F1 < 2*baseline.F1 {
		t.Errorf("same %+v, suggest %+v, baseline %+v", *same, *suggest, *baseline)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b []string
		want float64
	}{
		{nil, nil, 1},
		{[]string{"a"}, nil, 1},
		{[]string{"a", "b"}, []string{"a", "b"}, 0},
		{[]string{"a", "b", "c", "d"}, []string{"a", "x", "c"}, 0.5},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%v, %v) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
