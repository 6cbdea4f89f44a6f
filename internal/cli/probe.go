package cli

import (
	"io"
	"os"
	"os/exec"
	"slices"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/probe"
	"ringside/probe/aggregate"
	"ringside/probe/tracefs"
)

func newProbe(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "probe",
		Short: "Ask the running kernel: recipes that record, summarise and draw",
		Long: `Probe answers questions about the kernel that runs here. A recipe says what it
answers, what it costs and how it is recorded; the best way that this kernel allows
is taken, and what spoke against the others is said. Nothing needs to be installed.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newProbeList(s), newProbeDoctor(s), newProbeRun(s), newProbeTop(s))
	return c
}

// recipes reads the recipes that come with Ringside and those of a folder,
// which win.
func recipes(dir string) ([]*probe.Recipe, error) {
	list, err := probe.Builtin()
	if err != nil {
		return nil, &exitError{exitInternal, err}
	}
	if dir == "" {
		return list, nil
	}
	own, err := probe.Catalogue(os.DirFS(dir))
	if err != nil {
		return nil, usagef("--recipes %s: %w", dir, err)
	}
	for _, r := range own {
		list = slices.DeleteFunc(list, func(x *probe.Recipe) bool { return x.Name == r.Name })
		list = append(list, r)
	}
	return list, nil
}

func newProbeList(s Streams) *cobra.Command {
	var out output
	var dir string
	c := &cobra.Command{
		Use: "list", Short: "List the recipes: what each answers and what it costs", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list, err := recipes(dir)
			if err != nil {
				return err
			}
			doc := render.ProbeRecipes{Schema: render.ProbeRecipesSchemaID}
			for _, r := range list {
				doc.Recipes = append(doc.Recipes, *r)
			}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ProbeRecipeList(w, doc, st) })
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&dir, "recipes", "", "`DIR` with recipes of your own, one YAML file each")
	return c
}

func newProbeDoctor(s Streams) *cobra.Command {
	var out output
	var dir string
	c := &cobra.Command{
		Use: "doctor", Short: "Say what this kernel allows, how each recipe would be recorded, and why not better", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list, err := recipes(dir)
			if err != nil {
				return err
			}
			m, end, noTracefs := engines("")
			defer end()
			doc := render.ProbeDoctor{Schema: render.ProbeDoctorSchemaID, Checks: probe.Examine(os.DirFS("/")), Recipes: probe.Available(list, m)}
			check := probe.Check{What: "trace events (tracefs)", OK: noTracefs == nil, Says: "yes"}
			if noTracefs != nil {
				check.Says = noTracefs.Error()
			}
			doc.Checks = append([]probe.Check{check}, doc.Checks...)
			doc.Checks = append(doc.Checks, tries(m)...)
			for _, tool := range []string{"perf", "trace-cmd", "bpftrace"} {
				path, err := exec.LookPath(tool)
				check := probe.Check{What: tool, OK: err == nil, Says: path}
				if err != nil {
					check.Says = "not installed; nothing here needs it"
				}
				doc.Checks = append(doc.Checks, check)
			}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ProbeDoctorReport(w, doc, st) })
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&dir, "recipes", "", "`DIR` with recipes of your own, one YAML file each")
	return c
}

// tries says what this kernel allows when it is asked.
func tries(m map[string]probe.Engine) []probe.Check {
	list := aggregate.Examine()
	pmu := probe.Check{What: "hardware counters (PMU)", OK: true, Says: "yes"}
	if err := m[probe.PerfEvent].Check(probe.Capture{With: probe.PerfEvent, Events: []probe.Event{{Name: "cycles"}}}); err != nil {
		pmu.OK, pmu.Says = false, err.Error()
	}
	list = append(list, pmu)
	if e, ok := m[probe.Tracefs].(*tracefs.Engine); ok {
		list = append(list, e.Tree.Examine(probe.ReadConfig(os.DirFS("/")))...)
	}
	return list
}
