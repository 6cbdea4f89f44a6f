package backport_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/gitrepo"
	"ringside/patch/backport"
	"ringside/patch/read"
)

// history is a small repository: a release, and commits after it that need one another.
type history struct {
	t    *testing.T
	dir  string
	ids  map[string]string
	repo *gitrepo.Repo
}

func (h *history) git(args ...string) string {
	h.t.Helper()
	c := exec.CommandContext(h.t.Context(), "git", append([]string{"-C", h.dir}, args...)...)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@b.c", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@b.c",
		fmt.Sprintf("GIT_COMMITTER_DATE=%d +0000", 1700000000+len(h.ids)), "GIT_AUTHOR_DATE=1700000000 +0000")
	out, err := c.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (h *history) commit(name, message string, files map[string]string) {
	h.t.Helper()
	for f, text := range files {
		path := filepath.Join(h.dir, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			h.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			h.t.Fatal(err)
		}
	}
	h.git("add", "-A")
	h.git("commit", "-q", "-m", message)
	h.ids[name] = h.git("rev-parse", "HEAD")
}

const source = "#include \"net/x.h\"\n\nint one(void)\n{\n\tint ret;\n\n\tret = prepare();\n\tif (ret)\n\t\treturn ret;\n\n\treturn run_it();\n}\n\nint two(void)\n{\n\treturn 2;\n}\n"

func newHistory(t *testing.T) *history {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: there is no history to carry commits in")
	}
	h := &history{t: t, dir: t.TempDir(), ids: map[string]string{}}
	h.git("init", "-q", "-b", "main", ".")
	maintainers := "NET\nM:\tA <a@b.c>\nF:\tnet/\nF:\ttools/testing/selftests/net/\n\n"
	h.commit("base", "release", map[string]string{"net/x.c": source, "net/x.h": "int prepare(void);\n", "net/x_test.c": "int t;\n", "MAINTAINERS": maintainers})
	edit := func(old, now string) string { return strings.Replace(source, old, now, 1) }
	h.commit("other", "net: something else", map[string]string{"net/x.c": edit("return 2;", "return 22;")})
	now := strings.Replace(edit("return 2;", "return 22;"), "ret = prepare();", "ret = prepare_all();", 1)
	h.commit("around", "net: prepare all\n\nWhy.\n\nSigned-off-by: A <a@b.c>", map[string]string{"net/x.c": now, "net/x.h": "int prepare(void);\nint prepare_all(void);\n"})
	h.commit("helper", "net: add a helper", map[string]string{"net/x.h": "int prepare(void);\nint prepare_all(void);\nstatic inline int is_fine_now(int r) { return r; }\n"})
	now = strings.Replace(now, "\tif (ret)\n", "\tif (!is_fine_now(ret))\n", 1)
	h.commit("fix", "net: check it\n\nIt was not checked.\n\nFixes: 123456789012 (\"net: x\")\nSigned-off-by: A <a@b.c>", map[string]string{"net/x.c": now})
	h.commit("alone", "net: two is three", map[string]string{"net/y.c": "int y;\n"})
	h.commit("later", "net: check it right\n\nFixes: "+h.ids["fix"][:12]+" (\"net: check it\")", map[string]string{"net/x.c": now + "\n"})
	var err error
	if h.repo, err = gitrepo.Open(os.DirFS(filepath.Join(h.dir, ".git"))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.repo.Close() })
	return h
}

