package scan

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Module is an object that kbuild can make a loadable module of.
type Module struct {
	Name  string   // as the kernel prints it, with underscores
	Files []string // sources, sorted
}

// Modules reads the Makefile of one directory and returns the modules it can
// build. Every branch of every condition is taken: which are compiled depends
// on a configuration, who owns them does not.
func Modules(tree fs.FS, dir string) []Module {
	m := makefile{tree: tree, dir: dir, vars: make(map[string]string)}
	for _, name := range []string{"Kbuild", "Makefile"} {
		if src, err := fs.ReadFile(tree, path.Join(dir, name)); err == nil {
			m.read(string(src), 0)
		}
	}
	objects := make(map[string]bool)
	for name := range m.vars {
		if rest, ok := strings.CutPrefix(name, "obj-"); ok && (rest == "m" || strings.HasPrefix(rest, "$")) {
			for w := range strings.FieldsSeq(m.value(name)) {
				if obj, ok := strings.CutSuffix(w, ".o"); ok {
					objects[obj] = true
				}
			}
		}
	}
	var out []Module
	for obj := range objects {
		if files := m.sources(obj); len(files) > 0 {
			out = append(out, Module{strings.ReplaceAll(path.Base(obj), "-", "_"), files})
		}
	}
	slices.SortFunc(out, func(a, b Module) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// makefile is the state of reading one.
type makefile struct {
	tree fs.FS
	dir  string
	vars map[string]string // unexpanded, except where ":=" asked for expansion
	work int               // bytes produced by expansion so far
}

// Bounds for makefiles that are not what they seem.
const (
	maxIncludes = 8
	maxNesting  = 16
	maxWork     = 16 << 20
)

// read takes the assignments of one file.
func (m *makefile) read(src string, depth int) {
	src = strings.ReplaceAll(src, "\\\n", " ")
	for line := range strings.Lines(src) {
		if strings.HasPrefix(line, "\t") && !strings.Contains(line, "=") {
			continue // a recipe
		}
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(strings.TrimPrefix(line, "-"), "include "); ok {
			m.include(rest, depth)
			continue
		}
		name, value, op := cutAssignment(line)
		switch op {
		case 0:
		case '+':
			m.vars[name] += " " + value
		case ':':
			// A name given several values gets them under different conditions,
			// of which all are taken.
			m.vars[name] = m.carry(name) + m.expand(value, 0)
		default:
			m.vars[name] = m.carry(name) + value
		}
	}
}

// carry is what an assignment keeps of the value it replaces: object lists
// accumulate, other variables, such as paths, do not.
func (m *makefile) carry(name string) string {
	if old := m.vars[name]; strings.Contains(old, ".o") {
		return old + " "
	}
	return ""
}

func (m *makefile) include(args string, depth int) {
	if depth >= maxIncludes {
		return
	}
	for w := range strings.FieldsSeq(m.expand(args, 0)) {
		w = path.Clean(w)
		if !fs.ValidPath(w) {
			continue
		}
		if src, err := fs.ReadFile(m.tree, w); err == nil {
			m.read(string(src), depth+1)
		}
	}
}

// cutAssignment splits "name op value"; op is 0 when the line is none.
func cutAssignment(line string) (name, value string, op byte) {
	nest := 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '(' || c == '{':
			nest++
		case c == ')' || c == '}':
			nest--
		case c == '=' && nest == 0:
			name, value = line[:i], strings.TrimSpace(line[i+1:])
			op = '='
			for name != "" && strings.IndexByte(":+?!", name[len(name)-1]) >= 0 {
				op = name[len(name)-1]
				name = name[:len(name)-1]
			}
			name = strings.TrimSpace(name)
			name = strings.TrimSpace(strings.TrimPrefix(name, "export "))
			if name == "" || strings.ContainsAny(name, " \t") && !strings.Contains(name, "$(") {
				return "", "", 0
			}
			return name, value, op
		}
	}
	return "", "", 0
}

