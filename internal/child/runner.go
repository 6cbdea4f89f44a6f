// Package child does a server's heavy reading in processes of their own.
//
// What somebody sent may be gigabytes. Its reader is bounded, but a server that
// others depend on does not stand or fall with a bound: each artefact is read by
// a child process behind a hidden verb of the program, which has limits of
// memory and time and less say than the server. Whatever becomes of it, the
// server goes on, and what it learns is how the child ended ([Runner]).
//
// The child gets the artefact as an open file ([File]) and leaves its results as
// files in a folder ([Results]), so that neither side ever holds a large document
// twice. Its standard input is a line to its parent: when that ends, so does the
// child ([Enter]), and no analysis outlives a server that was killed.
//
//   - runner.go: the parent's side, and what the end of a child means
//   - enter.go: the child's side; confine_*.go its limits
//   - results.go: the folder between them
package child

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ringside/internal/store"
)

// The limits of an analysis where none are set.
const (
	DefaultMemory  = 2 << 30
	DefaultTimeout = 15 * time.Minute
)

// MinMemory is what reading anything takes, in bytes.
const MinMemory = 128 << 20

// File is the name under which a child finds the artefact: the first file that
// it was given beyond the standard ones.
const File = "/dev/fd/3"

// Runner runs children that analyse artefacts.
type Runner struct {
	// Program and Name are the file to run, and by which name; Verb is the hidden
	// verb. It is given --dir, the folder for its results, and --memory in bytes.
	Program, Name, Verb string
	// What is analysed, in a message: "dump". AtHome says what helps where a
	// server's limits do not.
	What, AtHome string
	// Folder is where children leave their results; it is created.
	Folder  string
	Memory  int64         // bytes; 0 means DefaultMemory
	Timeout time.Duration // 0 means DefaultTimeout
	Log     *slog.Logger
}

// Clear removes what children of a process that died have left. No other
// process may be at work in the folder.
func (a *Runner) Clear() error { return os.RemoveAll(a.Folder) }

// Run runs a child to its end and opens what it left. An error that another
// attempt cannot cure is marked with [store.Permanent].
func (a *Runner) Run(ctx context.Context, f *os.File) (*Results, error) {
	folder, err := filepath.Abs(a.Folder) // the child has another working folder
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("folder for the analysis: %w", err)
	}
	dir, err := os.MkdirTemp(folder, a.What+"-*")
	if err != nil {
		return nil, fmt.Errorf("folder for the analysis: %w", err)
	}
	if err := a.run(ctx, f, dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Results{dir: dir}, nil
}

func (a *Runner) run(ctx context.Context, f *os.File, dir string) error {
	memory, timeout := max(cmp.Or(a.Memory, DefaultMemory), MinMemory), cmp.Or(a.Timeout, DefaultTimeout)
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, a.Program)
	cmd.Args = []string{cmp.Or(a.Name, a.Program), a.Verb, "--dir", dir, "--memory", strconv.FormatInt(memory, 10)}
	cmd.Dir, cmd.Env = dir, childEnv(dir)
	cmd.ExtraFiles = []*os.File{f}
	said := &head{}
	cmd.Stderr = said
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the analysis: %w", err)
	}
	defer lifeline.Close()
	start := time.Now()
	err = cmd.Run()
	a.Log.Info(a.What+" analysed", "took", time.Since(start).Round(time.Millisecond), "result", cmd.ProcessState.String())
	return a.judge(ctx, err, limited.Err() != nil, said.String(), memory, timeout)
}

// childEnv is what a child is told of the server's environment: no token, and a
// temporary folder that goes with the analysis.
func childEnv(dir string) []string {
	env := []string{"TMPDIR=" + dir, "NO_COLOR=1"}
	for _, name := range []string{"PATH", "HOME", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// judge says what the end of a child means. The same artefact would end its next
// reader in the same way, but for what came from outside.
func (a *Runner) judge(ctx context.Context, err error, late bool, said string, memory int64, timeout time.Duration) error {
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case late:
		return store.Permanent(fmt.Errorf("the analysis took longer than %v and was stopped; %s", timeout, a.AtHome))
	case !errors.As(err, &exit):
		return fmt.Errorf("start the analysis: %w", err)
	case strings.Contains(said, "out of memory") || strings.Contains(said, "cannot allocate memory"):
		return store.Permanent(fmt.Errorf("the analysis needs more than the %d MiB of memory it may use; raise the server's --dump-memory and try again, or %s", memory>>20, a.AtHome))
	case exit.ExitCode() < 0:
		// Somebody killed it: an operator, or the kernel of a full machine.
		return fmt.Errorf("the analysis was ended from outside (%w); if the machine has run out of memory, lower --dump-memory", exit)
	case strings.Contains(said, "no space left on device"):
		return fmt.Errorf("%w: %s", store.ErrNoSpace, complaint(said))
	case strings.Contains(said, "goroutine "):
		return store.Permanent(fmt.Errorf("the analysis broke down, which is a mistake in ringside; please report it with this text: %s", said))
	}
	return store.Permanent(errors.New(complaint(said)))
}

// complaint is the last thing that a child said, without its name.
func complaint(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return cmp.Or(strings.TrimPrefix(lines[len(lines)-1], "ringside: "), "the analysis failed and did not say why")
}

// maxSaid is how much of what a child says is kept.
const maxSaid = 16 << 10

// head keeps the beginning of what is written to it.
type head struct{ bytes.Buffer }

func (t *head) Write(p []byte) (int, error) {
	t.Buffer.Write(p[:min(len(p), max(0, maxSaid-t.Len()))])
	return len(p), nil
}

// Program returns the running program and the name it was called by.
func Program() (program, name string, err error) {
	program, err = os.Executable()
	return program, filepath.Base(os.Args[0]), err
}
