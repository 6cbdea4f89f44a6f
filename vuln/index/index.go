// Package index keeps a feed in a form that is read in milliseconds: one file of a few
// megabytes for all records of the kernel, instead of thirty thousand files.
//
// The file is a cache. It has a version of its format and the key of what it was made
// from, and whoever finds either to be another makes it anew. Its strings are read in
// place, so a loaded index is one block of memory.
package index

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"sort"

	"ringside/vuln/feed"
	"ringside/vuln/impact"
	"ringside/vuln/ranges"
)

// magic begins every index. Its last digits are the version of the format.
const magic = "RSCVE004"

// header is magic, checksum, digest and the length of the key.
const header = len(magic) + 4 + sha256.Size + 2

// maxKey is how long the key of a cache may be.
const maxKey = 1 << 12

// ErrStale says that bytes are no index of this version.
var ErrStale = errors.New("no index of this version; it is made anew from the feed")

// An Index is a feed in compact form. It is never changed after it was made.
type Index struct {
	data     string // records, one after the other
	starts   []uint32
	places   string // in which files they were found, likewise
	at       []uint32
	Problems []feed.Problem
	Foreign  int
	digest   [sha256.Size]byte
}

// Build makes an index of a feed.
func Build(f *feed.Feed) (*Index, error) {
	return Parse(Encode(f, ""))
}

// Len is the number of records.
func (x *Index) Len() int { return len(x.starts) - 1 }

// Digest identifies what the records say: it is the same for two feeds that say the same.
func (x *Index) Digest() string { return hex.EncodeToString(x.digest[:16]) }

// Find returns the number of a CVE's record.
func (x *Index) Find(id string) (int, bool) {
	return sort.Find(x.Len(), func(i int) int { return feed.Compare(id, x.ID(i)) })
}

// ID returns the CVE of record i.
func (x *Index) ID(i int) string {
	d := decoder{s: x.data[x.starts[i]:x.starts[i+1]]}
	return d.text()
}

// Fingerprint identifies what record i says.
func (x *Index) Fingerprint(i int) string {
	sum := sha256.Sum256([]byte(x.data[x.starts[i]:x.starts[i+1]]))
	return hex.EncodeToString(sum[:8])
}

// Raw is record i as its fingerprint sees it.
func (x *Index) Raw(i int) string { return x.data[x.starts[i]:x.starts[i+1]] }

// Encode writes a feed as an index. The key says what the feed was read from.
func Encode(f *feed.Feed, key string) []byte {
	if len(key) > maxKey {
		key = key[:maxKey]
	}
	b := make([]byte, header, 1<<20)
	copy(b, magic)
	binary.LittleEndian.PutUint16(b[header-2:], uint16(len(key)))
	b = append(b, key...)
	var e encoder
	e.int(len(f.Problems))
	for _, p := range f.Problems {
		e.text(p.File)
		e.int(p.Line)
		e.int(int(p.Offset))
		e.text(p.CVE)
		e.text(p.Text)
	}
	e.int(f.Foreign)
	// What a record says is kept apart from where it was found, so that a feed that is
	// moved is the same feed.
	var records, places encoder
	e.int(len(f.Records))
	for i := range f.Records {
		r := &f.Records[i]
		start, place := len(records.b), len(places.b)
		records.record(r)
		places.text(r.File)
		for _, s := range r.Sources {
			places.text(s.File)
		}
		e.int(len(records.b) - start)
		e.int(len(places.b) - place)
	}
	b = append(b, e.b...)
	b = append(b, records.b...)
	b = append(b, places.b...)
	sum := sha256.Sum256(records.b)
	copy(b[len(magic)+4:], sum[:])
	binary.LittleEndian.PutUint32(b[len(magic):], checksum(b))
	return b
}

func checksum(b []byte) uint32 {
	return crc32.Checksum(b[len(magic)+4:], crc32.MakeTable(crc32.Castagnoli))
}

// Key returns what the index was made from, without reading more than its start.
func Key(b []byte) (string, error) {
	if len(b) < header || string(b[:len(magic)]) != magic {
		return "", ErrStale
	}
	n := int(binary.LittleEndian.Uint16(b[header-2:]))
	if n > maxKey || len(b) < header+n {
		return "", ErrStale
	}
	return string(b[header : header+n]), nil
}

// Parse reads what Encode wrote.
func Parse(b []byte) (*Index, error) {
	key, err := Key(b)
	if err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(b[len(magic):]) != checksum(b) {
		return nil, fmt.Errorf("its checksum is wrong: %w", ErrStale)
	}
	x := &Index{}
	copy(x.digest[:], b[len(magic)+4:])
	d := decoder{s: string(b[header+len(key):])}
	for range d.count() {
		x.Problems = append(x.Problems, feed.Problem{File: d.text(), Line: d.int(), Offset: int64(d.int()), CVE: d.text(), Text: d.text()})
	}
	x.Foreign = d.int()
	n := d.count()
	x.starts, x.at = make([]uint32, 1, n+1), make([]uint32, 1, n+1)
	records, places := 0, 0
	for range n {
		records += d.int()
		places += d.int()
		if records > math.MaxInt32 || places > math.MaxInt32 {
			return nil, ErrStale
		}
		x.starts, x.at = append(x.starts, uint32(records)), append(x.at, uint32(places))
	}
	if d.bad || records+places != len(d.s) {
		return nil, ErrStale
	}
	x.data, x.places = d.s[:records], d.s[records:]
	return x, nil
}

