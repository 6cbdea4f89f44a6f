//go:build linux

package main

import (
	"errors"
	"syscall"

	"ringside/lab/guest/wire"
)

// collect sends a tar of what the plan wants back.
func (g *guest) collect() {
	if len(g.plan.Collect) == 0 {
		return
	}
	t := &tarWriter{g: g, left: g.plan.Output}
	for _, name := range g.plan.Collect {
		if err := t.add(name); err != nil {
			g.send(wire.TypeNote, []byte("collect "+name+": "+err.Error()))
		}
	}
	_ = t.write(make([]byte, 1024)) // the end of a tar
}

// tarWriter writes files as a tar: ustar (POSIX.1-1988), with GNU's long names.
type tarWriter struct {
	g    *guest
	left int64
}

var errTooMuch = errors.New("more than the limit was to be collected; the rest is left out")

func (t *tarWriter) write(b []byte) error {
	if int64(len(b)) > t.left {
		return errTooMuch
	}
	t.left -= int64(len(b))
	t.g.send(wire.TypeFile, b)
	return nil
}

// add writes a file, or a folder with all that is in it. Devices, pipes and sockets are left
// out, and so is what cannot be read: of /sys much cannot, and the rest can.
func (t *tarWriter) add(name string) error {
	var st syscall.Stat_t
	if err := syscall.Lstat(name, &st); err != nil {
		return err
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		if err := t.entry(name+"/", '5', "", st.Mode, st.Mtim.Sec, nil); err != nil {
			return err
		}
		list, err := names(name)
		if err != nil {
			return err
		}
		for _, n := range list {
			if err := t.add(name + "/" + n); err != nil && !errors.Is(err, syscall.ENOENT) {
				return err // but for what is gone by now
			}
		}
	case syscall.S_IFLNK:
		return t.entry(name, '2', readlink(name), st.Mode, st.Mtim.Sec, nil)
	case syscall.S_IFREG:
		// Files of /proc and /sys do not know their sizes before they are read.
		if body, err := readFile(name); err == nil {
			return t.entry(name, '0', "", st.Mode, st.Mtim.Sec, body)
		}
	}
	return nil
}

const block = 512

func (t *tarWriter) entry(name string, kind byte, link string, mode uint32, mtime int64, body []byte) error {
	for len(name) > 0 && name[0] == '/' {
		name = name[1:]
	}
	if len(name) > 100 {
		if err := t.header("././@LongLink", 'L', "", 0o644, 0, int64(len(name)+1)); err != nil {
			return err
		}
		if err := t.body(append([]byte(name), 0)); err != nil {
			return err
		}
		name = name[:100]
	}
	if len(link) > 100 {
		if err := t.header("././@LongLink", 'K', "", 0o644, 0, int64(len(link)+1)); err != nil {
			return err
		}
		if err := t.body(append([]byte(link), 0)); err != nil {
			return err
		}
		link = link[:100]
	}
	if err := t.header(name, kind, link, mode, mtime, int64(len(body))); err != nil {
		return err
	}
	return t.body(body)
}

func (t *tarWriter) body(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if err := t.write(b); err != nil {
		return err
	}
	if rest := len(b) % block; rest > 0 {
		return t.write(make([]byte, block-rest))
	}
	return nil
}

func (t *tarWriter) header(name string, kind byte, link string, mode uint32, mtime, size int64) error {
	h := make([]byte, block)
	copy(h, name)
	octal(h[100:108], int64(mode&0o7777))
	octal(h[108:116], 0)
	octal(h[116:124], 0)
	octal(h[124:136], size)
	octal(h[136:148], max(mtime, 0))
	copy(h[148:156], "        ")
	h[156] = kind
	copy(h[157:257], link)
	copy(h[257:], "ustar\x0000")
	sum := int64(0)
	for _, c := range h {
		sum += int64(c)
	}
	octal(h[148:155], sum)
	return t.write(h)
}

// octal writes a number that fills a field but for the zero byte at its end.
func octal(field []byte, n int64) {
	field[len(field)-1] = 0
	for i := len(field) - 2; i >= 0; i-- {
		field[i] = byte('0' + n&7)
		n >>= 3
	}
}
