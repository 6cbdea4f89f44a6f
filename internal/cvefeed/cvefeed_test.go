package cvefeed_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"ringside/internal/cvefeed"
	"ringside/internal/fetch"
)

const (
	first  = "5.12:32443de3382be98c0a8b8f6f50d23da2e10c4117:6.5:17b17fcd6d446b95904a6929c40012ee7f0afc0c\n"
	second = "5.12:32443de3382be98c0a8b8f6f50d23da2e10c4117:6.6:17b17fcd6d446b95904a6929c40012ee7f0afc0c\n"
)

func digest(t *testing.T, where string, o cvefeed.Options) string {
	t.Helper()
	db, err := cvefeed.Open(t.Context(), where, o)
	if err != nil {
		t.Fatal(err)
	}
	if db.Len() != 1 {
		t.Fatalf("%d records", db.Len())
	}
	return db.Digest()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// An index is used as long as the feed is as it was, and not longer.
func TestCache(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "cve", "published", "2023", "CVE-2023-53247.dyad")
	write(t, file, first)
	o := cvefeed.Options{Cache: cache, Warn: func(err error) { t.Error(err) }}
	one := digest(t, dir, o)
	kept, err := filepath.Glob(filepath.Join(cache, "*.index"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept: %v, %v", kept, err)
	}
	before, err := os.Stat(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	if again := digest(t, dir, o); again != one {
		t.Error("the same feed has another digest")
	}
	if after, err := os.Stat(kept[0]); err != nil || !os.SameFile(before, after) {
		t.Error("the index was made again, though nothing changed")
	}
	write(t, file, second+"# a longer file\n")
	if digest(t, dir, o) == one {
		t.Error("the feed changed and the old index was used")
	}
	write(t, kept[0], "broken")
	if digest(t, dir, o) == one {
		t.Error("a broken index was used")
	}
}

// The same records say the same wherever they are.
func TestContainers(t *testing.T) {
	dir := t.TempDir()
	const name = "cve/published/2023/CVE-2023-53247.dyad"
	write(t, filepath.Join(dir, "feed", name), first)
	var zipped, tarred bytes.Buffer
	z := zip.NewWriter(&zipped)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, first); err != nil {
		t.Fatal(err)
	}
	z.Close()
	gz := gzip.NewWriter(&tarred)
	tw := tar.NewWriter(gz)
	if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(first)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(tw, first); err != nil {
		t.Fatal(err)
	}
	tw.Close()
	gz.Close()
	write(t, filepath.Join(dir, "feed.zip"), zipped.String())
	write(t, filepath.Join(dir, "feed.tar.gz"), tarred.String())
	want := digest(t, filepath.Join(dir, "feed"), cvefeed.Options{Cache: cvefeed.NoCache})
	for _, where := range []string{"feed.zip", "feed.tar.gz"} {
		if got := digest(t, filepath.Join(dir, where), cvefeed.Options{Cache: cvefeed.NoCache}); got != want {
			t.Errorf("%s says something else than the folder", where)
		}
	}

	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	cache := t.TempDir()
	warned := 0
	o := cvefeed.Options{Cache: cache, Fetch: fetch.Options{Private: true}, Warn: func(error) { warned++ }}
	if got := digest(t, server.URL+"/feed.tar.gz", o); got != want || warned != 0 {
		t.Errorf("from a URL: %s, %d warnings", got, warned)
	}
	server.Close()
	if got := digest(t, server.URL+"/feed.tar.gz", o); got != want || warned != 1 {
		t.Errorf("without the server: %s, %d warnings", got, warned)
	}
}

func TestBad(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "README"), "x")
	write(t, filepath.Join(dir, "cut.tar.gz"), "\x1f\x8b\x08\x00")
	for _, where := range []string{dir, filepath.Join(dir, "cut.tar.gz"), filepath.Join(dir, "none"), "https://127.0.0.1:1/x"} {
		if db, err := cvefeed.Open(t.Context(), where, cvefeed.Options{Cache: t.TempDir()}); err == nil {
			t.Errorf("%s is a feed of %d records", where, db.Len())
		}
	}
}
