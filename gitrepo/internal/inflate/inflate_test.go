package inflate_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"testing"

	"ringside/gitrepo/internal/inflate"

	"github.com/klauspost/compress/zlib"
)

func pack(t testing.TB, level int, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// texts are of all sizes and kinds: words, what cannot be packed, long runs, and symbols as
// rare as makes the codes as long as they can be.
func texts(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"return", "static", " int ", "\n\t", "struct sk_buff *", "(", ");", "if ", "0x", "\n"}
	out := [][]byte{{}, {'x'}, bytes.Repeat([]byte{'y'}, 70000), bytes.Repeat([]byte("ab"), 700)}
	for i := range n {
		var b []byte
		switch size := r.IntN(1 << r.IntN(18)); i % 4 {
		case 0:
			for len(b) < size {
				b = append(b, words[r.IntN(len(words))]...)
			}
		case 1:
			for len(b) < size {
				b = append(b, byte(r.Uint32()))
			}
		case 2:
			for len(b) < size {
				b = append(b, byte(min(r.ExpFloat64()*12, 255)))
			}
		default:
			for len(b) < size {
				b = append(b, byte(min(r.ExpFloat64()*3, 255)))
				if r.IntN(9) == 0 {
					from := r.IntN(len(b))
					b = append(b, b[from:min(len(b), from+r.IntN(300))]...)
				}
			}
		}
		out = append(out, b)
	}
	return out
}

func TestUnpacksWhatWasPacked(t *testing.T) {
	d := inflate.NewDecoder()
	for i, text := range texts(400) {
		for _, level := range []int{zlib.HuffmanOnly, 0, 1, 6, 9} {
			packed := pack(t, level, text)
			src := append(bytes.Clone(packed), "what comes next"...)
			dst := make([]byte, len(text), len(text)+i%2*inflate.Slack)
			n, err := d.Zlib(dst, src)
			if err != nil || n != len(packed) || !bytes.Equal(dst, text) {
				t.Fatalf("text %d, %d bytes, level %d: %d of %d bytes taken, %v", i, len(text), level, n, len(packed), err)
			}
			if n, err := d.Zlib(dst, packed); err != nil || n != len(packed) {
				t.Fatalf("text %d, level %d, nothing behind it: %d of %d bytes taken, %v", i, level, n, len(packed), err)
			}
		}
	}
}

// Whatever is wrong is an error, and nothing outside of dst is read or written.
func TestRefusesWhatIsWrong(t *testing.T) {
	d := inflate.NewDecoder()
	text := []byte("static int one(void)\n{\n\treturn 1;\n}\nstatic int two(void)\n{\n\treturn 2;\n}\n")
	packed := pack(t, 9, text)
	dst := make([]byte, len(text))
	for n := range packed {
		if _, err := d.Zlib(dst, packed[:n]); err == nil {
			t.Errorf("cut at %d of %d bytes: no error", n, len(packed))
		}
	}
	for _, size := range []int{0, 1, len(text) - 1, len(text) + 1} {
		if _, err := d.Zlib(make([]byte, size), packed); !errors.Is(err, inflate.ErrSize) {
			t.Errorf("into %d bytes: %v", size, err)
		}
	}
	for bit := range len(packed) * 8 {
		bad := bytes.Clone(packed)
		bad[bit/8] ^= 1 << (bit % 8)
		// The last bits of the last byte before the checksum mean nothing.
		if _, err := d.Zlib(dst, bad); err == nil && bit/8 != len(packed)-5 {
			t.Errorf("bit %d turned: no error", bit)
		}
	}
}

// The standard library takes and refuses the same streams.
func FuzzDeflate(f *testing.F) {
	for _, text := range texts(24) {
		for _, level := range []int{0, 1, 9} {
			if p := pack(f, level, text); len(p) < 4000 {
				f.Add(p[2:])
			}
		}
	}
	f.Add([]byte{0x04, 0xc0, 0x81, 0x08, 0, 0, 0, 0, 0x20, 0x7f, 0xeb})
	f.Fuzz(func(t *testing.T, src []byte) {
		in := bytes.NewReader(src)
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(in), 1<<20))
		if len(want) == 1<<20 {
			return
		}
		d := inflate.NewDecoder()
		dst := make([]byte, len(want), len(want)+len(src)%2*inflate.Slack)
		n, err := d.Deflate(dst, src)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, and the standard library says %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(dst, want) || n != len(src)-in.Len() {
			t.Fatalf("%d of %d bytes taken", n, len(src)-in.Len())
		}
		z := append([]byte{0x78, 0x9c}, src[:n]...)
		z = binary.BigEndian.AppendUint32(z, adler32.Checksum(want))
		if k, err := d.Zlib(dst, z); err != nil || k != len(z) {
			t.Fatalf("as zlib: %d of %d bytes taken, %v", k, len(z), err)
		}
	})
}

func BenchmarkZlib(b *testing.B) {
	d := inflate.NewDecoder()
	var words []byte
	for r := rand.New(rand.NewPCG(3, 4)); len(words) < 30000; {
		words = fmt.Appendf(words, "static int f%d(struct sk_buff *skb)\n{\n\treturn %x;\n}\n", r.IntN(99), r.Uint32())
	}
	for name, text := range map[string][]byte{"60 bytes": words[:60], "2 KB": words[:2000], "30 KB": words} {
		packed := pack(b, 6, text)
		dst := make([]byte, len(text), len(text)+inflate.Slack)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := d.Zlib(dst, packed); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+", with klauspost/compress", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			r := bytes.NewReader(packed)
			zr, err := zlib.NewReader(r)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				r.Reset(packed)
				if err := zr.(zlib.Resetter).Reset(r, nil); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(zr, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
