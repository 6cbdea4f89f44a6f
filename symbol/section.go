package symbol

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"ringside/symbol/internal/dwarf"
)

// Limits of compressed sections. Debug information shrinks to a third; what
// claims to grow a hundredfold is not debug information.
const (
	maxExpandedSection = 2 << 30
	maxSectionRatio    = 100
	smallSection       = 64 << 20
	wholeSection       = 256 << 10
)

// fileSection is a section as it lies in the file. A small one is read as a
// whole with the first piece: names of files are asked for by the hundred.
type fileSection struct {
	r     io.ReaderAt
	off   int64
	size  uint64
	once  sync.Once
	whole []byte
}

func (s *fileSection) Size() uint64 { return s.size }

func (s *fileSection) Read(off, n uint64) ([]byte, error) {
	if s.size <= wholeSection {
		s.once.Do(func() {
			b := make([]byte, s.size)
			if _, err := s.r.ReadAt(b, s.off); err == nil {
				s.whole = b
			}
		})
		if s.whole != nil {
			return s.whole[off : off+n], nil
		}
	}
	b := make([]byte, n)
	if _, err := s.r.ReadAt(b, s.off+int64(off)); err != nil {
		return nil, err
	}
	return b, nil
}

// expandedSection is a compressed section, expanded when it is first read.
type expandedSection struct {
	raw    *fileSection
	kind   elf.CompressionType
	size   uint64
	expand sync.Once
	data   []byte
	err    error
}

func (s *expandedSection) Size() uint64 { return s.size }

func (s *expandedSection) Read(off, n uint64) ([]byte, error) {
	s.expand.Do(func() { s.data, s.err = s.inflate() })
	if s.err != nil {
		return nil, s.err
	}
	if off > uint64(len(s.data)) || n > uint64(len(s.data))-off {
		return nil, fmt.Errorf("%w: a compressed section is shorter than its header says", ErrFormat)
	}
	return s.data[off : off+n], nil
}

func (s *expandedSection) inflate() (data []byte, err error) {
	defer guard(&err)
	in := io.NewSectionReader(s.raw.r, s.raw.off, int64(s.raw.size))
	var r io.Reader
	switch s.kind {
	case elf.COMPRESS_ZLIB:
		z, err := zlib.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("expand section: %w", err)
		}
		defer z.Close()
		r = z
	case elf.COMPRESS_ZSTD:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxExpandedSection), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, fmt.Errorf("expand section: %w", err)
		}
		defer z.Close()
		r = z
	default:
		return nil, fmt.Errorf("%w: sections are compressed in the unknown way %d", ErrFormat, s.kind)
	}
	// The claimed size is bounded by the ratio; all the same the buffer grows
	// with what arrives.
	var b bytes.Buffer
	b.Grow(int(min(s.size, smallSection)))
	if _, err := io.Copy(&b, io.LimitReader(r, int64(s.size))); err != nil {
		return nil, fmt.Errorf("expand section: %w", err)
	}
	return b.Bytes(), nil
}

// section returns a section of the file for reading, nil if it has no bytes
// there. Sizes that reach beyond the file are cut to it.
func (f *File) section(s *elf.Section) dwarf.Section {
	if s == nil || s.Type == elf.SHT_NOBITS || s.Offset >= uint64(f.size) {
		return nil
	}
	raw := &fileSection{r: f.r, off: int64(s.Offset), size: min(s.FileSize, uint64(f.size)-s.Offset)}
	if s.Flags&elf.SHF_COMPRESSED == 0 {
		return raw
	}
	head := 12
	if f.elf.Class == elf.ELFCLASS64 {
		head = 24
	}
	b, err := raw.Read(0, min(uint64(head), raw.size))
	if err != nil || len(b) < head {
		return nil
	}
	kind, size := elf.CompressionType(f.elf.ByteOrder.Uint32(b)), uint64(f.elf.ByteOrder.Uint32(b[4:]))
	if head == 24 {
		size = f.elf.ByteOrder.Uint64(b[8:])
	}
	raw = &fileSection{r: f.r, off: raw.off + int64(head), size: raw.size - uint64(head)}
	if size > maxExpandedSection || size > (raw.size+64)*maxSectionRatio {
		f.note("section %s claims to expand from %d to %d bytes and is not read", s.Name, raw.size, size)
		return nil
	}
	return &expandedSection{raw: raw, kind: kind, size: size}
}

// readAll reads all of a section.
func readAll(s dwarf.Section) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	return s.Read(0, s.Size())
}

// order is what reads the file's words.
func (f *File) order() binary.ByteOrder { return f.elf.ByteOrder }
