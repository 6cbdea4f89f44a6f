// Command fixlines measures how many CVEs are dismissed because a configuration leaves
// out every line that their fix changes, and holds them against a kernel's debug
// information: no instruction may come from a line that was said to be left out.
//
//	go run ./bench/fixlines -cna DIR -stable GITDIR -tree DIR -config FILE [-debug DIR] [-v]
//
// DIR holds the kernel CNA's records; GITDIR is a repository with one commit "up to X.Y.N"
// for each release of the tree's stable branch. A release's diff of a CVE's files stands
// for its fix: what else the release changed in them counts as the fix's.
package main

import (
	"bytes"
	"context"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"ringside/kbuild"
	"ringside/kbuild/moved"
	"ringside/kconfig/dotconfig"
	"ringside/vuln"
	"ringside/vuln/content"
	"ringside/vuln/feed"
	"ringside/vuln/ranges"
)

func main() {
	cna := flag.String("cna", "", "`DIR` with the CNA's records")
	stable := flag.String("stable", "", "`GITDIR` of the branch that fixes are taken from")
	tree := flag.String("tree", "", "`DIR` with a tree of the branch")
	config := flag.String("config", "", "`FILE` of the configuration")
	debug := flag.String("debug", "", "`DIR` with the kernel's debug information")
	verbose := flag.Bool("v", false, "print what is dismissed, and why")
	flag.Parse()
	if err := run(context.Background(), *cna, *stable, *tree, *config, *debug, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "fixlines:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cna, stable, tree, config, debug string, verbose bool) error {
	db, err := vuln.Open(ctx, os.DirFS(cna))
	if err != nil {
		return err
	}
	f, err := os.Open(config)
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := dotconfig.Parse(f)
	if err != nil {
		return err
	}
	build, err := kbuild.Load(os.DirFS(tree), c, kbuild.Options{})
	if err != nil {
		return err
	}
	makefile, err := os.ReadFile(filepath.Join(tree, "Makefile"))
	if err != nil {
		return err
	}
	base, err := ranges.Makefile(makefile)
	if err != nil {
		return err
	}
	releases, err := releasesOf(ctx, stable)
	if err != nil {
		return err
	}
	fixes := &content.Fixes{}
	fixed := map[string]bool{}
	for _, r := range db.Records() {
		for _, s := range r.Sources {
			for _, p := range s.Pairs {
				commit := releases.commits[p.Fix.String()]
				if commit == "" || len(p.FixCommit) < 12 || len(vuln.Code(r.Files)) == 0 {
					continue
				}
				text, err := releases.diff(ctx, commit, r.Files)
				if err != nil {
					return err
				}
				fixes.AddCommit(p.FixCommit, text)
				fixed[r.ID] = true
			}
		}
	}
	if err := checkMoved(ctx, db.Records(), releases, tree, verbose); err != nil {
		return err
	}
	search := fixes.In(os.DirFS(tree), base, func(file string) []string {
		names, _ := moved.Names(file, build.Exists)
		return names
	})
	lines := search.Lines(build.Lines)
	rows := map[string]map[int]bool{}
	if debug != "" {
		if rows, err = lineRows(debug, tree); err != nil {
			return err
		}
	}
	n, located, byFile, byLine, wrong := 0, 0, 0, 0, 0
	for _, r := range db.Records() {
		if !fixed[r.ID] {
			continue
		}
		n++
		if dismissedByFile(build, &r) {
			byFile++
		}
		changes, complete := lines(&r)
		if !complete {
			continue
		}
		located++
		if dismissedByFile(build, &r) || slices.ContainsFunc(changes, func(p kbuild.Presence) bool { return p.State != kbuild.NotCompiled }) {
			continue
		}
		byLine++
		if verbose {
			fmt.Println(r.ID, r.Title)
		}
		for _, p := range changes {
			if p.Lines == nil {
				p.Lines = &kbuild.Span{First: 1, Last: 1 << 16} // all of the file
			}
			if verbose {
				fmt.Printf("    %s:%d-%d %+v\n", p.Path, p.Lines.First, p.Lines.Last, p.Why)
			}
			for line := p.Lines.First; line <= p.Lines.Last; line++ {
				if rows[p.Path][line] {
					wrong++
					fmt.Printf("%s: %s:%d was said to be left out, and is compiled\n", r.ID, p.Path, line)
				}
			}
		}
	}
	fmt.Printf("%d CVEs with a fix of this branch: of %d every change was found in the tree\n", n, located)
	fmt.Printf("not compiled by file %d, by the lines of the fix %d more, %d lines of them wrongly", byFile, byLine, wrong)
	if debug == "" {
		fmt.Print(" (not checked: -debug)")
	}
	fmt.Println()
	if debug != "" {
		known := 0
		for file := range rows {
			if build.Presence(file).State == kbuild.Compiled {
				known++
			}
		}
		fmt.Printf("instructions come from %d files of the tree, %d of which the Makefiles compile\n", len(rows), known)
	}
	return nil
}

func dismissedByFile(b *kbuild.Build, r *feed.Record) bool {
	files := vuln.Code(r.Files)
	return len(files) > 0 && !slices.ContainsFunc(files, func(f string) bool { return b.Presence(f).State != kbuild.NotCompiled })
}

// releases is a repository with a commit for each release.
type releases struct {
	dir     string
	commits map[string]string            // release → commit
	parts   map[string]map[string]string // commit → file → its diff
}

var upTo = regexp.MustCompile(`(?m)^([0-9a-f]{40}) up to (\d+\.\d+\.\d+)$`)

func releasesOf(ctx context.Context, dir string) (*releases, error) {
	log, err := exec.CommandContext(ctx, "git", "-C", dir, "log", "--format=%H %s").Output()
	if err != nil {
		return nil, fmt.Errorf("git log in %s: %w", dir, err)
	}
	r := &releases{dir: dir, commits: map[string]string{}, parts: map[string]map[string]string{}}
	for _, m := range upTo.FindAllSubmatch(log, -1) {
		r.commits[string(m[2])] = string(m[1])
	}
	return r, nil
}

// diff gives what a release changed of some files.
func (r *releases) diff(ctx context.Context, commit string, files []string) (string, error) {
	parts := r.parts[commit]
	if parts == nil {
		text, err := exec.CommandContext(ctx, "git", "-C", r.dir, "diff", "--no-renames", commit+"^", commit).Output()
		if err != nil {
			return "", fmt.Errorf("git diff of %s: %w", commit, err)
		}
		parts = map[string]string{}
		for _, part := range bytes.Split(append([]byte{'\n'}, text...), []byte("\ndiff --git "))[1:] {
			head, _, _ := bytes.Cut(part, []byte{'\n'})
			_, name, _ := strings.Cut(string(head), " b/")
			parts[name] = "diff --git " + string(part) + "\n"
		}
		r.parts[commit] = parts
	}
	var b strings.Builder
	for _, f := range files {
		b.WriteString(parts[f])
	}
	return b.String(), nil
}

// lineRows reads from which lines instructions are, of vmlinux and modules.
func lineRows(dir, tree string) (map[string]map[int]bool, error) {
	rows := map[string]map[int]bool{}
	known := map[string]string{}
	// The compiler's names have folders of the build in front of the tree's.
	inTree := func(name string) string {
		short, ok := known[name]
		if !ok {
			short = name
			for rest := strings.TrimPrefix(filepath.Clean(name), "/"); strings.Contains(rest, "/"); {
				if _, err := os.Stat(filepath.Join(tree, rest)); err == nil {
					short = rest
					break
				}
				_, rest, _ = strings.Cut(rest, "/")
			}
			known[name] = short
		}
		return short
	}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasPrefix(d.Name(), "vmlinux") && !strings.Contains(d.Name(), ".ko") && !strings.HasPrefix(d.Name(), "vdso") {
			return err
		}
		f, err := elf.Open(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		defer func() { _ = f.Close() }()
		data, err := f.DWARF()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for r := data.Reader(); ; {
			unit, err := r.Next()
			if err != nil || unit == nil {
				return err
			}
			r.SkipChildren()
			if err := unitRows(data, unit, rows, inTree); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	})
	return rows, err
}

func unitRows(data *dwarf.Data, unit *dwarf.Entry, rows map[string]map[int]bool, inTree func(string) string) error {
	lr, err := data.LineReader(unit)
	if err != nil || lr == nil {
		return err
	}
	for {
		var e dwarf.LineEntry
		switch err := lr.Next(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case e.File == nil || e.EndSequence:
			continue
		}
		name := inTree(e.File.Name)
		if rows[name] == nil {
			rows[name] = map[int]bool{}
		}
		rows[name][e.Line] = true
	}
}
