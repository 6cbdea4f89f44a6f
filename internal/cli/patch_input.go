package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ringside/artefact"
	"ringside/patch"
	"ringside/patch/diff"
	"ringside/patch/read"
)

// stackFlags say how to read patches.
type stackFlags struct {
	git     string
	release string
	guards  []string
	strip   int
}

func (f *stackFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.git, "git", "", "repository `DIR`: the arguments are commits, ranges (v6.1..), or 'stgit:BRANCH'")
	c.Flags().StringVar(&f.release, "release", "", "kernel `RELEASE` whose folders to take, where there are several (6.1)")
	c.Flags().StringSliceVar(&f.guards, "guard", nil, "`SYMBOL` that a series.conf's guards ask for; may be repeated")
	c.Flags().IntVar(&f.strip, "strip", -1, "components to take off the paths, as patch -p (default: by the diff; 1 in a series)")
}

func (f *stackFlags) options() read.Options {
	o := read.Options{Guards: f.guards, Release: f.release, Strip: f.strip}
	switch f.strip {
	case -1:
		o.Strip = 0
	case 0:
		o.Strip = diff.P0
	}
	return o
}

// read reads one argument: a file, a folder, "-", or commits of a repository.
func (f *stackFlags) read(ctx context.Context, s Streams, arg string) (*patch.Stack, error) {
	if f.git != "" {
		return f.commits(ctx, arg)
	}
	if arg != "-" {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, usage(err)
		}
		if info.IsDir() {
			return f.folder(arg)
		}
	}
	in, err := s.open(arg)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	a, err := artefact.Open(in, artefact.Limits{MaxExpanded: maxText})
	if err != nil {
		return nil, usagef("%s: %w", arg, err)
	}
	stack, err := read.File(arg, a, f.options())
	if err != nil {
		return nil, usage(err)
	}
	return stack, nil
}

func (f *stackFlags) folder(dir string) (*patch.Stack, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, usage(err)
	}
	defer func() { _ = root.Close() }()
	stack, err := read.Dir(root.FS(), f.options())
	switch {
	case errors.Is(err, read.ErrChoose):
		return nil, usagef("%s: %w with --release", dir, err)
	case errors.Is(err, read.ErrEmpty) && repository(dir):
		return nil, usagef("%s is a repository: give --git %s and a range of commits", dir, dir)
	case err != nil:
		return nil, usagef("%s: %w", dir, err)
	}
	stack.Name = dir
	return stack, nil
}

// logArgs make git print commits as patch/read wants them.
var logArgs = []string{"log", "--patch", "--binary", "--full-index", "--find-renames", "--no-color", "--no-ext-diff", "--no-textconv", "--pretty=fuller", "--reverse"}

// commits reads commits of a repository.
func (f *stackFlags) commits(ctx context.Context, arg string) (*patch.Stack, error) {
	if strings.HasPrefix(arg, "-") {
		return nil, usagef("%s is no range of commits", arg)
	}
	args := append(logArgs[:len(logArgs):len(logArgs)], "--no-merges", "--end-of-options", arg)
	var in bytes.Buffer
	if branch, ok := strings.CutPrefix(arg, "stgit:"); ok {
		ids, err := stgit(ctx, f.git, branch)
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return &patch.Stack{Name: arg}, nil
		}
		in.WriteString(strings.Join(ids, "\n"))
		args = append(logArgs[:len(logArgs)-1:len(logArgs)], "--no-walk=unsorted", "--stdin")
	} else if !strings.Contains(arg, "..") {
		args = append(logArgs[:len(logArgs):len(logArgs)], "--no-walk", "--end-of-options", arg)
	}
	text, err := git(ctx, f.git, &in, append(args, "--")...)
	if err != nil {
		return nil, err
	}
	o := f.options()
	o.Strip = 1
	stack, err := read.File(arg, bytes.NewReader(text), o)
	if err != nil {
		return nil, usage(err)
	}
	return stack, nil
}

// stgit gives the commits of the applied patches of a StGit stack. StGit keeps them in a
// ref of its own, before its version 1 in a branch of its own.
func stgit(ctx context.Context, dir, branch string) ([]string, error) {
	text, err := git(ctx, dir, nil, "cat-file", "blob", "refs/stacks/"+branch+":stack.json")
	if err != nil {
		old, olderr := git(ctx, dir, nil, "cat-file", "blob", "refs/heads/"+branch+".stgit:meta")
		if olderr != nil {
			return nil, usagef("%s has no StGit stack named %s: %w", dir, branch, err)
		}
		return stgitMeta(string(old), branch)
	}
	var stack struct {
		Applied []string `json:"applied"`
		Patches map[string]struct {
			OID string `json:"oid"`
		} `json:"patches"`
	}
	if err := json.Unmarshal(text, &stack); err != nil {
		return nil, usagef("the StGit stack %s: %w", branch, err)
	}
	var ids []string
	for _, name := range stack.Applied {
		if ids, err = objectID(ids, stack.Patches[name].OID, branch, name); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// stgitMeta reads the older form: "Applied:" and a line "  name: commit" for each patch.
func stgitMeta(text, branch string) (ids []string, err error) {
	applied := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if !strings.HasPrefix(line, " ") {
			applied = line == "Applied:"
			continue
		}
		if name, id, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && applied {
			if ids, err = objectID(ids, id, branch, name); err != nil {
				return nil, err
			}
		}
	}
	return ids, nil
}

// objectID adds what a stack says is a commit, which git is asked for.
func objectID(ids []string, id, branch, name string) ([]string, error) {
	if len(id) < 40 || strings.Trim(id, "0123456789abcdef") != "" {
		return nil, usage(fmt.Errorf("the StGit stack %s names no commit for %.100q", branch, name))
	}
	return append(ids, id), nil
}
