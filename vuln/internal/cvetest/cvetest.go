// Package cvetest gives tests the kernel CNA's real records.
package cvetest

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ulikunitz/xz"

	"ringside/vuln/feed"
)

// unpacked reads a file without its xz. The tool does it where there is one: within a test
// under the race detector it takes minutes.
func unpacked(path string) (r io.Reader, end func() error, err error) {
	if tool, err := exec.LookPath("xz"); err == nil {
		c := exec.CommandContext(context.Background(), tool, "-dc", path)
		out, err := c.StdoutPipe()
		if err != nil {
			return nil, nil, err
		}
		rest := func() error {
			_, err := io.Copy(io.Discard, out) // what pads the archive
			return errors.Join(err, c.Wait())
		}
		return out, rest, c.Start()
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	z, err := xz.NewReader(f)
	return z, f.Close, err
}

// each calls take for every file of the corpus.
func each(take func(name string, data []byte)) error {
	z, end, err := unpacked(filepath.Join(os.Getenv("RINGSIDE_CORPUS"), "cve", "kernel-cna-2026-08-21.tar.xz"))
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return end()
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !feed.Wanted(h.Name) {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		take(h.Name, data)
	}
}

var (
	once   sync.Once
	loaded *feed.Feed
	dyads  map[string]string
	failed error
)

// Corpus returns the records of 2026-08-21 and, by CVE, the text of the .dyad files of
// those that are published. Without the corpus the test is skipped.
func Corpus(t testing.TB) (f *feed.Feed, texts map[string]string) {
	t.Helper()
	if os.Getenv("RINGSIDE_CORPUS") == "" {
		t.Skip("RINGSIDE_CORPUS is not set: the CNA's records are not at hand")
	}
	once.Do(func() {
		var b feed.Builder
		dyads = map[string]string{}
		failed = each(func(name string, data []byte) {
			b.Add(name, data)
			if filepath.Ext(name) == ".dyad" && filepath.Base(filepath.Dir(filepath.Dir(name))) == "published" {
				dyads[filepath.Base(name[:len(name)-len(".dyad")])] = string(data)
			}
		})
		loaded = b.Finish()
	})
	if failed != nil {
		t.Fatal(failed)
	}
	return loaded, dyads
}
