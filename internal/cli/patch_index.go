package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ringside/internal/patchindex"
	"ringside/internal/render"
	"ringside/patch/equiv"
)

// historyFlags say which histories are searched.
type historyFlags struct {
	where []string
	cache string
}

func (f *historyFlags) flags(c *cobra.Command, name, use string) {
	c.Flags().StringArrayVar(&f.where, name, nil, use)
	c.Flags().StringVar(&f.cache, "cache", "", "`DIR` to keep indexes of repositories in; 'none' reads them anew (default: the user's cache)")
}

func (f *historyFlags) options(s Streams) patchindex.Options {
	count := newProgress(s).counter("reading changes")
	return patchindex.Options{
		Cache:    f.cache,
		Progress: func(done int) { count.set(done, 0) },
		Warn:     func(err error) { fmt.Fprintln(s.Err, "ringside: "+render.Complaint(err.Error())) },
	}
}

// open opens all of them. Close is to be called in the end.
func (f *historyFlags) open(ctx context.Context, s Streams) (list histories, err error) {
	for _, w := range f.where {
		x, err := patchindex.Open(ctx, w, f.options(s))
		if err != nil {
			_ = list.Close()
			return nil, usage(err)
		}
		list = append(list, x)
	}
	return list, nil
}

// histories are indexes that are open.
type histories []*patchindex.Index

// Close closes them.
func (h histories) Close() error {
	var errs []error
	for _, x := range h {
		errs = append(errs, x.Close())
	}
	return errors.Join(errs...)
}

func (h histories) indexes() []*equiv.Index {
	var out []*equiv.Index
	for _, x := range h {
		out = append(out, x.Index)
	}
	return out
}

func newPatchIndex(s Streams) *cobra.Command {
	var source string
	c := &cobra.Command{
		Use:   "index SOURCE... INDEX",
		Short: "Make an index of changes, to be searched by the other verbs",
		Long: `Index reads changes and writes one file that equiv, stack, fixes and known-fix search
in milliseconds. A source is a git repository (all its branches and tags), a stack of
patches, a kernel.org ChangeLog, or the kernel CNA's records of CVEs. Repositories and
records that are given to those verbs directly are indexed in the user's cache.`,
		Example: `  ringside patch index linux mainline.idx
  ringside patch index ChangeLog-6.1.* vulns fixes.idx
  ringside patch equiv --index mainline.idx debian/patches/*/*.patch`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			from, to := args[:len(args)-1], args[len(args)-1]
			if source == "" {
				source = from[0]
			}
			b := &equiv.Builder{Source: source}
			var f historyFlags
			for _, w := range from {
				if err := patchindex.Fill(c.Context(), b, w, f.options(s)); err != nil {
					return usage(err)
				}
			}
			out := output{path: to}
			if to != "-" {
				if info, err := os.Stat(to); err == nil && info.IsDir() {
					return usagef("%s is a folder: the last argument is the index to write", to)
				}
			}
			if err := out.write(s, func(w io.Writer, _ render.Style) error { return b.Write(w) }); err != nil {
				return err
			}
			fmt.Fprintf(s.Err, "%d changes indexed\n", b.Len())
			return nil
		},
	}
	c.Flags().StringVar(&source, "name", "", "`NAME` of the index in reports (default: the first source)")
	return c
}
