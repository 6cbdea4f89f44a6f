package csource_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringside/patch/csource"
)

// Whole folders of a kernel are read: of the braces that end something at the beginning of a
// line, hardly any is not the end of a function that was found, and hardly an expression in
// them is not understood.
func TestKernelTree(t *testing.T) {
	tree := os.Getenv("RINGSIDE_LINUX_6_1")
	if tree == "" {
		t.Skip("RINGSIDE_LINUX_6_1 is not set: no kernel's sources to read")
	}
	var files, bytes, ends, found, stmts, bad, nodes int
	for _, dir := range []string{"kernel", "mm", "fs", "net/core", "drivers/net/ethernet/intel", "drivers/usb"} {
		err := filepath.WalkDir(filepath.Join(tree, dir), func(name string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".c") {
				return err
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			files++
			bytes += len(text)
			f := csource.Parse(string(text))
			at := map[int]bool{}
			for _, fn := range f.Funcs {
				at[fn.Last] = true
				found++
				fn.Body().Walk(func(s *csource.Stmt) bool {
					stmts++
					s.Exprs(func(e *csource.Expr) {
						e.Walk(func(e *csource.Expr) bool {
							if e.Kind == csource.Bad && e.Op != "asm" {
								bad++
								if testing.Verbose() && bad%50 == 0 {
									t.Logf("%s:%d: %s", name, e.Line, e)
								}
								return false
							}
							return true
						})
					})
					return true
				})
				nodes += len(fn.Graph().Nodes)
			}
			lines := strings.Split(string(text), "\n")
			for i, line := range lines {
				if line == "}" && !at[i+1] && i > 0 && !strings.HasSuffix(lines[i-1], "\\") { // not of a macro
					ends++
					if testing.Verbose() {
						t.Logf("%s:%d: a brace that ends no function", name, i+1)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d files, %d bytes, %d functions, %d other braces, %d statements, %d not understood, %d nodes", files, bytes, found, ends, stmts, bad, nodes)
	if found == 0 || float64(ends) > 0.003*float64(found) {
		t.Errorf("%d functions were found, %d braces at the beginning of a line end none", found, ends)
	}
	if float64(bad) > 0.002*float64(stmts) {
		t.Errorf("%d of %d statements hold what is not understood", bad, stmts)
	}
}
