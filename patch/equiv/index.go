package equiv

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"sort"
	"strings"
	"time"
)

// An Index is many changes, to be searched. Opening it reads tables only, in the size of
// some hundred KiB; the rest is read where it is needed. Its methods may be used by several
// goroutines if the reader may.
type Index struct {
	Source string
	Tip    string

	r     io.ReaderAt
	n     int
	names section
	docs  section
	start section
	lines postings
	terms postings
}

type section struct{ from, to int64 }

type postings struct {
	bits  int
	table []uint64
	data  section
}

// maxDoc bounds what one document takes.
const maxDoc = 16 << 20

// OpenIndex opens an index of a size in bytes.
func OpenIndex(r io.ReaderAt, size int64) (*Index, error) {
	var head [headerSize]byte
	if _, err := r.ReadAt(head[:], 0); err != nil || string(head[:8]) != magic {
		return nil, ErrIndex
	}
	x := &Index{r: r, n: int(binary.LittleEndian.Uint32(head[8:]))}
	bits := binary.LittleEndian.Uint32(head[12:])
	x.lines.bits, x.terms.bits = int(bits&0xff), int(bits>>8&0xff)
	var about, lineTable, termTable section
	at := int64(headerSize)
	for i, s := range []*section{&about, &x.docs, &x.start, &x.names, &lineTable, &x.lines.data, &termTable, &x.terms.data} {
		end := binary.LittleEndian.Uint64(head[16+8*i:])
		if end > uint64(size) || int64(end) < at {
			return nil, fmt.Errorf("section %d ends at %d of %d bytes: %w", i, end, size, ErrIndex)
		}
		*s = section{at, int64(end)}
		at = int64(end)
	}
	if x.n > maxDocs || x.start.to-x.start.from != int64(x.n)*12+8 || x.names.to-x.names.from != int64(x.n)*4 {
		return nil, fmt.Errorf("%d changes do not fit its tables: %w", x.n, ErrIndex)
	}
	b, err := x.read(about, 1<<16)
	if err != nil {
		return nil, err
	}
	d := decoder{b: b}
	x.Source, x.Tip = d.string(), d.string()
	if d.bad {
		return nil, ErrIndex
	}
	if err := x.lines.open(x, lineTable); err != nil {
		return nil, err
	}
	return x, x.terms.open(x, termTable)
}

// Len is how many changes are in it.
func (x *Index) Len() int { return x.n }

func (x *Index) read(s section, limit int64) ([]byte, error) {
	if s.to-s.from > limit || s.to < s.from {
		return nil, fmt.Errorf("a piece of %d bytes: %w", s.to-s.from, ErrIndex)
	}
	b := make([]byte, s.to-s.from)
	if n, err := x.r.ReadAt(b, s.from); n < len(b) {
		return nil, fmt.Errorf("offset %d: %w", s.from, err)
	}
	return b, nil
}

func (p *postings) open(x *Index, table section) error {
	if p.bits > maxBits || table.to-table.from != 8*(1<<p.bits+1) {
		return fmt.Errorf("a table of %d bytes: %w", table.to-table.from, ErrIndex)
	}
	b, err := x.read(table, 8*(1<<maxBits+1))
	if err != nil {
		return err
	}
	p.table = make([]uint64, 1<<p.bits+1)
	last := uint64(0)
	for i := range p.table {
		p.table[i] = binary.LittleEndian.Uint64(b[8*i:])
		if p.table[i] < last || p.table[i] > uint64(p.data.to-p.data.from) {
			return fmt.Errorf("a table that is not in order: %w", ErrIndex)
		}
		last = p.table[i]
	}
	return nil
}

// maxBucket bounds what is read to find one term.
const maxBucket = 64 << 20

