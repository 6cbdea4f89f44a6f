package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/owner"
	"ringside/patch"
	"ringside/patch/apply"
	"ringside/patch/check"
	"ringside/patch/read"
)

// mail makes a patch of a subject, a message with trailers, and a diff.
func mail(subject, message, diff string) string {
	return "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: A B <a@b.example>\nDate: Wed, 21 Dec 2022 21:18:59 -0700\nSubject: [PATCH] " +
		subject + "\n\n" + message + "\n---\n" + diff + "-- \n2.39.5\n\n"
}

const (
	why    = "The counter is read without the lock, so that two writers may lose an\nupdate.\n\n"
	signed = "Signed-off-by: A B <a@b.example>"
	good   = "diff --git a/x.c b/x.c\n--- a/x.c\n+++ b/x.c\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n"
)

func added(name string, lines ...string) string {
	return fmt.Sprintf("diff --git a/%s b/%s\nnew file mode 100644\n--- /dev/null\n+++ b/%s\n@@ -0,0 +1,%d @@\n+%s\n", name, name, name, len(lines), strings.Join(lines, "\n+"))
}

func changed(name string, lines ...string) string {
	old, now := 0, 0
	for _, l := range lines {
		if l[0] != '+' {
			old++
		}
		if l[0] != '-' {
			now++
		}
	}
	return fmt.Sprintf("diff --git a/%s b/%s\n--- a/%s\n+++ b/%s\n@@ -1,%d +1,%d @@\n%s\n", name, name, name, name, old, now, strings.Join(lines, "\n"))
}

const maintainers = "Maintainers List\n----------------\n\nNET\nM:\tN E <n@t.example>\nL:\tnet@list.example\nF:\tnet/\n\nMM\nM:\tM M <m@m.example>\nF:\tmm/\n\nFS\nM:\tF S <f@s.example>\nF:\tfs/\n\nTHE REST\nM:\tL T <l@t.example>\nF:\t*\nF:\t*/\n"

