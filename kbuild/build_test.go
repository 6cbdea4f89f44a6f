package kbuild_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/kbuild"
	"ringside/kconfig/dotconfig"
)

// small is a kernel tree with one of everything that Kbuild has.
var small = tree(`
-- Makefile --
VERSION = 6
PATCHLEVEL = 1
libs-y := lib/
include $(srctree)/scripts/Kbuild.include
include $(srctree)/arch/$(SRCARCH)/Makefile
LINUXINCLUDE := -I$(srctree)/arch/$(SRCARCH)/include -I$(srctree)/include
export LINUXINCLUDE BITS
export ARCH_LIB := $(libs-y)
export ARCH_CORE := $(core-y)
build-dir := .
all: vmlinux
-- scripts/Kbuild.include --
build := -f $(srctree)/scripts/Makefile.build obj
cc-option = $(shell try $(1))
-- scripts/link-vmlinux.sh --
${MAKE} -f "${srctree}/scripts/Makefile.build" obj=init init/stamp.o
-- Kbuild --
obj-y += init/
obj-y += arch/$(SRCARCH)/
obj-y += $(ARCH_LIB)
obj-y += $(ARCH_CORE)
obj-y += drivers/
obj-$(CONFIG_NET) += net/
-- init/Makefile --
obj-y := main.o
-- init/main.c --
#include <linux/kernel.h>
#include "part.c"
-- init/part.c --
-- init/stamp.c --
-- include/linux/kernel.h --
#include <asm/bits.h>
#include <asm/both.h>
-- include/linux/unused.h --
-- include/asm-generic/both.h --
-- arch/x86/include/asm/bits.h --
-- arch/x86/Makefile --
BITS := 64
core-y += drivers/platform/
boot := arch/x86/boot
all: image
image: vmlinux
	$(Q)$(MAKE) $(build)=$(boot) $(boot)/image
-- arch/x86/Kbuild --
obj-y += kernel/ entry/vdso/
-- arch/x86/kernel/Makefile --
obj-y += head_$(BITS).o
obj-$(CONFIG_KEXEC) += blob.o
$(obj)/blob.o: $(obj)/blob.ro
$(obj)/blob.ro: $(obj)/in_blob.o FORCE
	$(call if_changed,ld)
$(obj)/in_blob.o: $(srctree)/lib/sha.c FORCE
	$(call if_changed_rule,cc_o_c)
-- arch/x86/kernel/head_64.S --
-- arch/x86/kernel/head_32.S --
-- arch/x86/kernel/blob.S --
-- arch/x86/entry/vdso/Makefile --
obj-y += vma.o vdso-image.o
vobjs := $(addprefix $(obj)/, clock.o)
hostprogs += vdso2c
$(obj)/vdso.so: $(vobjs) FORCE
	$(call if_changed,ld)
$(obj)/vdso-image.c: $(obj)/vdso.so $(obj)/vdso2c FORCE
	$(call if_changed,vdso2c)
-- arch/x86/entry/vdso/vma.c --
-- arch/x86/entry/vdso/clock.c --
-- arch/x86/entry/vdso/vdso2c.c --
-- arch/x86/boot/Makefile --
$(obj)/image: $(obj)/setup.o $(obj)/compressed/vmlinux
	cat
$(obj)/compressed/vmlinux: FORCE
	$(Q)$(MAKE) $(build)=$(obj)/compressed $@
-- arch/x86/boot/setup.c --
-- arch/x86/boot/compressed/Makefile --
$(obj)/vmlinux: $(obj)/misc.o
	ld
-- arch/x86/boot/compressed/misc.c --
-- arch/arm/Makefile --
-- arch/arm/kernel/arm.c --
-- lib/Makefile --
lib-y := sort.o
obj-y += dim.o
dim-y := dim.o dim2.o
obj-$(CONFIG_TABLES) += tables.o
$(obj)/tables.c: $(src)/gen.awk FORCE
	awk
-- lib/sort.c --
-- lib/sha.c --
-- lib/dim.c --
-- lib/dim2.c --
-- lib/gen.awk --
-- drivers/Makefile --
obj-y += char/
obj-$(CONFIG_GPU) += gpu/
-- drivers/platform/Makefile --
obj-y += plat.o
-- drivers/platform/plat.c --
-- drivers/char/Makefile --
ccflags-y += -I$(srctree)/drivers/gpu/inc
obj-$(CONFIG_TTY) += tty.o
tty-y := core.o
tty-$(CONFIG_VT) += vt.o keymap.o
tty-m := modonly.o
ifdef CONFIG_VT
obj-y += vtinit.o
else
obj-y += novt.o
endif
ifeq ($(call cc-option,-m16),-m16)
obj-y += perhaps.o
endif
-- drivers/char/core.c --
#include "gpu_api.h"
#include CHIP
#define CHIP "chip.h"
-- drivers/char/chip.h --
-- drivers/char/vt.c --
-- drivers/char/keymap.c_shipped --
-- drivers/char/vtinit.c --
-- drivers/char/novt.c --
-- drivers/char/perhaps.c --
-- drivers/char/modonly.c --
-- drivers/gpu/Makefile --
gpu-y = drv.o $(addprefix core/,$(CORE))
CORE = a.o b.o
include $(src)/core/sub.mk
obj-$(CONFIG_GPU) += gpu.o
-- drivers/gpu/core/sub.mk --
gpu-$(CONFIG_GPU_DEBUG) += core/debug.o
-- drivers/gpu/drv.c --
#include "inc/gpu_api.h"
-- drivers/gpu/inc/gpu_api.h --
-- drivers/gpu/core/a.c --
-- drivers/gpu/core/b.c --
-- drivers/gpu/core/debug.c --
-- net/Makefile --
obj-y += core.o
obj-m += never.o
-- net/core.c --
-- net/never.c --
-- net/local.h --
-- tools/perf/perf.c --
-- Documentation/x.rst --
`)

