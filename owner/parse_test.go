package owner

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

var update = flag.Bool("update", false, "write golden files")

func parseFile(t *testing.T, name string) *Index {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := ParseNamed(name, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: make it with go test -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; see git diff after go test -update. Got:\n%s", file, got)
	}
}

func TestParse(t *testing.T) {
	x := parseFile(t, "MAINTAINERS")
	golden(t, "sections.golden.json", struct {
		Sections []*Section
		Problems []Problem
	}{slices.Collect(x.Sections()), x.Problems()})
}

func TestFile(t *testing.T) {
	x := parseFile(t, "MAINTAINERS")
	matches := make(map[string][]Match)
	for _, path := range []string{
		"drivers/block/exblk/main.c", "drivers/block/exblk/legacy/old.c", "drivers/block/loop.c",
		"kernel/blk-cgroup.c", "arch/arm64/crypto/aes.S", "arch/arm/mach-exsoc/pm.c", "drivers/net/orphan.c",
		"drivers/clk/clk-scpi.c", "drivers/net/phy/ex42.h", "Makefile",
	} {
		matches[path] = x.File(path)
	}
	golden(t, "files.golden.json", matches)
}

func TestContent(t *testing.T) {
	x := parseFile(t, "MAINTAINERS")
	got := subsystems(x.Content("fs/foo.c", []byte("int a;\n\texblk_get(p);\n")))
	if want := []string{"EXAMPLE BLOCK DRIVER", "THE REST"}; !slices.Equal(got, want) {
		t.Errorf("with the keyword: %q, want %q", got, want)
	}
	got = subsystems(x.Content("fs/foo.c", []byte("exblk_gets(p)")))
	if want := []string{"THE REST"}; !slices.Equal(got, want) {
		t.Errorf("without the keyword: %q, want %q", got, want)
	}
}

func TestMailmap(t *testing.T) {
	mail, err := ReadMailmap(strings.NewReader(`# comment
Ada New <ada@new.example> <ada@old.example>
<ben@new.example> <ben@old.example>
Cem Right <cem@a.example>
Dora New <dora@new.example> Dora Old <shared@a.example>
no address here
<unclosed@a.example
`))
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[Person]Person{
		{Name: "Ada", Email: "ada@old.example", Role: "reviewer"}: {Name: "Ada New", Email: "ada@new.example", Role: "reviewer"},
		{Name: "Ben", Email: "ben@old.example"}:                   {Name: "Ben", Email: "ben@new.example"},
		{Name: "Cem", Email: "cem@a.example"}:                     {Name: "Cem Right", Email: "cem@a.example"},
		{Name: "Dora Old", Email: "shared@a.example"}:             {Name: "Dora New", Email: "dora@new.example"},
		{Name: "Emil", Email: "shared@a.example"}:                 {Name: "Emil", Email: "shared@a.example"},
	} {
		if got := mail.Resolve(in); got != want {
			t.Errorf("Resolve(%v) = %v, want %v", in, got, want)
		}
	}
}

func TestRecipients(t *testing.T) {
	x := parseFile(t, "MAINTAINERS")
	golden(t, "recipients.golden.json", Recipients(x.File("drivers/block/exblk/main.c")))
}

