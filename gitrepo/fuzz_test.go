package gitrepo

import (
	"bytes"
	"encoding/binary"
	"testing"
	"testing/fstest"
)

// FuzzPack reads a pack of one object at its place, however it is damaged, the delta that
// it may be, and what the content may be.
func FuzzPack(f *testing.F) {
	f.Add([]byte{0x90 | 0x0a, 0x01, 0x78, 0x9c}, []byte("base"), []byte{4, 2, 0x90, 2})
	f.Add([]byte{0x60 | 0x0a, 0x04}, []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b> 1 +0000\n\nm"), []byte{0, 1, 1, 'x'})
	f.Add([]byte{0x70, 0, 0}, []byte("100644 a\x0001234567890123456789"), []byte{4, 4, 0x91, 1, 3})
	f.Fuzz(func(t *testing.T, entry, base, delta []byte) {
		if out, err := applyDelta(func(n int) []byte { return make([]byte, n) }, base, delta); err == nil && len(out) > MaxObject {
			t.Fatalf("a delta made %d bytes", len(out))
		}
		_, _ = parseCommit(base)
		for rest, ok := base, true; ok && len(rest) > 0; {
			before := len(rest)
			_, _, _, rest, ok = nextEntry(rest)
			if ok && len(rest) >= before {
				t.Fatal("an entry of a tree has no size")
			}
		}
		idx := []byte("\xfftOc\x00\x00\x00\x02")
		for range 256 {
			idx = binary.BigEndian.AppendUint32(idx, 1)
		}
		id := ID{1: 7}
		idx = append(idx, id[:]...)
		idx = append(idx, 0, 0, 0, 0, 0, 0, 0, 12)
		idx = append(idx, make([]byte, 40)...)
		r, err := Open(fstest.MapFS{
			"HEAD":               {Data: []byte("ref: refs/heads/main")},
			"objects/pack/p.idx": {Data: idx},
			"objects/pack/p.pack": {Data: bytes.Join([][]byte{
				[]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01"), entry, make([]byte, 20),
			}, nil)},
		})
		if err != nil {
			t.Fatal(err)
		}
		rd := r.NewReader()
		_, _, _ = rd.Object(id)
		_, _ = rd.Commit(id)
	})
}