// Each rule has a patch that it is said of and one that it is not said of.
func TestRules(t *testing.T) {
	idx, err := owner.Parse(strings.NewReader(maintainers))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := check.ReadPolicy(strings.NewReader("name: team\nareas:\n- id: memory\n  paths: [mm/, \"!mm/kasan/\"]\n  approvals: [m@m.example]\n  reason: every host pays\n"))
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(id string) (check.Commit, bool) {
		c := check.Commit{ID: "123456789abcdef0123456789abcdef012345678", Subject: "net: add frob"}
		return c, strings.HasPrefix(c.ID, id)
	}
	o := check.Options{Target: check.Upstream, Owners: idx, Policy: policy, Lookup: lookup, Sender: patch.Person{Email: "a@b.example"}}
	long := strings.Repeat("word ", 17)
	for _, tt := range []struct {
		rule      string
		bad, fine string
	}{
		{"subject-prefix", mail("add a lock", why+signed, good), mail("net: add a lock", why+signed, good)},
		{"subject-length", mail("net: "+long, why+signed, good), mail("net: add a lock", why+signed, good)},
		{"subject-mood", mail("net: Added a lock", why+signed, good), mail("net: Embed a lock", why+signed, good)},
		{"subject-stop", mail("net: add a lock.", why+signed, good), mail("net: add a lock", why+signed, good)},
		{"description", mail("net: add a lock", signed, good), mail("net: add a lock", why+signed, good)},
		{"description-why", mail("net: add a lock", "Add a lock to the net.\n\n"+signed, good), mail("net: add a lock", why+signed, good)},
		{"wrap", mail("net: add a lock", why+long+long+"\n\n"+signed, good), mail("net: add a lock", why+"  "+long+long+"\nhttps://a.example/"+strings.Repeat("x", 90)+"\n[   12.345678] "+long+long+"\n\n"+signed, good)},
		{"commit-reference", mail("net: add a lock", why+"Since commit 123456789abc it is so.\n\n"+signed, good), mail("net: add a lock", why+"Since commit 123456789abc (\"net: add\nfrob\") it is so.\n\n"+signed, good)},
		{"commit-unknown", mail("net: add a lock", why+"Fixes: aaaaaaaaaaaa (\"net: add frob\")\n"+signed, good), mail("net: add a lock", why+"Fixes: 123456789abc (\"net: add frob\")\n"+signed, good)},
		{"commit-subject", mail("net: add a lock", why+"Fixes: 123456789abc (\"net: add foo\")\n"+signed, good), mail("net: add a lock", why+"Fixes: 123456789abc (\"net: add frob\")\n"+signed, good)},
		{"version-changes", strings.Replace(mail("net: add a lock", why+signed, good), "[PATCH]", "[PATCH v2]", 1), strings.Replace(strings.Replace(mail("net: add a lock", why+signed, good), "[PATCH]", "[PATCH v2]", 1), "---\ndiff", "---\nv2: said why\n\ndiff", 1)},
		{"change-id", mail("net: add a lock", why+signed+"\nChange-Id: I7df67e0e2435ba28f10eaa57d28d98b61a9210a6", good), mail("net: add a lock", why+signed, good)},
		{"signed-off", mail("net: add a lock", why, good), mail("net: add a lock", why+signed, good)},
		{"signed-off-author", mail("net: add a lock", why+"Signed-off-by: C D <c@d.example>", good), mail("net: add a lock", why+signed, good)},
		{"signed-off-sender", mail("net: add a lock", why+signed+"\nSigned-off-by: C D <c@d.example>", good), mail("net: add a lock", why+"Signed-off-by: C D <c@d.example>\n"+signed, good)},
		{"signed-off-form", mail("net: add a lock", why+"Signed-off-by: A B\n"+signed, good), mail("net: add a lock", why+signed, good)},
		{"co-developed", mail("net: add a lock", why+"Co-developed-by: C D <c@d.example>\n"+signed, good), mail("net: add a lock", why+"Co-developed-by: C D <c@d.example>\nSigned-off-by: C D <c@d.example>\n"+signed, good)},
		{"reported-link", mail("net: add a lock", why+"Reported-by: C D <c@d.example>\n"+signed, good), mail("net: add a lock", why+"Reported-by: C D <c@d.example>\nCloses: https://lore.kernel.org/r/x@y\n"+signed, good)},
		{"trailer-key", mail("net: add a lock", why+"Signd-off-by: C D <c@d.example>\n"+signed, good), mail("net: add a lock", why+"Reviewed-by: C D <c@d.example>\nCoccinelle-by: x\n"+signed, good)},
		{"link", mail("net: add a lock", why+"Link: https://lkml.org/lkml/2022/1/1/1\n"+signed, good), mail("net: add a lock", why+"Link: https://lore.kernel.org/r/x@y\n"+signed, good)},
		{"fixes-format", mail("net: add a lock", why+"Fixes: 123456 (\"net: add frob\")\n"+signed, good), mail("net: add a lock", why+"Fixes: 123456789abc (\"net: add frob\")\n"+signed, good)},
		{"fixes-stable", mail("net: add a lock", why+"Fixes: 123456789abc (\"net: add frob\")\n"+signed, good), mail("net: add a lock", why+"Fixes: 123456789abc (\"net: add frob\")\nCc: stable@vger.kernel.org\n"+signed, good)},
		{"stable-fixes", mail("net: add a lock", why+"Cc: stable@vger.kernel.org\n"+signed, good), mail("net: add a lock", why+"Cc: stable@vger.kernel.org # 6.1.x\n"+signed, good)},
		{"mixed-subsystems", mail("net: add a lock", why+signed, changed("net/a.c", "+a")+changed("mm/b.c", "+a")+changed("fs/c.c", "+a")), mail("net: add a lock", why+signed, changed("net/a.c", "+a")+changed("net/b.c", "+a")+changed("net/c.c", "+a"))},
		{"missing-recipient", strings.Replace(mail("net: add a lock", why+signed, changed("net/a.c", "+a")), "Subject:", "To: N E <n@t.example>\nSubject:", 1), strings.Replace(mail("net: add a lock", why+signed, changed("net/a.c", "+a")), "Subject:", "To: N E <N@t.example>\nCc: net@list.example,\n l@t.example\nSubject:", 1)},
		{"mixed-whitespace", mail("net: add a lock", why+signed, changed("net/a.c", "-a = 1;", "+\ta = 1;", " x", "-b = 1;", "+\tb = 1;", " x", "-c=1;", "+c = 1;", " x", "+d", " x", "+e", " x", "+f")), mail("net: add a lock", why+signed, changed("net/a.c", "+d", " x", "+e", " x", "-a", "+f"))},
		{"spdx", mail("net: add a lock", why+signed, added("net/a.c", "int a;")), mail("net: add a lock", why+signed, added("net/a.c", "// SPDX-License-Identifier: GPL-2.0-only", "int a;"))},
		{"licence", mail("net: add a lock", why+signed, added("net/a.c", "// SPDX-License-Identifier: GPL-4.0", "int a;")), mail("net: add a lock", why+signed, added("net/a.c", "// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)", "int a;"))},
		{"uapi-licence", mail("net: add a lock", why+signed, added("include/uapi/a.h", "/* SPDX-License-Identifier: GPL-2.0 */", "int a;")), mail("net: add a lock", why+signed, added("include/uapi/a.h", "/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */", "int a;"))},
		{"export-added", mail("net: add a lock", why+signed, changed("net/a.c", "+EXPORT_SYMBOL_GPL(foo);")), mail("net: add a lock", why+signed, changed("net/a.c", "-EXPORT_SYMBOL_GPL(foo);")+changed("net/b.c", "+EXPORT_SYMBOL_GPL(foo);"))},
		{"export-removed", mail("net: add a lock", why+signed, changed("net/a.c", "-EXPORT_SYMBOL_GPL(foo);")), mail("net: add a lock", why+signed, changed("net/a.c", "-EXPORT_SYMBOL_GPL(foo);")+changed("net/b.c", "+EXPORT_SYMBOL_GPL(foo);"))},
		{"export-licence", mail("net: add a lock", why+signed, changed("net/a.c", "-EXPORT_SYMBOL(foo);", "+EXPORT_SYMBOL_GPL(foo);")), mail("net: add a lock", why+signed, changed("net/a.c", "-EXPORT_SYMBOL_GPL(foo);", "+EXPORT_SYMBOL_NS_GPL(foo, X);"))},
		{"uapi-removed", mail("net: add a lock", why+signed, changed("include/uapi/a.h", " struct a {", "-\tint b;", " };")), mail("net: add a lock", why+signed, changed("include/uapi/a.h", " enum a {", "-\tB", "+\tB,", "+\tC,", " };"))},
		{"uapi-added", mail("net: add a lock", why+signed, changed("include/uapi/a.h", " enum a {", "+\tB,", " };")), mail("net: add a lock", why+signed, changed("include/uapi/a.h", " enum a {", "+/* a comment */", " };"))},
		{"uapi-ioctl", mail("net: add a lock", why+signed, changed("include/uapi/a.h", "-#define A_GET _IOR('a', 1, int)", "+#define A_GET _IOR('a', 2, int)")), mail("net: add a lock", why+signed, changed("include/uapi/a.h", "+#define A_SET _IOR('a', 2, int)"))},
		{"syscall-added", mail("net: add a lock", why+signed, changed("mm/a.c", "+SYSCALL_DEFINE1(frob, int, a)")), mail("net: add a lock", why+signed, changed("mm/a.c", "-SYSCALL_DEFINE1(frob, int, a)", "+SYSCALL_DEFINE1(frob, long, a)"))},
		{"kconfig-help", mail("net: add a lock", why+signed, changed("net/Kconfig", "+config FOO", "+\tbool \"Foo\"", "+\tdepends on BAR", " config X")), mail("net: add a lock", why+signed, changed("net/Kconfig", "+config FOO", "+\tbool \"Foo\"", "+\thelp", "+\t  It is.", "+config BAR", "+\tbool", " config X"))},
		{"module-licence", mail("net: add a lock", why+signed, added("net/a.c", "// SPDX-License-Identifier: GPL-2.0", "module_init(a);")), mail("net: add a lock", why+signed, added("net/a.c", "// SPDX-License-Identifier: GPL-2.0", "module_init(a);", "MODULE_LICENSE(\"GPL\");"))},
		{"maintainers", mail("net: add a lock", why+signed, added("lib/a.c", "// SPDX-License-Identifier: GPL-2.0", "int a;")), mail("net: add a lock", why+signed, added("net/a.c", "// SPDX-License-Identifier: GPL-2.0", "int a;"))},
		{"dt-bindings", mail("net: add a lock", why+signed, changed("Documentation/devicetree/bindings/a.yaml", "+a")+changed("net/a.c", "+a")), mail("net: add a lock", why+signed, changed("Documentation/devicetree/bindings/a.yaml", "+a"))},
		{"rename-edit", mail("net: add a lock", why+signed, strings.Replace(changed("net/b.c", "+a", " x", "+a", " x", "+a", " x", "+a", " x", "+a", " x", "+a"), "--- a", "rename from net/a.c\nrename to net/b.c\n--- a", 1)), mail("net: add a lock", why+signed, strings.Replace(changed("net/b.c", "+a", " x"), "--- a", "rename from net/a.c\nrename to net/b.c\n--- a", 1))},
		{"approval", mail("mm: add a lock", why+signed, changed("mm/a.c", "+a")), mail("mm: add a lock", why+"Acked-by: M M <m@m.example>\n"+signed, changed("mm/a.c", "+a")+changed("mm/kasan/b.c", "+a"))},
		{"order", mail("net: use", why+signed, changed("net/a.c", "+\tfrobnicate(1);")) + mail("net: add", why+signed, changed("net/b.c", "+int frobnicate(int a)", "+{", "+}")), mail("net: add", why+signed, changed("net/b.c", "+int frobnicate(int a)", "+{", "+}")) + mail("net: use", why+signed, changed("net/a.c", "+\tfrobnicate(1);"))},
		{"rcu-unlocked", mail("net: add a lock", why+signed, added("net/a.c", "// SPDX-License-Identifier: GPL-2.0", "int f(struct foo *p)", "{", "\trcu_read_lock();", "\tg();", "\trcu_read_unlock();", "\treturn h(rcu_dereference(p->b));", "}")), mail("net: add a lock", why+signed, added("net/a.c", "// SPDX-License-Identifier: GPL-2.0", "int f(struct foo *p)", "{", "\tint x;", "\trcu_read_lock();", "\tx = h(rcu_dereference(p->b));", "\trcu_read_unlock();", "\treturn x;", "}"))},
		{"missing-unlock", mail("net: add a lock", why+signed, added("net/a.c", "// SPDX-License-Identifier: GPL-2.0", "int f(struct foo *p)", "{", "\tmutex_lock(&p->l);", "\tif (g())", "\t\treturn -EIO;", "\tmutex_unlock(&p->l);", "\treturn 0;", "}")), mail("net: add a lock", why+signed, changed("net/a.c", " int f(struct foo *p)", " {", " \tmutex_lock(&p->l);", "-\tif (h())", "+\tif (g())", " \t\treturn -EIO;", " \tmutex_unlock(&p->l);", " \treturn 0;", " }"))},
	} {
		if check.RuleByID(tt.rule).Title == "" {
			t.Errorf("%s is no rule", tt.rule)
		}
		for want, text := range map[bool]string{true: tt.bad, false: tt.fine} {
			stack := read.Text("series.mbox", text, read.Options{})
			report := check.Stack(stack, o)
			got := slices.ContainsFunc(report.Findings, func(f check.Finding) bool { return f.Rule == tt.rule })
			if got != want {
				t.Errorf("%s: found is %v, want %v: %+v", tt.rule, got, want, report.Findings)
			}
			for _, f := range report.Findings {
				if f.Text == "" || f.Why == "" || f.Severity == "" || f.Confidence == 0 {
					t.Errorf("%s: a finding is not whole: %+v", tt.rule, f)
				}
			}
		}
	}
}

