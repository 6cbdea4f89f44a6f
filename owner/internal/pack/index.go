package pack

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

const magic = "RSOWNER\x01"

// Meta says what the index was made from.
type Meta struct {
	Package string `json:"package"` // linux-source-6.12
	Version string `json:"version"` // of the package
	Date    string `json:"date"`    // of the package's newest file, not of the run, so that a run can be repeated
}

// Source is what an index is made from.
type Source struct {
	Meta        Meta
	Maintainers []byte // the file from its first section on
	FirstLine   int    // the line number of its first line
	Mailmap     []byte // the lines of .mailmap that speak of someone in Maintainers
	Files       []string
	Functions   map[string][]string // function → files
	Modules     []Module
}

// Module is a loadable module and the files it is compiled from.
type Module struct {
	Name  string
	Files []string
}

// Index is a decoded index.
type Index struct {
	Meta        Meta
	Maintainers []byte
	FirstLine   int
	Mailmap     []byte
	files       *Strings
	functions   *Strings
	defined     *Refs
	modules     *Strings
	lists       [][]byte // per module: count and file numbers
}

// Encode writes an index.
func Encode(src Source) ([]byte, error) {
	files := slices.Compact(slices.Sorted(slices.Values(src.Files)))
	number := make(map[string]uint32, len(files))
	for i, f := range files {
		number[f] = uint32(i)
	}
	meta, err := json.Marshal(src.Meta)
	if err != nil {
		return nil, fmt.Errorf("encode meta data: %w", err)
	}
	out := []byte(magic)
	out = appendBytes(out, meta)
	out = binary.AppendUvarint(out, uint64(src.FirstLine))
	out = appendBytes(out, src.Maintainers)
	out = appendBytes(out, src.Mailmap)
	if out, err = appendStrings(out, files); err != nil {
		return nil, fmt.Errorf("encode files: %w", err)
	}

	var names []string
	var refs []uint32
	for name, in := range src.Functions {
		for range in {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i := 0; i < len(names); {
		in := src.Functions[names[i]]
		at := len(refs)
		for _, f := range in {
			n, ok := number[f]
			if !ok {
				return nil, fmt.Errorf("function %s: file %s is not listed", names[i], f)
			}
			refs = append(refs, n)
		}
		slices.Sort(refs[at:])
		i += len(in)
	}
	if out, err = appendStrings(out, names); err != nil {
		return nil, fmt.Errorf("encode functions: %w", err)
	}
	out = appendRefs(out, refs)

	modules := slices.SortedFunc(slices.Values(src.Modules), func(a, b Module) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), slices.Compare(a.Files, b.Files))
	})
	names = names[:0]
	var lists []byte
	for _, m := range modules {
		names = append(names, m.Name)
		lists = binary.AppendUvarint(lists, uint64(len(m.Files)))
		prev := int64(0)
		for _, f := range m.Files {
			n, ok := number[f]
			if !ok {
				return nil, fmt.Errorf("module %s: file %s is not listed", m.Name, f)
			}
			lists = binary.AppendVarint(lists, int64(n)-prev)
			prev = int64(n)
		}
	}
	if out, err = appendStrings(out, names); err != nil {
		return nil, fmt.Errorf("encode modules: %w", err)
	}
	return appendBytes(out, lists), nil
}

