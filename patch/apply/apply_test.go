package apply_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/patch"
	"ringside/patch/apply"
	"ringside/patch/read"
)

func tree(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return out
}

func parse(t *testing.T, text string) *patch.Patch {
	t.Helper()
	s := read.Text("x.patch", text, read.Options{Strip: 1})
	if len(s.Patches) != 1 {
		t.Fatalf("%d patches: %v", len(s.Patches), s.Problems)
	}
	return s.Patches[0]
}

// sketch says in a line what became of a patch, and what the tree is after it.
func sketch(t *testing.T, r *apply.Result, tr *apply.Tree) string {
	t.Helper()
	s := r.Outcome.String()
	if r.There {
		s += " there"
	}
	for _, f := range r.Files {
		if f.Err != nil {
			s += fmt.Sprintf(" {%s: %s}", f.Path, f.Err)
		}
		for _, h := range f.Hunks {
			s += fmt.Sprintf(" %s@%d%+d", h.Outcome, h.At, h.Offset)
			if h.Fuzz > 0 {
				s += fmt.Sprintf("~%d", h.Fuzz)
			}
		}
	}
	changes, err := tr.Changes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.Deleted {
			s += " -" + c.Path
		} else {
			s += fmt.Sprintf(" %s=%q", c.Path, c.Content)
			if c.Mode != "100644" {
				s += " " + c.Mode
			}
		}
	}
	return s
}

const letters = "a\nb\nc\nd\ne\nf\ng\nh\n"

