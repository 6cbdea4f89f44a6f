package dump_test

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"ringside/vmcore/dump"
)

// This file writes the containers that the tests read.

// kdumpSpec is a KDUMP file to be.
type kdumpSpec struct {
	version   int
	order     binary.ByteOrder
	blockSize int
	frames    uint64
	ram       []dump.Range // page frame numbers; nil: those of pages
	pages     map[uint64][]byte
	lost      []uint64 // pages without content, as a full disk leaves them
	flag      uint32
	status    uint32
	single    bool // one bitmap
	split     bool
	start     uint64
	end       uint64
	uts       [6]string
	notes     []byte
	info      string
}

const (
	zlibFlag   = 1
	lzoFlag    = 2
	snappyFlag = 4
	zstdFlag   = 0x20
)

// zstdWriter is made once, which costs more than all the pages.
var zstdWriter = sync.OnceValue(func() *zstd.Encoder {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return w
})

func compress(tb testing.TB, flag uint32, page []byte) []byte {
	switch flag {
	case zlibFlag:
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		if _, err := w.Write(page); err != nil {
			tb.Fatal(err)
		}
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
		return b.Bytes()
	case lzoFlag:
		return lzo1x(page)
	case snappyFlag:
		return snappy.Encode(nil, page)
	case zstdFlag:
		return zstdWriter().EncodeAll(page, nil)
	}
	return page
}

// lzo1x compresses what one byte repeated compresses to, and keeps the rest as
// literals, followed by a match.
func lzo1x(page []byte) []byte {
	run := func(n, bits int) []byte { // a length that does not fit its bits
		n -= 1<<bits - 1
		var b []byte
		for ; n > 255; n -= 255 {
			b = append(b, 0)
		}
		return append(b, byte(n))
	}
	tail := 1
	for tail < len(page)-8 && page[len(page)-1-tail] == page[len(page)-1] {
		tail++
	}
	literals := page[:len(page)-tail+1]
	var b []byte
	if len(literals) <= 238 {
		b = append(b, byte(17+len(literals)))
	} else {
		b = append(append(b, 0), run(len(literals)-3, 4)...)
	}
	b = append(b, literals...)
	switch n := tail - 1; {
	case n > 33:
		b = append(append(b, 0x20), run(n-2, 5)...)
		b = append(b, 0, 0)
	case n >= 3:
		b = append(b, 0x20|byte(n-2), 0, 0)
	case n > 0:
		panic("the page ends with two equal bytes")
	}
	return append(b, 0x11, 0, 0)
}

