package diff_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ringside/patch/diff"
)

// sketch is a file in one line: what the tests compare.
func sketch(f diff.File) string {
	s := fmt.Sprintf("%s %s %s", f.Op, f.Old, f.New)
	if f.Binary {
		s += " binary"
	}
	for _, h := range f.Hunks {
		var ops strings.Builder
		for _, l := range h.Lines {
			ops.WriteByte(l.Op)
			if l.NoEOL {
				ops.WriteByte('.')
			}
		}
		s += fmt.Sprintf(" [%d %s %s]", h.OldStart, ops.String(), h.Section)
	}
	return s
}

func TestDialects(t *testing.T) {
	for name, tt := range map[string]struct {
		in   string
		want []string
	}{
		"git": {`From 0123 Mon Sep 17 00:00:00 2001
Subject: [PATCH] fs: fix it
---
 fs/a.c | 2 +-

diff --git a/fs/a.c b/fs/a.c
index 1111111..2222222 100644
--- a/fs/a.c
+++ b/fs/a.c
@@ -10,3 +10,3 @@ static int open(void)
 	a();
-	b();
+	c();
 	d();
-- 
2.47.1
`, []string{"modify fs/a.c fs/a.c [10  -+  static int open(void)]"}},
		"quilt, no diff lines, times": {`Description: x
--- linux-6.1.orig/fs/a.c	2026-01-02 10:00:00.000000000 +0000
+++ linux-6.1/fs/a.c	2026-01-02 10:01:00.000000000 +0000
@@ -1 +1,2 @@
 one
+two
\ No newline at end of file
`, []string{"modify fs/a.c fs/a.c [1  +. ]"}},
		"p0": {`--- fs/a.c
+++ fs/a.c
@@ -1 +1 @@
-one
+two
`, []string{"modify fs/a.c fs/a.c [1 -+ ]"}},
		"add and delete": {`diff --git a/fs/new.c b/fs/new.c
new file mode 100644
index 0000000..2222222
--- /dev/null
+++ b/fs/new.c
@@ -0,0 +1,2 @@
+one
+two
diff --git a/fs/old.c b/fs/old.c
deleted file mode 100644
index 2222222..0000000
--- a/fs/old.c
+++ /dev/null
@@ -1,2 +0,0 @@
-one
-two
`, []string{"add  fs/new.c [0 ++ ]", "delete fs/old.c  [1 -- ]"}},
		"rename across folders, mode, binary": {`diff --git a/drivers/x/a.c b/net/a.c
similarity index 100%
rename from drivers/x/a.c
rename to net/a.c
diff --git a/scripts/run b/scripts/run
old mode 100644
new mode 100755
diff --git a/logo.gif b/logo.gif
index 1..2 100644
Binary files a/logo.gif and b/logo.gif differ
diff --git a/fs/z.c b/fs/z.c
--- a/fs/z.c
+++ b/fs/z.c
@@ -1 +1 @@
-a
+b
`, []string{"rename drivers/x/a.c net/a.c", "modify scripts/run scripts/run", "modify logo.gif logo.gif binary", "modify fs/z.c fs/z.c [1 -+ ]"}},
		"quoted and with blanks": {"diff --git \"a/fs/\\303\\244.c\" \"b/fs/\\303\\244.c\"\n--- \"a/fs/\\303\\244.c\"\n+++ \"b/fs/\\303\\244.c\"\n@@ -1 +1 @@\n-a\n+b\n" +
			"diff --git a/a file b/a file\nold mode 100644\nnew mode 100755\n", []string{"modify fs/ä.c fs/ä.c [1 -+ ]", "modify a file a file"}},
		"cr lf, and empty context without its blank": {"--- a/x.c\r\n+++ b/x.c\r\n@@ -1,3 +1,3 @@\r\n a\r\n\r\n-b\r\n+c\r\n", []string{"modify x.c x.c [1   -+ ]"}},
		"nothing but removed dashes": {`--- a/x.c
+++ b/x.c
@@ -1,3 +1,1 @@
 a
--- b
-++ c
`, []string{"modify x.c x.c [1  -- ]"}},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := diff.Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range files {
				if f.Err != nil {
					t.Errorf("%s: %v", f.Path(), f.Err)
				}
				got = append(got, sketch(f))
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("read\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	const good = "--- a/good.c\n+++ b/good.c\n@@ -1 +1 @@\n-a\n+b\n"
	for name, tt := range map[string]struct {
		in   string
		want error
		says string
	}{
		"too few lines":      {"--- a/x.c\n+++ b/x.c\n@@ -1,9 +1,9 @@\n a\n-b\n", diff.ErrHunk, "line 3"},
		"foreign line":       {"--- a/x.c\n+++ b/x.c\n@@ -1,9 +1,9 @@\n a\n-b\n" + good, diff.ErrHunk, "line 3"},
		"bad head":           {"--- a/x.c\n+++ b/x.c\n@@ -x +1 @@\n a\n", diff.ErrHunk, "no range"},
		"up":                 {"--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", diff.ErrPath, "leads out"},
		"absolute":           {"--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", diff.ErrPath, "no path"},
		"git's own":          {"diff --git a/.GIT/config b/.GIT/config\n--- a/.GIT/config\n+++ b/.GIT/config\n@@ -1 +1 @@\n-a\n+b\n", diff.ErrPath, ".git"},
		"rename to git's":    {"diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to .git/hooks/post-checkout\n", diff.ErrPath, ".git"},
		"backslashes":        {"--- a/..\\x.c\n+++ b/..\\x.c\n@@ -1 +1 @@\n-a\n+b\n", diff.ErrPath, "no path"},
		"more than promised": {"--- a/x.c\n+++ b/x.c\n@@ -1 +1,2 @@\n-a\n-b\n+c\n+d\n", diff.ErrHunk, "more lines"},
	} {
		t.Run(name, func(t *testing.T) {
			files, _ := diff.Parse(tt.in + good)
			if len(files) < 1 || !errors.Is(files[0].Err, tt.want) || !strings.Contains(files[0].Err.Error(), tt.says) {
				t.Fatalf("%+v", files)
			}
			last := files[len(files)-1]
			if last.Path() != "good.c" || last.Err != nil {
				t.Errorf("the good diff behind it: %+v", last)
			}
		})
	}
	if files, _ := diff.Parse("diff --git a/ b/\nold mode 100644\nnew mode 100755\n"); len(files) != 1 || !errors.Is(files[0].Err, diff.ErrPath) {
		t.Errorf("a diff that names nothing: %+v", files)
	}
	if _, err := diff.Parse("Dear all,\n--- \nno diff here\n"); !errors.Is(err, diff.ErrNone) {
		t.Errorf("a mail without a diff: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n")
	f.Add("--- a/x\t1\n+++ b/x\t2\n@@ -1,2 +1 @@ f\n-a\n b\n")
	f.Add("diff --git \"a/\\303\" b/y\nGIT binary patch\nliteral 1\nabc\n\ndiff --git a/z b/z\n")
	f.Fuzz(func(t *testing.T, text string) {
		files, err := diff.Parse(text)
		if err != nil {
			return
		}
		for _, x := range files {
			if x.Err != nil {
				continue
			}
			for _, name := range []string{x.Old, x.New} {
				if name != "" && diff.CheckPath(name) != nil {
					t.Fatalf("%q got through", name)
				}
			}
			for _, h := range x.Hunks {
				old, now := 0, 0
				for _, l := range h.Lines {
					if l.Op != '+' {
						old++
					}
					if l.Op != '-' {
						now++
					}
				}
				if old != h.OldLines || now != h.NewLines {
					t.Fatalf("a hunk of %d and %d lines says %d and %d", old, now, h.OldLines, h.NewLines)
				}
			}
		}
	})
}
