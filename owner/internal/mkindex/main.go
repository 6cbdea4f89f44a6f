// Command mkindex makes the embedded owner index from a kernel source tree.
//
// It is run by scripts/owner-index, which knows where the tree comes from:
//
//	go run ./owner/internal/mkindex -tree DIR -package P -version V -date D -out FILE
//
// The output is not compressed and depends on nothing but the tree and the
// flags. A summary goes to standard output in the form "key value".
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"ringside/owner/internal/pack"
	"ringside/owner/internal/scan"
)

func main() {
	tree := flag.String("tree", "", "kernel source `directory`")
	out := flag.String("out", "", "index `file` to write")
	var meta pack.Meta
	flag.StringVar(&meta.Package, "package", "", "`name` of the package the tree is from")
	flag.StringVar(&meta.Version, "version", "", "`version` of that package")
	flag.StringVar(&meta.Date, "date", "", "`date` of that version")
	flag.Parse()
	if *tree == "" || *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.DirFS(*tree), *out, meta); err != nil {
		fmt.Fprintln(os.Stderr, "mkindex:", err)
		os.Exit(1)
	}
}

func run(tree fs.FS, out string, meta pack.Meta) error {
	src, err := read(tree, meta)
	if err != nil {
		return err
	}
	data, err := pack.Encode(src)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	idx, err := pack.Decode(data)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	files, functions, modules := idx.Counts()
	fmt.Printf("sections %d\nfiles %d\nfunctions %d\ndefinitions %d\nmodules %d\nbytes %d\n",
		sections(src.Maintainers), files, len(src.Functions), functions, modules, len(data))
	return os.WriteFile(out, data, 0o644)
}

func read(tree fs.FS, meta pack.Meta) (pack.Source, error) {
	src := pack.Source{Meta: meta, Functions: make(map[string][]string)}
	text, err := fs.ReadFile(tree, "MAINTAINERS")
	if err != nil {
		return src, fmt.Errorf("read the tree's owners: %w: give the top of a kernel tree with -tree", err)
	}
	src.Maintainers, src.FirstLine = body(text)
	if mail, err := fs.ReadFile(tree, ".mailmap"); err == nil {
		src.Mailmap = relevant(mail, src.Maintainers)
	}
	files := make(map[string]bool)
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipDir(name) {
				return fs.SkipDir
			}
			for _, m := range scan.Modules(tree, name) {
				src.Modules = append(src.Modules, pack.Module(m))
				for _, f := range m.Files {
					files[f] = true
				}
			}
			return nil
		}
		if !d.Type().IsRegular() || onTheWay[path.Dir(name)] {
			return nil
		}
		find := scan.C
		switch path.Ext(name) {
		case ".c", ".h":
		case ".S":
			find = scan.Asm
		default:
			return nil
		}
		code, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		defines := false
		find(code, func(fn string) {
			defines = true
			// Several definitions in one file are branches of a condition.
			if in := src.Functions[fn]; len(in) == 0 || in[len(in)-1] != name {
				src.Functions[fn] = append(in, name)
			}
		})
		if defines || path.Ext(name) != ".h" {
			files[name] = true // a header that defines nothing is in no stack
		}
		return nil
	})
	if err != nil {
		return src, fmt.Errorf("scan the tree: %w", err)
	}
	for f := range files {
		src.Files = append(src.Files, f)
	}
	slices.Sort(src.Files)
	return src, nil
}

// skip are directories whose code never runs in a kernel that can crash:
// programs, boot loaders' stages, documentation. Among the tools, a few
// directories hold modules and are kept; keep matches them and the way there.
var (
	skip = regexp.MustCompile(`^(Documentation|LICENSES|scripts|usr)$|^arch/[^/]+/(boot|tools)$|^drivers/firmware/efi/libstub$|^\.`)
	keep = regexp.MustCompile(`^tools(/testing(/(nvdimm|cxl)(/.*)?|/selftests(/bpf(/(bpf_testmod|test_kmods)(/.*)?)?)?)?)?$`)
)

// onTheWay are directories entered only for what is below them.
var onTheWay = map[string]bool{
	"tools": true, "tools/testing": true, "tools/testing/selftests": true, "tools/testing/selftests/bpf": true,
}

func skipDir(dir string) bool {
	switch {
	case dir == ".":
		return false
	case dir == "tools" || strings.HasPrefix(dir, "tools/"):
		return !keep.MatchString(dir)
	}
	return skip.MatchString(dir)
}

// sections counts the titles that are followed by entries.
func sections(text []byte) int {
	n, titled := 0, false
	for line := range bytes.Lines(text) {
		switch line = bytes.TrimSpace(line); {
		case len(line) > 1 && line[1] == ':' && line[0] >= 'A' && line[0] <= 'Z':
			if titled {
				n++
			}
			titled = false
		case len(line) > 0 && line[0] != '#':
			titled = true
		}
	}
	return n
}

// relevant returns the lines of a mailmap whose old address, the last one on
// the line, is in use.
func relevant(mailmap, text []byte) []byte {
	var out []byte
	for line := range bytes.Lines(mailmap) {
		open, end := bytes.LastIndexByte(line, '<'), bytes.LastIndexByte(line, '>')
		if open >= 0 && end > open && bytes.Contains(text, line[open:end+1]) {
			out = append(out, line...)
		}
	}
	return out
}

// body cuts off the description at the head of MAINTAINERS and returns the
// number of the first line that is left.
func body(text []byte) ([]byte, int) {
	tag := regexp.MustCompile(`(?m)^[A-Z]:`).FindIndex(text)
	if tag == nil {
		return text, 1
	}
	// The line before the first tag is the first title.
	start := bytes.LastIndexByte(text[:max(tag[0]-1, 0)], '\n') + 1
	return text[start:], 1 + bytes.Count(text[:start], []byte{'\n'})
}
