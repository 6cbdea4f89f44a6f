package artefact

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Compression names a compressed format.
type Compression uint8

// The compressions that are undone.
const (
	None Compression = iota
	Gzip
	XZ
	Zstd
	Bzip2
)

// String returns the name of the compression's own tool.
func (c Compression) String() string {
	switch c {
	case Gzip:
		return "gzip"
	case XZ:
		return "xz"
	case Zstd:
		return "zstd"
	case Bzip2:
		return "bzip2"
	}
	return "none"
}

func sniffCompression(head []byte) Compression {
	switch {
	case starts(head, "\x1f\x8b\x08"):
		return Gzip
	case starts(head, "\xfd7zXZ\x00"):
		return XZ
	case starts(head, "\x28\xb5\x2f\xfd"):
		return Zstd
	case len(head) > 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18":
		return Zstd // a skippable frame in front
	case len(head) >= 10 && starts(head, "BZh") && head[3]-'1' < 9 &&
		(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90"):
		return Bzip2
	}
	return None
}

// expand returns a limited reader of what r holds compressed, and the file
// name in it, if any.
func expand(c Compression, r *bufio.Reader, in *source, l Limits) (io.Reader, string, error) {
	x := &expander{c: c, in: in, limits: l}
	name := ""
	var err error
	switch c {
	case Gzip:
		var z *gzip.Reader
		if z, err = gzip.NewReader(r); err == nil {
			x.r, name = z, baseName(z.Name)
		}
	case XZ:
		x.r, err = xz.ReaderConfig{DictCap: minDictionary}.NewReader(&dictionaryGuard{r: r, max: l.MaxWindow})
	case Zstd:
		// One goroutine, and no buffers beyond the window that is needed.
		var z *zstd.Decoder
		z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(uint64(min(max(l.MaxWindow, 1<<10), 1<<31))))
		x.r = z
	case Bzip2:
		x.r = bzip2.NewReader(r)
	}
	if err != nil {
		return nil, "", x.explain(err)
	}
	return x, name, nil
}

// An expander reads one decoder under the limits. Its error is final.
type expander struct {
	c      Compression
	r      io.Reader
	in     *source
	limits Limits
	n      int64
	err    error
}

func (x *expander) Read(p []byte) (int, error) {
	if x.err != nil {
		return 0, x.err
	}
	room, reason := x.room()
	if room <= 0 {
		x.err = &Error{Kind: ErrLimit, Compression: x.c, Offset: x.n, Input: x.in.n, Err: reason}
		return 0, x.err
	}
	n, err := x.r.Read(p[:min(int64(len(p)), room)])
	x.n += int64(n)
	if err == io.EOF {
		x.err = io.EOF
	} else if err != nil {
		x.err = x.explain(err)
	}
	return n, x.err
}

// room returns how many bytes more may be delivered for the input read so far,
// and the reason if there are none.
func (x *expander) room() (int64, error) {
	if x.n >= x.limits.MaxExpanded {
		return 0, fmt.Errorf("it expands beyond %d bytes; raise the limit if the input is trusted", x.limits.MaxExpanded)
	}
	allowed := int64(freeExpansion)
	if x.in.n > freeExpansion/x.limits.MaxRatio {
		// Written so that no product can overflow.
		if x.in.n >= x.limits.MaxExpanded/x.limits.MaxRatio {
			allowed = x.limits.MaxExpanded
		} else {
			allowed = x.in.n * x.limits.MaxRatio
		}
	}
	if x.n >= allowed {
		return 0, fmt.Errorf("it expands to more than %d times its size; raise the limit if the input is trusted", x.limits.MaxRatio)
	}
	return min(allowed, x.limits.MaxExpanded) - x.n, nil
}

// explain types a decoder's error.
func (x *expander) explain(err error) error {
	if own := x.in.failed(); own != nil {
		// The input itself failed; what the decoder makes of that is noise.
		return own
	}
	var nested *Error
	if errors.As(err, &nested) {
		// An outer layer has said what is wrong. Say how far this one got.
		e := *nested
		e.Offset = x.n
		return &e
	}
	e := &Error{Kind: ErrCorrupt, Compression: x.c, Offset: x.n, Input: x.in.n, Err: err}
	switch {
	case errors.Is(err, errDictionary), errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		e.Kind = ErrLimit
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Kind = ErrTruncated
	}
	return e
}

// minDictionary lets an xz block's own header size its dictionary.
const minDictionary = 4 << 10

var errDictionary = errors.New("it asks for a larger dictionary than allowed")

// A dictionaryGuard stands between an input and the xz decoder, which
// allocates whatever dictionary a block's header asks for, up to 4 GiB. It
// recognises a block header by how the decoder reads it, the length byte and
// then the rest, and by its checksum, and refuses those that ask for too much.
type dictionaryGuard struct {
	r    *bufio.Reader
	max  int64
	size byte
	one  bool // the last read was of the one byte in size
}

func (g *dictionaryGuard) Read(p []byte) (int, error) {
	if len(p) == 1 {
		n, err := g.r.Read(p)
		g.size, g.one = p[0], n == 1
		return n, err
	}
	// A size of 0 is the index at the end of the stream and no block.
	header := g.one && g.size > 0 && len(p) == (int(g.size)+1)*4-1
	g.one = false
	if !header {
		return g.r.Read(p)
	}
	n, err := io.ReadFull(g.r, p)
	if err != nil {
		return n, err
	}
	sum := crc32.Update(crc32.ChecksumIEEE([]byte{g.size}), crc32.IEEETable, p[:n-4])
	if sum == binary.LittleEndian.Uint32(p[n-4:]) {
		if d := blockDictionary(p[:n-4]); d > g.max {
			return 0, fmt.Errorf("%w: %d bytes, allowed are %d", errDictionary, d, g.max)
		}
	}
	return n, nil
}

// blockDictionary returns the dictionary size in an xz block header behind its
// length byte, or 0.
func blockDictionary(h []byte) int64 {
	if len(h) < 1 {
		return 0
	}
	i := 1
	for _, present := range [...]byte{0x40, 0x80} { // compressed and expanded size
		if h[0]&present != 0 {
			_, n := binary.Uvarint(h[i:])
			if n <= 0 {
				return 0
			}
			i += n
		}
	}
	const lzma2 = 0x21
	for range int(h[0]&3) + 1 {
		if i+2 > len(h) {
			return 0
		}
		id, size := h[i], int(h[i+1])
		i += 2
		if i+size > len(h) {
			return 0
		}
		if id == lzma2 && size == 1 {
			bits := int64(h[i] & 0x3f)
			return (2 | bits&1) << (bits/2 + 11)
		}
		i += size
	}
	return 0
}
