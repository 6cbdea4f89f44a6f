package cli

import (
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/artefact"
	"ringside/internal/patchindex"
	"ringside/internal/render"
	"ringside/patch/contrib"
	"ringside/patch/review"
)

func newPatchReviews(s Streams) *cobra.Command {
	var out output
	name := ""
	c := &cobra.Command{
		Use:   "reviews FILE|-...",
		Short: "Count how patches were reviewed: rounds, reviewers, outcome, days",
		Long: `Reviews reads what the places of review give, and says of each change or series in how
many rounds it was reviewed, by whom, whether it was taken, and after how long:

  mailboxes of a list (b4 mbox, lore's t.mbox.gz): versions of a series are one review,
  answers with Reviewed-by and the like are approvals, "applied" ends it
  GitHub: GET /repos/…/pulls, or gh pr list --json with reviews and commits
  GitLab: GET /projects/…/merge_requests, with versions where they are joined in
  Gerrit: gerrit query --format=JSON --patch-sets --all-approvals, or REST's changes

'ringside push' sends the JSON to a server.`,
		Example: `  b4 mbox -o - 20231106.1@example.org | ringside patch reviews -
  gh pr list --state all --json number,title,state,author,createdAt,closedAt,mergedAt,mergeCommit,commits,reviews | ringside patch reviews -
  ssh gerrit gerrit query --format=JSON --patch-sets --all-approvals project:kernel | ringside patch reviews - --name kernel`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			doc := render.PatchReviews{Schema: render.PatchReviewsSchemaID, Name: name, Reviews: []review.Review{}, Problems: []string{}}
			for _, arg := range args {
				in, err := s.open(arg)
				if err != nil {
					return err
				}
				list, problems, err := readReviews(in)
				if err != nil {
					return usagef("%s: %w", arg, err)
				}
				doc.Reviews = append(doc.Reviews, list...)
				for _, p := range problems {
					doc.Problems = append(doc.Problems, arg+": "+p.String())
				}
			}
			if doc.Name == "" {
				doc.Name = strings.Join(args, " ")
			}
			doc.Totals = review.Sum(doc.Reviews)
			err := out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ReviewsReport(w, doc, st) })
			if err == nil && len(doc.Problems) > 0 {
				return &exitError{exitFinding, nil}
			}
			return err
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&name, "name", "", "`NAME` of the place of review, in reports and in a server")
	return c
}

func newPatchContributions(s Streams) *cobra.Command {
	var out output
	var repo, name, since string
	var who []string
	c := &cobra.Command{
		Use:   "contributions --git REPO --who @DOMAIN|ADDRESS...",
		Short: "Count what a team has given to upstream",
		Long: `Contributions goes through the history of a repository and counts the commits that a
team's members wrote – how many of them are fixes, and for stable – and those that they
reviewed, acked, tested, reported or suggested, by release and by person.`,
		Example: `  ringside patch contributions --git linux --who @example.org
  ringside patch contributions --git linux --who @example.org,ada@kernel.org --since 2026-01-01 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if repo == "" || len(who) == 0 {
				return usagef("give --git a repository and --who a domain (@example.org) or addresses")
			}
			var from time.Time
			if since != "" {
				var err error
				if from, err = time.Parse(time.DateOnly, since); err != nil {
					return usagef("--since: %w", err)
				}
			}
			counter := contrib.Counter{Who: contrib.Matching(who)}
			if err := patchindex.Commits(c.Context(), repo, from, counter.Add); err != nil {
				return usage(err)
			}
			doc := render.PatchContributions{Schema: render.PatchContributionsSchemaID, Name: name, Repository: repo, Summary: counter.Summary(strings.Join(who, ", "))}
			if doc.Name == "" {
				doc.Name = doc.Who + " in " + repo
			}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ContributionsReport(w, doc, st) })
		},
	}
	out.flags(c, false)
	f := c.Flags()
	f.StringVar(&repo, "git", "", "`REPO` of upstream")
	f.StringSliceVar(&who, "who", nil, "`WHO` is the team: domains and addresses, separated by commas")
	f.StringVar(&since, "since", "", "only commits that were written since this `DAY`, as 2026-01-01")
	f.StringVar(&name, "name", "", "`NAME` in a server that the report is pushed to")
	return c
}

// readReviews unpacks and reads an input.
func readReviews(in io.ReadCloser) ([]review.Review, []review.Problem, error) {
	defer in.Close()
	a, err := artefact.Open(in, artefact.Limits{MaxExpanded: maxText})
	if err != nil {
		return nil, nil, err
	}
	return review.Read(a)
}
