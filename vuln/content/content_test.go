package content_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/kbuild"
	"ringside/vuln"
	"ringside/vuln/content"
	"ringside/vuln/feed"
	"ringside/vuln/ranges"
)

const patch = `From 671c3fcc2ad31c1311ea6414382a2d95104ae1b9 Mon Sep 17 00:00:00 2001
From: A <a@example.org>
Subject: [PATCH] hfs: check the length

commit 966cb76fb2857a4242cab6ea2ea17acf818a3da7 upstream.

---
diff --git a/fs/hfs/bnode.c b/fs/hfs/bnode.c
--- a/fs/hfs/bnode.c
+++ b/fs/hfs/bnode.c
@@ -1,6 +1,8 @@
 static int check(struct node *n, u32 off, u32 len)
 {
-	if (off + len > n->size)
+	u64 end = (u64)off + len;
+
+	if (end > n->node_size_of_the_tree)
 		return -EINVAL;
 	return 0;
 }
diff --git a/fs/other.c b/fs/other.c
--- a/fs/other.c
+++ b/fs/other.c
@@ -1,3 +1,3 @@
 int a;
-int bbbbbbbbbbbbbbbbbbbbbbbb;
+int cccccccccccccccccccccccc;
 int d;
`

const (
	before = "static int check(struct node *n, u32 off, u32 len)\n{\n\tif (off + len > n->size)\n\t\treturn -EINVAL;\n\treturn 0;\n}\n"
	after  = "static int check(struct node *n, u32 off, u32 len)\n{\n\tu64 end = (u64)off + len;\n\n\tif (end > n->node_size_of_the_tree)\n\t\treturn -EINVAL;\n\treturn 0;\n}\n"
	other  = "int a;\nint bbbbbbbbbbbbbbbbbbbbbbbb;\nint d;\n"
)

func TestIn(t *testing.T) {
	var fixes content.Fixes
	if err := fixes.Add("patches/0001-hfs.patch", patch); err != nil {
		t.Fatal(err)
	}
	if err := fixes.Add("patches/CVE-2026-0002.patch", "--- a/fs/hfs/bnode.c\n+++ b/fs/hfs/bnode.c\n"); err != nil {
		t.Fatal(err)
	}
	if err := fixes.Add("patches/x.patch", "hello"); err == nil {
		t.Error("a patch of nothing is taken")
	}
	base := ranges.Exactly(6<<48 | 1<<32 | 176)
	record := func(c string) *feed.Record {
		return &feed.Record{ID: "CVE-2026-0001", Files: []string{"fs/hfs/bnode.c"}, Sources: []feed.Source{{Kind: feed.Dyad, Pairs: []ranges.Pair{{Fix: 7<<48 | 2<<32, FixCommit: c}}}}}
	}
	for _, tt := range []struct {
		name, text, commit string
		want               vuln.ContentState
	}{
		{"before", before, "966cb76fb2857a4242cab6ea2ea17acf818a3da7", vuln.ContentUnfixed},
		{"after", after, "966cb76fb2857a4242cab6ea2ea17acf818a3da7", vuln.ContentFixed},
		{"after, by the stable commit", after, "671c3fcc2ad31c1311ea6414382a2d95104ae1b9", vuln.ContentFixed},
		{"another commit", after, "0123456789abcdef0123456789abcdef01234567", vuln.ContentUnknown},
		{"something else", "int x;\n", "966cb76fb2857a4242cab6ea2ea17acf818a3da7", vuln.ContentUnknown},
	} {
		tree := fstest.MapFS{"fs/hfs/bnode.c": {Data: []byte(tt.text)}, "fs/other.c": {Data: []byte(other)}}
		got := fixes.In(tree, base, nil).Content(record(tt.commit))
		if got.State != tt.want || (got.State != vuln.ContentUnknown && got.Evidence.Says == "") {
			t.Errorf("%s: %d %+v, want %d", tt.name, got.State, got.Evidence, tt.want)
		}
	}
}

