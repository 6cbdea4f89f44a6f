package changelog_test

import (
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"

	"ringside/vuln"
	"ringside/vuln/changelog"
	"ringside/vuln/feed"
	"ringside/vuln/internal/cvetest"
	"ringside/vuln/ranges"
)

const debian = `linux (6.1.192-2) bookworm-security; urgency=high

  * ext4: fix NULL folio dereference in mballoc (Closes: #1154101)

 -- Salvatore Bonaccorso <carnil@debian.org>  Mon, 16 Nov 2026 11:17:40 +0100

linux (6.1.192-1) bookworm-security; urgency=high

  * New upstream stable update:
    https://www.kernel.org/pub/linux/kernel/v6.x/ChangeLog-6.1.191
    - io_uring/io-wq: don't lose the signal that ends work (CVE-2026-99228)
    - smb: client: fix OOB read/write from unvalidated DataOffset in
      coalesce_t2() (CVE-2026-89633, CVE-2026-89634)
    - [arm64] mm: Fix the lockless page-table walk in show_pte()
      (CVE-2026-93239)
    - Revert "net: fix a (b)"
    - Reapply "net: fix again"
    https://www.kernel.org/pub/linux/kernel/v6.x/ChangeLog-6.1.192
    - [x86] kvm: last one

  [ Salvatore Bonaccorso ]
  * Bump ABI to 56

 -- Salvatore Bonaccorso <carnil@debian.org>  Mon, 15 Nov 2026 11:17:40 +0100

linux (6.1.170-1) bookworm; urgency=medium

  * net: fix a (b) (CVE-2026-11111)
  * net: fix again (CVE-2026-22222)
  * Revert "net: fix again"
  * Revert "x: y" (CVE-2026-33333)

 -- A <a@example.org>  Mon, 15 Jun 2026 11:17:40 +0100
`

const redhat = `* Mon Nov 16 2026 CKI Bot <cki@example.org> [5.14.0-700.el9]
- net: sched: fix a thing (Jane Doe) [RHEL-12345] {CVE-2026-40001}
- ksmbd: do x
  over two lines (Jane Doe) [2012345 2012346] {CVE-2026-40002 CVE-2026-40003}
Resolves: RHEL-12345

* Fri Nov 13 2026 Jane Doe <jane@example.org> - 5.14.0-699.el9
- fs: another (Jane Doe)
`