func (k kdumpSpec) write(tb testing.TB) []byte {
	if k.order == nil {
		k.order = binary.LittleEndian
	}
	if k.blockSize == 0 {
		k.blockSize = 4096
	}
	if k.version == 0 {
		k.version = 6
	}
	if !k.split {
		k.end = k.frames
	}
	bs := k.blockSize
	bitmapBytes := (int(k.frames)/8 + bs) / bs * bs
	ram, kept := make([]byte, bitmapBytes), make([]byte, bitmapBytes)
	set := func(b []byte, pfn uint64) { b[pfn/8] |= 1 << (pfn % 8) }
	for _, r := range k.ram {
		for pfn := r.Start; pfn < r.End; pfn++ {
			set(ram, pfn)
		}
	}
	var pfns []uint64
	for pfn := range k.pages {
		set(ram, pfn)
		set(kept, pfn)
		if pfn >= k.start && pfn < k.end {
			pfns = append(pfns, pfn)
		}
	}
	slices.Sort(pfns)

	bitmaps := append(ram, kept...)
	if k.single {
		bitmaps = kept
	}
	extra := slices.Concat([]byte(k.info), k.notes)
	subBlocks := (104 + len(extra) + bs - 1) / bs
	head := make([]byte, bs*(1+subBlocks))
	o := k.order
	copy(head, "KDUMP   ")
	o.PutUint32(head[8:], uint32(k.version))
	for i, s := range k.uts {
		copy(head[12+65*i:12+65*(i+1)], s)
	}
	o.PutUint64(head[408:], 1_700_000_000)
	o.PutUint32(head[424:], k.flag|k.status)
	o.PutUint32(head[428:], uint32(bs))
	o.PutUint32(head[432:], uint32(subBlocks))
	o.PutUint32(head[436:], uint32(len(bitmaps)/bs))
	o.PutUint32(head[440:], uint32(k.frames))
	sub := head[bs:]
	o.PutUint64(sub, 0xfffffffff0e00000)
	o.PutUint32(sub[8:], 31)
	if k.split {
		o.PutUint32(sub[12:], 1)
		if k.version < 6 {
			o.PutUint64(sub[16:], k.start)
			o.PutUint64(sub[24:], k.end)
		} else {
			o.PutUint64(sub[80:], k.start)
			o.PutUint64(sub[88:], k.end)
		}
	}
	copy(sub[104:], extra)
	if k.version >= 3 {
		o.PutUint64(sub[32:], uint64(bs+104))
		o.PutUint64(sub[40:], uint64(len(k.info)))
	}
	if k.version >= 4 {
		o.PutUint64(sub[48:], uint64(bs+104+len(k.info)))
		o.PutUint64(sub[56:], uint64(len(k.notes)))
	}
	if k.version >= 6 {
		o.PutUint32(head[440:], 0)
		o.PutUint64(sub[96:], k.frames)
	}

	file := append(head, bitmaps...)
	var table, data []byte
	base := len(file) + 24*len(pfns)
	zero := -1
	for _, pfn := range pfns {
		page := k.pages[pfn]
		c, flag := compress(tb, k.flag, page), k.flag
		if len(c) >= len(page) {
			c, flag = page, 0
		}
		at := base + len(data)
		switch isZero := !slices.ContainsFunc(page, func(b byte) bool { return b != 0 }); {
		case slices.Contains(k.lost, pfn):
			at, c, flag = 0, nil, 0
		case isZero && zero >= 0:
			at = zero // all pages of zeros share one place
		default:
			if isZero {
				zero = at
			}
			data = append(data, c...)
		}
		d := make([]byte, 24)
		o.PutUint64(d, uint64(at))
		o.PutUint32(d[8:], uint32(len(c)))
		o.PutUint32(d[12:], flag)
		table = append(table, d...)
	}
	return append(append(file, table...), data...)
}

// elfSpec is an ELF core to be.
type elfSpec struct {
	class   elf.Class
	order   binary.ByteOrder
	machine elf.Machine
	flags   uint32
	phoff   int  // 0: right behind the header
	xnum    bool // the number of program headers is in section 0
	notes   []byte
	loads   []loadSpec
}

type loadSpec struct {
	vaddr, paddr uint64
	data         []byte
	memsz        uint64 // 0: that of data
}

func (e elfSpec) write() []byte {
	if e.order == nil {
		e.order = binary.LittleEndian
	}
	if e.class == 0 {
		e.class = elf.ELFCLASS64
	}
	if e.machine == 0 {
		e.machine = elf.EM_X86_64
	}
	o, wide := e.order, e.class == elf.ELFCLASS64
	ehsize, phentsize, shentsize := 64, 56, 64
	if !wide {
		ehsize, phentsize, shentsize = 52, 32, 40
	}
	shoff := 0
	if e.phoff == 0 {
		e.phoff = ehsize
	}
	if e.xnum {
		shoff = e.phoff
		e.phoff += shentsize
	}
	phnum := 1 + len(e.loads)
	pos := e.phoff + phnum*phentsize
	b := make([]byte, pos)
	copy(b, elf.ELFMAG)
	b[elf.EI_CLASS], b[elf.EI_DATA], b[elf.EI_VERSION] = byte(e.class), 1, 1
	if o == binary.BigEndian {
		b[elf.EI_DATA] = 2
	}
	o.PutUint16(b[16:], uint16(elf.ET_CORE))
	o.PutUint16(b[18:], uint16(e.machine))
	num := phnum
	if e.xnum {
		num = 0xffff
	}
	if wide {
		o.PutUint64(b[32:], uint64(e.phoff))
		o.PutUint64(b[40:], uint64(shoff))
		o.PutUint32(b[48:], e.flags)
		o.PutUint16(b[52:], 8) // as QEMU has it
		o.PutUint16(b[54:], uint16(phentsize))
		o.PutUint16(b[56:], uint16(num))
		if e.xnum {
			o.PutUint32(b[shoff+44:], uint32(phnum))
		}
	} else {
		o.PutUint32(b[28:], uint32(e.phoff))
		o.PutUint32(b[32:], uint32(shoff))
		o.PutUint32(b[36:], e.flags)
		o.PutUint16(b[42:], uint16(phentsize))
		o.PutUint16(b[44:], uint16(num))
		if e.xnum {
			o.PutUint32(b[shoff+28:], uint32(phnum))
		}
	}
	header := func(i int, typ elf.ProgType, off int, l loadSpec, filesz int) {
		h := b[e.phoff+i*phentsize:]
		o.PutUint32(h, uint32(typ))
		if wide {
			for j, v := range []uint64{uint64(off), l.vaddr, l.paddr, uint64(filesz), l.memsz} {
				o.PutUint64(h[8+8*j:], v)
			}
		} else {
			for j, v := range []uint64{uint64(off), l.vaddr, l.paddr, uint64(filesz), l.memsz} {
				o.PutUint32(h[4+4*j:], uint32(v))
			}
		}
	}
	header(0, elf.PT_NOTE, len(b), loadSpec{}, len(e.notes))
	b = append(b, e.notes...)
	for i, l := range e.loads {
		if l.memsz == 0 {
			l.memsz = uint64(len(l.data))
		}
		header(1+i, elf.PT_LOAD, len(b), l, len(l.data))
		b = append(b, l.data...)
	}
	return b
}

