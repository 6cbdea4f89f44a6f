package cli

import (
	"os"
	"path/filepath"
	"strings"
)

// historyFile is what was typed in earlier sessions. It is a convenience: where
// it cannot be kept, the shell works without.
type historyFile struct {
	lines []string
	file  *os.File
}

// maxHistory bounds what is kept of earlier sessions.
const maxHistory = 1 << 20

// openHistory reads the user's history, and opens it for what is typed now.
func openHistory() *historyFile {
	h := &historyFile{}
	dir, err := stateDir()
	if err != nil || os.MkdirAll(dir, 0o700) != nil {
		return h
	}
	path := filepath.Join(dir, "vmcore-history")
	old, err := os.ReadFile(path)
	if err == nil {
		h.lines = strings.Split(strings.TrimSuffix(string(old), "\n"), "\n")
	}
	if len(old) > maxHistory { // the newer half is enough
		h.lines = h.lines[len(h.lines)/2:]
		if os.WriteFile(path, []byte(strings.Join(h.lines, "\n")+"\n"), 0o600) != nil {
			return h
		}
	}
	// What may be in a line is nobody else's business.
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
		h.file = f
	}
	return h
}

// stateDir is where programs keep what is worth keeping and is no setting.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ringside"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state", "ringside"), err
}

func (h *historyFile) add(line string) {
	if h.file == nil || strings.TrimSpace(line) == "" {
		return
	}
	if _, err := h.file.WriteString(line + "\n"); err != nil {
		h.close() // the disk is full: go on without
	}
}

func (h *historyFile) close() {
	if h.file != nil {
		_ = h.file.Close() // nothing is lost but history
		h.file = nil
	}
}
