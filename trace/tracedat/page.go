package tracedat

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"ringside/trace/event"
)

// Loss is what a buffer does not have.
type Loss struct {
	// Events that the kernel overwrote, where it counted them.
	Events uint64
	// Gaps are places where events are missing, counted or not.
	Gaps int
	// Problems say what of the file could not be read.
	Problems []string
}

// unpacker undoes one compression.
type unpacker struct {
	name string
	zstd *zstd.Decoder
}

func newUnpacker(name string) (*unpacker, error) {
	u := &unpacker{name: name}
	switch name {
	case "zlib":
		return u, nil
	case "zstd":
		var err error
		u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxChunk))
		return u, err
	}
	return nil, fmt.Errorf("compression %q is not known: convert the file with trace-cmd convert --compression none", name)
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

// unpack appends what was packed, which must be size bytes.
func (u *unpacker) unpack(dst, packed []byte, size uint32) ([]byte, error) {
	if size > maxChunk {
		return dst, fmt.Errorf("chunk of %d bytes", size)
	}
	start := len(dst)
	var err error
	if u.zstd != nil {
		dst, err = u.zstd.DecodeAll(packed, dst)
	} else {
		var z io.ReadCloser
		if z, err = zlib.NewReader(bytes.NewReader(packed)); err == nil {
			b := bytes.NewBuffer(dst)
			_, err = io.Copy(b, io.LimitReader(z, int64(size)+1))
			dst = b.Bytes()
		}
	}
	if err == nil && len(dst)-start != int(size) {
		err = fmt.Errorf("chunk has %d bytes, not %d", len(dst)-start, size)
	}
	return dst, err
}

// chunks reads compressed data of a CPU.
type chunks struct {
	r      *bufio.Reader
	order  binary.ByteOrder
	unpack *unpacker
	left   int
	packed bytes.Buffer
	buf    []byte
	rest   []byte
}

func (c *chunks) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.left <= 0 {
			return 0, io.EOF
		}
		c.left--
		var head [8]byte
		if _, err := io.ReadFull(c.r, head[:]); err != nil {
			return 0, fmt.Errorf("compressed chunk: %w", io.ErrUnexpectedEOF)
		}
		c.packed.Reset()
		if _, err := io.CopyN(&c.packed, c.r, int64(min(c.order.Uint32(head[:]), maxChunk))); err != nil {
			return 0, fmt.Errorf("compressed chunk: %w", io.ErrUnexpectedEOF)
		}
		var err error
		c.buf, err = c.unpack.unpack(c.buf[:0], c.packed.Bytes(), c.order.Uint32(head[4:]))
		if err != nil {
			c.left = 0
			return 0, fmt.Errorf("compressed chunk: %w", err)
		}
		c.rest = c.buf
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// cursor walks through the events of one CPU.
type cursor struct {
	r      io.Reader
	layout event.Layout
	order  binary.ByteOrder
	want   func(id int) bool
	loss   *Loss
	err    error

	page []byte // as long as a page
	rest []byte // of the current page
	ts   uint64
	cpu  int
	// missed is how many events are missing in front of the next one; -1 where
	// nobody counted them.
	missed int64

	data []byte
	id   int
}

// next moves to the next event that is wanted; false at the end.
func (c *cursor) next() bool {
	for {
		for len(c.rest) >= 4 {
			if c.step() {
				return true
			}
		}
		if c.err != nil || !c.load() {
			return false
		}
	}
}

// load reads the next page.
func (c *cursor) load() bool {
	n, err := io.ReadFull(c.r, c.page)
	if err != nil && !errors.Is(err, io.EOF) {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("the last page has %d of %d bytes: %w", n, len(c.page), err)
		}
		c.err = fmt.Errorf("CPU %d: %w", c.cpu, err)
	} else if err != nil {
		c.err = err
	}
	head := 8 + c.layout.LongSize
	if n < head {
		return false
	}
	c.ts = c.order.Uint64(c.page)
	var commit uint64
	if c.layout.LongSize == 8 {
		commit = c.order.Uint64(c.page[8:])
	} else {
		commit = uint64(c.order.Uint32(c.page[8:]))
	}
	const missed, counted = 1 << 31, 1 << 30
	size := int(commit & 0xfffffff)
	body := c.page[head:n]
	if commit&missed != 0 {
		c.loss.Gaps++
		c.missed = -1
		if commit&counted != 0 && size+c.layout.LongSize <= len(body) {
			if c.layout.LongSize == 8 {
				c.missed = int64(c.order.Uint64(body[size:]))
			} else {
				c.missed = int64(c.order.Uint32(body[size:]))
			}
			c.loss.Events += uint64(c.missed)
		}
	}
	c.rest = body[:min(size, len(body))]
	return true
}