// Decode reads an index. The result refers to src.
func Decode(src []byte) (*Index, error) {
	src, ok := bytes.CutPrefix(src, []byte(magic))
	if !ok {
		return nil, fmt.Errorf("not an owner index of this version: %w", errCorrupt)
	}
	var x Index
	meta, src, err := takeBytes(src)
	if err != nil {
		return nil, fmt.Errorf("meta data: %w", err)
	}
	if err := json.Unmarshal(meta, &x.Meta); err != nil {
		return nil, fmt.Errorf("meta data: %w", err)
	}
	line, src, err := uvarint(src)
	if err != nil || line > 1<<24 {
		return nil, fmt.Errorf("first line: %w", errCorrupt)
	}
	x.FirstLine = int(line)
	if x.Maintainers, src, err = takeBytes(src); err != nil {
		return nil, fmt.Errorf("maintainers: %w", err)
	}
	if x.Mailmap, src, err = takeBytes(src); err != nil {
		return nil, fmt.Errorf("mailmap: %w", err)
	}
	if x.files, src, err = decodeStrings(src); err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	if x.functions, src, err = decodeStrings(src); err != nil {
		return nil, fmt.Errorf("functions: %w", err)
	}
	if x.defined, src, err = decodeRefs(src, x.files.Len()); err != nil {
		return nil, fmt.Errorf("functions: %w", err)
	}
	if x.defined.n != x.functions.Len() {
		return nil, fmt.Errorf("functions: %d names, %d files: %w", x.functions.Len(), x.defined.n, errCorrupt)
	}
	if x.modules, src, err = decodeStrings(src); err != nil {
		return nil, fmt.Errorf("modules: %w", err)
	}
	lists, _, err := takeBytes(src)
	if err != nil {
		return nil, fmt.Errorf("modules: %w", err)
	}
	x.lists = make([][]byte, 0, x.modules.Len())
	for i := range x.modules.Len() {
		_, rest, err := fileList(lists, x.files.Len())
		if err != nil {
			return nil, fmt.Errorf("module %d: %w", i, err)
		}
		x.lists = append(x.lists, lists[:len(lists)-len(rest)])
		lists = rest
	}
	return &x, nil
}

// fileList decodes one module's file numbers.
func fileList(src []byte, limit int) (list []uint32, rest []byte, err error) {
	n, src, err := uvarint(src)
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(src)) {
		return nil, nil, fmt.Errorf("%d files in %d bytes: %w", n, len(src), errCorrupt)
	}
	list = make([]uint32, 0, n)
	sum := int64(0)
	for range n {
		d, k := binary.Varint(src)
		if k <= 0 {
			return nil, nil, fmt.Errorf("file list cut off: %w", errCorrupt)
		}
		src = src[k:]
		if sum += d; sum < 0 || sum >= int64(limit) {
			return nil, nil, fmt.Errorf("file %d of %d: %w", sum, limit, errCorrupt)
		}
		list = append(list, uint32(sum))
	}
	return list, src, nil
}

// HasFile reports whether the tree has this source file.
func (x *Index) HasFile(path string) bool {
	first, end := x.files.Search(path)
	return first < end
}

// HasDir reports whether the tree has source files below this directory, given
// without a trailing slash.
func (x *Index) HasDir(dir string) bool {
	i := x.files.seek(dir + "/")
	return i < x.files.Len() && strings.HasPrefix(x.files.At(i), dir+"/")
}

// Definitions returns the files that define a function.
func (x *Index) Definitions(function string) []string {
	first, end := x.functions.Search(function)
	if first == end {
		return nil
	}
	refs := x.defined.Range(first, end)
	out := make([]string, 0, len(refs))
	for _, r := range refs {
		out = append(out, x.files.At(int(r)))
	}
	return slices.Compact(out)
}

// Modules returns the modules of this name, mostly one, each with its files.
func (x *Index) Modules(name string) []Module {
	var out []Module
	first, end := x.modules.Search(name)
	for i := first; i < end; i++ {
		list, _, err := fileList(x.lists[i], x.files.Len())
		if err != nil {
			continue // checked when it was decoded
		}
		m := Module{Name: name}
		for _, r := range list {
			m.Files = append(m.Files, x.files.At(int(r)))
		}
		out = append(out, m)
	}
	return out
}

// Counts returns how many files, function definitions and modules there are.
func (x *Index) Counts() (files, functions, modules int) {
	return x.files.Len(), x.functions.Len(), x.modules.Len()
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func takeBytes(src []byte) (b, rest []byte, err error) {
	n, src, err := uvarint(src)
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(src)) {
		return nil, nil, fmt.Errorf("%d bytes announced, %d there: %w", n, len(src), errCorrupt)
	}
	return src[:n], src[n:], nil
}
