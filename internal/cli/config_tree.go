package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
)

// treeFlags say which tree a configuration is read under, and who answers its shell
// commands.
type treeFlags struct {
	tree     string
	root     string
	arch     string
	env      []string
	answers  string
	record   string
	runShell bool
}

func (o *treeFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.arch, "arch", "", "architecture, as in make `ARCH`=; the default is the configuration's, else this machine's")
	c.Flags().StringVar(&o.root, "kconfig", "Kconfig", "the first `FILE` of the tree to read")
	c.Flags().StringArrayVar(&o.env, "env", nil, "set a variable that the Makefile would export, as `NAME=VALUE`; may be repeated")
	c.Flags().StringVar(&o.answers, "answers", "", "take the answers to the tree's shell commands from `FILE`")
	c.Flags().StringVar(&o.record, "record-answers", "", "write the answers to the tree's shell commands to `FILE`")
	c.Flags().BoolVar(&o.runShell, "run-shell", false, "run the shell commands of the tree on this machine; they can do whatever you can")
}

// answersFile is what --record-answers writes.
type answersFile struct {
	Schema  string            `json:"schema"`
	Env     map[string]string `json:"env"`
	Answers map[string]string `json:"answers"`
}

const answersSchemaID = "https://ringside.dev/schemas/config-answers.v1.json"

// archOf gives the architecture that a configuration is for.
func (o *treeFlags) archOf(f *dotconfig.File) string {
	if o.arch != "" {
		return o.arch
	}
	if f != nil {
		if arch := f.MakeArch(); arch != "" {
			return arch
		}
	}
	switch runtime.GOARCH {
	case "amd64":
		return "x86"
	case "riscv64":
		return "riscv"
	case "ppc64le":
		return "powerpc"
	case "s390x", "arm64":
		return strings.TrimSuffix(runtime.GOARCH, "x")
	}
	return runtime.GOARCH
}

// load parses the tree. What is wrong with it is told on standard error; the tree is
// then incomplete, and so is what is said about it.
func (o *treeFlags) load(ctx context.Context, s Streams, f *dotconfig.File) (*kconfig.Tree, error) {
	dir, err := filepath.Abs(o.tree)
	if err != nil {
		return nil, usage(err)
	}
	fsys := os.DirFS(dir)
	env := kconfig.KernelEnv(fsys, o.archOf(f))
	env["srctree"] = dir
	if o.runShell {
		o.toolchain(ctx, env)
	}
	for _, e := range o.env {
		name, value, ok := strings.Cut(e, "=")
		if !ok {
			return nil, usagef("--env %s: want NAME=VALUE", e)
		}
		env[name] = value
	}
	opt := kconfig.Options{Root: o.root, Env: env}
	var given answersFile
	if o.answers != "" {
		b, err := os.ReadFile(o.answers)
		if err != nil {
			return nil, usage(err)
		}
		if err := json.Unmarshal(b, &given); err != nil || given.Schema != answersSchemaID {
			return nil, usagef("%s holds no answers; write one with --run-shell --record-answers FILE", o.answers)
		}
		maps.Copy(env, given.Env)
	}
	asked := map[string]string{}
	opt.Shell = func(ctx context.Context, command string) (string, bool) {
		key := strings.ReplaceAll(command, dir, "$(srctree)")
		out, ok := given.Answers[key]
		if !ok && o.runShell {
			out, ok = runShell(ctx, command, env)
		}
		if ok {
			asked[key] = out
		}
		return out, ok
	}
	t, err := kconfig.Parse(ctx, fsys, opt)
	if err != nil {
		return nil, usagef("%s: %w", o.tree, err)
	}
	if o.record != "" {
		if err := o.write(env, asked); err != nil {
			return nil, err
		}
	}
	complain(s, t)
	return t, nil
}

// complain tells what is wrong with a tree.
func complain(s Streams, t *kconfig.Tree) {
	n := 0
	for _, d := range t.Diagnostics {
		if d.Severity != kconfig.Error {
			continue
		}
		if n++; n <= 20 {
			fmt.Fprintln(s.Err, render.Complaint(d.String()))
		}
	}
	if n > 20 {
		fmt.Fprintf(s.Err, "and %d more errors\n", n-20)
	}
}

func (o *treeFlags) write(env, asked map[string]string) error {
	keep := map[string]string{}
	for _, name := range []string{"ARCH", "SRCARCH", "CC", "LD", "CC_VERSION_TEXT", "RUSTC_VERSION_TEXT"} {
		if v, ok := env[name]; ok {
			keep[name] = v
		}
	}
	b, err := json.MarshalIndent(answersFile{answersSchemaID, keep, asked}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(o.record, append(b, '\n'), 0o644); err != nil {
		return usage(err)
	}
	return nil
}

// toolchain takes the names of tools out of the environment, as the Makefile does, and
// asks the compilers for their versions.
func (o *treeFlags) toolchain(ctx context.Context, env map[string]string) {
	cross := os.Getenv("CROSS_COMPILE")
	if cross != "" {
		env["CROSS_COMPILE"] = cross
		for name, tool := range map[string]string{"CC": "gcc", "LD": "ld", "AR": "ar", "NM": "nm", "OBJCOPY": "objcopy", "OBJDUMP": "objdump", "STRIP": "strip", "READELF": "readelf"} {
			env[name] = cross + tool
		}
	}
	for name := range env {
		if v := os.Getenv(name); v != "" && name != "srctree" && name != "ARCH" && name != "SRCARCH" {
			env[name] = v
		}
	}
	for name, tool := range map[string]string{"CC_VERSION_TEXT": env["CC"], "RUSTC_VERSION_TEXT": env["RUSTC"]} {
		out, _ := runShell(ctx, "LC_ALL=C "+tool+" --version 2>/dev/null | head -n 1", env)
		env[name] = strings.ReplaceAll(out, "#", "")
	}
}

// runShell runs a command of a tree where what it leaves behind does no harm.
func runShell(ctx context.Context, command string, env map[string]string) (string, bool) {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	dir, err := os.MkdirTemp("", "ringside-*")
	if err != nil {
		return "", false
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	c.Dir = dir
	c.Env = append(os.Environ(), "LC_ALL=C")
	for k, v := range env {
		c.Env = append(c.Env, k+"="+v)
	}
	var out bytes.Buffer
	c.Stdout = &limited{w: &out, left: 4095}
	err = c.Run()
	var failed *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &failed) {
		return "", false
	}
	return strings.ReplaceAll(strings.TrimRight(out.String(), "\n"), "\n", " "), true
}

// limited takes as much as conf does of what a command prints.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(len(b), l.left)
	l.left -= n
	if _, err := l.w.Write(b[:n]); err != nil {
		return 0, err
	}
	return len(b), nil
}
