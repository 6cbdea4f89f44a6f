package render_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"ringside/internal/render"
	"ringside/vmcore/filter"
)

// TestVmcoreFilter prints a report in which there is some of everything.
func TestVmcoreFilter(t *testing.T) {
	r := filter.Report{PageSize: 4096, Level: filter.All, Compression: filter.Zstd, Pages: 65536, Written: 12403, Missing: 7, Unreadable: 3, Undescribed: 2,
		BytesIn: 268702891, BytesOut: 16900000,
		LeftOut: []filter.Left{{Kind: filter.KindZero, Pages: 2200}, {Kind: filter.KindFree, Pages: 47529}, {Kind: filter.KindOwnerless, Pages: 804}},
		Redacted: &filter.Redacted{Pattern: "REDACTED",
			Overwritten: []filter.Matter{{What: "payloads of keys", Places: 7, Bytes: 912}},
			Kept:        []filter.Matter{{What: "the kernel's log", Note: "whatever was printed"}},
			Undecided:   []string{"1 array of free objects is not in the dump: \x1b[31m"}}}
	for name, redacted := range map[string]*filter.Redacted{"vmcore-filter.txt": nil, "vmcore-redact.txt": r.Redacted} {
		r.Redacted = redacted
		var b bytes.Buffer
		if err := render.VmcoreFilter(&b, &r, render.Style{Width: 80}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s changed; if that is meant, run with -update and read the diff. Now:\n%s", name, b.String())
		}
	}
}
