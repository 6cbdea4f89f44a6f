package structure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is the top folder of the repository.
const root = "../.."

// module is the path of the module.
const module = "ringside"

// A goPackage is what go list says of a package.
type goPackage struct {
	Dir, ImportPath, Name, Doc string
	GoFiles, Imports           []string
	TestImports, XTestImports  []string
}

// room is the package's folder, "crash" or "internal/cli".
func (p *goPackage) room() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// list asks go list once for every package of the module.
var list = sync.OnceValues(func() ([]*goPackage, error) {
	cmd := exec.CommandContext(context.Background(), "go", "list", "-e", "-json=Dir,ImportPath,Name,Doc,GoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var all []*goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(goPackage)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

func packages(t *testing.T) []*goPackage {
	t.Helper()
	all, err := list()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	if len(all) < 10 {
		t.Fatalf("go list knows %d packages", len(all))
	}
	return all
}

// ignored are folders that are not part of the source.
var ignored = []string{".git", "bin", "dist", "node_modules"}

// files calls visit for every file of the repository, by its path below root.
func files(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(ignored, d.Name()):
			return filepath.SkipDir
		case !d.Type().IsRegular(), d.Name() == ".git": // a file in a linked worktree
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err == nil {
			visit(filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