// The lines that a fix changes are asked about where all of them were found.
func TestLines(t *testing.T) {
	const id = "671c3fcc2ad31c1311ea6414382a2d95104ae1b9"
	both := []string{"fs/hfs/bnode.c", "fs/other.c", "Documentation/hfs.rst"}
	gone := kbuild.Presence{Path: "fs/other.c", State: kbuild.NotCompiled}
	for _, tt := range []struct {
		name, hfs, other, patch, commit string
		files                           []string
		want                            string
	}{
		{"before the fix", before, other, patch, id, both, "fs/hfs/bnode.c 3-3, fs/other.c"},
		{"after it", after, other, patch, id, both, "fs/hfs/bnode.c 3-5, fs/other.c"},
		{"the record knows of more", before, other, patch, id, []string{"fs/hfs/bnode.c", "fs/hfs/new.c"}, "incomplete"},
		{"twice in the file", before + before, other, patch, id, both, "incomplete"},
		{"not found", "int x;\n", other, patch, id, both, "incomplete"},
		{"a file is absent", before, "", patch, id, both, "incomplete"},
		{"a fix is not at hand", before, other, patch, "0123456789ab", both, "incomplete"},
		{"a Makefile, too", before, other, patch + "diff --git a/fs/Makefile b/fs/Makefile\n--- a/fs/Makefile\n+++ b/fs/Makefile\n@@ -1 +1 @@\n-a\n+b\n", id, both, "incomplete"},
		{"a directive", before, other, strings.Replace(patch, "+	u64", "+#ifdef X\n+	u64", 1), id, both, "incomplete"},
	} {
		tree := fstest.MapFS{"fs/hfs/bnode.c": {Data: []byte(tt.hfs)}}
		if tt.other != "" {
			tree["fs/other.c"] = &fstest.MapFile{Data: []byte(tt.other)}
		}
		var fixes content.Fixes
		if err := fixes.Add("0001.patch", tt.patch); err != nil {
			t.Fatal(err)
		}
		r := &feed.Record{ID: "CVE-2026-0001", Files: tt.files, Sources: []feed.Source{{Kind: feed.Dyad, Pairs: []ranges.Pair{{Fix: 6<<48 | 1<<32 | 180, FixCommit: tt.commit}}}}}
		list, complete := fixes.In(tree, ranges.Exactly(6<<48|1<<32|176), nil).Lines(func(file string, s kbuild.Span) kbuild.Presence {
			if file == gone.Path {
				return gone
			}
			return kbuild.Presence{Path: file, Lines: &s}
		})(r)
		var got []string
		for _, p := range list {
			if p.Lines != nil {
				p.Path = fmt.Sprintf("%s %d-%d", p.Path, p.Lines.First, p.Lines.Last)
			}
			got = append(got, p.Path)
		}
		if !complete {
			got = []string{"incomplete"}
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, s, tt.want)
		}
	}
}

// The fix of the kernel's own branch is looked for first.
func TestCommits(t *testing.T) {
	r := feed.Record{Sources: []feed.Source{{Pairs: []ranges.Pair{
		{Fix: 5<<48 | 15<<32 | 3, FixCommit: "aaaaaaaaaaaaaaaa"}, {Fix: 7 << 48, FixCommit: "bbbbbbbbbbbbbbbb"}, {Fix: 6<<48 | 1<<32 | 180, FixCommit: "cccccccccccccccc"}, {Fix: 0},
	}}}}
	got := content.Commits(&r, 6<<48|1<<32|176)
	if len(got) != 3 || got[0][0] != 'c' || got[1][0] != 'b' || got[2][0] != 'a' {
		t.Errorf("%v", got)
	}
}

func FuzzFixes(f *testing.F) {
	f.Add("a.patch", patch)
	f.Add("CVE-2026-0001.patch", "--- a/fs/hfs/bnode.c\n+++ b/fs/hfs/bnode.c\n@@ -1 +1 @@\n-a\n+b\n")
	tree := fstest.MapFS{"fs/hfs/bnode.c": {Data: []byte(before)}}
	r := &feed.Record{ID: "CVE-2026-0001", Files: []string{"fs/hfs/bnode.c"}, Commits: []string{"966cb76fb2857a4242cab6ea2ea17acf818a3da7"}}
	f.Fuzz(func(t *testing.T, name, text string) {
		var fixes content.Fixes
		if fixes.Add(name, text) != nil {
			return
		}
		fixes.In(tree, ranges.Exactly(6<<48|1<<32), nil).Content(r)
	})
}
