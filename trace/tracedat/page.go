package tracedat

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

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

// A stream is where a CPU's pages come from.
type stream struct {
	r     io.ReaderAt
	at    int64
	end   int64
	block int // bytes to read at once
	order binary.ByteOrder

	// Of a compressed section: its chunks.
	unpack *unpacker
	left   uint32
	packed []byte
}

// blockSize is what is read at once: it should stay in a core's own cache.
const blockSize = 128 << 10

// open reads how many chunks there are.
func (s *stream) open() error {
	head, err := s.read(nil, 4)
	if err != nil {
		return err
	}
	s.left = s.order.Uint32(head)
	return nil
}

// read appends n bytes, or what there is of them, with an error then. Memory
// grows with what is there, not with what is said.
func (s *stream) read(dst []byte, n int64) ([]byte, error) {
	n = min(n, s.end-s.at)
	if n <= 0 {
		return dst, io.EOF
	}
	start := len(dst)
	dst = slices.Grow(dst, int(n))[:start+int(n)]
	got, err := s.r.ReadAt(dst[start:], s.at)
	s.at += int64(got)
	if got == int(n) {
		err = nil
	}
	return dst[:start+got], err
}

// more appends the next block or chunk.
func (s *stream) more(dst []byte) ([]byte, error) {
	if s.unpack == nil {
		return s.read(dst, int64(s.block))
	}
	if s.left == 0 {
		return dst, io.EOF
	}
	s.left--
	var err error
	if s.packed, err = s.read(s.packed[:0], 8); err != nil || len(s.packed) < 8 {
		s.left = 0
		return dst, fmt.Errorf("compressed chunk: %w", io.ErrUnexpectedEOF)
	}
	packed, size := s.order.Uint32(s.packed), s.order.Uint32(s.packed[4:])
	if packed > maxChunk || int64(packed) > s.end-s.at {
		s.left = 0
		return dst, fmt.Errorf("compressed chunk: %w", io.ErrUnexpectedEOF)
	}
	if s.packed, err = s.read(s.packed[:0], int64(packed)); err == nil {
		dst, err = s.unpack.unpack(dst, s.packed, size)
	}
	if err != nil {
		s.left = 0
		return dst, fmt.Errorf("compressed chunk: %w", err)
	}
	return dst, nil
}

// ids is a set of events' numbers.
type ids [1 << 16]bool

// counts is how often each event's number was seen.
type counts [1 << 16]uint64

// cursor walks through the events of one CPU.
type cursor struct {
	stream stream
	long   int
	big    bool
	size   int // of a page
	want   *ids
	// count, where it is not nil, takes all events: next is false at once.
	count       *counts
	first, last uint64
	loss        *Loss
	err         error
	cpu         int

	block []byte // what has been read
	at    int    // the next page in it
	page  []byte // the events of the page
	pos   int    // the next event in it
	ts    uint64
	// missed is how many events are missing in front of the next one; -1 where
	// nobody counted them.
	missed int64

	data []byte
	id   uint16
}

