package cpp_test

import (
	"fmt"
	"strings"
	"testing"

	"ringside/kbuild/cpp"
)

// config answers for the symbols that a test names; TAKEN is one whose macro something
// else than the configuration decides.
func config(name string) (string, bool) {
	if name == "TAKEN" {
		return "", false
	}
	return map[string]string{"Y": "y", "M": "m", "N": "n", "HZ": "250", "BASE": "0x1000", "NAME": `"vm"`}[name], true
}

// Each line of the text says after // what is to be said of it.
func TestLines(t *testing.T) {
	const text = `/* SPDX */
#ifndef _LINUX_X_H // yes
#define _LINUX_X_H // yes
int a; // yes
#ifdef CONFIG_Y
int b; // yes
#else // yes
int c; // no
# ifdef CONFIG_Y // no
int d; // no
# endif // no
int e; // no
#endif
#if defined(CONFIG_N) || \
	IS_ENABLED(CONFIG_M) // yes
int f; // yes
#elif defined(CONFIG_Y) // yes
int g; // no
#else
int h; // no
#endif // yes
#ifdef CONFIG_M
int i; // no
#endif
#ifdef CONFIG_M_MODULE
int j; // yes
#endif
#if 0
do not /* #endif
#endif */
don't // no
int k; // no
#endif
#ifdef MODULE
int l; // unknown
#ifndef CONFIG_Y
int m; // no
#endif
#else
int n; // unknown
#endif
char *s = "/*"; char q = '"'; // yes
#if CONFIG_HZ == 250 && CONFIG_BASE >= 0x1000 && !defined CONFIG_N
int o; // yes
#elif FOO
int p; // no
#endif
#if defined(FOO) && IS_BUILTIN(CONFIG_M)
int r; // no
#endif
#if IS_MODULE(CONFIG_M) && (IS_REACHABLE(CONFIG_Y))
int u; // yes
#endif
#if IS_REACHABLE(CONFIG_M)
int v; // unknown
#endif
#ifdef CONFIG_TAKEN
int w; // unknown
#endif
/* a comment before */ #ifdef CONFIG_N /* and
behind */
int x; // no
#endif
	if (IS_ENABLED(CONFIG_N)) // yes
#if CONFIG_HZ + 1 > 2
int y; // unknown
#elif CONFIG_NAME
int z; // unknown
#endif
#ifdef CONFIG_N
#define LONG(x) \
	(x) // no
#endif
#endif // yes
`
	f := cpp.Parse([]byte(text))
	if f.Broken() != "" {
		t.Fatal(f.Broken())
	}
	v := f.Under(config)
	n := 0
	for i, line := range strings.Split(text, "\n") {
		_, want, ok := strings.Cut(line, "// ")
		if !ok {
			continue
		}
		n++
		got, why := v.Lines(i+1, i+1)
		if got.String() != want {
			t.Errorf("line %d, %q: %s, %v", i+1, line, got, why)
		}
		if got == cpp.No && len(why) == 0 {
			t.Errorf("line %d, %q: without a reason", i+1, line)
		}
	}
	if n < 36 {
		t.Errorf("only %d lines were asked about", n)
	}
}

// What decides about lines is named, and a stretch is left out only where all of it is.
func TestReasons(t *testing.T) {
	f := cpp.Parse([]byte("#ifdef CONFIG_Y\n#if defined(X) && defined(CONFIG_N)\na\nb\n#elif defined(CONFIG_Y)\nc\n#else\nd\n#endif\ne\n#endif\n"))
	v := f.Under(config)
	for _, tt := range []struct {
		first, last int
		want        string
	}{
		{3, 4, "no [{2 #if defined(X) && defined(CONFIG_N) N no}]"},
		{3, 5, "yes [{1 #ifdef CONFIG_Y Y yes}]"},
		{3, 6, "yes [{1 #ifdef CONFIG_Y Y yes} {5 #elif defined(CONFIG_Y) of #if defined(X) && defined(CONFIG_N) Y yes}]"},
		{8, 8, "no [{7 #else of #if defined(X) && defined(CONFIG_N) N no}]"},
		{4, 3, "no [{2 #if defined(X) && defined(CONFIG_N) N no}]"}, // between a and b
		{3, 2, "no [{2 #if defined(X) && defined(CONFIG_N) N no}]"}, // before a
		{2, 1, "yes [{1 #ifdef CONFIG_Y Y yes}]"},                   // before the #if
		{1, 0, "yes []"},   // before everything
		{12, 11, "yes []"}, // behind everything
		{12, 12, "unknown []"}, {0, 3, "unknown []"}, {14, 13, "unknown []"},
	} {
		got, why := v.Lines(tt.first, tt.last)
		if s := fmt.Sprintf("%s %v", got, why); s != tt.want {
			t.Errorf("%d-%d: %s, want %s", tt.first, tt.last, s, tt.want)
		}
	}
}

func TestBroken(t *testing.T) {
	for text, want := range map[string]string{
		"#ifdef A\nx\n":                          "line 1: #ifdef without #endif",
		"x\n#endif\n":                            "line 2: #endif without #if",
		"#else\n":                                "line 1: #else without #if",
		"#if 1\n#else\n#else\n#endif\n":          "line 3: #else after #else",
		strings.Repeat("#if 0\n", 300):           "line 201: more than 200 conditionals in each other",
		"#if " + strings.Repeat("(", 1000) + "1": "line 1: #if without #endif",
	} {
		f := cpp.Parse([]byte(text))
		if f.Broken() != want {
			t.Errorf("%.40q: %q, want %q", text, f.Broken(), want)
		}
		if got, _ := f.Under(config).Lines(1, 1); got != cpp.Unknown {
			t.Errorf("%.40q: %s", text, got)
		}
	}
}

func TestRedefined(t *testing.T) {
	f := cpp.Parse([]byte("#undef CONFIG_64BIT\n# define CONFIG_X86_32 1\n#define CONFIG_F(x) x\n#define OTHER\n/* #undef CONFIG_NOT */\n"))
	if got := fmt.Sprint(f.Redefined()); got != "[64BIT X86_32 F]" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("#ifdef CONFIG_Y\na\n#else\nb\n#endif\n")
	f.Add("#if defined(CONFIG_Y) && (CONFIG_HZ >= 100 || !IS_ENABLED(CONFIG_M))\n/* \n*/ #elif 0\n#endif")
	f.Add("#if \\\n\"'\n'\\")
	f.Fuzz(func(t *testing.T, text string) {
		p := cpp.Parse([]byte(text))
		v := p.Under(config)
		want := strings.Count(text, "\n")
		if !strings.HasSuffix(text, "\n") && text != "" {
			want++
		}
		if p.Len() != want {
			t.Errorf("%d lines, want %d", p.Len(), want)
		}
		for i := 0; i <= p.Len()+1; i++ {
			v.Lines(i, i)
			if got, why := v.Lines(i, i-1); got == cpp.No && len(why) == 0 {
				t.Errorf("line %d is left out without a reason", i)
			}
		}
	})
}
