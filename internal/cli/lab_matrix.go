package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ringside/internal/labhost"
	"ringside/internal/render"
	"ringside/lab"
)

func newLabMatrix(s Streams) *cobra.Command {
	var (
		store    labStore
		recipe   labRecipe
		out      output
		variants []string
		memories []int
		cpus     []int
		cmds     []string
		jobs     int
		times    int
	)
	c := &cobra.Command{
		Use:   "matrix KERNEL... [-- COMMAND...]",
		Short: "Run the same on many kernels, command lines and machines",
		Long: `Matrix runs one command on each kernel in each variant, in parallel, and shows which
combinations fail. Kernels may be of different architectures, releases and configurations;
variants differ by command line (--variant), memory (--memories) and CPUs (--cpu-counts).
On a terminal it shows what runs.

Ends with 1 if any run is not ok.`,
		Example: `  ringside lab matrix v1/bzImage v2/bzImage --variant "" --variant "mitigations=off" -- ./test
  ringside lab matrix *.deb --times 5 -j 2`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			kernels, steps := stepOf(c, args)
			if len(kernels) == 0 {
				return usagef("name at least one kernel")
			}
			for _, line := range cmds {
				steps = append(steps, lab.Step{Argv: []string{"sh", "-c", line}})
			}
			if times < 1 || jobs < 0 {
				return usagef("--times %d --jobs %d: once at least, and not less than no job", times, jobs)
			}
			cells, columns, names, err := recipe.cells(st, kernels, steps, variants, memories, cpus)
			if err != nil {
				return err
			}
			m, err := runMatrix(c.Context(), s, st, cells, jobs, times)
			if err != nil {
				return hostError(err)
			}
			m.Kernels, m.Columns = names, columns
			if err := out.show(s, m, func(w io.Writer, style render.Style) error { return render.LabMatrixReport(w, m, style) }); err != nil {
				return err
			}
			if m.Counts[string(lab.VerdictOK)] != len(cells)*times {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	store.flags(c)
	recipe.flags(c)
	out.flags(c, false)
	c.Flags().StringArrayVar(&variants, "variant", nil, "`WORDS` for the command line of one variant; may be repeated")
	c.Flags().IntSliceVar(&memories, "memories", nil, "`MIB,...` of memory, a variant each")
	c.Flags().IntSliceVar(&cpus, "cpu-counts", nil, "`N,...` of CPUs, a variant each")
	c.Flags().StringArrayVar(&cmds, "do", nil, "`LINE` for the guest's shell, one step each; may be repeated")
	c.Flags().IntVarP(&jobs, "jobs", "j", 0, "`N` machines at the same time; 0 is as many as there are CPUs for")
	c.Flags().IntVar(&times, "times", 1, "how often each is run")
	return c
}

// matrixCell is a recipe and its place.
type matrixCell struct {
	kernel, column int
	recipe         *lab.Recipe
	name           string
}

// cells makes the recipes of all combinations.
func (l *labRecipe) cells(st *labhost.Store, kernels []string, steps []lab.Step, variants []string, memories, cpus []int) (cells []matrixCell, columns, names []string, err error) {
	if len(variants) == 0 {
		variants = []string{""}
	}
	if len(memories) == 0 {
		memories = []int{l.memory}
	}
	if len(cpus) == 0 {
		cpus = []int{l.cpus}
	}
	common := l.cmdline
	for k, kernel := range kernels {
		column := 0
		for _, v := range variants {
			for _, mem := range memories {
				for _, n := range cpus {
					one := *l
					one.cmdline = append(append([]string{}, common...), v)
					one.memory, one.cpus = mem, n
					// Modules and files are added to by steps that need some.
					one.modules, one.files = append([]string{}, l.modules...), append([]string{}, l.files...)
					r, err := one.make(st, kernel, steps)
					if err != nil {
						return nil, nil, nil, err
					}
					if k == 0 {
						columns = append(columns, columnName(v, mem, n, len(memories) > 1, len(cpus) > 1))
					}
					if column == 0 {
						names = append(names, r.Release+" "+r.Arch)
					}
					cells = append(cells, matrixCell{k, column, r, names[k] + ", " + columns[column]})
					column++
				}
			}
		}
	}
	return cells, columns, names, nil
}

func columnName(variant string, memory, cpus int, withMemory, withCPUs bool) string {
	parts := []string{}
	if variant != "" {
		parts = append(parts, variant)
	}
	if withMemory {
		parts = append(parts, fmt.Sprintf("%d MiB", memory))
	}
	if withCPUs {
		parts = append(parts, fmt.Sprintf("%d CPUs", cpus))
	}
	if len(parts) == 0 {
		return "as it is"
	}
	return strings.Join(parts, ", ")
}

// runMatrix runs cells in parallel.
func runMatrix(ctx context.Context, s Streams, st *labhost.Store, cells []matrixCell, jobs, times int) (*render.LabMatrix, error) {
	m := &render.LabMatrix{Schema: render.LabMatrixSchemaID, Cells: make([]render.LabCell, len(cells)), Counts: map[string]int{}}
	for i, c := range cells {
		m.Cells[i] = render.LabCell{Kernel: c.kernel, Column: c.column, Verdict: lab.VerdictOK, Runs: []lab.Record{}}
	}
	if jobs == 0 {
		widest := 1
		for _, c := range cells {
			widest = max(widest, c.recipe.CPUs)
		}
		jobs = max(1, runtime.NumCPU()/widest)
	}
	view := newMatrixView(s, len(cells)*times)
	defer view.end()
	type order struct{ cell, time int }
	orders := make(chan order)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu     sync.Mutex
		failed error
		work   sync.WaitGroup
	)
	for range jobs {
		work.Go(func() {
			for o := range orders {
				c := cells[o.cell]
				line := view.begin(c.name)
				rec, err := st.Run(ctx, *c.recipe, labhost.Options{Verb: "matrix", Watch: lab.Watch{Phase: func(p lab.Phase) { view.phase(line, p) }}})
				mu.Lock()
				if err != nil {
					if failed == nil {
						failed = err
					}
					cancel()
				} else {
					cell := &m.Cells[o.cell]
					cell.Runs = append(cell.Runs, *rec)
					if rec.Outcome.Verdict != lab.VerdictOK {
						cell.Failed++
						cell.Verdict = rec.Outcome.Verdict
					}
					m.Counts[string(rec.Outcome.Verdict)]++
				}
				mu.Unlock()
				view.done(line, rec)
			}
		})
	}
	// All cells once before any a second time: a machine that slows down does so for all.
	for t := range times {
		for i := range cells {
			select {
			case orders <- order{i, t}:
			case <-ctx.Done():
			}
		}
	}
	close(orders)
	work.Wait()
	return m, failed
}

// matrixView shows on a terminal what runs.
type matrixView struct {
	w     io.Writer
	total int

	mu     sync.Mutex
	count  int
	bad    int
	lines  map[int]*matrixLine
	next   int
	drawn  int
	redraw time.Time
}

type matrixLine struct {
	name  string
	phase lab.Phase
	began time.Time
}

func newMatrixView(s Streams, total int) *matrixView {
	v := &matrixView{total: total, lines: map[int]*matrixLine{}}
	if f, ok := s.Err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		v.w = f
	}
	return v
}

