package object

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// logMemory is a machine of 64 KiB whose memory is mapped one to one.
const logBase = 0xc000000000000000

func logKernel(t testing.TB, mem []byte, info string) *kernel.Kernel {
	t.Helper()
	d, err := dump.Open([]dump.Input{{Name: "ram", R: bytes.NewReader(mem), Size: int64(len(mem))}}, dump.Options{Raw: true, Machine: elf.EM_PPC64})
	if err != nil {
		t.Skip(err) // it looks like another container
	}
	k, err := kernel.Open(t.Context(), d, kernel.Options{VMCoreInfo: []byte("OSRELEASE=5.10.0\nPAGESIZE=4096\n" + info)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ringInfo describes the ring buffer of 5.10 and later, as x86_64 lays it out.
const ringInfo = `SYMBOL(prb)=c000000000000100
OFFSET(printk_ringbuffer.desc_ring)=0
OFFSET(printk_ringbuffer.text_data_ring)=48
OFFSET(prb_desc_ring.count_bits)=0
OFFSET(prb_desc_ring.descs)=8
OFFSET(prb_desc_ring.infos)=16
OFFSET(prb_desc_ring.head_id)=24
OFFSET(prb_desc_ring.tail_id)=32
SIZE(prb_desc)=24
OFFSET(prb_desc.state_var)=0
OFFSET(prb_desc.text_blk_lpos)=8
OFFSET(prb_data_blk_lpos.begin)=0
OFFSET(prb_data_blk_lpos.next)=8
OFFSET(prb_data_ring.size_bits)=0
OFFSET(prb_data_ring.data)=8
SIZE(printk_info)=88
OFFSET(printk_info.seq)=0
OFFSET(printk_info.ts_nsec)=8
OFFSET(printk_info.text_len)=16
OFFSET(printk_info.caller_id)=20
OFFSET(atomic_long_t.counter)=0
`

// ringLog writes a ring buffer of eight descriptors and 256 bytes of text whose
// records are these; a record that does not fit before the end of the text goes
// to its beginning.
func ringLog(texts ...string) []byte {
	mem := make([]byte, 16<<10)
	le := binary.LittleEndian
	put := func(at int, v uint64) { le.PutUint64(mem[at:], v) }
	const prb, descs, infos, data, count, size = 0x200, 0x1000, 0x2000, 0x3000, 8, 256
	put(0x100, logBase+prb)
	le.PutUint32(mem[prb:], 3)
	put(prb+8, logBase+descs)
	put(prb+16, logBase+infos)
	le.PutUint32(mem[prb+48:], 8)
	put(prb+56, logBase+data)
	pos := uint64(0)
	ids := []uint64{}
	for i, text := range texts {
		id := uint64(0x3ffffffffffffff8) + uint64(i) // IDs wrap round at 62 bits
		id &= 1<<62 - 1
		ids = append(ids, id)
		need := uint64(8 + (len(text)+7)&^7)
		begin := pos
		if begin/size != (begin+need-1)/size { // it does not fit: at the beginning
			pos = (begin/size + 1) * size
		}
		at := pos % size
		pos += need
		put(int(data+at), id)
		copy(mem[data+at+8:], text)
		d := int(descs + id%count*24)
		put(d, id|2<<62)
		put(d+8, begin)
		put(d+16, pos)
		in := int(infos + id%count*88)
		put(in, uint64(i))
		put(in+8, uint64(i)*1_500_000_000)
		le.PutUint16(mem[in+16:], uint16(len(text)))
		mem[in+18] = 3              // daemon
		mem[in+19] = byte(i%8) << 5 // level
		le.PutUint32(mem[in+20:], uint32(i)|uint32(i%2)<<31)
	}
	put(prb+32, ids[max(0, len(ids)-count)])
	put(prb+24, ids[len(ids)-1])
	return mem
}

func readLog(t testing.TB, mem []byte, info string) ([]Record, LogStats, error) {
	t.Helper()
	var out []Record
	stats, err := Log(logKernel(t, mem, info).Walk(t.Context()), func(r Record) bool {
		out = append(out, r)
		return true
	})
	return out, stats, err
}

func TestRing(t *testing.T) {
	texts := []string{"first", "second line\nand its second", "third", strings.Repeat("x", 60), strings.Repeat("y", 100), "wrapped " + strings.Repeat("z", 50), "last"}
	got, stats, err := readLog(t, ringLog(texts...), ringInfo)
	if err != nil || stats.Lost != 0 || stats.Style != "printk_ringbuffer" {
		t.Fatalf("%+v, %v", stats, err)
	}
	// The text ring has room for the newest only: what was written over is no
	// longer what its length says, and the newest are whole.
	if len(got) != len(texts) {
		t.Fatalf("%d records, want %d: %+v", len(got), len(texts), got)
	}
	for _, i := range []int{4, 5, 6} {
		r := got[i]
		if r.Text != texts[i] || r.Seq != uint64(i) || r.Level != i%8 || r.Facility != 3 || r.Time != time.Duration(i)*1500*time.Millisecond {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if a, b := got[4].CallerName(), got[5].CallerName(); a != "T4" || b != "C5" {
		t.Errorf("callers %s and %s", a, b)
	}
	var out bytes.Buffer
	if err := (LogStyle{Level: true, Caller: true}).Write(&out, Record{Time: 1500 * time.Millisecond, Level: 4, Caller: 113, HasCaller: true, Text: "one\ntwo\n"}); err != nil {
		t.Fatal(err)
	}
	if want := "<4>[    1.500000][  T113] one\n<4>[    1.500000][  T113] two\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// TestRecords reads the log of 3.5 to 5.9, which runs on at the buffer's
// beginning.
func TestRecords(t *testing.T) {
	mem := make([]byte, 8<<10)
	le := binary.LittleEndian
	const buf = 0x1000
	le.PutUint64(mem[0x100:], logBase+buf)
	le.PutUint32(mem[0x108:], 256) // log_buf_len
	at := uint32(160)
	le.PutUint32(mem[0x10c:], at) // log_first_idx
	for i, text := range []string{"old enough", "at the end of the buffer", "at its beginning"} {
		n := uint32(16+len(text)+3) &^ 3
		if at+n+16 > 256 {
			clear(mem[buf+at : buf+at+16])
			at = 0
		}
		le.PutUint64(mem[buf+at:], uint64(i)*1_000_000)
		le.PutUint16(mem[buf+at+8:], uint16(n))
		le.PutUint16(mem[buf+at+10:], uint16(len(text)))
		mem[buf+at+14], mem[buf+at+15] = 0, 6<<5
		copy(mem[buf+at+16:], text)
		at += n
	}
	le.PutUint32(mem[0x110:], at) // log_next_idx
	got, stats, err := readLog(t, mem, "SYMBOL(log_buf)=c000000000000100\nSYMBOL(log_buf_len)=c000000000000108\nSYMBOL(log_first_idx)=c00000000000010c\nSYMBOL(log_next_idx)=c000000000000110\n"+
		"SIZE(printk_log)=16\nOFFSET(printk_log.ts_nsec)=0\nOFFSET(printk_log.len)=8\nOFFSET(printk_log.text_len)=10\nOFFSET(printk_log.dict_len)=12\n")
	if err != nil || stats.Lost != 0 {
		t.Fatalf("%+v, %v", stats, err)
	}
	var texts []string
	for _, r := range got {
		texts = append(texts, fmt.Sprintf("%d %s", r.Level, r.Text))
	}
	if s := strings.Join(texts, "|"); s != "6 old enough|6 at the end of the buffer|6 at its beginning" {
		t.Errorf("%s", s)
	}
}

// TestText reads the log before 3.5.
func TestText(t *testing.T) {
	mem := make([]byte, 8<<10)
	le := binary.LittleEndian
	le.PutUint64(mem[0x100:], logBase+0x1000)
	le.PutUint32(mem[0x108:], 32)
	le.PutUint32(mem[0x10c:], 40) // log_end: eight bytes were written over
	copy(mem[0x1000:], "e end\n\x00\x00<4>kept: something\n<6>th")
	got, _, err := readLog(t, mem, "SYMBOL(log_buf)=c000000000000100\nSYMBOL(log_buf_len)=c000000000000108\nSYMBOL(log_end)=c00000000000010c\n")
	if err != nil || len(got) != 2 || got[0].Text != "kept: something" || got[0].Level != 4 || got[1].Text != "the end" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoLog(t *testing.T) {
	for _, info := range []string{"", "SYMBOL(prb)=c000000000000100\nOFFSET(printk_ringbuffer.desc_ring)=0\n", strings.Replace(ringInfo, "c000000000000100", "d000000000000000", 1)} {
		if _, _, err := readLog(t, make([]byte, 4096), info); err == nil {
			t.Errorf("a log out of %q", info)
		}
	}
}

func FuzzLog(f *testing.F) {
	f.Add(ringLog("one", "two", strings.Repeat("x", 90), "four"), ringInfo)
	f.Add(make([]byte, 4096), "SYMBOL(log_buf)=c000000000000100\nSYMBOL(log_buf_len)=c000000000000108\nSYMBOL(log_first_idx)=c00000000000010c\nSYMBOL(log_next_idx)=c000000000000110\n"+
		"SIZE(printk_log)=16\nOFFSET(printk_log.ts_nsec)=0\nOFFSET(printk_log.len)=8\nOFFSET(printk_log.text_len)=10\n")
	f.Add(make([]byte, 4096), "SYMBOL(log_buf)=c000000000000100\nSYMBOL(log_buf_len)=c000000000000108\nSYMBOL(log_end)=c00000000000010c\n")
	f.Fuzz(func(t *testing.T, mem []byte, info string) {
		if len(mem) > 1<<16 || len(info) > 1<<14 {
			t.Skip()
		}
		records, stats, _ := readLog(t, mem, info)
		if len(records) != stats.Records {
			t.Errorf("%d records, and the statistics say %d", len(records), stats.Records)
		}
		for _, r := range records {
			if err := (LogStyle{Level: true, Caller: true}).Write(&bytes.Buffer{}, r); err != nil {
				t.Error(err)
			}
		}
	})
}
