package equiv_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"ringside/patch/diff"
	"ringside/patch/equiv"
)

func parse(t testing.TB, text string) []diff.File {
	t.Helper()
	files, err := diff.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func build(t testing.TB, docs ...equiv.Doc) *equiv.Index {
	t.Helper()
	b := equiv.Builder{Source: "a test", Tip: "abc"}
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

const (
	base = `--- a/net/a.c
+++ b/net/a.c
@@ -10,6 +10,9 @@ static int frob_start(struct frob *f)
 	int ret;
 
 	ret = frob_check(f);
+	if (!f->ring_buffer)
+		return -ENODEV;
+
 	if (ret)
 		return ret;
 	return 0;
@@ -40,2 +43,2 @@ static void frob_stop(struct frob *f)
-	frob_free_everything(f);
+	frob_free_ring_buffer(f);
 }
`
	// The same with other context, other numbers, other blanks, in another file.
	moved = `--- a/drivers/net/frob/main.c
+++ b/drivers/net/frob/main.c
@@ -110,4 +110,7 @@ int frob_begin(struct frob *frob)
 	int err;
 
 	err = other_check(frob);
+        if (!f->ring_buffer)
+                return -ENODEV;
+
 	if (err)
@@ -240,2 +243,2 @@ static void frob_stop(struct frob *f)
-	frob_free_everything( f );
+	frob_free_ring_buffer(f);
 	something();
`
	edited = `--- a/net/a.c
+++ b/net/a.c
@@ -10,1 +10,4 @@ static int frob_start(struct frob *f)
 	ret = frob_check(f);
+	if (!f->ring_buffer)
+		return -EINVAL;
+
@@ -40,2 +43,2 @@ static void frob_stop(struct frob *f)
-	frob_free_everything(f);
+	frob_free_ring_buffer(f);
 }
`
	other = `--- a/net/b.c
+++ b/net/b.c
@@ -1,2 +1,3 @@ static int unrelated(void)
 {
+	pr_info("nothing of the kind\n");
 	return 0;
 }
`
)

func doc(t testing.TB, name, subject, text string) equiv.Doc {
	files := parse(t, text)
	d := equiv.Doc{Name: name, Subject: subject, Print: equiv.FromDiff(files)}
	for i := range files {
		d.Paths = append(d.Paths, files[i].Path())
	}
	return d
}

func TestSimilar(t *testing.T) {
	folded := doc(t, "folded", "net: everything at once", base+other+`--- a/net/c.c
+++ b/net/c.c
@@ -1,1 +1,9 @@
 int x;
+static int many_more_lines_of_another_kind(void)
+{
+	return another_kind_of_line(1) + another_kind_of_line(2);
+}
+static int and_still_more_of_them(void)
+{
+	return and_still_more_of_them_than_before();
+}
`)
	for _, tt := range []struct {
		name, text, subject string
		against             []equiv.Doc
		want                equiv.MatchKind
		of                  string
	}{
		{"the same", base, "", []equiv.Doc{doc(t, "x", "", base), doc(t, "y", "", other)}, equiv.Identical, "x"},
		{"moved, other context and blanks", base, "", []equiv.Doc{doc(t, "x", "", moved), doc(t, "y", "", other)}, equiv.Identical, "x"},
		{"a small edit", base, "", []equiv.Doc{doc(t, "x", "", edited), doc(t, "y", "", other)}, equiv.Modified, "x"},
		{"folded with more", base, "", []equiv.Doc{folded, doc(t, "y", "", strings.ReplaceAll(other, "nothing", "something"))}, equiv.Part, "folded"},
		{"another with its subject", other, "[PATCH v2 1/3] net: Frob it", []equiv.Doc{doc(t, "x", "net: frob it", base)}, equiv.SameSubject, "x"},
		{"nothing alike", other, "", []equiv.Doc{doc(t, "x", "net: frob it", base)}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := doc(t, "query", tt.subject, tt.text)
			got, err := build(t, tt.against...).Similar(equiv.Query{Doc: &q})
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				if len(got) > 0 {
					t.Fatalf("%s is taken for %s", got[0].Doc.Name, got[0].Describe())
				}
				return
			}
			if len(got) == 0 || got[0].Kind != tt.want || got[0].Doc.Name != tt.of {
				t.Fatalf("got %+v, want %s of %s", got, tt.want, tt.of)
			}
		})
	}
}

// A commit that is named is found, also where its lines do not show it.
func TestNamedOrigin(t *testing.T) {
	id := strings.Repeat("0123456789", 4)
	x := build(t, doc(t, id, "net: frob it", base), doc(t, "y", "", moved))
	q := doc(t, "query", "net: a backport of it", other)
	q.Upstream = []string{id[:14]}
	got, err := x.Similar(equiv.Query{Doc: &q})
	if err != nil || len(got) != 1 || got[0].Kind != equiv.Said || got[0].Doc.Name != id {
		t.Fatalf("%+v, %v", got, err)
	}
	docs, err := x.Named(id[:12])
	if err != nil || len(docs) != 1 || docs[0].Subject != "net: frob it" {
		t.Fatalf("%+v, %v", docs, err)
	}
}

