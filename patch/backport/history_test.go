package backport_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ringside/gitrepo"
	"ringside/patch/backport"
)

// TestCherryPick carries commits of real histories to older tags and holds what becomes
// of each against git cherry-pick: whether it conflicts, and the tree that it makes.
// RINGSIDE_HISTORIES names the repositories, separated by colons.
func TestCherryPick(t *testing.T) {
	list := os.Getenv("RINGSIDE_HISTORIES")
	if list == "" {
		t.Skip("RINGSIDE_HISTORIES is not set: nothing was compared with git cherry-pick")
	}
	for _, repo := range filepath.SplitList(list) {
		t.Run(filepath.Base(filepath.Dir(repo)), func(t *testing.T) { cherryPick(t, repo) })
	}
}

func cherryPick(t *testing.T, dir string) {
	work := t.TempDir()
	git := func(args ...string) (string, error) {
		c := exec.CommandContext(context.WithoutCancel(t.Context()), "git", append([]string{"-C", work, "-c", "user.name=x", "-c", "user.email=x@y", "-c", "commit.gpgsign=false"}, args...)...)
		out, err := c.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	if out, err := exec.CommandContext(t.Context(), "git", "clone", "-q", "--shared", "--no-checkout", dir, work).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// Histories have few tags here: commits spread over them stand for releases.
	tags, err := git("log", "--first-parent", "--no-merges", "--reverse", "--format=%H")
	if err != nil {
		t.Fatal(tags)
	}
	head, err := git("rev-parse", "HEAD")
	if err != nil {
		t.Fatal(head)
	}
	repo, err := gitrepo.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	var clean, conflicts, wrong, solved int
	all := strings.Fields(tags)
	step := max(len(all)/10, 1)
	for i := step / 2; i < len(all); i += step {
		tag := all[i]
		commits, err := git("log", "--no-merges", "--reverse", "--format=%H", tag+".."+head)
		if err != nil {
			t.Fatal(commits)
		}
		ids := strings.Fields(commits)
		for k := 0; k < len(ids) && k < 400; k += 1 + k/4 {
			id := ids[k]
			if out, err := git("checkout", "-q", "-f", "--detach", tag); err != nil {
				t.Fatal(out)
			}
			said, perr := git("cherry-pick", "--allow-empty", "--keep-redundant-commits", id)
			if perr != nil {
				_, _ = git("cherry-pick", "--abort")
			}
			tree := ""
			if perr == nil {
				tree, _ = git("rev-parse", "HEAD^{tree}")
			}
			plan := make1(t, repo, tag, id, true)
			s := &plan.Steps[0]
			if (s.State == backport.Conflict) != (perr != nil) {
				wrong++
				t.Logf("%s to %s: %s, git: %v %.300s\n%s", id, tag, s.State, perr, said, describe(s))
				continue
			}
			if perr != nil {
				conflicts++
				with := make1(t, repo, tag, id, false)
				last := &with.Steps[len(with.Steps)-1]
				if last.State != backport.Conflict {
					solved++
					// What is proposed is what git can pick, one after another.
					if out, err := git("checkout", "-q", "-f", "--detach", tag); err != nil {
						t.Fatal(out)
					}
					for n := range with.Steps {
						if out, err := git("cherry-pick", "--allow-empty", "--keep-redundant-commits", with.Steps[n].Commit.ID.String()); err != nil {
							wrong++ // such as where git follows the renaming of a folder
							t.Logf("%s to %s: git does not pick %s, of %d: %.300s", id, tag, with.Steps[n].Commit.ID, len(with.Steps), out)
							_, _ = git("cherry-pick", "--abort")
							break
						}
					}
				}
				continue
			}
			clean++
			for _, f := range s.Changed() {
				out, err := git("show", tree+":"+f.Path)
				if f.Deleted {
					if err == nil {
						t.Errorf("%s to %s: %s is still there for git", id, tag, f.Path)
					}
					continue
				}
				if out != strings.TrimSpace(f.Text) {
					wrong++
					t.Errorf("%s to %s: %s differs from git's", id, tag, f.Path)
				}
			}
		}
	}
	t.Logf("%d clean, %d conflicts as git says, %d with another outcome; prerequisites make %d of the conflicts go on", clean, conflicts, wrong, solved)
	if clean == 0 || conflicts == 0 || wrong*100 > clean+conflicts {
		t.Errorf("%d clean, %d conflicts, %d wrong", clean, conflicts, wrong)
	}
}

func make1(t *testing.T, repo *gitrepo.Repo, tag, id string, alone bool) *backport.Plan {
	t.Helper()
	at, err := repo.Resolve(tag)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := repo.Resolve(id)
	if err != nil {
		t.Fatal(err)
	}
	target, err := backport.InRepo(repo.NewReader(), at)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := backport.Make(t.Context(), backport.Request{Repo: repo, Commits: []gitrepo.ID{commit}, Target: target, Base: target.Commit, Alone: alone})
	if err != nil {
		t.Fatalf("%s to %s: %v", id, tag, err)
	}
	return plan
}

func describe(s *backport.Step) string {
	var b bytes.Buffer
	for _, f := range s.Files {
		fmt.Fprintf(&b, "  %s %s %s %d\n", f.State, f.Path, f.Why, len(f.Conflicts))
	}
	return b.String()
}
