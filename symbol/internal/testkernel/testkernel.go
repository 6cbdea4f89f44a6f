// Package testkernel gives tests the kernels that the drift lab has fetched: their
// images unpacked, their sections, their System.map.
package testkernel

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Kernel is one kernel.
type Kernel struct {
	Release string // "6.12.117+deb12-cloud-amd64"
	Folder  string // of its modules
	vmlinuz string
	mapFile string
	image   []byte
	file    *elf.File
}

// Each runs a test for every kernel under $RINGSIDE_DRIFT, in a subtest.
func Each(t *testing.T, test func(t *testing.T, k *Kernel)) {
	t.Helper()
	for _, k := range kernels(t) {
		t.Run(k.Release, func(t *testing.T) {
			k.open(t)
			test(t, k)
		})
	}
}

// Open returns the first kernel whose release begins with a prefix.
func Open(t testing.TB, prefix string) *Kernel {
	t.Helper()
	for _, k := range kernels(t) {
		if strings.HasPrefix(k.Release, prefix) {
			k.open(t)
			return k
		}
	}
	t.Skipf("no kernel %s under RINGSIDE_DRIFT", prefix)
	return nil
}

func kernels(t testing.TB) []*Kernel {
	t.Helper()
	cache := os.Getenv("RINGSIDE_DRIFT")
	if cache == "" {
		t.Skip("RINGSIDE_DRIFT is not set: no kernels to test on; scripts/drift/lab setup fetches them")
	}
	root := filepath.Join(cache, "root")
	var found []*Kernel
	old, _ := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	for _, path := range old {
		release := strings.TrimPrefix(filepath.Base(path), "vmlinuz-")
		found = append(found, &Kernel{
			Release: release, vmlinuz: path,
			mapFile: filepath.Join(root, "boot", "System.map-"+release),
			Folder:  filepath.Join(root, "lib", "modules", release),
		})
	}
	// Where Debian puts them since 7.x.
	packed, _ := filepath.Glob(filepath.Join(root, "usr", "lib", "modules", "*", "vmlinuz"))
	for _, path := range packed {
		folder := filepath.Dir(path)
		found = append(found, &Kernel{
			Release: filepath.Base(folder), vmlinuz: path, Folder: folder,
			mapFile: filepath.Join(folder, "System.map"),
		})
	}
	// Built from source, with a System.map that Debian's packages lack.
	built, _ := filepath.Glob(filepath.Join(cache, "*", "build", "System.map"))
	for _, path := range built {
		folder := filepath.Dir(path)
		found = append(found, &Kernel{
			Release: filepath.Base(filepath.Dir(folder)), mapFile: path, Folder: folder,
			vmlinuz: filepath.Join(folder, "vmlinux"),
		})
	}
	if len(found) == 0 {
		t.Skip("no kernels under RINGSIDE_DRIFT: scripts/drift/lab setup fetches them")
	}
	return found
}

