package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// eachBlobs runs a test on every kind of bucket there is.
func eachBlobs(t *testing.T, test func(t *testing.T, s *Blobs)) {
	t.Run("folder", func(t *testing.T) {
		s, err := OpenBlobDir(filepath.Join(t.TempDir(), "blobs"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		test(t, s)
	})
}

// names lists everything in a store, unfinished uploads included.
func names(t *testing.T, s *Blobs) (out []string) {
	t.Helper()
	root := s.bucket.(*blobDir).root
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, rerr := filepath.Rel(root, path)
			out = append(out, filepath.ToSlash(rel))
			return rerr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBlobs(t *testing.T) {
	eachBlobs(t, func(t *testing.T, s *Blobs) {
		content := make([]byte, 1<<20)
		rand.Read(content)
		sum := sha256.Sum256(content)
		want := Ref{SHA256: hex.EncodeToString(sum[:]), Size: 1 << 20}
		for _, first := range []bool{true, false} {
			ref, created, err := s.Put(t.Context(), iotest.HalfReader(bytes.NewReader(content)), 1<<20)
			if err != nil || ref != want || created != first {
				t.Fatalf("put: %+v created %v, %v; want %+v created %v", ref, created, err, want, first)
			}
		}
		r, size, err := s.Open(t.Context(), want.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if size != want.Size {
			t.Errorf("size %d, want %d", size, want.Size)
		}
		if err := iotest.TestReader(r, content); err != nil {
			t.Error(err)
		}
		if got := names(t, s); len(got) != 1 || got[0] != "sha256/"+want.SHA256[:2]+"/"+want.SHA256[2:] {
			t.Errorf("the store holds %v", got)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestPutLeavesNothingBehind(t *testing.T) {
	eachBlobs(t, func(t *testing.T, s *Blobs) {
		broken := errors.New("the network went away")
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		for _, c := range []struct {
			name string
			ctx  context.Context
			in   io.Reader
			want error
		}{
			{"too large", t.Context(), strings.NewReader("12345678901"), ErrTooLarge},
			{"cut", t.Context(), io.MultiReader(strings.NewReader("123"), iotest.ErrReader(broken)), broken},
			{"cancelled", cancelled, strings.NewReader("123"), context.Canceled},
		} {
			if _, _, err := s.Put(c.ctx, c.in, 10); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
		if got := names(t, s); len(got) != 0 {
			t.Errorf("left behind: %v", got)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	eachBlobs(t, func(t *testing.T, s *Blobs) {
		ref, _, err := s.Put(t.Context(), strings.NewReader("content"), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, sha := range []string{"", "../../etc/passwd", strings.Repeat("0", 64), strings.ToUpper(ref.SHA256)} {
			if _, _, err := s.Open(t.Context(), sha); !errors.Is(err, ErrNotFound) {
				t.Errorf("open %q: %v, want %v", sha, err, ErrNotFound)
			}
		}
		file := filepath.Join(s.bucket.(*blobDir).root, filepath.FromSlash(key(ref.SHA256)))
		if err := os.WriteFile(file, []byte("CONTENT"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(t.Context(), ref.SHA256); !errors.Is(err, ErrDamaged) {
			t.Errorf("damaged blob: %v, want %v", err, ErrDamaged)
		}
	})
}

func TestFolderHealsATruncatedBlob(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenBlobDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ref, _, err := s.Put(t.Context(), strings.NewReader("content"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, key(ref.SHA256)), 3); err != nil {
		t.Fatal(err)
	}
	if _, created, err := s.Put(t.Context(), strings.NewReader("content"), 0); err != nil || !created {
		t.Errorf("put over a truncated blob: created %v, %v", created, err)
	}
	if err := s.Verify(t.Context(), ref.SHA256); err != nil {
		t.Error(err)
	}
}

func TestStaleUploadsAreCleared(t *testing.T) {
	dir := t.TempDir()
	incoming := filepath.Join(dir, "incoming")
	if err := os.Mkdir(incoming, 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * staleUpload)
	for name, when := range map[string]time.Time{"upload-old": old, "upload-running": time.Now()} {
		path := filepath.Join(incoming, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	s, err := OpenBlobDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := names(t, s); len(got) != 1 || got[0] != "incoming/upload-running" {
		t.Errorf("incoming holds %v, want only the running upload", got)
	}
}
