package schema

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Source reads what reflection does not know from the Go source of a module:
// the comments of types and fields, and the constants of a type.
type Source struct {
	module   string
	root     fs.FS
	packages map[string]*pkg
}

// pkg is what one package's source says.
type pkg struct {
	types  map[string]string   // comment of each type
	fields map[string]string   // comment of each field, as "Type.Field"
	values map[string][]string // string constants of each type
}

// NewSource returns the source of the module of that path, whose top folder is
// root.
func NewSource(module string, root fs.FS) *Source {
	return &Source{module: module, root: root, packages: map[string]*pkg{}}
}

// load parses a package, once. Those of other modules have nothing to say.
func (s *Source) load(importPath string) (*pkg, error) {
	if p, ok := s.packages[importPath]; ok {
		return p, nil
	}
	p := &pkg{types: map[string]string{}, fields: map[string]string{}, values: map[string][]string{}}
	s.packages[importPath] = p
	dir, ok := strings.CutPrefix(importPath, s.module+"/")
	if !ok {
		return p, nil
	}
	names, err := fs.Glob(s.root, path.Join(dir, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("list the source of %s: %w", importPath, err)
	}
	set := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(s.root, name)
		if err != nil {
			return nil, fmt.Errorf("read the source of %s: %w", importPath, err)
		}
		file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read the source of %s: %w", importPath, err)
		}
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				p.declaration(g)
			}
		}
	}
	return p, nil
}

func (p *pkg) declaration(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			p.types[spec.Name.Name] = sentence(spec.Doc, g.Doc, spec.Comment)
			if st, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range st.Fields.List {
					for _, n := range f.Names {
						p.fields[spec.Name.Name+"."+n.Name] = sentence(f.Doc, f.Comment)
					}
				}
			}
		case *ast.ValueSpec:
			name, ok := spec.Type.(*ast.Ident)
			if g.Tok != token.CONST || !ok {
				continue
			}
			for _, v := range spec.Values {
				if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					// An empty constant is what a field has before it is known.
					if text, err := strconv.Unquote(lit.Value); err == nil && text != "" {
						p.values[name.Name] = append(p.values[name.Name], text)
					}
				}
			}
		}
	}
}

// docLink is a link of a doc comment: brackets around an exported name.
var docLink = regexp.MustCompile(`\[((?:[\w/]+\.)?[A-Z]\w*(?:\.[A-Z]\w*)?)\]`)

// sentence returns the first of the comments that says something, on one line
// a paragraph.
func sentence(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		text := strings.TrimSpace(g.Text()) // of a nil group as well
		if text == "" {
			continue
		}
		text = docLink.ReplaceAllString(text, "$1")
		paragraphs := strings.Split(text, "\n\n")
		for i, p := range paragraphs {
			paragraphs[i] = strings.Join(strings.Fields(p), " ")
		}
		return strings.Join(paragraphs, "\n\n")
	}
	return ""
}
