package evidence_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/kbuild"
	"ringside/kbuild/evidence"
	"ringside/kconfig/dotconfig"
)

// sources is a kernel tree that knows of more than the builds below have.
var sources = files(`
-- Makefile --
build-dir := .
include arch/$(SRCARCH)/Makefile
-- scripts/Kbuild.include --
-- arch/x86/Makefile --
-- Kbuild --
obj-y += security/ src/
-- security/Makefile --
obj-y := commoncap.o min_addr.o
obj-$(CONFIG_LSM) += lsm.o
-- security/commoncap.c --
-- security/min_addr.c --
#include <linux/security.h>
#ifdef CONFIG_MAYBE
#include <linux/maybe.h>
#endif
-- security/lsm.c --
-- include/linux/security.h --
#include <linux/capability.h>
-- include/linux/capability.h --
-- include/linux/maybe.h --
-- src/Makefile --
obj-y += kernel.o other.o never.o
obj-$(CONFIG_DEMO) += demo.o
demo-y := module.o
obj-$(CONFIG_GONE) += gone.o
-- src/kernel.c --
-- src/other.c --
-- src/never.c --
-- src/module.c --
-- src/gone.c --
-- src/small.h --
-- src/table.S --
`)

func files(text string) fstest.MapFS {
	fsys := fstest.MapFS{}
	name := ""
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "-- "); ok {
			name = strings.TrimSuffix(strings.TrimSpace(rest), " --")
			fsys[name] = &fstest.MapFile{}
		} else if name != "" {
			fsys[name].Data = append(fsys[name].Data, line...)
		}
	}
	return fsys
}

