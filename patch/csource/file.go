package csource

import (
	"strings"
)

// A File is what is found in a source file.
type File struct {
	Funcs []*Func
	// Names are the identifiers at file scope outside of functions, in prototypes,
	// variables, initialisers, with the line of the first.
	Names map[string]int

	src string
}

// A Func is a function with a body.
type Func struct {
	Name string
	// Macro is what defines the function where it is a macro: SYSCALL_DEFINE3.
	Macro  string
	Static bool
	// Result is the type as it is written, with stars, without storage and attributes.
	Result string
	Params []Decl
	// Attrs are annotations with arguments after the parameters: __acquires.
	Attrs []string
	// Line is that of the name, First that of the first token, Last that of the closing
	// brace.
	First, Line, Last int

	body  []Token
	block *Stmt
}

// maxSource bounds a file.
const maxSource = 64 << 20

// Parse finds the functions of a file. Bodies are read when they are asked for.
func Parse(src string) *File {
	if len(src) > maxSource {
		src = src[:maxSource]
	}
	f := &File{src: src, Names: map[string]int{}}
	t := lex(src)
	for i := 0; i < len(t); {
		i = f.item(t, i)
	}
	return f
}

// Func gives the function with a name, the first if there are several; nil if there is
// none.
func (f *File) Func(name string) *Func {
	for _, fn := range f.Funcs {
		if fn.Name == name {
			return fn
		}
	}
	return nil
}

// group is a name with what stands in parentheses behind it.
type group struct{ name, open, end int }

// item reads what begins at a token of file scope and gives where the next begins.
func (f *File) item(t []Token, i int) int {
	start, groups := i, []group(nil)
	assigned := false
	for i < len(t) {
		switch t[i].Text {
		case ";":
			f.names(t[start:i])
			return i + 1
		case "(":
			end := match(t, i, "(", ")")
			if i > start && t[i-1].Kind == Ident && !assigned {
				groups = append(groups, group{i - 1, i, end})
			}
			i = end + 1
		case "=":
			assigned = true
			i++
		case "{":
			end := f.braces(t, i)
			if g, ok := definer(t, start, i, groups); ok && !assigned {
				f.define(t, start, g, i, end)
				f.names(t[start:g.name])
				return end + 1
			}
			f.names(t[start:min(end+1, len(t))])
			i = end + 1
			if i < len(t) && !assigned && len(groups) > 0 {
				return i // a macro with braces, or extern "C"
			}
		case "}":
			return i + 1 // one too many
		default:
			// A macro that takes a line for itself, without a semicolon.
			if len(groups) == 1 && i > start && t[i-1].Text == ")" && groups[0].name == start && t[i].Kind == Ident &&
				(isColumn0(f.src, t[i]) && allUpper(t[start].Text)) {
				f.names(t[start:i])
				return i
			}
			i++
		}
	}
	return i
}

func isColumn0(src string, t Token) bool { return t.Pos == 0 || src[t.Pos-1] == '\n' }

func allUpper(s string) bool { return strings.ToUpper(s) == s }

// names keeps the identifiers of a declaration.
func (f *File) names(t []Token) {
	for _, tok := range t {
		if tok.Kind == Ident && f.Names[tok.Text] == 0 {
			f.Names[tok.Text] = tok.Line
		}
	}
}

