package send

import (
	"net/mail"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ringside/owner"
	"ringside/patch"
	"ringside/patch/read"
)

const firstMail = `From: Ä B <a@b.example>
Subject: [PATCH 1/2] net: one

One.

Fixes: 123456789abc ("net: zero")
Cc: stable@vger.kernel.org # 6.1.x
Reported-by: C D <c@d.example>
Signed-off-by: Ä B <a@b.example>
---
 net/a.c | 2 +-

diff --git a/net/a.c b/net/a.c
--- a/net/a.c
+++ b/net/a.c
@@ -1,3 +1,3 @@ section
 a
-b
+c
 d
`

const secondMail = `From: E F <e@f.example>
Subject: [PATCH 2/2] net: two

Two.

Signed-off-by: E F <e@f.example>
---
for the reader

diff --git a/net/new.c b/net/new.c
new file mode 100755
--- /dev/null
+++ b/net/new.c
@@ -0,0 +1 @@
+x
\ No newline at end of file
diff --git a/net/x.c b/net/y.c
similarity index 90%
rename from net/x.c
rename to net/y.c
--- a/net/x.c
+++ b/net/y.c
@@ -1,2 +1 @@
 a
-b
diff --git a/net/gone.c b/net/gone.c
deleted file mode 100644
--- a/net/gone.c
+++ /dev/null
@@ -1 +0,0 @@
-x
`

const owners = "Maintainers List\n----------------\n\nNET\nM:\t\"N. E\" <n@t.example>\nR:\tR R <r@r.example>\nL:\tnet@list.example\nS:\tMaintained\nF:\tnet/\n\nTHE REST\nM:\tL T <l@t.example>\nL:\tall@list.example\nS:\tBuried\nF:\t*\nF:\t*/\n"

func stackOf(texts ...string) *patch.Stack {
	s := &patch.Stack{}
	for _, t := range texts {
		s.Patches = append(s.Patches, read.Text("x.patch", t, read.Options{}).Patches...)
	}
	return s
}

func options(t *testing.T) Options {
	t.Helper()
	idx, err := owner.Parse(strings.NewReader(owners))
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Sender: patch.Person{Name: "Ä B", Email: "a@b.example"}, Owners: idx, Date: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		Base: "0123456789abcdef0123456789abcdef01234567", Prefix: "PATCH net-next",
		Author: func(id string) (patch.Person, bool) {
			return patch.Person{Name: "Z Z", Email: "z@z.example"}, id == "123456789abc"
		},
	}
}

// The mails are read back as mails: who gets them, how they hang together, what they say.
func TestMails(t *testing.T) {
	s, err := Prepare(stackOf(firstMail, secondMail), options(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []*mail.Message
	for i := range s.Mails {
		_, text, _ := strings.Cut(string(s.Mails[i].Bytes()), "\n")
		m, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", s.Mails[i].Name, err)
		}
		got = append(got, m)
	}
	if len(got) != 3 {
		t.Fatalf("%d mails", len(got))
	}
	list := func(m *mail.Message, key string) string {
		l, err := m.Header.AddressList(key)
		if err != nil {
			t.Errorf("%s: %v", key, err)
		}
		var out []string
		for _, a := range l {
			out = append(out, a.Address)
		}
		return strings.Join(out, " ")
	}
	for _, tt := range []struct{ what, got, want string }{
		{"from", list(got[0], "From"), "a@b.example"},
		{"to of the cover", list(got[0], "To"), "n@t.example"},
		{"cc of the cover", list(got[0], "Cc"), "r@r.example net@list.example all@list.example z@z.example stable@vger.kernel.org c@d.example e@f.example"},
		{"cc of the second", list(got[2], "Cc"), "r@r.example net@list.example all@list.example e@f.example"},
		{"subject", got[1].Header.Get("Subject"), "[PATCH net-next 1/2] net: one"},
		{"thread", got[2].Header.Get("In-Reply-To"), got[0].Header.Get("Message-Id")},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	for i, want := range []string{
		"E F (1):\n      net: two\n\nÄ B (1):\n      net: one\n\n net/a.c    | 2 +-\n net/gone.c | 1 -\n net/new.c  | 1 +\n net/y.c    | 1 -\n 4 files changed, 2 insertions(+), 3 deletions(-)\n create mode 100755 net/new.c\n delete mode 100644 net/gone.c\n---\nbase-commit: 0123456789abcdef0123456789abcdef01234567\nchange-id: 20261201-net-one-",
		"Signed-off-by: Ä B <a@b.example>\n---\n net/a.c | 2 +-\n",
		"From: E F <e@f.example>\n\nTwo.\n\nSigned-off-by: E F <e@f.example>\n---\nfor the reader\n\n",
	} {
		if !strings.Contains(s.Mails[i].Body, want) {
			t.Errorf("mail %d does not have\n%s\nit has\n%s", i, want, s.Mails[i].Body)
		}
	}
}

// Diffs are as they were read.
func TestDiff(t *testing.T) {
	for _, text := range []string{firstMail, secondMail} {
		d, err := Diff(stackOf(text).Patches[0])
		if err != nil {
			t.Fatal(err)
		}
		want := text[strings.Index(text, "diff --git"):]
		want = strings.Replace(want, "similarity index 90%\n", "", 1)
		if d != want {
			t.Errorf("got\n%s\nwant\n%s", d, want)
		}
	}
}

// The identity of a patch is that of git patch-id --stable.
func TestID(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed: nothing to compare with")
	}
	for _, text := range []string{firstMail, strings.ReplaceAll(secondMail, "similarity index 90%\n", "")} {
		p := stackOf(text).Patches[0]
		d, err := Diff(p)
		if err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), git, "patch-id", "--stable")
		c.Stdin = strings.NewReader(d)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		if want, _, _ := strings.Cut(string(out), " "); ID(p) != want {
			t.Errorf("got %s, want %s", ID(p), want)
		}
	}
}

