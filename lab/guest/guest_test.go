package guest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The embedded programs are what the sources make: with the same toolchain they are the
// same bytes.
func TestInitIsBuiltFromItsSources(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two programs")
	}
	version, err := os.ReadFile("init.version")
	if err != nil {
		t.Fatal(err)
	}
	if built := strings.TrimSpace(string(version)); built != runtime.Version() {
		t.Skipf("SKIPPED: they were built by %s, this is %s", built, runtime.Version())
	}
	for arch, goarch := range map[string]string{"x86_64": "amd64", "arm64": "arm64"} {
		have, err := Init(arch)
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "init")
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "./init")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch, "GOFLAGS=")
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		want, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("the init of %s is not what its sources make: run scripts/lab-init", arch)
		}
	}
}

func TestInitUnknown(t *testing.T) {
	if _, err := Init("pdp11"); err == nil || !strings.Contains(err.Error(), "x86_64 and arm64") {
		t.Error(err)
	}
}