func parse(t *testing.T, text, until string) *changelog.Log {
	t.Helper()
	l, err := changelog.Parse("changelog", strings.NewReader(text), until)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestFixed(t *testing.T) {
	deb, red := parse(t, debian, ""), parse(t, redhat, "")
	for _, tt := range []struct {
		log   *changelog.Log
		cve   string
		title string
		line  int // 0: not fixed
		says  string
	}{
		{deb, "CVE-2026-99228", "", 11, "6.1.192-1, from 6.1.191: io_uring/io-wq: don't lose the signal that ends work (CVE-2026-99228)"},
		{deb, "CVE-2026-89634", "", 12, "6.1.192-1, from 6.1.191: smb: client: fix OOB read/write from unvalidated DataOffset in coalesce_t2() (CVE-2026-89633, CVE-2026-89634)"},
		{deb, "CVE-2026-93239", "", 14, "6.1.192-1, from 6.1.191: [arm64] mm: Fix the lockless page-table walk in show_pte() (CVE-2026-93239)"},
		{deb, "", "smb: client: fix OOB read/write from unvalidated DataOffset in coalesce_t2()", 12, ""},
		{deb, "", "kvm: last one", 19, "6.1.192-1, from 6.1.192: [x86] kvm: last one"},
		{deb, "", "ext4: fix NULL folio dereference in mballoc", 3, "6.1.192-2: ext4: fix NULL folio dereference in mballoc (Closes: #1154101)"},
		{deb, "CVE-2026-11111", "net: fix a (b)", 0, ""},  // reverted later
		{deb, "CVE-2026-22222", "net: fix again", 17, ""}, // reverted, and applied again
		{deb, "CVE-2026-33333", "", 31, ""},               // the revert is the fix
		{deb, "CVE-2026-1", "x", 0, ""},
		{red, "CVE-2026-40001", "", 2, "5.14.0-700.el9: net: sched: fix a thing (Jane Doe) [RHEL-12345] {CVE-2026-40001}"},
		{red, "CVE-2026-40003", "", 3, ""},
	} {
		e := tt.log.Fixed(&feed.Record{ID: tt.cve, Title: tt.title}, true)
		if e != nil && e.Kind == vuln.EvidenceRevert {
			e = nil
		}
		line, says := 0, ""
		if e != nil {
			line, says = e.Line, e.Says
		}
		if line != tt.line || (tt.says != "" && says != tt.says) {
			t.Errorf("%s %s: line %d %q, want %d %q", tt.cve, tt.title, line, says, tt.line, tt.says)
		}
	}
	if e := deb.Fixed(&feed.Record{Title: "kvm: last one"}, false); e != nil {
		t.Errorf("a subject that several records have is taken: %+v", e)
	}
	if deb.Version != "6.1.192-2" || deb.Entries != 3 || red.Version != "5.14.0-700.el9" || red.Entries != 2 {
		t.Errorf("%s %d, %s %d", deb.Version, deb.Entries, red.Version, red.Entries)
	}
	old := parse(t, debian, "6.1.170-1")
	if e := old.Fixed(&feed.Record{ID: "CVE-2026-99228"}, true); e != nil || old.Version != "6.1.170-1" {
		t.Errorf("an entry of a later package is taken: %+v", e)
	}
	if e := old.Fixed(&feed.Record{ID: "CVE-2026-11111"}, true); e == nil {
		t.Error("a revert of a later package is taken")
	}
}

func TestForeign(t *testing.T) {
	if _, err := changelog.Parse("x", strings.NewReader("hello\nworld\n"), ""); err == nil {
		t.Error("any file is a changelog")
	}
}

// Debian's changelog of 6.1.192 names 784 CVEs that the CNA's records, which were taken
// before, call affected there. All are recognised by their number, and all but a few by
// their subject alone. One of them, CVE-2024-50282, is not fixed: its fix was reverted
// later.
func TestDebian(t *testing.T) {
	const file = "/usr/share/doc/linux-source-6.1/changelog.Debian.gz"
	text, err := gunzip(file)
	if err != nil {
		t.Skipf("Debian's changelog is not at hand: %v", err)
	}
	f, _ := cvetest.Corpus(t)
	db, err := vuln.New(f)
	if err != nil {
		t.Fatal(err)
	}
	log := parse(t, text, "")
	if log.Version != "6.1.192-2" {
		t.Skipf("the changelog is of %s; the figures are of 6.1.192-2", log.Version)
	}
	base, _ := ranges.Release("6.1.192")
	named, byNumber, bySubject := 0, 0, 0
	for _, v := range db.Scan(vuln.Kernel{Release: "6.1.192-2", Base: base, Claims: []vuln.Claims{log}}) {
		if v.Range != ranges.Affected || !strings.Contains(text, v.CVE) {
			continue
		}
		named++
		if v.Verdict == vuln.Fixed {
			byNumber++
		} else if e := log.Fixed(&feed.Record{ID: v.CVE}, true); v.CVE != "CVE-2024-50282" || e.Kind != vuln.EvidenceRevert {
			t.Errorf("%s %q is %s", v.CVE, v.Title, v.Verdict)
		}
		if log.Fixed(&feed.Record{Title: v.Title}, true) != nil {
			bySubject++
		}
	}
	t.Logf("of %d CVEs that the changelog names and the records call affected, %d are recognised by number, %d by subject", named, byNumber, bySubject)
	if named != 784 || byNumber < 783 || bySubject < 778 {
		t.Errorf("of %d (want 784) %d by number, %d by subject (want 783, 778)", named, byNumber, bySubject)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(debian))
	f.Add([]byte(redhat))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := changelog.Parse("x", strings.NewReader(string(text)), "")
		if err != nil {
			return
		}
		if e := l.Fixed(&feed.Record{ID: "CVE-2026-99228", Title: "kvm: last one"}, true); e != nil && e.Line == 0 {
			t.Errorf("evidence without a line: %+v", e)
		}
	})
}

func gunzip(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(z)
	return string(b), err
}
