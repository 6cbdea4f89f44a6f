package patchindex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"ringside/patch/equiv"
)

// isRecords tells whether a folder has the CNA's records: published/YEAR/CVE-….json, by
// itself or below cve/.
func isRecords(dir string) bool { return recordsRoot(dir) != "" }

func recordsRoot(dir string) string {
	for _, d := range []string{"published", "cve/published"} {
		if st, err := os.Stat(filepath.Join(dir, d)); err == nil && st.IsDir() {
			return filepath.Join(dir, d)
		}
	}
	return ""
}

// recordsKey is made of what the folders of the years say: names are added and files
// replaced by an update, which changes them.
func recordsKey(dir string) (string, error) {
	root := recordsRoot(dir)
	years, err := os.ReadDir(root)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, y := range years {
		if st, err := y.Info(); err == nil {
			parts = append(parts, fmt.Sprint(y.Name(), st.ModTime().UnixNano()))
		}
	}
	return hashed(parts...), nil
}

// record is what of a CVE record says what its fix is.
type record struct {
	Meta struct {
		ID string `json:"cveId"`
	} `json:"cveMetadata"`
	Containers struct {
		CNA struct {
			Title        string `json:"title"`
			Descriptions []struct {
				Value string `json:"value"`
			} `json:"descriptions"`
			Affected []struct {
				DefaultStatus string   `json:"defaultStatus"`
				ProgramFiles  []string `json:"programFiles"`
				Versions      []struct {
					Version         string `json:"version"`
					LessThan        string `json:"lessThan"`
					LessThanOrEqual string `json:"lessThanOrEqual"`
					Status          string `json:"status"`
					Type            string `json:"versionType"`
				} `json:"versions"`
			} `json:"affected"`
		} `json:"cna"`
	} `json:"containers"`
}

// fillRecords adds the fix of each record: it has no lines, but the message, files, and the
// releases that have it.
func fillRecords(ctx context.Context, b *equiv.Builder, dir string, o Options) error {
	root := os.DirFS(recordsRoot(dir))
	names, err := fs.Glob(root, "*/CVE-*.json")
	if err != nil {
		return err
	}
	docs := make([]*equiv.Doc, len(names))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				docs[i], errs[i] = recordDoc(root, names[i])
			}
		})
	}
	for i := range names {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, d := range docs {
		o.warn(errs[i])
		if d == nil {
			continue
		}
		o.progress(b.Len())
		if err := b.Add(d); err != nil {
			return err
		}
	}
	return nil
}

const maxRecord = 4 << 20

func recordDoc(root fs.FS, name string) (*equiv.Doc, error) {
	if st, err := fs.Stat(root, name); err != nil || st.Size() > maxRecord {
		return nil, errors.Join(fmt.Errorf("%s: over %d bytes, which no record has", name, maxRecord), err)
	}
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	cna := &r.Containers.CNA
	d := &equiv.Doc{Name: r.Meta.ID, Subject: cna.Title}
	text := cna.Title
	for _, x := range cna.Descriptions {
		text += "\n" + x.Value
	}
	d.Words = equiv.MessageWords(text)
	for _, a := range cna.Affected {
		d.Paths = append(d.Paths, a.ProgramFiles...)
		for _, v := range a.Versions {
			switch {
			case v.Type == "git" && v.LessThan != "" && v.Status == "affected":
				d.Upstream = append(d.Upstream, v.LessThan)
			case v.Type != "git" && v.Status == "unaffected" && v.Version != "0" && v.Version != "" && v.LessThanOrEqual != "":
				d.Releases = append(d.Releases, "v"+v.Version)
			}
		}
	}
	if sha, err := fs.ReadFile(root, strings.TrimSuffix(name, path.Ext(name))+".sha1"); err == nil {
		d.Upstream = append(d.Upstream, strings.Fields(string(sha))...)
	}
	for _, list := range []*[]string{&d.Paths, &d.Upstream, &d.Releases} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return d, nil
}
