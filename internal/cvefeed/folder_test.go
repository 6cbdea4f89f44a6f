package cvefeed

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFolderFill(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"empty": 0, "small": 10, "buffer": 64, "large": 1000} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("x"), size), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := folder{os.DirFS(dir), dir}.Fill(name, make([]byte, 0, 64), 2000)
		if err != nil || len(got) != size || strings.Trim(string(got), "x") != "" {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	f := folder{os.DirFS(dir), dir}
	if _, err := f.Fill("large", make([]byte, 0, 64), 500); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := f.Fill("none", nil, 500); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not there: %v", err)
	}
	if _, err := f.Fill("../x", nil, 500); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("outside: %v", err)
	}
	if _, err := f.Fill(".", make([]byte, 0, 64), 500); err == nil {
		t.Error("a folder was read")
	}
}
