package exposure_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ringside/internal/exposure"
	"ringside/internal/record"
	"ringside/inventory"
	"ringside/vuln"
)

// feed has two flaws of 6.1: one in ksmbd, one in the scheduler.
func feed() fstest.MapFS {
	rec := func(id, title, file string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{"cveID":"` + id + `","state":"PUBLISHED"},"containers":{"cna":{"title":"` + title + `",
			"affected":[{"product":"Linux","vendor":"Linux","programFiles":["` + file + `"],"versions":[{"version":"6.1","lessThan":"6.1.200","status":"affected","versionType":"semver"}]}],
			"descriptions":[{"lang":"en","value":"x"}]}}}`)}
	}
	dyad := func() *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("6.1:1111111111111111111111111111111111111111:6.1.200:2222222222222222222222222222222222222222\n")}
	}
	return fstest.MapFS{
		"cve/published/2026/CVE-2026-1001.json": rec("CVE-2026-1001", "ksmbd: fix overflow", "fs/smb/server/smb2pdu.c"), "cve/published/2026/CVE-2026-1001.dyad": dyad(),
		"cve/published/2026/CVE-2026-1002.json": rec("CVE-2026-1002", "sched: fix use-after-free", "kernel/core.c"), "cve/published/2026/CVE-2026-1002.dyad": dyad(),
	}
}

// tree is a kernel in a few lines.
func tree() fstest.MapFS {
	f := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"Makefile":                f("VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\nEXTRAVERSION =\ninclude $(srctree)/scripts/Kbuild.include\ninclude $(srctree)/arch/$(SRCARCH)/Makefile\nbuild-dir := .\nall: vmlinux\n"),
		"Kbuild":                  f("obj-y += kernel/\nobj-y += fs/\n"),
		"Kconfig":                 f("mainmenu \"Linux\"\nconfig SMB_SERVER\n\ttristate \"SMB3 server support\"\nconfig FANCY\n\tbool \"Fancy scheduling\"\n\tdefault y\nconfig X86\n\tdef_bool y\nconfig 64BIT\n\tdef_bool y\nconfig MODULES\n\tbool \"Modules\"\n\tmodules\n\tdefault y\n"),
		"scripts/Kbuild.include":  f("build := -f $(srctree)/scripts/Makefile.build obj\n"),
		"arch/x86/Makefile":       f(""),
		"arch/x86/Kbuild":         f(""),
		"kernel/Makefile":         f("obj-y += main.o\nobj-$(CONFIG_FANCY) += core.o\n"),
		"kernel/main.c":           f("int main;\n"),
		"kernel/core.c":           f("int x;\n"),
		"fs/Makefile":             f("obj-$(CONFIG_SMB_SERVER) += smb/server/\n"),
		"fs/smb/server/Makefile":  f("obj-$(CONFIG_SMB_SERVER) += ksmbd.o\nksmbd-y := smb2pdu.o\n"),
		"fs/smb/server/smb2pdu.c": f("int y;\n"),
		"Documentation/x.c":       f(""),
	}
}

const config = "#\n# Linux/x86 6.1.192 Kernel Configuration\n#\nCONFIG_X86=y\nCONFIG_64BIT=y\nCONFIG_MODULES=y\nCONFIG_FANCY=y\n# CONFIG_SMB_SERVER is not set\n"

func TestMakeAndJudge(t *testing.T) {
	v, err := exposure.Make(t.Context(), exposure.Sources{Tree: tree(), Config: []byte(config), Release: "6.1.0-56-amd64", Reduce: true, Now: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if v.Upstream != "6.1.192" || v.Arch != "x86_64" || v.Compiled() < 2 || slices.ContainsFunc(v.Notes, func(s string) bool { return strings.Contains(s, "Kconfig") }) {
		t.Errorf("made: %+v", v)
	}
	if len(v.Reductions) != 1 || v.Reductions[0].Symbol != "FANCY" || v.Reductions[0].Prompt != "Fancy scheduling" || !slices.Equal(v.Reductions[0].Files, []string{"kernel/core.c"}) {
		t.Errorf("what could be switched off: %+v", v.Reductions)
	}
	var b bytes.Buffer
	if err := v.Write(&b); err != nil {
		t.Fatal(err)
	}
	opened := 0
	e := exposure.New(exposure.Config{Origin: "test", Open: func(ctx context.Context) (*vuln.Database, error) {
		opened++
		return vuln.Open(ctx, feed())
	}})
	if f, err := e.Feed(t.Context()); err != nil || f.Records != 2 {
		t.Fatalf("feed: %+v, %v", f, err)
	}
	if !e.Recognize(b.Bytes()) {
		t.Error("an inventory is not recognised")
	}
	inv, err := e.Inventory(t.Context(), bytes.NewReader(b.Bytes()))
	if err != nil || inv.Release != "6.1.0-56-amd64" || inv.Symbols != 5 || inv.Compiled != v.Compiled() {
		t.Errorf("inventory: %+v, %v", inv, err)
	}
	j, err := e.Judge(t.Context(), record.Kernel{Release: "6.1.0-56-amd64"}, bytes.NewReader(b.Bytes()), record.Fleet{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]record.CVEVerdict{}
	for _, x := range j.Verdicts {
		got[x.CVE] = x
	}
	if x := got["CVE-2026-1001"]; x.Verdict != record.VerdictNotCompiled || !strings.Contains(strings.Join(x.Evidence, "\n"), "CONFIG_SMB_SERVER is n") {
		t.Errorf("ksmbd: %+v", x)
	}
	if x := got["CVE-2026-1002"]; x.Verdict != record.VerdictAffected {
		t.Errorf("the scheduler: %+v", x)
	}
	if len(j.Ranking) != 1 || j.Ranking[0].Symbol != "FANCY" || !slices.Equal(j.Ranking[0].CVEs, []string{"CVE-2026-1002"}) || j.Upstream != "6.1.192" {
		t.Errorf("ranking: %+v of %s", j.Ranking, j.Upstream)
	}
	// Without an inventory, by the build line; and by nothing.
	j, err = e.Judge(t.Context(), record.Kernel{Release: "6.1.0-56-amd64", Version: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.201-1 (2026-12-01)"}, nil, record.Fleet{})
	if err != nil || j.Upstream != "6.1.201" || j.Verdicts[0].Verdict != record.VerdictFixed {
		t.Errorf("by the build line: %+v, %v", j, err)
	}
	j, err = e.Judge(t.Context(), record.Kernel{Release: "vendor-kernel"}, nil, record.Fleet{})
	if err != nil || len(j.Verdicts) != 0 || len(j.Notes) != 1 {
		t.Errorf("a release that says nothing: %+v, %v", j, err)
	}
	if opened != 1 {
		t.Errorf("the feed was read %d times within its hour", opened)
	}
}

// An architecture has three names: make's, its folder's, and the one in the record.
func TestMakeForArm64(t *testing.T) {
	fsys := tree()
	fsys["arch/arm64/Makefile"], fsys["arch/arm64/Kbuild"] = fsys["arch/x86/Makefile"], fsys["arch/x86/Kbuild"]
	fsys["Kconfig"] = &fstest.MapFile{Data: []byte("mainmenu \"Linux\"\nsource \"arch/$(SRCARCH)/Kconfig\"\n")}
	fsys["arch/arm64/Kconfig"] = &fstest.MapFile{Data: []byte("config ARM64\n\tdef_bool y\nconfig FANCY\n\tbool \"Fancy scheduling\"\n\tdefault y\n")}
	v, err := exposure.Make(t.Context(), exposure.Sources{Tree: fsys, Config: []byte("CONFIG_ARM64=y\nCONFIG_FANCY=y\n"), Release: "6.1.0-56-arm64", Reduce: true})
	if err != nil {
		t.Fatal(err)
	}
	if v.Arch != "arm64" || len(v.Notes) > 0 || len(v.Reductions) != 1 || v.Reductions[0].Symbol != "FANCY" {
		t.Errorf("made: %s, %q, %+v", v.Arch, v.Notes, v.Reductions)
	}
}

func TestFeedFails(t *testing.T) {
	broken := errors.New("no such folder")
	fail := true
	e := exposure.New(exposure.Config{Every: time.Nanosecond, Open: func(ctx context.Context) (*vuln.Database, error) {
		if fail {
			return nil, broken
		}
		return vuln.Open(ctx, feed())
	}})
	if _, err := e.Feed(t.Context()); !errors.Is(err, broken) {
		t.Errorf("a feed that cannot be read: %v", err)
	}
	fail = false
	if _, err := e.Feed(t.Context()); err != nil {
		t.Fatal(err)
	}
	fail = true
	if f, err := e.Feed(t.Context()); err != nil || f.Records != 2 {
		t.Errorf("a feed that cannot be read again: %+v, %v", f, err)
	}
}

func TestDeadlines(t *testing.T) {
	d, err := exposure.ReadDeadlines(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	if due, ok := d.Due("critical", at); !ok || !due.Equal(at.AddDate(0, 0, 14)) {
		t.Errorf("critical: %v, %t", due, ok)
	}
	for _, level := range []string{"low", "", "grave"} {
		if _, ok := d.Due(level, at); ok {
			t.Errorf("%q has a deadline", level)
		}
	}
	d, err = exposure.ReadDeadlines(strings.NewReader("rules:\n  - {severity: high, exposure: internet, days: 3}\n  - {severity: high, days: 30}\n"), "internet")
	if err != nil {
		t.Fatal(err)
	}
	if due, ok := d.Due("high", at); !ok || !due.Equal(at.AddDate(0, 0, 3)) {
		t.Errorf("high on the internet: %v, %t", due, ok)
	}
	if _, err := exposure.ReadDeadlines(strings.NewReader("rule: []\n"), ""); err == nil {
		t.Error("a misspelt policy was taken")
	}
}

// TestRealTree makes an inventory of Debian's kernel.
func TestRealTree(t *testing.T) {
	dir := os.Getenv("RINGSIDE_LINUX_6_1")
	if dir == "" {
		t.Skip("SKIPPED: set RINGSIDE_LINUX_6_1 to an unpacked Linux 6.1 tree")
	}
	text, err := os.ReadFile(filepath.Join(dir, "arch/x86/configs/x86_64_defconfig"))
	if err != nil {
		t.Fatal(err)
	}
	// A defconfig is not a whole configuration; what is built by what it says is enough here.
	v, err := exposure.Make(t.Context(), exposure.Sources{Tree: os.DirFS(dir), Config: text, Arch: "x86", Release: "test", Reduce: true,
		Wanted: func(f string) bool { return strings.HasPrefix(f, "fs/ext4/") }, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(v.Reductions, func(r inventory.Reduction) bool { return r.Symbol == "EXT4_FS" })
	if i < 0 || !slices.Contains(v.Reductions[i].Files, "fs/ext4/inode.c") {
		t.Errorf("without EXT4_FS: %+v", v.Reductions)
	}
}
