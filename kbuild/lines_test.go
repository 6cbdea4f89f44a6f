package kbuild_test

import (
	"fmt"
	"maps"
	"testing"
	"testing/fstest"

	"ringside/kbuild"
)

// Lines of a file that is compiled may be left out by the configuration.
func TestLines(t *testing.T) {
	fsys := maps.Clone(small)
	for name, text := range map[string]string{
		"init/main.c":            "#include <linux/kernel.h>\n#ifdef CONFIG_VT\nint vt;\n#else\nint novt;\n#endif\n#ifdef CONFIG_SMP\nint smp;\n#endif\n#if FOO\nint foo;\n#endif\n#ifdef CONFIG_OWN\nint own;\n#endif\n",
		"include/linux/kernel.h": "#ifndef K\n#define K\n#ifdef CONFIG_VT\n#define A \\\n\t1\nint b;\n#endif\n#undef CONFIG_SMP\n#endif\n",
		"lib/sort.c":             "#undef CONFIG_OWN\n#ifdef CONFIG_OWN\nint own;\n#endif\n",
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := kbuild.Load(fsys, config(t, "OWN=y"), kbuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file        string
		first, last int
		want        string
	}{
		{"init/main.c", 3, 3, "not_compiled init/main.c:2 #ifdef CONFIG_VT does not hold VT=n"},
		{"init/main.c", 4, 3, "not_compiled init/main.c:2 #ifdef CONFIG_VT does not hold VT=n"},
		{"init/main.c", 5, 5, "compiled init/main.c:4 #else of #ifdef CONFIG_VT VT=n"},
		{"init/main.c", 3, 5, "compiled init/main.c:4 #else of #ifdef CONFIG_VT VT=n"},
		{"init/main.c", 11, 11, "unknown init/main.c:10 #if FOO is not decided by the configuration"},
		{"init/main.c", 1, 1, "compiled"},
		{"init/main.c", 99, 99, "unknown init/Makefile:1 obj-y := main.o"},
		{"init/main.c", 8, 8, "unknown init/main.c:7 #ifdef CONFIG_SMP is not decided by the configuration SMP=n"}, // a header undefines it
		{"init/main.c", 14, 14, "compiled init/main.c:13 #ifdef CONFIG_OWN OWN=y"},                                 // another source undefines it for itself
		{"lib/sort.c", 3, 3, "unknown lib/sort.c:2 #ifdef CONFIG_OWN is not decided by the configuration OWN=y"},
		{"include/linux/kernel.h", 6, 6, "not_compiled include/linux/kernel.h:3 #ifdef CONFIG_VT does not hold VT=n"},
		{"include/linux/kernel.h", 5, 5, "unknown include/linux/kernel.h:5 a macro's lines count where it is used"},
		{"gone.c", 1, 1, "absent gone.c:0 the tree has no such file; it may have another name here"},
		{"drivers/char/vt.c", 1, 1, "not_compiled drivers/char/Makefile:4 tty-$(CONFIG_VT) += vt.o keymap.o VT=n"},
	} {
		p := b.Lines(tt.file, kbuild.Span{First: tt.first, Last: tt.last})
		got := p.State.String()
		if n := len(p.Why); n > 0 && p.Why[n-1].File == tt.file || n > 0 && p.State != kbuild.Compiled {
			s := p.Why[n-1]
			got += fmt.Sprintf(" %s:%d %s", s.File, s.Line, s.Text)
			if s.Symbol != "" {
				got += " " + s.Symbol + "=" + s.Value
			}
		}
		if got != tt.want {
			t.Errorf("%s:%d-%d: %s, want %s", tt.file, tt.first, tt.last, got, tt.want)
		}
	}
}

func TestCutLines(t *testing.T) {
	for text, want := range map[string]string{
		"a/b.c:10-20": "a/b.c {10 20} true", "a/b.c:7": "a/b.c {7 7} true", "a/b.c": "a/b.c {0 0} false",
		"a/b.c:20-10": "a/b.c:20-10 {0 0} false", "a/b.c:0": "a/b.c:0 {0 0} false", "a:x-y": "a:x-y {0 0} false",
	} {
		file, s, ok := kbuild.CutLines(text)
		if got := fmt.Sprintf("%s %v %v", file, s, ok); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// A header may include what a macro says that who includes it defines.
func TestGivenInclude(t *testing.T) {
	fsys := maps.Clone(small)
	for name, text := range map[string]string{
		"init/main.c":               "#define GIVEN_FILE <linux/given.h>\n#include <linux/generator.h>\n",
		"include/linux/generator.h": "#include GIVEN_FILE\n",
		"include/linux/given.h":     "",
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := kbuild.Load(fsys, config(t), kbuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p := b.Presence("include/linux/given.h"); p.State != kbuild.Compiled {
		t.Errorf("%s: %v", p.State, p.Why)
	}
}

// An object of another folder is compiled with the flags of the Makefile that makes it.
func TestFlagsOfMaker(t *testing.T) {
	fsys := maps.Clone(small)
	for name, text := range map[string]string{
		"drivers/Makefile":          "obj-y += gpu/main/\n",
		"drivers/gpu/main/Makefile": "FULL = $(srctree)/$(src)/..\nccflags-y := -I$(FULL)/inc\nobj-y += gpu.o\ngpu-y := ../power/power.o\n",
		"drivers/gpu/power/power.c": "#include \"table.h\"\n",
		"drivers/gpu/inc/table.h":   "",
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := kbuild.Load(fsys, config(t), kbuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"drivers/gpu/power/power.c", "drivers/gpu/inc/table.h"} {
		if p := b.Presence(f); p.State != kbuild.Compiled {
			t.Errorf("%s is %s: %v", f, p.State, p.Why)
		}
	}
}
