package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"regexp"
)

// Ref names a blob by its content.
type Ref struct {
	SHA256 string // lower-case hex
	Size   int64
}

// Blobs keeps raw artefacts by their content: the key of a blob is its
// SHA-256, so a blob is written once and never changes.
type Blobs struct{ bucket bucket }

// bucket is where blobs lie: a folder of this machine, or, with the nodes of a
// fleet, an object store.
type bucket interface {
	// begin starts an upload.
	begin(ctx context.Context) (upload, error)
	// open returns a blob and its size; fs.ErrNotExist if there is none.
	open(ctx context.Context, key string) (io.ReadCloser, int64, error)
	// file returns a blob as a file of this machine, for reading anywhere in
	// it; fs.ErrNotExist if there is none. size is how large it is.
	file(ctx context.Context, key string) (f *os.File, size int64, err error)
	// room tells how many bytes can still be kept, or -1 where nobody knows.
	room() int64
	// ping tells whether the bucket can be reached and read.
	ping(ctx context.Context) error
}

// upload is a blob on its way in, under a name nobody reads.
type upload interface {
	io.Writer
	// commit makes the content durable under key. It returns false if the key
	// was there already.
	commit(ctx context.Context, key string) (bool, error)
	// abort removes what was written. After commit it does nothing.
	abort()
}

// Close releases the store.
func (s *Blobs) Close() error { return nil }

// Put streams r into the store and returns once the blob is durable. Nothing
// of it stays behind when Put fails or when r holds more than limit bytes,
// which is ErrTooLarge; a limit of 0 is none. created is false if the same
// content was there already.
func (s *Blobs) Put(ctx context.Context, r io.Reader, limit int64) (ref Ref, created bool, err error) {
	return s.PutExpected(ctx, r, limit, "")
}

// PutExpected is Put for content whose hash is known: anything else is
// ErrUnexpected, and nothing of it is kept. An empty hash expects nothing.
func (s *Blobs) PutExpected(ctx context.Context, r io.Reader, limit int64, sha string) (ref Ref, created bool, err error) {
	u, err := s.bucket.begin(ctx)
	if err != nil {
		return Ref{}, false, fmt.Errorf("begin a blob: %w", diskFull(err))
	}
	defer u.abort()

	src := r
	if limit > 0 {
		src = io.LimitReader(r, limit+1)
	}
	h := sha256.New()
	n, err := io.CopyBuffer(onlyWriter{io.MultiWriter(u, h)}, onlyReader{ctx, src}, make([]byte, 256<<10))
	if err != nil {
		return Ref{}, false, fmt.Errorf("write a blob: %w", diskFull(err))
	}
	if limit > 0 && n > limit {
		return Ref{}, false, fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
	}
	ref = Ref{SHA256: hex.EncodeToString(h.Sum(nil)), Size: n}
	if sha != "" && sha != ref.SHA256 {
		return Ref{}, false, fmt.Errorf("%w: %s was announced and %s arrived", ErrUnexpected, sha, ref.SHA256)
	}
	created, err = u.commit(ctx, key(ref.SHA256))
	if err != nil {
		return Ref{}, false, fmt.Errorf("keep blob %s: %w", ref.SHA256, diskFull(err))
	}
	return ref, created, nil
}

// onlyWriter and onlyReader hide ReadFrom and WriteTo, so that a copy goes
// through the buffer it was given, and end the copy with the context.
type onlyWriter struct{ io.Writer }

type onlyReader struct {
	ctx context.Context
	r   io.Reader
}

func (r onlyReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

var hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ValidSHA256 tells whether s names a blob.
func ValidSHA256(s string) bool { return hexSHA256.MatchString(s) }

// key is where a blob lies. Two levels keep folders small.
func key(sha string) string { return "sha256/" + sha[:2] + "/" + sha[2:] }

// Open returns the blob's bytes. Reading to the end verifies them: a damaged
// blob ends in ErrDamaged instead of io.EOF.
func (s *Blobs) Open(ctx context.Context, sha string) (io.ReadCloser, int64, error) {
	if !ValidSHA256(sha) {
		return nil, 0, fmt.Errorf("blob %q: %w", sha, ErrNotFound)
	}
	r, size, err := s.bucket.open(ctx, key(sha))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("blob %s: %w", sha, ErrNotFound)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open blob %s: %w", sha, err)
	}
	return &verifier{r: r, h: sha256.New(), want: sha}, size, nil
}

// File returns the blob as a file, for who reads here and there in it. It is
// not verified: whoever must be sure calls [Blobs.Verify].
func (s *Blobs) File(ctx context.Context, sha string) (*os.File, int64, error) {
	if !ValidSHA256(sha) {
		return nil, 0, fmt.Errorf("blob %q: %w", sha, ErrNotFound)
	}
	f, size, err := s.bucket.file(ctx, key(sha))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("blob %s: %w", sha, ErrNotFound)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open blob %s: %w", sha, err)
	}
	return f, size, nil
}

// spare is the space that large blobs leave to what must go on: the database,
// and logs.
const spare = 256 << 20

// Room is ErrNoSpace if a blob of a size would leave next to nothing: better to
// say so before gigabytes were sent.
func (s *Blobs) Room(size int64) error {
	if room := s.bucket.room(); room >= 0 && size > room-spare {
		return fmt.Errorf("%w: %d bytes are wanted and %d are free", ErrNoSpace, size, room)
	}
	return nil
}

// Verify reads a blob to its end and tells whether it is intact.
func (s *Blobs) Verify(ctx context.Context, sha string) error {
	r, _, err := s.Open(ctx, sha)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// Ping tells whether the store answers.
func (s *Blobs) Ping(ctx context.Context) error {
	if err := s.bucket.ping(ctx); err != nil {
		return fmt.Errorf("reach the blob store: %w", err)
	}
	return nil
}

type verifier struct {
	r    io.ReadCloser
	h    hash.Hash
	want string
	err  error // what the end was, once it is known
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.r.Read(p)
	v.h.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(v.h.Sum(nil)); got != v.want {
			err = fmt.Errorf("blob %s: %w", v.want, ErrDamaged)
		}
	}
	v.err = err
	return n, err
}

func (v *verifier) Close() error { return v.r.Close() }
