package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ringside/artefact"
	"ringside/crash"
	"ringside/internal/render"
	"ringside/internal/triage"
	"ringside/symbol"
)

func newSymbol(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "symbol",
		Short: "Turn addresses into functions, files and lines; keep the symbols for it",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSymbolIze(s), newSymbolIndex(s), newSymbolFetch(s))
	return c
}

// symbolFlags say where symbols come from.
type symbolFlags struct {
	files    []string
	dirs     []string
	servers  []string
	kallsyms string
	offset   string
	buildID  string
	maxKept  int64
}

// debugRoot is where distributions put debug files.
const debugRoot = "/usr/lib/debug"

func (o *symbolFlags) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.files, "vmlinux", nil, "`FILE` with the symbols of the kernel, or of a module; may be repeated")
	c.Flags().StringArrayVar(&o.dirs, "symbols", splitList(os.Getenv("RINGSIDE_SYMBOLS")), "`DIR` with symbols: a store made by 'symbol index', the root of debug packages, or a kernel's build folder; may be repeated (env RINGSIDE_SYMBOLS)")
	c.Flags().StringVar(&o.kallsyms, "kallsyms", "", "`FILE` with /proc/kallsyms of the running kernel, for raw addresses")
	c.Flags().StringVar(&o.offset, "offset", "", "`HEX` that randomisation added to the kernel's addresses; default: \"Kernel Offset:\" of the log")
	c.Flags().StringVar(&o.buildID, "build-id", "", "`HEX` build ID of the kernel, where the log does not print it")
	o.network(c)
}

// network adds the flags for debuginfod. Nothing is asked unless a server is
// named.
func (o *symbolFlags) network(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.servers, "debuginfod", strings.Fields(os.Getenv("DEBUGINFOD_URLS")), "`URL` of a debuginfod server to fetch missing symbols from; may be repeated (env DEBUGINFOD_URLS)")
	c.Flags().Int64Var(&o.maxKept, "max-kept", 20<<10, "how many `MiB` of fetched symbols are kept")
}

func splitList(text string) []string {
	return slices.DeleteFunc(filepath.SplitList(text), func(s string) bool { return s == "" })
}

// storeDir is the user's own store.
func storeDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the folder for symbols: %w; name one with --symbols", err)
	}
	return filepath.Join(cache, "ringside", "symbols"), nil
}

// store returns the store that new symbols go to: the first --symbols, else the
// user's own.
func (o *symbolFlags) store() (*symbol.Store, error) {
	if len(o.dirs) > 0 {
		return symbol.OpenStore(o.dirs[0]), nil
	}
	dir, err := storeDir()
	if err != nil {
		return nil, err
	}
	return symbol.OpenStore(dir), nil
}

// resolver joins all that the flags name. It must be closed with the function
// that is returned.
func (o *symbolFlags) resolver(s Streams) (*symbol.Resolver, func(), error) {
	r := &symbol.Resolver{}
	done := func() {
		r.Close()
		for _, f := range r.Files {
			f.Close()
		}
	}
	roots := append(slices.Clone(o.dirs), debugRoot)
	for _, name := range o.files {
		f, err := symbol.OpenDebug(name, roots)
		if err != nil {
			return nil, done, err
		}
		r.Files = append(r.Files, f)
		if !f.Identity().Lines {
			fmt.Fprintf(s.Err, "ringside: %s has no debug information: functions only\n", name)
		}
	}
	dirs := slices.Clone(o.dirs)
	if own, err := storeDir(); err == nil {
		dirs = append(dirs, own)
	}
	dirs = append(dirs, debugRoot)
	for _, dir := range dirs {
		r.Finders = append(r.Finders, symbol.OpenStore(dir), symbol.OpenTree(dir))
	}
	if len(o.servers) > 0 {
		d, err := o.debuginfod(s)
		if err != nil {
			return nil, done, err
		}
		r.Finders = append(r.Finders, d)
	}
	if o.kallsyms != "" {
		f, err := os.Open(o.kallsyms)
		if err != nil {
			return nil, done, fmt.Errorf("read kallsyms: %w", err)
		}
		defer f.Close()
		if r.Kallsyms, err = symbol.ReadKallsyms(f); err != nil {
			return nil, done, fmt.Errorf("%s: %w", o.kallsyms, err)
		}
	}
	return r, done, nil
}

func (o *symbolFlags) debuginfod(s Streams) (*symbol.Debuginfod, error) {
	store, err := o.store()
	if err != nil {
		return nil, err
	}
	d := &symbol.Debuginfod{URLs: o.servers, Store: store, MaxKept: o.maxKept << 20}
	if f, ok := s.Err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		d.Progress = progressLine(s.Err)
	}
	return d, nil
}

