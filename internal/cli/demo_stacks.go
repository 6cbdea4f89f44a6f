package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
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
	for _, name := range names {
		var days int
		if n, err := fmt.Sscanf(name, "%d-day", &days); n != 1 {
			return fmt.Errorf("%s: the name says no days: %w", name, err)
		}
		data, err := fs.ReadFile(reports, name)
		if err != nil {
			return err
		}
		if _, err := s.Intake(ctx, bytes.NewReader(data), record.Meta{Demo: true, Source: "demo", ReceivedAt: now.AddDate(0, 0, -days)}); err != nil {
			return err
		}
	}
	return s.Drain(ctx)
}
