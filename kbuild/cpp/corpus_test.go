package cpp_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"

	"ringside/kbuild/cpp"
)

// The conditionals of Linux's own sources match, and lines that no configuration
// compiles are found in them.
func TestLinux(t *testing.T) {
	tree := os.Getenv("RINGSIDE_LINUX_6_1")
	if tree == "" {
		t.Skip("RINGSIDE_LINUX_6_1 is not set: give an unpacked linux-source-6.1")
	}
	files, out := 0, 0
	for _, dir := range []string{"kernel", "mm", "fs", "net", "include/linux", "arch/x86"} {
		err := filepath.WalkDir(filepath.Join(tree, dir), func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			switch path.Ext(name) {
			case ".c", ".h", ".S":
			default:
				return nil
			}
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			f := cpp.Parse(data)
			files++
			if f.Broken() != "" {
				t.Errorf("%s: %s", name, f.Broken())
			}
			if want := bytes.Count(data, []byte{'\n'}); len(data) > 0 && data[len(data)-1] == '\n' && f.Len() != want {
				t.Errorf("%s: %d lines, want %d", name, f.Len(), want)
			}
			v := f.Under(func(string) (string, bool) { return "", false })
			for i := range f.Len() {
				if got, _ := v.Lines(i+1, i+1); got == cpp.No {
					out++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d files, %d lines that no configuration compiles", files, out)
	if files < 8000 || out < 1000 {
		t.Errorf("%d files, %d lines", files, out)
	}
}
