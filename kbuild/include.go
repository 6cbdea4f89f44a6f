package kbuild

import (
	"bytes"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"ringside/kbuild/gmake"
)

// maxSource bounds what is read of one source; the largest headers of a kernel, tables of
// a GPU's registers, have some 10 MiB.
const maxSource = 32 << 20

// An include is one file that a source names.
type include struct {
	name  string
	quote bool // looked for next to the file first
	macro bool // name is a macro's, which may have its value from who includes the file
}

// scanner reads what files include, whatever #if they stand under, and keeps it.
type scanner struct {
	fsys fs.FS
	tree *gmake.Tree
	mu   sync.Mutex
	of   map[string][]include
	// redefines has the configuration's symbols that a file defines or undefines itself.
	redefines map[string][]string
}

func newScanner(fsys fs.FS, tree *gmake.Tree) *scanner {
	return &scanner{fsys: fsys, tree: tree, of: map[string][]include{}, redefines: map[string][]string{}}
}

// includes gives what a file of the tree includes.
func (s *scanner) includes(file string) []include {
	s.mu.Lock()
	list, ok := s.of[file]
	s.mu.Unlock()
	if ok {
		return list
	}
	list, symbols := s.read(file)
	s.mu.Lock()
	s.of[file] = list
	if len(symbols) > 0 {
		s.redefines[file] = symbols
	}
	s.mu.Unlock()
	return list
}

// prefetch reads many files at once.
func (s *scanner) prefetch(files []string) {
	s.mu.Lock()
	files = slices.DeleteFunc(slices.Clone(files), func(f string) bool { _, ok := s.of[f]; return ok })
	s.mu.Unlock()
	n := max(1, min(runtime.GOMAXPROCS(0), 8))
	var wg sync.WaitGroup
	for part := range n {
		wg.Go(func() {
			for i := part; i < len(files); i += n {
				s.includes(files[i])
			}
		})
	}
	wg.Wait()
}

func (s *scanner) read(file string) (list []include, symbols []string) {
	info, err := fs.Stat(s.fsys, file)
	if err != nil || info.IsDir() || info.Size() > maxSource {
		return nil, nil
	}
	data, err := fs.ReadFile(s.fsys, file)
	if err != nil {
		return nil, nil
	}
	if strings.HasSuffix(file, ".rs") {
		return rustModules(file, data), nil
	}
	return scanIncludes(data), redefines(data)
}

var wordInclude = []byte("include")

// scanIncludes finds #include, and the assembler's .include. Of an #include whose file is
// a macro's value it takes all files that the source's #define lines name.
func scanIncludes(data []byte) []include {
	var list []include
	macro := false
	for pos := 0; ; {
		i := bytes.Index(data[pos:], wordInclude)
		if i < 0 {
			break
		}
		at := pos + i
		pos = at + len(wordInclude)
		if !isDirective(data, at) {
			continue
		}
		if bytes.HasPrefix(data[pos:], []byte("_next")) {
			pos += len("_next")
		}
		inc, ok := includeName(data[pos:])
		switch {
		case ok:
			list = append(list, inc)
		case at > 0 && data[at-1] != '.':
			macro = true
			if name := macroName(data[pos:]); name != "" {
				list = append(list, include{name: name, macro: true})
			}
		}
	}
	if macro {
		list = append(list, definedFiles(data)...)
	}
	return list
}

// isDirective says whether the word at a place is preceded by the # that begins a line,
// or by the assembler's period.
func isDirective(data []byte, at int) bool {
	i := at - 1
	for i >= 0 && (data[i] == ' ' || data[i] == '\t') {
		i--
	}
	if i < 0 {
		return false
	}
	if data[i] == '.' {
		return i == at-1
	}
	if data[i] != '#' {
		return false
	}
	for i--; i >= 0 && (data[i] == ' ' || data[i] == '\t'); i-- {
	}
	// "*/ #include" is a line's begin too.
	return i < 0 || data[i] == '\n' || data[i] == '/'
}

// includeName reads what follows the word.
func includeName(rest []byte) (include, bool) {
	i := 0
	for i < len(rest) && (rest[i] == ' ' || rest[i] == '\t' || rest[i] == '\\') {
		i++
	}
	if i >= len(rest) {
		return include{}, false
	}
	var end byte
	switch rest[i] {
	case '"':
		end = '"'
	case '<':
		end = '>'
	default:
		return include{}, false
	}
	rest = rest[i+1 : min(len(rest), i+512)]
	j := bytes.IndexAny(rest, string(end)+"\n")
	if j <= 0 || rest[j] != end {
		return include{}, false
	}
	return include{name: strings.TrimSuffix(string(rest[:j]), `\`), quote: end == '"'}, true
}

// macroName reads the macro of an #include.
func macroName(rest []byte) string {
	rest = bytes.TrimLeft(rest[:min(len(rest), 200)], " \t")
	n := 0
	for n < len(rest) && (rest[n] == '_' || rest[n] >= 'A' && rest[n] <= 'Z' || rest[n] >= 'a' && rest[n] <= 'z' || rest[n] >= '0' && rest[n] <= '9') {
		n++
	}
	return string(rest[:n])
}

// valuesOf gives the files that a source's #define lines have as the value of a macro.
func (s *scanner) valuesOf(file, macro string) []include {
	data, err := fs.ReadFile(s.fsys, file)
	if err != nil || len(data) > maxSource {
		return nil
	}
	var list []include
	for line := range bytes.Lines(data) {
		if f := bytes.Fields(line); len(f) >= 3 && bytes.HasSuffix(f[0], []byte("define")) && string(f[1]) == macro {
			if inc, ok := includeName(f[2]); ok {
				list = append(list, inc)
			}
		}
	}
	return list
}

// definedFiles gives the names of files in a source's #define lines.
func definedFiles(data []byte) []include {
	var list []include
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if !bytes.HasPrefix(line, []byte("#")) || !bytes.Contains(line, []byte("define")) {
			continue
		}
		for i := 0; i < len(line); i++ {
			if line[i] != '"' && line[i] != '<' {
				continue
			}
			if inc, ok := includeName(line[i:]); ok && strings.Contains(inc.name, ".") {
				list = append(list, inc)
				i += len(inc.name) + 1
			}
		}
	}
	return list
}

// rustModules finds "mod name;": name.rs or name/mod.rs next to the file.
func rustModules(file string, data []byte) []include {
	base := strings.TrimSuffix(path.Base(file), ".rs")
	prefix := ""
	if base != "mod" && base != "lib" && base != "main" {
		prefix = base + "/"
	}
	var list []include
	for line := range bytes.Lines(data) {
		words := strings.Fields(string(line[:min(len(line), 200)]))
		for len(words) > 0 && strings.HasPrefix(words[0], "pub") {
			words = words[1:]
		}
		if len(words) < 2 || words[0] != "mod" {
			continue
		}
		if name, ok := strings.CutSuffix(words[1], ";"); ok {
			for _, n := range []string{name + ".rs", name + "/mod.rs", prefix + name + ".rs", prefix + name + "/mod.rs"} {
				list = append(list, include{name: n, quote: true})
			}
		}
	}
	return list
}