// match gives the index of the bracket that closes the one at i, or the last token.
func match(t []Token, i int, open, closing string) int {
	depth := 0
	for ; i < len(t); i++ {
		switch t[i].Text {
		case open:
			depth++
		case closing:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(t) - 1
}

// braces gives the end of a block of file scope. Where braces do not match, because of
// branches that are left out, it is the first brace at the beginning of a line.
func (f *File) braces(t []Token, i int) int {
	depth := 0
	for j := i; j < len(t); j++ {
		switch t[j].Text {
		case "{":
			depth++
		case "}":
			depth--
			if depth == 0 || isColumn0(f.src, t[j]) && j > i+1 && t[j].Line > t[i].Line {
				return j
			}
		}
	}
	return len(t) - 1
}

// definer tells which of the groups before a block is a function with its parameters.
func definer(t []Token, start, brace int, groups []group) (group, bool) {
	if len(groups) == 0 {
		return group{}, false
	}
	switch t[start].Text {
	case "typedef":
		return group{}, false
	}
	// What stands between the last parenthesis and the brace are attributes, or the
	// parameters of old style; a struct's name is neither.
	last := groups[len(groups)-1]
	for i := last.end + 1; i < brace; i++ {
		if t[i].Kind != Ident && t[i].Text != ")" && t[i].Text != "[" && t[i].Text != "]" {
			return group{}, false
		}
	}
	best, found := group{}, false
	for _, g := range groups {
		if !attributes[t[g.name].Text] {
			best, found = g, true
		}
	}
	return best, found
}

// attributes are annotations that take arguments.
var attributes = map[string]bool{
	"__attribute__": true, "__attribute": true, "__acquires": true, "__releases": true, "__must_hold": true,
	"__cond_acquires": true, "__cond_lock": true, "__printf": true, "__scanf": true, "__section": true,
	"__aligned": true, "__alloc_size": true, "__nonnull": true, "__no_sanitize": true, "__optimize": true,
	"__assume_aligned": true, "__error": true, "__warning": true, "__counted_by": true, "__init_or": true,
	"__acquires_shared": true, "__releases_shared": true, "__acquire": true, "__release": true, "__typeof__": true,
	"typeof": true, "__must_hold_shared": true, "__diag_ignore": true, "__malloc": true, "__alloc_align": true,
	"__visible_on": true, "__target": true, "__no_kcsan_or": true, "asm": true, "__asm__": true, "__asm": true,
}

// define keeps a function.
func (f *File) define(t []Token, start int, g group, brace, end int) {
	fn := &Func{
		Name: t[g.name].Text, First: t[start].Line, Line: t[g.name].Line, Last: t[end].Line,
		body: t[brace:min(end+1, len(t))],
	}
	if isDefiner(fn.Name) && g.open+1 < g.end && t[g.open+1].Kind == Ident {
		fn.Macro = fn.Name
		fn.Name = t[g.open+1].Text
		if strings.Contains(fn.Macro, "SYSCALL") {
			fn.Name = "sys_" + fn.Name
		}
		fn.Params = pairs(t[g.open+2 : g.end])
		fn.Result = "long"
	} else {
		fn.Params = params(t[g.open+1 : max(g.end, g.open+1)])
		var result []string
		for _, tok := range t[start:g.name] {
			switch tok.Text {
			case "static":
				fn.Static = true
			case "inline", "__inline", "__always_inline", "extern", "noinline", "asmlinkage", "__init", "__exit", "__cold",
				"__must_check", "__maybe_unused", "notrace", "__sched", "__visible", "const", "__weak", "__pure":
			default:
				result = append(result, tok.Text)
			}
		}
		fn.Result = strings.Join(result, " ")
	}
	for i := g.end + 1; i < brace; i++ {
		if t[i].Kind == Ident {
			fn.Attrs = append(fn.Attrs, t[i].Text)
		}
	}
	f.Funcs = append(f.Funcs, fn)
}

// isDefiner tells whether a macro with a block behind it defines a function that is named
// by its first argument.
func isDefiner(name string) bool {
	for _, part := range []string{"SYSCALL_DEFINE", "BPF_CALL_", "DEFINE_IDTENTRY", "SYSCALL_COMPAT", "FIXTURE_", "TEST_F"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// split cuts tokens at the commas of their own level.
func split(t []Token) [][]Token {
	var out [][]Token
	depth, begin := 0, 0
	for i, tok := range t {
		switch tok.Text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case ",":
			if depth == 0 {
				out = append(out, t[begin:i])
				begin = i + 1
			}
		}
	}
	if begin < len(t) {
		out = append(out, t[begin:])
	}
	return out
}

// params reads a list of parameters.
func params(t []Token) []Decl {
	var out []Decl
	for _, part := range split(t) {
		if d, ok := declarator(part); ok {
			out = append(out, d)
		}
	}
	return out
}

// pairs reads the parameters of SYSCALL_DEFINE: type, name, type, name.
func pairs(t []Token) []Decl {
	parts := split(t)
	if len(parts) > 0 && len(parts[0]) == 0 {
		parts = parts[1:]
	}
	var out []Decl
	for i := 0; i+1 < len(parts); i += 2 {
		if len(parts[i+1]) == 1 {
			out = append(out, typed(parts[i], parts[i+1][0]))
		}
	}
	return out
}

// declarator reads one parameter.
func declarator(t []Token) (Decl, bool) {
	for i := len(t) - 1; i > 0; i-- {
		switch {
		case t[i].Text == "]":
			depth := 0
			for ; i > 0; i-- {
				if t[i].Text == "]" {
					depth++
				} else if t[i].Text == "[" {
					if depth--; depth == 0 {
						break
					}
				}
			}
			if i > 1 && t[i-1].Kind == Ident {
				d := typed(t[:i-1], t[i-1])
				d.Stars++ // an array that is a parameter is a pointer
				return d, true
			}
			return Decl{}, false
		case t[i].Text == ")": // a function's pointer
			for j, tok := range t {
				if tok.Text == "*" && j+1 < len(t) && t[j+1].Kind == Ident {
					d := typed(t[:j], t[j+1])
					d.Stars++
					return d, true
				}
			}
			return Decl{}, false
		case t[i].Kind == Ident && !strings.HasPrefix(t[i].Text, "__"):
			return typed(t[:i], t[i]), true
		}
	}
	return Decl{}, false
}

func typed(t []Token, name Token) Decl {
	d := Decl{Name: name.Text, Line: name.Line}
	var words []string
	for _, tok := range t {
		switch tok.Text {
		case "*":
			d.Stars++
		case "__user", "__iomem", "__rcu", "__percpu":
			d.Space = tok.Text
		case "static":
			d.Static = true
		case "const", "volatile", "__maybe_unused", "__always_unused", "register", "__restrict":
		default:
			words = append(words, tok.Text)
		}
	}
	d.Type = strings.Join(words, " ")
	return d
}