// step reads one entry of a page; true where it is an event that is wanted.
func (c *cursor) step() bool {
	v := c.order.Uint32(c.rest)
	kind, delta := v&31, uint64(v>>5)
	if c.layout.BigEndian {
		kind, delta = v>>27, uint64(v&(1<<27-1))
	}
	if kind == 29 && delta == 0 {
		c.rest = nil
		return false
	}
	start, size := 4, int(kind)*4
	if kind == 0 || kind >= 29 {
		if len(c.rest) < 8 {
			c.rest = nil
			return false
		}
		word := c.order.Uint32(c.rest[4:])
		switch kind {
		case 0:
			start, size = 8, int(word)-4
		case 29:
			c.ts += delta
			c.skip(4 + int(word))
			return false
		case 30:
			c.ts += delta + uint64(word)<<27
			c.rest = c.rest[8:]
			return false
		case 31:
			c.ts = c.ts&(0xf8<<56) | uint64(word)<<27 | delta
			c.rest = c.rest[8:]
			return false
		}
	}
	c.ts += delta
	if size < 2 || size > len(c.rest)-start {
		c.rest = nil // what is left of the page cannot be understood
		c.loss.Gaps++
		return false
	}
	c.data = c.rest[start : start+size]
	c.skip(start + (size+3)&^3)
	c.id = int(c.order.Uint16(c.data))
	return c.want == nil || c.want(c.id)
}

func (c *cursor) skip(n int) {
	if n > len(c.rest) {
		n = len(c.rest)
	}
	c.rest = c.rest[n:]
}

// Each hands out the events of all CPUs in the order of time until yield says
// no. Where want is not nil, only events are read whose number it wants. The
// record's data is valid until yield returns.
func (b *Buffer) Each(want func(id int) bool, yield func(*event.Record) bool) (Loss, error) {
	var loss Loss
	f := b.file
	if b.PageSize < 32 || b.PageSize > maxPage {
		return loss, fmt.Errorf("buffer %q has pages of %d bytes", b.Name, b.PageSize)
	}
	var heap []*cursor
	var all []*cursor
	for _, cpu := range b.CPUs {
		if cpu.Size == 0 {
			continue
		}
		c := &cursor{layout: f.Catalog.Layout, order: binary.LittleEndian, want: want, loss: &loss, cpu: cpu.CPU, page: make([]byte, b.PageSize)}
		if c.layout.BigEndian {
			c.order = binary.BigEndian
		}
		size := cpu.Size
		if cpu.compressed {
			// The table tells the size without the number and the heads of the
			// chunks: their number is what ends them.
			size = f.size - cpu.Offset
		}
		section := bufio.NewReaderSize(io.NewSectionReader(f.r, cpu.Offset, size), 64<<10)
		c.r = section
		if cpu.compressed {
			u, err := newUnpacker(f.Compression)
			if err != nil {
				return loss, err
			}
			defer u.close()
			var n [4]byte
			if _, err := io.ReadFull(section, n[:]); err != nil {
				loss.Problems = append(loss.Problems, fmt.Sprintf("CPU %d: %v", cpu.CPU, err))
				continue
			}
			c.r = &chunks{r: section, order: c.order, unpack: u, left: int(c.order.Uint32(n[:]))}
		}
		all = append(all, c)
		if c.next() {
			heap = append(heap, c)
		}
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		sift(heap, i)
	}
	var rec event.Record
	for len(heap) > 0 {
		c := heap[0]
		rec = event.Record{Time: f.time(c.ts), CPU: c.cpu, Missed: c.missed, Data: c.data}
		c.missed = 0
		if c.id < len(f.formats) {
			rec.Format = f.formats[c.id]
		}
		if !yield(&rec) {
			return loss, nil
		}
		if !c.next() {
			heap[0] = heap[len(heap)-1]
			heap = heap[:len(heap)-1]
		}
		sift(heap, 0)
	}
	for _, c := range all {
		if c.err != nil && !errors.Is(c.err, io.EOF) {
			loss.Problems = append(loss.Problems, c.err.Error())
		}
	}
	return loss, nil
}

// sift lets a cursor sink to where no earlier one is below it.
func sift(h []*cursor, i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].ts < h[least].ts || h[child].ts == h[least].ts && h[child].cpu < h[least].cpu {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
