package symbol_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"ringside/symbol"
)

// Modules are read as distributions install them.
func TestCompressedModule(t *testing.T) {
	plain, err := os.ReadFile("testdata/demo.ko")
	if err != nil {
		t.Fatal(err)
	}
	want, err := symbol.OpenPath("testdata/demo.ko")
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	for suffix, pack := range map[string]func(io.Writer) (io.WriteCloser, error){
		".xz":  func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		".zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		".gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	} {
		var buf bytes.Buffer
		w, err := pack(&buf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "demo.ko"+suffix)
		if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := symbol.OpenPath(path)
		if err != nil {
			t.Errorf("%s: %v", suffix, err)
			continue
		}
		if f.Identity().BuildID == "" || f.Identity().BuildID != want.Identity().BuildID {
			t.Errorf("%s: build ID %q, want %q", suffix, f.Identity().BuildID, want.Identity().BuildID)
		}
		f.Close()
		half := filepath.Join(t.TempDir(), "half.ko"+suffix)
		if err := os.WriteFile(half, buf.Bytes()[:buf.Len()/2], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := symbol.OpenPath(half); err == nil || !strings.Contains(err.Error(), "decompress") {
			t.Errorf("%s: half a module gives %v", suffix, err)
		}
	}
}
