package cli

import (
	"bufio"
	"context"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"ringside/bisect"
)

func newBisectList(s Streams) *cobra.Command {
	b := bisectRun{kind: bisect.KindList}
	c := &cobra.Command{
		Use:   "list FILE -- STEP...",
		Short: "Bisect an ordered list of anything: packages, versions, options",
		Long: `List bisects the lines of a file, oldest first: kernel packages, versions of a module,
command lines. In the step, {} stands for the line that is tested.`,
		Example: `  ringside bisect list kernels.txt -- ./boot.sh {}
  ringside bisect list kernels.txt --match 'BUG: KASAN' --journal run.jsonl -- ./boot.sh {}`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) (err error) {
			f, err := s.open(args[0])
			if err != nil {
				return err
			}
			defer closing(&err, f.Close)
			lines := bufio.NewScanner(f)
			seen := map[string]bool{}
			for lines.Scan() {
				line := strings.TrimSpace(lines.Text())
				if line == "" {
					continue
				}
				if seen[line] {
					return usagef("%s: %.60q is there twice", args[0], line)
				}
				seen[line] = true
				b.ids = append(b.ids, line)
			}
			if err := lines.Err(); err != nil {
				return usagef("%s: %w", args[0], err)
			}
			if len(b.ids) < 2 {
				return usagef("%s: a list of at least two lines is needed", args[0])
			}
			b.names = make([]string, len(b.ids))
			b.graph = bisect.Line(len(b.ids))
			b.prepare = func(ctx context.Context, i int) (*exec.Cmd, error) {
				step := stepArgs(args[1:], b.ids[i])
				return exec.CommandContext(ctx, step[0], step[1:]...), nil
			}
			return b.run(c.Context(), s, "", b.ids[len(b.ids)-1])
		},
	}
	b.flags(c)
	return c
}