func TestCompare(t *testing.T) {
	edited := strings.Replace(firstMail, "+c", "+e", 1)
	renamed := strings.Replace(secondMail, "net: two", "net: second", 1)
	tagged := strings.Replace(firstMail, "Signed-off-by", "Reviewed-by: Q Q <q@q.example>\nSigned-off-by", 1)
	for _, tt := range []struct {
		name     string
		old, now *patch.Stack
		want     string
	}{
		{"the same", stackOf(firstMail, secondMail), stackOf(firstMail, secondMail), "patch 1: unchanged; patch 2: unchanged"},
		{"edited", stackOf(firstMail), stackOf(edited), "patch 1: net/a.c (+1 −1)"},
		{"renamed, and dropped", stackOf(firstMail, secondMail), stackOf(renamed), "patch 1: was \"net: two\"; was patch 2; dropped: net: one"},
		{"new", stackOf(firstMail), stackOf(firstMail, secondMail), "patch 1: unchanged; new patch 2: net: two"},
		{"reviewed", stackOf(firstMail), stackOf(tagged), "patch 1: picked up Reviewed-by Q Q"},
		{"reworded", stackOf(firstMail), stackOf(strings.Replace(firstMail, "One.", "Another.", 1)), "patch 1: message reworded"},
	} {
		var got []string
		for _, c := range Compare(tt.old, tt.now) {
			got = append(got, c.String())
		}
		if strings.Join(got, "; ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, strings.Join(got, "; "), tt.want)
		}
	}
}

// A version that follows keeps the ID of the series and links to the one before.
func TestVersions(t *testing.T) {
	o := options(t)
	first, err := Prepare(stackOf(firstMail, secondMail), o)
	if err != nil {
		t.Fatal(err)
	}
	var box strings.Builder
	for i := range first.Mails {
		box.Write(first.Mails[i].Bytes())
	}
	o.Prior = read.Text("v1.mbox", box.String(), read.Options{})
	o.Date = o.Date.AddDate(0, 0, 1)
	o.Prerequisites = stackOf(firstMail).Patches
	second, err := Prepare(stackOf(firstMail, secondMail), o)
	if err != nil {
		t.Fatal(err)
	}
	if second.Version != 2 || second.ChangeID != first.ChangeID {
		t.Errorf("version %d, change-id %s after %s", second.Version, second.ChangeID, first.ChangeID)
	}
	for _, want := range []string{
		"Changes in v2:\n- no changes but the base\n- Link to v1: https://lore.kernel.org/r/" + strings.Trim(first.Mails[0].Header("Message-Id"), "<>"),
		"prerequisite-patch-id: " + ID(o.Prerequisites[0]) + "\n",
	} {
		if !strings.Contains(second.Mails[0].Body, want) {
			t.Errorf("the cover does not have %q:\n%s", want, second.Mails[0].Body)
		}
	}
	if _, err := Prepare(&patch.Stack{}, o); err == nil {
		t.Error("nothing is prepared")
	}
	o.Sender = patch.Person{}
	if _, err := Prepare(stackOf(firstMail), o); err == nil {
		t.Error("nobody sends it")
	}
}

// What a patch says cannot add fields to a mail.
func TestHostile(t *testing.T) {
	p := stackOf(firstMail).Patches
	p[0].Subject = "net: a\r\nBcc: evil@x.example\n\nbody"
	p[0].Trailers = append(p[0].Trailers, patch.Trailer{Key: "Cc", Value: "x\nBcc: <evil@x.example>\nTo: y"})
	o := options(t)
	o.Sender.Name = "A\nBcc: evil@x.example"
	s, err := Prepare(&patch.Stack{Patches: p}, o)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(s.Mails[0].Bytes()), "\n\n")
	for line := range strings.SplitSeq(head, "\n") {
		if strings.HasPrefix(line, "Bcc") {
			t.Errorf("the mail has a field of the patch's: %s", head)
		}
	}
}

func FuzzPrepare(f *testing.F) {
	f.Add(firstMail)
	f.Add(secondMail)
	f.Fuzz(func(t *testing.T, text string) {
		o := Options{Sender: patch.Person{Email: "a@b.example"}, Prior: stackOf(firstMail)}
		s, err := Prepare(read.Text("x", text, read.Options{}), o)
		if err != nil {
			return
		}
		for i := range s.Mails {
			if strings.ContainsAny(s.Mails[i].Name, "/\x00") {
				t.Errorf("a file named %q", s.Mails[i].Name)
			}
			s.Mails[i].Bytes()
		}
	})
}
