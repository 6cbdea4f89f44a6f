package kallsyms

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

var layouts = []Layout{Absolute, BaseRelative, AbsolutePercpu, PlaceRelative}

func decode(t *testing.T, tables Tables) *Table {
	t.Helper()
	x, err := Decode(tables, binary.LittleEndian, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestDecode(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.String(), func(t *testing.T) {
			want := manySymbols(2000, l == Absolute || l == AbsolutePercpu)
			x := decode(t, newBuilder(l, want).tables())
			if x.Layout() != l || len(x.Notes()) != 0 {
				t.Errorf("read as %s, notes %q", x.Layout(), x.Notes())
			}
			if got := slices.Collect(x.All()); !slices.Equal(got, want) {
				t.Errorf("%d symbols differ from the %d that were written", len(got), len(want))
			}
		})
	}
}

// The offsets alone fit two layouts; the vote decides.
func TestVote(t *testing.T) {
	symbols := manySymbols(2000, false)
	tables := newBuilder(PlaceRelative, symbols).tables()
	tables.RelativeBase = 0xffffff0000000000 // whatever was read where there is none
	for _, right := range []Layout{PlaceRelative, BaseRelative} {
		stext := symbols[12].Addr
		if right == BaseRelative {
			stext = tables.RelativeBase + uint64(binary.LittleEndian.Uint32(tables.Offsets[4*12:]))
		}
		x, err := Decode(tables, binary.LittleEndian, func(name string, addr uint64) int {
			if name != "_stext" {
				return 0
			}
			if addr == stext {
				return 1
			}
			return -1
		})
		if err != nil || x.Layout() != right {
			t.Errorf("read as %v (%v), want %v", x.Layout(), err, right)
		}
	}
}

func TestLookup(t *testing.T) {
	want := manySymbols(2000, true)
	x := decode(t, newBuilder(AbsolutePercpu, want).tables())

	if addr, ok := x.Lookup("_stext"); !ok || addr != want[12].Addr {
		t.Errorf("_stext is %#x, %t", addr, ok)
	}
	if _, ok := x.Lookup("_stex"); ok {
		t.Error("half a name is found")
	}
	if got := x.Symbols("show"); len(got) != 20 || got[0].Addr != want[97].Addr {
		t.Errorf("show has %d symbols, first %+v", len(got), got[0])
	}
	if got := x.Complete("sys_module_199"); len(got) != 11 || got[0] != "sys_module_1990_init" {
		t.Errorf("completed to %q", got)
	}
	for _, c := range []struct {
		addr   uint64
		name   string
		offset uint64
		size   uint64
	}{
		{0x8, "cpu_1", 0, 8},
		{0x4f, "cpu_9", 7, 0}, // the next is 2^64 away
		{want[14].Addr, "sys_module_14_init", 0, 0x40},
		{want[14].Addr + 0x3f, "sys_module_14_init", 0x3f, 0x40},
		{want[51].Addr + 2, "sys_module_50_init", 2, 0x80}, // the first of two aliases
		{want[1999].Addr, "sys_module_1999_init", 0, 0},
		{want[1999].Addr + 1, "", 0, 0},
		{0x8000000000000000, "", 0, 0},
	} {
		s, off, ok := x.Find(c.addr)
		if s.Name != c.name || off != c.offset || ok != (c.name != "") {
			t.Errorf("%#x is in %q+%#x, want %q+%#x", c.addr, s.Name, off, c.name, c.offset)
		} else if size := x.Size(s); ok && size != c.size {
			t.Errorf("%s has %#x bytes, want %#x", s.Name, size, c.size)
		}
	}
}

// Tables of another kernel are refused.
func TestVoteAgainst(t *testing.T) {
	tables := newBuilder(BaseRelative, manySymbols(600, false)).tables()
	_, err := Decode(tables, binary.LittleEndian, func(name string, addr uint64) int {
		if name == "_stext" {
			return -1
		}
		return 0
	})
	if err == nil || !strings.Contains(err.Error(), "another kernel") {
		t.Errorf("%v", err)
	}
}

