// Package review counts how patches were reviewed: in how many rounds, by whom, with what
// outcome and after how long. It reads what the places of review give: mailboxes of a
// list, pull requests of GitHub, merge requests of GitLab, changes of Gerrit.
//
//   - review.go: reviews and their figures; read.go: what an input is;
//   - mail.go: threads of a mailbox; forge.go: GitHub, GitLab and Gerrit.
package review

import (
	"cmp"
	"slices"
	"time"
)

// A State is what became of a review.
type State string

// The states.
const (
	Open      State = "open"
	Merged    State = "merged"
	Abandoned State = "abandoned" // closed without being merged
)

// A Review is one change, or series, that was put up for review, in all its versions.
type Review struct {
	Source string `json:"source" enum:"mail,github,gitlab,gerrit"`
	// ID is a number of a forge or the Message-ID of the last version's first mail.
	ID      string     `json:"id"`
	Title   string     `json:"title"`
	Author  string     `json:"author"`
	State   State      `json:"state" enum:"open,merged,abandoned"`
	Created time.Time  `json:"created"`
	Closed  *time.Time `json:"closed,omitempty"`
	// Rounds are the versions that were looked at; 1 is one without a rework.
	Rounds  int `json:"rounds"`
	Patches int `json:"patches,omitempty"` // of the last version
	// Comments are answers of others than the author.
	Comments  int        `json:"comments"`
	Reviewers []string   `json:"reviewers"` // who answered, sorted
	Approvals []Approval `json:"approvals"`
	Commit    string     `json:"commit,omitempty"`
	// Because says what tells the state, where it is not the forge's own word.
	Because string `json:"because,omitempty"`
}

// An Approval is somebody's word for a change.
type Approval struct {
	Who  string `json:"who"`
	Kind string `json:"kind"` // Reviewed-by, Acked-by, Tested-by, approved, Code-Review+2
}

// Figures sum reviews up.
type Figures struct {
	Reviews   int `json:"reviews"`
	Open      int `json:"open"`
	Merged    int `json:"merged"`
	Abandoned int `json:"abandoned"`
	// Acceptance is merged of those that ended; -1 if none ended.
	Acceptance float64 `json:"acceptance"`
	// MedianRounds and MedianDays are of those that were merged; -1 if none was.
	MedianRounds float64 `json:"median_rounds"`
	MedianDays   float64 `json:"median_days"`
	// Unreviewed were merged without a word of anybody else.
	Unreviewed int `json:"unreviewed"`
	// Reviewers are those who answered, the busiest first.
	Reviewers []Reviewer `json:"reviewers"`
}

// Reviewer is who answered how many reviews.
type Reviewer struct {
	Who     string `json:"who"`
	Reviews int    `json:"reviews"`
}

// Sum makes the figures.
func Sum(list []Review) Figures {
	f := Figures{Reviews: len(list), Acceptance: -1, MedianRounds: -1, MedianDays: -1, Reviewers: []Reviewer{}}
	var rounds, days []float64
	by := map[string]int{}
	for i := range list {
		r := &list[i]
		for _, who := range r.Reviewers {
			by[who]++
		}
		switch r.State {
		case Merged:
			f.Merged++
			rounds = append(rounds, float64(r.Rounds))
			if r.Closed != nil {
				days = append(days, r.Closed.Sub(r.Created).Hours()/24)
			}
			if len(r.Reviewers)+len(r.Approvals) == 0 {
				f.Unreviewed++
			}
		case Abandoned:
			f.Abandoned++
		default:
			f.Open++
		}
	}
	if ended := f.Merged + f.Abandoned; ended > 0 {
		f.Acceptance = float64(f.Merged) / float64(ended)
	}
	f.MedianRounds, f.MedianDays = median(rounds), median(days)
	for who, n := range by {
		f.Reviewers = append(f.Reviewers, Reviewer{who, n})
	}
	slices.SortFunc(f.Reviewers, func(a, b Reviewer) int {
		if c := cmp.Compare(b.Reviews, a.Reviews); c != 0 {
			return c
		}
		return cmp.Compare(a.Who, b.Who)
	})
	return f
}

// median gives the middle, or the mean of the two in the middle; -1 of nothing.
func median(v []float64) float64 {
	if len(v) == 0 {
		return -1
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// tidy sorts and fills what readers have gathered.
func (r *Review) tidy() {
	slices.Sort(r.Reviewers)
	r.Reviewers = append([]string{}, slices.Compact(r.Reviewers)...)
	slices.SortFunc(r.Approvals, func(a, b Approval) int {
		if c := cmp.Compare(a.Kind, b.Kind); c != 0 {
			return c
		}
		return cmp.Compare(a.Who, b.Who)
	})
	r.Approvals = append([]Approval{}, slices.Compact(r.Approvals)...)
	r.Rounds = max(r.Rounds, 1)
}