// tree makes files of sections "-- name --".
func tree(text string) fstest.MapFS {
	fsys := fstest.MapFS{}
	name := ""
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "-- "); ok {
			name = strings.TrimSuffix(strings.TrimSpace(rest), " --")
			fsys[name] = &fstest.MapFile{}
			continue
		}
		if name != "" {
			fsys[name].Data = append(fsys[name].Data, line...)
		}
	}
	return fsys
}

func config(t *testing.T, symbols ...string) *dotconfig.File {
	t.Helper()
	c := dotconfig.New()
	c.Set("X86", "y")
	c.Set("64BIT", "y")
	for _, s := range symbols {
		name, value, _ := strings.Cut(s, "=")
		c.Set(name, value)
	}
	return c
}

func load(t *testing.T, symbols ...string) *kbuild.Build {
	t.Helper()
	b, err := kbuild.Load(small, config(t, symbols...), kbuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range b.Problems {
		t.Errorf("problem: %s", p)
	}
	return b
}

func TestUnits(t *testing.T) {
	b := load(t, "TTY=y", "VT=y", "GPU=m", "KEXEC=y", "TABLES=y")
	var got []string
	for _, u := range b.Units {
		line := fmt.Sprintf("%s %s", u.Source, strings.Join(u.Targets, ","))
		if u.Side {
			line += " side"
		}
		if u.Generated {
			line += fmt.Sprintf(" of %s", u.Inputs)
		}
		if u.Unsure {
			line += " unsure"
		}
		got = append(got, line)
	}
	want := []string{
		"arch/x86/boot/compressed/misc.c arch/x86/boot/compressed/vmlinux side",
		"arch/x86/boot/setup.c arch/x86/boot/image side",
		"arch/x86/entry/vdso/clock.c arch/x86/entry/vdso/vdso-image.o side",
		"arch/x86/entry/vdso/vdso-image.c vmlinux of []",
		"arch/x86/entry/vdso/vma.c vmlinux",
		"arch/x86/kernel/blob.S vmlinux",
		"arch/x86/kernel/head_64.S vmlinux",
		"drivers/char/core.c vmlinux",
		"drivers/char/keymap.c vmlinux of [drivers/char/keymap.c_shipped]",
		"drivers/char/perhaps.c vmlinux unsure",
		"drivers/char/vt.c vmlinux",
		"drivers/char/vtinit.c vmlinux",
		"drivers/gpu/core/a.c drivers/gpu/gpu.ko",
		"drivers/gpu/core/b.c drivers/gpu/gpu.ko",
		"drivers/gpu/drv.c drivers/gpu/gpu.ko",
		"drivers/platform/plat.c vmlinux",
		"init/main.c vmlinux",
		"init/stamp.c vmlinux",
		"lib/dim.c vmlinux",
		"lib/dim2.c vmlinux",
		"lib/sha.c arch/x86/kernel/blob.o side",
		"lib/sort.c vmlinux",
		"lib/tables.c vmlinux of [lib/gen.awk]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestPresence(t *testing.T) {
	b := load(t, "TTY=m", "NET=n", "GPU=m")
	tests := []struct {
		file, state, targets string
		why                  string // the last step, or the symbols
	}{
		{"init/main.c", "compiled", "vmlinux", "obj-y := main.o"},
		{"./init/main.c", "compiled", "vmlinux", "obj-y := main.o"},
		{"init/part.c", "compiled", "vmlinux", "obj-y := main.o"},
		{"include/linux/kernel.h", "compiled", "vmlinux", ""},
		{"include/asm-generic/both.h", "compiled", "vmlinux", ""},
		{"arch/x86/include/asm/bits.h", "compiled", "vmlinux", ""},
		{"drivers/char/core.c", "compiled", "drivers/char/tty.ko", "TTY"},
		{"drivers/char/modonly.c", "compiled", "drivers/char/tty.ko", "TTY"},
		{"drivers/char/chip.h", "compiled", "drivers/char/tty.ko", "TTY"},
		{"drivers/gpu/inc/gpu_api.h", "compiled", "drivers/char/tty.ko drivers/gpu/gpu.ko", ""},
		{"drivers/char/vt.c", "not_compiled", "", "VT"},
		{"drivers/char/keymap.c_shipped", "unknown", "", ""},
		{"drivers/char/vtinit.c", "not_compiled", "", "VT"},
		{"drivers/char/perhaps.c", "unknown", "", ""},
		{"drivers/gpu/core/debug.c", "not_compiled", "", "GPU_DEBUG"},
		{"net/core.c", "not_compiled", "", "NET"},
		{"net/local.h", "not_compiled", "", "NET"},
		{"include/linux/unused.h", "not_compiled", "", "no source that is compiled includes it, directly or through others"},
		{"arch/arm/kernel/arm.c", "not_compiled", "", "the build is for x86, not arm"},
		{"arch/x86/kernel/head_32.S", "not_compiled", "", "head_$(BITS).o is another object in this build"},
		{"arch/x86/kernel/blob.S", "not_compiled", "", "KEXEC"},
		{"tools/perf/perf.c", "not_compiled", "", "no Makefile of the kernel goes into tools/"},
		{"Documentation/x.rst", "not_compiled", "", ""},
		{"arch/x86/entry/vdso/vdso2c.c", "unknown", "", "a program that runs where the kernel is built"},
		{"init/Makefile", "unknown", "", ""},
		{"drivers/none.c", "absent", "", ""},
		{"../etc/passwd", "absent", "", ""},
		{"lib/gen.awk", "unknown", "", ""},
	}
	for _, tt := range tests {
		p := b.Presence(tt.file)
		if p.State.String() != tt.state || strings.Join(p.Targets, " ") != tt.targets {
			t.Errorf("%s is %s in %s, want %s in %s; why %v", tt.file, p.State, p.Targets, tt.state, tt.targets, p.Why)
			continue
		}
		last := ""
		if n := len(p.Why); n > 0 {
			last = p.Why[n-1].Text
		}
		if tt.why != "" && last != tt.why && strings.Join(kbuild.Symbols(p.Why), " ") != tt.why {
			t.Errorf("%s: why is %+v, want %s", tt.file, p.Why, tt.why)
		}
	}
}

func TestWith(t *testing.T) {
	b := load(t, "TTY=y", "GPU=m")
	c, err := b.With(config(t, "TTY=y", "GPU=m", "NET=y"))
	if err != nil {
		t.Fatal(err)
	}
	fresh := load(t, "TTY=y", "GPU=m", "NET=y")
	if !slices.Equal(c.Sources(true), fresh.Sources(true)) {
		t.Errorf("what-if gives\n%s\na fresh evaluation\n%s", c.Sources(true), fresh.Sources(true))
	}
	if s := c.Presence("net/core.c").State; s != kbuild.Compiled {
		t.Errorf("net/core.c is %s after NET=y", s)
	}
	if s := b.Presence("net/core.c").State; s != kbuild.NotCompiled {
		t.Errorf("net/core.c is %s before", s)
	}
}

func TestLoadErrors(t *testing.T) {
	if _, err := kbuild.Load(small, dotconfig.New(), kbuild.Options{}); !errors.Is(err, kbuild.ErrNoArch) {
		t.Errorf("without an architecture: %v", err)
	}
	if _, err := kbuild.Load(small, dotconfig.New(), kbuild.Options{Arch: "vax"}); err == nil {
		t.Error("arch/vax was found")
	}
	if _, err := kbuild.Load(fstest.MapFS{}, config(t), kbuild.Options{}); err == nil {
		t.Error("an empty folder is a kernel tree")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("obj-y += a.o b/\nobj-$(CONFIG_X) += ../x.o /etc/ .. ../../\n", "a-objs := a.o $(a-y)\n$(obj)/%.o: $(obj)/%.o.o\n\t$(MAKE) $(build)=.\n")
	f.Add("obj-y := $(shell ls)\nalways-y := x.dtb\n$(obj)/x.dtb: $(obj)/x.dtb\n", "obj-m += init/ a.o\ninclude $(srctree)/Makefile\n")
	f.Fuzz(func(t *testing.T, root, sub string) {
		if len(root)+len(sub) > 4<<10 {
			return
		}
		fsys := fstest.MapFS{}
		for name, file := range small {
			fsys[name] = file
		}
		fsys["Kbuild"] = &fstest.MapFile{Data: []byte(root)}
		fsys["init/Makefile"] = &fstest.MapFile{Data: []byte(sub)}
		c := dotconfig.New()
		c.Set("X", "m")
		b, err := kbuild.Load(fsys, c, kbuild.Options{Arch: "x86"})
		if err != nil {
			return
		}
		for _, name := range []string{"init/main.c", "init/part.c", "lib/sort.c", "drivers/char/vt.c", "net/local.h"} {
			b.Presence(name)
		}
	})
}

// TestPatternsThatGrow has pattern rules that ask for ever longer names, several at a
// time, as arch/powerpc/boot does: make uses each once in a chain.
func TestPatternsThatGrow(t *testing.T) {
	fsys := fstest.MapFS{}
	for name, f := range small {
		fsys[name] = f
	}
	fsys["net/Makefile"] = &fstest.MapFile{Data: []byte(`obj-y += core.o strange.o
$(obj)/%: $(obj)/%.gz
	gunzip
$(obj)/%: $(obj)/%.one $(obj)/%.two
	join
$(obj)/%.one: $(obj)/%.two.a
	cut
$(obj)/%.a: $(obj)/%.b.c $(obj)/%.c.b
	mix
$(obj)/%.b: $(obj)/%.one
	turn
`)}
	b, err := kbuild.Load(fsys, config(t, "NET=y"), kbuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Sources(false); !slices.Contains(got, "net/core.c") {
		t.Errorf("the sources are %q", got)
	}
}

func TestIdle(t *testing.T) {
	without, with := load(t, "NET=y"), load(t, "NET=y", "GPU=y")
	for dir, want := range map[string]bool{"drivers/gpu/core": true, "drivers/gpu/core/": true, "drivers": false, "net": false, "nothing": false, "": false, "net/core.c": false} {
		if without.Idle(dir) != want {
			t.Errorf("without GPU, %q idle: %t", dir, !want)
		}
	}
	if with.Idle("drivers/gpu/core") {
		t.Error("with GPU, its folder is idle")
	}
}
