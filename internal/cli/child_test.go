package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// peakEnv names the file to which a child writes the most memory it held.
const peakEnv = "RINGSIDE_TEST_PEAK"

// writePeak runs at the end of a child. The kernel's VmHWM is the child's own,
// where the rusage that its parent gets begins with the parent's.
func writePeak() {
	name := os.Getenv(peakEnv)
	if name == "" {
		return
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			// The parent notices when the file is missing.
			_ = os.WriteFile(name, []byte(strings.TrimSuffix(strings.TrimSpace(v), " kB")), 0o600)
		}
	}
}

// Ended is a ringside process that has ended.
type ended struct {
	stdout, stderr string
	code           int
	peakMiB        int
}

// program returns the file to run children from: this program, or with the race
// detector, whose memory and time are not the product's, one without it.
func program(t *testing.T) string {
	t.Helper()
	if !raceEnabled {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		return exe
	}
	exe := filepath.Join(t.TempDir(), "cli.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-race=false", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("build without the race detector: %v\n%s", err, out)
	}
	return exe
}

// runChild runs ringside as a process of its own, with what feed writes as
// standard input, and waits for its end, two minutes at most.
func runChild(t *testing.T, exe string, feed func(io.Writer) error, args ...string) ended {
	t.Helper()
	dir := t.TempDir()
	peak := filepath.Join(dir, "peak")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Args = append([]string{"ringside"}, args...)
	cmd.Env = append(os.Environ(), peakEnv+"="+peak, "TMPDIR="+dir, "NO_COLOR=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	fed := make(chan error, 1)
	fed <- nil
	if feed != nil {
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		<-fed
		go func() { fed <- errors.Join(feed(stdin), stdin.Close()) }()
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("ringside %s: %v, %s", strings.Join(args, " "), err, &errs)
	}
	// A child that gives up on its input breaks the pipe; that is its right.
	<-fed
	text, err := os.ReadFile(peak)
	if err != nil {
		t.Fatalf("the child did not tell its memory: %v", err)
	}
	kib, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "ringside-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("ringside %s left %v behind, %v", strings.Join(args, " "), left, err)
	}
	return ended{out.String(), errs.String(), cmd.ProcessState.ExitCode(), kib >> 10}
}
