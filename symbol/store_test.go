package symbol_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringside/symbol"
)

func TestStore(t *testing.T) {
	dir := t.TempDir()
	s := symbol.OpenStore(dir)
	e, err := s.Add("testdata/kernel.elf", "")
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(dir, ".build-id", kernelID[:2], kernelID[2:]+".debug")
	if e.Path != want || !e.New || e.Release != "6.99.0-ringside" {
		t.Errorf("entry %+v, want path %s", e, want)
	}
	a, _ := os.ReadFile("testdata/kernel.elf")
	if b, err := os.ReadFile(want); err != nil || !bytes.Equal(a, b) {
		t.Errorf("what was kept is not what was given: %v", err)
	}
	if e, err := s.Add("testdata/kernel.elf", ""); err != nil || e.New {
		t.Errorf("adding it again: %+v, %v", e, err)
	}
	list, err := s.Entries()
	if err != nil || len(list) != 1 || list[0].BuildID != kernelID || list[0].Bytes != int64(len(a)) {
		t.Errorf("entries %+v, %v", list, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".build-id", "*", ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}

	for _, tt := range []struct {
		name string
		want symbol.Identity
		err  string
	}{
		{"build ID", symbol.Identity{BuildID: kernelID}, ""},
		{"release", symbol.Identity{Release: "6.99.0-ringside"}, ""},
		{"build ID that is not there", symbol.Identity{BuildID: otherID}, "has no file for the kernel (build ID " + otherID},
		{"build ID of another build of the release", symbol.Identity{BuildID: otherID, Release: "6.99.0-ringside"}, "its build ID is " + kernelID + ", the log's is " + otherID},
		{"release that is not there", symbol.Identity{Release: "1.0"}, "symbol index"},
		{"module that is not there", symbol.Identity{Release: "6.99.0-ringside", Module: "xfs"}, "module xfs of 6.99.0-ringside"},
		{"release out of the store", symbol.Identity{Release: "../../etc"}, "has no file"},
		{"module out of the store", symbol.Identity{Release: "6.99.0-ringside", Module: "../vmlinux"}, "has no file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := s.Find(t.Context(), tt.want)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want one that says %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Identity().BuildID != kernelID {
				t.Errorf("found %+v", f.Identity())
			}
		})
	}

	if _, err := s.Add("testdata/README.md", ""); !errors.Is(err, symbol.ErrFormat) {
		t.Errorf("adding a text gives %v", err)
	}
}

// A store whose file is not what its name says is not believed.
func TestStoreMixedUp(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, ".build-id", otherID[:2], otherID[2:]+".debug")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, "testdata/kernel.elf", name)
	_, err := symbol.OpenStore(dir).Find(t.Context(), symbol.Identity{BuildID: otherID})
	var mismatch *symbol.MismatchError
	if !errors.As(err, &mismatch) || mismatch.Has != kernelID || mismatch.Want != otherID {
		t.Errorf("error %v", err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// The index of units of a file without .debug_aranges is made once.
func TestStoreKeepsUnitIndex(t *testing.T) {
	s := symbol.OpenStore(t.TempDir())
	e, err := s.Add("testdata/kernel-noaranges.elf", "")
	if err != nil {
		t.Fatal(err)
	}
	index := strings.TrimSuffix(e.Path, ".debug") + ".units"
	look := func() {
		t.Helper()
		f, err := s.Find(t.Context(), symbol.Identity{BuildID: kernelID})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if lines, err := f.Lines(0xffffffff81000062); err != nil || short(lines) != "middle kernel.c:34" {
			t.Errorf("%s (%v)", short(lines), err)
		}
	}
	look()
	good, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	look()
	// A damaged index is made again, not believed.
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 0x55
	if err := os.WriteFile(index, bad, 0o644); err != nil {
		t.Fatal(err)
	}
	look()
	if again, err := os.ReadFile(index); err != nil || !bytes.Equal(again, good) {
		t.Errorf("the damaged index was not replaced: %v", err)
	}
}

func TestTree(t *testing.T) {
	dir := t.TempDir()
	copyFile(t, "testdata/kernel.elf", filepath.Join(dir, "boot", "vmlinux-6.99.0-ringside"))
	copyFile(t, "testdata/demo.ko", filepath.Join(dir, "lib/modules/6.99.0-ringside/kernel/drivers/demo.ko"))
	tree := symbol.OpenTree(dir)
	for _, tt := range []struct {
		want symbol.Identity
		path string
	}{
		{symbol.Identity{Release: "6.99.0-ringside"}, "boot/vmlinux-6.99.0-ringside"},
		{symbol.Identity{Release: "6.99.0-ringside", Module: "demo"}, "lib/modules/6.99.0-ringside/kernel/drivers/demo.ko"},
		{symbol.Identity{Release: "6.99.0-ringside", Module: "xfs"}, ""},
		{symbol.Identity{Release: "../boot"}, ""},
		{symbol.Identity{}, ""},
	} {
		f, err := tree.Find(t.Context(), tt.want)
		if tt.path == "" {
			if !errors.Is(err, symbol.ErrNotFound) {
				t.Errorf("%+v: %v, want ErrNotFound", tt.want, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Name != filepath.Join(dir, tt.path) {
			t.Errorf("%+v: %s, want %s", tt.want, f.Name, tt.path)
		}
		f.Close()
	}
}
