package kallsyms

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// builder makes tables as scripts/kallsyms.c does, but for the choice of tokens:
// characters, and a handful of frequent words.
type builder struct {
	order   binary.AppendByteOrder
	layout  Layout
	addr    uint64 // of the image
	symbols []Symbol

	tokens map[string]byte
	table  []byte
	index  []byte
}

var words = []string{"init", "_exit", "sys_", "read", "write", "__", "module", "ksymtab", "symbol_"}

func newBuilder(l Layout, symbols []Symbol) *builder {
	b := &builder{order: binary.LittleEndian, layout: l, addr: 0xffffffff82000000, symbols: symbols, tokens: map[string]byte{}}
	for i := range 256 {
		b.index = b.order.AppendUint16(b.index, uint16(len(b.table)))
		token := ""
		switch {
		case i > 0x20 && i < 0x7f:
			token = string(rune(i))
		case i >= 0x80 && i-0x80 < len(words):
			token = words[i-0x80]
		}
		if token != "" {
			b.tokens[token] = byte(i)
		}
		b.table = append(append(b.table, token...), 0)
	}
	return b
}

// names returns kallsyms_names and kallsyms_markers.
func (b *builder) names() (names, marks []byte) {
	for i, s := range b.symbols {
		if i%perMark == 0 {
			marks = b.order.AppendUint32(marks, uint32(len(names)))
		}
		var packed []byte
		for rest := string(s.Type) + s.Name; rest != ""; {
			token := rest[:1]
			for _, w := range words {
				if strings.HasPrefix(rest, w) {
					token = w
					break
				}
			}
			packed = append(packed, b.tokens[token])
			rest = rest[len(token):]
		}
		if n := len(packed); n < 0x80 {
			names = append(names, byte(n))
		} else {
			names = append(names, byte(n)|0x80, byte(n>>7))
		}
		names = append(names, packed...)
	}
	return names, marks
}

// offsets returns the table of addresses, which will be at an address, and the
// relative base.
func (b *builder) offsets(at uint64) (table []byte, base uint64) {
	for _, s := range b.symbols {
		if s.Addr>>63 != 0 {
			base = s.Addr
			break
		}
	}
	for i, s := range b.symbols {
		switch b.layout {
		case Absolute:
			table = b.order.AppendUint64(table, s.Addr)
		case BaseRelative:
			table = b.order.AppendUint32(table, uint32(s.Addr-base))
		case PlaceRelative:
			table = b.order.AppendUint32(table, uint32(s.Addr-at-uint64(4*i)))
		case AbsolutePercpu:
			off := uint32(s.Addr)
			if s.Addr>>63 != 0 {
				off = uint32(base - 1 - s.Addr)
			}
			table = b.order.AppendUint32(table, off)
		}
	}
	if b.layout == Absolute || b.layout == PlaceRelative {
		base = 0
	}
	return table, base
}

// tables are what a caller reads with the help of VMCOREINFO.
func (b *builder) tables() Tables {
	names, marks := b.names()
	for len(names)%8 != 0 {
		names = append(names, 0)
	}
	t := Tables{Names: append(names, marks...), TokenTable: b.table, TokenIndex: b.index, NumSyms: len(b.symbols), OffsetsAddr: b.addr + 0x1000}
	t.Offsets, t.RelativeBase = b.offsets(t.OffsetsAddr)
	return t
}

// image lays all out as kernels until 6.3 did, or later ones. A page of noise is
// around it.
func (b *builder) image(old, seqs bool) []byte {
	names, marks := b.names()
	img := make([]byte, 4096)
	for i := range img {
		img[i] = byte(i * 7)
	}
	pad := func() {
		for len(img)%8 != 0 {
			img = append(img, 0)
		}
	}
	put := func(p []byte) {
		pad()
		img = append(img, p...)
	}
	offsets := func() {
		pad()
		table, base := b.offsets(b.addr + uint64(len(img)))
		put(table)
		if base != 0 {
			put(b.order.AppendUint64(nil, base))
		}
	}
	sequence := make([]byte, 3*len(b.symbols))
	for i := range sequence {
		sequence[i] = byte(i * 31)
	}
	if old {
		offsets()
	}
	put(b.order.AppendUint32(nil, uint32(len(b.symbols))))
	put(names)
	put(marks)
	if old && seqs {
		put(sequence)
	}
	put(b.table)
	put(b.index)
	if !old {
		offsets()
		put(sequence)
	}
	put(make([]byte, 4096))
	return img
}

// manySymbols makes n symbols in order of address; the first are per-CPU ones
// where these are at 0. Every 97th name is static and shared, one is longer than
// 127 bytes.
func manySymbols(n int, percpu bool) []Symbol {
	symbols := make([]Symbol, n)
	for i := range symbols {
		s := Symbol{Name: fmt.Sprintf("sys_module_%d_init", i), Addr: 0xffffffff81000000 + uint64(i)*0x40, Type: 'T'}
		switch {
		case percpu && i < 10:
			s = Symbol{Name: fmt.Sprintf("cpu_%d", i), Addr: uint64(i) * 8, Type: 'A'}
		case i == 12:
			s.Name = "_stext"
		case i == 20:
			s.Name = strings.Repeat("long_rust_path", 20)
		case i%97 == 0:
			s.Name, s.Type = "show", 't'
		case i%50 == 1:
			s.Addr -= 0x40 // an alias of the one before
		}
		symbols[i] = s
	}
	return symbols
}
