package kernel

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Module is a kernel module, as it is loaded: not compressed.
type Module struct {
	Name string // with underscores, as the kernel lists it
	File string // where it was found
	Data []byte
}

// maxModule bounds one module; one with debug information has less.
const maxModule = 1 << 30

// moduleName turns a file's name into the module's.
func moduleName(file string) string {
	name := path.Base(file)
	for _, ext := range []string{".gz", ".xz", ".zst", ".ko"} {
		name = strings.TrimSuffix(name, ext)
	}
	return strings.ReplaceAll(name, "-", "_")
}

// Load reads modules and all that they depend on, in the order in which they have to be
// loaded. Those that are part of the image are left out.
func (t *Tree) Load(fsys fs.FS, names ...string) ([]Module, error) {
	if len(names) == 0 {
		return nil, nil
	}
	builtin, err := t.Builtin(fsys)
	if err != nil {
		return nil, err
	}
	if t.Modules == "" {
		return nil, fmt.Errorf("module %s: the kernel came without modules", names[0])
	}
	files, err := t.files(fsys)
	if err != nil {
		return nil, err
	}
	l := loader{fsys: fsys, files: files, builtin: builtin, state: map[string]int{}}
	for _, name := range names {
		if err := l.load(strings.ReplaceAll(name, "-", "_")); err != nil {
			return nil, err
		}
	}
	return l.out, nil
}

// files lists the modules of a tree by name.
func (t *Tree) files(fsys fs.FS) (map[string]string, error) {
	files := map[string]string{}
	err := fs.WalkDir(fsys, t.Modules, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && t.Build && (d.Name() == ".git" || name == "Documentation") {
			return fs.SkipDir
		}
		if base := d.Name(); strings.HasSuffix(base, ".ko") || strings.Contains(base, ".ko.") {
			files[moduleName(base)] = name
		}
		return nil
	})
	return files, err
}

type loader struct {
	fsys    fs.FS
	files   map[string]string
	builtin map[string]bool
	state   map[string]int // 1 while it is being loaded, 2 after
	out     []Module
}

func (l *loader) load(name string) error {
	if l.builtin[name] || l.state[name] == 2 {
		return nil
	}
	if l.state[name] == 1 {
		return fmt.Errorf("module %s depends on itself", name)
	}
	l.state[name] = 1
	file, ok := l.files[name]
	if !ok {
		return fmt.Errorf("module %s: %w among the kernel's modules, and it is not built in", name, fs.ErrNotExist)
	}
	data, err := ReadModule(l.fsys, file)
	if err != nil {
		return fmt.Errorf("module %s: %w", name, err)
	}
	info, err := Info(data)
	if err != nil {
		return fmt.Errorf("module %s: %w", name, err)
	}
	for _, dep := range strings.Split(info["depends"], ",") {
		if dep == "" {
			continue
		}
		if err := l.load(strings.ReplaceAll(dep, "-", "_")); err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
	}
	l.state[name] = 2
	l.out = append(l.out, Module{Name: name, File: file, Data: data})
	return nil
}

// ReadModule reads a module's file and undoes its compression.
func ReadModule(fsys fs.FS, file string) ([]byte, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	switch path.Ext(file) {
	case ".gz":
		r, err = gzip.NewReader(f)
	case ".xz":
		r, err = xz.ReaderConfig{DictCap: 64 << 20}.NewReader(f)
	case ".zst":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(f, zstd.WithDecoderMaxMemory(maxModule)); err == nil {
			defer d.Close()
			r = d
		}
	}
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxModule+1))
	if err == nil && len(data) > maxModule {
		err = fmt.Errorf("more than %d bytes", maxModule)
	}
	return data, err
}

// Info reads what a module says of itself, its .modinfo: "depends", "vermagic", …; the
// first of each name.
func Info(module []byte) (map[string]string, error) {
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, fmt.Errorf("no kernel module: %w", err)
	}
	s := f.Section(".modinfo")
	if s == nil {
		return nil, errors.New("no kernel module: it has no .modinfo")
	}
	data, err := s.Data()
	if err != nil {
		return nil, fmt.Errorf(".modinfo: %w", err)
	}
	info := map[string]string{}
	for field := range bytes.SplitSeq(data, []byte{0}) {
		key, value, ok := strings.Cut(string(field), "=")
		if _, have := info[key]; ok && !have {
			info[key] = value
		}
	}
	return info, nil
}
