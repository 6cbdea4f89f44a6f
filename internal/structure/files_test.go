package structure

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxLines is how long a file may be before it is two.
const maxLines = 600

func TestLength(t *testing.T) {
	n := 0
	files(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return
		}
		n++
		if lines := bytes.Count(read(t, name), []byte("\n")); lines > maxLines {
			t.Errorf("%s has %d lines; at most %d are readable", name, lines, maxLines)
		}
	})
	if n < 50 {
		t.Errorf("only %d files were looked at", n)
	}
}

// Every package says in its own words what it is for.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + path.Base(p.ImportPath) + " "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("the comment of package %s does not begin with %q: %q", p.ImportPath, want, p.Doc)
		}
	}
}

// machinePath is a path that exists on somebody's machine only. Logs and what
// is vendored may hold such paths; they are as they are.
var machinePath = regexp.MustCompile(`(^|[^\w./$}~-])/(home/[a-z]|root/|work/|Users/|var/folders/)`)

func TestMachinePaths(t *testing.T) {
	for _, tt := range []struct {
		text string
		bad  bool
	}{
		{"open /" + "home/jane/src", true}, {`"/` + `work/src"`, true}, {"/" + "root/x", true},
		{"$HOME/x", false}, {"./srv/x", false}, {"drivers/base/root/x", false}, {"https://x.example/home/a", false},
	} {
		if machinePath.MatchString(tt.text) != tt.bad {
			t.Errorf("%q: a machine's path: %v", tt.text, !tt.bad)
		}
	}
	files(t, func(name string) {
		if strings.Contains(name, "/testdata/") || strings.Contains(name, "/vendor/") {
			return
		}
		text := read(t, name)
		if bytes.IndexByte(text[:min(len(text), 8<<10)], 0) >= 0 {
			return // not text
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if m := machinePath.Find(line); m != nil {
				t.Errorf("%s:%d holds a path of somebody's machine: %s", name, i+1, bytes.TrimSpace(line))
			}
		}
	})
}

// generated are files of testdata that tests write themselves or that are the
// test.
var generated = regexp.MustCompile(`\.golden(\.\w+)?$|\.txtar$|/fuzz/`)

// What testdata holds comes from somewhere, and a README says from where.
func TestProvenance(t *testing.T) {
	missing := map[string]string{}
	files(t, func(name string) {
		i := strings.Index(name, "testdata/")
		if i < 0 || generated.MatchString(name) || path.Base(name) == "README.md" {
			return
		}
		top := path.Clean(name[:i+len("testdata")])
		for dir := path.Dir(name); len(dir) >= len(top); dir = path.Dir(dir) {
			if _, err := os.Stat(filepath.Join(root, dir, "README.md")); err == nil {
				return
			}
		}
		missing[path.Dir(name)] = name
	})
	for dir, name := range missing {
		t.Errorf("%s has no README.md that says where %s comes from", dir, path.Base(name))
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(fmt.Errorf("read the repository: %w", err))
	}
	return text
}
