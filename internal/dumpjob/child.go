package dumpjob

import (
	"context"
	"io"

	"ringside/internal/child"
	"ringside/vmcore"
	"ringside/vmcore/kernel"
)

// Run is the child: it analyses the dump that open opens and leaves what it
// finds in dir. It ends the process when lifeline ends.
func Run(ctx context.Context, dir string, memory int64, lifeline io.Reader, open func(context.Context) (*kernel.Kernel, func(), error)) error {
	if err := child.Enter(memory, lifeline); err != nil {
		return err
	}
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
