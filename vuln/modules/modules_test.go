package modules_test

import (
	"strings"
	"testing"

	"ringside/vuln/modules"
)

func TestLoaded(t *testing.T) {
	var s modules.State
	for _, err := range []error{
		s.ReadLoaded("web1", strings.NewReader("Module                  Size  Used by\next4                  958464  1\nsnd_hda_intel          61440  3 -, Live\n")),
		s.ReadLoaded("web2", strings.NewReader("btrfs 1789952 0 - Live 0x0000000000000000\n")),
		s.ReadModprobe("modprobe.d/x.conf", strings.NewReader("# no\nblacklist ksmbd\ninstall dccp /bin/false\ninstall foo /sbin/modprobe --ignore-install foo\n")),
		s.ReadAliases("modules.alias", strings.NewReader("# Aliases\nalias fs-xfs xfs\nalias pci:v00008086d* e1000e\nalias net-pf-33 rxrpc\nalias rxrpc-x rxrpc\n")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		file string
		want string // "" where it is loaded
	}{
		{"fs/ext4/ext4.ko", ""}, {"sound/pci/hda/snd-hda-intel.ko.xz", ""}, {"fs/btrfs/btrfs.ko", ""},
		{"fs/ksmbd/ksmbd.ko", "ksmbd is not loaded, and is blacklisted: no device or protocol loads it, naming it does"},
		{"net/dccp/dccp.ko", "dccp is not loaded, and modprobe never loads it: install runs /bin/false"},
		{"foo.ko", `foo is not loaded; modprobe runs "/sbin/modprobe --ignore-install foo" for it`},
		{"fs/xfs/xfs.ko", "xfs is not loaded; naming it loads it, as does a mount of xfs"},
		{"e1000e.ko", "e1000e is not loaded; naming it loads it, as does a device on pci (pci:v00008086d*)"},
		{"net/rxrpc/rxrpc.ko", "rxrpc is not loaded; naming it loads it, as does a socket of its family (net-pf-33) or one of its 1 other aliases"},
		{"lib/test.ko", "test is not loaded; naming it loads it, and nothing does by itself: it has no alias"},
	} {
		loaded, others := s.Loaded([]string{tt.file})
		switch {
		case tt.want == "" && (len(loaded) != 1 || len(others) != 0):
			t.Errorf("%s is not loaded: %+v", tt.file, others)
		case tt.want != "" && (len(loaded) != 0 || len(others) != 1 || others[0].Says != tt.want):
			t.Errorf("%s: %v %+v, want %s", tt.file, loaded, others, tt.want)
		}
	}
	if err := s.ReadLoaded("x", strings.NewReader("this is no list\n")); err == nil || err.Error() != "x:1: no line of lsmod or /proc/modules" {
		t.Errorf("any text is a list of modules: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("ext4 958464 1\n", "blacklist a\ninstall b /bin/true\n", "alias fs-x x\n")
	f.Fuzz(func(t *testing.T, loaded, probe, alias string) {
		var s modules.State
		_ = s.ReadLoaded("l", strings.NewReader(loaded))
		_ = s.ReadModprobe("p", strings.NewReader(probe))
		_ = s.ReadAliases("a", strings.NewReader(alias))
		in, out := s.Loaded([]string{"fs/x/x.ko", "a.ko", "b.ko"})
		if len(in)+len(out) != 3 {
			t.Errorf("of three modules %d are loaded and %d are not", len(in), len(out))
		}
	})
}