func (c *cursor) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if c.big {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (c *cursor) long64(b []byte) uint64 {
	switch {
	case c.long == 4:
		return uint64(c.u32(b))
	case c.big:
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// next moves to the next event that is wanted; false at the end. It is what all
// of a recording goes through.
func (c *cursor) next() bool {
	want, count, big := c.want, c.count, c.big
	for {
		page, pos, ts := c.page, c.pos, c.ts
		for pos+4 <= len(page) {
			head := binary.LittleEndian.Uint32(page[pos:])
			kind, delta := head&31, uint64(head>>5)
			if big {
				head = bits.ReverseBytes32(head)
				kind, delta = head>>27, uint64(head&(1<<27-1))
			}
			start, size := pos+4, int(kind)*4
			if kind == 0 || kind > 28 {
				if kind == 29 && delta == 0 || pos+8 > len(page) {
					break // the rest of the page is empty
				}
				word := c.u32(page[pos+4:])
				pos += 8
				switch kind {
				case 29: // padding
					ts += delta
					pos = min(len(page), pos-4+int(word))
					continue
				case 30: // more of the time since the event before
					ts += delta + uint64(word)<<27
					continue
				case 31: // the time
					ts = ts&(0xf8<<56) | uint64(word)<<27 | delta
					continue
				}
				start, size = pos, int(word)-4
			}
			ts += delta
			if size < 2 || size > len(page)-start {
				c.loss.Gaps++ // what is left of the page cannot be understood
				break
			}
			pos = start + (size+3)&^3
			id := binary.LittleEndian.Uint16(page[start:])
			if big {
				id = bits.ReverseBytes16(id)
			}
			if count != nil {
				count[id]++
				c.first, c.last = min(c.first, ts), max(c.last, ts)
				continue
			}
			if want == nil || want[id] {
				c.data, c.id = page[start:start+size:start+size], id
				c.pos, c.ts = pos, ts
				return true
			}
		}
		if !c.load() {
			return false
		}
	}
}

// load goes to the next page.
func (c *cursor) load() bool {
	c.page, c.pos = nil, 0
	for len(c.block)-c.at < c.size && c.err == nil {
		rest := copy(c.block, c.block[c.at:])
		c.at = 0
		c.block, c.err = c.stream.more(c.block[:rest])
	}
	page := c.block[c.at:min(len(c.block), c.at+c.size)]
	c.at += len(page)
	if len(page) > 0 && len(page) < c.size {
		c.err = fmt.Errorf("the last page has %d of %d bytes: %w", len(page), c.size, io.ErrUnexpectedEOF)
	}
	head := 8 + c.long
	if len(page) < head {
		return false
	}
	c.ts = binary.LittleEndian.Uint64(page)
	if c.big {
		c.ts = bits.ReverseBytes64(c.ts)
	}
	commit := c.long64(page[8:])
	const missed, counted = 1 << 31, 1 << 30
	size := int(commit & 0xfffffff)
	c.page = page[head:]
	if commit&missed != 0 {
		c.loss.Gaps++
		c.missed = -1
		if commit&counted != 0 && size+c.long <= len(c.page) {
			c.missed = int64(c.long64(c.page[size:]))
			c.loss.Events += uint64(c.missed)
		}
	}
	c.page = c.page[:min(size, len(c.page))]
	return true
}

// cursors opens the CPUs that have events; end gives back what they hold. What
// cannot be opened is among the loss.
func (b *Buffer) cursors(loss *Loss) (all []*cursor, end func(), err error) {
	f := b.file
	var unpackers []*unpacker
	end = func() {
		for _, u := range unpackers {
			u.close()
		}
	}
	if b.PageSize < 32 || b.PageSize > maxPage {
		return nil, end, fmt.Errorf("buffer %q has pages of %d bytes", b.Name, b.PageSize)
	}
	for _, cpu := range b.CPUs {
		if cpu.Size == 0 {
			continue
		}
		c := &cursor{long: f.Catalog.Layout.LongSize, big: f.Catalog.Layout.BigEndian, size: b.PageSize, loss: loss, cpu: cpu.CPU, first: math.MaxUint64}
		c.stream = stream{r: f.r, at: cpu.Offset, end: cpu.Offset + cpu.Size, block: max(1, blockSize/b.PageSize) * b.PageSize, order: binary.LittleEndian}
		if c.big {
			c.stream.order = binary.BigEndian
		}
		if cpu.compressed {
			u, err := newUnpacker(f.Compression)
			if err != nil {
				return nil, end, err
			}
			unpackers = append(unpackers, u)
			// The table tells the size without the number and the heads of the
			// chunks: their number is what ends them.
			c.stream.unpack, c.stream.end = u, f.size
			if err := c.stream.open(); err != nil {
				loss.Problems = append(loss.Problems, fmt.Sprintf("CPU %d: %v", cpu.CPU, err))
				continue
			}
		}
		all = append(all, c)
	}
	return all, end, nil
}

// failures adds what ended cursors early.
func (l *Loss) failures(all []*cursor) {
	for _, c := range all {
		if c.err != nil && !errors.Is(c.err, io.EOF) {
			l.Problems = append(l.Problems, fmt.Sprintf("CPU %d: %v", c.cpu, c.err))
		}
	}
}

// Count is how many events there are of a kind on a CPU.
type Count struct {
	CPU int
	ID  int
	// Format is nil for an event that the recording does not describe.
	Format *event.Format
	N      uint64
}

// Counts is what a buffer holds.
type Counts struct {
	Counts []Count
	// First and Last are the times of the first and the last event.
	First, Last uint64
}

// Count counts the events without putting them in order, which takes a fraction
// of the time that [Buffer.Each] takes.
func (b *Buffer) Count() (Counts, Loss, error) {
	var loss Loss
	out := Counts{First: math.MaxUint64}
	all, end, err := b.cursors(&loss)
	defer end()
	if err != nil {
		return Counts{}, loss, err
	}
	var n counts
	for _, c := range all {
		clear(n[:])
		c.count = &n
		c.next()
		seen := len(out.Counts)
		for id, n := range n {
			if n > 0 {
				out.Counts = append(out.Counts, Count{c.cpu, id, b.file.lookUp(id), n})
			}
		}
		if len(out.Counts) > seen {
			out.First, out.Last = min(out.First, b.file.clock.time(c.first, c.cpu)), max(out.Last, b.file.clock.time(c.last, c.cpu))
		}
	}
	loss.failures(all)
	if len(out.Counts) == 0 {
		out.First = 0
	}
	return out, loss, nil
}

// lookUp finds what is known of an event's number.
func (f *File) lookUp(id int) *event.Format {
	x := f.Catalog.ByID(id)
	if x != nil {
		if need := id + 1 - len(f.formats); need > 0 {
			f.formats = append(f.formats, make([]*event.Format, need)...)
		}
		f.formats[id] = x
	}
	return x
}

// Each hands out the events of all CPUs in the order of time until yield says
// no. Where want is not nil, only events are read whose number it wants. The
// record's data is valid until yield returns.
func (b *Buffer) Each(want func(id int) bool, yield func(*event.Record) bool) (Loss, error) {
	if len(b.file.clock.cpus) > 0 && len(b.CPUs) > 1 {
		return b.eachSynced(want, yield)
	}
	var loss Loss
	all, end, err := b.cursors(&loss)
	defer end()
	if err != nil {
		return loss, err
	}
	var wanted *ids
	if want != nil {
		wanted = new(ids)
		for id := range wanted {
			wanted[id] = want(id)
		}
	}
	f := b.file
	var heap []*cursor
	for _, c := range all {
		c.want = wanted
		if c.next() {
			heap = append(heap, c)
		}
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		sift(heap, i)
	}
	var rec event.Record
	formats, offset, plain := f.formats, uint64(f.clock.offset), f.clock.mult == 0 && len(f.clock.cpus) == 0
	for len(heap) > 0 {
		c := heap[0]
		// Events come in runs of one CPU: it goes on until another one is earlier.
		until, other := uint64(math.MaxUint64), math.MaxInt
		for _, o := range heap[1:min(3, len(heap))] {
			if o.ts < until || o.ts == until && o.cpu < other {
				until, other = o.ts, o.cpu
			}
		}
		for {
			if int(c.id) < len(formats) && formats[c.id] != nil {
				rec.Format = formats[c.id]
			} else {
				rec.Format = f.lookUp(int(c.id))
				formats = f.formats
			}
			rec.Time = c.ts + offset
			if !plain {
				rec.Time = f.clock.time(c.ts, c.cpu)
			}
			rec.CPU, rec.Missed, rec.Data = c.cpu, c.missed, c.data
			c.missed = 0
			if !yield(&rec) {
				return loss, nil
			}
			if !c.next() {
				heap[0] = heap[len(heap)-1]
				heap = heap[:len(heap)-1]
				break
			}
			if c.ts > until || c.ts == until && c.cpu > other {
				break
			}
		}
		sift(heap, 0)
	}
	loss.failures(all)
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
