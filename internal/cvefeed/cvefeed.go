// Package cvefeed opens feeds of CVEs wherever they are – a folder, an archive, one file,
// a URL – and keeps an index of each in a cache, so that the next scan starts at once.
package cvefeed

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"ringside/artefact"
	"ringside/internal/fetch"
	"ringside/vuln"
	"ringside/vuln/feed"
	"ringside/vuln/index"
)

// Options say how a feed is opened.
type Options struct {
	// Cache is the folder of the cache; empty for the user's own, "none" for no cache.
	Cache string
	// Fetch is for feeds at a URL.
	Fetch fetch.Options
	// Warn is told of what does not keep the feed from being used, if it is not nil.
	Warn func(error)
}

// NoCache as Options.Cache reads every feed anew.
const NoCache = "none"

// Open opens a feed.
func Open(ctx context.Context, where string, o Options) (*vuln.Database, error) {
	cache, err := o.folder()
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(where, "https://") || strings.HasPrefix(where, "http://") {
		if cache == "" {
			return nil, errors.New("a feed at a URL needs a cache to be kept in: give --cache DIR")
		}
		path, err := fetch.File(ctx, where, filepath.Join(cache, "fetched"), nameOf(where), o.Fetch)
		if path == "" {
			return nil, err
		}
		if err != nil {
			o.warn(fmt.Errorf("%w; the copy that was fetched before is used", err))
		}
		where = path
	}
	info, err := os.Stat(where)
	if err != nil {
		return nil, fmt.Errorf("open the feed: %w", err)
	}
	var key string
	if cache != "" {
		if key, err = keyOf(ctx, where, info); err != nil {
			return nil, fmt.Errorf("open the feed: %w", err)
		}
	}
	kept := filepath.Join(cache, nameOf(where)+".index")
	if cache != "" {
		if db := load(kept, key); db != nil {
			return db, nil
		}
	}
	f, err := read(ctx, where, info)
	if err != nil {
		return nil, err
	}
	b := index.Encode(f, key)
	if cache != "" {
		if err := keep(kept, b); err != nil {
			o.warn(fmt.Errorf("keep the index: %w", err))
		}
	}
	x, err := index.Parse(b)
	if err != nil {
		return nil, err
	}
	return vuln.Load(x), nil
}

func (o *Options) warn(err error) {
	if o.Warn != nil {
		o.Warn(err)
	}
}

func (o *Options) folder() (string, error) {
	switch o.Cache {
	case NoCache:
		return "", nil
	case "":
		dir, err := os.UserCacheDir()
		if err != nil { // no home: nothing to keep it in
			return "", nil //nolint:nilerr // a scan works without
		}
		return filepath.Join(dir, "ringside", "cve"), nil
	}
	return filepath.Abs(o.Cache)
}

// nameOf is a file's name in the cache.
func nameOf(where string) string {
	if abs, err := filepath.Abs(where); err == nil && !strings.Contains(where, "://") {
		where = abs
	}
	sum := sha256.Sum256([]byte(where))
	return hex.EncodeToString(sum[:12])
}

// load returns a database from a kept index, nil where there is none of this key.
func load(path, key string) *vuln.Database {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	if k, err := index.Key(b); err != nil || k != key {
		return nil
	}
	x, err := index.Parse(b)
	if err != nil {
		return nil
	}
	return vuln.Load(x)
}

func keep(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".index-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// read reads a feed without the cache.
func read(ctx context.Context, where string, info os.FileInfo) (*feed.Feed, error) {
	if info.IsDir() {
		return feed.Read(ctx, folder{os.DirFS(where), where})
	}
	file, err := os.Open(where)
	if err != nil {
		return nil, fmt.Errorf("open the feed: %w", err)
	}
	defer file.Close()
	if z, err := zip.NewReader(file, info.Size()); err == nil {
		return readZip(ctx, z)
	}
	a, err := artefact.Open(file, artefact.Limits{})
	if err != nil {
		return nil, fmt.Errorf("open the feed: %w", err)
	}
	in := bufio.NewReaderSize(a, 1<<20)
	var b feed.Builder
	if head, _ := in.Peek(512); len(head) == 512 && string(head[257:262]) == "ustar" {
		if err := readTar(ctx, in, &b); err != nil {
			return nil, fmt.Errorf("read %s: %w", where, err)
		}
	} else {
		data, err := io.ReadAll(io.LimitReader(in, feed.MaxFile+1))
		if err == nil && len(data) > feed.MaxFile {
			err = fmt.Errorf("is larger than %d MiB", feed.MaxFile>>20)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", where, err)
		}
		b.Add(filepath.Base(where), data)
	}
	f := b.Finish()
	if len(f.Records) == 0 && len(f.Problems) == 0 {
		return nil, feed.ErrEmpty
	}
	return f, nil
}

func readTar(ctx context.Context, in io.Reader, b *feed.Builder) error {
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return ctx.Err()
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !feed.Wanted(h.Name) {
			continue
		}
		if err := add(b, h.Name, r); err != nil {
			return err
		}
	}
}

func readZip(ctx context.Context, z *zip.Reader) (*feed.Feed, error) {
	var b feed.Builder
	var total int64
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if f.FileInfo().IsDir() || !feed.Wanted(f.Name) {
			continue
		}
		// The sizes in an archive are claims; what is read is bounded file by file and as a
		// whole.
		if total += int64(min(f.UncompressedSize64, feed.MaxFile)); total > maxArchive {
			return nil, fmt.Errorf("the archive expands to more than %d GiB", maxArchive>>30)
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("open %s in the archive: %w", f.Name, err)
		}
		err = add(&b, f.Name, io.LimitReader(r, int64(min(f.UncompressedSize64, feed.MaxFile))))
		r.Close()
		if err != nil {
			return nil, err
		}
	}
	f := b.Finish()
	if len(f.Records) == 0 && len(f.Problems) == 0 {
		return nil, feed.ErrEmpty
	}
	return f, nil
}

// maxArchive is how much a zip archive may expand to; other compression is behind
// package artefact's limits.
const maxArchive = 4 << 30

func add(b *feed.Builder, name string, r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, feed.MaxFile+1))
	if err != nil {
		return fmt.Errorf("read %s in the archive: %w", name, err)
	}
	if len(data) > feed.MaxFile {
		return fmt.Errorf("%s in the archive is larger than %d MiB, which no record is", name, feed.MaxFile>>20)
	}
	b.Add(name, data)
	return nil
}
