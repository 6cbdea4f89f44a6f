package kconfig_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"ringside/kconfig"
)

// debian gives one of Debian's configurations, or skips.
func debian(t testing.TB, version, flavour string) []byte {
	t.Helper()
	path := "/usr/src/linux-config-" + version + "/config.amd64_" + flavour + ".xz"
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED: install linux-config-%s: %v", version, err)
	}
	b, err := exec.Command("xz", "-dc", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func BenchmarkParseAndEval(b *testing.B) {
	tree := linux(b, "6.1")
	f := parseConfig(b, debian(b, "6.1", "none_amd64"))
	fsys := os.DirFS(tree)
	env := kconfig.KernelEnv(fsys, "x86")
	for b.Loop() {
		t, err := kconfig.Parse(b.Context(), fsys, kconfig.Options{Env: env})
		if err != nil {
			b.Fatal(err)
		}
		c, err := t.Eval(f)
		if err != nil {
			b.Fatal(err)
		}
		var out bytes.Buffer
		if err := c.Write(&out); err != nil {
			b.Fatal(err)
		}
	}
}
