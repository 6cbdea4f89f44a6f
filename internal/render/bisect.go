package render

import (
	"bufio"
	"fmt"
	"io"

	"ringside/bisect"
)

// Bisection writes what a bisection found, and on what evidence.
func Bisection(w io.Writer, r bisect.Report, _ Style) error {
	b := bufio.NewWriter(w)
	switch r.Verdict {
	case bisect.Found:
		fmt.Fprintf(b, "Found: %s %s\n", r.Culprit, r.Subject)
	default:
		fmt.Fprintf(b, "%s; most likely: %s %s\n", r.Verdict, r.Culprit, r.Subject)
	}
	fmt.Fprintf(b, "  posterior %.2f %% (to stop at %.2f %%), %d candidates, %d built, %d runs\n", 100*r.Posterior, 100*r.Confidence, r.Range.Candidates, r.Builds, r.Runs)
	fmt.Fprintf(b, "  fails with it    %3.0f %% (%.0f to %.0f), %d of %d runs\n", 100*r.WithRate.Rate, 100*r.WithRate.Low, 100*r.WithRate.High, r.WithRate.Bad, r.WithRate.Runs)
	fmt.Fprintf(b, "  fails without it %3.0f %% (%.0f to %.0f), %d of %d runs\n", 100*r.OtherRate.Rate, 100*r.OtherRate.Low, 100*r.OtherRate.High, r.OtherRate.Bad, r.OtherRate.Runs)
	if len(r.Skipped) > 0 {
		fmt.Fprintf(b, "  skipped: %d that could not be built or run\n", len(r.Skipped))
	}
	fmt.Fprintf(b, "\nTested:\n")
	for _, c := range r.Candidates {
		if c.Good+c.Bad > 0 {
			fmt.Fprintf(b, "  %5d  %-14.12s %3d bad %3d good  %6.2f %%  %s\n", c.Position+1, c.ID, c.Bad, c.Good, 100*c.Posterior, c.Subject)
		}
	}
	return b.Flush()
}
