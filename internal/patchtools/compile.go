package patchtools

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ringside/patch"
	"ringside/patch/apply"
	"ringside/patch/check"
)

// Build builds the objects that each step of a stack touches, and says which step breaks.
func Build(ctx context.Context, stack *patch.Stack, w Where) (found []check.Finding, err error) {
	s, err := newSteps(w)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var seen []string
	for _, p := range stack.Patches {
		touched, err := s.apply(p)
		if err != nil {
			return found, fmt.Errorf("%s: %w; later patches are not built", p.Name, err)
		}
		sources, headers := sourcesOf(touched)
		seen = append(seen, sources...)
		if headers {
			sources = seen // what includes them, as far as the series knows
		}
		slices.Sort(sources)
		for _, src := range slices.Compact(slices.Clone(sources)) {
			if _, err := os.Stat(filepath.Join(s.farm.dir, src)); err != nil {
				continue
			}
			object := strings.TrimSuffix(src, filepath.Ext(src)) + ".o"
			out, err := s.make(ctx, object)
			if ctx.Err() != nil {
				return found, ctx.Err()
			}
			if err == nil {
				continue
			}
			f := check.Finding{Patch: p.Name, File: src, Rule: "build", Severity: check.Error, Tool: "make", Confidence: 99,
				Text: "with this patch " + object + " does not build", Why: check.RuleByID("build").Source, Hint: check.RuleByID("build").Hint}
			if text := string(out); strings.Contains(text, "No rule to make target") || strings.Contains(text, "Nothing to be done") {
				f.Severity, f.Text = check.Note, "the configuration has no object "+object
			} else if d := diagnostics(text, s.farm.dir); len(d) > 0 {
				f.File, f.Line, f.Quote = d[0].file, d[0].line, d[0].text
			} else {
				f.Quote = lastLine(text)
			}
			found = append(found, f)
		}
	}
	return found, nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// sourcesOf are the files of a patch that objects are made of, and whether it has headers.
func sourcesOf(names []string) (sources []string, headers bool) {
	for _, n := range names {
		switch filepath.Ext(n) {
		case ".c", ".S":
			if !strings.HasPrefix(n, "tools/") && !strings.HasPrefix(n, "samples/") && !strings.HasPrefix(n, "Documentation/") && !strings.HasPrefix(n, "scripts/") {
				sources = append(sources, n)
			}
		case ".h":
			headers = true
		}
	}
	return sources, headers
}

// steps is a tree that patches are put on one after another, on disk.
type steps struct {
	farm  *farm
	tree  *apply.Tree
	build string
}

func newSteps(w Where) (*steps, error) {
	s := &steps{tree: apply.New(os.DirFS(w.Tree))}
	var err error
	if w.Build != "" {
		if s.build, err = copyBuild(w.Build); err != nil {
			return nil, err
		}
	}
	if s.farm, err = newFarm(w.Tree); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.build))
	}
	return s, nil
}

func (s *steps) close() error {
	err := s.farm.close()
	if s.build != "" {
		err = errors.Join(err, os.RemoveAll(s.build))
	}
	return err
}

