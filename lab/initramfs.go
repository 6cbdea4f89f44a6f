package lab

import (
	"fmt"
	"io"
	"path"
	"strings"

	"ringside/lab/guest/wire"
)

// A cpio archive in the "newc" format, which the kernel unpacks into its first root:
// Documentation/driver-api/early-userspace/buffer-format.rst. It is not compressed: a
// machine under emulation unpacks slower than its host reads.
type cpio struct {
	w    io.Writer
	ino  int
	at   int64
	dirs map[string]bool
}

const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
	modeChar = 0o020000
)

var padding [4]byte

// entry writes the head of an entry whose body has a size.
func (c *cpio) entry(name string, mode uint32, size int64, major, minor int) error {
	if size > 0xffffffff {
		return fmt.Errorf("%s has %d bytes; an initramfs takes files of less than 4 GiB", name, size)
	}
	c.ino++
	name = strings.TrimPrefix(name, "/")
	head := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		c.ino, mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name)+1, 0, name)
	if err := c.write([]byte(head)); err != nil {
		return err
	}
	return c.pad()
}

func (c *cpio) write(b []byte) error {
	n, err := c.w.Write(b)
	c.at += int64(n)
	return err
}

func (c *cpio) pad() error { return c.write(padding[:(4-c.at%4)%4]) }

// parents makes the folders that a file is in.
func (c *cpio) parents(name string) error {
	dir := path.Dir(name)
	if dir == "/" || dir == "." || c.dirs[dir] {
		return nil
	}
	if err := c.parents(dir); err != nil {
		return err
	}
	c.dirs[dir] = true
	return c.entry(dir, modeDir|0o755, 0, 0, 0)
}

// file writes a file of a known size.
func (c *cpio) file(name string, mode uint32, size int64, r io.Reader) error {
	if err := c.parents(name); err != nil {
		return err
	}
	if err := c.entry(name, modeFile|mode&0o7777, size, 0, 0); err != nil {
		return err
	}
	n, err := io.Copy(c.w, io.LimitReader(r, size))
	c.at += n
	if err == nil && n < size {
		err = fmt.Errorf("%s ends after %d of %d bytes: %w", name, n, size, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return err
	}
	return c.pad()
}

func (c *cpio) link(name, target string) error {
	if err := c.parents(name); err != nil {
		return err
	}
	if err := c.entry(name, modeLink|0o777, int64(len(target)), 0, 0); err != nil {
		return err
	}
	if err := c.write([]byte(target)); err != nil {
		return err
	}
	return c.pad()
}

// writeInitramfs writes the first root of a recipe's machine: the init, its plan, the
// modules, and the recipe's files.
func writeInitramfs(w io.Writer, r *Recipe, contents Opener, init []byte, plan *wire.Plan) error {
	c := &cpio{w: w, dirs: map[string]bool{}}
	for _, dir := range []string{"/proc", "/sys", "/dev", "/tmp", "/run", "/root", "/mnt"} {
		c.dirs[dir] = true
		if err := c.entry(dir, modeDir|0o755, 0, 0, 0); err != nil {
			return err
		}
	}
	// The kernel opens it for the init before any file system is mounted.
	if err := c.entry("/dev/console", modeChar|0o600, 0, 5, 1); err != nil {
		return err
	}
	if err := c.file("/init", 0o755, int64(len(init)), strings.NewReader(string(init))); err != nil {
		return err
	}
	for i := range r.Modules {
		name := fmt.Sprintf("%d-%s.ko", i, r.Modules[i].Name)
		plan.Modules = append(plan.Modules, wire.Module{File: name, Name: r.Modules[i].Name, Params: r.Modules[i].Params})
		if err := c.content(wire.Modules+name, 0o644, r.Modules[i].Content, contents); err != nil {
			return fmt.Errorf("module %s: %w", r.Modules[i].Name, err)
		}
	}
	prefix := ""
	if r.Root.Kind != RootNone {
		prefix = "/files" // the init brings them into the root that it makes
	}
	for i := range r.Files {
		f := &r.Files[i]
		var err error
		name := prefix + path.Clean("/"+f.Path)
		if f.Link != "" {
			err = c.link(name, f.Link)
		} else {
			err = c.content(name, f.Mode, f.Content, contents)
		}
		if err != nil {
			return fmt.Errorf("file %s: %w", f.Path, err)
		}
	}
	text := plan.Encode()
	if err := c.file(wire.PlanFile, 0o600, int64(len(text)), strings.NewReader(string(text))); err != nil {
		return err
	}
	if err := c.entry("TRAILER!!!", 0, 0, 0, 0); err != nil {
		return err
	}
	return c.write(make([]byte, (512-c.at%512)%512))
}

func (c *cpio) content(name string, mode uint32, of Content, contents Opener) error {
	r, err := contents.Open(of)
	if err != nil {
		return err
	}
	defer r.Close()
	return c.file(name, mode, of.Size, r)
}
