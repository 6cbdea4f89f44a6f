package review

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// person is somebody as the three forges name them.
type person struct {
	Login    string `json:"login"`    // GitHub
	Username string `json:"username"` // GitLab, Gerrit
	Name     string `json:"name"`
	Email    string `json:"email"`
}

func (p person) String() string {
	for _, s := range []string{p.Login, p.Email, p.Username, p.Name} {
		if s != "" {
			return s
		}
	}
	return ""
}

// stamp is a time as text (RFC 3339, Gerrit's) or as seconds.
type stamp struct{ time.Time }

// UnmarshalJSON reads a time; what is none is zero.
func (s *stamp) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		s.Time = time.Unix(n, 0).UTC()
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			s.Time = t.UTC()
			return nil
		}
	}
	return nil
}

// number is a number, or one as text.
type number string

// UnmarshalJSON reads either.
func (n *number) UnmarshalJSON(b []byte) error {
	*n = number(strings.Trim(string(b), `"`))
	return nil
}

// change is a pull request, merge request or change: what is there tells which.
type change struct {
	Number  number `json:"number"`  // GitHub, Gerrit
	IID     number `json:"iid"`     // GitLab
	ANumber number `json:"_number"` // Gerrit's REST
	Title   string `json:"title"`
	Subject string `json:"subject"` // Gerrit
	State   string `json:"state"`
	Status  string `json:"status"` // Gerrit
	User    person `json:"user"`
	Author  person `json:"author"`
	Owner   person `json:"owner"`

	CreatedAt   stamp `json:"created_at"`
	CreatedAt2  stamp `json:"createdAt"`
	CreatedOn   stamp `json:"createdOn"`
	Created     stamp `json:"created"`
	MergedAt    stamp `json:"merged_at"`
	MergedAt2   stamp `json:"mergedAt"`
	ClosedAt    stamp `json:"closed_at"`
	ClosedAt2   stamp `json:"closedAt"`
	Submitted   stamp `json:"submitted"`
	LastUpdated stamp `json:"lastUpdated"`
	Updated     stamp `json:"updated"`

	MergeSHA  string `json:"merge_commit_sha"`
	MergeSHA2 struct {
		OID string `json:"oid"`
	} `json:"mergeCommit"`
	Current string `json:"current_revision"`

	Commits  json.RawMessage `json:"commits"` // a number or a list
	Comments json.RawMessage `json:"comments"`
	Notes    int             `json:"user_notes_count"`

	Reviews []struct {
		User   person `json:"user"`
		Author person `json:"author"`
		State  string `json:"state"`
		At     stamp  `json:"submitted_at"`
		At2    stamp  `json:"submittedAt"`
	} `json:"reviews"`
	ReviewersList []person                `json:"reviewers"`
	ApprovedBy    []struct{ User person } `json:"approved_by"`
	Versions      []json.RawMessage       `json:"versions"` // GitLab, as /versions gives them

	PatchSets []struct {
		Kind      string `json:"kind"`
		Approvals []struct {
			Type  string `json:"type"`
			Value number `json:"value"`
			By    person `json:"by"`
		} `json:"approvals"`
	} `json:"patchSets"`
	Revisions map[string]struct {
		Kind string `json:"kind"`
	} `json:"revisions"`
	Labels map[string]struct {
		All []struct {
			person
			Value int `json:"value"`
		} `json:"all"`
	} `json:"labels"`
	Messages []struct {
		Author person `json:"author"`
		Tag    string `json:"tag"`
	} `json:"messages"`
	Type string `json:"type"` // of the last line of gerrit query
}

// readForge reads one JSON value after the other, each a change or a list of them.
func readForge(in *bufio.Reader) ([]Review, []Problem, error) {
	var list []Review
	var problems []Problem
	dec := json.NewDecoder(in)
	for n := 1; ; n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
			return list, problems, nil
		} else if err != nil {
			if len(list) == 0 {
				return nil, nil, fmt.Errorf("offset %d: %w", dec.InputOffset(), err)
			}
			return list, append(problems, Problem{Text: fmt.Sprintf("offset %d: %s: what follows is not read", dec.InputOffset(), err)}), nil
		}
		items := []json.RawMessage{raw}
		if bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("[")) {
			items = nil
			if err := json.Unmarshal(raw, &items); err != nil {
				return list, problems, err
			}
		}
		for i, item := range items {
			var c change
			if err := json.Unmarshal(item, &c); err != nil {
				problems = append(problems, Problem{Text: fmt.Sprintf("value %d, item %d: %s", n, i+1, err)})
				continue
			}
			switch r, ok := c.review(); {
			case ok:
				list = append(list, r)
			case c.Type != "stats": // the last line of gerrit query
				problems = append(problems, Problem{Text: fmt.Sprintf("value %d, item %d: it is no pull request, merge request or change", n, i+1)})
			}
		}
	}
}

// review tells the forge by its fields.
func (c *change) review() (Review, bool) {
	switch {
	case c.Owner.String() != "" && c.Subject != "" && c.Status != "":
		return c.gerrit(), true
	case c.IID != "" && c.Title != "":
		return c.gitlab(), true
	case c.Number != "" && c.Title != "" && c.State != "":
		return c.github(), true
	}
	return Review{}, false
}

