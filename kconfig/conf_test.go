package kconfig_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
)

// linux gives an unpacked kernel tree, or skips.
func linux(t testing.TB, version string) string {
	t.Helper()
	name := "RINGSIDE_LINUX_" + strings.ReplaceAll(version, ".", "_")
	dir := os.Getenv(name)
	if dir == "" {
		t.Skipf("SKIPPED: %s names no unpacked linux-source-%s", name, version)
	}
	return dir
}

// peer is a tree with its own conf, built here, and a toolchain for both of us to ask.
type peer struct {
	tree, conf string
	env        map[string]string
	// answers of the toolchain, which is asked once; conf finds them in a file, too.
	answers map[string]string
	file    string
}

var peers sync.Map

// newPeer builds the conf of a tree once for all tests.
func newPeer(t testing.TB, version, arch string) *peer {
	t.Helper()
	tree := linux(t, version)
	for _, tool := range []string{"gcc", "flex", "bison"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: conf cannot be built here: %v", err)
		}
	}
	build, _ := peers.LoadOrStore(version, sync.OnceValues(func() (string, error) { return buildConf(tree) }))
	conf, err := build.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{tree: tree, conf: conf, answers: map[string]string{}, env: kconfig.KernelEnv(os.DirFS(tree), arch)}
	p.env["srctree"] = tree
	p.env["CC_VERSION_TEXT"] = "stub-gcc (Ringside) 12.2.0"
	p.env["RUSTC_VERSION_TEXT"] = ""
	p.env["CC"] = filepath.Join(filepath.Dir(conf), "cc")
	p.env["LD"] = filepath.Join(filepath.Dir(conf), "ld")
	p.env["PAHOLE"], p.env["RUSTC"], p.env["BINDGEN"] = "no-pahole", "no-rustc", "no-bindgen"
	p.env["OBJCOPY"], p.env["NM"] = "no-objcopy", "no-nm"
	p.record(t)
	return p
}

// record asks the toolchain all that the tree asks, for us and for conf.
func (p *peer) record(t testing.TB) {
	t.Helper()
	if _, err := kconfig.Parse(t.Context(), os.DirFS(p.tree), kconfig.Options{Env: p.env, Shell: p.shell}); err != nil {
		t.Fatal(err)
	}
	p.save(t)
}

// save writes the answers for conf.
func (p *peer) save(t testing.TB) {
	t.Helper()
	var b bytes.Buffer
	for command, answer := range p.answers {
		b.WriteString(command + "\x00" + answer + "\x00")
	}
	p.file = filepath.Join(t.TempDir(), "answers")
	if err := os.WriteFile(p.file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// stubs are a compiler and a linker that accept everything, quickly: what is compared is
// how answers are used, not what they are.
var stubs = map[string]string{
	"cc": "#!/bin/sh\ncase \"$*\" in\n*-Wa,--version*) echo 'GNU assembler (GNU Binutils) 2.40';;\n*-E\\ -P*) echo GCC 12 2 0;;\nesac\n",
	"ld": "#!/bin/sh\necho 'GNU ld (GNU Binutils) 2.40'\n",
}

// replay lets conf read answers from a file instead of running commands: some fifty
// programs less for each of hundreds of runs.
const replay = `#undef popen
#undef pclose
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
FILE *replay_open(const char *cmd, const char *mode)
{
	static char *text;
	static size_t size;
	if (!text) {
		FILE *f = fopen(getenv("REPLAY"), "r");
		text = malloc(1 << 22);
		size = fread(text, 1, 1 << 22, f);
		fclose(f);
	}
	for (char *p = text; p < text + size; ) {
		char *answer = p + strlen(p) + 1;
		if (!strcmp(p, cmd)) {
			FILE *f = tmpfile();
			fputs(answer, f);
			rewind(f);
			return f;
		}
		p = answer + strlen(answer) + 1;
	}
	return popen(cmd, mode); /* what needs no toolchain */
}
`

func buildConf(tree string) (string, error) {
	dir, err := os.MkdirTemp("", "conf")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "replay.c"), []byte(replay), 0o644); err != nil {
		return "", err
	}
	for name, text := range stubs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			return "", err
		}
	}
	src := filepath.Join(tree, "scripts/kconfig")
	steps := [][]string{
		{"flex", "-o", filepath.Join(dir, "lexer.lex.c"), "-L", filepath.Join(src, "lexer.l")},
		{"bison", "-t", "-o", filepath.Join(dir, "parser.tab.c"), "--defines=" + filepath.Join(dir, "parser.tab.h"), "-l", filepath.Join(src, "parser.y")},
	}
	cc := []string{"gcc", "-O1", "-w", "-D_DEFAULT_SOURCE", "-Dpopen=replay_open", "-Dpclose=fclose", filepath.Join(dir, "replay.c"), "-o", filepath.Join(dir, "conf"), "-I", dir, "-I", src, "-I", filepath.Join(tree, "scripts/include"),
		filepath.Join(dir, "lexer.lex.c"), filepath.Join(dir, "parser.tab.c")}
	for _, c := range []string{"conf.c", "confdata.c", "expr.c", "menu.c", "preprocess.c", "symbol.c", "util.c"} {
		cc = append(cc, filepath.Join(src, c))
	}
	for _, s := range append(steps, cc) {
		if out, err := exec.Command(s[0], s[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", s[0], err, out)
		}
	}
	return filepath.Join(dir, "conf"), nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	peers.Range(func(_, build any) bool {
		if conf, err := build.(func() (string, error))(); err == nil {
			os.RemoveAll(filepath.Dir(conf))
		}
		return true
	})
	os.Exit(code)
}

