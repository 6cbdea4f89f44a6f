package child

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringside/internal/store"
)

func TestJudge(t *testing.T) {
	r := &Runner{What: "dump", AtHome: "do it at home"}
	killed := exec.Command("sleep", "60")
	if err := killed.Start(); err != nil {
		t.Skip("SKIPPED: no sleep to kill: ", err)
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := r.judge(t.Context(), killed.Wait(), false, "", MinMemory, time.Minute); err == nil || store.IsPermanent(err) || !strings.Contains(err.Error(), "from outside") {
		t.Errorf("killed from outside: %v", err)
	}
	failed := exec.Command("false").Run()
	if err := r.judge(t.Context(), failed, false, "write: no space left on device", MinMemory, time.Minute); !errors.Is(err, store.ErrNoSpace) || store.IsPermanent(err) {
		t.Errorf("full disk: %v", err)
	}
	if err := r.judge(t.Context(), failed, false, "", MinMemory, time.Minute); err == nil || !strings.Contains(err.Error(), "did not say why") {
		t.Errorf("silence: %v", err)
	}
}

// What was left is read back, and goes when it is closed.
func TestResults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteSummary(dir, map[string]int{"tasks": 3}); err != nil {
		t.Fatal(err)
	}
	if err := WriteSummary(dir, 1); err == nil {
		t.Error("a result was written twice")
	}
	r := OpenResults(dir)
	var got map[string]int
	if err := r.Summary(&got); err != nil || got["tasks"] != 3 {
		t.Errorf("summary %v, %v", got, err)
	}
	if _, err := r.Open("more"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that there is not: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}
