package gitrepo

import (
	"bufio"
	"bytes"
	"container/list"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"ringside/gitrepo/internal/inflate"

	"github.com/klauspost/compress/zlib"
)

// A Kind is what an object is.
type Kind uint8

// The kinds, by git's numbers.
const (
	CommitKind Kind = 1
	TreeKind   Kind = 2
	BlobKind   Kind = 3
	TagKind    Kind = 4

	offsetDelta Kind = 6
	refDelta    Kind = 7
)

const (
	// A pack is read in windows; a reader keeps the last of each residue class.
	windowSize = 64 << 10
	windows    = 128
	// cacheBytes bounds what a reader keeps of what it has read: bases of the deltas that
	// come next, most of all.
	cacheBytes = 32 << 20
	maxChain   = 4096
	// maxHead is more than the head of an object takes.
	maxHead = 64
)

// A Reader reads objects for one goroutine.
type Reader struct {
	repo *Repo
	zr   io.ReadCloser // for what is large

	inflater *inflate.Decoder
	head     [2 * maxHead]byte

	window [windows]window
	gather []byte

	buffers buffers
	chain   []link // that packed goes down
	cache   map[place]*list.Element
	order   *list.List // of *held, the latest used first
	held    int
}

type window struct {
	pack *pack
	at   int64
	data []byte
}

// link is one of the deltas between an object and its base.
type link struct {
	at    place
	delta []byte
}

type held struct {
	at   place
	kind Kind
	data []byte
}

// NewReader gives a reader for one goroutine.
func (r *Repo) NewReader() *Reader {
	return &Reader{repo: r, cache: map[place]*list.Element{}, order: list.New(), inflater: inflate.NewDecoder()}
}

// Recycle tells the reader that nobody looks any more at what it has given: it may fill the
// memory of what it forgets with other objects. Who reads much and never says so leaves
// more to be collected.
func (rd *Reader) Recycle() { rd.buffers.recycle() }

// Object reads an object. The bytes belong to the reader: they must not be changed, and
// are good until [Reader.Recycle].
func (rd *Reader) Object(id ID) (Kind, []byte, error) {
	at, ok, err := rd.repo.find(id)
	if err != nil {
		return 0, nil, err
	}
	if ok {
		kind, data, err := rd.packed(at)
		if err != nil {
			return 0, nil, fmt.Errorf("object %s: %w", id, err)
		}
		return kind, data, nil
	}
	return rd.looseObject(id)
}

// Blob reads a file's content.
func (rd *Reader) Blob(id ID) ([]byte, error) {
	kind, data, err := rd.Object(id)
	if err == nil && kind != BlobKind {
		return nil, fmt.Errorf("object %s is no file", id)
	}
	return data, err
}

// packed reads an object from a pack: down its chain of deltas to a base that is whole or
// still known, and up again.
func (rd *Reader) packed(at place) (Kind, []byte, error) {
	chain := rd.chain[:0]
	defer func() {
		clear(chain)
		rd.chain = chain[:0]
	}()
	var kind Kind
	var data []byte
	for {
		if e, ok := rd.cache[at]; ok {
			rd.order.MoveToFront(e)
			h := e.Value.(*held)
			kind, data = h.kind, h.data
			break
		}
		k, base, content, err := rd.entry(at)
		if err != nil {
			return 0, nil, err
		}
		if k != offsetDelta && k != refDelta {
			kind, data = k, content
			rd.keep(at, kind, data)
			break
		}
		if len(chain) >= maxChain {
			return 0, nil, fmt.Errorf("more than %d deltas in a row: %w", maxChain, ErrCorrupt)
		}
		chain = append(chain, link{at, content})
		at = base
	}
	for i := len(chain) - 1; i >= 0; i-- {
		next, err := applyDelta(rd.buffers.get, data, chain[i].delta)
		if err != nil {
			return 0, nil, err
		}
		rd.buffers.forget(chain[i].delta)
		data = next
		rd.keep(chain[i].at, kind, data)
	}
	return kind, data, nil
}

