package patchindex

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringside/gitrepo"
	"ringside/patch/contrib"
	"ringside/patch/equiv"
	"ringside/patch/history"
)

// gitDir finds the .git directory that belongs to a folder: itself if it is bare, the one
// in it, or the one that its .git file names; empty if it belongs to none.
func gitDir(dir string) string {
	for _, d := range []string{dir, filepath.Join(dir, ".git")} {
		if _, err := os.Stat(filepath.Join(d, "objects")); err == nil {
			if _, err := os.Stat(filepath.Join(d, "HEAD")); err == nil {
				return d
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, ".git"))
	if to, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: "); err == nil && ok {
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		return to
	}
	return ""
}

// OpenRepo opens the repository of a folder, with what it borrows from others.
func OpenRepo(dir string) (*gitrepo.Repo, error) {
	d := gitDir(dir)
	if d == "" {
		return nil, fmt.Errorf("%s: %w", dir, gitrepo.ErrNotRepo)
	}
	return openRepo(d)
}

func openRepo(dir string) (*gitrepo.Repo, error) {
	from := os.DirFS(dir)
	// A worktree has its own HEAD and shares the rest.
	if text, err := os.ReadFile(filepath.Join(dir, "commondir")); err == nil {
		common := strings.TrimSpace(string(text))
		if !filepath.IsAbs(common) {
			common = filepath.Join(dir, common)
		}
		from = worktree{own: os.DirFS(dir), shared: os.DirFS(common)}
		dir = common
	}
	var others []fs.FS
	if f, err := os.Open(filepath.Join(dir, "objects", "info", "alternates")); err == nil {
		sc := bufio.NewScanner(f)
		for sc.Scan() && len(others) < 16 {
			path := sc.Text()
			if path == "" || path[0] == '#' {
				continue
			}
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, "objects", path)
			}
			others = append(others, os.DirFS(path))
		}
		_ = f.Close()
	}
	return gitrepo.Open(from, others...)
}

// worktree is the directory of a git worktree: its own HEAD before the shared rest.
type worktree struct{ own, shared fs.FS }

func (w worktree) Open(name string) (fs.File, error) {
	if name == "HEAD" {
		return w.own.Open(name)
	}
	return w.shared.Open(name)
}

// tips are the commits that a history is read from: HEAD, all branches and tags.
func tips(r *gitrepo.Repo) ([]gitrepo.Ref, []gitrepo.ID, error) {
	refs, err := r.Refs()
	if err != nil {
		return nil, nil, err
	}
	var ids []gitrepo.ID
	if head, err := r.Head(); err == nil {
		ids = append(ids, head)
	}
	for _, ref := range refs {
		if strings.HasPrefix(ref.Name, "refs/heads/") || strings.HasPrefix(ref.Name, "refs/tags/") || strings.HasPrefix(ref.Name, "refs/remotes/") {
			ids = append(ids, ref.ID)
		}
	}
	return refs, ids, nil
}

func gitKey(dir string) (string, error) {
	r, err := openRepo(dir)
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	defer func() { _ = r.Close() }()
	_, ids, err := tips(r)
	if err != nil {
		return "", err
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	slices.Sort(names)
	return hashed(names...), nil
}

func fillGit(ctx context.Context, b *equiv.Builder, dir string, o Options) error {
	r, err := openRepo(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	defer func() { _ = r.Close() }()
	refs, ids, err := tips(r)
	if err != nil {
		return err
	}
	ids = commitsOf(r, ids)
	releases, err := firstReleases(ctx, r, refs)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	stats, err := history.Walk(ctx, r, history.Options{From: ids, Releases: func(id gitrepo.ID) string { return releases[id] }}, func(d *equiv.Doc) error {
		o.progress(b.Len())
		return b.Add(d)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if stats.Missing > 0 {
		o.warn(fmt.Errorf("%s: the history ends at %d commits whose parents it does not have", dir, stats.Missing))
	}
	if stats.Blobs > 0 {
		o.warn(fmt.Errorf("%s: of %d commits not all contents are there: they are known by what is", dir, stats.Blobs))
	}
	return nil
}

// commitsOf leaves out what is no commit, as a tag of a tree or of a key.
func commitsOf(r *gitrepo.Repo, ids []gitrepo.ID) []gitrepo.ID {
	rd := r.NewReader()
	return slices.DeleteFunc(ids, func(id gitrepo.ID) bool {
		_, err := rd.Commit(id)
		return err != nil
	})
}

var releaseTag = regexp.MustCompile(`^refs/tags/(v\d+\.\d+(?:\.\d+)?)(-rc\d+)?$`)

// firstReleases finds, for each commit, the first release that has it: tags in the order of
// their versions, each without what those before it have. Candidates count for the release
// that they were for.
func firstReleases(ctx context.Context, r *gitrepo.Repo, refs []gitrepo.Ref) (map[gitrepo.ID]string, error) {
	type tag struct {
		name    string
		version [3]int
		id      gitrepo.ID
	}
	var tags []tag
	for _, ref := range refs {
		m := releaseTag.FindStringSubmatch(ref.Name)
		if m == nil || m[2] != "" {
			continue
		}
		t := tag{name: m[1], id: ref.ID}
		for i, s := range strings.Split(m[1][1:], ".") {
			t.version[i], _ = strconv.Atoi(s)
		}
		tags = append(tags, t)
	}
	slices.SortFunc(tags, func(a, b tag) int {
		// Mainline before stable: what both have was in mainline first.
		if c := cmp.Compare(min(a.version[2], 1), min(b.version[2], 1)); c != 0 {
			return c
		}
		return slices.Compare(a.version[:], b.version[:])
	})
	out := map[gitrepo.ID]string{}
	var before []gitrepo.ID
	rd := r.NewReader()
	for _, t := range tags {
		_, err := rd.Log(ctx, []gitrepo.ID{t.id}, before, func(c, _ *gitrepo.Commit) bool {
			if _, ok := out[c.ID]; !ok {
				out[c.ID] = t.name
			}
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", t.name, err)
		}
		before = append(before, t.id)
	}
	return out, nil
}

// Commits calls visit with each commit of a repository's branches and tags that is no
// merge and was written since a time, with the release that has it first.
func Commits(ctx context.Context, where string, since time.Time, visit func(*contrib.Commit)) error {
	r, err := OpenRepo(where)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	refs, ids, err := tips(r)
	if err != nil {
		return err
	}
	releases, err := firstReleases(ctx, r, refs)
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	_, err = r.NewReader().Log(ctx, commitsOf(r, ids), nil, func(c, _ *gitrepo.Commit) bool {
		if len(c.Parents) < 2 && !c.Author.When.Before(since) {
			visit(&contrib.Commit{Author: c.Author.Email, Committer: c.Committer.Email, Date: c.Author.When, Message: c.Message, Release: releases[c.ID]})
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}
