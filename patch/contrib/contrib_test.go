package contrib_test

import (
	"testing"
	"time"

	"ringside/patch/contrib"
)

func TestCounter(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2024, 1, n, 0, 0, 0, 0, time.UTC) }
	c := contrib.Counter{Who: contrib.Matching([]string{"@example.org", "Guest@elsewhere.net"})}
	for _, x := range []contrib.Commit{
		{"ada@example.org", "linus@kernel.test", day(3), "fix\n\nFixes: 0123456789ab (\"x\")\nCc: <stable@vger.kernel.org>\nReviewed-by: Ada <ada@example.org>\nReviewed-by: Bo <bo@eu.example.org>\n", "v6.8"},
		{"x@other.net", "bo@example.org", day(2), "y\n\nReported-and-tested-by: guest@elsewhere.net\nAcked-by: Nobody <n@example.net>\nreviewed-by: Ada <ADA@example.org>", "v6.7"},
		{"x@notexample.org", "y@other.net", day(4), "z\n\nSuggested-by: Bo <bo@example.org>", ""},
		{"y@other.net", "y@other.net", day(5), "nothing of theirs", ""},
	} {
		c.Add(&x)
	}
	s := c.Summary("@example.org")
	want := contrib.Counts{Authored: 1, Fixes: 1, Stable: 1, Reviewed: 2, Tested: 1, Reported: 1, Suggested: 1, Committed: 1}
	if s.Total != want || s.Commits != 4 || s.Share != 0.25 {
		t.Errorf("%+v", s)
	}
	var releases string
	for _, r := range s.Releases {
		releases += r.Name + " "
	}
	if releases != "v6.7 v6.8 not released " {
		t.Errorf("releases: %s", releases)
	}
	if len(s.People) != 4 || s.People[0].Name != "ada@example.org" || s.People[0].Authored != 1 || s.People[0].Reviewed != 1 {
		t.Errorf("people: %+v", s.People)
	}
}
