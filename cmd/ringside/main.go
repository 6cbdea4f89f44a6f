// Command ringside is the workbench, the system of record and the host agent of
// a kernel team. Everything it does is in ringside/internal/cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"ringside/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