func (p *peer) environ(extra ...string) []string {
	list := []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "REPLAY=" + p.file,
		// A file that is there: conf would write ten thousand others for make.
		"KCONFIG_AUTOCONFIG=" + p.file}
	for k, v := range p.env {
		list = append(list, k+"="+v)
	}
	return append(list, extra...)
}

// shell answers as conf's $(shell) does.
func (p *peer) shell(ctx context.Context, command string) (string, bool) {
	if a, ok := p.answers[command]; ok {
		return a, true
	}
	c := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	c.Env, c.Dir = p.environ(), os.TempDir()
	out, _ := c.Output()
	a := strings.ReplaceAll(strings.TrimRight(string(out), "\n"), "\n", " ")
	p.answers[command] = a
	return a, true
}

// run runs conf on a .config and gives what it leaves, and what it prints.
func (p *peer) run(t testing.TB, input []byte, args []string, extra ...string) (result []byte, stdout, stderr string, code int) {
	t.Helper()
	dir := t.TempDir()
	if input != nil {
		if err := os.WriteFile(filepath.Join(dir, ".config"), input, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(p.conf, append(args, "Kconfig")...)
	c.Dir, c.Env = dir, p.environ(extra...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		code = c.ProcessState.ExitCode()
	}
	name := ".config"
	for _, a := range args {
		if f, ok := strings.CutPrefix(a, "--savedefconfig="); ok {
			name = f
		}
	}
	result, _ = os.ReadFile(filepath.Join(dir, name))
	return result, out.String(), errs.String(), code
}

// parse reads the tree as conf does.
func (p *peer) parse(t testing.TB) *kconfig.Tree {
	t.Helper()
	tree, err := kconfig.Parse(t.Context(), os.DirFS(p.tree), kconfig.Options{Env: p.env, Shell: p.shell})
	if err != nil {
		t.Fatal(err)
	}
	if tree.Incomplete {
		for _, d := range tree.Diagnostics {
			if d.Severity == kconfig.Error {
				t.Errorf("%s", d)
			}
		}
	}
	return tree
}

func parseConfig(t testing.TB, b []byte) *dotconfig.File {
	t.Helper()
	f, err := dotconfig.Parse(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// written gives the .config that a mode makes.
func written(t testing.TB, tree *kconfig.Tree, mode kconfig.Mode, f *dotconfig.File) []byte {
	t.Helper()
	c, err := tree.Run(mode, f)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	switch mode {
	case kconfig.SaveDefConfig:
		err = c.WriteDefconfig(&b)
	case kconfig.ListNewConfig:
		err = c.WriteNew(&b)
	default:
		err = c.Write(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// same compares two files line by line.
func same(t testing.TB, what string, got, want []byte) bool {
	t.Helper()
	if bytes.Equal(got, want) {
		return true
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	n := 0
	for i := 0; i < max(len(g), len(w)) && n < 8; i++ {
		a, b := "<end>", "<end>"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("%s: line %d is %q, conf has %q", what, i+1, a, b)
			n++
			if len(g) != len(w) {
				break
			}
		}
	}
	return false
}

// The modes that need no input, for two architectures and both dialects.
func TestAllConfigs(t *testing.T) {
	for _, version := range []string{"6.1", "6.12"} {
		for _, arch := range []string{"arm64", "x86"}[:min(effort(t, 1), 2)] {
			t.Run(version+"/"+arch, func(t *testing.T) {
				p := newPeer(t, version, arch)
				tree := p.parse(t)
				for _, mode := range []kconfig.Mode{kconfig.AllYesConfig, kconfig.AllNoConfig, kconfig.AllModConfig, kconfig.AllDefConfig} {
					want, _, _, _ := p.run(t, nil, []string{"--" + string(mode)})
					same(t, string(mode), written(t, tree, mode, nil), want)
				}
			})
		}
	}
}
