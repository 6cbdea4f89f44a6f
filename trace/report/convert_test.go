package report

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringside/trace/event"
	"ringside/trace/tracedat"
)

// recording is a trace.dat of version 6 taken apart, to be written as another
// machine or another trace-cmd would have written it.
type recording struct {
	headerPage, headerEvent []byte
	ftrace                  [][]byte
	systems                 []system
	kallsyms, printk, comms []byte
	options                 []option
	cpus                    [][]byte // pages
	catalog                 *event.Catalog
}

type system struct {
	name    string
	formats [][]byte
}

type option struct {
	id   uint16
	data []byte
}

// takeApart reads a little-endian recording of version 6.
func takeApart(t *testing.T, data []byte) *recording {
	t.Helper()
	r := &recording{}
	s := event.NewSource(bytes.NewReader(data), event.Layout{LongSize: 8})
	must := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	number := func(n uint64) uint64 {
		b := must(s.Bytes(n))
		v := uint64(0)
		for i := range b {
			v |= uint64(b[i]) << (8 * i)
		}
		return v
	}
	blob := func(n uint64) []byte { return must(s.Bytes(number(n))) }
	text := func() string {
		v, err := s.String()
		must(nil, err)
		return v
	}
	must(s.Bytes(uint64(len(event.Magic))))
	if v := text(); v != "6" {
		t.Fatalf("version %q", v)
	}
	must(s.Bytes(6))
	text()
	r.headerPage = blob(8)
	text()
	r.headerEvent = blob(8)
	for range number(4) {
		r.ftrace = append(r.ftrace, blob(8))
	}
	for range number(4) {
		x := system{name: text()}
		for range number(4) {
			x.formats = append(x.formats, blob(8))
		}
		r.systems = append(r.systems, x)
	}
	r.kallsyms, r.printk, r.comms = blob(4), blob(4), blob(8)
	n := number(4)
	must(s.Bytes(10))
	for id := number(2); id != 0; id = number(2) {
		r.options = append(r.options, option{uint16(id), blob(4)})
	}
	must(s.Bytes(10))
	for range n {
		at, size := number(8), number(8)
		r.cpus = append(r.cpus, data[at:at+size])
	}
	var err error
	r.catalog, err = event.ReadTracingData(bytes.NewReader(data))
	must(nil, err)
	return r
}

// target is how a recording is written.
type target struct {
	version     string
	order       binary.ByteOrder
	compression string
	pageSize    int
	long        int // bytes of a long
}

// writer writes numbers of a byte order.
type writer struct {
	bytes.Buffer
	order binary.ByteOrder
}

func (w *writer) number(v uint64, size int) *writer {
	var b [8]byte
	switch size {
	case 2:
		w.order.PutUint16(b[:], uint16(v))
	case 4:
		w.order.PutUint32(b[:], uint32(v))
	default:
		w.order.PutUint64(b[:], v)
	}
	w.Write(b[:size])
	return w
}

func (w *writer) blob(b []byte, size int) { w.number(uint64(len(b)), size).Write(b) }

func (w *writer) text(s string) { w.WriteString(s + "\x00") }