func (h *history) id(name string) gitrepo.ID {
	id, err := gitrepo.ParseID(h.ids[name])
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func (h *history) plan(q backport.Request, names ...string) *backport.Plan {
	h.t.Helper()
	q.Repo = h.repo
	for _, n := range names {
		q.Commits = append(q.Commits, h.id(n))
	}
	if q.Target == nil {
		t, err := backport.InRepo(h.repo.NewReader(), h.id("base"))
		if err != nil {
			h.t.Fatal(err)
		}
		q.Target = t
	}
	q.Base, q.Head = h.id("base"), h.id("later")
	p, err := backport.Make(h.t.Context(), q)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func sketch(p *backport.Plan) string {
	var b strings.Builder
	for i := range p.Steps {
		s := &p.Steps[i]
		fmt.Fprintf(&b, "%s %q", s.State, s.Commit.Subject())
		if !s.Asked {
			b.WriteString(" along")
		}
		for _, n := range s.Needs {
			fmt.Fprintf(&b, " [%s %s]", n.Kind, n.Text)
		}
		for _, l := range s.Later {
			fmt.Fprintf(&b, " later %q", l.Commit.Subject())
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestPrerequisites: the fix conflicts on a line that another commit has changed, and uses
// a helper; a third commit in between is not needed.
func TestPrerequisites(t *testing.T) {
	h := newHistory(t)
	p := h.plan(backport.Request{}, "fix")
	if got, want := sketch(p), `merged "net: prepare all" along [line int prepare_all(void);] [line 	ret = prepare_all();] [removal 	ret = prepare();]
clean "net: add a helper" along [symbol is_fine_now]
merged "net: check it" later "net: check it right"
`; got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	if r := p.Risk(); r.Level != "high" || !strings.Contains(strings.Join(r.Notes, "; "), `is fixed by `) {
		t.Errorf("%+v", r)
	}
	tree, err := backport.InRepo(h.repo.NewReader(), h.id("base"))
	if err != nil {
		t.Fatal(err)
	}
	tests, err := p.Tests(tree)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(tests); got != "[{kunit net/x_test.c next to it [net/x.c net/x.h]} {selftest tools/testing/selftests/net MAINTAINERS: NET [net/x.c net/x.h]}]" {
		t.Error(got)
	}
}

func TestStates(t *testing.T) {
	h := newHistory(t)
	for name, tt := range map[string]struct {
		q     backport.Request
		names []string
		want  string
	}{
		"alone":               {backport.Request{Alone: true}, []string{"fix"}, "conflict \"net: check it\" later \"net: check it right\"\n"},
		"a file that is new":  {backport.Request{}, []string{"alone"}, "clean \"net: two is three\"\n"},
		"apart":               {backport.Request{}, []string{"other"}, "clean \"net: something else\"\n"},
		"the history's order": {backport.Request{}, []string{"alone", "other", "alone"}, "clean \"net: something else\"\nclean \"net: two is three\"\n"},
		"there":               {backport.Request{Target: backport.InFolder(fstest.MapFS{"net/y.c": &fstest.MapFile{Data: []byte("int y;\n"), Mode: 0o644}})}, []string{"alone"}, "there \"net: two is three\"\n"},
		"a renamed file": {backport.Request{Target: backport.InFolder(fstest.MapFS{"old/x.c": &fstest.MapFile{Data: []byte(source), Mode: 0o644}})}, []string{"other"},
			"clean \"net: something else\"\n"},
		"no such file": {backport.Request{Target: backport.InFolder(fstest.MapFS{"z.c": &fstest.MapFile{Data: []byte("int z;\n"), Mode: 0o644}})}, []string{"other"},
			"conflict \"net: something else\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sketch(h.plan(tt.q, tt.names...)); got != tt.want {
				t.Errorf("\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// TestMail: what is written is read again as the backport that it is.
func TestMail(t *testing.T) {
	h := newHistory(t)
	p := h.plan(backport.Request{}, "fix")
	st := backport.Style{Form: backport.FormBracket, SignOff: "B C <b@c.d>", Prefix: "PATCH 6.1.y"}
	var all string
	for i := range p.Steps {
		all += p.Steps[i].Mail(i+1, len(p.Steps), st)
	}
	s := read.Text("series", all, read.Options{Strip: 1})
	if len(s.Patches) != 3 || len(s.Problems) != 0 {
		t.Fatalf("%d patches, %v", len(s.Patches), s.Problems)
	}
	last := s.Patches[2]
	if last.Origin.Kind.String() != "upstream" || last.Origin.Commits[0] != h.ids["fix"] || last.Subject != "net: check it" || last.Tags[0] != "[PATCH 6.1.y 3/3]" {
		t.Errorf("%+v", last)
	}
	if got := strings.Join(last.Values("signed-off-by"), "; "); got != "A <a@b.c>; B C <b@c.d>" {
		t.Errorf("signed off by %s", got)
	}
	if got := s.Patches[0].Values("Stable-dep-of"); len(got) != 1 || !strings.HasPrefix(h.ids["fix"], got[0][:12]) {
		t.Errorf("%v", got)
	}
	if len(last.Problems) != 0 || len(last.Files) != 1 {
		t.Errorf("%v %v", last.Problems, last.Files)
	}
}
