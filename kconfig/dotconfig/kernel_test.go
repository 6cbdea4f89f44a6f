package dotconfig_test

import (
	"strings"
	"testing"

	"ringside/kconfig/dotconfig"
)

func TestKernel(t *testing.T) {
	for name, tt := range map[string]struct{ text, arch, source, release string }{
		"headed":       {"#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86_64 6.1.192 Kernel Configuration\n#\nCONFIG_X86=y\n", "x86_64", "x86", "6.1.192"},
		"of i386":      {"# Linux/i386 6.12.1-rc2 Kernel Configuration\nCONFIG_X86=y\n", "i386", "x86", "6.12.1-rc2"},
		"without head": {"CONFIG_ARM64=y\n", "arm64", "arm64", ""},
		"32 bits":      {"CONFIG_SPARC=y\n", "sparc", "sparc", ""},
		"says nothing": {"CONFIG_SMP=y\n", "", "", ""},
		"odd head":     {"# Linux/x86 Kernel\nCONFIG_RISCV=y\n", "riscv", "riscv", ""},
	} {
		f, err := dotconfig.Parse(strings.NewReader(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		if f.MakeArch() != tt.arch || dotconfig.SourceArch(f.MakeArch()) != tt.source || f.Release() != tt.release {
			t.Errorf("%s: %q, %q, %q", name, f.MakeArch(), dotconfig.SourceArch(f.MakeArch()), f.Release())
		}
	}
}
