package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ringside/bisect"
)

func newBisectCommit(s Streams) *cobra.Command {
	b := bisectRun{kind: bisect.KindCommit}
	var repo, good, bad string
	c := &cobra.Command{
		Use:   "commit --good A --bad B -- STEP...",
		Short: "Bisect the commits of a git history, with its merges",
		Long: `Commit bisects the commits that are in B and not in A. The step runs in a checkout of
its own, at the commit that is tested; {} in it stands for the commit.`,
		Example: `  ringside bisect commit --good v6.1 --bad v6.2 -- ./build-and-boot.sh
  ringside bisect commit --fix --good v6.1 --bad v6.2 -- ./build-and-boot.sh`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if good == "" || bad == "" {
				return usagef("give --good and --bad")
			}
			if err := b.history(c.Context(), repo, good, bad); err != nil {
				return err
			}
			dir, err := os.MkdirTemp("", "ringside-bisect-")
			if err != nil {
				return &exitError{exitInternal, err}
			}
			tree := filepath.Join(dir, "tree")
			if _, err := gitText(c.Context(), repo, "worktree", "add", "--detach", "--quiet", tree, "--end-of-options", bad); err != nil {
				return err
			}
			defer closing(&err, func() error {
				_, err := gitText(context.WithoutCancel(c.Context()), repo, "worktree", "remove", "--force", tree)
				if err != nil {
					return err
				}
				return os.RemoveAll(dir)
			})
			b.prepare = func(ctx context.Context, i int) (*exec.Cmd, error) {
				if _, err := gitText(ctx, tree, "checkout", "--quiet", "--force", "--detach", b.ids[i]); err != nil {
					return nil, err
				}
				step := stepArgs(args, b.ids[i])
				cmd := exec.CommandContext(ctx, step[0], step[1:]...)
				cmd.Dir = tree
				return cmd, nil
			}
			return b.run(c.Context(), s, good, bad)
		},
	}
	b.flags(c)
	c.Flags().StringVar(&repo, "repo", ".", "`DIR` of the git repository")
	c.Flags().StringVar(&good, "good", "", "`COMMIT` before the change")
	c.Flags().StringVar(&bad, "bad", "", "`COMMIT` with the change")
	return c
}

// history reads the candidates between two commits.
func (b *bisectRun) history(ctx context.Context, repo, good, bad string) error {
	text, err := gitText(ctx, repo, "log", "--reverse", "--topo-order", "--format=%H%x00%P%x00%s", "--end-of-options", good+".."+bad, "--")
	if err != nil {
		return err
	}
	at := map[string]int{}
	var parents [][]int
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\x00", 3)
		if len(f) != 3 {
			return usagef("git log printed %.80q", line)
		}
		var list []int
		for _, p := range strings.Fields(f[1]) {
			if i, ok := at[p]; ok {
				list = append(list, i)
			}
		}
		at[f[0]] = len(b.ids)
		b.ids, b.names, parents = append(b.ids, f[0]), append(b.names, f[2]), append(parents, list)
	}
	if b.graph, err = bisect.NewGraph(parents); err != nil {
		return usage(err)
	}
	return nil
}

// gitText runs git in a folder and returns what it printed.
func gitText(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", usage(fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(errs.String())))
	}
	return out.String(), nil
}
