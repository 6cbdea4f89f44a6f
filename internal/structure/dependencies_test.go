package structure

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// direct returns the modules that go.mod requires for the module's own sake.
func direct(t *testing.T) []string {
	t.Helper()
	var list []string
	in := false
	for s := bufio.NewScanner(bytes.NewReader(read(t, "go.mod"))); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		switch {
		case line == "require (":
			in = true
			continue
		case line == ")":
			in = false
			continue
		case strings.HasPrefix(line, "require "):
			line = strings.TrimPrefix(line, "require ")
		case !in:
			continue
		}
		if f := strings.Fields(line); len(f) >= 2 && !strings.HasSuffix(line, "// indirect") {
			list = append(list, f[0])
		}
	}
	if len(list) < 5 {
		t.Fatalf("go.mod requires %v", list)
	}
	return list
}

// Every direct dependency is used, and ARCHITECTURE.md says what for.
func TestDependencies(t *testing.T) {
	requires := direct(t)
	used := map[string]bool{}
	for _, p := range packages(t) {
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			for _, m := range requires {
				if path == m || strings.HasPrefix(path, m+"/") {
					used[m] = true
				}
			}
		}
	}
	for _, m := range requires {
		if !used[m] {
			t.Errorf("go.mod requires %s, which nothing imports: run go mod tidy", m)
		}
	}

	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			name, why, _ := strings.Cut(rest, "`")
			if strings.Contains(name, ".") && (strings.Contains(name, "/") || slices.Contains(requires, name)) && len(strings.Trim(why, " |\n")) > 0 {
				told = append(told, name)
			}
		}
	}
	for _, m := range requires {
		if used[m] && !slices.Contains(told, m) {
			t.Errorf("ARCHITECTURE.md does not say what %s is for", m)
		}
	}
	for _, m := range told {
		if !slices.Contains(requires, m) {
			t.Errorf("ARCHITECTURE.md explains %s, which go.mod does not require", m)
		}
	}
}
