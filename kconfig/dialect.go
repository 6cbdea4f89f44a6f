package kconfig

import (
	"io/fs"
	"strings"

	"ringside/kconfig/dotconfig"
)

// detectDialect finds out from a tree's own conf which rules it follows. A tree without
// one follows those of today.
func detectDialect(tree fs.FS) Dialect {
	var d Dialect
	if b, err := fs.ReadFile(tree, "scripts/kconfig/symbol.c"); err == nil {
		text := string(b)
		d.OldChoices = !strings.Contains(text, "choice_link")
		d.EmptyNumbers = strings.Contains(text, "symbol_empty")
	}
	if b, err := fs.ReadFile(tree, "scripts/kconfig/confdata.c"); err == nil {
		d.DropOutOfRange = strings.Contains(string(b), "sym_string_within_range")
	}
	return d
}

// KernelEnv gives what a kernel's Makefile exports to Kconfig for an architecture, as
// far as that needs no program to be run. arch is as in make ARCH=…
func KernelEnv(tree fs.FS, arch string) map[string]string {
	src := dotconfig.SourceArch(arch)
	env := map[string]string{
		"ARCH": arch, "SRCARCH": src, "SUBARCH": "x86", "srctree": ".", "HEADER_ARCH": "x86",
		"CC": "gcc", "HOSTCC": "gcc", "LD": "ld", "AR": "ar", "NM": "nm", "OBJCOPY": "objcopy", "OBJDUMP": "objdump",
		"STRIP": "strip", "READELF": "readelf", "RUSTC": "rustc", "BINDGEN": "bindgen", "PAHOLE": "pahole", "PYTHON3": "python3",
		"KERNELVERSION": KernelVersion(tree),
	}
	return env
}

// KernelVersion gives the version that a tree's Makefile states, "" where there is none.
func KernelVersion(tree fs.FS) string {
	b, err := fs.ReadFile(tree, "Makefile")
	if err != nil {
		return ""
	}
	v := map[string]string{}
	n := 0
	for line := range strings.Lines(string(b)) {
		if n++; n > 20 {
			break
		}
		if name, value, ok := strings.Cut(line, "="); ok {
			v[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	if v["VERSION"] == "" {
		return ""
	}
	s := v["VERSION"]
	if v["PATCHLEVEL"] != "" {
		s += "." + v["PATCHLEVEL"]
		if v["SUBLEVEL"] != "" {
			s += "." + v["SUBLEVEL"]
		}
	}
	return s + v["EXTRAVERSION"]
}
