package printfmt

import (
	"encoding/binary"
	"strings"
	"testing"

	"ringside/trace/event"
)

// fields is an event with one field of each kind; sample is such an event.
const fields = `name: e
ID: 7
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char comm[16];	offset:8;	size:16;	signed:0;
	field:int n;	offset:24;	size:4;	signed:1;
	field:unsigned int u;	offset:28;	size:4;	signed:0;
	field:u64 wide;	offset:32;	size:8;	signed:0;
	field:u8 mac[6];	offset:40;	size:6;	signed:0;
	field:short s;	offset:46;	size:2;	signed:1;
	field:__data_loc char[] name;	offset:48;	size:4;	signed:0;
	field:__data_loc u16[] list;	offset:52;	size:4;	signed:0;
	field:__data_loc cpumask_t mask;	offset:56;	size:4;	signed:0;
	field:__data_loc u8[] sa;	offset:60;	size:4;	signed:0;
	field:__be32 ip4;	offset:64;	size:4;	signed:0;
	field:void * fn;	offset:72;	size:8;	signed:0;
	field:__u8 ip6[16];	offset:80;	size:16;	signed:0;
	field:__rel_loc char[] rel;	offset:96;	size:4;	signed:0;

print fmt: `

func sample() []byte {
	b := make([]byte, 100)
	le := binary.LittleEndian
	copy(b[8:], "bash")
	minus := int32(-3)
	le.PutUint32(b[24:], uint32(minus))
	le.PutUint32(b[28:], 0x80000001)
	le.PutUint64(b[32:], 0xfe00000001)
	copy(b[40:], "\x02\x00\x00\xab\xcd\xef")
	le.PutUint16(b[46:], 0xffff)
	copy(b[64:], "\x0a\x00\x00\x01")
	le.PutUint64(b[72:], 0xffffffff81000010)
	b[80], b[81], b[95] = 0x20, 0x01, 1
	add := func(at int, data string) {
		le.PutUint32(b[at:], uint32(len(data))<<16|uint32(len(b)))
		b = append(b, data...)
	}
	add(48, "disk\x00")
	add(52, "\x01\x00\xff\x00")
	add(56, "\x0f\x01\x00\x00\x00\x00\x00\x80")
	add(60, "\x02\x00\x00\x50\x7f\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	le.PutUint32(b[96:], uint32(4)<<16|uint32(len(b)-100))
	return append(b, "rel\x00"...)
}

func catalog() *event.Catalog {
	c := event.NewCatalog(event.Layout{LongSize: 8})
	c.AddSymbols("ffffffff81000000 T do_it\nffffffff81001000 t other\t[mod]\n")
	c.AddPrintk(`0xffffffff81000010 : "waited %d of %s\n"` + "\n")
	return c
}

func compile(t testing.TB, text string) *Printer {
	t.Helper()
	f, err := event.ParseFormat("s", fields+text+"\n", event.Layout{LongSize: 8})
	if err != nil {
		t.Fatal(err)
	}
	return New(f, catalog())
}

func TestPrinter(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`"n=%d u=%u", REC->n, REC->u`, "n=-3 u=2147483649"},
		{`"%5d|%-5d|%05d|%x|%#x|%o|%lu", REC->n, REC->n, REC->n, REC->n, REC->u, 8, REC->wide`, "   -3|-3   |-0003|fffffffd|0x80000001|10|1090921693185"},
		{`"%hd %hu %hhx %lld %zx %c%%", REC->s, REC->s, REC->wide, REC->wide, sizeof(u32), 'x'`, "-1 65535 1 1090921693185 4 x%"},
		{`"%.3d|%8.3d|%+d|% d", 5, 5, 5, 5`, "005|     005|+5| 5"},
		{`"a" "b" " %s", "c" "d"`, "ab cd"},
		{`"%s|%6s|%-6s|%.2s|%.*s", REC->comm, REC->comm, REC->comm, REC->comm, 3, REC->comm`, "bash|  bash|bash  |ba|bas"},
		{`"%s %s", __get_str(name), __get_rel_str(rel)`, "disk rel"},
		{`"%d %d", REC->n < 0, REC->u > 5`, "1 1"}, // with C's types
		{`"%d %d %d %u", REC->n / 2, REC->n % 2, REC->n >> 1, REC->u >> 1`, "-1 -1 -2 1073741824"},
		{`"%d %d %d", 7 / 0, 1 + 2 * 3, (1 + 2) * 3`, "0 7 9"},
		{`"%d,%d", ((unsigned int) ((REC->wide) >> 32)), ((unsigned int) ((REC->wide) & ((1U << 20) - 1)))`, "254,1"},
		{`"%d", (u8)REC->n + (s16)0xffff`, "252"},
		{`"%s", REC->n ? "yes" : "no"`, "yes"},
		{`"%s", REC->n == 3 || !REC->u && ~0 ? __get_str(name) : "none"`, "none"},
		{`"%s", __print_flags(REC->u, "|", { 1, "ONE" }, { 2, "TWO" })`, "ONE|0x80000000"},
		{`"%s", __print_flags(REC->u & 1, "|", { 1UL << 0, "ONE" }, { -1, ((void *)0) })`, "ONE"},
		{`"%s", __print_flags(0, "|", { SOME_NAME, "SOME" })`, ""},
		{`"%s %s", __print_symbolic(REC->n, { -3, "MINUS" }, { 3, "PLUS" }), __print_symbolic(9, { 1, "A" })`, "MINUS 0x9"},
		{`"%s %s", __print_hex(REC->mac, 3), __print_hex_str(REC->mac, 99)`, "02 00 00 020000abcdef"},
		{`"%s", __print_array(__get_dynamic_array(list), __get_dynamic_array_len(list) / sizeof(u16), sizeof(u16))`, "{0x1,0xff}"},
		{`"%s", __print_dynamic_array(list, 2)`, "{0x1,0xff}"},
		{`"%u %u %u", REC->mac[3], ((u16 *)__get_dynamic_array(list))[1], ((u16 *)__get_dynamic_array(list))[9]`, "171 255 0"},
		{`"%x", *(u32 *)REC->mac`, "ab000002"},
		{`"%s %s", __get_bitmask(mask), __get_cpumask(mask)`, "80000000,0000010f 0-3,8,63"},
		{`"%*pbl", 64, __get_dynamic_array(mask)`, "0-3,8,63"},
		{`"%pS %ps %pF", REC->fn, (void *)REC->fn, 0x10`, "do_it+0x10 do_it 0x10"},
		{`"%p %p %px", REC->fn, 0, REC->u`, "0xffffffff81000010 (nil) 0000000080000001"},
		{`"%pM %pMF %pm %pMR", REC->mac, REC->mac, REC->mac, REC->mac`, "02:00:00:ab:cd:ef 02-00-00-ab-cd-ef 020000abcdef ef:cd:ab:00:00:02"},
		{`"%pI4 %pi4 %pI4l %pI4", &REC->ip4, &REC->ip4, &REC->ip4, REC->mac`, "10.0.0.1 010.000.000.001 1.0.0.10 2.0.0.171"},
		{`"%pI6c %pI6 %pi6", REC->ip6, REC->ip6, REC->ip6`, "2001::1 2001:0000:0000:0000:0000:0000:0000:0001 20010000000000000000000000000001"},
		{`"%pISpc %pIS", __get_sockaddr(sa), __get_dynamic_array(sa)`, "127.0.0.1:80 127.0.0.1"},
		{`"%pU %pUL", REC->ip6, REC->ip6`, "20010000-0000-0000-0000-000000000001 00000120-0000-0000-0000-000000000001"},
		{`"%*ph|%6phC|%*phN", 3, REC->mac, REC->mac, 2, REC->mac`, "02 00 00|02:00:00:ab:cd:ef|0200"},
		{`"%s", REC->fn`, "waited %d of %s"},
		{`"%d", ({ int x = (REC->n); int y = (128); ((x) < (y) ? (x) : (y)); })`, "-3"},
		{`"%d %s", __builtin_expect(!!(REC->n), 1), (const char *)REC->comm`, "1 bash"},
		{`"%llu.%09u", __print_ns_to_secs(REC->wide), __print_ns_without_secs(REC->wide)`, "1090.921693185"},
		{`"%s %d", jbd2_dev_to_name(REC->wide), jiffies_to_msecs(5)`, "0:1 5"},
		{`"%u", jiffies - REC->u`, "?"},
		{`"%s", REC->n ? __get_str(name) : ((void *)0)`, "disk"},
		{"\"two\nlines %d\", REC->n", "two\nlines -3"},
	} {
		p := compile(t, tt.text)
		if got := string(p.Append(nil, sample())); p.Err() != nil || got != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.text, got, p.Err(), tt.want)
		}
		for n := range sample() { // a short event prints what there is
			p.Append(nil, sample()[:n])
		}
	}
}