func first(list ...stamp) time.Time {
	for _, t := range list {
		if !t.IsZero() {
			return t.Time
		}
	}
	return time.Time{}
}

func (r *Review) close(at time.Time) {
	if !at.IsZero() {
		r.Closed = &at
	}
}

func (c *change) github() Review {
	r := Review{Source: "github", ID: "#" + string(c.Number), Title: c.Title, State: Open, Rounds: 1, Created: first(c.CreatedAt, c.CreatedAt2)}
	r.Author = c.User.String()
	if r.Author == "" {
		r.Author = c.Author.String()
	}
	merged := first(c.MergedAt, c.MergedAt2)
	switch {
	case !merged.IsZero():
		r.State, r.Commit = Merged, c.MergeSHA
		if r.Commit == "" {
			r.Commit = c.MergeSHA2.OID
		}
		r.close(merged)
	case strings.EqualFold(c.State, "closed"):
		r.State = Abandoned
		r.close(first(c.ClosedAt, c.ClosedAt2))
	}
	r.Patches = size(c.Commits)
	asked := false // for a rework, and nothing else since
	for i := range c.Reviews {
		v := &c.Reviews[i]
		who := v.User.String()
		if who == "" {
			who = v.Author.String()
		}
		if who == "" || who == r.Author {
			continue
		}
		r.Reviewers = append(r.Reviewers, who)
		r.Comments++
		switch strings.ToUpper(v.State) {
		case "APPROVED":
			r.Approvals = append(r.Approvals, Approval{who, "approved"})
			asked = false
		case "CHANGES_REQUESTED":
			// Several who ask for it at once ask for one.
			if !asked {
				r.Rounds++
			}
			asked = true
		default:
			asked = false
		}
	}
	return r
}

// size is a number, or how long a list is.
func size(raw json.RawMessage) int {
	var n int
	if json.Unmarshal(raw, &n) == nil {
		return n
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		return len(list)
	}
	return 0
}

func (c *change) gitlab() Review {
	r := Review{Source: "gitlab", ID: "!" + string(c.IID), Title: c.Title, Author: c.Author.String(), State: Open, Created: c.CreatedAt.Time, Rounds: len(c.Versions), Comments: c.Notes}
	switch c.State {
	case "merged":
		r.State, r.Commit = Merged, c.MergeSHA
		r.close(c.MergedAt.Time)
	case "closed":
		r.State = Abandoned
		r.close(c.ClosedAt.Time)
	}
	for _, p := range c.ReviewersList {
		if who := p.String(); who != r.Author {
			r.Reviewers = append(r.Reviewers, who)
		}
	}
	for _, p := range c.ApprovedBy {
		who := p.User.String()
		r.Reviewers = append(r.Reviewers, who)
		r.Approvals = append(r.Approvals, Approval{who, "approved"})
	}
	return r
}

func (c *change) gerrit() Review {
	r := Review{Source: "gerrit", ID: string(c.Number), Title: c.Subject, Author: c.Owner.String(), State: Open, Created: first(c.CreatedOn, c.Created), Patches: 1}
	if r.ID == "" {
		r.ID = string(c.ANumber)
	}
	switch c.Status {
	case "MERGED":
		r.State, r.Commit = Merged, c.Current
		r.close(first(c.Submitted, c.LastUpdated, c.Updated))
	case "ABANDONED":
		r.State = Abandoned
		r.close(first(c.LastUpdated, c.Updated))
	}
	// A rebase or a new message is no round.
	rework := func(kind string) bool { return kind == "" || kind == "REWORK" }
	for i := range c.PatchSets {
		if rework(c.PatchSets[i].Kind) {
			r.Rounds++
		}
		for _, a := range c.PatchSets[i].Approvals {
			r.vote(a.By.String(), a.Type, string(a.Value))
		}
	}
	for _, rev := range c.Revisions {
		if rework(rev.Kind) {
			r.Rounds++
		}
	}
	for label, l := range c.Labels {
		for _, a := range l.All {
			if a.Value != 0 {
				r.vote(a.String(), label, strconv.Itoa(a.Value))
			}
		}
	}
	for _, m := range c.Messages {
		if who := m.Author.String(); who != r.Author && who != "" && !strings.HasPrefix(m.Tag, "autogenerated:") {
			r.Comments++
			r.Reviewers = append(r.Reviewers, who)
		}
	}
	return r
}

// vote notes a vote on a label of Gerrit; those of robots (Verified) are no review.
func (r *Review) vote(who, label, value string) {
	n, err := strconv.Atoi(strings.TrimPrefix(value, "+"))
	if err != nil || who == "" || who == r.Author || label == "SUBM" || label == "Verified" {
		return
	}
	r.Reviewers = append(r.Reviewers, who)
	if n > 0 {
		r.Approvals = append(r.Approvals, Approval{who, fmt.Sprintf("%s+%d", label, n)})
	}
}