// open unpacks the image as the boot loader's first stage would.
func (k *Kernel) open(t testing.TB) {
	t.Helper()
	b, err := os.ReadFile(k.vmlinuz)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	switch {
	case bytes.HasPrefix(b, []byte(elf.ELFMAG)):
	case string(b[0x202:0x206]) == "HdrS": // bzImage
		at := (int(b[0x1f1])+1)*512 + int(le.Uint32(b[0x248:]))
		b = unpack(t, b[at:at+int(le.Uint32(b[0x24c:]))])
	case string(b[4:8]) == "zimg": // EFI zboot
		at := le.Uint32(b[8:])
		b = unpack(t, b[at:at+le.Uint32(b[12:])])
	}
	k.image = b
	if bytes.HasPrefix(b, []byte(elf.ELFMAG)) {
		if k.file, err = elf.NewFile(bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
}

func unpack(t testing.TB, b []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	switch {
	case bytes.HasPrefix(b, []byte("\xfd7zXZ")):
		r, err = xz.NewReader(bytes.NewReader(b))
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		r, err = gzip.NewReader(bytes.NewReader(b))
	case bytes.HasPrefix(b, []byte("\x28\xb5\x2f\xfd")):
		r, err = zstd.NewReader(bytes.NewReader(b))
	case bytes.HasPrefix(b, []byte("\x02\x21\x4c\x18")):
		out, err := unlz4(b)
		if err != nil {
			t.Fatal(err)
		}
		return out
	default:
		return b
	}
	if err != nil {
		t.Fatal(err)
	}
	// A bzImage has the length of what is unpacked, 4 bytes, behind it, which no
	// decoder likes; what came before is good.
	out, err := io.ReadAll(r)
	if len(out) == 0 {
		t.Fatalf("cannot unpack the kernel: %v", err)
	}
	return out
}

// Symbol is one that is known from elsewhere than kallsyms. Type is 0 where that
// does not say it.
type Symbol struct {
	Name string
	Addr uint64
	Type byte
}

// Symbols reads System.map, or the table of what modules may use, which Debian's
// stub of a System.map is no match for.
func (k *Kernel) Symbols(t testing.TB) (symbols []Symbol, whole bool) {
	t.Helper()
	f, err := os.Open(k.mapFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		field := strings.Fields(s.Text())
		if addr, err := strconv.ParseUint(field[0], 16, 64); err == nil && len(field) == 3 {
			symbols = append(symbols, Symbol{field[2], addr, field[1][0]})
		}
	}
	if len(symbols) > 0 {
		return symbols, true
	}
	names, namesAt := k.Section(t, "__ksymtab_strings")
	// struct kernel_symbol { int value_offset, name_offset, namespace_offset; }
	const size = 12
	for _, section := range []string{"__ksymtab", "__ksymtab_gpl"} {
		b, at := k.Section(t, section)
		for i := 0; i+size <= len(b); i += size {
			rel := func(i int) uint64 { return at + uint64(i) + uint64(int64(int32(binary.LittleEndian.Uint32(b[i:])))) }
			name := rel(i+4) - namesAt
			if name >= uint64(len(names)) {
				continue
			}
			text, _, _ := bytes.Cut(names[name:], []byte{0})
			symbols = append(symbols, Symbol{string(text), rel(i), 0})
		}
	}
	return symbols, false
}

// Section returns a section and its address; nil where the image has no sections
// or not this one.
func (k *Kernel) Section(t testing.TB, name string) ([]byte, uint64) {
	t.Helper()
	if k.file == nil {
		return nil, 0
	}
	s := k.file.Section(name)
	if s == nil {
		return nil, 0
	}
	b, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	return b, s.Addr
}

// Memory returns the image as it lies in memory from an address on: an ELF's
// first segment, or all of a flat image, for which it returns 0.
func (k *Kernel) Memory(t testing.TB) ([]byte, uint64) {
	t.Helper()
	if k.file == nil {
		return k.image, 0
	}
	for _, p := range k.file.Progs {
		if p.Type == elf.PT_LOAD {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err != nil {
				t.Fatal(err)
			}
			return b, p.Vaddr
		}
	}
	t.Fatal("the kernel has no segments")
	return nil, 0
}

// BTF returns the type information of the kernel, nil where it has none.
func (k *Kernel) BTF(t testing.TB) []byte {
	t.Helper()
	if b, _ := k.Section(t, ".BTF"); b != nil || k.file != nil {
		return b
	}
	// A flat image has no sections; the first header whose strings follow its
	// types is it.
	le := binary.LittleEndian
	for at := 0; ; at++ {
		i := bytes.Index(k.image[at:], []byte{0x9f, 0xeb, 1, 0})
		if i < 0 || at+i+32 > len(k.image) {
			return nil
		}
		at += i
		h := k.image[at:]
		size, types, strs, n := le.Uint32(h[4:]), le.Uint32(h[12:]), le.Uint32(h[16:]), le.Uint32(h[20:])
		if size >= 24 && size <= 64 && types > 1<<20 && strs >= types && int(size+strs+n) <= len(h) {
			return h[:size+strs+n]
		}
	}
}

// Module unpacks a module, named as its file without ".ko.xz".
func (k *Kernel) Module(t testing.TB, name string) []byte {
	t.Helper()
	var found string
	err := filepath.WalkDir(k.Folder, func(path string, _ os.DirEntry, err error) error {
		if base, _, ok := strings.Cut(filepath.Base(path), ".ko"); ok && base == name {
			found = path
			return filepath.SkipAll
		}
		return err
	})
	if err != nil || found == "" {
		t.Skipf("no module %s under %s (%v)", name, k.Folder, err)
	}
	b, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	return unpack(t, b)
}

// Flat says that the image has no sections.
func (k *Kernel) Flat() bool { return k.file == nil }

// Image is the unpacked kernel as a file.
func (k *Kernel) Image() []byte { return k.image }
