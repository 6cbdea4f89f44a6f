package present_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"ringside/patch/diff"
	"ringside/patch/present"
)

// fix is the kind of change that most are: a check that was missing, and a reference
// that was not put.
const fix = `--- a/net/x.c
+++ b/net/x.c
@@ -8,8 +8,11 @@ static int x_recv(struct sock *sk, int len)
 	struct x_hdr *h;
 	int ret;
 
+	if (len < sizeof(*h))
+		return -EINVAL;
+
 	h = x_header(sk);
 	ret = x_process(h, len);
-	x_put(h);
+	x_put_header(sk, h);
 
 	return ret;
`

const before = `#include "x.h"

/* Receive. */

static int x_recv(struct sock *sk, int len)
{
	/* work */
	struct x_hdr *h;
	int ret;

	h = x_header(sk);
	ret = x_process(h, len);
	x_put(h);

	return ret;
}
`

const after = `#include "x.h"

/* Receive. */

static int x_recv(struct sock *sk, int len)
{
	/* work */
	struct x_hdr *h;
	int ret;

	if (len < sizeof(*h))
		return -EINVAL;

	h = x_header(sk);
	ret = x_process(h, len);
	x_put_header(sk, h);

	return ret;
}
`

func TestCheck(t *testing.T) {
	tabs := strings.NewReplacer("\t", "    ", "(len < sizeof(*h))", "(len  <  sizeof(*h))")
	half := strings.Replace(after, "x_put_header(sk, h)", "x_put(h)", 1)
	for name, tt := range map[string]struct {
		text string
		want present.State
	}{
		"before":                    {before, present.Unfixed},
		"after":                     {after, present.Fixed},
		"after, other blanks":       {tabs.Replace(after), present.Fixed},
		"after, context changed":    {strings.NewReplacer("/* work */", "/* labour */", "	int ret;\n", "	int ret, more;\n").Replace(after), present.Fixed},
		"after, moved far down":     {strings.Repeat("int pad;\n", 500) + after, present.Fixed},
		"half of it":                {half, present.Unfixed},
		"something else":            {"int main(void)\n{\n\treturn 0;\n}\n", present.Unknown},
		"before, and changed by":    {strings.Replace(before, "x_process(h, len)", "x_handle(h, len)", 1), present.Unknown},
		"only returns are the same": {"static int y(void)\n{\n\treturn -EINVAL;\n\n\treturn ret;\n}\n", present.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := diff.Parse(fix)
			if err != nil {
				t.Fatal(err)
			}
			r, err := present.New(fstest.MapFS{"net/x.c": {Data: []byte(tt.text)}}).Check(files, nil)
			if err != nil || r.State != tt.want {
				t.Errorf("%s, want %s: %+v, %v", r.State, tt.want, r.Changes, err)
			}
		})
	}
}

func TestCheckFiles(t *testing.T) {
	files, err := diff.Parse(fix + strings.NewReplacer("net/x.c", "Documentation/x.rst").Replace(fix) +
		"--- a/net/gone.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{"net/new/x.c": {Data: []byte(after)}, "Documentation/x.rst": {Data: []byte(before)}}
	f := present.New(tree)
	r, err := f.Check(files, nil)
	if err != nil || r.State != present.Unknown || len(r.Missing) != 2 {
		t.Errorf("a tree in which the file has moved: %+v, %v", r, err)
	}
	f.Moved = func(file string) []string { return []string{strings.Replace(file, "net/", "net/new/", 1)} }
	r, err = f.Check(files, []string{"net/x.c"})
	if err != nil || r.State != present.Fixed || r.Changes[0].File != "net/new/x.c" || r.Changes[0].Line == 0 {
		t.Errorf("by its other name: %+v, %v", r, err)
	}
	tree["net/gone.c"] = &fstest.MapFile{Data: []byte("a\n")}
	r, err = present.New(tree).Check(files, []string{"net/gone.c"})
	if err != nil || r.State != present.Unfixed {
		t.Errorf("a file that the fix deletes: %+v, %v", r, err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(fix, before)
	f.Add(fix, after)
	f.Fuzz(func(t *testing.T, patch, text string) {
		files, err := diff.Parse(patch)
		if err != nil {
			return
		}
		tree := fstest.MapFS{}
		for _, x := range files {
			if x.Err == nil {
				tree[x.Path()] = &fstest.MapFile{Data: []byte(text)}
			}
		}
		r, err := present.New(tree).Check(files, nil)
		if err == nil && len(r.Changes) == 0 && r.State != present.Unknown {
			t.Fatalf("%s, by nothing", r.State)
		}
	})
}