// keep remembers an object, and forgets those that were not used for long.
func (rd *Reader) keep(at place, kind Kind, data []byte) {
	if len(data) > cacheBytes/4 {
		return
	}
	rd.cache[at] = rd.order.PushFront(&held{at, kind, data})
	rd.held += cap(data) + 128
	for rd.held > cacheBytes {
		e := rd.order.Back()
		h := rd.order.Remove(e).(*held)
		delete(rd.cache, h.at)
		rd.held -= cap(h.data) + 128
		rd.buffers.forget(h.data)
	}
}

// entry reads what stands at a place of a pack: an object, or a delta and where its base
// is.
func (rd *Reader) entry(at place) (kind Kind, base place, content []byte, err error) {
	b, err := rd.bytes(at.pack, at.offset)
	if err != nil {
		return 0, place{}, nil, err
	}
	if len(b) < maxHead && at.offset+int64(len(b)) < at.pack.size {
		next, err := rd.bytes(at.pack, at.offset+int64(len(b)))
		if err != nil {
			return 0, place{}, nil, err
		}
		b = append(append(rd.head[:0], b...), next[:min(len(next), maxHead)]...)
	}
	kind, size, n, ok := entryHead(b)
	if !ok || size > MaxObject {
		return 0, place{}, nil, fmt.Errorf("offset %d of the pack: the object's head: %w", at.offset, ErrCorrupt)
	}
	switch kind {
	case CommitKind, TreeKind, BlobKind, TagKind:
	case offsetDelta:
		back, k, ok := backOffset(b[n:])
		if !ok || int64(back) <= 0 || int64(back) >= at.offset {
			return 0, place{}, nil, fmt.Errorf("offset %d of the pack: where the base is: %w", at.offset, ErrCorrupt)
		}
		base, n = place{at.pack, at.offset - int64(back)}, n+k
	case refDelta:
		if len(b) < n+20 {
			return 0, place{}, nil, fmt.Errorf("offset %d of the pack: cut off: %w", at.offset, ErrCorrupt)
		}
		id := ID(b[n : n+20])
		found, ok, err := rd.repo.find(id)
		if err != nil || !ok {
			return 0, place{}, nil, errors.Join(fmt.Errorf("the base %s of a delta: %w", id, ErrMissing), err)
		}
		base, n = found, n+20
	default:
		return 0, place{}, nil, fmt.Errorf("offset %d of the pack: kind %d: %w", at.offset, kind, ErrCorrupt)
	}
	content, err = rd.inflate(at.pack, at.offset+int64(n), int(size))
	if err != nil {
		return 0, place{}, nil, fmt.Errorf("offset %d of the pack: %w", at.offset, err)
	}
	return kind, base, content, nil
}

// entryHead reads kind and size; n is how many bytes they take.
func entryHead(b []byte) (kind Kind, size uint64, n int, ok bool) {
	if len(b) == 0 {
		return 0, 0, 0, false
	}
	kind, size = Kind(b[0]>>4&7), uint64(b[0]&15)
	for shift := uint(4); b[n]&0x80 != 0; shift += 7 {
		n++
		if n >= len(b) || shift > 56 {
			return 0, 0, 0, false
		}
		size |= uint64(b[n]&0x7f) << shift
	}
	return kind, size, n + 1, true
}

// backOffset reads how far before a delta its base is.
func backOffset(b []byte) (off uint64, n int, ok bool) {
	for n < len(b) && n < 10 {
		c := b[n]
		n++
		off = off<<7 | uint64(c&0x7f)
		if c&0x80 == 0 {
			return off, n, true
		}
		off++
	}
	return 0, 0, false
}