func TestOverlay(t *testing.T) {
	base := parseFile(t, "MAINTAINERS")
	x := base.WithOverlay(parseFile(t, "overlay"))
	tests := []struct {
		name  string
		query Query
		want  []string
		tag   string // of the first match
	}{
		{"file", Query{File: "drivers/block/loop.c"}, []string{"TEAM STORAGE", "BLOCK LAYER", "THE REST"}, "F"},
		{"module", Query{Module: "acme_blk_core"}, []string{"TEAM STORAGE"}, "D"},
		{"module, other spelling", Query{Module: "acme-blk"}, []string{"TEAM STORAGE"}, "D"},
		{"function", Query{Function: "acme_nvme_poll.isra.0+0x12/0x40"}, []string{"TEAM STORAGE"}, "O"},
		{"function is matched whole", Query{Function: "not_acme_nvme_poll"}, nil, ""},
		{"overlay before a file of others", Query{File: "drivers/net/orphan.c", Function: "acme_blk_x"},
			[]string{"TEAM STORAGE", "ORPHANED DRIVER", "THE REST"}, "O"},
		{"nobody", Query{Function: "f", Module: "m"}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := x.Lookup(tt.query)
			if !slices.Equal(subsystems(got), tt.want) {
				t.Fatalf("got %q, want %q", subsystems(got), tt.want)
			}
			if len(got) > 0 && (!got[0].Overlay || got[0].Why.Tag != tt.tag || got[0].Why.Source != "overlay") {
				t.Errorf("first match: overlay %v, why %+v; want tag %s of the overlay", got[0].Overlay, got[0].Why, tt.tag)
			}
			for _, m := range got[min(1, len(got)):] {
				if m.Overlay {
					t.Errorf("%s is marked as of the overlay", m.Subsystem)
				}
			}
		})
	}
	if got := subsystems(base.File("drivers/block/loop.c")); got[0] != "BLOCK LAYER" {
		t.Errorf("the base index changed: %q", got)
	}
}

func TestParseLimits(t *testing.T) {
	long := "A\nM: a@b.example\nF: " + strings.Repeat("x", maxLine) + "\nF: kernel/\n"
	x, err := Parse(strings.NewReader(long))
	if err != nil {
		t.Fatal(err)
	}
	if p := x.Problems(); len(p) != 1 || p[0].Line != 3 {
		t.Errorf("problems %v, want one for line 3", p)
	}
	if got := x.File("kernel/fork.c"); len(got) != 1 || got[0].Why.Line != 4 {
		t.Errorf("after the long line: %+v, want a match of line 4", got)
	}

	endless := io.MultiReader(strings.NewReader("A\nM: a@b.example\nF: kernel/\n"), zeros{})
	x, err = Parse(endless)
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("endless input: error %v, want ErrTooLarge", err)
	}
	if len(x.File("kernel/fork.c")) != 1 {
		t.Error("what came before the limit is lost")
	}

	broken := errors.New("broken")
	x, err = Parse(io.MultiReader(strings.NewReader("A\nF: kernel/\n"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || len(x.File("kernel/fork.c")) != 1 {
		t.Errorf("read error: got %v and %d matches, want it wrapped and 1", err, len(x.File("kernel/fork.c")))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestFunctionName(t *testing.T) {
	for symbol, want := range map[string]string{
		"foo":                           "foo",
		"foo+0x1c/0x40":                 "foo",
		"foo.isra.0":                    "foo",
		"foo.constprop.0.isra.5":        "foo",
		"foo.part.0.cold":               "foo",
		"foo.cold":                      "foo",
		"foo.llvm.1234567890":           "foo",
		"foo.isra.0+0x1c/0x40 [module]": "foo",
		"foo.isolated":                  "foo.isolated",
		"":                              "",
		".isra.0":                       ".isra.0",
	} {
		if got := FunctionName(symbol); got != want {
			t.Errorf("FunctionName(%q) = %q, want %q", symbol, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"MAINTAINERS", "overlay"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "drivers/block/exblk/main.c")
	}
	f.Add([]byte("A\nF: [\nF: *[a-\nN: (?P<x\nK: \\\nX: ?\nM: <@>\n"), "a/b")
	f.Add([]byte("\xff\xfe\x00\nF:\n"), "")
	f.Add([]byte("A\r\nF:\ta\r\n"), "a/")
	f.Fuzz(func(t *testing.T, src []byte, path string) {
		x, err := Parse(bytes.NewReader(src))
		if x == nil {
			t.Fatalf("no index, error %v", err)
		}
		lines := bytes.Count(src, []byte("\n")) + 1
		for _, m := range x.Content(path, src) {
			if m.Why.Line < 1 || m.Why.Line > lines || m.Why.Pattern == "" {
				t.Errorf("evidence %+v is not in %d lines", m.Why, lines)
			}
		}
		x.WithOverlay(x).Lookup(Query{File: path, Function: path, Module: path, Hints: []string{path}})
	})
}

func subsystems(list []Match) []string {
	var out []string
	for _, m := range list {
		out = append(out, m.Subsystem)
	}
	return out
}