// sources returns the files an object is made of.
func (m *makefile) sources(obj string) []string {
	var files []string
	add := func(obj string) {
		base := path.Join(m.dir, obj)
		for _, ext := range []string{".c", ".S", ".rs"} {
			if _, err := fs.Stat(m.tree, base+ext); err == nil {
				files = append(files, base+ext)
				return
			}
		}
	}
	composite := false
	for name := range m.vars {
		rest, ok := strings.CutPrefix(name, obj+"-")
		if !ok || rest != "y" && rest != "m" && !strings.HasPrefix(rest, "objs") && !strings.HasPrefix(rest, "$") {
			continue
		}
		composite = true
		for w := range strings.FieldsSeq(m.value(name)) {
			if part, ok := strings.CutSuffix(w, ".o"); ok {
				add(part)
			}
		}
	}
	if !composite {
		add(obj)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

func (m *makefile) value(name string) string { return m.expand(m.vars[name], 0) }

// expand replaces variable references and the text functions that kernel
// Makefiles build object lists with.
func (m *makefile) expand(s string, depth int) string {
	if !strings.Contains(s, "$") || depth > maxNesting {
		return s
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i+1 >= len(s) || m.work > maxWork {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		if s[i+1] != '(' && s[i+1] != '{' {
			s = s[i+2:]
			continue
		}
		ref, rest := cutReference(s[i+2:])
		s = rest
		v := m.reference(ref, depth+1)
		m.work += len(v) + 1
		b.WriteString(v)
	}
	return b.String()
}

// cutReference splits at the parenthesis that closes a reference.
func cutReference(s string) (ref, rest string) {
	nest := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(', '{':
			nest++
		case ')', '}':
			if nest == 0 {
				return s[:i], s[i+1:]
			}
			nest--
		}
	}
	return s, ""
}

// reference evaluates what stood between "$(" and ")".
func (m *makefile) reference(ref string, depth int) string {
	if fn, args, ok := strings.Cut(ref, " "); ok {
		return m.call(fn, splitArgs(args), depth)
	}
	if name, subst, ok := strings.Cut(ref, ":"); ok {
		from, to, _ := strings.Cut(subst, "=")
		if !strings.Contains(from, "%") {
			from, to = "%"+from, "%"+to
		}
		return patsubst(from, to, m.expand(m.vars[name], depth))
	}
	switch ref {
	case "src", "obj":
		return m.dir
	case "srctree", "objtree", "srcroot":
		return "."
	}
	return m.expand(m.vars[m.expand(ref, depth)], depth)
}

func (m *makefile) call(fn string, args []string, depth int) string {
	for i := range args {
		args[i] = m.expand(args[i], depth)
	}
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch fn {
	case "addprefix":
		return patsubst("%", arg(0)+"%", arg(1))
	case "addsuffix":
		return patsubst("%", "%"+arg(0), arg(1))
	case "patsubst":
		return patsubst(arg(0), arg(1), arg(2))
	case "subst":
		if arg(0) == "" {
			return arg(2)
		}
		return strings.ReplaceAll(arg(2), arg(0), arg(1))
	case "sort", "strip", "notdir":
		return arg(0)
	case "filter", "filter-out":
		return arg(1)
	case "if", "or":
		return strings.Join(args[min(1, len(args)):], " ")
	}
	return ""
}

func splitArgs(s string) []string {
	var out []string
	nest, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(', '{':
			nest++
		case ')', '}':
			nest--
		case ',':
			if nest == 0 {
				out = append(out, strings.TrimSpace(s[start:i]))
				start = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(s[start:]))
}

func patsubst(from, to, words string) string {
	pre, post, wild := strings.Cut(from, "%")
	var out []string
	for w := range strings.FieldsSeq(words) {
		if wild && len(w) >= len(pre)+len(post) && strings.HasPrefix(w, pre) && strings.HasSuffix(w, post) {
			w = strings.Replace(to, "%", w[len(pre):len(w)-len(post)], 1)
		} else if w == from {
			w = to
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}