// What a counter makes of two versions of a file is what a diff of them gives.
func TestContentIsDiff(t *testing.T) {
	before := "#include <a.h>\n\nint f(void)\n{\n\treturn 1;\n}\n\nint g(void)\n{\n\treturn 2;\n}\n"
	after := "#include <a.h>\n#include <b.h>\n\nint f(void)\n{\n\treturn one();\n}\n\nint g(void)\n{\n\treturn 2;\n}\nint h;\n"
	text := `--- a/x.c
+++ b/x.c
@@ -1,11 +1,13 @@
 #include <a.h>
+#include <b.h>
 
 int f(void)
 {
-	return 1;
+	return one();
 }
 
 int g(void)
 {
 	return 2;
 }
+int h;
`
	want := equiv.FromDiff(parse(t, text))
	c := equiv.NewCounter()
	touched := map[string]bool{}
	var f equiv.Functions
	c.Touched = func(content []byte, offset int) { touched[f.At(content, offset)] = true }
	c.File([]byte(before), []byte(after))
	if got := c.Print(); !reflect.DeepEqual(got, want) {
		t.Errorf("of contents %+v\nof a diff  %+v", got, want)
	}
	if !touched["f"] || touched["g"] {
		t.Errorf("functions %v", touched)
	}
	// A rename with an edit is the edit.
	c.File([]byte(before), nil)
	c.File(nil, []byte(after))
	if got := c.Print(); !reflect.DeepEqual(got, want) {
		t.Errorf("renamed %+v\nin place %+v", got, want)
	}
}

// Random edits of random files: contents and whole-file diffs agree.
func TestContentIsDiffRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		lines := func(n int) []string {
			var out []string
			for range n {
				out = append(out, fmt.Sprintf("line %d;", r.IntN(40)))
			}
			return out
		}
		a := lines(r.IntN(60))
		b := append([]string(nil), a...)
		for range r.IntN(8) {
			at := r.IntN(len(b) + 1)
			b = append(b[:at:at], append(lines(r.IntN(3)), b[min(len(b), at+r.IntN(3)):]...)...)
		}
		var text strings.Builder
		fmt.Fprintf(&text, "--- a/x\n+++ b/x\n@@ -1,%d +1,%d @@\n", len(a), len(b))
		for _, l := range a {
			text.WriteString("-" + l + "\n")
		}
		for _, l := range b {
			text.WriteString("+" + l + "\n")
		}
		join := func(l []string) []byte {
			if len(l) == 0 {
				return []byte{}
			}
			end := "\n"
			if r.IntN(3) == 0 {
				end = ""
			}
			return []byte(strings.Join(l, "\n") + end)
		}
		c := equiv.NewCounter()
		c.File(join(a), join(b))
		got := c.Print()
		var want equiv.Print
		if len(a)+len(b) > 0 {
			want = equiv.FromDiff(parse(t, text.String()))
		}
		// A diff of moved lines alone falls back to what it shows.
		if got.Empty() {
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("round %d: of contents %+v, of a diff %+v\n%s", round, got, want, text.String())
		}
	}
}

