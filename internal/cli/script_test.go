package cli

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ringside": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			code := Main(ctx, os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
			writePeak()
			os.Exit(code)
		},
	})
}

// TestScript runs every verb as a user would; each script is one user's story.
func TestScript(t *testing.T) {
	logs, err := filepath.Abs("../../crash/testdata/lab")
	if err != nil {
		t.Fatal(err)
	}
	// The dump of a small kernel that the tests have with them.
	tiny, err := filepath.Abs("../../vmcore/internal/testdump/tiny.kdump.zst")
	if err != nil {
		t.Fatal(err)
	}
	// Small recordings of perf.
	profiles, err := filepath.Abs("../../profile/perfdata/testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("LOGS", logs)
			e.Setenv("CORPUS", os.Getenv("RINGSIDE_CORPUS"))
			e.Setenv("TINY", tiny)
			e.Setenv("PROFILES", profiles)
			e.Setenv("KERNEL", labKernel())
			e.Setenv("RINGSIDE_LAB", "")
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("TMPDIR", e.WorkDir)
			return nil
		},
		Cmds: scriptCommands(),
		Condition: func(cond string) (bool, error) {
			if cond == "corpus" { // the real inputs that are too large for the project
				return os.Getenv("RINGSIDE_CORPUS") != "", nil
			}
			if cond == "kernels" { // a kernel to boot, and what boots it
				_, err := exec.LookPath("qemu-system-x86_64")
				return labKernel() != "" && err == nil, nil
			}
			if cond == "record" { // perf is here, and may record
				return exec.Command("perf", "record", "-q", "-e", "cpu-clock", "-o", os.DevNull, "true").Run() == nil, nil
			}
			if cond == "root" { // and a kernel that lets it record
				e, end, missing := engines("")
				defer end()
				return missing == nil && e["ebpf"] != nil && os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// labKernel is the package of the kernel that the lab's tests boot, "" if there is none.
func labKernel() string {
	dir := os.Getenv("RINGSIDE_LAB_KERNELS")
	found, err := filepath.Glob(filepath.Join(dir, "linux-image-*cloud-amd64_*.deb"))
	if dir == "" || err != nil || len(found) == 0 {
		return ""
	}
	return found[0]
}
