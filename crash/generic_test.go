package crash

import (
	"context"
	"strings"
	"testing"
)

// parseLog reads a log that stands in a test.
func parseLog(t testing.TB, log string) *Document {
	t.Helper()
	doc, err := Parse(context.Background(), strings.NewReader(log), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestGenericFile(t *testing.T) {
	for file, want := range map[string]bool{
		"./include/linux/skbuff.h":       true,
		"fs/ext4/ext4.h":                 true, // inlined into whoever is to blame
		"lib/refcount.c":                 true,
		"arch/arm64/kernel/process.c":    true,
		"arch/x86/kvm/x86.c":             false,
		"arch/kernel.c":                  false,
		"mm/kasan/report.c":              true,
		"mm/mmap.c":                      false,
		"fs/ext4/inode.c":                false,
		"net/core/devlink.c":             false,
		"net/core/sock.c":                true,
		"drivers/usb/core/urb.c":         true,
		"drivers/usb/core/hub.c":         false,
		"kernel/locking/lockdep.c":       true,
		"kernel/trace/trace_uprobe.c":    false,
		"drivers/net/wireless/ath/urb.c": false,
	} {
		if got := isGenericFile(file); got != want {
			t.Errorf("%s: generic is %v, want %v", file, got, want)
		}
	}
}

// The file to look at, in reports that a symbolizer has been over.
func TestGuiltyFile(t *testing.T) {
	const tail = " ext4_lookup+0x1/0x2 fs/ext4/namei.c:10\n lookup_slow+0x1/0x2 fs/namei.c:20\n"
	for _, tt := range []struct{ name, log, file string }{
		{"the check's own file", "WARNING: CPU: 2 PID: 11 at net/xfrm/xfrm_state.c:23 foo+0x1/0x2 net/xfrm/xfrm_state.c:23\nCall Trace:\n" + tail, "net/xfrm/xfrm_state.c"},
		{"a generic check is its caller's", "WARNING: CPU: 2 PID: 11 at lib/refcount.c:23 refcount_inc+0x1/0x2 lib/refcount.c:23\nCall Trace:\n refcount_inc+0x1/0x2 lib/refcount.c:23\n" + tail, "fs/ext4/namei.c"},
		{"an inlined call counts", "BUG: KASAN: use-after-free in strlen+0x1/0x2\nCall Trace:\n strlen+0x1/0x2 lib/string.c:3\n foo fs/f2fs/dir.c:12 [inline]\n" + tail, "fs/f2fs/dir.c"},
		{"the client of a subsystem's core", "BUG: KASAN: use-after-free in f+0x1/0x2\nCall Trace:\n f+0x1/0x2 sound/core/pcm_native.c:3\n g+0x1/0x2 sound/core/oss/pcm_oss.c:4\n", "sound/core/oss/pcm_oss.c"},
	} {
		doc := parseLog(t, tt.log)
		if len(doc.Reports) != 1 || doc.Reports[0].Guilty == nil {
			t.Errorf("%s: no guilty location", tt.name)
			continue
		}
		if got := doc.Reports[0].Guilty.File; got != tt.file {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.file)
		}
	}
}
