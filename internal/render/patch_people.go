package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/patch/contrib"
	"ringside/patch/review"
)

// The JSON forms of reviews and contributions.
const (
	PatchReviewsSchemaID       = "https://ringside.dev/schemas/patch-reviews.v1.json"
	PatchContributionsSchemaID = "https://ringside.dev/schemas/patch-contributions.v1.json"
)

// PatchReviews is how patches were reviewed.
type PatchReviews struct {
	Schema   string          `json:"schema"`
	Name     string          `json:"name"`
	Totals   review.Figures  `json:"totals"`
	Reviews  []review.Review `json:"reviews"`
	Problems []string        `json:"problems"`
}

// PatchContributions is what a team has given to upstream.
type PatchContributions struct {
	Schema     string `json:"schema"`
	Name       string `json:"name"`
	Repository string `json:"repository"`
	contrib.Summary
}

// ReviewsReport writes how patches were reviewed.
func ReviewsReport(w io.Writer, d PatchReviews, st Style) error {
	p := &printer{w: w, s: st}
	for i := range d.Reviews {
		r := &d.Reviews[i]
		role := plain
		switch r.State {
		case review.Merged:
			role = good
		case review.Abandoned:
			role = faint
		}
		p.line("%s  %s  %s", st.paint(role, fmt.Sprintf("%-9s", r.State)), st.paint(strong, r.Title), st.paint(faint, r.ID))
		parts := []string{pluralOf(r.Rounds, "round", "rounds"), "by " + r.Author}
		if n := len(r.Reviewers); n > 0 {
			parts = append(parts, "answered by "+strings.Join(r.Reviewers[:min(n, 4)], ", "))
		}
		if len(r.Approvals) > 0 {
			parts = append(parts, pluralOf(len(r.Approvals), "approval", "approvals"))
		}
		if !r.Created.IsZero() {
			parts = append(parts, "since "+r.Created.Format(time.DateOnly))
		}
		if r.Closed != nil {
			parts = append(parts, fmt.Sprintf("%.0f days", r.Closed.Sub(r.Created).Hours()/24))
		}
		p.wrapped("           ", strings.Join(parts, " · "), faint)
	}
	for _, x := range d.Problems {
		p.wrapped("", x, caution)
	}
	t := &d.Totals
	p.line("")
	p.line("%s: %d merged, %d abandoned, %d open", pluralOf(t.Reviews, "review", "reviews"), t.Merged, t.Abandoned, t.Open)
	if t.Acceptance >= 0 {
		p.line("accepted: %.0f %% of those that ended", 100*t.Acceptance)
	}
	if t.Merged > 0 {
		line := fmt.Sprintf("merged after %g rounds", t.MedianRounds)
		if t.MedianDays >= 0 {
			line += fmt.Sprintf(" and %.1f days", t.MedianDays)
		}
		p.line("%s, in the median; %d of them without a word of anybody else", line, t.Unreviewed)
	}
	return p.err
}

// ContributionsReport writes what a team has given.
func ContributionsReport(w io.Writer, d PatchContributions, st Style) error {
	p := &printer{w: w, s: st}
	t := &d.Total
	p.line("%s in %s", st.paint(strong, d.Who), d.Repository)
	p.line("wrote %d of %d commits (%.1f %%), %d of them fixes, %d for stable", t.Authored, d.Commits, 100*d.Share, t.Fixes, t.Stable)
	p.line("reviewed %d, acked %d, tested %d, reported %d, suggested %d, co-developed %d, took %d of others", t.Reviewed, t.Acked, t.Tested, t.Reported, t.Suggested, t.CoWritten, t.Committed)
	for _, part := range []struct {
		title string
		rows  []contrib.Row
	}{{"By release", d.Releases}, {"By person", d.People}} {
		if len(part.rows) == 0 {
			continue
		}
		p.section(part.title)
		p.line("  %s", st.paint(faint, fmt.Sprintf("%-32s %7s %6s %7s %8s %6s %6s %8s", "", "wrote", "fixes", "stable", "reviewed", "acked", "tested", "reported")))
		for i := range part.rows {
			r := &part.rows[i]
			p.line("  %s", fmt.Sprintf("%-32s %7d %6d %7d %8d %6d %6d %8d", safe(r.Name), r.Authored, r.Fixes, r.Stable, r.Reviewed, r.Acked, r.Tested, r.Reported))
		}
	}
	return p.err
}
