package triage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"ringside/owner"
)

// TreeOwners makes the owner index of the kernel tree at dir. In a git
// repository it is that of the tag that release was made from, so that who is
// asked is who looked after that kernel; elsewhere, and where there is no such
// tag, that of the files as they are. It says which it took.
func TreeOwners(ctx context.Context, dir, release string, base *owner.Index) (*owner.Index, string, error) {
	ref, err := treeRef(ctx, dir, release)
	if err != nil {
		return nil, "", err
	}
	if ref == "" {
		x, err := owner.ParseTree(filepath.Base(dir), os.DirFS(dir), base)
		return x, "the files in " + dir, err
	}
	g, err := openGit(ctx, dir, ref)
	if err != nil {
		return nil, "", err
	}
	x, err := owner.ParseTree(ref, g, base)
	return x, ref, err
}

// treeRef returns the name in dir's git repository of the source that release
// was made from, "" where it has none or dir is no repository.
func treeRef(ctx context.Context, dir, release string) (string, error) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return "", fmt.Errorf("kernel tree: %w", err)
	case !info.IsDir():
		return "", fmt.Errorf("kernel tree: %s is not a folder; name the top of a kernel tree or its git repository", dir)
	}
	if !succeeds(git(ctx, dir, "rev-parse", "--git-dir")) {
		return "", nil
	}
	for _, name := range releaseRefs(release) {
		if succeeds(git(ctx, dir, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")) {
			return name, nil
		}
	}
	if !exists(filepath.Join(dir, "MAINTAINERS")) {
		return "HEAD", nil // a bare repository
	}
	return "", nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// succeeds reports whether a question to git was answered with yes.
func succeeds(_ []byte, err error) bool { return err == nil }

// releaseParts are what uname -r tells of the source: version, patch level,
// sublevel, -rc, and the commit that setlocalversion adds.
var releaseParts = regexp.MustCompile(`^(\d+)\.(\d+)(?:\.(\d+))?(-rc\d+)?(?:.*-g([0-9a-f]{7,40})\b)?`)

// releaseRefs returns what release may be called in a repository, the most exact
// first.
func releaseRefs(release string) []string {
	m := releaseParts.FindStringSubmatch(release)
	if m == nil {
		return nil
	}
	var refs []string
	add := func(ref string) {
		refs = append(refs, ref)
	}
	if m[5] != "" {
		add(m[5])
	}
	base := "v" + m[1] + "." + m[2]
	if m[3] != "" && m[3] != "0" {
		add(base + "." + m[3] + m[4])
	}
	if m[4] != "" {
		add(base + m[4])
	}
	add(base)
	return refs
}

// maxGitOutput bounds what is read from git at once.
const maxGitOutput = 64 << 20

// git runs git in dir and returns what it printed.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "--no-optional-locks"}, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0")
	c.WaitDelay = time.Second
	var out limitedBuffer
	var complaint limitedBuffer
	c.Stdout, c.Stderr = &out, &complaint
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("git %s in %s: %w: %s", args[0], dir, err, strings.TrimSpace(string(complaint.buf)))
	}
	return out.buf, nil
}

// limitedBuffer refuses to grow beyond maxGitOutput.
type limitedBuffer struct{ buf []byte }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if len(b.buf)+len(p) > maxGitOutput {
		return 0, errors.New("it printed too much")
	}
	b.buf = append(b.buf, p...)
	return len(p), nil
}

// gitTree is the tree of a commit as a file system: names without a process for
// each, contents through git show.
type gitTree struct {
	ctx   context.Context
	dir   string
	ref   string
	files map[string]bool // false for folders
}

func openGit(ctx context.Context, dir, ref string) (*gitTree, error) {
	out, err := git(ctx, dir, "ls-tree", "-r", "-z", "--name-only", "--full-tree", ref)
	if err != nil {
		return nil, fmt.Errorf("kernel tree: %w", err)
	}
	g := &gitTree{ctx: ctx, dir: dir, ref: ref, files: map[string]bool{".": false}}
	for name := range strings.SplitSeq(string(out), "\x00") {
		if name == "" {
			continue
		}
		g.files[name] = true
		for d := path.Dir(name); d != "."; d = path.Dir(d) {
			if _, known := g.files[d]; known {
				break
			}
			g.files[d] = false
		}
	}
	return g, nil
}

// Stat implements [fs.StatFS].
func (g *gitTree) Stat(name string) (fs.FileInfo, error) {
	file, ok := g.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return gitEntry{name: path.Base(name), file: file}, nil
}

// Open implements [fs.FS].
func (g *gitTree) Open(name string) (fs.File, error) {
	if !g.files[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	text, err := git(g.ctx, g.dir, "show", "--end-of-options", g.ref+":"+name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &gitFile{Reader: bytes.NewReader(text), entry: gitEntry{path.Base(name), int64(len(text)), true}}, nil
}

type gitFile struct {
	*bytes.Reader
	entry gitEntry
}

func (f *gitFile) Stat() (fs.FileInfo, error) { return f.entry, nil }
func (f *gitFile) Close() error               { return nil }

// gitEntry is a name in a tree. The size is known once the file is read.
type gitEntry struct {
	name string
	size int64
	file bool
}

func (e gitEntry) Name() string       { return e.name }
func (e gitEntry) Size() int64        { return e.size }
func (e gitEntry) ModTime() time.Time { return time.Time{} }
func (e gitEntry) IsDir() bool        { return !e.file }
func (e gitEntry) Sys() any           { return nil }

func (e gitEntry) Mode() fs.FileMode {
	if e.file {
		return 0o444
	}
	return fs.ModeDir | 0o555
}
