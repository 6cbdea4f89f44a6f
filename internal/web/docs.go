package web

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// docView is a page of the documentation.
type docView struct {
	HTML  template.HTML
	Pages []choice
}

const maxDoc = 4 << 20

// markdown renders with goldmark's defaults: raw HTML and script URLs in a
// document are left out.
var markdown = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough), goldmark.WithParserOptions(parser.WithAutoHeadingID()))

func (s *site) doc(w http.ResponseWriter, r *http.Request) error {
	if s.docs == nil {
		return errNoPage
	}
	if at := r.PathValue("path"); path.Ext(at) == ".json" {
		src, err := readFile(s.docs, at)
		if err != nil {
			return errNoPage
		}
		w.Header().Set("Content-Type", "application/json")
		writeMaybeGzip(w, r, http.StatusOK, src)
		return nil
	}
	name, src, err := readDoc(s.docs, r.PathValue("path"))
	if err != nil {
		return errNoPage
	}
	tree := markdown.Parser().Parse(text.NewReader(src))
	title := docTitle(tree, src)
	relinkDocs(tree)
	var b bytes.Buffer
	if err := markdown.Renderer().Render(&b, src, tree); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	v := docView{HTML: template.HTML(b.String())}
	if v.Pages, err = docPages(s.docs, name); err != nil {
		return err
	}
	return s.show(w, r, "doc", layout{Title: cmp.Or(title, name), Section: "docs", View: v})
}

// readDoc finds the file of an address: "" is the first page, "push" is
// push.md, "push/" is the first page of that folder.
func readDoc(docs fs.FS, at string) (name string, src []byte, err error) {
	clean := strings.Trim(path.Clean("/"+at), "/")
	candidates := []string{clean + ".md", clean, path.Join(clean, "index.md"), path.Join(clean, "README.md")}
	for _, c := range candidates {
		if path.Ext(c) != ".md" {
			continue
		}
		if src, err := readFile(docs, c); err == nil {
			return c, src, nil
		}
	}
	return "", nil, fs.ErrNotExist
}

func readFile(docs fs.FS, name string) ([]byte, error) {
	f, err := docs.Open(name) // refuses a path that leaves the folder
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxDoc))
}

// docTitle returns the first heading.
func docTitle(tree ast.Node, src []byte) string {
	for n := tree.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			return string(h.Lines().Value(src))
		}
	}
	return ""
}

// relinkDocs makes links between Markdown files work as addresses.
func relinkDocs(tree ast.Node) {
	_ = ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if l, ok := n.(*ast.Link); ok && entering {
			to, anchor, _ := strings.Cut(string(l.Destination), "#")
			if name, ok := strings.CutSuffix(to, ".md"); ok && !strings.Contains(to, ":") {
				if anchor != "" {
					anchor = "#" + anchor
				}
				l.Destination = []byte(name + anchor)
			}
		}
		return ast.WalkContinue, nil // the callback never fails, so neither does the walk
	})
}

// docPages lists the documents for the navigation.
func docPages(docs fs.FS, current string) ([]choice, error) {
	var out []choice
	err := fs.WalkDir(docs, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".md" {
			return err
		}
		base := strings.TrimSuffix(name, ".md")
		src, err := readFile(docs, name)
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(string(src), "\n")
		title, ok := strings.CutPrefix(first, "# ")
		if !ok {
			title = strings.ReplaceAll(base, "-", " ")
		}
		c := choice{Value: name, Label: strings.TrimSpace(title), URL: "/docs/" + base, Chosen: name == current}
		if base == "index" || base == "README" {
			c.Label, c.URL = "Start", "/docs/"
		}
		out = append(out, c)
		return nil
	})
	slices.SortStableFunc(out, func(a, b choice) int {
		return strings.Compare(docOrder(a), docOrder(b))
	})
	return out, err
}

// docOrder sorts the first page before the others.
func docOrder(c choice) string {
	if c.URL == "/docs/" {
		return ""
	}
	return c.Label
}
