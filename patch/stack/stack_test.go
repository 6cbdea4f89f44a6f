package stack_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"ringside/patch"
	"ringside/patch/equiv"
	"ringside/patch/landed"
	"ringside/patch/read"
	"ringside/patch/stack"
)

func one(t *testing.T, name, text string) *patch.Patch {
	t.Helper()
	st := read.Text(name, text, read.Options{})
	if len(st.Patches) != 1 {
		t.Fatalf("%s: %+v", name, st)
	}
	return st.Patches[0]
}

func index(t *testing.T, docs ...equiv.Doc) *equiv.Index {
	t.Helper()
	b := equiv.Builder{Source: "linux"}
	for i := range docs {
		if err := b.Add(&docs[i]); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	x, err := equiv.OpenIndex(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

const hunk = `
--- a/net/a.c
+++ b/net/a.c
@@ -3,4 +3,6 @@ static int frob_start(struct frob *f)
 	int ret = frob_check(f);
 
+	if (!f->ring_buffer)
+		return -ENODEV;
 	frob_go(f);
 	return ret;
`

func id(c string) string { return strings.Repeat(c, 40) }

func TestBuild(t *testing.T) {
	up := equiv.FromPatch(one(t, "x", "From: A <a@b.c>\nDate: Wed, 21 Dec 2022 21:18:59 -0700\nSubject: [PATCH] net: frob: check the ring\n"+hunk))
	up.Name, up.Releases = id("a"), []string{"v6.2", "v6.1.9"}
	mend := equiv.Doc{Name: id("b"), Subject: "net: frob: not enough", Fixes: []string{id("a")[:12]}, Releases: []string{"v6.3"}, Date: time.Date(2023, 3, 1, 0, 0, 0, 0, time.UTC), Paths: []string{"net/a.c"}}
	again := equiv.Doc{Name: id("c"), Subject: "net: frob: still not enough", Fixes: []string{id("b")[:12]}}
	stable := equiv.Doc{Name: id("d"), Subject: "net: frob: not enough", Fixes: []string{id("a")[:12]}, Upstream: []string{id("b")}}
	revert := equiv.Doc{Name: id("e"), Subject: `Revert "net: frob: check the ring"`, Reverts: []string{id("a")}}

	for _, tt := range []struct {
		name    string
		patches []string
		index   []equiv.Doc
		landed  []landed.Verdict
		version string
		apply   []stack.Applied
		do      stack.Step
		state   stack.State
		missing int
		check   func(t *testing.T, e *stack.Entry)
	}{
		{
			name: "upstream has it", patches: []string{"Subject: [PATCH] vendor: ring\n" + hunk}, index: []equiv.Doc{up},
			do: stack.Watch, state: stack.Upstream, check: func(t *testing.T, e *stack.Entry) {
				if e.Upstream.Release != "v6.2" || len(e.Upstream.Stable) != 1 || e.Upstream.Commit != id("a") || e.Upstream.Relation != "identical" {
					t.Errorf("%+v", e.Upstream)
				}
			},
		},
		{
			name: "two fixes are lacking, one of them through stable too", patches: []string{"Subject: [PATCH] vendor: ring\n" + hunk}, index: []equiv.Doc{up, mend, again, stable},
			do: stack.Repair, state: stack.Upstream, missing: 2, check: func(t *testing.T, e *stack.Entry) {
				if e.Churn == 0 {
					t.Error("the later change of the file is not counted")
				}
			},
		},
		{
			name:    "the fix is in the stack",
			patches: []string{"Subject: [PATCH] vendor: ring\n" + hunk, "Subject: [PATCH] UPSTREAM: net: frob: not enough\n\ncommit " + id("b") + " upstream.\n" + strings.ReplaceAll(hunk, "ENODEV", "EINVAL")},
			index:   []equiv.Doc{up, mend}, do: stack.Watch, state: stack.Upstream,
		},
		{
			name: "taken back", patches: []string{"Subject: [PATCH] vendor: ring\n" + hunk}, index: []equiv.Doc{up, revert},
			do: stack.Repair, state: stack.Upstream, missing: 1,
		},
		{
			name: "the tree has it", patches: []string{"Subject: [PATCH] vendor: ring\n" + hunk}, landed: []landed.Verdict{{State: landed.Present, Added: 1, Removed: -1}}, version: "6.2",
			apply: []stack.Applied{{Outcome: "fail"}}, do: stack.Drop, state: stack.Upstream,
		},
		{
			name: "not for upstream", patches: []string{"Subject: [PATCH] ANDROID: vendor: ring\n" + hunk}, landed: []landed.Verdict{{State: landed.Absent, Added: 0, Removed: -1}}, version: "6.2",
			do: stack.Keep, state: stack.NotUpstream,
		},
		{
			name: "never sent", patches: []string{"Subject: [PATCH] net: ring\n" + hunk}, landed: []landed.Verdict{{State: landed.Absent, Added: 0, Removed: -1}}, version: "6.2",
			do: stack.Send, state: stack.NotUpstream,
		},
		{
			name: "does not apply", patches: []string{"Subject: [PATCH] net: ring\n" + hunk}, landed: []landed.Verdict{{State: landed.Absent, Added: 0, Removed: -1}}, version: "6.2",
			apply: []stack.Applied{{Outcome: "fail", Why: "net/a.c:3 is another line"}}, do: stack.Repair, state: stack.NotUpstream,
		},
		{
			name: "done otherwise", patches: []string{"Subject: [PATCH] net: frob: check the ring\n" + strings.NewReplacer("ring_buffer", "other", "ENODEV", "EIO").Replace(hunk)}, index: []equiv.Doc{up},
			landed: []landed.Verdict{{State: landed.Absent, Added: 0, Removed: -1}}, version: "6.2", do: stack.Rework, state: stack.NotUpstream,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := stack.Input{Stack: &patch.Stack{Name: "s"}, Tree: "tree", TreeVersion: tt.version, Apply: tt.apply, Landed: tt.landed, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
			for i, text := range tt.patches {
				in.Stack.Patches = append(in.Stack.Patches, one(t, string(rune('a'+i)), text))
			}
			if tt.index != nil {
				in.Upstream = []*equiv.Index{index(t, tt.index...)}
			}
			r, err := stack.Build(in)
			if err != nil {
				t.Fatal(err)
			}
			e := &r.Patches[0]
			if e.Advice.Do != tt.do || e.Upstream.State != tt.state || len(e.Missing) != tt.missing {
				t.Errorf("%s, %s, %d missing; want %s, %s, %d: %+v", e.Advice.Do, e.Upstream.State, len(e.Missing), tt.do, tt.state, tt.missing, e)
			}
			if e.Advice.Why == "" || r.Totals.Patches != len(tt.patches) {
				t.Errorf("%+v %+v", e.Advice, r.Totals)
			}
			if want := len(tt.patches); (tt.do == stack.Drop) != (r.Totals.Size == want-1) {
				t.Errorf("size %d of %d", r.Totals.Size, want)
			}
			if tt.check != nil {
				tt.check(t, e)
			}
		})
	}
}