func note(order binary.AppendByteOrder, name string, typ uint32, desc []byte) []byte {
	var b []byte
	b = order.AppendUint32(b, uint32(len(name)+1))
	b = order.AppendUint32(b, uint32(len(desc)))
	b = order.AppendUint32(b, typ)
	b = append(b, name...)
	b = append(b, make([]byte, 4-len(name)%4)...)
	b = append(b, desc...)
	return append(b, make([]byte, (4-len(desc)%4)%4)...)
}

// prstatus is a note of registers that count up from base.
func prstatus(machine elf.Machine, pid int, base uint64) []byte {
	n := 27
	if machine == elf.EM_AARCH64 {
		n = 34
	}
	desc := make([]byte, 112+8*n+8)
	binary.LittleEndian.PutUint32(desc[32:], uint32(pid))
	for i := range n {
		binary.LittleEndian.PutUint64(desc[112+8*i:], base+uint64(i))
	}
	return note(binary.LittleEndian, "CORE", 1, desc)
}

// flatten writes a file as makedumpfile -F does, in records of at most size
// bytes, which a seed other than 0 shuffles; the first comes first as nonsense,
// to be overridden.
func flatten(file []byte, size int, seed uint64) []byte {
	out := make([]byte, 4096)
	copy(out, "makedumpfile")
	binary.BigEndian.PutUint64(out[16:], 1)
	binary.BigEndian.PutUint64(out[24:], 1)
	record := func(off int64, data []byte) {
		out = binary.BigEndian.AppendUint64(out, uint64(off))
		out = binary.BigEndian.AppendUint64(out, uint64(len(data)))
		out = append(out, data...)
	}
	record(0, bytes.Repeat([]byte{0xaa}, min(size, len(file))))
	var offs []int
	for off := 0; off < len(file); off += size {
		offs = append(offs, off)
	}
	if seed != 0 {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(offs), func(i, j int) { offs[i], offs[j] = offs[j], offs[i] })
	}
	for _, off := range offs {
		record(int64(off), file[off:min(off+size, len(file))])
	}
	record(-1, nil)
	binary.BigEndian.PutUint64(out[len(out)-8:], ^uint64(0))
	return out
}

// page returns a page of words that name it, with enough alike to compress.
func page(size int, pfn uint64) []byte {
	p := make([]byte, size)
	for i := 0; i < size/2; i += 8 {
		binary.LittleEndian.PutUint64(p[i:], pfn<<16|uint64(i))
	}
	return p
}

func input(name string, b []byte) dump.Input {
	return dump.Input{Name: name, R: bytes.NewReader(b), Size: int64(len(b))}
}

func open(tb testing.TB, o dump.Options, files ...[]byte) *dump.File {
	tb.Helper()
	var in []dump.Input
	for i, b := range files {
		in = append(in, input("part"+string(rune('0'+i)), b))
	}
	f, err := dump.Open(in, o)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}
