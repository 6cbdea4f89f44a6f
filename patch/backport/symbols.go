package backport

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"ringside/patch/diff"
)

var (
	word    = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]{3,}`)
	include = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]`)
	quoted  = regexp.MustCompile(`"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|//[^\n]*`)
)

// Bounds of what is looked through for one commit.
const (
	maxWords    = 400
	maxIncludes = 3000
)

// symbols finds the words that a pick brings into C sources, which neither the target's
// file nor what it includes knows, and the commits of the history that brought them.
func (r *run) symbols(ctx context.Context, s *state, p *Pick) ([]Prerequisite, error) {
	found := map[int][]Need{}
	for i := range p.Files {
		f := &p.Files[i]
		if f.theirs == nil || f.base == nil || f.State == There || path.Ext(f.From) != ".c" && path.Ext(f.From) != ".h" || binary(f.theirs.text) {
			continue
		}
		fresh := words(f)
		if len(fresh) == 0 {
			continue
		}
		// A word that the commit's own files have before and after is theirs to know.
		for k := range p.Files {
			if g := &p.Files[k]; g.theirs != nil && k != i {
				drop(fresh, added(g))
			}
			if g := &p.Files[k]; g.before != nil {
				drop(fresh, g.before.text)
			}
		}
		if err := s.forget(f, fresh); err != nil {
			return nil, err
		}
		if len(fresh) == 0 {
			continue
		}
		if err := r.past.build(ctx); err != nil {
			return nil, err
		}
		if err := r.introduced(ctx, p, f, fresh, found); err != nil {
			return nil, err
		}
	}
	return r.gather(found), nil
}

// words are those that a change adds and the file did not have.
func words(f *FilePick) map[string]bool {
	out := map[string]bool{}
	for _, w := range word.FindAllString(quoted.ReplaceAllString(added(f), " "), -1) {
		if len(out) < maxWords {
			out[w] = true
		}
	}
	drop(out, f.base.text)
	if len(out) == 0 {
		return out
	}
	// What the change itself defines is no need: names with a type or #define before.
	for w := range out {
		if defines(f, w) {
			delete(out, w)
		}
	}
	return out
}

// added is the text that a change adds.
func added(f *FilePick) string {
	var b strings.Builder
	var base string
	if f.base != nil {
		base = f.base.text
	}
	y := split(f.theirs.text)
	for _, e := range diff.Lines(split(base), y) {
		for _, l := range y[e.B:e.BEnd] {
			if t := strings.TrimSpace(l); !strings.HasPrefix(t, "*") && !strings.HasPrefix(t, "/*") {
				b.WriteString(l)
			}
		}
	}
	return b.String()
}

func drop(set map[string]bool, text string) {
	if len(set) == 0 {
		return
	}
	for w := range set {
		if hasWord(text, w) {
			delete(set, w)
		}
	}
}

// hasWord tells whether a text has a word by itself.
func hasWord(text, w string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], w)
		if i < 0 {
			return false
		}
		i += at
		end := i + len(w)
		if (i == 0 || !letter(text[i-1])) && (end == len(text) || !letter(text[end])) {
			return true
		}
		at = i + 1
	}
}

func letter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// defines tells whether a change seems to define a word: a variable, a function, a
// macro, a label.
func defines(f *FilePick, w string) bool {
	q := regexp.QuoteMeta(w)
	re, err := regexp.Compile(`(?m)#[ \t]*define[ \t]+` + q + `\b|(?:[A-Za-z_][A-Za-z0-9_]*[ \t*]+|,[ \t*]*)` + q + `[ \t]*(?:[;=,\[]|:[ \t]*\d)|^[A-Za-z_][A-Za-z0-9_ \t*]*[ \t*]` + q + `\(|(?:struct|union|enum)[ \t]+` + q + `[ \t]*\{|^` + q + `\(|^[ \t]*` + q + `(?:[ \t]*=[^=;()]*)?,?[ \t]*$|^` + q + `:|[ \t*(,]` + q + `[ \t]*[,)][^;]*\n?\{`)
	if err != nil {
		return false
	}
	return re.MatchString(added(f))
}

// forget drops the words that the target's file knows through what it includes.
func (s *state) forget(f *FilePick, fresh map[string]bool) error {
	if f.before == nil {
		return nil
	}
	drop(fresh, f.before.text)
	if _, err := s.t.list(); err != nil {
		return err
	}
	seen := map[string]bool{}
	queue := includes(f.before.text, path.Dir(f.Path))
	queue = append(queue, includes(f.theirs.text, path.Dir(f.Path))...)
	for len(queue) > 0 && len(fresh) > 0 && len(seen) < maxIncludes {
		inc := queue[0]
		queue = queue[1:]
		for _, name := range s.t.resolve(inc) {
			if seen[name] {
				continue
			}
			seen[name] = true
			g, err := s.get(name)
			if err != nil || g == nil {
				continue
			}
			drop(fresh, g.text)
			queue = append(queue, includes(g.text, path.Dir(name))...)
		}
	}
	return nil
}

// included is an #include with the folder that it stands in.
type included struct{ name, dir string }

func includes(text, dir string) (out []included) {
	for _, m := range include.FindAllStringSubmatch(text, 500) {
		out = append(out, included{m[1], dir})
	}
	return out
}

// resolve finds the files that an #include may mean: next to the file, or any whose path
// ends so.
func (t *Tree) resolve(inc included) (out []string) {
	near := path.Join(inc.dir, inc.name)
	for _, f := range t.bases[path.Base(inc.name)] {
		if f == near {
			return []string{f}
		}
		if strings.HasSuffix(f, "/"+inc.name) || f == inc.name {
			out = append(out, f)
		}
	}
	return out
}

// introduced finds the first commits of the history that brought the words into a header,
// or into a source next to the one that uses them.
func (r *run) introduced(ctx context.Context, p *Pick, f *FilePick, fresh map[string]bool, found map[int][]Need) error {
	before, ok := r.past.order[p.Commit.ID]
	if !ok {
		before = -1
	}
	dir := path.Dir(f.From)
	first := map[string]int{}
	for name, places := range r.past.byFile {
		if path.Ext(name) != ".h" && path.Dir(name) != dir {
			continue
		}
		for _, i := range places {
			if err := ctx.Err(); err != nil {
				return err
			}
			if i <= before {
				continue
			}
			d, err := r.one(i, name)
			if err != nil {
				return err
			}
			if d == nil {
				continue
			}
			for w := range fresh {
				if hasWord(d.now.text, w) && (d.base == nil || !hasWord(d.base.text, w)) && first[w] < i+1 {
					first[w] = i + 1
				}
			}
		}
	}
	var names []string
	for w := range first {
		names = append(names, w)
	}
	slices.Sort(names)
	for _, w := range names {
		found[first[w]-1] = append(found[first[w]-1], Need{NeedSymbol, f.Path, 0, w})
	}
	return nil
}
