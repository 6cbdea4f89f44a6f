package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ringside/artefact"
	"ringside/internal/triage"
	"ringside/symbol"
	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// dumpFlags are how a dump is opened.
type dumpFlags struct {
	raw     bool
	base    string
	info    string
	vmlinux string
}

func (d *dumpFlags) flags(c *cobra.Command) {
	c.Flags().BoolVar(&d.raw, "raw", false, "take FILE for plain RAM, without a header")
	c.Flags().StringVar(&d.base, "base", "0", "physical `ADDRESS` of the first byte of plain RAM")
	c.Flags().StringVar(&d.info, "vmcoreinfo", "", "`FILE` with the text of VMCOREINFO, in place of what the dump has")
	c.Flags().StringVar(&d.vmlinux, "vmlinux", "", "`FILE` with debug information, for lines and inlined calls; one of another build is refused")
}

// open opens the dump in files: one, or the parts of a split one in any order.
func (d *dumpFlags) open(ctx context.Context, s Streams, files []string) (*kernel.Kernel, func(), error) {
	var inputs []dump.Input
	var closers []func()
	for _, name := range files {
		in, closer, err := dumpInput(ctx, s, name)
		if err != nil {
			closeAll(closers)()
			return nil, nil, err
		}
		inputs, closers = append(inputs, in), append(closers, closer)
	}
	return d.openInputs(ctx, inputs, closers)
}

// closeAll calls what closes.
func closeAll(closers []func()) func() {
	return func() {
		for _, c := range closers {
			c()
		}
	}
}

// openInputs opens the dump in inputs, which closers close.
func (d *dumpFlags) openInputs(ctx context.Context, inputs []dump.Input, closers []func()) (k *kernel.Kernel, end func(), err error) {
	defer func() {
		end = closeAll(closers)
		if err != nil {
			end()
		}
	}()
	o := dump.Options{Raw: d.raw}
	if d.base == "" {
		d.base = "0"
	}
	if o.Base, err = strconv.ParseUint(d.base, 0, 64); err != nil {
		return nil, nil, usagef("--base %s: an address such as 0x80000000 is wanted", d.base)
	}
	f, err := dump.Open(inputs, o)
	if err != nil {
		return nil, nil, usage(err)
	}
	var ko kernel.Options
	if d.info != "" {
		if ko.VMCoreInfo, err = os.ReadFile(d.info); err != nil {
			return nil, nil, usage(err)
		}
	}
	if k, err = kernel.Open(ctx, f, ko); err != nil {
		return nil, nil, usage(err)
	}
	if d.vmlinux != "" {
		sym, err := symbol.OpenPath(d.vmlinux)
		if err != nil {
			return nil, nil, usage(err)
		}
		closers = append(closers, sym.Close)
		if err := k.AddDebug(triage.DebugFile(sym)); err != nil {
			return nil, nil, usage(err)
		}
	}
	return k, end, nil
}

// dumpInput opens one file of a dump. What can only be read once, and what is
// compressed as a whole, goes through a temporary file.
func dumpInput(ctx context.Context, s Streams, name string) (dump.Input, func(), error) {
	if name == "-" {
		return spoolDump(ctx, name, s.In)
	}
	f, err := os.Open(name)
	if err != nil {
		return dump.Input{}, nil, usage(err)
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		f.Close()
		return dump.Input{}, nil, usage(errors.Join(err, fmt.Errorf("%s: a dump is a file", name)))
	}
	if !info.Mode().IsRegular() {
		f.Close()
		if r, err := os.Open(name); err == nil {
			defer r.Close()
			return spoolDump(ctx, name, r)
		}
		return dump.Input{}, nil, usagef("%s: it cannot be read twice", name)
	}
	size := info.Size()
	if strings.HasPrefix(name, "/proc/") { // they have no size, or a wrong one
		size = -1
	}
	head := make([]byte, 6)
	n, _ := f.ReadAt(head, 0)
	if wrapped(head[:n]) {
		defer f.Close()
		return spoolDump(ctx, name, f)
	}
	return dump.Input{Name: name, R: f, Size: size}, func() { f.Close() }, nil
}

// wrapped reports whether a file is compressed as a whole.
func wrapped(head []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "\xfd7zXZ\x00", "BZh"} {
		if strings.HasPrefix(string(head), magic) {
			return true
		}
	}
	return false
}

// spoolDump copies a stream to a temporary file, uncompressed.
func spoolDump(ctx context.Context, name string, r io.Reader) (in dump.Input, end func(), err error) {
	f, err := os.CreateTemp("", "ringside-dump-*")
	if err != nil {
		return in, nil, &exitError{exitInternal, err}
	}
	end = func() { f.Close(); os.Remove(f.Name()) }
	defer func() {
		if err != nil {
			end()
		}
	}()
	b := bufio.NewReaderSize(r, 1<<20)
	head, _ := b.Peek(6)
	r = b
	if wrapped(head) {
		a, err := artefact.Open(b, artefact.Limits{})
		if err != nil {
			return in, nil, usagef("%s: %w", name, err)
		}
		r = a
	}
	n, err := io.Copy(f, contextReader{ctx, r})
	if err != nil {
		return in, nil, usagef("%s: %w", name, err)
	}
	return dump.Input{Name: name, R: f, Size: n}, end, nil
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