// build writes the recording.
func (r *recording) build(t *testing.T, to target) []byte {
	t.Helper()
	w := &writer{order: to.order}
	w.WriteString(event.Magic)
	w.text(to.version)
	big := byte(0)
	if to.order == binary.ByteOrder(binary.BigEndian) {
		big = 1
	}
	w.Write([]byte{big, byte(to.long)})
	w.number(uint64(to.pageSize), 4)
	section := func(print func(*writer)) []byte {
		b := &writer{order: to.order}
		print(b)
		return b.Bytes()
	}
	header := section(func(b *writer) {
		b.text("header_page")
		b.blob(r.headerPage, 8)
		b.text("header_event")
		b.blob(r.headerEvent, 8)
	})
	ftrace := section(func(b *writer) {
		b.number(uint64(len(r.ftrace)), 4)
		for _, f := range r.ftrace {
			b.blob(f, 8)
		}
	})
	formats := section(func(b *writer) {
		b.number(uint64(len(r.systems)), 4)
		for _, s := range r.systems {
			b.text(s.name)
			b.number(uint64(len(s.formats)), 4)
			for _, f := range s.formats {
				b.blob(f, 8)
			}
		}
	})
	kallsyms := section(func(b *writer) { b.blob(r.kallsyms, 4) })
	printk := section(func(b *writer) { b.blob(r.printk, 4) })
	comms := section(func(b *writer) { b.blob(r.comms, 8) })
	var pages [][]byte
	for _, cpu := range r.cpus {
		pages = append(pages, r.pages(t, cpu, to))
	}
	if to.version == "6" {
		for _, b := range [][]byte{header, ftrace, formats, kallsyms, printk, comms} {
			w.Write(b)
		}
		w.number(uint64(len(pages)), 4)
		w.WriteString("options  \x00")
		for _, o := range r.options {
			w.number(uint64(o.id), 2).blob(o.data, 4)
		}
		w.number(0, 2).WriteString("flyrecord\x00")
		at := (w.Len() + 16*len(pages) + to.pageSize - 1) / to.pageSize * to.pageSize
		pad := make([]byte, at-w.Len()-16*len(pages))
		for _, p := range pages {
			w.number(uint64(at), 8).number(uint64(len(p)), 8)
			at += len(p)
		}
		w.Write(pad)
		for _, p := range pages {
			w.Write(p)
		}
		return w.Bytes()
	}
	w.text(to.compression)
	w.text("1")
	start := w.Len()
	w.number(0, 8) // where the options are
	options := &writer{order: to.order}
	for i, body := range [][]byte{header, ftrace, formats, kallsyms, printk, comms} {
		id := uint64(16 + i)
		options.number(id, 2).number(8, 4).number(uint64(w.Len()), 8)
		body = packed(t, body, to)
		w.number(id, 2).number(1, 2).number(0, 4).number(uint64(len(body)), 8).Write(body)
	}
	for _, o := range r.options {
		if o.id < 9 {
			options.number(uint64(o.id), 2).blob(o.data, 4)
		}
	}
	table := &writer{order: to.order}
	table.number(uint64(w.Len()), 8)
	table.text("")
	table.text("local")
	table.number(uint64(to.pageSize), 4).number(uint64(len(pages)), 4)
	w.number(3, 2).number(1, 2).number(0, 4).number(0, 8)
	for i, p := range pages {
		at := w.Len()
		var chunks [][]byte
		for len(p) > 0 {
			n := min(len(p), 10*to.pageSize)
			chunks = append(chunks, packed(t, p[:n], to))
			p = p[n:]
		}
		w.number(uint64(len(chunks)), 4)
		for _, c := range chunks {
			w.Write(c)
		}
		table.number(uint64(i), 4).number(uint64(at), 8).number(uint64(w.Len()-at), 8)
	}
	options.number(3, 2).blob(table.Bytes(), 4)
	options.number(0, 2).number(8, 4).number(0, 8)
	at := w.Len()
	body := packed(t, options.Bytes(), to)
	w.number(0, 2).number(1, 2).number(0, 4).number(uint64(len(body)), 8).Write(body)
	b := w.Bytes()
	to.order.PutUint64(b[start:], uint64(at))
	return b
}

// packed compresses as trace-cmd does: two sizes in front.
func packed(t *testing.T, b []byte, to target) []byte {
	t.Helper()
	var z bytes.Buffer
	c := zlib.NewWriter(&z)
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	w := &writer{order: to.order}
	w.number(uint64(z.Len()), 4).number(uint64(len(b)), 4).Write(z.Bytes())
	return w.Bytes()
}

// pages writes a CPU's pages in the order of bytes and of the size that is
// wanted.
func (r *recording) pages(t *testing.T, cpu []byte, to target) []byte {
	t.Helper()
	le := binary.LittleEndian
	var out []byte
	for ; len(cpu) >= 4096; cpu = cpu[4096:] {
		p := bytes.Clone(cpu[:4096])
		size := int(le.Uint64(p[8:]) & 0xfffff)
		to.order.PutUint64(p, le.Uint64(p))
		for rest := p[16 : 16+size]; len(rest) >= 4; {
			rest = rest[r.entry(t, rest, to.order):]
		}
		commit := le.Uint64(p[8:])
		if to.long == 8 {
			to.order.PutUint64(p[8:], commit)
		} else {
			to.order.PutUint32(p[8:], uint32(commit))
			copy(p[12:], p[16:])
		}
		out = append(append(out, p...), make([]byte, to.pageSize-4096)...)
	}
	return out
}

