package kernel

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Image is what a kernel image says of itself.
type Image struct {
	Format  string // bzImage, Image, Image.gz, vmlinux
	Arch    string // the kernel's name of it: x86_64, arm64
	Release string // "" where it does not say
}

// ErrNoImage is the end of something that is no kernel image that can be booted.
var ErrNoImage = errors.New("no kernel image: give a bzImage, an arm64 Image or a vmlinux, a Debian package or a build tree")

// Offsets of the x86 boot protocol (Documentation/x86/boot.rst): the magic of the header,
// and where the text with the version is, less the first sector.
const (
	x86MagicAt   = 0x202
	x86VersionAt = 0x20e
	x86FlagsAt   = 0x236 // xloadflags
	x86Sector    = 0x200
	x86Kernel64  = 1
)

// arm64MagicAt is where the header of an arm64 Image has "ARM\x64"
// (Documentation/arm64/booting.rst).
const arm64MagicAt = 56

// scanned bounds how much of an image is searched for its banner.
const scanned = 256 << 20

// Identify reads the header of an image.
func Identify(r io.ReaderAt, size int64) (Image, error) {
	head := make([]byte, 1024)
	n, err := r.ReadAt(head, 0)
	if n < 64 {
		return Image{}, fmt.Errorf("%w (%d bytes)", ErrNoImage, size)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return Image{}, err
	}
	head = head[:n]
	switch {
	case n > x86FlagsAt+2 && string(head[x86MagicAt:x86MagicAt+4]) == "HdrS":
		return bzImage(r, head)
	case string(head[arm64MagicAt:arm64MagicAt+4]) == "ARM\x64":
		return Image{Format: "Image", Arch: "arm64", Release: banner(io.NewSectionReader(r, 0, size))}, nil
	case head[0] == 0x1f && head[1] == 0x8b:
		return gzipped(r, size)
	case string(head[:4]) == elf.ELFMAG:
		return vmlinux(r, size)
	}
	return Image{}, ErrNoImage
}

func bzImage(r io.ReaderAt, head []byte) (Image, error) {
	i := Image{Format: "bzImage", Arch: "x86_64"}
	if binary.LittleEndian.Uint16(head[x86FlagsAt:])&x86Kernel64 == 0 {
		return i, errors.New("this is a 32-bit kernel; x86_64 and arm64 can be run")
	}
	text := make([]byte, 256)
	n, err := r.ReadAt(text, x86Sector+int64(binary.LittleEndian.Uint16(head[x86VersionAt:])))
	if n == 0 && err != nil {
		return i, fmt.Errorf("read the image's version: %w", err)
	}
	version, _, _ := bytes.Cut(text[:n], []byte{0})
	i.Release, _, _ = strings.Cut(printable(version), " ")
	return i, nil
}

func gzipped(r io.ReaderAt, size int64) (Image, error) {
	z, err := gzip.NewReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return Image{}, fmt.Errorf("%w: %w", ErrNoImage, err)
	}
	head := make([]byte, 64)
	if _, err := io.ReadFull(z, head); err != nil || string(head[arm64MagicAt:arm64MagicAt+4]) != "ARM\x64" {
		return Image{}, ErrNoImage
	}
	return Image{Format: "Image.gz", Arch: "arm64", Release: banner(io.LimitReader(z, scanned))}, nil
}

func vmlinux(r io.ReaderAt, size int64) (Image, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return Image{}, fmt.Errorf("%w: %w", ErrNoImage, err)
	}
	i := Image{Format: "vmlinux"}
	switch f.Machine {
	case elf.EM_X86_64:
		i.Arch = "x86_64"
	case elf.EM_AARCH64:
		return i, errors.New("QEMU boots no arm64 vmlinux: give arch/arm64/boot/Image")
	default:
		return i, fmt.Errorf("this kernel is for %s; x86_64 and arm64 can be run", f.Machine)
	}
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return i, ErrNoImage
	}
	i.Release = banner(io.NewSectionReader(r, 0, size))
	return i, nil
}

// banner finds the release in "Linux version RELEASE (…", which every kernel holds.
func banner(r io.Reader) string {
	const mark = "Linux version "
	buf := make([]byte, 0, 1<<20)
	for read := int64(0); read < scanned; {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		read += int64(n)
		buf = buf[:len(buf)+n]
		rest := buf
		for {
			at := bytes.Index(rest, []byte(mark))
			if at < 0 {
				break
			}
			word, _, found := bytes.Cut(rest[at+len(mark):min(len(rest), at+len(mark)+128)], []byte{' '})
			// A format string, "%s", is not the banner.
			if found && len(word) > 0 && word[0] >= '0' && word[0] <= '9' {
				return printable(word)
			}
			rest = rest[at+len(mark):]
		}
		if err != nil {
			return ""
		}
		keep := min(len(buf), 256)
		buf = append(buf[:0], buf[len(buf)-keep:]...)
	}
	return ""
}

func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b))
}
