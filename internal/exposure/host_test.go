package exposure_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ringside/internal/exposure"
	"ringside/internal/record"
	"ringside/kconfig/baseline"
	"ringside/kconfig/dotconfig"
	"ringside/vuln"
)

func TestHost(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s), Mode: 0o444} }
	root := fstest.MapFS{
		"proc/sys/kernel/osrelease": file("6.1.0-56-amd64\n"), "proc/sys/kernel/dmesg_restrict": file("0\n"),
		"proc/modules": file("xfs 1 1 - Live 0x0\next4 1 1 - Live 0x0\n"), "proc/cmdline": file("quiet\n"),
		"etc/modprobe.d/a.conf": file("blacklist hfs # old\noptions x y=1\n"), "lib/modprobe.d/a.conf": file("blacklist other\n"),
	}
	c, err := dotconfig.Parse(strings.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	server, err := baseline.Builtin("server")
	if err != nil {
		t.Fatal(err)
	}
	h, err := exposure.MakeHost(t.Context(), exposure.HostSources{Root: root, Name: "web1", Arch: "x86_64", Config: c, Baselines: []*baseline.Policy{server}, Now: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := h.Write(&b); err != nil {
		t.Fatal(err)
	}
	e := exposure.New(exposure.Config{Open: func(ctx context.Context) (*vuln.Database, error) { return vuln.Open(ctx, feed()) }})
	if !e.RecognizeHost(b.Bytes()) || e.Recognize(b.Bytes()) {
		t.Error("a host's report is not recognised")
	}
	r, err := e.Host(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	if r.Host != "web1" || r.Release != "6.1.0-56-amd64" || strings.Join(r.Loaded, " ") != "ext4 xfs" || strings.Join(r.Modprobe, " ") != "blacklist hfs" || r.Cmdline != "quiet" || r.Config == "" {
		t.Errorf("report: %+v", r)
	}
	found := false
	for _, f := range r.Baselines[0].Findings {
		found = found || strings.Contains(f.ID, "dmesg_restrict")
	}
	if !found {
		t.Errorf("a sysctl that breaks the policy is not found: %+v", r.Baselines[0].Findings)
	}
	// The same configuration has the same name in an inventory.
	v, err := exposure.Make(t.Context(), exposure.Sources{Tree: tree(), Config: []byte(config), Release: "6.1.0-56-amd64", Now: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := v.Write(&b); err != nil {
		t.Fatal(err)
	}
	if inv, err := e.Inventory(t.Context(), &b); err != nil || inv.Config != r.Config {
		t.Errorf("the inventory's configuration: %+v, %v, want %s", inv, err, r.Config)
	}
	if _, err := exposure.MakeHost(t.Context(), exposure.HostSources{Root: fstest.MapFS{}, Now: time.Unix(1, 0)}); err == nil {
		t.Error("a host of which nothing is known")
	}
}

// The hosts of a kernel are told apart by what they have loaded.
func TestLoaded(t *testing.T) {
	v, err := exposure.Make(t.Context(), exposure.Sources{Tree: tree(), Config: []byte(strings.Replace(config, "# CONFIG_SMB_SERVER is not set", "CONFIG_SMB_SERVER=m", 1)), Release: "6.1.0-56-amd64"})
	if err != nil {
		t.Fatal(err)
	}
	var inv bytes.Buffer
	if err := v.Write(&inv); err != nil {
		t.Fatal(err)
	}
	e := exposure.New(exposure.Config{Open: func(ctx context.Context) (*vuln.Database, error) { return vuln.Open(ctx, feed()) }})
	set := func(hosts int64, loaded ...string) record.LoadedSet {
		return record.LoadedSet{ModuleSet: record.ModuleSet{Loaded: loaded, Modprobe: []string{"blacklist ksmbd"}}, Hosts: hosts}
	}
	for _, tt := range []struct {
		name     string
		hosts    int64
		sets     []record.LoadedSet
		verdict  string
		unloaded int64
		says     string
	}{
		{"nobody told", 3, nil, record.VerdictAffected, 0, "fs/smb/server/smb2pdu.c is compiled into"},
		{"some told", 3, []record.LoadedSet{set(2, "ext4")}, record.VerdictAffected, 2, "not loaded on 2 of the 2 hosts that told"},
		{"some have it", 3, []record.LoadedSet{set(2, "ext4"), set(1, "ext4", "ksmbd")}, record.VerdictAffected, 2, "loaded: ksmbd"},
		{"none has it", 3, []record.LoadedSet{set(2, "ext4"), set(1, "xfs")}, record.VerdictNotLoaded, 3, "ksmbd is not loaded, and is blacklisted"},
		{"no host runs it", 0, nil, record.VerdictAffected, 0, "compiled into"},
	} {
		j, err := e.Judge(t.Context(), record.Kernel{Release: "6.1.0-56-amd64"}, bytes.NewReader(inv.Bytes()), record.Fleet{Hosts: tt.hosts, Sets: tt.sets})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range j.Verdicts {
			if x.CVE == "CVE-2026-1001" && (x.Verdict != tt.verdict || x.Unloaded != tt.unloaded || len(x.Modules) != 1 || !strings.Contains(strings.Join(x.Evidence, "\n"), tt.says)) {
				t.Errorf("%s: %+v", tt.name, x)
			}
			if x.CVE == "CVE-2026-1002" && (x.Verdict != record.VerdictAffected || x.Unloaded != 0 || x.Modules != nil) {
				t.Errorf("%s, code in vmlinux: %+v", tt.name, x)
			}
		}
		if note := strings.Join(j.Notes, "\n"); strings.Contains(note, "told") != (tt.hosts > 0 && len(tt.sets) == 1) && len(tt.sets) > 0 {
			t.Errorf("%s: %s", tt.name, note)
		}
	}
}
