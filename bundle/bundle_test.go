package bundle

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func oops(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../crash/testdata/lab", "crash-mod-null.log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// layouts are small bundles of each kind, as path → content, and what must be
// found in them.
func layouts(t testing.TB) map[Kind]struct {
	files map[string]string
	want  []string
} {
	log := oops(t)
	return map[Kind]struct {
		files map[string]string
		want  []string
	}{
		Sosreport: {map[string]string{
			"sosreport-web17/sos_commands/kernel/dmesg":                   log,
			"sosreport-web17/sos_commands/logs/journalctl_--no-pager":     log,
			"sosreport-web17/var/crash/127.0.0.1-2026/vmcore-dmesg.txt":   log,
			"sosreport-web17/proc/cmdline":                                "BOOT_IMAGE=/vmlinuz ro quiet\n",
			"sosreport-web17/etc/os-release":                              "NAME=x\nPRETTY_NAME=\"Example Linux 9\"\n",
			"sosreport-web17/sos_commands/kernel/uname_-a":                "Linux web17 6.1.0-56-amd64 #1 SMP Debian 6.1.192-2 x86_64 GNU/Linux\n",
			"sosreport-web17/proc/modules":                                "ext4 1000 1 - Live 0x0\nlabcrash 16384 0 - Live 0x0 (OE)\n",
			"sosreport-web17/proc/sys/kernel/tainted":                     "12288\n",
			"sosreport-web17/boot/config-6.1.0-56-amd64":                  "# Linux/x86 6.1 Kernel Configuration\nCONFIG_X86=y\nCONFIG_KASAN=n\n",
			"sosreport-web17/etc/motd":                                    "welcome\n",
			"sosreport-web17/sos_commands/hardware/dmidecode":             "BIOS Information\n\tVendor: B\nSystem Information\n\tManufacturer: Example\n\tProduct Name: Box 2000\n",
			"sosreport-web17/sos_commands/networking/ip_addr":             "1: lo\n",
			"sosreport-web17/sys/fs/pstore/dmesg-ramoops-0":               log,
			"sosreport-web17/var/log/messages-20261101":                   log,
			"sosreport-web17/sos_commands/filesys/mounts_BUG:_not_a_log":  "BUG: soft lockup\n",
			"sosreport-web17/lib/modules/6.1.0-56-amd64/modules.builtin":  "x\n",
			"sosreport-web17/var/log/messages.d/readme/nothing/to/see.md": "x\n",
		}, []string{
			"boot/config-6.1.0-56-amd64=config", "hardware/dmidecode=hardware", "kernel/dmesg=kernel-log", "kernel/uname_-a=version",
			"logs/journalctl_--no-pager=kernel-log", "etc/os-release=os", "proc/cmdline=cmdline", "proc/modules=modules", "kernel/tainted=taint",
			"pstore/dmesg-ramoops-0=last-log", "127.0.0.1-2026/vmcore-dmesg.txt=last-log", "log/messages-20261101=kernel-log",
		}},
		Supportconfig: {map[string]string{
			"scc_web17/supportconfig.txt": "Support Utilities\n",
			"scc_web17/boot.txt": "#==[ Command ]======================================#\n# /bin/cat /proc/cmdline\nno\n" +
				"#==[ Log File ]=====================================#\n# /proc/cmdline\nquiet splash=silent\n\n" +
				"#==[ Command ]======================================#\n# /bin/dmesg -T\n" + log +
				"#==[ Configuration File ]===========================#\n# /etc/default/grub\nGRUB=1\n",
			"scc_web17/basic-environment.txt": "#==[ Command ]======================================#\n# /bin/uname -a\nLinux web17 6.4.0-1-default #1 SMP x86_64 x86_64 x86_64 GNU/Linux\n",
		}, []string{"basic-environment.txt (/bin/uname -a)=version", "boot.txt (/proc/cmdline)=cmdline", "boot.txt (/bin/dmesg -T)=kernel-log"}},
		Bugreport: {map[string]string{
			"bugreport-oriole-2026-11-01.txt": "========================================================\n== dumpstate: 2026-11-01\n" +
				"------ KERNEL CMDLINE (/proc/cmdline) ------\nconsole=ttyMSM0\n------ 0.001s was the duration of 'KERNEL CMDLINE (/proc/cmdline)' ------\n" +
				"------ KERNEL LOG (dmesg) ------\n" + log + "------ 0.100s was the duration of 'KERNEL LOG (dmesg)' ------\n" +
				"------ SYSTEM LOG (logcat) ------\nI/x: BUG: unable to handle\n------ LAST KMSG (/sys/fs/pstore/console-ramoops-0) ------\n" + log,
			"FS/sys/fs/pstore/console-ramoops-0": log,
			"version.txt":                        "2.0\n",
		}, []string{
			"console-ramoops-0=last-log", "(KERNEL CMDLINE (/proc/cmdline))=cmdline", "(KERNEL LOG (dmesg))=kernel-log",
			"(LAST KMSG (/sys/fs/pstore/console-ramoops-0))=last-log",
		}},
		Syzkaller: {map[string]string{
			"workdir/corpus.db":                         "\xde\xad",
			"workdir/crashes/0a1b/description":          "BUG: unable to handle kernel NULL pointer dereference in null_in_thread\n",
			"workdir/crashes/0a1b/log0":                 log,
			"workdir/crashes/0a1b/report0":              log[strings.Index(log, "BUG: kernel NULL"):],
			"workdir/crashes/0a1b/repro.cprog":          "int main(void) { return 0; }\n",
			"workdir/crashes/0a1b/machineInfo0":         "cpu: qemu\n",
			"workdir/instance-0/config/kernel.config.x": "junk\n",
		}, []string{"0a1b/description=description", "0a1b/log0=kernel-log", "0a1b/machineInfo0=hardware", "0a1b/repro.cprog=reproducer"}},
		Files: {map[string]string{
			"console.txt":  log,
			"notes.txt":    "it crashed at lunch\n",
			"a/b/.config":  "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.1.0 Kernel Configuration\n#\nCONFIG_X86=y\nCONFIG_64BIT=y\n",
			"picture.jpeg": "\xff\xd8\xff\xe0\x00\x10JFIF\x00",
		}, []string{"a/b/.config=config", "console.txt=kernel-log", "notes.txt=kernel-log"}},
	}
}

func mapFS(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func tarOf(t testing.TB, files fstest.MapFS) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.AddFS(files); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zipOf(t testing.TB, files fstest.MapFS) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	if err := w.AddFS(files); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzOf(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestLayouts finds the same in every layout, whatever it is packed in.
func TestLayouts(t *testing.T) {
	for kind, tt := range layouts(t) {
		fsys := mapFS(tt.files)
		zipped, err := Zip(bytes.NewReader(zipOf(t, fsys)), int64(len(zipOf(t, fsys))))
		if err != nil {
			t.Fatal(err)
		}
		for how, src := range map[string]Source{
			"folder": Folder(fsys),
			"tar.gz": Archive(bytes.NewReader(gzOf(t, tarOf(t, fsys)))),
			"zip":    zipped,
			"nested": Archive(bytes.NewReader(tarOf(t, fstest.MapFS{"outer.zip": {Data: zipOf(t, fsys)}}))),
		} {
			t.Run(string(kind)+"/"+how, func(t *testing.T) {
				got := map[string]bool{}
				log := oops(t)
				sum, err := Walk(context.Background(), src, Limits{}, func(m *Member, r io.Reader) error {
					data, err := io.ReadAll(r)
					if err != nil {
						return err
					}
					if m.Role == RoleLog && !strings.HasPrefix(m.Path, "notes") && strings.TrimPrefix(m.Path, "outer.zip!") != "notes.txt" && string(data) != log {
						t.Errorf("%s gave %d bytes, want the log's %d", m.Name(), len(data), len(log))
					}
					got[m.Name()+"="+string(m.Role)] = true
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				// Read in order, a stream shows its kind only as it goes.
				if how == "folder" && sum.Kind != kind {
					t.Errorf("kind %s, want %s", sum.Kind, kind)
				}
				for _, want := range tt.want {
					found := false
					for have := range got {
						found = found || strings.HasSuffix(have, want)
					}
					if !found {
						t.Errorf("not found: %s", want)
					}
				}
				if len(got) != len(tt.want) {
					t.Errorf("found %d members, want %d: %v", len(got), len(tt.want), got)
				}
				if len(sum.Skipped) > 0 {
					t.Errorf("skipped %v", sum.Skipped)
				}
			})
		}
	}
}

func TestFacts(t *testing.T) {
	var f Facts
	_, err := Walk(context.Background(), Folder(mapFS(layouts(t)[Sosreport].files)), Limits{}, func(m *Member, r io.Reader) error { return f.Take(m, r) })
	if err != nil {
		t.Fatal(err)
	}
	if f.Tainted == nil || *f.Tainted != 12288 {
		t.Errorf("tainted %v", f.Tainted)
	}
	f.Tainted = nil
	got := fmt.Sprintf("%+v", f)
	want := fmt.Sprintf("%+v", Facts{Host: "web17", OS: "Example Linux 9", Release: "6.1.0-56-amd64", Version: "#1 SMP Debian 6.1.192-2", Arch: "x86_64",
		Cmdline: "BOOT_IMAGE=/vmlinuz ro quiet", Hardware: "Example Box 2000", Modules: 2, OutOfTree: []string{"labcrash"},
		Config: "sosreport-web17/boot/config-6.1.0-56-amd64", Options: 2})
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestHostile opens what was made to harm.
func TestHostile(t *testing.T) {
	log := oops(t)
	deep := tarOf(t, fstest.MapFS{"log": {Data: []byte(log)}})
	for range 5 {
		deep = tarOf(t, fstest.MapFS{"inner.tar": {Data: deep}})
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range []string{"../../etc/dmesg", "/abs/dmesg"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(log)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(log)); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	whole := tarOf(t, mapFS(map[string]string{"a.log": log, "b.log": log}))
	many := fstest.MapFS{}
	for i := range 50 {
		many[fmt.Sprint(i)] = &fstest.MapFile{Data: []byte("x")}
	}
	for name, tt := range map[string]struct {
		data    []byte
		limits  Limits
		err     error
		members int
		skipped string
	}{
		"too deep":      {deep, Limits{}, nil, 0, "archives lie more than 3 deep"},
		"leading out":   {out.Bytes(), Limits{}, nil, 2, ""},
		"cut off":       {whole[:len(whole)-len(whole)/4], Limits{}, nil, 2, "unexpected EOF"},
		"too many":      {tarOf(t, many), Limits{Members: 10}, ErrLimit, 0, ""},
		"too large":     {whole, Limits{Bytes: int64(len(log)) + 100}, ErrLimit, 0, ""},
		"zip with junk": {append([]byte("PK\x03\x04"), bytes.Repeat([]byte{0xff}, 2000)...), Limits{}, nil, 0, "zip"},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			sum, err := Walk(context.Background(), Archive(bytes.NewReader(tt.data)), tt.limits, func(m *Member, r io.Reader) error {
				if strings.Contains(m.Path, "..") || strings.HasPrefix(m.Path, "/") {
					t.Errorf("the path %s leads out", m.Path)
				}
				n++
				_, err := io.Copy(io.Discard, r)
				if errors.Is(err, io.ErrUnexpectedEOF) {
					return nil // the reader's own business
				}
				return err
			})
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if tt.err == nil && n != tt.members {
				t.Errorf("%d members, want %d", n, tt.members)
			}
			if tt.skipped != "" && !strings.Contains(strings.Join(sum.Skipped, "\n"), tt.skipped) {
				t.Errorf("skipped %q, want %q", sum.Skipped, tt.skipped)
			}
		})
	}
}

func FuzzWalk(f *testing.F) {
	for _, l := range layouts(f) {
		small := map[string]string{}
		for name, text := range l.files {
			small[name] = text[:min(len(text), 600)]
		}
		f.Add(tarOf(f, mapFS(small)))
		f.Add(zipOf(f, mapFS(small)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 20
		var read int64
		l := Limits{Members: 100, Bytes: limit, Nested: limit}
		l.Artefact.MaxExpanded = limit
		visit := func(m *Member, r io.Reader) error {
			if len(m.Path) > 3*(4096+1) {
				t.Errorf("a path of %d bytes", len(m.Path))
			}
			var f Facts
			err := f.Take(m, r)
			n, _ := io.Copy(io.Discard, r)
			read += n
			if errors.Is(err, ErrLimit) {
				return err
			}
			return nil
		}
		if _, err := Walk(context.Background(), Archive(bytes.NewReader(data)), l, visit); err == nil && read > limit {
			t.Errorf("read %d bytes", read)
		}
		if src, err := Zip(bytes.NewReader(data), int64(len(data))); err == nil {
			if _, err := Walk(context.Background(), src, l, visit); err != nil && !errors.Is(err, ErrLimit) {
				t.Logf("zip: %v", err)
			}
		}
	})
}
