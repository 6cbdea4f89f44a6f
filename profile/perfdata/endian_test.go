package perfdata

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"testing"
)

// bigEndian makes of a little-endian recording the one that a machine of the
// other byte order would have written: of the header, the events, and the
// records that this test's recordings have.
func bigEndian(t *testing.T, in []byte) []byte {
	t.Helper()
	out := bytes.Clone(in)
	le, be := binary.LittleEndian, binary.BigEndian
	u64 := func(at, n int) {
		for i := at; i < at+8*n; i += 8 {
			be.PutUint64(out[i:], le.Uint64(in[i:]))
		}
	}
	u32 := func(at, n int) {
		for i := at; i < at+4*n; i += 4 {
			be.PutUint32(out[i:], le.Uint32(in[i:]))
		}
	}
	u16 := func(at int) { be.PutUint16(out[at:], le.Uint16(in[at:])) }
	u64(0, 9) // magic, sizes, sections; the features are left out
	clear(out[72:104])
	attrs, attrSize := int(le.Uint64(in[24:])), int(le.Uint64(in[16:]))
	for at := attrs; at < attrs+int(le.Uint64(in[32:])); at += attrSize {
		u32(at, 2)
		u64(at+8, 4)
		for i := range 8 { // a bit field begins at the other end
			out[at+40+i] = bits.Reverse8(in[at+40+i])
		}
		u32(at+48, 2)
		u64(at+56, 4)
		u32(at+88, 2)
		u64(at+96, 1)
		end := at + attrSize - 16
		u64(end, 2)
		u64(int(le.Uint64(in[end:])), int(le.Uint64(in[end+8:]))/8)
	}
	f, err := Open(bytes.NewReader(in), int64(len(in)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	data, size := int(le.Uint64(in[40:])), int(le.Uint64(in[48:]))
	for at := data; at < data+size; {
		typ, n := le.Uint32(in[at:]), int(le.Uint16(in[at+6:]))
		u32(at, 1)
		u16(at + 4)
		u16(at + 6)
		body := at + 8
		trailer := 8 * bits.OnesCount64(f.Attrs[0].SampleType&(SampleTID|SampleTime|SampleID|SampleStreamID|SampleCPU|SampleIdentifier))
		tail := at + n - trailer
		halves := func(at, n int) { // pairs of 32 bits
			u32(at, 2*n)
		}
		switch typ {
		case RecordSample:
			s := f.Attrs[0].SampleType
			for _, bit := range []uint64{SampleIdentifier, SampleIP, SampleTID, SampleTime, SampleAddr, SampleID, SampleStreamID, SampleCPU, SamplePeriod} {
				if s&bit == 0 {
					continue
				}
				if bit == SampleTID || bit == SampleCPU {
					halves(body, 1)
				} else {
					u64(body, 1)
				}
				body += 8
			}
			u64(body, (at+n-body)/8)
		case RecordMmap, RecordMmap2:
			halves(body, 1)
			u64(body+8, 3)
			if typ == RecordMmap2 {
				halves(body+32, 1)
				u64(body+40, 2)
				halves(body+56, 1)
			}
		case RecordComm:
			halves(body, 1)
		case RecordFork, RecordExit:
			halves(body, 2)
			u64(body+16, 1)
		case RecordKsymbol:
			u64(body, 1)
			u32(body+8, 1)
			u16(body + 12)
			u16(body + 14)
		case RecordBPFEvent:
			u16(body)
			u16(body + 2)
			u32(body+4, 1)
		}
		if typ < recordUser && typ != RecordSample && trailer > 0 {
			for _, bit := range []uint64{SampleTID, SampleTime, SampleID, SampleStreamID, SampleCPU, SampleIdentifier} {
				if f.Attrs[0].SampleType&bit == 0 {
					continue
				}
				if bit == SampleTID || bit == SampleCPU {
					halves(tail, 1)
				} else {
					u64(tail, 1)
				}
				tail += 8
			}
		}
		at += n
	}
	return out
}

// A recording of the other byte order holds the same.
func TestBothByteOrders(t *testing.T) {
	in, err := os.ReadFile(filepath.Join(corpus(t), "cpuclock_fp.data"))
	if err != nil {
		t.Fatal(err)
	}
	list := func(data []byte) (list []string) {
		f, err := Open(bytes.NewReader(data), int64(len(data)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range f.Records() {
			if err != nil {
				t.Fatal(err)
			}
			x := fmt.Sprint(r.Type, r.Misc, r.Time, r.PID, r.TID, r.CPU, r.IP, r.Period, r.Callchain, f.Attrs[r.Attr].Frequency())
			if m, ok := f.Mapping(r); ok && (r.Type == RecordMmap || r.Type == RecordMmap2) {
				x += fmt.Sprint(m)
			}
			if c, ok := f.Comm(r); ok && r.Type == RecordComm {
				x += fmt.Sprint(c)
			}
			list = append(list, x)
		}
		return list
	}
	want, got := list(in), list(bigEndian(t, in))
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d records, %d of the other byte order", len(want), len(got))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("record %d: %s\nof the other byte order: %s", i, want[i], got[i])
		}
	}
	t.Logf("%d records are the same", len(want))
}
