package filter_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"ringside/vmcore"
	"ringside/vmcore/dump"
	"ringside/vmcore/filter"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// labDumps returns the dumps that scripts/vmcore/lab has made.
func labDumps(t *testing.T) (list []string) {
	dir := os.Getenv("RINGSIDE_DUMPS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_DUMPS is not set; set it to what scripts/vmcore/lab has made")
	}
	ready, err := os.Open(filepath.Join(dir, "READY"))
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	for s := bufio.NewScanner(ready); s.Scan(); {
		name, _, _ := strings.Cut(s.Text(), "\t")
		if !strings.Contains(name, ".split") && !strings.HasSuffix(name, ".ram") {
			list = append(list, name)
		}
	}
	return list
}

// corpus returns a dump of the corpus.
func corpus(t *testing.T, name string) string {
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set; set it to the corpus of real dumps")
	}
	return filepath.Join(dir, "vmcore", name)
}

func openPath(t *testing.T, path string) *kernel.Kernel {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	d, err := dump.Open([]dump.Input{{Name: path, R: f, Size: st.Size()}}, dump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.Open(t.Context(), d, kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// copyOf has a dump written and opens what comes out.
func copyOf(t *testing.T, write func(io.WriterAt) (*filter.Report, error)) (*kernel.Kernel, *filter.Report) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := write(f)
	if err != nil {
		t.Fatal(err)
	}
	return openPath(t, path), r
}

func triage(t *testing.T, k *kernel.Kernel) *vmcore.Document {
	t.Helper()
	doc, err := vmcore.Triage(t.Context(), k, vmcore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// comparable drops from a document what the container alone decides, and how
// long it took.
func comparable(t *testing.T, doc *vmcore.Document) map[string]any {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	delete(v, "dump")
	delete(v, "ladder")
	var strip func(any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "took_ns")
			for _, e := range v {
				strip(e)
			}
		case []any:
			for _, e := range v {
				strip(e)
			}
		}
	}
	strip(v)
	return v
}

// difference names the first place at which two documents differ.
func difference(path string, a, b any) string {
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			for k := range a {
				if d := difference(path+"."+k, a[k], b[k]); d != "" {
					return d
				}
			}
			if len(a) == len(b) {
				return ""
			}
		}
	case []any:
		if b, ok := b.([]any); ok && len(a) == len(b) {
			for i := range a {
				if d := difference(fmt.Sprintf("%s[%d]", path, i), a[i], b[i]); d != "" {
					return d
				}
			}
			return ""
		}
	}
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return fmt.Sprintf("%s: %.200v, was %.200v", path, b, a)
}

// TestSameDocument filters dumps that were filtered before, and those that were
// not, and reads in the copies what the originals say.
func TestSameDocument(t *testing.T) {
	for _, name := range []string{"hang.kdump-zlib-d31", "oops.kdump-lzo-d31", "oops612.kdump-zstd-d31", "sysrq.kdump-zlib-d31.flat"} {
		t.Run(name, func(t *testing.T) {
			k := openPath(t, corpus(t, name))
			again, report := copyOf(t, func(out io.WriterAt) (*filter.Report, error) {
				return filter.Filter(t.Context(), k, out, filter.Options{Level: filter.All, Compression: filter.Snappy})
			})
			if d := difference("", comparable(t, triage(t, k)), comparable(t, triage(t, again))); d != "" {
				t.Error(d)
			}
			if report.Level != filter.All || report.Missing == 0 || report.Unreadable > 0 {
				t.Errorf("%+v", report)
			}
		})
	}
}

// TestRedactedVerdict redacts every dump of the lab: what it says is wrong stays
// the same. Where the dump does not tell its pages apart, it refuses.
func TestRedactedVerdict(t *testing.T) {
	n := 0
	for _, name := range labDumps(t) {
		if testing.Short() && n == 3 {
			break
		}
		t.Run(filepath.Base(filepath.Dir(name))+"/"+filepath.Base(name), func(t *testing.T) {
			k := openPath(t, name)
			path := filepath.Join(t.TempDir(), "copy")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			r, err := filter.Redact(t.Context(), k, f, filter.RedactOptions{Compression: filter.Snappy})
			if err != nil {
				st, serr := f.Stat()
				if serr != nil || st.Size() > 0 {
					t.Errorf("it failed, and wrote %d bytes: %v", st.Size(), err)
				}
				t.Skipf("SKIPPED: it cannot be redacted: %v", err)
			}
			n++
			before, after := triage(t, k).Findings, triage(t, openPath(t, path)).Findings
			if len(before) == 0 || len(after) == 0 || before[0].Kind != after[0].Kind || before[0].Title != after[0].Title {
				t.Errorf("it said %v, and says %v", before, after)
			}
			for _, u := range r.Redacted.Undecided {
				t.Log(u)
			}
		})
	}
}

// TestFreePages counts what is left out as free in dumps that have all pages, and
// compares with what the kernel counted: pages of the buddy allocator, and those
// on the lists of CPUs.
func TestFreePages(t *testing.T) {
	for _, name := range labDumps(t) {
		if filepath.Ext(name) != ".elf" {
			continue
		}
		t.Run(filepath.Base(filepath.Dir(name))+"/"+filepath.Base(name), func(t *testing.T) {
			k := openPath(t, name)
			_, report := copyOf(t, func(out io.WriterAt) (*filter.Report, error) {
				return filter.Filter(t.Context(), k, out, filter.Options{Level: filter.Free, Compression: filter.Snappy})
			})
			var want, got uint64
			for _, n := range object.MemoryOf(k.Walk(t.Context())).Nodes {
				for _, z := range n.Zones {
					want += z.Free + z.PerCPU
				}
			}
			if want == 0 {
				t.Skip("SKIPPED: this kernel's counters were not found")
			}
			for _, l := range report.LeftOut {
				if l.Kind == filter.KindFree {
					got = l.Pages
				}
			}
			// A block on its way between a list and its counter is in one of them only,
			// and a dump of /proc/vmcore lacks what was reserved for the second kernel.
			if diff := int64(got) - int64(want); diff < -64 || diff > 64 {
				t.Errorf("%d pages are free, and the kernel counts %d", got, want)
			}
			t.Logf("%d free pages, the kernel counts %d", got, want)
		})
	}
}
