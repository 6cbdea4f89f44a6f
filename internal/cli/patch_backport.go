package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ringside/gitrepo"
	"ringside/internal/patchindex"
	"ringside/internal/render"
	"ringside/kbuild"
	"ringside/patch/backport"
	"ringside/patch/diff"
)

func newPatchBackport(s Streams) *cobra.Command {
	var out output
	var repoDir, to, base, head, series, form, arch string
	var configs []string
	var q backport.Request
	var style backport.Style
	c := &cobra.Command{
		Use:   "backport COMMIT... --git REPO --to TREE|REV",
		Short: "Carry commits to an older tree: what goes on, what else has to come along",
		Long: `Backport takes commits of a repository and puts them on an older tree in memory: a
commit of the same repository (v6.1) or a folder. What git cherry-pick would merge is
merged. Where a commit conflicts, the history between --base and the commit is searched
for those that brought what is missing: lines around the change, files, symbols that it
uses. The smallest set of them with which all goes on is proposed, and its needs named.

Neither tree nor repository is touched. --series writes the result as a quilt series of
mails with what stable kernels ask for: "commit <id> upstream." (or, with --form
bracket, "[ Upstream commit <id> ]"), "Stable-dep-of:" for what comes along, and who
signs it off (--signoff). With --config it is said which of the files that configuration
compiles. The exit code is 1 where a commit conflicts.`,
		Example: `  ringside patch backport 8c20e2eb5f2a --git linux --to v6.1
  ringside patch backport v6.12~3 --git linux --to ../linux-6.1.y --base v6.1 --series out --signoff "A B <a@b.c>"`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if repoDir == "" || to == "" {
				return usagef("--git and --to are needed: where the commits are, and what they go on")
			}
			style.Form = backport.Form(form)
			if style.Form != backport.FormCommit && style.Form != backport.FormBracket {
				return usagef("--form is commit or bracket")
			}
			repo, err := patchindex.OpenRepo(repoDir)
			if err != nil {
				return usagef("%s: %w", repoDir, err)
			}
			defer func() { _ = repo.Close() }()
			q.Repo = repo
			if err := resolveBackport(&q, args, to, base, head); err != nil {
				return err
			}
			plan, err := backport.Make(c.Context(), q)
			if err != nil {
				return usage(err)
			}
			doc, err := backportDoc(s, plan, q.Target, to, configs, arch)
			if err != nil {
				return err
			}
			if series != "" {
				if err := writeSeries(plan, style, series); err != nil {
					return err
				}
				doc.Series = series
			}
			err = out.show(s, doc, func(w io.Writer, st render.Style) error { return render.PatchBackportReport(w, doc, st) })
			if err == nil && doc.Conflicts > 0 {
				return &exitError{exitFinding, nil}
			}
			return err
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&repoDir, "git", "", "`REPO` that has the commits and their history")
	c.Flags().StringVar(&to, "to", "", "`TREE` that they go on: a folder, or a commit or tag of the repository")
	c.Flags().StringVar(&base, "base", "", "`REV` that the tree comes from, where the search for prerequisites ends (default: --to, if it is a commit)")
	c.Flags().StringVar(&head, "head", "", "`REV` up to which later fixes of the commits are looked for (default: the repository's HEAD; 'none' looks for none)")
	c.Flags().BoolVar(&q.Alone, "alone", false, "look for no prerequisites")
	c.Flags().IntVar(&q.Most, "most", 20, "propose at most so many prerequisites for a commit")
	c.Flags().IntVar(&q.Limit, "limit", 100000, "go through at most so many commits of the history")
	c.Flags().StringVar(&series, "series", "", "write the result as a quilt series into this empty `DIR`")
	c.Flags().StringVar(&form, "form", "commit", "how a backport names its commit: commit or bracket")
	c.Flags().StringVar(&style.SignOff, "signoff", "", "`PERSON` who answers for the backport: \"Name <address>\"")
	c.Flags().StringVar(&style.Prefix, "subject-prefix", "PATCH", "what stands in the subjects' brackets")
	c.Flags().StringSliceVar(&configs, "config", nil, "`FILE`: say which of the changed files this configuration compiles; may be repeated")
	c.Flags().StringVar(&arch, "arch", "", "architecture of the configurations (default: what they say)")
	return c
}

// resolveBackport finds what the names on the command line stand for.
func resolveBackport(q *backport.Request, args []string, to, base, head string) error {
	for _, a := range args {
		id, err := q.Repo.Resolve(a)
		if err != nil {
			return usage(err)
		}
		q.Commits = append(q.Commits, id)
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		root, err := os.OpenRoot(to)
		if err != nil {
			return usage(err)
		}
		q.Target = backport.InFolder(root.FS())
	} else {
		id, err := q.Repo.Resolve(to)
		if err != nil {
			return usagef("%s is neither a folder nor a commit: %w", to, err)
		}
		if q.Target, err = backport.InRepo(q.Repo.NewReader(), id); err != nil {
			return usage(err)
		}
		q.Base = q.Target.Commit
	}
	if base != "" {
		id, err := q.Repo.Resolve(base)
		if err != nil {
			return usage(err)
		}
		c, err := q.Repo.NewReader().Commit(id)
		if err != nil {
			return usage(err)
		}
		q.Base = c.ID
	}
	var err error
	switch head {
	case "none":
	case "":
		if q.Head, err = q.Repo.Head(); err != nil {
			q.Head = gitrepo.ID{} // a mirror may have none
		}
	default:
		if q.Head, err = q.Repo.Resolve(head); err != nil {
			return usage(err)
		}
	}
	return nil
}

// backportDoc adds what is to be tested to the plan.
func backportDoc(s Streams, plan *backport.Plan, target *backport.Tree, to string, configs []string, arch string) (render.PatchBackport, error) {
	doc := render.BackportOf(plan, to)
	tests, err := plan.Tests(target)
	if err != nil {
		return doc, usage(err)
	}
	for _, t := range tests {
		doc.Tests = append(doc.Tests, render.BackportTest(t))
	}
	for _, config := range configs {
		b, err := loadBuild(s, to, config, arch)
		if err != nil {
			return doc, err
		}
		x := render.BackportBuild{Config: config, Arch: b.Arch, Files: []kbuild.Presence{}}
		for _, f := range doc.Paths {
			if ext := filepath.Ext(f); ext == ".c" || ext == ".h" || ext == ".S" || ext == ".rs" {
				x.Files = append(x.Files, b.Presence(f))
			}
		}
		doc.Builds = append(doc.Builds, x)
	}
	return doc, nil
}

// writeSeries writes the steps that go on into an empty folder, with a series file.
func writeSeries(plan *backport.Plan, style backport.Style, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return usage(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		return usagef("%s is not an empty folder", dir)
	}
	var steps []*backport.Step
	for i := range plan.Steps {
		if s := &plan.Steps[i]; s.State == backport.Clean || s.State == backport.Merged {
			steps = append(steps, s)
		}
	}
	var names strings.Builder
	var errs []error
	for i, s := range steps {
		name := diff.FileName(i+1, s.Commit.Subject())
		names.WriteString(name + "\n")
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), []byte(s.Mail(i+1, len(steps), style)), 0o666))
	}
	errs = append(errs, os.WriteFile(filepath.Join(dir, "series"), []byte(names.String()), 0o666))
	if err := errors.Join(errs...); err != nil {
		return &exitError{exitInternal, err}
	}
	return nil
}
