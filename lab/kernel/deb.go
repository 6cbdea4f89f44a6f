package kernel

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// IsPackage tells whether a Debian package begins so.
func IsPackage(head []byte) bool {
	return len(head) >= 68 && string(head[:8]) == "!<arch>\n" && strings.HasPrefix(string(head[8:]), "debian-binary")
}

// Limits of a package: a kernel with all modules and debug information has less.
const (
	maxEntries = 200_000
	maxBytes   = 16 << 30
)

// Unpack reads a Debian package (deb(5): an ar archive with a tar) and passes each of its
// regular files and links to put, by its clean absolute path. want says which: a package
// may hold gigabytes that nobody asks for.
func Unpack(r io.Reader, want func(name string) bool, put func(name string, mode uint32, link string, r io.Reader) error) error {
	data, name, err := dataMember(bufio.NewReaderSize(r, 256<<10))
	if err != nil {
		return err
	}
	var plain io.Reader
	switch path.Ext(name) {
	case ".xz":
		plain, err = xz.ReaderConfig{DictCap: 128 << 20}.NewReader(data)
	case ".zst":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(data, zstd.WithDecoderMaxMemory(256<<20)); err == nil {
			defer d.Close()
			plain = d
		}
	case ".gz":
		plain, err = gzip.NewReader(data)
	case ".tar":
		plain = data
	default:
		err = errors.New("it is compressed in a way that is not known")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	t := tar.NewReader(io.LimitReader(plain, maxBytes))
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if n >= maxEntries {
			return fmt.Errorf("%s: more than %d files", name, maxEntries)
		}
		file := path.Clean("/" + h.Name)
		if !want(file) {
			continue
		}
		switch h.Typeflag {
		case tar.TypeReg:
			err = put(file, uint32(h.Mode)&0o777, "", t)
		case tar.TypeSymlink:
			err = put(file, 0o777, h.Linkname, nil)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
}

// dataMember finds the tar with the files in a package.
func dataMember(r *bufio.Reader) (io.Reader, string, error) {
	magic := make([]byte, 8)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "!<arch>\n" {
		return nil, "", errors.New("this is no Debian package: it does not begin with !<arch>")
	}
	for at := int64(8); ; {
		head := make([]byte, 60)
		if _, err := io.ReadFull(r, head); err != nil {
			return nil, "", fmt.Errorf("the package ends at byte %d, before its data.tar: %w", at, err)
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(head[48:58])), 10, 64)
		if err != nil || size < 0 || head[58] != '`' || head[59] != '\n' {
			return nil, "", fmt.Errorf("byte %d of the package: no head of an ar member", at)
		}
		name := strings.TrimSuffix(strings.TrimSpace(string(head[:16])), "/")
		at += 60
		if strings.HasPrefix(name, "data.tar") {
			return io.LimitReader(r, size), name, nil
		}
		size += size & 1
		if _, err := io.CopyN(io.Discard, r, size); err != nil {
			return nil, "", fmt.Errorf("%s in the package: %w", name, err)
		}
		at += size
	}
}
