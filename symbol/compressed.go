package symbol

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxModule bounds what a compressed module may expand to. The largest, with all
// its debug information, has some 100 MB.
const maxModule = 512 << 20

// modulePackers are how distributions compress modules (CONFIG_MODULE_COMPRESS),
// by the first bytes of the file.
var modulePackers = []struct {
	magic string
	open  func(io.Reader) (io.Reader, func(), error)
}{
	{"\xfd7zXZ\x00", func(r io.Reader) (io.Reader, func(), error) {
		x, err := xz.ReaderConfig{DictCap: 64 << 20}.NewReader(r)
		return x, func() {}, err
	}},
	{"\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, func(), error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, func() {}, err
		}
		return z, z.Close, nil
	}},
	{"\x1f\x8b\x08", func(r io.Reader) (io.Reader, func(), error) {
		g, err := gzip.NewReader(r)
		return g, func() {}, err
	}},
}

// expand returns the content of a compressed module, nil where r is not
// compressed.
func expand(r io.ReaderAt, size int64) ([]byte, error) {
	var head [6]byte
	n, err := r.ReadAt(head[:], 0)
	if err != nil && n == 0 {
		return nil, nil // too short for anything: the ELF reader says so
	}
	for _, p := range modulePackers {
		if !bytes.HasPrefix(head[:n], []byte(p.magic)) {
			continue
		}
		in, done, err := p.open(io.NewSectionReader(r, 0, size))
		if err != nil {
			return nil, fmt.Errorf("%w: decompress: %w", ErrFormat, err)
		}
		defer done()
		data, err := io.ReadAll(io.LimitReader(in, maxModule+1))
		if err != nil {
			return nil, fmt.Errorf("%w: decompress: %w", ErrFormat, err)
		}
		if len(data) > maxModule {
			return nil, fmt.Errorf("%w: it expands to more than %d MiB; decompress it to a file", ErrFormat, maxModule>>20)
		}
		return data, nil
	}
	return nil, nil
}
