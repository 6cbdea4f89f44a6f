package dump

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"testing"
)

func deflate(tb testing.TB, level int, b []byte) []byte {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, level)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// compareInflate decompresses with the standard library too.
func compareInflate(t *testing.T, src []byte, size int) {
	t.Helper()
	var want []byte
	r, err := zlib.NewReader(bytes.NewReader(src))
	if err == nil {
		want, err = io.ReadAll(io.LimitReader(r, int64(size)+1))
	}
	if err == nil && len(want) > size {
		err = errInflateLong
	}
	got := make([]byte, size)
	n, err2 := new(inflater).zlib(got, src)
	if (err == nil) != (err2 == nil) {
		t.Fatalf("%x: %v, the standard library says %v", src, err2, err)
	}
	if err == nil && !bytes.Equal(got[:n], want) {
		t.Fatalf("%x: became %x, want %x", src, got[:n], want)
	}
}

func TestInflate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	for range 300 {
		p := make([]byte, rnd.IntN(5000))
		for i := range p {
			switch rnd.IntN(4) {
			case 0:
				p[i] = byte(rnd.ExpFloat64() * float64(rnd.IntN(40)+1))
			case 1:
				if i > 300 {
					p[i] = p[i-1-rnd.IntN(300)]
				}
			default:
				if i > 0 {
					p[i] = p[i-1]
				}
			}
		}
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, 1, 6, 9} {
			c := deflate(t, level, p)
			compareInflate(t, c, len(p))
			compareInflate(t, c, len(p)+1)
			compareInflate(t, c, max(0, len(p)-1))
			compareInflate(t, c[:rnd.IntN(len(c))], len(p))
			c[rnd.IntN(len(c))] ^= 1 << rnd.IntN(8)
			compareInflate(t, c, len(p))
		}
	}
}

// FuzzInflate wraps blocks into a header and, where they have an end, into the
// right checksum, which would hide everything else.
func FuzzInflate(f *testing.F) {
	for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, 1, 9} {
		for _, p := range [][]byte{[]byte("swapper/0 swapper/1 kthreadd rcu_gp rcu_par_gp slub_flushwq"), make([]byte, 4096)} {
			c := deflate(f, level, p)
			f.Add(c[2:len(c)-4], uint16(len(p)))
		}
	}
	f.Fuzz(func(t *testing.T, blocks []byte, size uint16) {
		r := bytes.NewReader(blocks)
		out, err := io.ReadAll(io.LimitReader(flate.NewReader(r), int64(size)+1))
		if err == nil && len(out) <= int(size) {
			blocks = blocks[:len(blocks)-r.Len()]
		}
		src := append([]byte{0x78, 0x9c}, blocks...)
		compareInflate(t, binary.BigEndian.AppendUint32(src, adler32.Checksum(out)), int(size))
	})
}
