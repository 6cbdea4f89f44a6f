package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"ringside/internal/demo"
	"ringside/internal/record"
)

// seedStacks sends the reports of the demo's patch stack, each for the day that its name
// says.
func seedStacks(ctx context.Context, s *record.Service, now time.Time) error {
	reports, err := demo.Stacks()
	if err != nil {
		return err
	}
	names, err := fs.Glob(reports, "*.json")
	if err != nil {
		return err
	}
	ago := map[string]int{}
	for _, name := range names {
		var days int
		if n, err := fmt.Sscanf(name, "%d-day", &days); n != 1 {
			return fmt.Errorf("%s: the name says no days: %w", name, err)
		}
		ago[name] = days
	}
	slices.SortFunc(names, func(a, b string) int { return ago[b] - ago[a] }) // as they would have come
	for _, name := range names {
		data, err := fs.ReadFile(reports, name)
		if err != nil {
			return err
		}
		if _, err := s.Intake(ctx, bytes.NewReader(data), record.Meta{Demo: true, Source: "demo", ReceivedAt: now.AddDate(0, 0, -ago[name])}); err != nil {
			return err
		}
		if err := s.Drain(ctx); err != nil {
			return err
		}
	}
	return nil
}
