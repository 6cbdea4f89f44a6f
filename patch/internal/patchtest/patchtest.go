// Package patchtest gives tests the patch stacks that the corpus holds.
package patchtest

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/ulikunitz/xz"
)

// OpenWrt unpacks OpenWrt's generic stacks for 6.1 and 6.6, whose names say which release
// has a backport. Without RINGSIDE_CORPUS the test is skipped.
func OpenWrt(t testing.TB) fstest.MapFS {
	t.Helper()
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set: OpenWrt's stacks are not at hand")
	}
	f, err := os.Open(filepath.Join(dir, "patch", "openwrt-generic-6.1-6.6.tar.xz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := xz.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for in := tar.NewReader(x); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			data, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			files[path.Clean(h.Name)] = &fstest.MapFile{Data: data}
		}
	}
}

// Tree opens the source tree that an environment variable names. Without it the test is
// skipped.
func Tree(t testing.TB, env string) string {
	t.Helper()
	dir := os.Getenv(env)
	if dir == "" {
		t.Skipf("SKIPPED: %s names no kernel's source tree", env)
	}
	return dir
}