// What is read from a page that is not in the dump is zero.
func TestMissingPages(t *testing.T) {
	want := manySymbols(8000, false)
	right := map[string]uint64{}
	for _, s := range want {
		if s.Name != "show" {
			right[s.Name] = s.Addr
		}
	}
	for _, c := range []struct {
		name   string
		damage func(*Tables)
		note   string
		least  int
	}{
		{"names", func(t *Tables) { clear(t.Names[8192 : 8192+4096]) }, "names", 7000},
		{"first names", func(t *Tables) { clear(t.Names[:4096]) }, "names", 7000},
		{"names without markers", func(t *Tables) {
			clear(t.Names[8192:12288])
			clear(t.Names[len(t.Names)-4*marksOf(t.NumSyms):])
		}, "names", 500},
		{"end of names", func(t *Tables) { t.Names = t.Names[:20000] }, "names", 1000},
		{"offsets", func(t *Tables) { clear(t.Offsets[4096:8192]) }, "addresses", 6900},
	} {
		t.Run(c.name, func(t *testing.T) {
			tables := newBuilder(BaseRelative, want).tables()
			c.damage(&tables)
			x := decode(t, tables)
			if len(x.Notes()) != 1 || !strings.Contains(x.Notes()[0], c.note) {
				t.Errorf("notes %q", x.Notes())
			}
			n := 0
			for s := range x.All() {
				if n++; s.Name != "show" && right[s.Name] != s.Addr {
					t.Fatalf("%q at %#x is garbage", s.Name, s.Addr)
				}
			}
			if n < c.least || n > len(want)-100 {
				t.Errorf("%d of %d symbols left", n, len(want))
			}
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct {
		name, say string
		damage    func(*Tables)
	}{
		{"count", "kallsyms_num_syms", func(t *Tables) { t.NumSyms = -1 }},
		{"huge", "kallsyms_num_syms", func(t *Tables) { t.NumSyms = 1 << 30 }},
		{"offsets", "cut", func(t *Tables) { t.NumSyms *= 3 }},
		{"index", "token index", func(t *Tables) { t.TokenIndex = t.TokenIndex[:100] }},
		{"tokens", "no tokens", func(t *Tables) { clear(t.TokenTable) }},
		{"names", "no name", func(t *Tables) { clear(t.Names) }},
		{"bases", "give one", func(t *Tables) { t.RelativeBase, t.OffsetsAddr = 0, 0 }},
		{"order", "in order", func(t *Tables) {
			for i := range t.Offsets {
				t.Offsets[i] = byte(i * i * 31)
			}
		}},
	} {
		tables := newBuilder(BaseRelative, manySymbols(600, false)).tables()
		c.damage(&tables)
		if _, err := Decode(tables, binary.LittleEndian, nil); err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestScan(t *testing.T) {
	for _, l := range layouts {
		for _, c := range []struct {
			name      string
			old, seqs bool
		}{{"5.10", true, false}, {"6.2", true, true}, {"6.12", false, true}} {
			if l == PlaceRelative && c.old {
				continue
			}
			t.Run(l.String()+"/"+c.name, func(t *testing.T) {
				want := manySymbols(3000, l == AbsolutePercpu)
				b := newBuilder(l, want)
				img := b.image(c.old, c.seqs)
				tables, err := Scan(bytes.NewReader(img), int64(len(img)))
				if err != nil {
					t.Fatal(err)
				}
				tables.OffsetsAddr += b.addr
				x := decode(t, tables)
				if got := slices.Collect(x.All()); x.Layout() != l || !slices.Equal(got, want) {
					t.Errorf("%d symbols, %s", len(got), x.Layout())
				}
			})
		}
	}
}

func TestScanFindsNothing(t *testing.T) {
	b := newBuilder(BaseRelative, manySymbols(3000, false))
	img := b.image(true, false)
	for _, n := range []int{0, 100, len(img) / 2, len(img) - 4096 - 600} {
		if _, err := Scan(bytes.NewReader(img[:n]), int64(len(img))); err == nil {
			t.Errorf("tables in the first %d bytes", n)
		}
	}
	many := bytes.Repeat([]byte("0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00"), 4096)
	if _, err := Scan(bytes.NewReader(many), int64(len(many))); err == nil {
		t.Error("tables in nothing but digits")
	}
}

func FuzzDecode(f *testing.F) {
	for _, l := range layouts {
		t := newBuilder(l, manySymbols(600, true)).tables()
		f.Add(t.Names, t.TokenTable, t.TokenIndex, t.Offsets, t.NumSyms, t.RelativeBase, t.OffsetsAddr)
		clear(t.Names[1000:3000])
		f.Add(t.Names, t.TokenTable, t.TokenIndex, t.Offsets, t.NumSyms, t.RelativeBase, t.OffsetsAddr)
	}
	f.Fuzz(func(t *testing.T, names, table, index, offsets []byte, n int, base, addr uint64) {
		x, err := Decode(Tables{Names: names, TokenTable: table, TokenIndex: index, Offsets: offsets, NumSyms: n, RelativeBase: base, OffsetsAddr: addr}, binary.LittleEndian, nil)
		if err != nil {
			return
		}
		last := uint64(0)
		for s := range x.All() {
			if s.Addr < last {
				t.Fatalf("%q at %#x is not in order", s.Name, s.Addr)
			}
			last = s.Addr
			if s.Name != "" && !slices.Contains(x.Symbols(s.Name), s) {
				t.Fatalf("%+v is not found by its name", s)
			}
			if f, off, ok := x.Find(s.Addr); ok && (off != 0 || f.Addr != s.Addr) {
				t.Fatalf("at the address of %+v is %+v", s, f)
			}
			if x.Size(s) > maxSymbol {
				t.Fatalf("%+v is too large", s)
			}
		}
		x.Complete("s")
	})
}

func FuzzScan(f *testing.F) {
	for _, l := range layouts {
		f.Add(newBuilder(l, manySymbols(1100, false)).image(l != PlaceRelative, true))
	}
	f.Fuzz(func(t *testing.T, img []byte) {
		tables, err := Scan(bytes.NewReader(img), int64(len(img)))
		if err != nil {
			return
		}
		tables.OffsetsAddr += 0xffffffff81000000
		if _, err := Decode(tables, binary.LittleEndian, nil); err != nil {
			t.Logf("found, but %v", err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	t := newBuilder(AbsolutePercpu, manySymbols(90_000, true)).tables()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(t, binary.LittleEndian, func(name string, addr uint64) int {
			if name == "_stext" {
				return 1
			}
			return 0
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	x, err := Decode(newBuilder(AbsolutePercpu, manySymbols(90_000, true)).tables(), binary.LittleEndian, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		y := Table{arena: x.arena, begin: x.begin, addr: x.addr}
		y.names()
	}
}
