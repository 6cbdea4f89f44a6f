package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// What the verbs about patches print follows their schemas.
func TestSchemaPatch(t *testing.T) {
	schemas := published(t)
	dir := t.TempDir()
	const hunk = "--- a/fs/a.c\n+++ b/fs/a.c\n@@ -1,3 +1,3 @@\n x\n-a\n+b\n y\n"
	for name, text := range map[string]string{
		"series":    "one.patch\ngone.patch\n",
		"one.patch": "From: A B <a@b.c>\nDate: Wed, 21 Dec 2022 21:18:59 -0700\nSubject: [PATCH 1/2] UPSTREAM: fs: fix\nMessage-ID: <x>\n\ncommit 0123456789abcdef0123456789abcdef01234567 upstream.\n\nFixes: 1234567890ab (\"x\")\nSigned-off-by: A B <a@b.c>\n---\n" + hunk,
		"mbox":      "From a Mon Jan  2 10:00:00 2023\nSubject: [PATCH 0/1] x\n\nall\n\nFrom a Mon Jan  2 10:00:00 2023\nSubject: [PATCH 1/1] x\n\n" + hunk + "+surplus\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		schema string
		code   int
		args   []string
	}{
		{"patch-show", exitFinding, []string{"show", dir}},
		{"patch-show", exitFinding, []string{"show", in("mbox")}},
		{"patch-equiv", exitDone, []string{"equiv", "--explain", "--index", dir, in("one.patch")}},
		{"patch-stack", exitDone, []string{"stack", "--upstream", in("one.patch"), dir}},
		{"patch-fixes", exitDone, []string{"fixes", "--upstream", in("one.patch"), in("one.patch")}},
		{"patch-known-fix", exitDone, []string{"known-fix", "--index", in("one.patch"), "--function", "nothing_of_the_kind"}},
		{"patch-rebase-plan", exitFinding, []string{"rebase-plan", "--stack", dir, "--from", dir, "--to", dir}},
		{"patch-apply", exitFinding, []string{"apply", dir, "--tree", dir}},
		{"patch-reviews", exitDone, []string{"reviews", in("mbox")}},
		{"patch-show", exitDone, []string{"show", in("one.patch"), in("one.patch")}},
		{"patch-check", exitDone, []string{"check", in("one.patch"), "--fail-on", "never"}},
		{"patch-send-prep", exitDone, []string{"send-prep", in("one.patch"), "--previous", in("one.patch"), "--sender", "A B <a@b.c>", "-d", in("out")}},
	} {
		docs, stderr, code := runJSON(t, append(append([]string{"patch"}, tt.args...), "--json")...)
		if code != tt.code || len(docs) != 1 {
			t.Fatalf("%v: exit code %d, %d documents: %s", tt.args, code, len(docs), stderr)
		}
		validate(t, schemas, docs, schemaID(tt.schema))
	}
}
