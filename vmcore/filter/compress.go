package filter

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// How a page is compressed, in its descriptor and in the header.
const (
	flagZlib       = 0x1
	flagLZO        = 0x2
	flagSnappy     = 0x4
	flagIncomplete = 0x8
	flagZstd       = 0x20
)

func flagOf(c Compression) (uint32, error) {
	switch c {
	case None:
		return 0, nil
	case Zlib, "":
		return flagZlib, nil
	case LZO:
		return flagLZO, nil
	case Snappy:
		return flagSnappy, nil
	case Zstd:
		return flagZstd, nil
	}
	return 0, fmt.Errorf("pages are not compressed with %q: zlib, lzo, snappy, zstd and none are known", c)
}

// compressor belongs to one goroutine.
type compressor struct {
	flag uint32
	zlib *zlib.Writer
	zstd *zstd.Encoder
	lzo  *lzo
	buf  bytes.Buffer
	out  []byte
}

func newCompressor(c Compression, pageSize int) (*compressor, error) {
	flag, err := flagOf(c)
	z := &compressor{flag: flag, out: make([]byte, 0, 2*pageSize)}
	switch {
	case err != nil:
	case flag == flagZlib:
		z.zlib, err = zlib.NewWriterLevel(&z.buf, 6)
	case flag == flagZstd:
		z.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
			zstd.WithEncoderCRC(false), zstd.WithWindowSize(max(pageSize, zstd.MinWindowSize)), zstd.WithLowerEncoderMem(true))
	case flag == flagLZO:
		z.lzo = &lzo{}
	}
	return z, err
}

// page compresses a page. What comes back is good until the next call; it is the
// page itself, with no flag, where that is not longer.
func (z *compressor) page(p []byte) (data []byte, flag uint32, err error) {
	switch z.flag {
	case flagZlib:
		z.buf.Reset()
		z.zlib.Reset(&z.buf)
		if _, err = z.zlib.Write(p); err == nil {
			err = z.zlib.Close()
		}
		data = z.buf.Bytes()
	case flagZstd:
		data = z.zstd.EncodeAll(p, z.out[:0])
	case flagSnappy:
		data = s2.EncodeSnappy(z.out[:cap(z.out)], p)
	case flagLZO:
		data = z.lzo.compress(z.out[:0], p)
	default:
		return p, 0, nil
	}
	if err != nil || len(data) >= len(p) {
		return p, 0, err
	}
	return data, z.flag, nil
}
