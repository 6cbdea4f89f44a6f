package equiv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// The file: a header, the documents one after the other, where each begins, their names
// sorted, and two lists of postings, of lines and of other terms. A list is cut into
// buckets by the highest bits of the terms, so that a term is found with one read.
const (
	magic      = "RSEQUIV1"
	headerSize = 8 + 4 + 4 + 8*8
	maxDocs    = 1 << 27
	maxBits    = 20
)

// A Builder collects changes for an index.
type Builder struct {
	// Source says what the changes are from; it is kept in the index.
	Source string
	// Tip names the last state of what was read (a commit), so that an index can be found
	// out of date.
	Tip string

	docs    []byte
	offsets []uint64
	names   []nameEntry
	lines   []uint64 // term<<32 | document
	terms   []uint64
	printed [][]uint32
}

type nameEntry struct {
	name string
	doc  uint32
}

// Len is how many changes were added.
func (b *Builder) Len() int { return len(b.offsets) }

// Add adds a change.
func (b *Builder) Add(d *Doc) error {
	if len(b.offsets) >= maxDocs {
		return fmt.Errorf("more than %d changes in one index", maxDocs)
	}
	doc := uint32(len(b.offsets))
	b.offsets = append(b.offsets, uint64(len(b.docs)))
	b.docs = encodeDoc(b.docs, d)
	b.names = append(b.names, nameEntry{d.Name, doc})
	for _, l := range d.Print.Lines {
		b.lines = append(b.lines, uint64(l)<<32|uint64(doc))
	}
	b.printed = append(b.printed, d.Print.Lines)
	for _, t := range d.terms() {
		b.terms = append(b.terms, uint64(t)<<32|uint64(doc))
	}
	return nil
}

// Write writes the index.
func (b *Builder) Write(w io.Writer) error {
	slices.Sort(b.lines)
	slices.Sort(b.terms)
	slices.SortFunc(b.names, func(x, y nameEntry) int {
		if x.name != y.name {
			if x.name < y.name {
				return -1
			}
			return 1
		}
		return int(x.doc) - int(y.doc)
	})
	weights := b.weights()
	var names []byte
	for _, n := range b.names {
		names = binary.LittleEndian.AppendUint32(names, n.doc)
	}
	starts := make([]byte, 0, 12*len(b.offsets)+8)
	for i, off := range b.offsets {
		starts = binary.LittleEndian.AppendUint64(starts, off)
		starts = binary.LittleEndian.AppendUint32(starts, math.Float32bits(weights[i]))
	}
	starts = binary.LittleEndian.AppendUint64(starts, uint64(len(b.docs)))
	lineBits, lineTable, lines := encodePostings(b.lines)
	termBits, termTable, terms := encodePostings(b.terms)
	about := appendString(appendString(nil, b.Source), b.Tip)

	sections := [][]byte{about, b.docs, starts, names, lineTable, lines, termTable, terms}
	head := make([]byte, 0, headerSize)
	head = append(head, magic...)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(b.offsets)))
	head = binary.LittleEndian.AppendUint32(head, uint32(lineBits)|uint32(termBits)<<8)
	end := uint64(headerSize)
	for _, s := range sections {
		end += uint64(len(s))
		head = binary.LittleEndian.AppendUint64(head, end)
	}
	for _, s := range append([][]byte{head}, sections...) {
		if _, err := w.Write(s); err != nil {
			return err
		}
	}
	return nil
}

// weights sums up, for each change, what its lines weigh.
func (b *Builder) weights() []float32 {
	out := make([]float32, len(b.offsets))
	for i := 0; i < len(b.lines); {
		j := i
		for j < len(b.lines) && b.lines[j]>>32 == b.lines[i]>>32 {
			j++
		}
		w := float32(weight(len(b.offsets), j-i))
		for ; i < j; i++ {
			out[uint32(b.lines[i])] += w
		}
	}
	return out
}

// weight is what a line says that is in df of n changes.
func weight(n, df int) float64 { return math.Log(1 + float64(n)/float64(max(df, 1))) }

// encodePostings cuts sorted postings into buckets of about 64.
func encodePostings(all []uint64) (bits int, table, data []byte) {
	for bits < maxBits && len(all)>>bits > 64 {
		bits++
	}
	i := 0
	for bucket := range 1 << bits {
		table = binary.LittleEndian.AppendUint64(table, uint64(len(data)))
		last := uint64(0)
		for i < len(all) && bucketOf(uint32(all[i]>>32), bits) == bucket {
			t := all[i] >> 32
			j := i
			for j < len(all) && all[j]>>32 == t {
				j++
			}
			data = binary.AppendUvarint(data, t-last)
			data = binary.AppendUvarint(data, uint64(j-i))
			doc := uint64(0)
			for ; i < j; i++ {
				data = binary.AppendUvarint(data, uint64(uint32(all[i]))-doc)
				doc = uint64(uint32(all[i]))
			}
			last = t
		}
	}
	table = binary.LittleEndian.AppendUint64(table, uint64(len(data)))
	return bits, table, data
}

func bucketOf(term uint32, bits int) int { return int(uint64(term) >> (32 - bits)) }

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func encodeDoc(b []byte, d *Doc) []byte {
	for _, s := range []string{d.Name, d.Subject, d.Author} {
		b = appendString(b, s)
	}
	var when int64
	if !d.Date.IsZero() {
		when = d.Date.Unix()
	}
	b = binary.AppendVarint(b, when)
	for _, list := range [][]string{d.Releases, d.Paths, d.Upstream, d.Fixes, d.Reverts, d.Functions} {
		b = appendStrings(b, list)
	}
	b = binary.AppendUvarint(b, uint64(d.Print.Total))
	b = binary.LittleEndian.AppendUint64(b, d.Print.Digest)
	b = binary.AppendUvarint(b, uint64(len(d.Print.Lines)))
	last := uint32(0)
	for _, l := range d.Print.Lines {
		b = binary.AppendUvarint(b, uint64(l-last))
		last = l
	}
	return b
}

// ErrIndex is the error for a file that is no index, or a damaged one.
var ErrIndex = errors.New("not an index of changes, or a damaged one; build it again")

// decoder reads a document.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads how many things follow, each of a byte at least.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) string() string {
	n := d.count()
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) strings() []string {
	n := d.count()
	var out []string
	for range n {
		out = append(out, d.string())
	}
	return out
}