// apply puts on a patch and gives the files that it touches.
func (s *steps) apply(p *patch.Patch) ([]string, error) {
	if res := s.tree.Apply(p, apply.Options{}); res.Outcome == apply.Fail {
		return nil, errors.New("it does not apply")
	}
	names := p.Paths()
	for _, name := range names {
		b, err := fs.ReadFile(s.tree, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err := s.farm.put(name, string(b), err != nil); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (s *steps) make(ctx context.Context, args ...string) ([]byte, error) {
	return output(ctx, s.farm.dir, nil, "make", append([]string{"-s", "-C", s.farm.dir, "O=" + s.build, "KBUILD_MODPOST_WARN=1"}, args...)...)
}

// a diagnostic is a line of a compiler or checker.
type diagnostic struct {
	file string
	line int
	kind string
	text string
}

var gccLine = regexp.MustCompile(`^(\S+?\.[chS]):(\d+)(?::\d+)?:? (?:\S+\(\) )?(fatal error|error|warning|warn|note):? (.*)$`)

// diagnostics reads the lines of a compiler; paths become those of the tree.
func diagnostics(text, root string) []diagnostic {
	var out []diagnostic
	for line := range strings.Lines(text) {
		m := gccLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			continue
		}
		name := strings.TrimPrefix(strings.TrimPrefix(m[1], root+"/"), "../")
		out = append(out, diagnostic{strings.TrimPrefix(name, "./"), n, m[3], m[4]})
	}
	return out
}

// compilerLike runs sparse or smatch through make, on what the stack has touched in the
// end; only what is said of lines that the stack adds counts.
func compilerLike(ctx context.Context, tool string, stack *patch.Stack, w Where) (found []check.Finding, err error) {
	if _, err := exec.LookPath(tool); err != nil {
		return nil, errors.New("it is not installed")
	}
	if w.Build == "" {
		return nil, errors.New("it needs a configured build folder: give --build")
	}
	s, added, names, err := applied(stack, w)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	command := "sparse"
	if tool == "smatch" {
		command = "smatch -p=kernel"
	}
	sources, _ := sourcesOf(names)
	for _, src := range sources {
		out, _ := s.make(ctx, "C=2", "CHECK="+command, strings.TrimSuffix(src, filepath.Ext(src))+".o")
		if ctx.Err() != nil {
			return found, ctx.Err()
		}
		for _, d := range diagnostics(string(out), s.farm.dir) {
			if p, ok := added[place{d.file, d.line}]; ok && d.kind != "note" {
				found = append(found, check.Finding{Patch: p, File: d.file, Line: d.line, Rule: tool, Severity: check.Warning, Text: d.text, Why: tool, Tool: tool})
			}
		}
	}
	return found, nil
}

type place struct {
	file string
	line int
}

// applied puts on a whole stack and says which lines of the result it has added. Lines of
// an earlier patch are followed only where no later one touches the file.
func applied(stack *patch.Stack, w Where) (*steps, map[place]string, []string, error) {
	s, err := newSteps(w)
	if err != nil {
		return nil, nil, nil, err
	}
	added := map[place]string{}
	var names []string
	for _, p := range stack.Patches {
		touched, err := s.apply(p)
		if err != nil {
			return nil, nil, nil, errors.Join(fmt.Errorf("%s: %w", p.Name, err), s.close())
		}
		names = append(names, touched...)
		for i := range p.Files {
			f := &p.Files[i]
			for at := range added {
				if at.file == f.New {
					delete(added, at)
				}
			}
			for _, h := range f.Hunks {
				line := h.NewStart
				for _, l := range h.Lines {
					if l.Op == '+' {
						added[place{f.New, line}] = p.Name
					}
					if l.Op != '-' {
						line++
					}
				}
			}
		}
	}
	slices.Sort(names)
	return s, added, slices.Compact(names), nil
}

// coccinelle runs the tree's own scripts on what the stack has touched.
func coccinelle(ctx context.Context, stack *patch.Stack, w Where) (found []check.Finding, err error) {
	spatch, err := exec.LookPath("spatch")
	if err != nil {
		return nil, errors.New("spatch is not installed")
	}
	scripts, err := filepath.Glob(filepath.Join(w.Tree, "scripts", "coccinelle", "*", "*.cocci"))
	if err != nil || len(scripts) == 0 {
		return nil, errors.New("the tree has no scripts/coccinelle")
	}
	s, added, names, err := applied(stack, Where{Tree: w.Tree})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	sources, _ := sourcesOf(names)
	if len(sources) == 0 {
		return nil, nil
	}
	for _, script := range scripts {
		script, err := filepath.Abs(script)
		if err != nil {
			return found, err
		}
		out, _ := output(ctx, s.farm.dir, nil, spatch, append([]string{"-D", "report", "--no-show-diff", "--very-quiet", "--no-includes", "--cocci-file", script}, sources...)...)
		if ctx.Err() != nil {
			return found, ctx.Err()
		}
		for _, d := range coccinelleLines(string(out)) {
			if p, ok := added[place{d.file, d.line}]; ok {
				rule := strings.TrimSuffix(filepath.Base(script), ".cocci")
				found = append(found, check.Finding{Patch: p, File: d.file, Line: d.line, Rule: "coccinelle:" + rule, Severity: check.Warning, Text: d.text, Why: "scripts/coccinelle/" + filepath.Base(filepath.Dir(script)) + "/" + filepath.Base(script), Tool: "coccinelle"})
			}
		}
	}
	return found, nil
}

var cocciLine = regexp.MustCompile(`^(\S+\.[ch]):(\d+):\d+-\d+: (.*)$`)

func coccinelleLines(text string) []diagnostic {
	var out []diagnostic
	for line := range strings.Lines(text) {
		if m := cocciLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			if n, err := strconv.Atoi(m[2]); err == nil {
				out = append(out, diagnostic{strings.TrimPrefix(m[1], "./"), n, "warning", m[3]})
			}
		}
	}
	return out
}