// Stable has rules of its own.
func TestStable(t *testing.T) {
	o := check.Options{Target: check.Stable}
	for text, want := range map[string]bool{
		mail("net: add a lock", why+signed, good): true,
		mail("net: add a lock", "commit 123456789abcdef0123456789abcdef012345678 upstream.\n\n"+why+signed, good): false,
	} {
		report := check.Stack(read.Text("a.patch", text, read.Options{}), o)
		if got := slices.ContainsFunc(report.Findings, func(f check.Finding) bool { return f.Rule == "stable-commit" }); got != want {
			t.Errorf("found is %v, want %v: %v", got, want, report.Findings)
		}
	}
}

// On a tree, functions are read before and after: what was wrong before is not said, what
// a patch brings is, and a patch that does not apply is.
func TestTree(t *testing.T) {
	before := "#include <x.h>\nint f(struct foo *p)\n{\n\tmutex_lock(&p->l);\n\tif (g())\n\t\treturn -EIO;\n\tmutex_unlock(&p->l);\n\treturn 0;\n}\n\nint h(struct foo *p)\n{\n\tmutex_lock(&p->l);\n\tx();\n\tmutex_unlock(&p->l);\n\treturn 0;\n}\nEXPORT_SYMBOL(h);\n"
	hunk := "diff --git a/net/a.c b/net/a.c\n--- a/net/a.c\n+++ b/net/a.c\n@@ -11,7 +11,8 @@ int f\n-int h(struct foo *p)\n+int h(struct foo *p, int a)\n {\n \tmutex_lock(&p->l);\n-\tx();\n+\tif (x())\n+\t\treturn -EIO;\n \tmutex_unlock(&p->l);\n \treturn 0;\n }\n"
	second := strings.ReplaceAll(hunk, "x();", "nothing();")
	tree := apply.New(fstest.MapFS{"net/a.c": {Data: []byte(before)}})
	report := check.Stack(read.Text("s.mbox", mail("net: a", why+signed, hunk)+strings.Replace(mail("net: b", why+signed, second), "From 0", "From 1", 1), read.Options{}), check.Options{Tree: tree, Target: check.Upstream})
	var got []string
	for _, f := range report.Findings {
		got = append(got, fmt.Sprintf("%s %s:%d", f.Rule, f.File, f.Line))
	}
	want := []string{"missing-unlock net/a.c:15", "export-signature net/a.c:11", "apply net/a.c:0", "missing-unlock net/a.c:15"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPolicyIsChecked(t *testing.T) {
	for _, text := range []string{
		"areas:\n- paths: [a/]\n  approvals: [x]\n", "areas:\n- id: a\n  approvals: [x]\n", "areas:\n- id: a\n  paths: [a/]\n",
		"areas:\n- id: a\n  paths: [\"[\"]\n  approvals: [x]\n", "areas:\n- id: a\n  paths: [a/]\n  approvals: [x]\n  severity: bad\n", "unknown: 1\n",
	} {
		if _, err := check.ReadPolicy(strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken for a policy", text)
		}
	}
}

// What another tool says of the same line is not said twice.
func TestMerge(t *testing.T) {
	r := &check.Report{Findings: []check.Finding{{Rule: "signed-off", Severity: check.Error}}}
	r.Merge([]check.Finding{
		{Rule: "checkpatch:MISSING_SIGN_OFF", Severity: check.Error}, {Rule: "checkpatch:LONG_LINE", File: "a.c", Line: 3, Severity: check.Warning},
		{Rule: "checkpatch:LONG_LINE", File: "a.c", Line: 3, Severity: check.Warning},
	})
	if len(r.Findings) != 2 || r.Counts.Warnings != 1 {
		t.Errorf("%+v", r)
	}
}

func FuzzStack(f *testing.F) {
	f.Add(mail("net: Added a lock.", why+"Fixes: 12 (\"x\nReported-by: x\n"+signed, good))
	f.Add(mail("x", "", added("include/uapi/a.h", "#define X _IO('a')", "SYSCALL_DEFINE1(a")+changed("Kconfig", "+config A", "+bool \"x\"")))
	f.Fuzz(func(t *testing.T, text string) {
		stack := read.Text("x", text, read.Options{})
		check.Stack(stack, check.Options{Tree: apply.New(fstest.MapFS{"x.c": {Data: []byte("a\nb\nd\n")}})})
	})
}
