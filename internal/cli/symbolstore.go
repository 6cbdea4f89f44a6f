package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/symbol"
)

func newSymbolIndex(s Streams) *cobra.Command {
	var (
		out     output
		dir     string
		release string
	)
	c := &cobra.Command{
		Use:   "index DIR|FILE...",
		Short: "Keep vmlinux and modules in a store, to be found by build ID",
		Long: `Index adds ELF files with symbols to a store: as hard links where the file system
allows, else as copies. The store has the layout of gdb and debuginfod
(.build-id/ab/cdef….debug), so they can use it too.`,
		Example: "  ringside symbol index --store /srv/symbols /usr/lib/debug/lib/modules/6.1.0-56-amd64 vmlinux",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			store, err := storeFlag(dir)
			if err != nil {
				return usage(err)
			}
			doc := render.SymbolEntries{Schema: render.SymbolEntriesSchemaID, Store: store.Dir(), Entries: []symbol.Entry{}}
			var bad []error
			add := func(path string, named bool) {
				e, err := store.Add(path, releaseOf(path, release))
				switch {
				case err == nil:
					doc.Entries = append(doc.Entries, e)
				case named || !errors.Is(err, symbol.ErrFormat):
					bad = append(bad, err)
				default:
					doc.Skipped++
				}
			}
			for _, arg := range args {
				if info, err := os.Stat(arg); err != nil || !info.IsDir() {
					add(arg, true)
					continue
				}
				err := filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
					switch {
					case c.Context().Err() != nil:
						return c.Context().Err()
					case err != nil:
						bad = append(bad, err)
					case d.Type().IsRegular() && isELF(path):
						add(path, false)
					case d.Type().IsRegular():
						doc.Skipped++
					}
					return nil
				})
				if err != nil {
					return usage(err)
				}
			}
			err = out.write(s, func(w io.Writer, st render.Style) error {
				if out.json {
					return render.JSON(w, doc)
				}
				return render.SymbolEntryList(w, doc, st)
			})
			return verdict(s, err, bad, false)
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&dir, "store", "", "`DIR` of the store; default: ringside/symbols in your cache folder")
	c.Flags().StringVar(&release, "release", "", "kernel `RELEASE` of files that do not say it")
	return c
}

func storeFlag(dir string) (*symbol.Store, error) {
	if dir == "" {
		own, err := storeDir()
		if err != nil {
			return nil, err
		}
		dir = own
	}
	return symbol.OpenStore(dir), nil
}

// releaseOf takes the release from a path such as lib/modules/RELEASE/kernel or
// boot/vmlinux-RELEASE, for debug files that do not hold it.
func releaseOf(path, given string) string {
	if given != "" {
		return given
	}
	if _, rest, ok := strings.Cut(filepath.ToSlash(path), "lib/modules/"); ok {
		release, _, _ := strings.Cut(rest, "/")
		return release
	}
	release, _ := strings.CutPrefix(filepath.Base(path), "vmlinux-")
	if release == filepath.Base(path) {
		return ""
	}
	return strings.TrimSuffix(release, ".debug")
}

func isELF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && string(magic[:]) == "\x7fELF"
}

func newSymbolFetch(s Streams) *cobra.Command {
	var (
		out  output
		dir  string
		from symbolFlags
	)
	c := &cobra.Command{
		Use:   "fetch BUILD-ID|ELF-FILE...",
		Short: "Fetch debug files from debuginfod servers into a store",
		Long: `Fetch asks the servers of DEBUGINFOD_URLS, or of --debuginfod, for the debug files
of build IDs, or of the build IDs of ELF files. What arrives is kept only if it
has the build ID that was asked for.`,
		Example: "  ringside symbol fetch --debuginfod https://debuginfod.debian.net /boot/vmlinux",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(from.servers) == 0 {
				return usagef("no debuginfod server is named: set DEBUGINFOD_URLS or give --debuginfod URL")
			}
			if dir != "" {
				from.dirs = []string{dir}
			}
			d, err := from.debuginfod(s)
			if err != nil {
				return usage(err)
			}
			doc := render.SymbolEntries{Schema: render.SymbolEntriesSchemaID, Store: d.Store.Dir(), Entries: []symbol.Entry{}}
			var bad []error
			for _, arg := range args {
				id, err := buildIDOf(arg)
				if err == nil {
					var e symbol.Entry
					if e, err = d.Fetch(c.Context(), id); err == nil {
						doc.Entries = append(doc.Entries, e)
					}
				}
				if err != nil {
					bad = append(bad, fmt.Errorf("%s: %w", arg, err))
				}
			}
			err = out.write(s, func(w io.Writer, st render.Style) error {
				if out.json {
					return render.JSON(w, doc)
				}
				return render.SymbolEntryList(w, doc, st)
			})
			return verdict(s, err, bad, false)
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&dir, "store", "", "`DIR` of the store; default: ringside/symbols in your cache folder")
	from.network(c)
	return c
}

// buildIDOf takes a build ID as it is, or the one of a file.
func buildIDOf(arg string) (string, error) {
	f, err := os.Open(arg)
	if err != nil {
		if id := symbol.ParseBuildID(arg); id != "" {
			return id, nil
		}
		return "", errors.New("it is neither a build ID nor a file that can be read")
	}
	defer f.Close()
	id, err := symbol.BuildID(f)
	if err == nil && id == "" {
		err = errors.New("the file has no build ID")
	}
	return id, err
}

// progressLine returns a function that shows on a terminal how far a transfer
// is, four times a second and not before the first second is over.
func progressLine(w io.Writer) func(url string, done, total int64) {
	start, last := time.Now(), time.Time{}
	return func(url string, done, total int64) {
		now := time.Now()
		finished := done == total
		if now.Sub(start) < time.Second || now.Sub(last) < time.Second/4 && !finished {
			return
		}
		last = now
		text := fmt.Sprintf("%d MiB", done>>20)
		if total > 0 {
			text += fmt.Sprintf(" of %d MiB", total>>20)
		}
		end := "\r"
		if finished {
			end = "\n"
		}
		fmt.Fprintf(w, "\r\x1b[K%s %s%s", render.Complaint(url), text, end)
	}
}