func TestKnownFixes(t *testing.T) {
	fix := doc(t, strings.Repeat("a", 40), "net: frob: fix use-after-free in frob_start", base)
	fix.Functions, fix.Fixes = []string{"frob_start", "frob_stop"}, []string{strings.Repeat("b", 12)}
	fix.Words = equiv.MessageWords("KASAN: slab-use-after-free in frob_start+0x12/0x40\nCall trace: frob_ioctl")
	fix.Date = time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	later := doc(t, strings.Repeat("c", 40), "net: frob: the fix was not enough", edited)
	later.Fixes = []string{fix.Name[:12]}
	tidy := doc(t, strings.Repeat("d", 40), "net: frob: tidy up", moved)
	tidy.Functions = []string{"frob_ioctl"}
	x := build(t, fix, later, tidy, doc(t, "e", "other", other))
	got, err := x.KnownFixes(equiv.Crash{Functions: []string{"frob_start", "frob_ioctl"}, Files: []string{"net/a.c"}, Text: "BUG: KASAN: slab-use-after-free in frob_start"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < 2 || got[0].Doc.Name != fix.Name || got[0].Score <= got[1].Score {
		t.Fatalf("%+v", got)
	}
	if len(got[0].Fixed) != 1 || got[0].Fixed[0] != later.Name {
		t.Errorf("the later fix is not named: %+v", got[0])
	}
	if text := strings.Join(got[0].Evidence, "\n"); !strings.Contains(text, "changes frob_start, where it failed") || !strings.Contains(text, "speaks of use-after-free") {
		t.Errorf("evidence:\n%s", text)
	}
	if got, err = x.KnownFixes(equiv.Crash{Functions: []string{"nothing_here"}}, 0); err != nil || len(got) > 0 {
		t.Errorf("an unknown function: %+v, %v", got, err)
	}
}

func TestExplain(t *testing.T) {
	pairs := equiv.Explain(parse(t, base), parse(t, edited))
	if len(pairs) != 2 || pairs[0].Common != 2 && pairs[0].Common != 1 || !pairs[1].Same() {
		t.Fatalf("%+v", pairs)
	}
	rows := pairs[0].Columns()
	both, left, right := 0, 0, 0
	for _, r := range rows {
		switch {
		case r[0] != "" && r[1] != "":
			both++
		case r[0] != "":
			left++
		default:
			right++
		}
	}
	if both != 3 || left == 0 || right == 0 {
		t.Errorf("%d %d %d: %q", both, left, right, rows)
	}
}

// A damaged index gives an error or other answers, never a panic or endless work.
func TestDamagedIndex(t *testing.T) {
	var out bytes.Buffer
	b := equiv.Builder{}
	for i, text := range []string{base, moved, edited, other} {
		d := doc(t, fmt.Sprintf("doc%07d", i), fmt.Sprint("subject ", i), text)
		if err := b.Add(&d); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range out.Len() {
		broken := bytes.Clone(out.Bytes())
		broken[i] ^= 0xff
		refused += tryIndex(t, broken)
		refused += tryIndex(t, out.Bytes()[:i])
	}
	if refused < out.Len() {
		t.Errorf("%d of %d damages were refused", refused, 2*out.Len())
	}
}

func tryIndex(t testing.TB, data []byte) int {
	x, err := equiv.OpenIndex(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		if !errors.Is(err, equiv.ErrIndex) && !strings.Contains(err.Error(), "EOF") {
			t.Errorf("unexpected: %v", err)
		}
		return 1
	}
	q := doc(t, "q", "subject 1", base)
	_, err1 := x.Similar(equiv.Query{Doc: &q})
	_, err2 := x.KnownFixes(equiv.Crash{Functions: []string{"frob_start"}, Files: []string{"net/a.c"}}, 3)
	_, err3 := x.Named("doc0000001")
	if err1 != nil || err2 != nil || err3 != nil {
		return 1
	}
	return 0
}

func FuzzIndex(f *testing.F) {
	var out bytes.Buffer
	b := equiv.Builder{Source: "fuzz"}
	for i, text := range []string{base, edited} {
		d := doc(f, fmt.Sprintf("doc%07d", i), "subject", text)
		if err := b.Add(&d); err != nil {
			f.Fatal(err)
		}
	}
	if err := b.Write(&out); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add([]byte("RSEQUIV1"))
	f.Fuzz(func(t *testing.T, data []byte) { tryIndex(t, data) })
}

// synthetic makes an index of n changes with as many lines as the kernel's have, some of
// them common.
func synthetic(b *testing.B, n int) (*equiv.Index, equiv.Doc) {
	b.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	zipf := rand.NewZipf(r, 1.2, 8, 1<<22)
	var builder equiv.Builder
	var one equiv.Doc
	for i := range n {
		var text strings.Builder
		text.WriteString("--- a/x.c\n+++ b/x.c\n@@ -1,0 +1,40 @@ f(\n")
		for range 40 {
			fmt.Fprintf(&text, "+line %d;\n", zipf.Uint64()*uint64(1+r.IntN(50)))
		}
		d := equiv.Doc{Name: fmt.Sprintf("%040x", i), Subject: fmt.Sprint("change ", i), Paths: []string{fmt.Sprintf("drivers/d%d.c", i%5000)}, Print: equiv.FromDiff(parse(b, text.String()))}
		if i == n/2 {
			one = d
		}
		if err := builder.Add(&d); err != nil {
			b.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := builder.Write(&out); err != nil {
		b.Fatal(err)
	}
	x, err := equiv.OpenIndex(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(out.Len())/1e6, "MB")
	data := out.Bytes()
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := equiv.OpenIndex(bytes.NewReader(data), int64(len(data))); err != nil {
				b.Fatal(err)
			}
		}
	})
	return x, one
}

// BenchmarkIndex opens and searches an index of 100,000 changes.
func BenchmarkIndex(b *testing.B) {
	x, one := synthetic(b, 100_000)
	b.Run("similar", func(b *testing.B) {
		for b.Loop() {
			got, err := x.Similar(equiv.Query{Doc: &one})
			if err != nil || len(got) == 0 || got[0].Doc.Name != one.Name {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.KnownFixes(equiv.Crash{Files: []string{"drivers/d7.c"}}, 10); err != nil {
				b.Fatal(err)
			}
		}
	})
}
