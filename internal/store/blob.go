package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"regexp"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Ref names a blob by its content.
type Ref struct {
	SHA256 string // lower-case hex
	Size   int64
}

// Blobs keeps raw artefacts by their content: the key of a blob is its
// SHA-256, so a blob is written once and never changes.
type Blobs struct {
	bucket *blob.Bucket
	begin  func(ctx context.Context) (upload, error)
	closed func() error
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

// NewBlobs returns a blob store over any bucket. For a folder on this machine
// use [OpenBlobDir], which knows how to make a file durable.
func NewBlobs(b *blob.Bucket) *Blobs {
	return &Blobs{bucket: b, closed: b.Close, begin: func(ctx context.Context) (upload, error) {
		return newBucketUpload(ctx, b)
	}}
}

// Close releases the store.
func (s *Blobs) Close() error { return s.closed() }

// Put streams r into the store and returns once the blob is durable. Nothing
// of it stays behind when Put fails or when r holds more than limit bytes,
// which is ErrTooLarge; a limit of 0 is none. created is false if the same
// content was there already.
func (s *Blobs) Put(ctx context.Context, r io.Reader, limit int64) (ref Ref, created bool, err error) {
	u, err := s.begin(ctx)
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
	r, err := s.bucket.NewReader(ctx, key(sha), nil)
	if err != nil {
		if gcerrors.Code(err) == gcerrors.NotFound {
			return nil, 0, fmt.Errorf("blob %s: %w", sha, ErrNotFound)
		}
		return nil, 0, fmt.Errorf("open blob %s: %w", sha, err)
	}
	return &verifier{r: r, h: sha256.New(), want: sha}, r.Size(), nil
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
	ok, err := s.bucket.IsAccessible(ctx)
	if err != nil {
		return fmt.Errorf("reach the blob store: %w", err)
	}
	if !ok {
		return errors.New("the blob store does not exist or may not be read")
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
	if err == io.EOF {
		if got := hex.EncodeToString(v.h.Sum(nil)); got != v.want {
			err = fmt.Errorf("blob %s: %w", v.want, ErrDamaged)
		}
	}
	v.err = err
	return n, err
}

func (v *verifier) Close() error { return v.r.Close() }

// bucketUpload writes to any bucket. The hash is known only at the end, so the
// bytes go to a temporary object first, which the bucket then copies.
type bucketUpload struct {
	*blob.Writer
	b      *blob.Bucket
	temp   string
	cancel context.CancelFunc
	open   bool // the writer is not closed yet
	kept   bool // the temporary object exists
}

func newBucketUpload(ctx context.Context, b *blob.Bucket) (upload, error) {
	ctx, cancel := context.WithCancel(ctx)
	temp := "incoming/" + NewID(Now())
	w, err := b.NewWriter(ctx, temp, &blob.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		cancel()
		return nil, err
	}
	return &bucketUpload{Writer: w, b: b, temp: temp, cancel: cancel, open: true}, nil
}

func (u *bucketUpload) commit(ctx context.Context, key string) (bool, error) {
	u.open = false
	if err := u.Close(); err != nil {
		return false, err
	}
	u.kept = true
	there, err := u.b.Exists(ctx, key)
	if err != nil || there {
		return false, err
	}
	return true, u.b.Copy(ctx, key, u.temp, nil)
}

func (u *bucketUpload) abort() {
	u.cancel() // a writer closed after its context ended leaves no object
	if u.open {
		u.open = false
		u.Close()
	}
	if u.kept {
		u.kept = false
		// The upload's context may be what ended it; the removal is not bound
		// to it. What it cannot remove stays under incoming/, where no reader
		// looks.
		_ = u.b.Delete(context.Background(), u.temp)
	}
}
