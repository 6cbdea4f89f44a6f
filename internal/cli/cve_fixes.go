package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ringside/vuln"
	"ringside/vuln/content"
	"ringside/vuln/ranges"
)

// readFixes takes the diffs of fixes, to look for them in the tree: a folder of patches,
// or a repository of git with the commits that the records name.
func (k *kernelFlags) readFixes(ctx context.Context, db *vuln.Database, out *vuln.Kernel) error {
	if k.fixes == "" {
		return nil
	}
	if k.tree == "" {
		return usagef("--fixes looks for the fixes in the sources: give --tree")
	}
	fixes := &content.Fixes{}
	var err error
	if repository(k.fixes) {
		err = fixesFromGit(ctx, k.fixes, db, out.Base, fixes)
	} else {
		err = each(k.fixes, "fixes", out.Inputs, func(name string, r io.Reader) error {
			text, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			if err := fixes.Add(name, string(text)); err != nil && !errors.Is(err, content.ErrNoFix) {
				return err
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	if fixes.Len() == 0 {
		return usagef("%s has no fix of a CVE: give patches that name their commit or CVE, or a clone of the stable tree", k.fixes)
	}
	search := fixes.In(os.DirFS(k.tree), out.Base, func(file string) []string {
		names, _ := k.moved(file)
		return names
	})
	out.Content = search.Content
	if k.lines != nil {
		out.Lines = search.Lines(k.lines)
	}
	return nil
}

// repository says whether a folder is a repository of git, bare or not.
func repository(dir string) bool {
	for _, head := range []string{filepath.Join(dir, ".git"), filepath.Join(dir, "HEAD")} {
		if _, err := os.Stat(head); err == nil {
			return true
		}
	}
	return false
}

// fixesFromGit reads the fixes of those records that the version calls affected, or does
// not tell of, with two runs of git: one that says which commits there are, and one that
// shows them.
func fixesFromGit(ctx context.Context, dir string, db *vuln.Database, base ranges.Span, fixes *content.Fixes) error {
	var wanted bytes.Buffer
	for _, r := range db.Records() {
		if len(r.Sources) == 0 {
			continue
		}
		s := &r.Sources[0]
		if d := s.Rule().Over(s.Pairs, base); d.Verdict == ranges.Affected || d.Verdict == ranges.Unknown {
			for _, c := range content.Commits(&r, base.To) {
				fmt.Fprintln(&wanted, c+"^{commit}")
			}
		}
	}
	found, err := git(ctx, dir, &wanted, "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return err
	}
	var have bytes.Buffer
	for line := range strings.Lines(string(found)) {
		if id := strings.TrimSpace(line); len(id) == 40 && !strings.Contains(id, " ") {
			fmt.Fprintln(&have, id)
		}
	}
	if have.Len() == 0 {
		return usagef("%s has none of the commits that the records name: it should be a clone of the stable tree", dir)
	}
	text, err := git(ctx, dir, &have, "log", "--no-walk=unsorted", "--stdin", "--patch", "--no-color", "--no-ext-diff", "--no-textconv", "--full-index", "--format=%x00%H")
	if err != nil {
		return err
	}
	for part := range strings.SplitSeq(string(text), "\x00") {
		if id, diff, ok := strings.Cut(part, "\n"); ok && len(id) == 40 {
			fixes.AddCommit(id, diff)
		}
	}
	return nil
}

// git runs git without what a repository's own configuration could make it run.
func git(ctx context.Context, dir string, in io.Reader, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"}, args...)...)
	c.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "LC_ALL=C")
	var errs bytes.Buffer
	c.Stdin, c.Stderr = in, &errs
	out, err := c.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, usagef("git is not installed: give --fixes a folder of patches")
	}
	if err != nil {
		return nil, usagef("git %s in %s: %w: %s", args[0], dir, err, strings.TrimSpace(errs.String()))
	}
	return out, nil
}
