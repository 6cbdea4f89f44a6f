package cli

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/spf13/cobra"

	"ringside/vmcore/gdbserver"
	"ringside/vmcore/kernel"
)

func newVmcoreGDBServer(s Streams) *cobra.Command {
	var d dumpFlags
	var listen string
	var stdio bool
	c := &cobra.Command{
		Use: "gdbserver DUMP...", Short: "Let gdb look at a dump, each task a thread", Args: cobra.MinimumNArgs(1),
		Long: `Gdbserver speaks gdb's remote protocol, so that gdb, and editors that drive it,
can look at a dump of any format. Each task is a thread. With the vmlinux of the
kernel gdb has its types and lines too; address randomisation is accounted for.
Nobody who connects is asked for a password: listen where only you can connect.`,
		Example: "  ringside vmcore gdbserver vmcore            # then, in gdb: target remote 127.0.0.1:1234\n  gdb vmlinux -ex 'target remote | ringside vmcore gdbserver --stdio vmcore'",
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			k, end, err := d.open(ctx, s, args)
			if err != nil {
				return err
			}
			defer end()
			if stdio {
				return usageOr(gdbserver.Serve(ctx, k, struct {
					io.Reader
					io.Writer
				}{s.In, s.Out}))
			}
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
			if err != nil {
				return usagef("--listen: %w", err)
			}
			defer func() { _ = l.Close() }()
			fmt.Fprintf(s.Err, "listening on %s; in gdb: target remote %[1]s\n", l.Addr())
			return serveDebuggers(ctx, s, k, l)
		},
	}
	d.flags(c)
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:1234", "`ADDRESS` to wait for debuggers on")
	c.Flags().BoolVar(&stdio, "stdio", false, "speak on standard input and output")
	return c
}

// usageOr returns what went wrong as a mistake of the input.
func usageOr(err error) error {
	if err == nil {
		return nil
	}
	return usage(err)
}

// serveDebuggers serves one debugger after the other until ctx ends.
func serveDebuggers(ctx context.Context, s Streams, k *kernel.Kernel, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil // it was told to end
		}
		if err != nil {
			return &exitError{exitInternal, fmt.Errorf("waiting for a debugger: %w", err)}
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		if err := gdbserver.Serve(ctx, k, conn); err != nil && ctx.Err() == nil {
			fmt.Fprintln(s.Err, "a debugger left:", err)
		}
		stop()
		_ = conn.Close() // the session has ended
	}
}
