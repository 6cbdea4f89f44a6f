package inventory_test

import (
	"bytes"
	"compress/gzip"
	"reflect"
	"strings"
	"testing"
	"time"

	"ringside/inventory"
	"ringside/kbuild"
)

func small() *inventory.Inventory {
	why := []kbuild.Step{{File: "fs/Makefile", Line: 57, Text: "obj-$(CONFIG_SMB_SERVER) += smb/server/", Symbol: "SMB_SERVER", Value: "n"}}
	return &inventory.Inventory{
		Release: "6.1.0-56-amd64", Arch: "x86_64", Upstream: "6.1.192", MadeAt: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC),
		Config: "CONFIG_BTRFS_FS=m\n", Changelog: "linux (6.1.192-2) …", Modules: []string{"fs/btrfs/btrfs.ko"},
		Files: []kbuild.Presence{
			{Path: "fs/btrfs/inode.c", State: kbuild.Compiled, Targets: []string{"fs/btrfs/btrfs.ko"}},
			{Path: "fs/smb/server/smb2pdu.c", State: kbuild.NotCompiled, Why: why},
			{Path: "fs/smb/server/vfs.c", State: kbuild.NotCompiled, Why: why},
			{Path: "kernel/sched/rt.c", State: kbuild.Compiled, Targets: []string{kbuild.Vmlinux}},
		},
		Reductions: []inventory.Reduction{{Symbol: "BTRFS_FS", Prompt: "Btrfs filesystem support", Off: []string{"BTRFS_FS_POSIX_ACL"}, Files: []string{"fs/btrfs/inode.c"}}},
		Baselines:  []inventory.Baseline{{Name: "server", Title: "Servers", Passed: 3, Failed: 1, Findings: []inventory.Finding{{ID: "x", Title: "X", State: "failed", Why: "y"}}}},
		Notes:      []string{"not known: the toolchain"},
	}
}

func TestRoundTrip(t *testing.T) {
	want := small()
	var b bytes.Buffer
	if err := want.Write(&b); err != nil {
		t.Fatal(err)
	}
	if !inventory.Is(b.Bytes()) || inventory.Is(b.Bytes()[:5]) || inventory.Is([]byte(`{"schema":"ringside.inventory/1"`)) {
		t.Error("it is not told from other things")
	}
	got, err := inventory.Read(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back\n%+v\nwritten\n%+v", got, want)
	}
	if p := got.Presence("fs/smb/server/vfs.c"); p.State != kbuild.NotCompiled || p.Why[0].Line != 57 {
		t.Errorf("presence: %+v", p)
	}
	if p := got.Presence("fs/smb/server/nothing.c"); p.State != kbuild.Absent {
		t.Errorf("of a file that there is not: %+v", p)
	}
	for dir, want := range map[string]bool{"fs/smb": true, "fs/smb/server/": true, "fs": false, "fs/btrfs": false, "nothing": false} {
		if got.Idle(dir) != want {
			t.Errorf("idle %q: %t", dir, !want)
		}
	}
	if n := got.Compiled(); n != 2 {
		t.Errorf("%d compiled", n)
	}
}

func TestUnsorted(t *testing.T) {
	v := small()
	v.Files[0], v.Files[1] = v.Files[1], v.Files[0]
	if err := v.Write(new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "sorted") {
		t.Errorf("error is %v", err)
	}
	v = small()
	v.Reductions[0].Files = []string{"nothing.c"}
	if err := v.Write(new(bytes.Buffer)); err == nil {
		t.Error("a reduction of a file that there is not was written")
	}
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

func TestReadHostile(t *testing.T) {
	const head = `{"schema":"ringside.inventory/1",`
	for name, tt := range map[string]struct{ in, want string }{
		"not gzip":            {"", "gzip"},
		"cut":                 {head, "offset"},
		"other schema":        {`{"schema":"ringside.inventory/9"}`, "make it again"},
		"bad target":          {head + `"files":[{"p":"a.c","s":1,"t":[0]}]}`, "number 0 of 0"},
		"bad step":            {head + `"files":[{"p":"a.c","s":1,"w":[-1]}]}`, "number -1"},
		"bad state":           {head + `"files":[{"p":"a.c","s":9}]}`, "no known state"},
		"twice":               {head + `"files":[{"p":"a.c","s":1},{"p":"a.c","s":1}]}`, "not sorted"},
		"too many files":      {head + `"files":[` + strings.Repeat("{},", 1<<18) + `{}]}`, "not one of a kernel"},
		"too many references": {head + `"steps":[{}],"files":[{"p":"a.c","s":1,"w":[0` + strings.Repeat(",0", 1<<20) + `]}]}`, "not one of a kernel"},
		"bad reduction":       {head + `"reductions":[{"symbol":"X","files":[3]}]}`, "number 3"},
	} {
		t.Run(name, func(t *testing.T) {
			in := zipped(tt.in)
			if tt.in == "" {
				in = []byte("CONFIG_X=y")
			}
			if _, err := inventory.Read(bytes.NewReader(in)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %q in it", err, tt.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := small().Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"schema":"ringside.inventory/1","files":[{"p":"a.c","s":1}]}`))
	f.Add([]byte(`{"schema":"ringside.inventory/1","targets":["vmlinux"],"files":[{"p":"a.c","s":1,"t":[0]},{"p":"b.c","s":2}],"reductions":[{"symbol":"X","files":[0]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := inventory.Read(bytes.NewReader(zipped(string(text))))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := v.Write(&b); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := inventory.Read(&b)
		if err != nil || len(again.Files) != len(v.Files) {
			t.Fatalf("written and read again: %+v, %v", again, err)
		}
	})
}