// entry writes one entry of a page in another order, and says how long it is.
func (r *recording) entry(t *testing.T, b []byte, order binary.ByteOrder) int {
	t.Helper()
	le := binary.LittleEndian
	head := le.Uint32(b)
	kind, delta := head&31, head>>5
	if order == binary.ByteOrder(binary.BigEndian) {
		head = kind<<27 | delta
	}
	order.PutUint32(b, head)
	start, size := 4, int(kind)*4
	if kind == 0 || kind >= 29 {
		if kind == 29 && delta == 0 {
			return len(b)
		}
		word := le.Uint32(b[4:])
		order.PutUint32(b[4:], word)
		switch kind {
		case 0:
			start, size = 8, int(word)-4
		case 29:
			return 4 + int(word)
		default:
			return 8
		}
	}
	data := b[start : start+size]
	f := r.catalog.ByID(int(le.Uint16(data)))
	if f == nil {
		t.Fatalf("an event without a format: %d", le.Uint16(data))
	}
	swap := func(b []byte, elem int) {
		for ; elem > 1 && len(b) >= elem; b = b[elem:] {
			switch elem {
			case 2:
				order.PutUint16(b, le.Uint16(b))
			case 4:
				order.PutUint32(b, le.Uint32(b))
			case 8:
				order.PutUint64(b, le.Uint64(b))
			}
		}
	}
	for i := range f.Fields {
		x := &f.Fields[i]
		elem := x.Elem
		if strings.Contains(x.Type, "cpumask") {
			elem = 8
		}
		switch x.Array {
		case event.Scalar:
			swap(data[x.Offset:x.Offset+x.Size], x.Size)
		case event.Fixed:
			swap(x.Bytes(data), elem)
		default:
			swap(x.Bytes(data), elem)
			swap(data[x.Offset:x.Offset+4], 4)
		}
	}
	return start + (size+3)&^3
}

// TestConverted holds the text of a recording against that of the same recording
// as other machines would have written it.
func TestConverted(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("RINGSIDE_CORPUS is not set: no recordings to convert")
	}
	data, err := os.ReadFile(filepath.Join(corpus, "trace", "sched_v6.dat"))
	if err != nil {
		t.Fatal(err)
	}
	r := takeApart(t, data)
	want := text(t, open(t, filepath.Join(corpus, "trace", "sched_v6.dat")), Options{Nanoseconds: true})
	for _, to := range []target{
		{"6", binary.LittleEndian, "none", 4096, 8},
		{"6", binary.LittleEndian, "none", 16384, 8},
		{"6", binary.LittleEndian, "none", 4096, 4},
		{"6", binary.BigEndian, "none", 4096, 8},
		{"7", binary.BigEndian, "zlib", 4096, 4},
		{"7", binary.LittleEndian, "zlib", 4096, 8},
		{"7", binary.BigEndian, "zlib", 65536, 8},
	} {
		t.Run(fmt.Sprintf("%s %v %s %d %d", to.version, to.order, to.compression, to.pageSize, to.long), func(t *testing.T) {
			b := r.build(t, to)
			f, err := tracedat.Open(bytes.NewReader(b), int64(len(b)))
			if err != nil || len(f.Problems) > 0 {
				t.Fatal(err, f.Problems)
			}
			if f.Compression != to.compression || f.Buffers[0].PageSize != to.pageSize || f.CPUs != 2 {
				t.Errorf("%s, pages of %d bytes, %d CPUs", f.Compression, f.Buffers[0].PageSize, f.CPUs)
			}
			got := text(t, f, Options{Nanoseconds: true})
			if !bytes.Equal(got, want) {
				i := 0
				for i < min(len(got), len(want)) && got[i] == want[i] {
					i++
				}
				t.Errorf("%d bytes of text, want %d; from %d on: %.200q, want %.200q", len(got), len(want), i, got[i:], want[i:])
			}
		})
	}
}
