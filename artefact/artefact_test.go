package artefact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

const shortLog = "[    0.000000] Linux version 6.1.0\n[    1.234567] foo: bar\n"

// pack compresses data.
func pack(t testing.TB, c Compression, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch c {
	case Gzip:
		z := gzip.NewWriter(&b)
		z.Name = "logs/dmesg.txt"
		w = z
	case XZ:
		w, err = xz.WriterConfig{DictCap: 1 << 20}.NewWriter(&b)
	case Zstd:
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	default:
		t.Fatalf("nothing writes %v", c)
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var writable = []Compression{Gzip, XZ, Zstd}

func TestOpen(t *testing.T) {
	plain := []byte(shortLog)
	bz, err := os.ReadFile("testdata/short.log.bz2")
	if err != nil {
		t.Fatal(err)
	}
	nested := pack(t, Zstd, pack(t, XZ, pack(t, Gzip, plain)))
	for _, tt := range []struct {
		name  string
		input []byte
		want  []Compression
		file  string
	}{
		{"plain", plain, nil, ""},
		{"gzip", pack(t, Gzip, plain), []Compression{Gzip}, "dmesg.txt"},
		{"gzip members", append(pack(t, Gzip, plain[:35]), pack(t, Gzip, plain[35:])...), []Compression{Gzip}, "dmesg.txt"},
		{"xz", pack(t, XZ, plain), []Compression{XZ}, ""},
		{"xz streams", append(pack(t, XZ, plain[:35]), pack(t, XZ, plain[35:])...), []Compression{XZ}, ""},
		{"zstd", pack(t, Zstd, plain), []Compression{Zstd}, ""},
		{"zstd skippable", append([]byte("\x50\x2a\x4d\x18\x03\x00\x00\x00abc"), pack(t, Zstd, plain)...), []Compression{Zstd}, ""},
		{"bzip2", bz, []Compression{Bzip2}, ""},
		{"nested", nested, []Compression{Zstd, XZ, Gzip}, "dmesg.txt"},
		{"bzip2 in gzip", pack(t, Gzip, bz), []Compression{Gzip, Bzip2}, "dmesg.txt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"whole": bytes.NewReader(tt.input), "bytewise": iotest.OneByteReader(bytes.NewReader(tt.input)),
			} {
				a, err := Open(r, Limits{})
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				got, err := io.ReadAll(a)
				if err != nil || string(got) != shortLog {
					t.Fatalf("%s: %q, %v", how, got, err)
				}
				if a.Format != KernelLog || a.Name != tt.file || len(a.Compression) != len(tt.want) {
					t.Errorf("%s: format %v, name %q, compression %v", how, a.Format, a.Name, a.Compression)
				}
				for i, c := range tt.want {
					if a.Compression[i] != c {
						t.Errorf("%s: compression %v, want %v", how, a.Compression, tt.want)
					}
				}
				if a.Offset() != int64(len(shortLog)) || a.Input() != int64(len(tt.input)) {
					t.Errorf("%s: offset %d, input %d of %d", how, a.Offset(), a.Input(), len(tt.input))
				}
			}
		})
	}
}

func TestOpenEmpty(t *testing.T) {
	a, err := Open(strings.NewReader(""), Limits{})
	if err != nil || a.Format != Empty {
		t.Fatalf("%v, %v", a, err)
	}
	if n, err := a.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v", n, err)
	}
	for _, c := range writable {
		a, err := Open(bytes.NewReader(pack(t, c, nil)), Limits{})
		if err != nil || a.Format != Empty {
			t.Errorf("%v: %+v, %v", c, a, err)
		}
	}
}

func TestTooDeep(t *testing.T) {
	data := []byte(shortLog)
	for range MaxNesting + 1 {
		data = pack(t, Gzip, data)
	}
	if _, err := Open(bytes.NewReader(data), Limits{}); !errors.Is(err, ErrLimit) {
		t.Errorf("error %v, want ErrLimit", err)
	}
}

// logOf returns a log of about n bytes that compresses as real ones do.
func logOf(n int) []byte {
	var b bytes.Buffer
	rng := uint32(1)
	for i := 0; b.Len() < n; i++ {
		rng = rng*1664525 + 1013904223
		b.WriteString("[")
		b.WriteString(strings.Repeat(" ", 4))
		b.WriteString("1.")
		b.WriteString(string(rune('0' + i%10)))
		b.WriteString("00000] usb 1-")
		b.WriteString(string(rune('a' + rng>>28)))
		b.WriteString(": new high-speed USB device ")
		b.WriteString(string(rune('a' + rng>>24&15)))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// TestTruncated cuts archives at many places: whatever was delivered must be
// right, and the end must be called by its name.
func TestTruncated(t *testing.T) {
	plain := logOf(300 << 10)
	for _, c := range writable {
		whole := pack(t, c, plain)
		for _, keep := range []int{len(whole) - 1, len(whole) * 3 / 4, len(whole) / 2, 20} {
			a, err := Open(bytes.NewReader(whole[:keep]), Limits{})
			var got []byte
			if err == nil {
				got, err = io.ReadAll(a)
			}
			if !errors.Is(err, ErrTruncated) {
				t.Errorf("%v cut at %d of %d: error %v, want ErrTruncated", c, keep, len(whole), err)
				continue
			}
			var e *Error
			if !errors.As(err, &e) || e.Offset != int64(len(got)) || e.Compression != c {
				t.Errorf("%v cut at %d: %+v after %d bytes", c, keep, e, len(got))
			}
			if !bytes.HasPrefix(plain, got) {
				t.Errorf("%v cut at %d: delivered bytes that are not the log's", c, keep)
			}
			if keep == len(whole)-1 && len(got) < len(plain)/2 {
				t.Errorf("%v cut at %d: delivered %d of %d bytes only", c, keep, len(got), len(plain))
			}
		}
	}
}

func TestBadChecksum(t *testing.T) {
	plain := logOf(20 << 10)
	for c, at := range map[Compression]int{Gzip: -8, XZ: -44, Zstd: -2} {
		data := bytes.Clone(pack(t, c, plain))
		data[len(data)+at] ^= 0x55
		a, err := Open(bytes.NewReader(data), Limits{})
		if err == nil {
			_, err = io.ReadAll(a)
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v: error %v, want ErrCorrupt", c, err)
		}
	}
	for _, junk := range []string{"\x1f\x8b\x08\xff\xff\xff\xff\xff\xff\xff\xff", "\xfd7zXZ\x00\x00\x00\x00\x00\x00\x00\x00"} {
		if _, err := Open(strings.NewReader(junk), Limits{}); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTruncated) {
			t.Errorf("%q: error %v", junk, err)
		}
	}
}

// TestInputError checks that the input's own failure is not blamed on the
// archive.
func TestInputError(t *testing.T) {
	broken := errors.New("cable out")
	for _, c := range writable {
		data := pack(t, c, logOf(500<<10))
		a, err := Open(io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(broken)), Limits{})
		if err == nil {
			_, err = io.ReadAll(a)
		}
		if !errors.Is(err, broken) || errors.Is(err, ErrTruncated) {
			t.Errorf("%v: error %v, want the input's", c, err)
		}
	}
}

