package labhost

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"ringside/lab"
	"ringside/lab/guest/wire"
)

// Packer brings programs of the host's into a recipe, with the libraries they need.
type Packer struct {
	store *Store
	arch  string
	files []lab.File
	have  map[string]bool
	dirs  []string // where libraries are looked for
	// applets are the names of the host's static busybox; nil before it was asked.
	applets []string
}

// NewPacker returns a packer for guests of an architecture.
func (s *Store) NewPacker(arch string) *Packer {
	return &Packer{store: s, arch: arch, have: map[string]bool{}}
}

// Files are the files of all that was packed, by path.
func (p *Packer) Files() []lab.File {
	slices.SortFunc(p.files, func(a, b lab.File) int { return strings.Compare(a.Path, b.Path) })
	return p.files
}

// File packs one file of the host's under a path of the guest's.
func (p *Packer) File(path, to string) error {
	if p.have[to] {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	c, err := p.store.AddFile(path)
	if err != nil {
		return err
	}
	p.have[to] = true
	p.files = append(p.files, lab.File{Path: to, Mode: uint32(info.Mode().Perm()), Content: c})
	return nil
}

// Folder packs a folder of the host's with all that is in it.
func (p *Packer) Folder(path, to string) error {
	return filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(path, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.Type()&os.ModeSymlink != 0:
			link, err := os.Readlink(name)
			if err != nil {
				return err
			}
			return p.link(target, link)
		case d.Type().IsRegular():
			return p.File(name, target)
		}
		return nil
	})
}

func (p *Packer) link(path, target string) error {
	if !p.have[path] {
		p.have[path] = true
		p.files = append(p.files, lab.File{Path: path, Mode: 0o777, Link: target})
	}
	return nil
}

// busybox is where Debian's static one is.
const busybox = "/bin/busybox"

// Program packs what a step runs. A bare name that busybox knows is busybox, where the host
// has a static one: it needs no libraries, and brings a shell and all the usual tools.
func (p *Packer) Program(name string) error {
	if name == "" {
		return errors.New("a step has no command")
	}
	if !strings.Contains(name, "/") && p.busyboxKnows(name) {
		return p.busybox()
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if p.have[name] || p.have["/bin/"+name] || p.have["/usr/bin/"+name] {
			return nil // it was brought along by hand
		}
		if strings.Contains(name, "/") {
			return nil // of the guest's own root, or the step will say so
		}
		return fmt.Errorf("%s is not on this host: %w", name, err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	to := path
	if strings.Contains(name, "/") {
		to = filepath.Clean("/" + name)
		if !strings.HasPrefix(name, "/") {
			to = path
		}
	}
	return p.program(path, to)
}

// busybox packs it with the list of its names.
func (p *Packer) busybox() error {
	if p.have[busybox] {
		return nil
	}
	c, err := p.store.Add("busybox.applets", strings.NewReader(strings.Join(p.applets, "\n")+"\n"), "")
	if err != nil {
		return err
	}
	p.files = append(p.files, lab.File{Path: wire.AppletsFile, Mode: 0o644, Content: c})
	return p.File(busybox, busybox)
}

// busyboxKnows tells whether this host has a static busybox for the guest, which has a
// name.
func (p *Packer) busyboxKnows(name string) bool {
	if p.applets != nil {
		return slices.Contains(p.applets, name)
	}
	p.applets = []string{}
	f, err := elf.Open(busybox)
	if err != nil || machine(p.arch) != f.Machine || len(needed(f)) > 0 {
		return false
	}
	_ = f.Close() // it was only read
	out, err := exec.CommandContext(context.Background(), busybox, "--list").Output()
	if err == nil {
		p.applets = strings.Fields(string(out))
	}
	return slices.Contains(p.applets, name)
}

func machine(arch string) elf.Machine {
	if arch == "arm64" {
		return elf.EM_AARCH64
	}
	return elf.EM_X86_64
}

func needed(f *elf.File) []string {
	libs, err := f.ImportedLibraries()
	if err != nil {
		return nil
	}
	return libs
}

// program packs a program and what it needs to start.
func (p *Packer) program(path, to string) error {
	if p.have[to] {
		return nil
	}
	if err := p.File(path, to); err != nil {
		return err
	}
	head := make([]byte, 256)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	n, _ := f.Read(head)
	f.Close()
	head = head[:n]
	if bytes.HasPrefix(head, []byte("#!")) {
		line, _, _ := bytes.Cut(head[2:], []byte{'\n'})
		words := strings.Fields(string(line))
		if len(words) == 0 {
			return nil
		}
		if filepath.Base(words[0]) == "sh" || filepath.Base(words[0]) == "bash" {
			if p.busyboxKnows("sh") {
				if err := p.busybox(); err != nil {
					return err
				}
			}
		}
		if len(words) > 1 && filepath.Base(words[0]) == "env" {
			if err := p.Program(words[1]); err != nil {
				return err
			}
		}
		return p.program(words[0], words[0])
	}
	if !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		return nil
	}
	return p.library(path)
}

// library packs what an ELF file needs: its interpreter and its libraries.
func (p *Packer) library(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer func() { _ = f.Close() }()
	if f.Machine != machine(p.arch) {
		return fmt.Errorf("%s is for %s, the guest is %s: give one that was built for it (--file)", path, f.Machine, p.arch)
	}
	for _, s := range f.Progs {
		if s.Type != elf.PT_INTERP {
			continue
		}
		b := make([]byte, min(s.Filesz, 4096))
		if _, err := s.ReadAt(b, 0); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		name := string(bytes.TrimRight(b, "\x00"))
		if err := p.File(name, name); err != nil {
			return err
		}
	}
	var own []string
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		list, err := f.DynString(tag)
		if err != nil {
			continue
		}
		for _, dirs := range list {
			for dir := range strings.SplitSeq(dirs, ":") {
				own = append(own, strings.NewReplacer("$ORIGIN", filepath.Dir(path), "${ORIGIN}", filepath.Dir(path)).Replace(dir))
			}
		}
	}
	for _, name := range needed(f) {
		lib, err := p.find(name, own)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if p.have[lib] {
			continue
		}
		if err := p.File(lib, lib); err != nil {
			return err
		}
		if err := p.library(lib); err != nil {
			return err
		}
	}
	return nil
}

// find looks a library up as the dynamic linker does (ld.so(8)).
func (p *Packer) find(name string, own []string) (string, error) {
	if p.dirs == nil {
		p.dirs = libraryDirs()
	}
	for _, dir := range slices.Concat(own, p.dirs) {
		path := filepath.Join(dir, name)
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		right := f.Machine == machine(p.arch)
		_ = f.Close() // it was only read
		if right {
			return path, nil
		}
	}
	return "", fmt.Errorf("library %s is not on this host", name)
}

func libraryDirs() []string {
	var dirs []string
	files, _ := filepath.Glob("/etc/ld.so.conf.d/*.conf") // the pattern is sound
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		s := bufio.NewScanner(f)
		for s.Scan() {
			if line := strings.TrimSpace(s.Text()); strings.HasPrefix(line, "/") {
				dirs = append(dirs, line)
			}
		}
		f.Close()
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
}
