package read_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/patch"
	"ringside/patch/read"
)

const id = "8c20e2eb5f2a0175b774134685e4d7bd93e85ff8"

const hunk = `--- a/fs/a.c
+++ b/fs/a.c
@@ -10,3 +10,3 @@ static int open(void)
 	a();
-	b();
+	c();
 	d();
`

const formatPatch = `From ` + id + ` Mon Sep 17 00:00:00 2001
From: =?UTF-8?q?J=C3=B6rg=20M?= <j@example.org>
Date: Wed, 21 Dec 2022 21:18:59 -0700
Subject: [PATCH 6.1 v3 2/7] BACKPORT: fs: fix a subject that is
 folded
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit

commit 0123456789abcdef0123456789abcdef01234567 upstream.

It did not work.

commit aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
Author: somebody else

Fixes: 1234567890ab ("fs: break it")
Cc: <stable@vger.kernel.org> # 5.10.x
Signed-off-by: A B <a@b.c>
---
 fs/a.c | 2 +-

` + "diff --git a/fs/a.c b/fs/a.c\nindex 1111111..2222222 100644\n" + hunk + `-- 
2.47.1

`

// sketch says in a few lines what was read.
func sketch(s *patch.Stack) string {
	var b strings.Builder
	for _, p := range s.Patches {
		fmt.Fprintf(&b, "%s:%d %q by %s", p.File, p.Line, p.Subject, p.Author)
		if len(p.Tags) > 0 {
			fmt.Fprintf(&b, " %q", p.Tags)
		}
		if p.Reverse {
			b.WriteString(" reverse")
		}
		fmt.Fprintf(&b, " %v\n", p.Paths())
		for _, x := range p.Problems {
			fmt.Fprintf(&b, "  %s\n", x)
		}
	}
	for _, x := range s.Problems {
		fmt.Fprintf(&b, "! %s\n", x)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestFormatPatch(t *testing.T) {
	s := read.Text("x.patch", formatPatch, read.Options{})
	if len(s.Patches) != 1 || len(s.Problems) != 0 {
		t.Fatal(sketch(s))
	}
	p := s.Patches[0]
	if len(p.Problems) != 0 || p.Commit != id || p.Author.String() != "Jörg M <j@example.org>" || p.Date.UTC().Format("2006-01-02 15:04") != "2022-12-22 04:18" {
		t.Errorf("%+v", p)
	}
	if p.Subject != "fs: fix a subject that is folded" || strings.Join(p.Tags, "|") != "[PATCH 6.1 v3 2/7]|BACKPORT:" || p.Version != 3 || p.Number != 2 || p.Total != 7 {
		t.Errorf("subject %q, tags %q, v%d %d/%d", p.Subject, p.Tags, p.Version, p.Number, p.Total)
	}
	if got := fmt.Sprint(p.Trailers); got != `[{Fixes 1234567890ab ("fs: break it") 17} {Cc <stable@vger.kernel.org> # 5.10.x 18} {Signed-off-by A B <a@b.c> 19}]` {
		t.Errorf("trailers %s", got)
	}
	if p.Files[0].Line != 23 || p.Files[0].Hunks[0].Line != 27 {
		t.Errorf("diff in line %d, hunk in %d", p.Files[0].Line, p.Files[0].Hunks[0].Line)
	}
	if p.Origin.Kind != patch.Backport || strings.Join(p.Origin.Commits, " ") != "0123456789abcdef0123456789abcdef01234567" {
		t.Errorf("%+v", p.Origin)
	}
}

// TestForms reads the same change in all the clothes that it may wear.
func TestForms(t *testing.T) {
	mail := "From: A B <a@b.c>\nSubject: [PATCH] fs: fix\nDate: Wed, 21 Dec 2022 21:18:59 -0700\n"
	const want = `"fs: fix" by A B <a@b.c> ["[PATCH]"] [fs/a.c]`
	qp := strings.NewReplacer("=", "=3D", "\t", "=09").Replace(hunk)
	qp = strings.Replace(qp, "static int open", "static =\nint open", 1)
	wide := "MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=\"x y\"\n\nfor humans\n--x y\nContent-Type: text/plain; charset=utf-8\n\nWhy.\n\nSigned-off-by: A B <a@b.c>\n"
	for name, tt := range map[string]struct{ in, want string }{
		"mail":             {mail + "\nWhy.\n---\n" + hunk, "f:1 " + want},
		"mail, CR LF":      {strings.ReplaceAll(mail+"\nWhy.\n---\n"+hunk, "\n", "\r\n"), "f:1 " + want},
		"quoted-printable": {mail + "Content-Transfer-Encoding: quoted-printable\n\nWhy.\n---\n" + qp, "f:1 " + want},
		"base64":           {mail + "Content-Transfer-Encoding: base64\n\n" + lines76(base64.StdEncoding.EncodeToString([]byte("Why.\n---\n"+hunk))), "f:1 " + want},
		"latin 1":          {mail + "Content-Type: text/plain; charset=iso-8859-1\n\nWhy, J\xf6rg.\n---\n" + hunk, "f:1 " + want},
		"mixed encodings":  {mail + "\nWhy, J\xf6rg.\n---\n" + hunk, "f:1 " + want + "\n  line 5: the message is not UTF-8: it is read as ISO 8859-1"},
		"attached": {mail + wide + "--x y\nContent-Type: application/octet-stream; name=\"0001.patch\"\nContent-Transfer-Encoding: base64\n\n" +
			lines76(base64.StdEncoding.EncodeToString([]byte(hunk))) + "\n--x y--\n", "f:1 " + want},
		"alternatives": {mail + strings.Replace(wide, "mixed", "alternative", 1) + hunk + "--x y\nContent-Type: text/html\n\n<pre>" + hunk + "\n--x y--\n", "f:1 " + want},
		"html alone":   {mail + "Content-Type: text/html\n\n<pre>" + hunk, "! f:6: the mail is HTML alone, which no patch survives: ask for it in plain text\n" + `! f:1: no diff in it: "fs: fix"`},
		"flowed": {mail + "Content-Type: text/plain; format=flowed\n\nWhy.\n---\n" + strings.Replace(hunk, "\ta();", "\n\ta();", 1),
			"f:1 " + want + "\n  line 6: the mail is format=flowed: its lines may have been wrapped, and blanks added or lost; ask for it again from git send-email\n  line 15: the hunk is malformed: this line is one of a hunk, but no head has counted it; patch drops it in silence"},
		"another's mail": {"From: S <s@b.c>\nSubject: [PATCH] fs: fix\n\nFrom: A B <a@b.c>\n\nWhy.\n---\n" + hunk, "f:1 " + want},
		"mailbox": {"From a@b Mon Jan  2 10:00:00 2023\n" + mail + "\nWhy.\n>From here it is.\n---\n" + hunk + "\nFrom a@b Mon Jan  2 10:00:00 2023\n" + mail + "\n---\n" + hunk +
			"\nFrom a@b Mon Jan  2 10:00:00 2023\nFrom: C\nSubject: Re: [PATCH] fs: fix\nIn-Reply-To: <x>\n\nNo.\n",
			"f:1 " + want + "\nf:17 " + want + "\n" + `! f:31: a reply, without a diff: "fs: fix"`},
		"git log": {"commit " + id + " (HEAD)\nAuthor: A B <a@b.c>\nDate:   Wed Dec 21 21:18:59 2022 -0700\n\n    fs: fix\n    \n    Why.\n\ndiff --git a/fs/a.c b/fs/a.c\n" + hunk +
			"\ncommit " + strings.Repeat("1", 40) + "\nMerge: 1 2\nAuthor: A B <a@b.c>\n\n    Merge it\n",
			"f:1 " + strings.Replace(want, ` ["[PATCH]"]`, "", 1) + "\n" + `! f:18: a merge, which has no diff of its own: "Merge it"`},
		"bare diff":        {hunk, `f:1 "" by  [fs/a.c]`},
		"quilt":            {"fs: fix\n\nWhy.\n\nIndex: linux/fs/a.c\n=====\n" + hunk, `f:1 "fs: fix" by  [fs/a.c]`},
		"Debian":           {"Description: fs: fix\n Why.\n .\n More.\nAuthor: A B <a@b.c>\nOrigin: vendor\n\n" + hunk, "f:1 " + strings.Replace(want, ` ["[PATCH]"]`, "", 1)},
		"hg export":        {"# HG changeset patch\n# User A B <a@b.c>\n# Date 1 0\nfs: fix\n\nWhy.\n\n" + hunk, "f:1 " + strings.Replace(want, ` ["[PATCH]"]`, "", 1)},
		"gerrit's base64":  {base64.StdEncoding.EncodeToString([]byte(formatPatch)), `f:1 "fs: fix a subject that is folded" by Jörg M <j@example.org> ["[PATCH 6.1 v3 2/7]" "BACKPORT:"] [fs/a.c]`},
		"gerrit's zip":     {zipped(t, formatPatch), `f:1 "fs: fix a subject that is folded" by Jörg M <j@example.org> ["[PATCH 6.1 v3 2/7]" "BACKPORT:"] [fs/a.c]`},
		"UTF-16":           {utf16le(mail + "\nWhy.\n---\n" + hunk), "f:1 " + want},
		"context diff":     {mail + "\n*** a/fs/a.c\t1\n--- b/fs/a.c\t2\n***************\n*** 1,3 ****\n  a\n! b\n--- 1,3 ----\n  a\n! c\n", "f:1 " + want + "\n  line 5: this form of diff is not read: a context diff; make it again with diff -u"},
		"hunk alone":       {mail + "\nTry this:\n@@ -1 +1 @@\n-a\n+b\n", `f:1 "fs: fix" by A B <a@b.c> ["[PATCH]"] []` + "\n  line 6: the hunk is malformed: it has no names of files before it"},
		"out of the tree":  {strings.ReplaceAll(hunk, "fs/a.c", "../../x"), `f:1 "" by  [../../x]` + "\n" + `  line 1: the path is refused: "../../x" leads out of the tree, or into its .git`},
		"binary, no bytes": {"diff --git a/x.png b/x.png\nindex 1..2 100644\nBinary files a/x.png and b/x.png differ\n", `f:1 "" by  [x.png]` + "\n  line 1: x.png is binary and its content is not in the diff: make it again with git format-patch, or diff --binary"},
		"nothing":          {"Dear all,\n\nhello\n", `! f:1: no diff in it: "Dear all,"`},
		"empty":            {"", `! f: it is empty`},
		"a cover letter":   {"From a@b Mon Jan  2 10:00:00 2023\nFrom: C\nSubject: [PATCH 0/7] all of it\n\nWhy.\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sketch(read.Text("f", tt.in, read.Options{})); got != tt.want {
				t.Errorf("read\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// TestLines: what an encoding moves is found in the file.
func TestLines(t *testing.T) {
	in := "From: A B <a@b.c>\nSubject: x\nContent-Transfer-Encoding: quoted-printable\n\nW=\nh=\ny.\n\nFixes: 123456789012 (\"x\")\n---\n" + hunk
	p := read.Text("f", in, read.Options{}).Patches[0]
	if p.Trailers[0].Line != 9 || p.Files[0].Line != 11 || p.Files[0].Hunks[0].Line != 13 || p.Body != "Why.\n\nFixes: 123456789012 (\"x\")" {
		t.Errorf("%+v, diff %d, hunk %d, %q", p.Trailers, p.Files[0].Line, p.Files[0].Hunks[0].Line, p.Body)
	}
}

func TestSeries(t *testing.T) {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"series":    "# This series applies on GIT commit " + id + "\none.patch # why\n\nsub/two.patch -p2\nthree.patch -R\n+x guarded.patch\n-y four.patch\n-\toff.patch\n../../etc/passwd\none.patch\ngone.patch\nfive.patch -q\n/etc/shadow\n",
		"one.patch": hunk, "sub/two.patch": strings.ReplaceAll(hunk, "a/fs", "linux/a/fs"), "three.patch": hunk,
		"guarded.patch": hunk, "four.patch": "no diff", "off.patch": hunk, "stray.patch": hunk, "five.patch": hunk,
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	s, err := read.Dir(files, read.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `one.patch:1 "" by  [fs/a.c]
sub/two.patch:1 "" by  [a.c fs/a.c]
three.patch:1 "" by  reverse [fs/a.c]
! series:6: guarded.patch is left out: guard +x
! four.patch:1: no diff in it: "no diff"
! series:8: off.patch is left out: switched off with "-"
! series:9: "../../etc/passwd" leads out of the series' folder: it is not read
! series:10: one.patch is named in line 2 already: it is not read again
! series:11: it is not read: open gone.patch: file does not exist
! series:12: "-q" is no option of a series: there are -pN and -R
! series:13: "/etc/shadow" leads out of the series' folder: it is not read
! series: 2 patch files are not in it: five.patch, stray.patch`
	if got := sketch(s); got != want || s.Base != id {
		t.Errorf("base %s, read\n%s\nwant\n%s", s.Base, got, want)
	}
	if s, err = read.Dir(files, read.Options{Guards: []string{"x", "y"}}); err != nil || len(s.Patches) != 4 {
		t.Errorf("with guards: %v\n%s", err, sketch(s))
	}
}

func TestFolders(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{"hack-6.1/1.patch", "backport-6.1/100-v6.5-x.patch", "backport-6.6/2.patch", "pending-6.1/1.patch", "pending-6.1/2.patch"} {
		files[name] = &fstest.MapFile{Data: []byte(hunk)}
	}
	if _, err := read.Dir(files, read.Options{}); !errors.Is(err, read.ErrChoose) {
		t.Errorf("two releases: %v", err)
	}
	s, err := read.Dir(files, read.Options{Release: "6.1"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range s.Patches {
		got = append(got, p.Name+" "+p.Origin.Kind.String()+" "+p.Origin.Release)
	}
	if strings.Join(got, "|") != "backport-6.1/100-v6.5-x.patch backport v6.5|pending-6.1/1.patch from-list |pending-6.1/2.patch from-list |hack-6.1/1.patch downstream " {
		t.Errorf("%q", got)
	}
	if _, err := read.Dir(fstest.MapFS{"README": &fstest.MapFile{}}, read.Options{}); !errors.Is(err, read.ErrEmpty) {
		t.Errorf("no patches: %v", err)
	}
}

func lines76(s string) string {
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\n")
		s = s[76:]
	}
	return b.String() + s + "\n"
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("8c20e2e.diff")
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func utf16le(s string) string {
	out := "\xff\xfe"
	for i := range len(s) {
		out += s[i:i+1] + "\x00"
	}
	return out
}

func FuzzText(f *testing.F) {
	f.Add(formatPatch)
	f.Add("From: A\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Transfer-Encoding: base64\n\nLS0tIGEveAo=\n--x\n\n" + hunk + "--x--\n")
	f.Add("From: A\nSubject: =?iso-8859-1?q?x=F6?=\nContent-Transfer-Encoding: quoted-printable\n\n=0A=0A=\nFixes: 1=\n\n" + hunk)
	f.Add("commit " + id + "\nAuthor: A <a>\n\n    x\n\n" + hunk)
	f.Add("Description: x\n y\n .\nOrigin: upstream, https://git.kernel.org/linus/" + id + "\n" + hunk)
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, in string) {
		s := read.Text("f", in, read.Options{})
		n := strings.Count(in, "\n") + 1
		for _, p := range s.Patches {
			if p.Line < 1 || p.Line > n && !strings.HasPrefix(in, "\xff\xfe") && !strings.HasPrefix(in, "\xfe\xff") && !strings.HasPrefix(in, "PK") && strings.Contains(in, "From ") {
				t.Fatalf("line %d of %d", p.Line, n)
			}
			if len(p.Files) == 0 {
				t.Fatal("a patch without a diff")
			}
		}
		if len(s.Patches)+len(s.Problems)+len(s.Covers) == 0 {
			t.Fatalf("%q is skipped in silence", in)
		}
	})
}
