// Command democves packs what `ringside demo` shows of CVEs: real records of the kernel
// CNA, and what real kernels were built from, as far as those records ask.
//
//	go run ./scripts/democves -records DIR -o internal/demo/cves.zip INVENTORY...
//
// DIR is a folder with the records that are wanted, as cve/published/YEAR/CVE-….json and
// .dyad. Each INVENTORY is made by ringside cve inventory with that folder as its feed;
// the files of the tree that no record names are left out. The archive is the same for
// the same input.
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ringside/inventory"
	"ringside/kbuild"
	"ringside/kbuild/moved"
	"ringside/vuln"
)

func main() {
	records := flag.String("records", "", "`DIR` with the records")
	out := flag.String("o", "internal/demo/cves.zip", "`FILE` to write")
	flag.Parse()
	if err := run(context.Background(), *records, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "democves:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, records, out string, inventories []string) error {
	db, err := vuln.Open(ctx, os.DirFS(records))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, data []byte) error {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	err = filepath.WalkDir(records, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(name, ".json") && !strings.HasSuffix(name, ".dyad") {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(records, name)
		if err != nil {
			return err
		}
		return add(filepath.ToSlash(rel), data)
	})
	if err != nil {
		return err
	}
	for _, name := range inventories {
		v, err := trimmed(db, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		var text bytes.Buffer
		if err := v.Write(&text); err != nil {
			return err
		}
		if err := add("inventories/"+v.Release+".json.gz", text.Bytes()); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644) //nolint:gosec // it is for everybody
}

// trimmed reads an inventory and keeps what the records ask for.
func trimmed(db *vuln.Database, name string) (*inventory.Inventory, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	v, err := inventory.Read(io.Reader(f))
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, r := range db.Records() {
		for _, file := range r.Files {
			wanted[file] = true
			names, _ := moved.Names(file, func(n string) bool { return v.Presence(n).State != kbuild.Absent })
			for _, n := range names {
				wanted[n] = true
			}
		}
	}
	// Of each folder above them something that is compiled stays, if anything is: that
	// nothing of a folder is built proves something.
	for file := range maps.Clone(wanted) {
		for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
			i := slices.IndexFunc(v.Files, func(p kbuild.Presence) bool { return p.State == kbuild.Compiled && strings.HasPrefix(p.Path, dir+"/") })
			if i >= 0 {
				wanted[v.Files[i].Path] = true
			}
		}
	}
	v.Files = slices.DeleteFunc(v.Files, func(p kbuild.Presence) bool { return !wanted[p.Path] })
	for i := range v.Reductions {
		r := &v.Reductions[i]
		r.Files = slices.DeleteFunc(r.Files, func(file string) bool { return !wanted[file] })
	}
	v.Reductions = slices.DeleteFunc(v.Reductions, func(r inventory.Reduction) bool { return len(r.Files) == 0 })
	return v, nil
}