func newSymbolIze(s Streams) *cobra.Command {
	var (
		out       output
		from      symbolFlags
		addresses []string
		isReturn  bool
	)
	c := &cobra.Command{
		Use:   "ize [LOG|-]",
		Short: "Add file, line and inlined calls to the stacks of a log, or to single addresses",
		Long: `Ize prints the stacks of every report of a log with file and line, and with the
calls that the compiler inlined. Symbols are taken from --vmlinux, from --symbols,
from your own store (see 'ringside symbol index') and from /usr/lib/debug; from a
debuginfod server only if one is named.

Symbols of another build are refused: build ID, release and version line are
compared as far as the log has them, and so are the sizes of functions.

With --address it says what is at an address, or at "function+0x1f/0x80 [module]".`,
		Example: `  ringside symbol ize --vmlinux vmlinux console.log
  ringside symbol ize --symbols /srv/symbols --json console.log
  ringside symbol ize --vmlinux vmlinux --address ffffffff81123456 --address 'vfs_read+0x9d'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 && len(addresses) == 0 {
				return usagef("name a log, or an address with --address")
			}
			r, done, err := from.resolver(s)
			defer done()
			if err != nil {
				return usage(err)
			}
			doc := render.Symbolized{Schema: render.SymbolizedSchemaID, Reports: []render.SymbolizedReport{}, Files: []render.SymbolFile{}, Problems: []render.SymbolProblem{}}
			job := symbolizing{doc: &doc, resolver: r}
			var hints symbol.Hints
			var log *crash.Document
			var bad []error
			if len(args) == 1 {
				if log, hints, err = parseForSymbols(c.Context(), s, args[0]); err != nil {
					if log == nil {
						return usage(err)
					}
					bad = append(bad, err)
				}
				doc.Input = log.Input.Name
			}
			if r.Offset, err = from.kernelOffset(hints); err != nil {
				return usage(err)
			}
			if hints.HasOffset || from.offset != "" {
				doc.Offset = fmt.Sprintf("%#x", r.Offset)
			}
			kernelID := hints.BuildID
			if from.buildID != "" {
				if kernelID = symbol.ParseBuildID(from.buildID); kernelID == "" {
					return usagef("--build-id %s: it is 8 or more hexadecimal digits", from.buildID)
				}
			}
			if log != nil {
				if err := job.log(c.Context(), log, kernelID); err != nil {
					return &exitError{exitInternal, err}
				}
			}
			for _, text := range addresses {
				q, err := parseQuery(text, isReturn)
				if err != nil {
					return usagef("--address %s: %w", text, err)
				}
				q.Kernel.BuildID = kernelID
				job.address(c.Context(), q, text)
			}
			job.finish()
			err = out.write(s, func(w io.Writer, st render.Style) error {
				if out.json {
					return render.JSON(w, doc)
				}
				return render.SymbolizedText(w, doc, st)
			})
			if err != nil {
				return &exitError{exitInternal, err}
			}
			if doc.Stats.Frames > 0 && doc.Stats.Resolved == 0 && len(doc.Problems) > 0 {
				bad = append(bad, fmt.Errorf("no frame could be symbolized: %s", doc.Problems[0].Text))
			}
			return verdict(s, nil, bad, false)
		},
	}
	out.flags(c, false)
	from.register(c)
	c.Flags().StringArrayVar(&addresses, "address", nil, "`ADDRESS` in hexadecimal, or FUNCTION+OFFSET; may be repeated")
	c.Flags().BoolVar(&isReturn, "return", false, "the addresses are return addresses: the call before them is meant")
	return c
}

// kernelOffset is what the user says, else what the log says.
func (o *symbolFlags) kernelOffset(h symbol.Hints) (uint64, error) {
	if o.offset == "" {
		return h.Offset, nil
	}
	v, err := strconv.ParseUint(strings.TrimPrefix(o.offset, "0x"), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("--offset %s: it is a hexadecimal number, as after \"Kernel Offset:\"", o.offset)
	}
	return v, nil
}

// parseForSymbols reads a log once for its reports and for what it says about
// its kernel besides.
func parseForSymbols(ctx context.Context, s Streams, arg string) (*crash.Document, symbol.Hints, error) {
	var hints symbol.Hints
	ins, cleanup, err := inputs([]string{arg}, s, stream, walk)
	defer cleanup()
	if err != nil {
		return nil, hints, err
	}
	if len(ins) != 1 {
		return nil, hints, fmt.Errorf("%s: name one log, not a folder of %d files", arg, len(ins))
	}
	f, err := ins[0].Open()
	if err != nil {
		return nil, hints, fmt.Errorf("%s: %w", arg, err)
	}
	defer f.Close()
	a, err := artefact.Open(f, artefact.Limits{})
	if err != nil {
		return nil, hints, fmt.Errorf("%s: %w", arg, err)
	}
	if !a.Format.IsLog() && a.Format != artefact.Empty && a.Format != artefact.Binary {
		return nil, hints, fmt.Errorf("%s: %w", arg, &triage.UnsupportedError{Format: a.Format})
	}
	doc, err := crash.Parse(ctx, io.TeeReader(a, &triage.LineTap{Line: hints.Line}), crash.Options{})
	doc.Input.Name = ins[0].Name
	if err != nil {
		return doc, hints, fmt.Errorf("%s: %w", arg, err)
	}
	return doc, hints, nil
}

// parseQuery reads an address or "function+0x1f/0x80 [module]".
func parseQuery(text string, isReturn bool) (symbol.Query, error) {
	q := symbol.Query{Return: isReturn}
	if v, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64); err == nil {
		q.Address = v
		return q, nil
	}
	rest := text
	if name, module, ok := strings.Cut(text, "["); ok {
		rest = strings.TrimSpace(name)
		q.Module, q.BuildID, _ = strings.Cut(strings.TrimSuffix(module, "]"), " ")
	}
	name, offset, ok := strings.Cut(rest, "+")
	q.Name = name
	if name == "" || strings.ContainsAny(name, " /") {
		return q, errors.New("write an address in hexadecimal, or function+0x1f")
	}
	if !ok {
		return q, nil
	}
	offset, size, hasSize := strings.Cut(offset, "/")
	var err error
	if q.Offset, err = strconv.ParseUint(offset, 0, 64); err == nil && hasSize {
		q.Size, err = strconv.ParseUint(size, 0, 64)
	}
	if err != nil {
		return q, fmt.Errorf("read the offset: %w", err)
	}
	return q, nil
}

// symbolizing collects what "symbol ize" prints.
type symbolizing struct {
	doc      *render.Symbolized
	resolver *symbol.Resolver
	problems map[string]int
	files    map[string]*render.SymbolFile
}

func (j *symbolizing) log(ctx context.Context, doc *crash.Document, kernelID string) error {
	var last *crash.Report
	st, err := triage.Symbolize(ctx, doc, kernelID, j.resolver, func(a triage.FrameAnswer) {
		if a.Report != last {
			last = a.Report
			j.doc.Reports = append(j.doc.Reports, render.SymbolizedReport{Index: a.Report.Index, Dump: a.Dump, Kind: string(a.Report.Kind),
				Headline: a.Report.Headline, Kernel: a.Query.Kernel.Release, Line: a.Report.Lines.First})
		}
		r := &j.doc.Reports[len(j.doc.Reports)-1]
		if n := len(r.Stacks); n == 0 || r.Stacks[n-1].Name != a.Stack {
			r.Stacks = append(r.Stacks, render.SymbolizedStack{Name: a.Stack})
		}
		stack := &r.Stacks[len(r.Stacks)-1]
		stack.Frames = append(stack.Frames, j.frame(a.Query.String(), a.Frame.LogLine, a.Frame.Reliable, a.Answers, a.Err))
	})
	j.doc.Stats = st
	return err
}

func (j *symbolizing) address(ctx context.Context, q symbol.Query, text string) {
	answers, err := j.resolver.Resolve(ctx, q)
	if q.Name == "" {
		text = fmt.Sprintf("%#x", q.Address)
	}
	j.doc.Addresses = append(j.doc.Addresses, j.frame(text, 0, true, answers, err))
	j.doc.Stats.Frames++
	if err == nil {
		j.doc.Stats.Resolved++
	}
}

// frame turns the outcome of one query into what is printed, and counts files
// and problems.
func (j *symbolizing) frame(text string, line int, reliable bool, answers []symbol.Answer, err error) render.SymbolizedFrame {
	f := render.SymbolizedFrame{Text: text, LogLine: line, Reliable: reliable, Answers: render.NewSymbolAnswers(answers)}
	if err != nil {
		// The frame's own text leads the error; the reason is shared by many.
		f.Error = strings.TrimPrefix(err.Error(), text+": ")
		if j.problems == nil {
			j.problems = map[string]int{}
		}
		j.problems[f.Error]++
		return f
	}
	if j.files == nil {
		j.files = map[string]*render.SymbolFile{}
	}
	a := answers[0]
	key := a.File + "\x00" + string(a.Verified)
	if j.files[key] == nil {
		j.files[key] = &render.SymbolFile{Path: a.File, BuildID: a.BuildID, Verified: a.Verified}
	}
	j.files[key].Frames++
	return f
}

// finish orders files and problems by how many frames they concern.
func (j *symbolizing) finish() {
	for _, f := range j.files {
		j.doc.Files = append(j.doc.Files, *f)
	}
	slices.SortFunc(j.doc.Files, func(a, b render.SymbolFile) int {
		if a.Frames != b.Frames {
			return b.Frames - a.Frames
		}
		return strings.Compare(a.Path+string(a.Verified), b.Path+string(b.Verified))
	})
	for text, n := range j.problems {
		j.doc.Problems = append(j.doc.Problems, render.SymbolProblem{Text: text, Frames: n})
	}
	slices.SortFunc(j.doc.Problems, func(a, b render.SymbolProblem) int {
		if a.Frames != b.Frames {
			return b.Frames - a.Frames
		}
		return strings.Compare(a.Text, b.Text)
	})
}
