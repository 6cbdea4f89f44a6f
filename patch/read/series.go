package read

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ringside/patch"
	"ringside/patch/diff"
)

// Series reads the patches that a series file of quilt or of SUSE names, from the folder
// that it lies in.
//
// A line is a file with options: "-p0", "-p 2", "-R"; "#" begins a comment. SUSE puts
// guards before the file: "+name" asks for a symbol, "-name" for its absence, and armbian's
// "-" alone switches the patch off. What a guard leaves out is named.
func Series(fsys fs.FS, name string, o Options) (*patch.Stack, error) {
	data, err := readFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read the series: %w", err)
	}
	s := &builder{Stack: patch.Stack{Name: name}}
	dir := path.Dir(name)
	named := map[string]int{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		e, err := entry(line)
		switch {
		case err != nil:
			s.problem(name, n, "%s", err)
			continue
		case e.base != "" && s.Base == "":
			s.Base = e.base
			continue
		case e.file == "":
			continue
		}
		file := path.Join(dir, e.file)
		if !fs.ValidPath(file) || strings.HasPrefix(e.file, "/") || dir != "." && !strings.HasPrefix(file, dir+"/") {
			s.problem(name, n, "%.200q leads out of the series' folder: it is not read", e.file)
			continue
		}
		if first, ok := named[file]; ok && !e.off && e.out(o.Guards) == "" {
			s.problem(name, n, "%s is named in line %d already: it is not read again", e.file, first)
			continue
		}
		if why := e.out(o.Guards); why != "" {
			named[file] = n
			s.problem(name, n, "%s is left out: %s", e.file, why)
			continue
		}
		named[file] = n
		if err := s.file(fsys, file, e, o); err != nil {
			if !errors.Is(err, errMissing) {
				return &s.Stack, err
			}
			s.problem(name, n, "%s", err)
		}
	}
	s.strays(fsys, name, named)
	return &s.Stack, nil
}

// listed is one line of a series.
type listed struct {
	file    string
	strip   int // 0 if it says none
	reverse bool
	guards  []string
	off     bool   // a "-" alone
	base    string // StGit's comment
}

var stgitBase = regexp.MustCompile(`^# This series applies on GIT commit ([0-9a-f]{7,64})`)

// entry reads a line of a series.
func entry(line string) (e listed, err error) {
	if m := stgitBase.FindStringSubmatch(line); m != nil {
		e.base = m[1]
		return e, nil
	}
	// Quilt takes "#" for a comment where a blank is before it.
	if i := strings.IndexByte(line, '#'); i == 0 || i > 0 && (line[i-1] == ' ' || line[i-1] == '\t') {
		line = line[:i]
	}
	words := strings.Fields(line)
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case e.file == "" && w == "-":
			e.off = true
		case e.file == "" && (w[0] == '+' || w[0] == '-'):
			e.guards = append(e.guards, w)
		case e.file == "":
			e.file = w
		case w == "-R":
			e.reverse = true
		case w == "-p" && i+1 < len(words):
			i++
			e.strip, err = level(words[i])
		case strings.HasPrefix(w, "-p"):
			e.strip, err = level(w[2:])
		default:
			err = fmt.Errorf("%.60q is no option of a series: there are -pN and -R", w)
		}
		if err != nil {
			return e, err
		}
	}
	if e.file == "" && (len(e.guards) > 0 || e.off) {
		return e, fmt.Errorf("%.60q has guards and no file", strings.TrimSpace(line))
	}
	return e, nil
}

func level(s string) (int, error) {
	if s == "ab" { // quilt's name for what is -p1
		return 1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 64 {
		return 0, fmt.Errorf("-p%.20s: this is no number of components", s)
	}
	if n == 0 {
		return diff.P0, nil
	}
	return n, nil
}

// out says why a patch is left out.
func (e *listed) out(symbols []string) string {
	if e.off {
		return `switched off with "-"`
	}
	for _, g := range e.guards {
		if has := slices.Contains(symbols, g[1:]); has != (g[0] == '+') {
			return "guard " + g
		}
	}
	return ""
}

var errMissing = errors.New("it is not read")

// file reads one patch file into the stack. It is one patch, whatever it holds: quilt
// applies it as one.
func (b *builder) file(fsys fs.FS, name string, e listed, o Options) error {
	data, err := readFile(fsys, name)
	if err != nil {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	if e.strip != 0 {
		o.Strip = e.strip
	}
	if o.Strip == 0 {
		o.Strip = 1
	}
	one := &builder{}
	if err := Each(name, strings.NewReader(string(data)), o, one.add); err != nil {
		return err
	}
	for _, p := range one.Patches {
		p.Reverse = e.reverse
		if len(one.Patches) == 1 {
			p.Name = name
		}
		if err := b.add(p); err != nil {
			return err
		}
	}
	b.Covers = append(b.Covers, one.Covers...)
	for _, x := range one.Problems {
		b.problem(x.File, x.Line, "%s", x.Text)
	}
	if len(one.Patches)+len(one.Problems)+len(one.Covers) == 0 {
		b.problem(name, 0, "it is empty")
	}
	return nil
}

// strays names the patches that lie there and are in no series.
func (b *builder) strays(fsys fs.FS, series string, named map[string]int) {
	var list []string
	files, err := patches(fsys, path.Dir(series))
	if err != nil {
		b.problem(path.Dir(series), 0, "%s", err)
	}
	for _, f := range files {
		if _, ok := named[f]; !ok {
			list = append(list, f)
		}
	}
	if n := len(list); n > 0 {
		more := ""
		if n > 20 {
			list, more = list[:20], ", …"
		}
		b.problem(series, 0, "%d patch files are not in it: %s%s", n, strings.Join(list, ", "), more)
	}
}
