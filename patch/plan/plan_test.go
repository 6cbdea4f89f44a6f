package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/patch"
	"ringside/patch/apply"
	"ringside/patch/plan"
	"ringside/patch/read"
)

func tree(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{"Makefile": &fstest.MapFile{Data: []byte("VERSION = 6\nPATCHLEVEL = 6\nSUBLEVEL = 0\n")}}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return out
}

// lines are those of a small driver; some are replaced.
func lines(replace ...string) string {
	text := "#include <linux/module.h>\n\nstatic int first_thing_to_do(void)\n{\n\tprepare_the_device();\n\treturn 0;\n}\n\nstatic int second_thing_to_do(void)\n{\n\tstart_the_device();\n\treturn 0;\n}\n\nstatic int third_thing_to_do(void)\n{\n\tstop_the_device();\n\treturn 0;\n}\n\nMODULE_LICENSE(\"GPL\");\n"
	return strings.NewReplacer(replace...).Replace(text)
}

func TestMake(t *testing.T) {
	patchOf := func(name, from, to string) string {
		return fmt.Sprintf("Subject: %s\n\n--- a/d.c\n+++ b/d.c\n@@ -9,5 +9,5 @@\n static int second_thing_to_do(void)\n {\n-\t%s\n+\t%s\n \treturn 0;\n }\n", name, from, to)
	}
	second := patchOf("second", "start_the_device();", "start_the_device_carefully();")
	for name, tt := range map[string]struct {
		to     string
		files  map[string]string
		patch  string
		file   string
		action plan.Action
		reason string
	}{
		"there":                   {to: lines("start_the_device", "start_the_device_carefully"), patch: second, action: plan.Drop, reason: "the new base has it"},
		"as it is":                {to: "// moved\n" + lines(), patch: second, action: plan.Keep, reason: "it goes on as it is"},
		"other context":           {to: lines("static int second_thing_to_do(void)", "int second_thing_to_do(struct device *dev)"), patch: second, action: plan.Adapt, reason: "d.c:9: the context has changed"},
		"other lines around":      {to: lines("second_thing_to_do(void)\n{\n", "second(void)\n{\n\n\n"), patch: second, action: plan.Adapt, reason: "d.c:11: the context has changed"},
		"other line":              {to: lines("start_the_device();", "start_all_devices();"), patch: second, action: plan.Conflict, reason: "d.c:11: 1 lines of the new base are in the way of 1 of the patch's"},
		"no such file":            {files: map[string]string{"other.c": "int x;\n"}, patch: second, action: plan.Conflict, reason: "d.c is not in the new base"},
		"by its name":             {to: lines("start_the_device();", "start_all_devices();"), patch: second, file: "100-v6.5-second.patch", action: plan.Drop, reason: "it says that it is in v6.5, though"},
		"by its name, but not so": {to: lines(), patch: second, file: "100-v6.5-second.patch", action: plan.Keep, reason: "it says that it is in v6.5, but"},
		"comes later":             {to: lines(), patch: second, file: "100-v6.7-second.patch", action: plan.Keep, reason: "it goes on as it is"},
	} {
		t.Run(name, func(t *testing.T) {
			files := tt.files
			if files == nil {
				files = map[string]string{"d.c": tt.to}
			}
			if tt.file == "" {
				tt.file = "second.patch"
			}
			p := read.Text(tt.file, tt.patch, read.Options{Strip: 1}).Patches
			got, err := plan.Make(t.Context(), plan.Input{Patches: p, From: tree(map[string]string{"d.c": lines()}), To: tree(files)})
			if err != nil {
				t.Fatal(err)
			}
			s := got.Steps[0]
			if s.Action != tt.action || len(s.Reasons) == 0 || !slices.ContainsFunc(s.Reasons, func(r string) bool { return strings.HasPrefix(r, tt.reason) }) {
				t.Errorf("%s: %q", s.Action, s.Reasons)
			}
			if (s.Action == plan.Keep) != (s.Minutes == 0) {
				t.Errorf("%d minutes for %s", s.Minutes, s.Action)
			}
			refreshed(t, got, tree(files))
		})
	}
}

// TestMerge: what GNU patch cannot place, a merge can: the lines around are others, but
// the change itself touches none of them.
func TestMerge(t *testing.T) {
	old := "a1\na2\na3\na4\nvalue = 1;\nb1\nb2\nb3\nb4\n"
	now := strings.NewReplacer("a2", "x2", "b3", "y3").Replace("a1\na2\nnew\nnew\na3\na4\nvalue = 1;\nb1\nnew\nb2\nb3\nb4\n")
	text := "Subject: x\n\n--- a/d.c\n+++ b/d.c\n@@ -1,9 +1,10 @@\n a1\n a2\n a3\n a4\n value = 1;\n+other_value_of_mine = 2;\n b1\n b2\n b3\n b4\n"
	p := read.Text("x.patch", text, read.Options{Strip: 1}).Patches
	got, err := plan.Make(t.Context(), plan.Input{Patches: p, From: tree(map[string]string{"d.c": old}), To: tree(map[string]string{"d.c": now})})
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Steps[0]; s.Action != plan.Adapt || s.Reasons[0] != "GNU patch fails, a three-way merge does not" || s.Applied.Outcome != apply.Fail {
		t.Errorf("%s %q", s.Action, s.Reasons)
	}
	refreshed(t, got, tree(map[string]string{"d.c": now}))
}

// TestCascade: a conflict counts once, and the patches after it find what they build on.
func TestCascade(t *testing.T) {
	one := "--- a/d.c\n+++ b/d.c\n@@ -9,5 +9,5 @@\n static int second_thing_to_do(void)\n {\n-\tstart_the_device();\n+\tmine_one();\n \treturn 0;\n }\n"
	two := strings.NewReplacer("-\tstart_the_device();", "-\tmine_one();", "+\tmine_one();", "+\tmine_two();").Replace(one)
	other := "--- a/e.c\n+++ b/e.c\n@@ -1 +1 @@\n-int e;\n+int mine_three;\n"
	var patches []*patch.Patch
	for i, text := range []string{one, two, other} {
		patches = append(patches, read.Text(fmt.Sprintf("%d.patch", i), text, read.Options{Strip: 1}).Patches...)
	}
	from := tree(map[string]string{"d.c": lines(), "e.c": "int e;\n"})
	to := tree(map[string]string{"d.c": lines("start_the_device();", "start_all_devices();"), "e.c": "long e;\n"})
	got, err := plan.Make(t.Context(), plan.Input{Patches: patches, From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, s := range got.Steps {
		actions = append(actions, string(s.Action))
	}
	if strings.Join(actions, " ") != "conflict keep conflict" || fmt.Sprint(got.Steps[1].After) != "[0]" {
		t.Errorf("%q, after %v", actions, got.Steps[1].After)
	}
	if len(got.Packages) != 2 || got.Conflict != 2 || got.Keep != 1 {
		t.Errorf("%+v", got.Packages)
	}
	refreshed(t, got, to)
}

// refreshed puts what the plan makes of the patches on the new base: all of it goes on
// where it says.
func refreshed(t *testing.T, p *plan.Plan, to fstest.MapFS) {
	t.Helper()
	tr := apply.New(to)
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Action == plan.Drop || s.Diff == "" {
			continue
		}
		for _, q := range read.Text(s.Patch.Name, s.Diff, read.Options{Strip: 1}).Patches {
			if r := tr.Apply(q, apply.Options{}); r.Outcome != apply.Clean {
				t.Errorf("%s: refreshed, it is %s:\n%s", s.Patch.Name, r.Outcome, s.Diff)
			}
		}
	}
}