func TestSCSI(t *testing.T) {
	for cdb, want := range map[string]string{
		"\x08\x01\x02\x03\x00\x00":                                         "lba=66051 txlen=256",
		"\x2a\x20\x00\x01\x00\x00\x00\x00\x08\x00":                         "lba=65536 txlen=8 protect=1",
		"\x41\x08\x00\x00\x00\x01\x00\x00\x02\x00":                         "lba=1 txlen=2 protect=0 unmap=1",
		"\xa8\x00\x00\x00\x00\x05\x00\x00\x00\x09\x00\x00":                 "lba=5 txlen=9 protect=0",
		"\x88\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00": "lba=4294967296 txlen=16 protect=0",
		"\x42\x00\x00\x00\x00\x00\x00\x00\x28\x00":                         "regions=2",
		"\x12": "-",
		"":     "-",
	} {
		if got := string(appendCDB(nil, []byte(cdb))); got != want {
			t.Errorf("% x: %q, want %q", cdb, got, want)
		}
	}
	p := compile(t, `"cmnd=(%s)", scsi_trace_parse_cdb(p, __get_dynamic_array(sa), REC->s & 15)`)
	if got := string(p.Append(nil, sample())); got != "cmnd=(-)" {
		t.Errorf("%q, %v", got, p.Err())
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct{ text, why string }{
		{`"%s", show_it(REC->n)`, `function "show_it"`},
		{`"%d", REC->none`, `no field "none"`},
		{`"%d"`, "more conversions than arguments"},
		{`"%d", REC->n +`, "ends too early"},
		{`"%d`, "does not end"},
		{`"%d", REC->n.x`, "is not understood"},
		{`"%y", REC->n`, "conversion %y"},
		{`"%d", ` + strings.Repeat("(", 5000), "too deep"},
		{`"%d", ` + strings.Repeat("!", 5000) + "1", "too deep"},
		{`"%d", ({ u64 a = 1; ` + strings.Repeat("u64 a = a + a; ", 60) + "a; })", "more than"},
	} {
		p := compile(t, tt.text)
		got := string(p.Append(nil, sample()))
		if p.Err() == nil || !strings.Contains(p.Err().Error(), tt.why) || !strings.HasPrefix(got, Failed+" comm=bash n=-3 u=2147483649 wide=0xfe00000001 ") && !strings.HasPrefix(got, Failed+" comm=bash n=-3 u=2147483649 wide=") {
			t.Errorf("%.60s: %v, %q", tt.text, p.Err(), got)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	p := compile(t, `"%d %08lx %s %s %pS", REC->n, REC->wide + 1, __get_str(name), __print_flags(REC->u, "|", { 1, "ONE" }), REC->fn`)
	data, line := sample(), make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { line = p.Append(line[:0], data) }); n > 0 {
		t.Errorf("%v allocations for each event", n)
	}
}

func TestBPrint(t *testing.T) {
	f, err := event.ParseFormat("ftrace", "name: bprint\nID: 6\nformat:\n\tfield:unsigned long ip;\toffset:8;\tsize:8;\tsigned:0;\n"+
		"\tfield:const char * fmt;\toffset:16;\tsize:8;\tsigned:0;\n\tfield:u32 buf[];\toffset:24;\tsize:0;\tsigned:0;\n", event.Layout{LongSize: 8})
	if err != nil {
		t.Fatal(err)
	}
	c := catalog()
	c.AddPrintk(`0x10 : "%s:%d %*d %lx %pS%% %c\n"` + "\n")
	p := NewBPrint(f, c)
	b := make([]byte, 24)
	binary.LittleEndian.PutUint64(b[8:], 0xffffffff81000004)
	binary.LittleEndian.PutUint64(b[16:], 0x10)
	b = append(b, "ab\x00\x00\x07\x00\x00\x00\x04\x00\x00\x00\x09\x00\x00\x00\xff\x00\x00\x00\x01\x00\x00\x00\x10\x00\x00\x81\xff\xff\xff\xffX\x00\x00\x00"...)
	if got, want := string(p.Append(nil, b)), "do_it: ab:7    9 1000000ff do_it+0x10% X"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for n := range b {
		p.Append(nil, b[:n])
	}
	b[16] = 0x11
	if got := string(p.Append(nil, b)); got != "do_it: (NO FORMAT FOUND at 11)\n" {
		t.Errorf("%q", got)
	}
}

func FuzzPrinter(f *testing.F) {
	f.Add(`"%d %s %pS", REC->n, __print_flags(REC->u, "|", { 1, "ONE" }), REC->fn`, sample())
	f.Add(`"%*pbl %s", 64, __get_dynamic_array(mask), REC->n ? __get_str(name) : ((void *)0)`, sample())
	f.Add(`"%s %pISpc", __print_array(__get_dynamic_array(list), 9, 2), __get_sockaddr(sa)`, sample())
	f.Add(`"%d", ({ int x = (REC->n); ((x) < 5 ? (x) : *(u16 *)REC->mac + REC->mac[2]); })`, sample())
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		format, err := event.ParseFormat("s", fields+text, event.Layout{LongSize: 8})
		if err != nil || len(data) > 4096 {
			return
		}
		p := New(format, catalog())
		if n := len(p.Append(nil, data)); n > (1+len(text))*8*maxWidth {
			t.Errorf("a line of %d bytes", n)
		}
	})
}
