package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ringside/internal/render"
	"ringside/vmcore/filter"
	"ringside/vmcore/kernel"
)

// dumpWriter is a verb that makes a dump of a dump.
type dumpWriter struct {
	in          dumpFlags
	out         output
	compression string
	flattened   bool
	force       bool
}

func (d *dumpWriter) flags(c *cobra.Command) {
	d.in.flags(c)
	d.out.flags(c, false)
	c.Flags().StringVarP(&d.compression, "compression", "c", string(filter.Zlib), "compress pages with `METHOD`: zlib, zstd, lzo, snappy or none")
	c.Flags().BoolVar(&d.flattened, "flattened", false, "write makedumpfile's flattened format, as to -")
	c.Flags().BoolVar(&d.force, "force", false, "overwrite a file that is there")
	c.Args = cobra.MinimumNArgs(2)
}

// run opens the dump in all arguments but the last and has make write the new
// one there. The file appears when it is whole and on disk.
func (d *dumpWriter) run(ctx context.Context, s Streams, args []string, make func(k *kernel.Kernel, out io.WriterAt) (*filter.Report, error)) error {
	files, to := args[:len(args)-1], args[len(args)-1]
	if _, err := os.Stat(to); to != "-" && err == nil && !d.force {
		return usagef("%s is there already: give another name, or --force", to)
	}
	k, end, err := d.in.open(ctx, s, files)
	if err != nil {
		return err
	}
	defer end()
	var r *filter.Report
	if to == "-" {
		if r, err = d.stream(s.Out, k, make); err != nil {
			return err
		}
		if d.out.path == "" { // what is told must not get into the dump
			s.Out = s.Err
		}
	} else if r, err = d.file(to, k, make); err != nil {
		return err
	}
	return d.out.show(s, r, func(w io.Writer, st render.Style) error { return render.VmcoreFilter(w, r, st) })
}

// stream writes the flattened format.
func (d *dumpWriter) stream(w io.Writer, k *kernel.Kernel, make func(*kernel.Kernel, io.WriterAt) (*filter.Report, error)) (*filter.Report, error) {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return nil, usagef("a dump is nothing to read on a terminal: write it to a file or a pipe")
	}
	flat := filter.NewFlattened(w)
	r, err := make(k, flat)
	if err != nil {
		return nil, dumpError(err)
	}
	r.Flattened = true
	if err := flat.Close(); err != nil {
		return nil, &exitError{exitInternal, err}
	}
	return r, nil
}

// file writes beside the file and puts it in place when all of it is on disk. A
// dump is nobody else's to read.
func (d *dumpWriter) file(to string, k *kernel.Kernel, make func(*kernel.Kernel, io.WriterAt) (*filter.Report, error)) (r *filter.Report, err error) {
	if special(to) {
		return nil, usagef("%s is no file that a dump can be put in the place of: write to standard output, which is flattened", to)
	}
	f, err := os.CreateTemp(dirOf(to), ".ringside-*")
	if err != nil {
		return nil, usagef("create the dump: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if d.flattened {
		r, err = d.stream(f, k, make)
	} else {
		r, err = make(k, f)
	}
	if err != nil {
		return nil, dumpError(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return nil, &exitError{exitInternal, fmt.Errorf("write %s: %w", to, err)}
	}
	if err := os.Rename(f.Name(), to); err != nil {
		return nil, &exitError{exitInternal, fmt.Errorf("write %s: %w", to, err)}
	}
	if dir, err := os.Open(filepath.Dir(to)); err == nil { // the name is in the folder
		defer dir.Close()
		if err := dir.Sync(); err != nil {
			return nil, &exitError{exitInternal, fmt.Errorf("write %s: %w", to, err)}
		}
	}
	return r, nil
}

// dumpError tells what the dump lacks from what the disk does.
func dumpError(err error) error {
	var path *os.PathError
	var exit *exitError
	if errors.As(err, &path) || errors.As(err, &exit) {
		return err
	}
	return usage(err)
}

// pagesDone shows on a terminal how far it is.
func pagesDone(w io.Writer) func(done, all uint64) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	start, last := time.Now(), time.Time{}
	return func(done, all uint64) {
		now := time.Now()
		if now.Sub(start) < time.Second || now.Sub(last) < time.Second/4 && done < all {
			return
		}
		last = now
		end := "\r"
		if done == all {
			end = "\n"
		}
		fmt.Fprintf(w, "\r\x1b[K%d of %d pages%s", done, all, end)
	}
}

func newVmcoreFilter(s Streams) *cobra.Command {
	var d dumpWriter
	var level int
	c := &cobra.Command{
		Use:   "filter DUMP... OUT|-",
		Short: "Make a smaller dump, as makedumpfile does",
		Long: `Filter writes a dump in the KDUMP format without the pages that nobody needs.
LEVEL adds up what makedumpfile's -d does: 1 pages of zeros, 2 page cache, 4 page
cache with buffers, 8 memory of processes, 16 free pages. The dump may be of any
kind that is read, one that was filtered before too.`,
		Example: "  ringside vmcore filter /proc/vmcore /var/crash/vmcore\n  ringside vmcore filter -d 23 -c zstd vmcore.elf vmcore\n  ringside vmcore filter /proc/vmcore - | ssh host 'cat >vmcore.flat'",
		RunE: func(c *cobra.Command, args []string) error {
			return d.run(c.Context(), s, args, func(k *kernel.Kernel, out io.WriterAt) (*filter.Report, error) {
				return filter.Filter(c.Context(), k, out, filter.Options{Level: filter.Level(level), Compression: filter.Compression(d.compression), Progress: pagesDone(s.Err)})
			})
		},
	}
	d.flags(c)
	c.Flags().IntVarP(&level, "level", "d", int(filter.All), "dump `LEVEL`: what is left out")
	return c
}

func newVmcoreRedact(s Streams) *cobra.Command {
	var d dumpWriter
	var ask filter.RedactAsk
	var keep []string
	c := &cobra.Command{
		Use:   "redact DUMP... OUT|-",
		Short: "Make a dump that may be given away",
		Long: `Redact writes a dump without what is somebody's: memory of processes, files,
pipes, sockets and terminals, keys, free memory and freed objects. It says what
was taken out, what stayed that may still tell of people, and what could not be
decided. Where the dump does not say what its pages and objects are, nothing is
written.`,
		Example: "  ringside vmcore redact vmcore vmcore.redacted\n  ringside vmcore redact --no-log --no-user-registers --json vmcore vmcore.redacted",
		RunE: func(c *cobra.Command, args []string) error {
			for _, what := range keep {
				switch what {
				case "unexplained":
					ask.KeepUnexplained = true
				case "terminals":
					ask.KeepTerminals = true
				default:
					return usagef("--keep %s: unexplained and terminals can be kept", what)
				}
			}
			return d.run(c.Context(), s, args, func(k *kernel.Kernel, out io.WriterAt) (*filter.Report, error) {
				return filter.Redact(c.Context(), k, out, filter.RedactOptions{Compression: filter.Compression(d.compression), Progress: pagesDone(s.Err), Ask: ask})
			})
		},
	}
	d.flags(c)
	c.Flags().BoolVar(&ask.NoLog, "no-log", false, "overwrite the kernel's log too")
	c.Flags().BoolVar(&ask.NoUserRegisters, "no-user-registers", false, "overwrite the general registers of user space too")
	c.Flags().StringSliceVar(&keep, "keep", nil, "keep `WHAT` is taken out otherwise: unexplained (pages of which nothing says whose they are), terminals")
	return c
}
