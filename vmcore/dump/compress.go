package dump

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/anchore/go-lzo"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// How a page is compressed, in its descriptor and, for all, in the header.
const (
	flagZlib   = 0x1
	flagLZO    = 0x2
	flagSnappy = 0x4
	flagZstd   = 0x20
	flagAny    = flagZlib | flagLZO | flagSnappy | flagZstd
)

// codecs keeps decompressors for the next page: setting one up costs more than
// using it.
type codecs struct {
	scratch   sync.Pool // *[]byte, what is read of the file
	inflaters sync.Pool // *inflater
	zstd      func() (*zstd.Decoder, error)
}

func newCodecs() *codecs {
	return &codecs{
		zstd: sync.OnceValues(func() (*zstd.Decoder, error) {
			return zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)),
				zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(1<<20))
		}),
	}
}

// page fills buf with the page whose compressed bytes are at off.
func (c *codecs) page(buf []byte, src *source, off int64, size int, flags uint32) error {
	if flags&flagAny == 0 || size == len(buf) {
		if size != len(buf) {
			return fmt.Errorf("a page that is not compressed has %d bytes", size)
		}
		_, err := src.read(buf, off)
		return err
	}
	s, _ := c.scratch.Get().(*[]byte)
	if s == nil || cap(*s) < size {
		b := make([]byte, max(size, len(buf)))
		s = &b
	}
	defer c.scratch.Put(s)
	in := (*s)[:size]
	if _, err := src.read(in, off); err != nil {
		return err
	}
	n, name, err := c.decompress(buf, in, flags)
	if err != nil {
		// An end that comes early is damage here, not a file cut short.
		return fmt.Errorf("%s of %d bytes: %w", name, size, hideEOF(err))
	}
	if n != len(buf) {
		return fmt.Errorf("%s of %d bytes: became %d, not a page", name, size, n)
	}
	return nil
}

func (c *codecs) decompress(buf, in []byte, flags uint32) (n int, name string, err error) {
	switch flags & flagAny {
	case flagZlib:
		z, _ := c.inflaters.Get().(*inflater)
		if z == nil {
			z = &inflater{}
		}
		n, err = z.zlib(buf, in)
		c.inflaters.Put(z)
		return n, "zlib", err
	case flagLZO:
		n, err = lzo.Decompress(in, buf)
		return n, "lzo", err
	case flagSnappy:
		n, err = s2.DecodedLen(in)
		if err == nil && n == len(buf) {
			_, err = s2.Decode(buf, in)
		}
		return n, "snappy", err
	case flagZstd:
		z, err := c.zstd()
		if err != nil {
			return 0, "zstd", err
		}
		out, err := z.DecodeAll(in, buf[:0:len(buf)])
		return len(out), "zstd", err
	}
	return 0, fmt.Sprintf("compression %#x", flags), errors.New("is not known")
}

// hideEOF keeps an error's text and not its kind.
func hideEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends early")
	}
	return err
}
