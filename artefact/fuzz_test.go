package artefact

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
)

// FuzzOpen checks that no bytes make Open or Read panic, pass a limit or end
// in an error of no kind.
func FuzzOpen(f *testing.F) {
	for _, c := range writable {
		f.Add(pack(f, c, []byte(shortLog)))
		f.Add(pack(f, Gzip, pack(f, c, logOf(2000))))
	}
	if bz, err := os.ReadFile("testdata/short.log.bz2"); err == nil {
		f.Add(bz)
	}
	f.Add([]byte(shortLog))
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Add([]byte("KTAP version 1\n1..1\n"))
	f.Add([]byte("CONFIG_A=y\nCONFIG_B=m\n"))
	limits := Limits{MaxExpanded: 1 << 20, MaxWindow: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Open(bytes.NewReader(data), limits)
		if err == nil {
			var n int64
			n, err = io.Copy(io.Discard, a)
			if len(a.Compression) > 0 && n > limits.MaxExpanded || len(a.Compression) == 0 && n != int64(len(data)) {
				t.Fatalf("%d bytes from %d", n, len(data))
			}
			if a.Format.String() == "unknown" {
				t.Fatalf("format %d", a.Format)
			}
		}
		if err != nil && !errors.Is(err, ErrLimit) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("error of no kind: %v", err)
		}
	})
}
