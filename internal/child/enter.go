package child

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
)

// Enter takes from this process what reading an artefact does not need, and ends
// it when lifeline ends. It is called first in a child.
func Enter(memory int64, lifeline io.Reader) error {
	if err := confine(memory); err != nil {
		return fmt.Errorf("limit the analysis: %w", err)
	}
	// The collector works harder before the limit kills.
	debug.SetMemoryLimit(memory / 4 * 3)
	go func() {
		// What is read does not matter, only that it ends: the parent has died.
		_, _ = io.Copy(io.Discard, lifeline)
		os.Exit(math.MaxUint8)
	}()
	return nil
}

// Open opens the artefact that the parent gave.
func Open() (*os.File, error) { return os.Open(File) }

// Ended is an error if the context has ended: what an analysis returns is then
// not whole.
func Ended(ctx context.Context, err error) error {
	if e := ctx.Err(); e != nil {
		return e
	}
	return err
}