// zeros returns an archive of about n zero bytes, in pieces of 16 MiB.
func zeros(t testing.TB, c Compression, n int) []byte {
	piece := pack(t, c, make([]byte, 16<<20))
	return bytes.Repeat(piece, n/(16<<20))
}

func TestBomb(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd} {
		bomb := zeros(t, c, 4<<30)
		a, err := Open(bytes.NewReader(bomb), Limits{MaxRatio: 100})
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, a)
		if !errors.Is(err, ErrLimit) {
			t.Errorf("%v: error %v, want ErrLimit", c, err)
		}
		if most := max(freeExpansion, 100*int64(len(bomb))); n > most {
			t.Errorf("%v: bomb of %d bytes expanded to %d, want at most %d", c, len(bomb), n, most)
		}
		if _, again := a.Read(make([]byte, 8)); !errors.Is(again, ErrLimit) {
			t.Errorf("%v: the limit is forgotten: %v", c, again)
		}
	}
}

func TestMaxExpanded(t *testing.T) {
	plain := logOf(200 << 10)
	for _, c := range writable {
		a, err := Open(bytes.NewReader(pack(t, c, plain)), Limits{MaxExpanded: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(a)
		if !errors.Is(err, ErrLimit) || len(got) != 100_000 || !bytes.HasPrefix(plain, got) {
			t.Errorf("%v: %d bytes, error %v", c, len(got), err)
		}
	}
	// Exactly the limit is within it only if the archive ends there.
	a, err := Open(bytes.NewReader(pack(t, Gzip, plain)), Limits{MaxExpanded: int64(len(plain)) + 1})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(a); err != nil || len(got) != len(plain) {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
}

// TestRepetitiveLog checks that an honest log passes, however well it
// compresses: one line over and over gives a ratio of thousands.
func TestRepetitiveLog(t *testing.T) {
	plain := bytes.Repeat([]byte(shortLog), 200<<20/len(shortLog))
	data := pack(t, Zstd, plain)
	if ratio := len(plain) / len(data); ratio < 2*defaultMaxRatio {
		t.Fatalf("ratio %d proves nothing", ratio)
	}
	a, err := Open(bytes.NewReader(data), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, a)
	if err != nil || n != int64(len(plain)) {
		t.Errorf("%d of %d bytes, error %v", n, len(plain), err)
	}
}

// claimDictionary makes an xz stream's only block claim a dictionary of 4 GiB.
func claimDictionary(t *testing.T, stream []byte) []byte {
	t.Helper()
	const header = 12
	b := bytes.Clone(stream)
	size := (int(b[header]) + 1) * 4
	block := b[header : header+size]
	i := bytes.Index(block, []byte{0x21, 1})
	if i < 0 {
		t.Fatal("no LZMA2 filter in the block header")
	}
	block[i+2] = 39 // 3 GiB
	binary.LittleEndian.PutUint32(block[size-4:], crc32.ChecksumIEEE(block[:size-4]))
	return b
}

// TestDictionary checks that no archive makes a decoder allocate what it likes,
// be it in its first block or a later one.
func TestDictionary(t *testing.T) {
	good := pack(t, XZ, []byte(shortLog))
	for name, data := range map[string][]byte{
		"first": claimDictionary(t, good),
		"later": append(bytes.Clone(good), claimDictionary(t, good)...),
	} {
		a, err := Open(bytes.NewReader(data), Limits{})
		var got []byte
		if err == nil {
			got, err = io.ReadAll(a)
		}
		if !errors.Is(err, ErrLimit) {
			t.Errorf("%s: error %v, want ErrLimit", name, err)
		}
		if name == "later" && string(got) != shortLog {
			t.Errorf("%s: delivered %q", name, got)
		}
	}
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(8<<20))
	if err != nil {
		t.Fatal(err)
	}
	z.Write(logOf(9 << 20))
	z.Close()
	a, err := Open(bytes.NewReader(b.Bytes()), Limits{MaxWindow: 1 << 20})
	if err == nil {
		_, err = io.ReadAll(a)
	}
	if !errors.Is(err, ErrLimit) {
		t.Errorf("zstd: error %v, want ErrLimit", err)
	}
}