func build(t testing.TB, symbols ...string) *kbuild.Build {
	t.Helper()
	c, err := dotconfig.Parse(strings.NewReader("# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_X86=y\nCONFIG_" + strings.Join(symbols, "\nCONFIG_") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := kbuild.Load(sources, c, kbuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// words are an answer's state, targets, and the reason that decides.
func words(p kbuild.Presence) string {
	s := p.State.String()
	if len(p.Targets) > 0 {
		s += " " + strings.Join(p.Targets, ",")
	}
	if len(p.Why) > 0 {
		s += ": " + p.Why[len(p.Why)-1].Text
	}
	return s
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDebug(t *testing.T) {
	const all = "the debug information of vmlinux and all 1 modules does not name it"
	for _, tt := range []struct {
		name   string
		config string
		read   []string
		want   map[string]string
	}{
		{"all of it", "DEMO=m", []string{"vmlinux", "src/demo.ko"}, map[string]string{
			"src/kernel.c":    "compiled vmlinux: obj-y += kernel.o other.o never.o",
			"src/module.c":    "compiled src/demo.ko: demo-y := module.o",
			"src/never.c":     "not_compiled: " + all,
			"src/small.h":     "compiled src/demo.ko,vmlinux: the debug information of src/demo.ko, vmlinux names it",
			"security/lsm.c":  "not_compiled: obj-$(CONFIG_LSM) += lsm.o",
			"src/table.S":     "unknown: no Makefile was found that names it",
			"src/nowhere.c":   "absent: the tree has no such file; it may have another name here",
			"include/linux/x": "absent: the tree has no such file; it may have another name here",
		}},
		{"more than the configuration builds", "DEMO=n", []string{"vmlinux", "src/demo.ko"}, map[string]string{
			"src/module.c": "compiled src/demo.ko: the debug information of src/demo.ko names it",
		}},
		{"without a module", "DEMO=m", []string{"vmlinux"}, map[string]string{
			"src/kernel.c": "compiled vmlinux: obj-y += kernel.o other.o never.o",
			"src/never.c":  "compiled vmlinux: obj-y += kernel.o other.o never.o",
			"src/module.c": "compiled src/demo.ko: demo-y := module.o",
		}},
	} {
		d := &evidence.Debug{}
		for _, target := range tt.read {
			name := "kernel.elf"
			if target != kbuild.Vmlinux {
				name = "demo.ko"
			}
			if err := d.Add(target, bytes.NewReader(read(t, "../../symbol/testdata/"+name))); err != nil {
				t.Fatal(err)
			}
		}
		e := &evidence.Evidence{Build: build(t, tt.config), Debug: d}
		for _, file := range slices.Sorted(maps.Keys(tt.want)) {
			if got := words(e.Presence(file)); got != tt.want[file] {
				t.Errorf("%s: %s: %s\nwant %s", tt.name, file, got, tt.want[file])
			}
		}
	}
}

// A module without debug information proves nothing.
func TestNoDebug(t *testing.T) {
	var d evidence.Debug
	if err := d.Add("vmlinux", strings.NewReader("\x7fELF")); err == nil {
		t.Error("four bytes are read as vmlinux")
	}
	data := bytes.ReplaceAll(read(t, "../../symbol/testdata/demo.ko"), []byte(".debug_info"), []byte(".another_one"[:11]))
	if err := d.Add("src/demo.ko", bytes.NewReader(data)); !errors.Is(err, evidence.ErrNoDebug) {
		t.Error(err)
	}
	if got := d.Targets(); len(got) > 0 {
		t.Errorf("%v were read", got)
	}
}

// buildTree is a finished build of security/, but for what some tests take away.
func buildTree(t testing.TB) fstest.MapFS {
	cmd := read(t, "testdata/min_addr.o.cmd")
	return fstest.MapFS{
		"security/.min_addr.o.cmd":  {Data: cmd},
		"security/.commoncap.o.cmd": {Data: []byte("savedcmd_security/commoncap.o := gcc -D__KERNEL__ -c\n\nsource_security/commoncap.o := ../linux/security/commoncap.c\n\ndeps_security/commoncap.o := \\\n  include/generated/autoconf.h \\\n\n")},
		"src/.module.o.cmd":         {Data: []byte("cmd_src/module.o := gcc -D__KERNEL__ -DMODULE -c\nsource_src/module.o := /src/linux/src/module.c\ndeps_src/module.o := /src/linux/src/small.h\n")},
		"src/.other.o.cmd":          {Data: []byte("cmd_src/other.o := gcc -D__KERNEL__ -c\nsource_src/other.o := /src/linux/src/other.c\ndeps_src/other.o := \n")},
		"src/.gone.o.cmd":           {Data: []byte("cmd_src/gone.o := gcc -D__KERNEL__ -c\nsource_src/gone.o := /src/linux/src/gone.c\ndeps_src/gone.o := \n")},
		"src/.never.o.cmd":          {Data: []byte("cmd_src/never.o := gcc -c\nsource_src/never.o := /src/linux/src/never.c\ndeps_src/never.o := \n")}, // a program
		"src/demo.mod":              {Data: []byte("src/module.o\n")},
		"src/demo.ko":               {},
		"built-in.a":                {Data: thin("src/other.o", "init/not_recorded.o")},
		"security/lib.a":            {Data: read(t, "testdata/built-in.a")},
		"vmlinux":                   {},
		"modules.order":             {Data: []byte("src/demo.ko\n")},
	}
}

// thin is an archive in ar's thin form.
func thin(names ...string) []byte {
	var table, heads strings.Builder
	for _, name := range names {
		fmt.Fprintf(&heads, "%-16s%-12s%-6s%-6s%-8s%-10d`\n", fmt.Sprintf("/%d", table.Len()), "0", "0", "0", "644", 4711)
		table.WriteString(name + "/\n")
	}
	if table.Len()%2 == 1 {
		table.WriteString("\n")
	}
	return fmt.Appendf(nil, "!<thin>\n%-48s%-10d`\n%s%s", "//", table.Len(), &table, &heads)
}

func TestTree(t *testing.T) {
	fsys := buildTree(t)
	b := build(t, "DEMO=n", "MAYBE=n")
	tree, err := evidence.ReadTree(fsys, b.Exists)
	if err != nil || !tree.Complete {
		t.Fatalf("%+v %v", tree, err)
	}
	e := &evidence.Evidence{Build: b, Tree: tree}
	const none = "no compiler of the finished build opened it: 5 objects are recorded"
	for file, want := range map[string]string{
		"security/min_addr.c":        "compiled vmlinux: obj-y := commoncap.o min_addr.o",
		"security/commoncap.c":       "compiled vmlinux: obj-y := commoncap.o min_addr.o",
		"include/linux/capability.h": "compiled vmlinux: obj-y := commoncap.o min_addr.o",
		"include/linux/maybe.h":      "not_compiled: " + none, // the Makefiles' closure does not look at #ifdef
		"src/module.c":               "compiled src/demo.ko: the build made src/module.o of it",
		"src/other.c":                "compiled vmlinux: obj-y += kernel.o other.o never.o",
		"src/kernel.c":               "not_compiled: " + none,
		"src/never.c":                "not_compiled: " + none,
		"src/gone.c":                 "unknown: the build made an object of it that is neither in vmlinux nor in a module",
		"security/lsm.c":             "not_compiled: obj-$(CONFIG_LSM) += lsm.o",
	} {
		if got := words(e.Presence(file)); got != want {
			t.Errorf("%s: %s\nwant %s", file, got, want)
		}
	}
	if got := e.Sources(false); !slices.Equal(got, []string{"security/commoncap.c", "security/min_addr.c", "src/module.c", "src/other.c"}) {
		t.Errorf("sources: %v", got)
	}
	var names []string
	for _, p := range e.Contradictions() {
		names = append(names, p.Path)
	}
	if !slices.Equal(names, []string{"src/gone.c", "src/kernel.c", "src/module.c", "src/never.c", "src/small.h"}) {
		t.Errorf("contradictions: %v", names)
	}
	if e.Idle("src") || e.Digest() == (&evidence.Evidence{Build: b}).Digest() {
		t.Error("src is idle, or the digest knows nothing of the tree")
	}
}

// A build that was not finished proves nothing of what is not in it.
func TestTreeIncomplete(t *testing.T) {
	b := build(t, "DEMO=m")
	for name, change := range map[string]func(fstest.MapFS){
		"vmlinux was not linked":  func(f fstest.MapFS) { delete(f, "vmlinux") },
		"src/demo.ko was not":     func(f fstest.MapFS) { delete(f, "src/demo.ko") },
		"no vmlinux.a":            func(f fstest.MapFS) { delete(f, "built-in.a") },
		"no modules.order":        func(f fstest.MapFS) { delete(f, "modules.order") },
		"no vmlinux.a or built-i": func(f fstest.MapFS) { f["built-in.a"] = &fstest.MapFile{Data: []byte("!<thin>\n//  ")} },
	} {
		fsys := buildTree(t)
		change(fsys)
		tree, err := evidence.ReadTree(fsys, b.Exists)
		if err != nil || tree.Complete || !strings.Contains(tree.Incomplete, name) {
			t.Errorf("%s: %+v %v", name, tree, err)
			continue
		}
		e := &evidence.Evidence{Build: b, Tree: tree}
		if got := e.Presence("src/kernel.c"); got.State != kbuild.Compiled {
			t.Errorf("%s: %s", name, words(got))
		}
	}
	if _, err := evidence.ReadTree(fstest.MapFS{"x": {}}, b.Exists); !errors.Is(err, evidence.ErrNoBuild) {
		t.Error(err)
	}
}

func TestModules(t *testing.T) {
	for _, tt := range []struct {
		name, config string
		set          string
		want         map[string]string
	}{
		{"it is there", "DEMO=m", "-- modules.order --\nkernel/src/demo.ko\n-- modules.builtin --\n", map[string]string{
			"src/module.c": "compiled src/demo.ko: demo-y := module.o", "src/gone.c": "not_compiled: obj-$(CONFIG_GONE) += gone.o"}},
		{"it is not", "DEMO=m", "-- modules.order --\nkernel/fs/x.ko\n-- modules.builtin --\n", map[string]string{
			"src/module.c": "not_compiled: the set has none of the modules that it would be in, and they are not built in: src/demo.ko", "src/kernel.c": "compiled vmlinux: obj-y += kernel.o other.o never.o"}},
		{"it is built in", "DEMO=m", "-- modules.order --\n-- modules.builtin --\nkernel/src/demo.ko\n", map[string]string{
			"src/module.c": "compiled vmlinux: demo-y := module.o"}},
		{"nobody knows", "DEMO=m", "-- kernel/fs/x.ko.xz --\n", map[string]string{
			"src/module.c": "compiled src/demo.ko: demo-y := module.o"}},
		{"more than the configuration builds", "DEMO=n", "-- modules.order --\nkernel/src/demo.ko\n-- modules.builtin --\n", map[string]string{
			"src/module.c": "unknown: the set has a module of this folder that the configuration would not build", "security/lsm.c": "not_compiled: obj-$(CONFIG_LSM) += lsm.o"}},
		{"by the files", "DEMO=n", "-- kernel/src/demo.ko.zst --\n", map[string]string{
			"src/module.c": "unknown: the set has a module of this folder that the configuration would not build"}},
	} {
		m, err := evidence.ReadModules(files(tt.set))
		if err != nil {
			t.Fatal(err)
		}
		e := &evidence.Evidence{Build: build(t, tt.config), Modules: m}
		for file, want := range tt.want {
			if got := words(e.Presence(file)); got != want {
				t.Errorf("%s: %s: %s\nwant %s", tt.name, file, got, want)
			}
		}
		if strange := e.Strange(); (tt.config == "DEMO=n") != slices.Equal(strange, []string{"src/demo.ko"}) {
			t.Errorf("%s: strange: %v", tt.name, strange)
		}
	}
	if _, err := evidence.ReadModules(fstest.MapFS{"README": {}}); !errors.Is(err, evidence.ErrNoModules) {
		t.Error(err)
	}
}

func TestTargetOf(t *testing.T) {
	for name, want := range map[string]string{
		"/usr/lib/debug/boot/vmlinux-6.1.0-56-amd64": "vmlinux", "vmlinux": "vmlinux", "vmlinux.debug": "vmlinux", "vmlinux.o": "",
		"/usr/lib/debug/lib/modules/6.1/kernel/fs/ext4/ext4.ko": "fs/ext4/ext4.ko", "x/kernel/kernel/x/y.ko.debug": "kernel/x/y.ko",
		"fs/ext4/ext4.ko": "fs/ext4/ext4.ko", "demo.ko.xz": "demo.ko", "a.kobject": "", "System.map": "",
	} {
		if got, ok := evidence.TargetOf(name); got != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func FuzzDebug(f *testing.F) {
	f.Add(read(f, "../../symbol/testdata/demo.ko"))
	f.Add(read(f, "../../symbol/testdata/kernel.elf"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var d evidence.Debug
		_ = d.Add("src/demo.ko", bytes.NewReader(data))
	})
}

func FuzzTree(f *testing.F) {
	f.Add(read(f, "testdata/min_addr.o.cmd"), read(f, "testdata/built-in.a"), "src/demo.ko\n")
	f.Fuzz(func(_ *testing.T, cmd, archive []byte, order string) {
		fsys := fstest.MapFS{"a/.b.o.cmd": {Data: cmd}, "built-in.a": {Data: archive}, "vmlinux": {}, "modules.order": {Data: []byte(order)}, "modules.builtin": {Data: []byte(order)}, "a/lib.a": {Data: archive}}
		_, _ = evidence.ReadTree(fsys, func(string) bool { return true })
		_, _ = evidence.ReadModules(fsys)
	})
}
