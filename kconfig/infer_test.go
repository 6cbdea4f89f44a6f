package kconfig_test

import (
	"hash/fnv"
	"maps"
	"os"
	"strings"
	"testing"

	"ringside/kconfig"
)

// moody makes a toolchain that can do some things and cannot do others.
func moody(answers map[string]string, seed byte) map[string]string {
	out := maps.Clone(answers)
	for command, answer := range answers {
		if !strings.Contains(command, "/dev/null -o .tmp_") && !strings.Contains(command, "assembler-with-cpp") && !strings.Contains(command, "-v ") || strings.Contains(command, "command -v") {
			continue
		}
		h := fnv.New32a()
		_, _ = h.Write(append([]byte(command), seed))
		if h.Sum32()%3 == 0 {
			out[command] = map[string]string{"y": "n", "n": "y"}[answer]
		}
	}
	return out
}

// What a toolchain answered is in the .config that conf wrote: without asking anything,
// the same .config comes out of it, whatever the toolchain can do and cannot.
func TestInferredAnswers(t *testing.T) {
	for _, version := range []string{"6.1", "6.12"} {
		for _, arch := range []string{"riscv", "x86", "arm64"}[:min(effort(t, 1), 3)] {
			t.Run(version+"/"+arch, func(t *testing.T) {
				p := newPeer(t, version, arch)
				asked := p.answers
				env := maps.Clone(p.env)
				delete(env, "CC_VERSION_TEXT")
				delete(env, "RUSTC_VERSION_TEXT")
				silent, err := kconfig.Parse(t.Context(), os.DirFS(p.tree), kconfig.Options{Env: env})
				if err != nil {
					t.Fatal(err)
				}
				for seed := range effort(t, 1) {
					p.answers = moody(asked, byte(seed))
					p.save(t)
					for _, mode := range []string{"--allmodconfig", "--alldefconfig"} {
						want, _, _, _ := p.run(t, nil, []string{mode})
						f := parseConfig(t, want)
						same(t, mode, written(t, silent, kconfig.OldDefConfig, f), want)
					}
				}
			})
		}
	}
}

func TestProbes(t *testing.T) {
	tree := parse(t, `
cc := cc
success = $(shell,{ $(1); } >/dev/null 2>&1 && echo "y" || echo "n")
cc-option = $(success,$(cc) $(1) -c -x c /dev/null)
info := $(shell,version.sh $(cc))
name := $(shell,set -- $(info) && echo $1)
number := $(shell,set -- $(info) && echo $2)

mainmenu "Linux/$(ARCH) 6.1.0 Kernel Configuration"

config CC_VERSION_TEXT
	string
	default "$(CC_VERSION_TEXT)"

config CC_IS_GCC
	def_bool $(success,test "$(name)" = GCC)

config CC_IS_CLANG
	def_bool $(success,test "$(name)" = Clang)

config GCC_VERSION
	int
	default $(number) if CC_IS_GCC
	default 0

config CC_HAS_A
	def_bool $(cc-option,-fa)

config CC_HAS_B
	def_bool $(cc-option,-fb)

config C
	bool "c"
	depends on $(cc-option,-fc)

config D
	bool "d"
	depends on $(cc-option,-fd)
`)
	const given = `#
# Linux/x86 6.1.0 Kernel Configuration
#
CONFIG_CC_VERSION_TEXT="gcc 12"
CONFIG_CC_IS_GCC=y
CONFIG_GCC_VERSION=120200
CONFIG_CC_HAS_A=y
# CONFIG_D is not set
`
	c, err := tree.Eval(parseConfig(t, []byte(given)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"CC_VERSION_TEXT": "gcc 12", "CC_IS_GCC": "y", "CC_IS_CLANG": "n", "GCC_VERSION": "120200",
		"CC_HAS_A": "y", "CC_HAS_B": "n",
	} {
		if got := c.Value(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if c.Written("C") || !c.Written("D") {
		t.Errorf("C can be set: %v, D can be set: %v", c.Written("C"), c.Written("D"))
	}
	for _, a := range c.Probes() {
		if a.From == kconfig.Assumed && !strings.HasPrefix(a.Command, "version.sh") {
			t.Errorf("%s was assumed to be %q", a.Command, a.Value)
		}
	}
	// Of another kernel, what the file does not have says nothing.
	other := strings.Replace(given, "6.1.0", "5.10.0", 1)
	if c, err = tree.Eval(parseConfig(t, []byte(other))); err != nil {
		t.Fatal(err)
	}
	if c.Value("CC_IS_CLANG") != "n" || c.Value("GCC_VERSION") != "120200" || c.Value("CC_HAS_B") != "y" {
		t.Errorf("CC_IS_CLANG=%s GCC_VERSION=%s CC_HAS_B=%s", c.Value("CC_IS_CLANG"), c.Value("GCC_VERSION"), c.Value("CC_HAS_B"))
	}
}
