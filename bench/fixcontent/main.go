// Command fixcontent measures how well a fix is recognised in a tree by content alone
// (package patch/present), against what is known of stable releases.
//
//	go run ./bench/fixcontent -cna DIR -stable GITDIR [-other GITDIR] [-tree DIR] [-v]
//
// DIR holds the kernel CNA's records; a GITDIR is a repository with one commit "up to
// X.Y.N" for each release of a stable branch. For each CVE that was fixed in a release of
// -stable, the release's diff of the CVE's files is looked for in the release before
// (where it is not), in the newest, in -tree, and in the release of -other that fixed the
// same CVE and the one before that.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ringside/patch/diff"
	"ringside/patch/present"
)

func main() {
	cna := flag.String("cna", "", "`DIR` with the CNA's records")
	stable := flag.String("stable", "", "`GITDIR` of the branch that fixes are taken from")
	other := flag.String("other", "", "`GITDIR` of another branch")
	tree := flag.String("tree", "", "`DIR` with a later tree of the first branch")
	verbose := flag.Bool("v", false, "print what is wrong")
	most := flag.Int("n", 0, "only the first `N` CVEs")
	flag.Parse()
	if err := run(context.Background(), *cna, *stable, *other, *tree, *verbose, *most); err != nil {
		fmt.Fprintln(os.Stderr, "fixcontent:", err)
		os.Exit(1)
	}
}

// cve is a record's part that matters here.
type cve struct {
	id    string
	files []string
	fixes map[string]int // branch → release that fixed it
}

func run(ctx context.Context, cna, stable, other, tree string, verbose bool, most int) error {
	a, err := openRepo(ctx, stable)
	if err != nil {
		return err
	}
	defer a.close()
	var b *repo
	if other != "" {
		if b, err = openRepo(ctx, other); err != nil {
			return err
		}
		defer b.close()
	}
	cves, err := records(cna)
	if err != nil {
		return err
	}
	rows := map[string]*row{}
	order := []string{}
	count := func(name, id string, want present.State, r present.Result) {
		x := rows[name]
		if x == nil {
			x = &row{}
			rows[name] = x
			order = append(order, name)
		}
		x.n[r.State]++
		if verbose && r.State != want && r.State != present.Unknown {
			fmt.Printf("%s %s: %s\n", name, id, r.State)
			for _, c := range r.Changes {
				fmt.Printf("    %s:%d hunk %d %s context %d weight: %s\n", c.File, c.Line, c.Hunk, c.State, c.Context, c.Why)
			}
		}
	}
	var later fs.FS
	if tree != "" {
		later = os.DirFS(tree)
	}
	done := 0
	for _, v := range cves {
		n, ok := v.fixes[a.branch]
		if !ok || a.commits[n] == "" || n == 0 {
			continue
		}
		d, err := a.diff(ctx, n, v.files)
		if err != nil {
			return err
		}
		if len(d) == 0 {
			continue
		}
		if done++; most > 0 && done > most {
			break
		}
		check := func(name string, fsys fs.FS, want present.State) error {
			r, err := present.New(fsys).Check(d, v.files)
			if err != nil {
				return fmt.Errorf("%s: %w", v.id, err)
			}
			count(name, v.id, want, r)
			return nil
		}
		for _, c := range []struct {
			name string
			fsys fs.FS
			want present.State
		}{
			{"release before (unfixed)", a.at(a.commits[n] + "^"), present.Unfixed},
			{"release of the fix (fixed)", a.at(a.commits[n]), present.Fixed},
			{"newest release (fixed)", a.at(a.commits[a.newest]), present.Fixed},
			{"later tree (fixed)", later, present.Fixed},
		} {
			if c.fsys != nil {
				if err := check(c.name, c.fsys, c.want); err != nil {
					return err
				}
			}
		}
		if b == nil {
			continue
		}
		j, ok := v.fixes[b.branch]
		if !ok || b.commits[j] == "" || j == 0 {
			continue
		}
		if err := check("other branch before its fix (unfixed)", b.at(b.commits[j]+"^"), present.Unfixed); err != nil {
			return err
		}
		if err := check("other branch, release of its fix (fixed)", b.at(b.commits[j]), present.Fixed); err != nil {
			return err
		}
		if err := check("other branch, newest (fixed)", b.at(b.commits[b.newest]), present.Fixed); err != nil {
			return err
		}
	}
	fmt.Printf("%-42s %6s %14s %14s %14s\n", "tree", "n", "fixed", "unfixed", "unknown")
	for _, name := range order {
		x := rows[name]
		total := x.n[0] + x.n[1] + x.n[2]
		share := func(s present.State) string {
			return fmt.Sprintf("%5d (%5.2f %%)", x.n[s], 100*float64(x.n[s])/float64(total))
		}
		fmt.Printf("%-42s %6d %14s %14s %14s\n", name, total, share(present.Fixed), share(present.Unfixed), share(present.Unknown))
	}
	return nil
}

