package kconfig_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
)

// kernelTest is one of the cases of scripts/kconfig/tests, which the kernel's own make
// testconfig runs: a folder with a Kconfig, an input, and what is to come of it.
type kernelTest struct {
	dir, input string
	set        string // what is typed in the dialogue, as SYMBOL=value
	mode       kconfig.Mode
	want       string // file that the .config has in it
	exact      bool   // … and nothing else
	stderr     string // file that the diagnostics have in them
	stdout     string // file whose prompts are asked in that order
	trees      string
}

var kernelTests = []kernelTest{
	{dir: "choice", mode: kconfig.AllYesConfig, want: "allyes_expected_config"},
	{dir: "choice", mode: kconfig.AllModConfig, want: "allmod_expected_config"},
	{dir: "choice", mode: kconfig.AllNoConfig, want: "allno_expected_config"},
	{dir: "choice", mode: kconfig.AllDefConfig, want: "alldef_expected_config"},
	{dir: "choice", stdout: "oldask0_expected_stdout"},
	{dir: "choice", stdout: "oldask1_expected_stdout", input: "oldask1_config", trees: "6.1"},
	{dir: "inter_choice", mode: kconfig.DefConfig, input: "defconfig", want: "expected_config", trees: "6.1"},
	{dir: "choice_value_with_m_dep", mode: kconfig.OldDefConfig, input: "config", set: "CHOICE0=y", want: "expected_config", trees: "6.1"},
	{dir: "no_write_if_dep_unmet", mode: kconfig.OldDefConfig, input: "config", set: "A=n", want: "expected_config", exact: true},
	{dir: "new_choice_with_dep", stdout: "expected_stdout", input: "config"},
	{dir: "auto_submenu", stdout: "expected_stdout"},
	{dir: "err_recursive_dep", stderr: "expected_stderr"},
	{dir: "err_recursive_inc", stderr: "expected_stderr"},
	{dir: "preprocess/builtin_func", stderr: "expected_stderr"},
	{dir: "preprocess/circular_expansion", stderr: "expected_stderr"},
	{dir: "preprocess/escape", stderr: "expected_stderr"},
	{dir: "preprocess/variable", stderr: "expected_stderr"},
	{dir: "choice_randomize", want: "expected_config*", trees: "6.12 6.18"},
	{dir: "transitional", mode: kconfig.OldDefConfig, input: "initial_config", want: "expected_config", trees: "6.18"},
	{dir: "err_transitional", stderr: "expected_stderr", trees: "6.18"},
	{dir: "choice_randomize2", want: "expected_config*", trees: "6.12 6.18"},
}

// TestKernelTests runs the inputs of make testconfig of three kernels. What those cases ask
// in a dialogue is compared as the order and the nesting of what would be asked; those
// that draw configurations at random, by all that may be drawn being stable.
func TestKernelTests(t *testing.T) {
	for _, version := range []string{"6.1", "6.12", "6.18"} {
		for _, k := range kernelTests {
			if k.trees != "" && !slices.Contains(strings.Fields(k.trees), version) {
				continue
			}
			t.Run(version+"/"+k.dir+"/"+k.want+k.stdout+k.stderr, func(t *testing.T) {
				root := linux(t, version)
				dir := filepath.Join(root, "scripts/kconfig/tests", k.dir)
				shell := func(context.Context, string) (string, bool) { return "", false }
				if strings.HasPrefix(k.dir, "preprocess") {
					shell = (&peer{answers: map[string]string{}, env: map[string]string{}}).shell
				}
				d := kconfig.Dialect{}
				if version == "6.1" {
					d = kconfig.Dialect{OldChoices: true, EmptyNumbers: true, DropOutOfRange: true}
				}
				tree, err := kconfig.Parse(t.Context(), os.DirFS(dir), kconfig.Options{Dialect: &d, Shell: shell})
				if err != nil {
					t.Fatal(err)
				}
				k.check(t, tree, dir)
			})
		}
	}
}

func (k *kernelTest) check(t *testing.T, tree *kconfig.Tree, dir string) {
	t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var given *dotconfig.File
	if k.input != "" {
		given = parseConfig(t, []byte(read(k.input)))
	}
	switch {
	case k.stderr != "":
		var got strings.Builder
		for _, d := range tree.Diagnostics {
			got.WriteString(d.String() + "\n")
		}
		sameReports(t, got.String(), read(k.stderr))
	case k.stdout != "":
		sameQuestions(t, tree, read(k.stdout))
	case k.mode == "":
		files, err := filepath.Glob(filepath.Join(dir, k.want))
		if err != nil || len(files) < 3 {
			t.Fatalf("%v: %v", files, err)
		}
		for _, f := range files {
			want := read(filepath.Base(f))
			same(t, f, written(t, tree, kconfig.OldDefConfig, parseConfig(t, []byte(want))), []byte(want))
		}
	default:
		got := string(written(t, tree, k.mode, given))
		if name, value, ok := strings.Cut(k.set, "="); ok {
			got = afterSet(t, tree, given, kconfig.Setting{Symbol: name, Value: value})
		}
		want := read(k.want)
		if k.exact && got != want || !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// afterSet gives the .config after a user has set a symbol.
func afterSet(t *testing.T, tree *kconfig.Tree, given *dotconfig.File, s kconfig.Setting) string {
	t.Helper()
	c, err := tree.Eval(given)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Set(s); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sameReports compares reports. Loops of dependencies are found in another order by conf
// of old, which goes by its hash table; one report is then compared with one.
func sameReports(t *testing.T, got, want string) {
	t.Helper()
	blocks := func(s string) []string {
		list := strings.Split(strings.TrimSpace(s), "\n\n")
		for i := range list {
			lines := strings.Split(list[i], "\n")
			// A loop may be entered anywhere.
			if len(lines) > 2 && strings.Contains(lines[0], "recursive dependency") {
				for j := range lines {
					if _, rest, ok := strings.Cut(lines[j], "error: "); ok {
						lines[j] = rest
					}
					if _, rest, ok := strings.Cut(lines[j], "\t"); ok {
						lines[j] = rest
					}
				}
				slices.Sort(lines)
				list[i] = strings.Join(lines, "\n")
			}
		}
		slices.Sort(list)
		return list
	}
	g, w := blocks(got), blocks(want)
	for _, b := range w {
		if !slices.ContainsFunc(g, func(x string) bool { return strings.Contains(x, b) }) {
			t.Errorf("nothing says %q: %q", b, g)
		}
	}
}

// sameQuestions compares the names in a dialogue with the order of the menus.
func sameQuestions(t *testing.T, tree *kconfig.Tree, dialogue string) {
	t.Helper()
	var want []string
	for line := range strings.Lines(dialogue) {
		if i := strings.LastIndexByte(line, '('); i >= 0 {
			head, _, _ := strings.Cut(strings.ReplaceAll(line, " (NEW)", ""), ")")
			name := head[strings.LastIndexByte(head, '(')+1:]
			if strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && name != "" {
				want = append(want, name)
			}
		}
	}
	var have []string
	for s := range tree.Symbols() {
		if s.Prompt() != "" {
			have = append(have, s.Name())
		}
	}
	at := 0
	for _, w := range want {
		i := slices.Index(have[at:], w)
		if i < 0 {
			t.Errorf("%s is not asked for after what comes before it: %v, want %v", w, have, want)
			return
		}
		at += i
	}
}