func (v *matrixView) begin(name string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.next++
	v.lines[v.next] = &matrixLine{name: name, began: time.Now()}
	v.draw(false)
	return v.next
}

func (v *matrixView) phase(line int, p lab.Phase) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l := v.lines[line]; l != nil {
		l.phase = p
	}
	v.draw(false)
}

func (v *matrixView) done(line int, rec *lab.Record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.lines, line)
	v.count++
	if rec == nil || rec.Outcome.Verdict != lab.VerdictOK {
		v.bad++
	}
	v.draw(false)
}

func (v *matrixView) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.draw(true)
}

// draw replaces what was drawn. It is called with the lock.
func (v *matrixView) draw(last bool) {
	if v.w == nil || !last && time.Since(v.redraw) < 50*time.Millisecond {
		return
	}
	v.redraw = time.Now()
	var b strings.Builder
	for range v.drawn {
		b.WriteString("\x1b[1A\x1b[2K")
	}
	v.drawn = 0
	if !last {
		fmt.Fprintf(&b, "%d of %d runs, %d not ok\n", v.count, v.total, v.bad)
		v.drawn = 1
		for id := 1; id <= v.next; id++ {
			if l := v.lines[id]; l != nil {
				fmt.Fprintf(&b, "  %-8s %5.1f s  %s\n", l.phase, time.Since(l.began).Seconds(), render.Complaint(l.name))
				v.drawn++
			}
		}
	}
	_, _ = io.WriteString(v.w, b.String())
}