// find gives how many changes have a term, and the first of them, limit at most. keep has
// the bucket that was read last.
func (x *Index) find(p *postings, t uint32, limit int) (df int, docs []uint32, err error) {
	i := bucketOf(t, p.bits)
	s := section{p.data.from + int64(p.table[i]), p.data.from + int64(p.table[i+1])}
	b, err := x.read(s, maxBucket)
	if err != nil {
		return 0, nil, err
	}
	d := decoder{b: b}
	at := uint64(0)
	for len(d.b) > 0 {
		at += d.uvarint()
		n := d.count()
		if d.bad {
			return 0, nil, fmt.Errorf("bucket %d: %w", i, ErrIndex)
		}
		doc := uint64(0)
		hit := at == uint64(t)
		for range n {
			doc += d.uvarint()
			if hit && len(docs) < limit {
				if doc >= uint64(x.n) {
					return 0, nil, fmt.Errorf("bucket %d names change %d of %d: %w", i, doc, x.n, ErrIndex)
				}
				docs = append(docs, uint32(doc))
			}
		}
		if hit {
			return n, docs, nil
		}
		if at > uint64(t) {
			break
		}
	}
	return 0, nil, nil
}

// bounds says where document i is, and what its lines weigh.
func (x *Index) bounds(i uint32) (section, float64, error) {
	var b [20]byte
	if n, err := x.r.ReadAt(b[:], x.start.from+12*int64(i)); n < 20 {
		return section{}, 0, fmt.Errorf("change %d: %w", i, err)
	}
	from, to := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[12:])
	if from > to || to > uint64(x.docs.to-x.docs.from) {
		return section{}, 0, fmt.Errorf("change %d: %w", i, ErrIndex)
	}
	w := float64(math.Float32frombits(binary.LittleEndian.Uint32(b[8:])))
	return section{x.docs.from + int64(from), x.docs.from + int64(to)}, w, nil
}

// Doc reads a change by its number. Words are not kept in an index.
func (x *Index) Doc(i int) (Doc, error) {
	d, _, err := x.doc(uint32(i))
	return d, err
}

func (x *Index) doc(i uint32) (Doc, float64, error) {
	s, w, err := x.bounds(i)
	if err != nil {
		return Doc{}, 0, err
	}
	b, err := x.read(s, maxDoc)
	if err != nil {
		return Doc{}, 0, err
	}
	d := decoder{b: b}
	var out Doc
	for _, to := range []*string{&out.Name, &out.Subject, &out.Author} {
		*to = d.string()
	}
	if when := d.varint(); when != 0 {
		out.Date = time.Unix(when, 0).UTC()
	}
	for _, to := range []*[]string{&out.Releases, &out.Paths, &out.Upstream, &out.Fixes, &out.Reverts, &out.Functions} {
		*to = d.strings()
	}
	out.Print.Total = int(d.uvarint())
	if len(d.b) < 8 {
		return Doc{}, 0, fmt.Errorf("change %d: %w", i, ErrIndex)
	}
	out.Print.Digest, d.b = binary.LittleEndian.Uint64(d.b), d.b[8:]
	n := d.count()
	last := uint32(0)
	for range min(n, MaxLines) {
		last += uint32(d.uvarint())
		out.Print.Lines = append(out.Print.Lines, last)
	}
	if d.bad {
		return Doc{}, 0, fmt.Errorf("change %d: %w", i, ErrIndex)
	}
	return out, w, nil
}

// Named finds the changes whose name is this or, of at least seven characters, starts with
// it; two at most.
func (x *Index) Named(name string) ([]Doc, error) {
	numbers, err := x.numbersNamed(name)
	var out []Doc
	for _, i := range numbers {
		d, err := x.Doc(int(i))
		if err != nil {
			return out, err
		}
		out = append(out, d)
	}
	return out, err
}

func (x *Index) numbersNamed(name string) ([]uint32, error) {
	var fail error
	number := func(i int) uint32 {
		var b [4]byte
		if n, err := x.r.ReadAt(b[:], x.names.from+4*int64(i)); n < 4 {
			fail = err
		}
		return binary.LittleEndian.Uint32(b[:])
	}
	at := func(i int) string {
		s, _, err := x.bounds(number(i))
		if err != nil {
			fail = err
			return ""
		}
		s.to = min(s.to, s.from+4096)
		head, err := x.read(s, 4096)
		if err != nil {
			fail = err
			return ""
		}
		d := decoder{b: head}
		return d.string()
	}
	i := sort.Search(x.n, func(i int) bool { return fail != nil || at(i) >= name })
	var out []uint32
	for ; fail == nil && i < x.n && len(out) < 2; i++ {
		got := at(i)
		if got != name && (len(name) < 7 || !strings.HasPrefix(got, name)) {
			break
		}
		out = append(out, number(i))
	}
	return out, fail
}
