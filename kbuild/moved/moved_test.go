package moved_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/kbuild/moved"
)

// Files that moved since 6.1 are found where they were.
func TestNames(t *testing.T) {
	tree := os.Getenv("RINGSIDE_LINUX_6_1")
	if tree == "" {
		t.Skip("RINGSIDE_LINUX_6_1 is not set: give an unpacked linux-source-6.1")
	}
	exists := func(file string) bool {
		_, err := os.Stat(filepath.Join(tree, file))
		return err == nil
	}
	for file, want := range map[string]string{
		"kernel/sched/syscalls.c":                                 "kernel/sched/core.c",
		"mm/vma.c":                                                "mm/mmap.c",
		"mm/memcontrol-v1.c":                                      "mm/memcontrol.c",
		"fs/resctrl/rdtgroup.c":                                   "arch/x86/kernel/cpu/resctrl/rdtgroup.c",
		"drivers/accel/habanalabs/common/memory.c":                "drivers/misc/habanalabs/common/memory.c",
		"drivers/pmdomain/imx/imx8m-blk-ctrl.c":                   "drivers/soc/imx/imx8m-blk-ctrl.c",
		"sound/hda/codecs/side-codecs/cs35l41_hda.c":              "sound/pci/hda/cs35l41_hda.c",
		"drivers/crypto/intel/qat/qat_common/adf_init.c":          "drivers/crypto/qat/qat_common/adf_init.c",
		"drivers/net/thunderbolt/main.c":                          "drivers/net/thunderbolt.c",
		"drivers/net/team/team_core.c":                            "drivers/net/team/team.c",
		"drivers/gpu/drm/amd/display/dc/hwss/dcn20/dcn20_hwseq.c": "drivers/gpu/drm/amd/display/dc/dcn20/dcn20_hwseq.c",
		// New code, or copied from what is still there.
		"drivers/bluetooth/hci_bcm4377.c":     "",
		"net/sched/sch_dualpi2.c":             "",
		"net/rxrpc/rxgk.c":                    "",
		"drivers/accel/qaic/mhi_controller.c": "",
		"no/such/file.c":                      "",
	} {
		got, whole := moved.Names(file, exists)
		if got = append(got, ""); got[0] != want || want != "" && whole == (file == "mm/vma.c") {
			t.Errorf("%s: %v %v, want %s", file, got, whole, want)
		}
	}
}

// lines makes a file's text of the lines' names.
func lines(names string) *fstest.MapFile {
	var b strings.Builder
	for name := range strings.FieldsSeq(names) {
		b.WriteString("\tstatement_number_" + name + "(argument);\n")
	}
	return &fstest.MapFile{Data: []byte(b.String())}
}

func TestLearn(t *testing.T) {
	old := fstest.MapFS{
		"a/whole.c": lines("a b c d e f g h"),
		"a/split.c": lines("k l m n o p q r s t u v"),
		"a/one.c":   lines("aa ab ac ad ae"),
		"a/two.c":   lines("ba bb bc bd be"),
		"a/copy.c":  lines("ca cb cc cd ce"),
	}
	now := fstest.MapFS{
		"b/whole.c":  lines("a b c d e f g new"),
		"a/split.c":  lines("k l m n o p"),
		"a/part.c":   lines("q r s t u v"),
		"a/merged.c": lines("aa ab ac ad ae ba bb bc bd"),
		"a/copy.c":   lines("ca cb cc cd ce"),
		"a/copied.c": lines("ca cb cc cd ce"),
		"a/fresh.c":  lines("q x1 x2 x3 x4 x5 x6 x7"),
	}
	edges, err := moved.Learn(now, old)
	if err != nil {
		t.Fatal(err)
	}
	const want = "a/merged.c < a/one.c:55 a/two.c:44\na < a\n\tpart.c split.c\nb < a\n\twhole.c\n"
	if got := moved.Format(edges); got != want {
		t.Errorf("learned\n%swant\n%s", got, want)
	}
}

// The table of the program can be read, and is one of code.
func TestTable(t *testing.T) {
	for _, file := range []string{"fs/smb/client/cifsfs.c", "drivers/accel/habanalabs/common/device.c"} {
		var asked []string
		names, _ := moved.Names(file, func(f string) bool { asked = append(asked, f); return true })
		if len(names) == 0 || slices.Contains(names, file) || len(asked) == 0 {
			t.Errorf("%s: %v", file, names)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("mm/vma.c", "mm/")
	f.Add("sound/hda/core/stream.c", "sound")
	f.Fuzz(func(t *testing.T, file, there string) {
		names, _ := moved.Names(file, func(f string) bool { return strings.HasPrefix(f, there) })
		for _, n := range names {
			if !strings.HasPrefix(n, there) {
				t.Errorf("%s is not in the tree", n)
			}
		}
	})
}