// An encoder appends numbers and texts.
type encoder struct{ b []byte }

func (e *encoder) int(n int) { e.b = binary.AppendUvarint(e.b, uint64(n)) }

func (e *encoder) text(s string) {
	e.int(len(s))
	e.b = append(e.b, s...)
}

func (e *encoder) texts(list []string) {
	e.int(len(list))
	for _, s := range list {
		e.text(s)
	}
}

// record writes one record. Commits are written once and referred to by number, since
// all pairs of a record have the same few.
func (e *encoder) record(r *feed.Record) {
	e.text(r.ID)
	e.text(r.Title)
	rejected := 0
	if r.Rejected {
		rejected = 1
	}
	e.int(rejected)
	e.int(int(r.Impact.Class))
	e.text(r.Impact.Phrase)
	e.texts(r.Files)
	e.int(len(r.Metrics))
	for _, m := range r.Metrics {
		e.text(m.Version)
		e.text(m.Vector)
		e.int(int(math.Round(m.Score * 10)))
		e.text(m.Severity)
		e.text(m.Source)
	}
	commits := slices.Clone(r.Commits)
	number := func(c string) int {
		if c == "" {
			return 0
		}
		i := slices.Index(commits, c)
		if i < 0 {
			i = len(commits)
			commits = append(commits, c)
		}
		return i + 1
	}
	for _, s := range r.Sources {
		for _, p := range s.Pairs {
			number(p.IntroCommit)
			number(p.FixCommit)
		}
	}
	e.int(len(r.Commits))
	e.texts(commits)
	e.int(len(r.Sources))
	for _, s := range r.Sources {
		e.text(s.Kind)
		e.int(len(s.Pairs))
		for _, p := range s.Pairs {
			e.int(int(p.Intro))
			e.int(number(p.IntroCommit))
			e.int(int(p.Fix))
			e.int(number(p.FixCommit))
		}
	}
}

// A decoder reads what an encoder wrote. After bytes that no encoder wrote, bad is true
// and everything is zero.
type decoder struct {
	s   string
	bad bool
}

func (d *decoder) int() int {
	var v uint64
	for i := 0; i < len(d.s) && i < binary.MaxVarintLen64; i++ {
		c := d.s[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.s = d.s[i+1:]
			if v > math.MaxInt64 {
				break
			}
			return int(v)
		}
	}
	d.s, d.bad = "", true
	return 0
}

// count reads how many things follow, each of which has at least a byte.
func (d *decoder) count() int {
	n := d.int()
	if n > len(d.s) {
		d.s, d.bad = "", true
		return 0
	}
	return n
}

func (d *decoder) text() string {
	n := d.count()
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

func (d *decoder) texts() []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.text()
	}
	return list
}

// Record decodes record i.
func (x *Index) Record(i int) feed.Record {
	d := decoder{s: x.Raw(i)}
	r := feed.Record{ID: d.text(), Title: d.text(), Rejected: d.int() == 1}
	r.Impact = impact.Impact{Class: impact.Class(d.int()), Phrase: d.text()}
	r.Files = d.texts()
	if n := d.count(); n > 0 {
		r.Metrics = make([]feed.Metric, n)
		for i := range r.Metrics {
			r.Metrics[i] = feed.Metric{Version: d.text(), Vector: d.text(), Score: float64(d.int()) / 10, Severity: d.text(), Source: d.text()}
		}
	}
	own := d.int()
	commits := d.texts()
	commit := func(n int) string {
		if n < 1 || n > len(commits) {
			return ""
		}
		return commits[n-1]
	}
	if n := d.count(); n > 0 {
		r.Sources = make([]feed.Source, n)
		for i := range r.Sources {
			s := &r.Sources[i]
			s.Kind = d.text()
			s.Pairs = make([]ranges.Pair, d.count())
			for j := range s.Pairs {
				s.Pairs[j] = ranges.Pair{Intro: ranges.Version(d.int()), IntroCommit: commit(d.int()), Fix: ranges.Version(d.int()), FixCommit: commit(d.int())}
			}
		}
	}
	place := decoder{s: x.places[x.at[i]:x.at[i+1]]}
	r.File = place.text()
	for i := range r.Sources {
		r.Sources[i].File = place.text()
	}
	r.Commits = commits[:min(own, len(commits)):min(own, len(commits))]
	return r
}
