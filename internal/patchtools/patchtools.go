// Package patchtools runs the kernel's own tools on patches, where they are installed, and
// gives what they say as findings of a review: checkpatch on the text, sparse, coccinelle
// and smatch on the files that a stack touches, make on the objects.
//
// A tool gets a copy of the tree that is made of links, with the touched files as they are
// after the patches. The tree itself is never written to. Each run is bounded in time and
// output.
package patchtools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringside/patch"
	"ringside/patch/check"
	"ringside/patch/send"
)

// Where is what tools work on.
type Where struct {
	Tree  string // the source tree
	Build string // a configured build folder
}

const (
	timeout   = 10 * time.Minute
	maxOutput = 8 << 20
)

// Names are the tools.
func Names() []string { return []string{"checkpatch", "sparse", "coccinelle", "smatch"} }

// Select takes names apart; "all" is all of them.
func Select(names []string) ([]string, error) {
	var out []string
	for _, n := range names {
		switch n {
		case "all":
			return Names(), nil
		case "spatch":
			n = "coccinelle"
		}
		if !slices.Contains(Names(), n) {
			return nil, fmt.Errorf("--tools %s: want %s or all", n, strings.Join(Names(), ", "))
		}
		out = append(out, n)
	}
	return out, nil
}

// Run runs a tool. An error says why it could not be run, or not to the end.
func Run(ctx context.Context, tool string, stack *patch.Stack, w Where) ([]check.Finding, error) {
	if w.Tree == "" {
		return nil, errors.New("it needs the source tree: give --tree")
	}
	switch tool {
	case "checkpatch":
		return checkpatch(ctx, stack, w)
	case "coccinelle":
		return coccinelle(ctx, stack, w)
	default:
		return compilerLike(ctx, tool, stack, w)
	}
}

// output runs a program and gives what it says, on both channels.
func output(ctx context.Context, dir string, in []byte, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "LC_ALL=C")
	c.Stdin = bytes.NewReader(in)
	c.WaitDelay = 5 * time.Second
	var out limited
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	if ctx.Err() != nil {
		return out.b.Bytes(), fmt.Errorf("%s: stopped after %s", filepath.Base(name), timeout)
	}
	return out.b.Bytes(), err
}

// limited keeps the first part of what is written.
type limited struct{ b bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := maxOutput - l.b.Len(); room > 0 {
		l.b.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

var (
	fileLine = regexp.MustCompile(`^#\d+: FILE: (.*):(\d+):$`)
	verdict  = regexp.MustCompile(`^(ERROR|WARNING|CHECK):([A-Z0-9_]+): (.*)$`)
)

// checkpatch runs the tree's scripts/checkpatch.pl on each patch.
func checkpatch(ctx context.Context, stack *patch.Stack, w Where) ([]check.Finding, error) {
	script := filepath.Join(w.Tree, "scripts", "checkpatch.pl")
	if _, err := os.Stat(script); err != nil {
		return nil, fmt.Errorf("the tree has none: %w", err)
	}
	perl, err := exec.LookPath("perl")
	if err != nil {
		return nil, errors.New("perl is not installed")
	}
	script, err = filepath.Abs(script)
	if err != nil {
		return nil, err
	}
	var found []check.Finding
	var failed []string
	for _, p := range stack.Patches {
		text, err := send.Plain(p)
		if err != nil {
			failed = append(failed, p.Name)
			continue
		}
		// --no-tree would lose what needs the tree; --root is what it is for.
		out, err := output(ctx, w.Tree, []byte(text), perl, script, "--no-summary", "--show-types", "--no-color", "--root="+filepath.Dir(filepath.Dir(script)), "-")
		if ctx.Err() != nil {
			return found, err
		}
		list := readCheckpatch(string(out))
		for i := range list {
			list[i].Patch = p.Name
		}
		found = append(found, list...)
	}
	if len(failed) > 0 {
		return found, fmt.Errorf("%d patches could not be written for it, the first is %s", len(failed), failed[0])
	}
	return found, nil
}

// readCheckpatch reads what checkpatch prints: a verdict, the place, the lines.
func readCheckpatch(text string) []check.Finding {
	var out []check.Finding
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := verdict.FindStringSubmatch(line); m != nil {
			severity := map[string]check.Severity{"ERROR": check.Error, "WARNING": check.Warning, "CHECK": check.Note}[m[1]]
			out = append(out, check.Finding{Rule: "checkpatch:" + m[2], Severity: severity, Text: m[3], Why: "scripts/checkpatch.pl", Tool: "checkpatch"})
			continue
		}
		if len(out) == 0 {
			continue
		}
		last := &out[len(out)-1]
		if m := fileLine.FindStringSubmatch(line); m != nil && last.File == "" {
			last.File = m[1]
			last.Line, _ = strconv.Atoi(m[2])
		} else if strings.HasPrefix(line, "+") && last.Quote == "" {
			last.Quote = strings.TrimPrefix(line, "+")
		}
	}
	return out
}