// bytes gives the bytes of a pack from an offset to the end of the window that it is in.
// Objects that are read one after the other are close together mostly.
func (rd *Reader) bytes(p *pack, off int64) ([]byte, error) {
	if off < 0 || off >= p.size {
		return nil, fmt.Errorf("offset %d is outside of the pack: %w", off, ErrCorrupt)
	}
	start := off &^ (windowSize - 1)
	w := &rd.window[uint64(start/windowSize)%windows]
	if w.pack != p || w.at != start {
		if w.data == nil {
			w.data = make([]byte, windowSize)
		}
		n, err := p.data.ReadAt(w.data[:windowSize], start)
		if err != nil && !errors.Is(err, io.EOF) {
			w.pack = nil
			return nil, err
		}
		w.pack, w.at, w.data = p, start, w.data[:n]
	}
	if off-start >= int64(len(w.data)) {
		return nil, fmt.Errorf("offset %d is behind the end of the pack: %w", off, ErrCorrupt)
	}
	return w.data[off-start:], nil
}

// maxGather is the largest object whose bytes are put together before they are unpacked.
const maxGather = 8 << 20

// inflate unpacks size bytes. What is packed is mostly much smaller, and never much larger.
func (rd *Reader) inflate(p *pack, off int64, size int) ([]byte, error) {
	b, err := rd.bytes(p, off)
	if err != nil {
		return nil, err
	}
	need := int(min(int64(size+size/8+64), p.size-off))
	if need > maxGather {
		return rd.unzip(bufio.NewReaderSize(io.NewSectionReader(p.data, off, p.size-off), 256<<10), size)
	}
	if need > len(b) {
		rd.gather = append(rd.gather[:0], b...)
		for len(rd.gather) < need {
			if b, err = rd.bytes(p, off+int64(len(rd.gather))); err != nil {
				return nil, err
			}
			rd.gather = append(rd.gather, b...)
		}
		b = rd.gather
	}
	// The size is only believed as far as there is something to fill it.
	if size > maxRatio*len(b) {
		return nil, fmt.Errorf("%d bytes, unpacked from %d: %w", size, len(b), ErrCorrupt)
	}
	out := rd.buffers.get(size + inflate.Slack)[:size]
	if _, err := rd.inflater.Zlib(out, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return out, nil
}

// maxRatio is more than deflate can make of a byte.
const maxRatio = 1032

func (rd *Reader) unzip(src io.Reader, size int) ([]byte, error) {
	var err error
	if rd.zr == nil {
		rd.zr, err = zlib.NewReader(src)
	} else {
		err = rd.zr.(zlib.Resetter).Reset(src, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	// The size is only believed as far as there is something to fill it.
	out := rd.buffers.get(min(size, 1<<20))
	n, err := io.ReadFull(rd.zr, out)
	for err == nil && n < size {
		out = append(out, make([]byte, min(size-n, n))...)
		var k int
		k, err = io.ReadFull(rd.zr, out[n:])
		n += k
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return out, nil
}

// looseObject reads an object that is a file of its own.
func (rd *Reader) looseObject(id ID) (Kind, []byte, error) {
	name := id.String()
	name = name[:2] + "/" + name[2:]
	for _, o := range rd.repo.loose {
		f, err := o.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		kind, data, err := rd.readLoose(f)
		err = errors.Join(err, f.Close())
		if err != nil {
			return 0, nil, fmt.Errorf("object %s: %w", id, err)
		}
		return kind, data, nil
	}
	return 0, nil, fmt.Errorf("object %s: %w", id, ErrMissing)
}

var kindNames = map[string]Kind{"commit": CommitKind, "tree": TreeKind, "blob": BlobKind, "tag": TagKind}

func (rd *Reader) readLoose(f io.Reader) (Kind, []byte, error) {
	zr, err := zlib.NewReader(f)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	br := bufio.NewReader(zr)
	head, err := br.ReadSlice(0)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	word, num, _ := bytes.Cut(head[:len(head)-1], []byte(" "))
	kind, ok := kindNames[string(word)]
	size, err := strconv.Atoi(string(num))
	if !ok || err != nil || size < 0 || size > MaxObject {
		return 0, nil, fmt.Errorf("its head %q: %w", head, ErrCorrupt)
	}
	data, err := io.ReadAll(io.LimitReader(br, int64(size)+1))
	if err != nil || len(data) != size {
		return 0, nil, fmt.Errorf("%d bytes, and not %d: %w", len(data), size, errors.Join(ErrCorrupt, err))
	}
	return kind, data, nil
}
