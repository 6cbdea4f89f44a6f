package kernel

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// bzImageOf is the head of a bzImage with a version.
func bzImageOf(version string, flags uint16) []byte {
	b := make([]byte, 4096)
	copy(b[x86MagicAt:], "HdrS")
	binary.LittleEndian.PutUint16(b[x86VersionAt:], 0x600)
	binary.LittleEndian.PutUint16(b[x86FlagsAt:], flags)
	copy(b[0x600+x86Sector:], version+"\x00")
	return b
}

func arm64Image(banner string) []byte {
	b := make([]byte, 4096)
	copy(b[arm64MagicAt:], "ARM\x64")
	copy(b[1000:], "Linux version %s (%s)\x00")
	copy(b[2000:], banner)
	return b
}

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func TestIdentify(t *testing.T) {
	for name, tt := range map[string]struct {
		in   []byte
		want Image
		err  string
	}{
		"bzImage":     {bzImageOf("6.1.0-57-amd64 (a@b) #1 SMP", 1), Image{"bzImage", "x86_64", "6.1.0-57-amd64"}, ""},
		"32 bit":      {bzImageOf("6.1.0", 0), Image{}, "32-bit"},
		"arm64":       {arm64Image("Linux version 6.12.1-arm64 (a@b)"), Image{"Image", "arm64", "6.12.1-arm64"}, ""},
		"arm64, mute": {arm64Image(""), Image{"Image", "arm64", ""}, ""},
		"arm64, gz":   {gz(arm64Image("Linux version 6.12.1 (a@b)")), Image{"Image.gz", "arm64", "6.12.1"}, ""},
		"gz of text":  {gz(bytes.Repeat([]byte("text "), 100)), Image{}, "no kernel image"},
		"text":        {bytes.Repeat([]byte("text "), 100), Image{}, "no kernel image"},
		"short":       {[]byte("MZ"), Image{}, "2 bytes"},
		"ELF, cut":    {append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 100)...), Image{}, "no kernel image"},
	} {
		got, err := Identify(bytes.NewReader(tt.in), int64(len(tt.in)))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %q", name, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// pack makes a Debian package of files.
func pack(t testing.TB, ext string, files map[string]string) []byte {
	t.Helper()
	var plain, data bytes.Buffer
	tw := tar.NewWriter(&plain)
	for name, body := range files {
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(body)), Typeflag: tar.TypeReg}
		if target, ok := strings.CutPrefix(body, "-> "); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target, 0
			body = ""
		}
		if err := errors.Join(tw.WriteHeader(h), func() error { _, err := io.WriteString(tw, body); return err }()); err != nil {
			t.Fatal(err)
		}
	}
	tw.Close()
	var w io.WriteCloser
	var err error
	switch ext {
	case ".xz":
		w, err = xz.NewWriter(&data)
	case ".zst":
		w, err = zstd.NewWriter(&data)
	case ".gz":
		w = gzip.NewWriter(&data)
	default:
		data = plain
	}
	if err != nil {
		t.Fatal(err)
	}
	if w != nil {
		if _, err := w.Write(plain.Bytes()); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	var out bytes.Buffer
	out.WriteString("!<arch>\n")
	for _, m := range []struct {
		name string
		body []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", []byte("odd")}, {"data.tar" + ext, data.Bytes()}} {
		fmt.Fprintf(&out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 0, 0, 0, "100644", len(m.body))
		out.Write(m.body)
		if len(m.body)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

func TestUnpack(t *testing.T) {
	files := map[string]string{"./boot/vmlinuz-6.1": "a kernel", "./usr/share/doc/x": "not wanted", "../../etc/passwd": "out of it", "./lib/modules/6.1/build": "-> /usr/src/x"}
	for _, ext := range []string{".xz", ".zst", ".gz", ""} {
		b := pack(t, ext, files)
		if !IsPackage(b) {
			t.Errorf("%q is not seen as a package", b[:80])
		}
		got := map[string]string{}
		err := Unpack(bytes.NewReader(b), func(name string) bool { return !strings.HasPrefix(name, "/usr") }, func(name string, _ uint32, link string, r io.Reader) error {
			if link != "" {
				got[name] = "-> " + link
				return nil
			}
			body, err := io.ReadAll(r)
			got[name] = string(body)
			return err
		})
		if err != nil || len(got) != 3 || got["/boot/vmlinuz-6.1"] != "a kernel" || got["/etc/passwd"] != "out of it" || got["/lib/modules/6.1/build"] != "-> /usr/src/x" {
			t.Errorf("%s: %q, %v", ext, got, err)
		}
	}
	whole := pack(t, ".xz", files)
	for name, b := range map[string][]byte{
		"nothing": nil, "no archive": []byte("!<arch>\nnonsense"), "cut": whole[:len(whole)-200], "head only": whole[:100],
		"compressed otherwise": pack(t, ".br", files),
	} {
		err := Unpack(bytes.NewReader(b), func(string) bool { return true }, func(_ string, _ uint32, _ string, r io.Reader) error {
			if r == nil {
				return nil
			}
			_, err := io.Copy(io.Discard, r)
			return err
		})
		if err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

func TestFind(t *testing.T) {
	root := fstest.MapFS{"boot/vmlinuz-6.1": {}, "boot/config-6.1": {}, "boot/vmlinuz-6.6": {}, "lib/modules/6.6/modules.builtin": {Data: []byte("kernel/fs/ext4/ext4.ko\n")}}
	if _, err := Find(root, ""); err == nil || !strings.Contains(err.Error(), "2 kernels") {
		t.Errorf("two kernels: %v", err)
	}
	got, err := Find(root, "6.1")
	if err != nil || got != (Tree{Image: "boot/vmlinuz-6.1", Config: "boot/config-6.1", Release: "6.1"}) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = Find(root, "6.6")
	if err != nil || got.Modules != "lib/modules/6.6" {
		t.Fatalf("%+v, %v", got, err)
	}
	if list, err := got.Load(root, "ext4"); err != nil || len(list) != 0 {
		t.Errorf("a module that is built in: %+v, %v", list, err)
	}
	if _, err := got.Load(root, "xfs"); err == nil || !strings.Contains(err.Error(), "xfs") {
		t.Errorf("a module that is not there: %v", err)
	}
	build := fstest.MapFS{"arch/x86/boot/bzImage": {}, "vmlinux": {}, ".config": {}, "include/config/kernel.release": {Data: []byte("6.9-rc1\n")}}
	got, err = Find(build, "")
	if err != nil || got != (Tree{Image: "arch/x86/boot/bzImage", Config: ".config", Release: "6.9-rc1", Modules: ".", Build: true}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Find(fstest.MapFS{}, ""); err == nil {
		t.Error("a kernel out of nothing")
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add(bzImageOf("6.1.0 x", 1))
	f.Add(arm64Image("Linux version 6.1 "))
	f.Add(gz(arm64Image("")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if i, err := Identify(bytes.NewReader(b), int64(len(b))); err == nil && i.Arch == "" {
			t.Errorf("%+v", i)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	for _, ext := range []string{".xz", ".gz", ""} {
		f.Add(pack(f, ext, map[string]string{"./boot/vmlinuz": "x"}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = Unpack(bytes.NewReader(b), func(string) bool { return true }, func(name string, _ uint32, _ string, r io.Reader) error {
			if !strings.HasPrefix(name, "/") || strings.Contains(name, "..") && strings.Contains(name, "/../") {
				t.Errorf("the path %q leads out", name)
			}
			if r != nil {
				_, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
				return err
			}
			return nil
		})
	})
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = Info(b) })
}