type row struct{ n [3]int }

// records reads what the CNA says of files and fixes.
func records(dir string) ([]cve, error) {
	var out []cve
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".dyad") || !strings.Contains(path, "published") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		v := cve{id: strings.TrimSuffix(filepath.Base(path), ".dyad"), fixes: map[string]int{}}
		for line := range strings.Lines(string(text)) {
			f := strings.Split(strings.TrimSpace(line), ":")
			if strings.HasPrefix(line, "#") || len(f) != 4 {
				continue
			}
			p := strings.Split(f[2], ".")
			if len(p) == 3 {
				n, err := strconv.Atoi(p[2])
				if branch := p[0] + "." + p[1]; err == nil {
					v.fixes[branch] = max(v.fixes[branch], n)
				}
			}
		}
		raw, err := os.ReadFile(strings.TrimSuffix(path, ".dyad") + ".json")
		if err != nil {
			return nil //nolint:nilerr // a record without its JSON names no files
		}
		var rec struct {
			Containers struct {
				CNA struct {
					Affected []struct {
						ProgramFiles []string `json:"programFiles"`
					} `json:"affected"`
				} `json:"cna"`
			} `json:"containers"`
		}
		if err := json.Unmarshal(raw, &rec); err != nil {
			return nil //nolint:nilerr // so does a broken one
		}
		for _, a := range rec.Containers.CNA.Affected {
			for _, f := range a.ProgramFiles {
				if !slices.Contains(v.files, f) {
					v.files = append(v.files, f)
				}
			}
		}
		out = append(out, v)
		return nil
	})
	slices.SortFunc(out, func(a, b cve) int { return strings.Compare(a.id, b.id) })
	return out, err
}

// repo is a repository with a commit for each release.
type repo struct {
	dir     string
	branch  string
	commits map[int]string
	newest  int
	diffs   map[int][]diff.File

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

var upTo = regexp.MustCompile(`^([0-9a-f]+) up to (\d+\.\d+)\.(\d+)$`)

func openRepo(ctx context.Context, dir string) (*repo, error) {
	r := &repo{dir: dir, commits: map[int]string{}, diffs: map[int][]diff.File{}}
	log, err := exec.CommandContext(ctx, "git", "-C", dir, "log", "--format=%H %s").Output()
	if err != nil {
		return nil, fmt.Errorf("git log in %s: %w", dir, err)
	}
	for line := range strings.Lines(string(log)) {
		if m := upTo.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			n, _ := strconv.Atoi(m[3])
			r.branch, r.commits[n], r.newest = m[2], m[1], max(r.newest, n)
		}
	}
	if r.branch == "" {
		return nil, fmt.Errorf("%s has no commit \"up to X.Y.N\"", dir)
	}
	r.cmd = exec.CommandContext(ctx, "git", "-C", dir, "cat-file", "--batch")
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = bufio.NewReaderSize(out, 1<<20)
	return r, r.cmd.Start()
}

func (r *repo) close() {
	r.in.Close()
	_ = r.cmd.Wait()
}

// diff returns what a release changed of some files.
func (r *repo) diff(ctx context.Context, n int, files []string) ([]diff.File, error) {
	all, ok := r.diffs[n]
	if !ok {
		text, err := exec.CommandContext(ctx, "git", "-C", r.dir, "diff", "--no-renames", r.commits[n]+"^", r.commits[n]).Output()
		if err != nil {
			return nil, fmt.Errorf("git diff of release %d: %w", n, err)
		}
		if all, err = diff.Parse(string(text)); err != nil {
			return nil, fmt.Errorf("diff of release %d: %w", n, err)
		}
		r.diffs[n] = all
	}
	var out []diff.File
	for _, f := range all {
		if slices.Contains(files, f.Path()) {
			out = append(out, f)
		}
	}
	return out, nil
}

// at is the tree of a commit.
func (r *repo) at(commit string) fs.FS { return gitTree{r, commit} }

type gitTree struct {
	r      *repo
	commit string
}

func (t gitTree) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
}

// ReadFile implements [fs.ReadFileFS].
func (t gitTree) ReadFile(name string) ([]byte, error) {
	if _, err := fmt.Fprintf(t.r.in, "%s:%s\n", t.commit, name); err != nil {
		return nil, err
	}
	head, err := t.r.out.ReadString('\n')
	if err != nil {
		return nil, err
	}
	f := strings.Fields(head)
	if len(f) != 3 || f[1] != "blob" {
		if len(f) == 3 { // a folder
			n, _ := strconv.Atoi(f[2])
			_, err = io.CopyN(io.Discard, t.r.out, int64(n)+1)
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: cmp.Or(err, fs.ErrNotExist)}
	}
	n, err := strconv.Atoi(f[2])
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, t.r.out, int64(n)+1); err != nil {
		return nil, err
	}
	return b.Bytes()[:n], nil
}
