package dumpjob

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"

	"ringside/vmcore"
	"ringside/vmcore/kernel"
)

// Verb is the hidden verb by which an [Analyzer] calls its own program. It is
// given a folder for the results and how much memory it may use.
const Verb = "analyse-dump"

// DumpFile is the name under which the child finds the dump: the first file
// that it was given beyond the standard ones.
const DumpFile = "/dev/fd/3"

// Run is the child: it analyses the dump that open opens and leaves what it
// finds in dir. It ends the process when lifeline ends.
func Run(ctx context.Context, dir string, memory int64, lifeline io.Reader, open func(context.Context) (*kernel.Kernel, func(), error)) error {
	if err := confine(memory); err != nil {
		return fmt.Errorf("limit the analysis: %w", err)
	}
	// The collector works harder before the limit kills.
	debug.SetMemoryLimit(memory / 4 * 3)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		// What is read does not matter, only that it ends: the parent has died.
		_, _ = io.Copy(io.Discard, lifeline)
		os.Exit(math.MaxUint8)
	}()
	k, end, err := open(ctx)
	if err != nil {
		return err
	}
	defer end()
	doc, err := vmcore.Triage(ctx, k, vmcore.Options{})
	if err != nil {
		return err
	}
	return write(dir, doc)
}
