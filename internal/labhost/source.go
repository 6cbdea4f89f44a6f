package labhost

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ringside/lab"
	"ringside/lab/kernel"
)

// Kernel is a kernel that was found in what somebody gave.
type Kernel struct {
	Image   kernel.Image
	Content lab.Content
	Config  string // file with its configuration, "" where there is none

	store *Store
	fsys  fs.FS // of its modules, nil where it came without
	tree  kernel.Tree
}

// Kernel finds the kernel in an image, a Debian package, a build tree or an installed
// root. release chooses where there are several.
func (s *Store) Kernel(path, release string) (*Kernel, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return s.kernelIn(path, release)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if kernel.IsPackage(head[:n]) {
		dir, err := s.unpack(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return s.kernelIn(dir, release)
	}
	image, err := kernel.Identify(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	k := &Kernel{Image: image, store: s}
	if k.Content, err = s.AddFile(path); err != nil {
		return nil, err
	}
	// An installed kernel has its modules beside it.
	if dir := filepath.Dir(path); filepath.Base(dir) == "boot" && image.Release != "" {
		if t, err := kernel.Find(os.DirFS(filepath.Dir(dir)), image.Release); err == nil {
			k.place(filepath.Dir(dir), t)
		}
	}
	return k, nil
}

func (s *Store) kernelIn(dir, release string) (*Kernel, error) {
	t, err := kernel.Find(os.DirFS(dir), release)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	file := filepath.Join(dir, filepath.FromSlash(t.Image))
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	k := &Kernel{store: s}
	if k.Image, err = kernel.Identify(f, info.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if t.Release != "" {
		k.Image.Release = t.Release
	}
	k.place(dir, t)
	k.Content, err = s.AddFile(file)
	return k, err
}

func (k *Kernel) place(dir string, t kernel.Tree) {
	k.fsys, k.tree = os.DirFS(dir), t
	if t.Config != "" {
		k.Config = filepath.Join(dir, filepath.FromSlash(t.Config))
	}
}

// Modules reads modules with all that they depend on into the store. One that is a path
// is a file of the host's; others are names among the kernel's own.
func (k *Kernel) Modules(names ...string) ([]lab.Module, error) {
	var out []lab.Module
	have := map[string]bool{}
	add := func(name, file string, data []byte, params string) error {
		if have[name] {
			return nil
		}
		have[name] = true
		c, err := k.store.Add(filepath.Base(file), bytes.NewReader(data), "")
		if err == nil {
			out = append(out, lab.Module{Name: name, Content: c, Params: params})
		}
		return err
	}
	own := func(names ...string) error {
		if k.fsys == nil {
			return nil // nothing is known of its modules: they may be built in, and the root tells if not
		}
		list, err := k.tree.Load(k.fsys, names...)
		if err != nil {
			return err
		}
		for i := range list {
			if err := add(list[i].Name, list[i].File, list[i].Data, ""); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range names {
		name, params, _ := strings.Cut(name, " ")
		if !strings.ContainsAny(name, "/.") {
			if k.fsys == nil {
				return nil, fmt.Errorf("module %s: the kernel came without modules: give the package or the build tree instead of the image", name)
			}
			if err := own(name); err != nil {
				return nil, err
			}
			if i := len(out) - 1; params != "" && i >= 0 {
				out[i].Params = params
			}
			continue
		}
		data, err := kernel.ReadModule(os.DirFS(filepath.Dir(name)), filepath.Base(name))
		if err != nil {
			return nil, err
		}
		info, err := kernel.Info(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if magic, _, _ := strings.Cut(info["vermagic"], " "); k.Image.Release != "" && magic != "" && magic != k.Image.Release {
			return nil, fmt.Errorf("%s is built for %s, the kernel is %s", name, magic, k.Image.Release)
		}
		for dep := range strings.SplitSeq(info["depends"], ",") {
			if dep != "" {
				if err := own(dep); err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		modname := info["name"]
		if modname == "" {
			modname = strings.ReplaceAll(strings.TrimSuffix(filepath.Base(name), ".ko"), "-", "_")
		}
		if err := add(modname, name, data, params); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ForRoot reads the modules that a kind of root needs.
func (k *Kernel) ForRoot(kind string) ([]string, error) {
	need := map[string][]string{
		lab.Root9P: {"virtio_pci", "9pnet_virtio", "9p", "overlay"}, lab.RootVirtioFS: {"virtio_pci", "virtiofs", "overlay"},
		lab.RootDisk: {"virtio_pci", "virtio_blk", "ext4", "overlay"},
	}[kind]
	if k.fsys == nil || len(need) == 0 {
		return nil, nil
	}
	for _, name := range need {
		if _, err := k.tree.Load(k.fsys, name); err != nil {
			if kind == lab.Root9P {
				return nil, fmt.Errorf("this kernel cannot see the host's files over 9p (%w): try --root virtiofs", err)
			}
			return nil, fmt.Errorf("this kernel cannot have a root over %s: %w", kind, err)
		}
	}
	return need, nil
}

// unpack unpacks what a run needs of a package, once.
func (s *Store) unpack(path string) (string, error) {
	c, err := s.AddFile(path)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.dir, "packages", c.SHA256[:32])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	work, err := os.MkdirTemp(filepath.Join(s.dir, "packages"), ".new-*")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }() // it has another name if all went well
	root, err := os.OpenRoot(work)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	want := func(name string) bool {
		return strings.HasPrefix(name, "/boot/") || strings.HasPrefix(name, "/lib/modules/") || strings.HasPrefix(name, "/usr/lib/modules/")
	}
	err = kernel.Unpack(bufio.NewReader(f), want, func(name string, mode uint32, link string, r io.Reader) error {
		if link != "" {
			return nil // "build" and "source", which lead out of it
		}
		name = filepath.FromSlash(strings.TrimPrefix(name, "/"))
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		to, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fs.FileMode(mode)|0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(to, r)
		return errors.Join(err, to.Close())
	})
	if err != nil {
		return "", err
	}
	if err := os.Rename(work, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return dir, nil
}