func TestApply(t *testing.T) {
	const hunk = "--- a/f\n+++ b/f\n@@ -2,5 +2,5 @@\n b\n c\n-d\n+D\n e\n f\n"
	for name, tt := range map[string]struct {
		files map[string]string
		patch string
		want  string
	}{
		"clean":                    {map[string]string{"f": letters}, hunk, `clean clean@2+0 f="a\nb\nc\nD\ne\nf\ng\nh\n"`},
		"moved down":               {map[string]string{"f": "x\ny\n" + letters}, hunk, `clean clean@4+2 f="x\ny\na\nb\nc\nD\ne\nf\ng\nh\n"`},
		"other context":            {map[string]string{"f": strings.Replace(letters, "b\n", "B\n", 1)}, hunk, `fuzz fuzz@2+0~1 f="a\nB\nc\nD\ne\nf\ng\nh\n"`},
		"all context is other":     {map[string]string{"f": "a\n1\n2\nd\n3\n4\n"}, hunk, `fuzz fuzz@2+0~2 f="a\n1\n2\nD\n3\n4\n"`},
		"the line is other":        {map[string]string{"f": strings.Replace(letters, "d\n", "x\n", 1)}, hunk, `fail fail@0+0`},
		"there":                    {map[string]string{"f": strings.Replace(letters, "d\n", "D\n", 1)}, hunk, `fail there fail@0+0`},
		"no such file":             {map[string]string{"g": letters}, hunk, `fail {f: line 1: the tree has no such file}`},
		"short at the begin":       {map[string]string{"f": "x\n" + letters}, "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n+0\n a\n b\n c\n", `fail fail@0+0`},
		"short at the end":         {map[string]string{"f": letters + "i\n"}, "--- a/f\n+++ b/f\n@@ -6,3 +6,4 @@\n f\n g\n h\n+I\n", `fail fail@0+0`},
		"no line end in the tree":  {map[string]string{"f": "a\nb"}, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n", `fail fail@0+0`},
		"no line end in either":    {map[string]string{"f": "a\nb"}, "--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n a\n-b\n\\ No newline at end of file\n+c\n+d\n", `clean clean@1+0 f="a\nc\nd\n"`},
		"line end taken":           {map[string]string{"f": "a\nb\n"}, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n", `clean clean@1+0 f="a\nb"`},
		"add":                      {nil, "--- /dev/null\n+++ b/d/f\n@@ -0,0 +1,2 @@\n+a\n+b\n", `clean clean@1+0 d/f="a\nb\n"`},
		"add, unsaid":              {nil, "--- a/d/f\n+++ b/d/f\n@@ -0,0 +1,2 @@\n+a\n+b\n", `clean clean@1+0 d/f="a\nb\n"`},
		"add what is there":        {map[string]string{"f": "x\n"}, "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n", `fail {f: the tree has this file already}`},
		"add the same":             {map[string]string{"f": "a\n"}, "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n", `fail there {f: the tree has this file already}`},
		"add to an empty file":     {map[string]string{"f": ""}, "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n", `clean clean@1+0 f="a\n"`},
		"delete":                   {map[string]string{"f": "a\n"}, "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", `clean clean@1+0 -f`},
		"delete more":              {map[string]string{"f": "a\nb\n"}, "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", `fail {f: the file is not deleted: the tree has more in it than the patch takes away} clean@1+0`},
		"rename":                   {map[string]string{"f": letters}, "diff --git a/f b/d/g\nsimilarity index 90%\nrename from f\nrename to d/g\n--- a/f\n+++ b/d/g\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n", `clean clean@1+0 d/g="A\nb\nc\nd\ne\nf\ng\nh\n" -f`},
		"renamed already":          {map[string]string{"g": "a\n"}, "diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n", `clean`},
		"rename onto another":      {map[string]string{"f": "a\n", "g": "b\n"}, "diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n", `fail {g: the tree has this file already, and f, too, which it is renamed from}`},
		"copy":                     {map[string]string{"f": "a\n"}, "diff --git a/f b/g\nsimilarity index 100%\ncopy from f\ncopy to g\n", `clean g="a\n"`},
		"mode":                     {map[string]string{"f": "a\n"}, "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", `clean f="a\n" 100755`},
		"the name that is there":   {map[string]string{"g": "a\n"}, "--- a/f.orig\n+++ b/g\n@@ -1 +1 @@\n-a\n+c\n", `clean clean@1+0 g="c\n"`},
		"binary":                   {map[string]string{"f": "old\n"}, "diff --git a/f b/f\nindex 1..2 100644\nGIT binary patch\nliteral 4\nLcmc~yWMp6f00hAS=l}o!\n\nliteral 4\nLcmXR-%q{@{0t^7-G5`Po\n\n", `fail`},
		"binary without content":   {map[string]string{"f": "old\n"}, "diff --git a/f b/f\nindex 1..2 100644\nBinary files a/f and b/f differ\n", `fail {f: it is binary, and its content is not in the patch}`},
		"CR LF mail":               {map[string]string{"f": letters}, strings.ReplaceAll(hunk, "\n", "\r\n"), `clean clean@2+0 f="a\nb\nc\nD\ne\nf\ng\nh\n"`},
		"CR LF in the tree":        {map[string]string{"f": strings.ReplaceAll(letters, "\n", "\r\n")}, strings.ReplaceAll(hunk, "\n", "\r\n"), `fail fail@0+0`},
		"one of two files":         {map[string]string{"f": letters, "g": "x\n"}, hunk + "--- a/g\n+++ b/g\n@@ -1 +1 @@\n-y\n+z\n", `fail clean@2+0 fail@0+0`},
		"twice the same file":      {map[string]string{"f": letters}, hunk + "--- a/f\n+++ b/f\n@@ -4 +4 @@\n-D\n+E\n", `clean clean@2+0 clean@4+0 f="a\nb\nc\nE\ne\nf\ng\nh\n"`},
		"hunks in the wrong order": {map[string]string{"f": letters}, "--- a/f\n+++ b/f\n@@ -7,2 +7,2 @@\n g\n-h\n+H\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n", `fail clean@7+0 fail@0+0`},
		"malformed":                {map[string]string{"f": letters}, "--- a/f\n+++ b/f\n@@ -2,9 +2,9 @@\n b\n-c\n+C\n", `fail {f: line 3: the hunk is malformed: it ends after 2 of 9 old and 2 of 9 new lines}`},
		"up":                       {map[string]string{"f": letters}, strings.ReplaceAll(hunk, "/f", "/../f"), `fail {../f: line 1: the path is refused: "../f" leads out of the tree, or into its .git}`},
		"git's own":                {map[string]string{".git/config": letters}, strings.ReplaceAll(hunk, "/f", "/.git/config"), `fail {.git/config: line 1: the path is refused: ".git/config" leads out of the tree, or into its .git}`},
		"a submodule":              {nil, "diff --git a/m b/m\nindex 1..2 160000\n--- a/m\n+++ b/m\n@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n", `fail {m: it changes a submodule, which is no file}`},
	} {
		t.Run(name, func(t *testing.T) {
			tr := apply.New(tree(tt.files))
			r := tr.Apply(parse(t, tt.patch), apply.Options{})
			got := sketch(t, &r, tr)
			if name == "binary" { // what it says of the error is zlib's affair
				got, _, _ = strings.Cut(got, " ")
			}
			if got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestLinks: a patch goes through no link of the tree, and onto none.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "d"), 0o755), os.WriteFile(filepath.Join(dir, "d", "f"), []byte("a\n"), 0o644),
		os.Symlink("d", filepath.Join(dir, "link")), os.Symlink("d/f", filepath.Join(dir, "file")), os.Symlink("/etc", filepath.Join(dir, "etc")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const hunk = "--- a/NAME\n+++ b/NAME\n@@ -1 +1 @@\n-a\n+b\n"
	const add = "--- /dev/null\n+++ b/NAME\n@@ -0,0 +1 @@\n+b\n"
	for _, tt := range []struct{ patch, name, want string }{
		{hunk, "link/f", "fail {link/f: line 1: refused: link is a symbolic link in the tree}"},
		{hunk, "file", "fail {file: line 1: refused: file is a symbolic link in the tree}"},
		{add, "etc/passwd", "fail {etc/passwd: line 1: refused: etc is a symbolic link in the tree}"},
		{add, "d/f/g", "fail {d/f/g: line 1: refused: d/f is no folder in the tree}"},
		{add, "d", "fail {d: line 1: refused: d is no file in the tree}"},
		{"diff --git a/d/f b/link/g\nsimilarity index 100%\nrename from d/f\nrename to link/g\n", "", "fail {link/g: line 1: refused: link is a symbolic link in the tree}"},
	} {
		tr := apply.New(os.DirFS(dir))
		r := tr.Apply(parse(t, strings.ReplaceAll(tt.patch, "NAME", tt.name)), apply.Options{})
		if got := sketch(t, &r, tr); got != tt.want {
			t.Errorf("%s\nwant %s", got, tt.want)
		}
	}
}

// TestStack: a patch that fails leaves nothing behind, and the next one sees what those
// before it have made.
func TestStack(t *testing.T) {
	base := tree(map[string]string{"f": letters, "g": "x\n"})
	one := parse(t, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n")
	bad := parse(t, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-A\n+B\n b\n--- a/g\n+++ b/g\n@@ -1 +1 @@\n-y\n+z\n")
	two := parse(t, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-A\n+C\n b\n")
	back := parse(t, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-A\n+C\n b\n")
	back.Reverse = true
	tr := apply.New(base)
	results, err := tr.Stack(t.Context(), []*patch.Patch{one, bad, two, back}, apply.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		got = append(got, r.Outcome.String())
	}
	text, err := fs.ReadFile(tr, "f")
	if strings.Join(got, " ") != "clean fail clean clean" || err != nil || !strings.HasPrefix(string(text), "A\nb\n") {
		t.Errorf("%v, %q, %v", got, text, err)
	}
	if string(base["f"].Data) != letters {
		t.Error("the tree itself was changed")
	}
	if r := tr.Apply(two, apply.Options{Dry: true}); r.Outcome != apply.Clean {
		t.Errorf("dry: %v", r.Outcome)
	}
	if text, _ := fs.ReadFile(tr, "f"); !strings.HasPrefix(string(text), "A\n") {
		t.Errorf("dry has changed the tree: %q", text)
	}
}

// TestNear: a hunk that fails says which lines are in its way.
func TestNear(t *testing.T) {
	tr := apply.New(tree(map[string]string{"f": "one\ntwo\nstatic int open(void)\n{\n\tint ret;\n\n\tret = prepare();\n\tif (ret < 0)\n\t\treturn ret;\n\treturn 0;\n}\n"}))
	r := tr.Apply(parse(t, "--- a/f\n+++ b/f\n@@ -1,8 +1,8 @@\n static int open(void)\n {\n \tint ret;\n \n \tret = prepare();\n-\tif (ret)\n+\tif (WARN_ON(ret))\n \t\treturn ret;\n \treturn 0;\n"), apply.Options{})
	h := r.Files[0].Hunks[0]
	if h.Near == nil || h.Near.Line != 3 || h.Near.Found != 7 || h.Near.Wanted != 8 {
		t.Fatalf("%+v", h.Near)
	}
	if got := fmt.Sprint(h.Near.Differences); got != `[line 8: the hunk removes "\tif (ret)" line 8: the tree has "\tif (ret < 0)"]` {
		t.Error(got)
	}
	if got := h.Why(); got != `7 of its 8 lines are at line 3; line 8: the hunk removes "\tif (ret)"` {
		t.Error(got)
	}
}
