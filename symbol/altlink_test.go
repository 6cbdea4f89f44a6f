package symbol_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ringside/symbol"
)

// Files that dwz has been over say the same as before, with the supplementary
// file at hand; without it they say what is missing.
func TestSupplementaryFile(t *testing.T) {
	dwz, err := exec.LookPath("dwz")
	if err != nil {
		t.Skip("SKIPPED: no dwz to make a supplementary file with")
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("SKIPPED: no gcc to make debug information with")
	}
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	// What two files have in common is moved if it is large enough to be worth it.
	var header strings.Builder
	header.WriteString("struct supplementary_structure_of_some_length { int first_member_of_it; long second_member_of_it; char third_member_of_it[64]; };\n" +
		"static inline __attribute__((always_inline)) int inlined_function_with_a_long_name(volatile int *p, struct supplementary_structure_of_some_length *s)\n{\n\t*p += s->first_member_of_it;\n\treturn *p + 1;\n}\n")
	for name, text := range map[string]string{
		"common.h": header.String(),
		"a.c":      "#include \"common.h\"\nstruct supplementary_structure_of_some_length s;\nint volatile v;\nint first(void)\n{\n\treturn inlined_function_with_a_long_name(&v, &s);\n}\nint main(void) { return first(); }\n",
		"b.c":      "#include \"common.h\"\nstruct supplementary_structure_of_some_length s;\nint volatile v;\nint second(void)\n{\n\treturn 2 * inlined_function_with_a_long_name(&v, &s);\n}\nint main(void) { return second(); }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b"} {
		run(gcc, "-O1", "-g", "-fno-inline-functions", "-Wl,--build-id", "-o", name, name+".c")
	}
	run(dwz, "-m", "common.debug", "-M", "common.debug", "a", "b")

	lines := func(file string) string {
		t.Helper()
		f, err := symbol.OpenPath(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Identity().AltLink == "" {
			t.Skip("SKIPPED: this dwz moved nothing")
		}
		table, err := f.Symbols()
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, s := range table.Named("first") {
			for off := range s.Size {
				found, err := f.Lines(s.Address + off)
				for _, l := range found {
					b.WriteString(l.Function + " ")
				}
				if err != nil {
					b.WriteString(err.Error())
				}
			}
		}
		return b.String()
	}
	if got := lines(filepath.Join(dir, "a")); !strings.Contains(got, "inlined_function_with_a_long_name first") {
		t.Errorf("with the supplementary file: %q", got)
	}
	if err := os.Rename(filepath.Join(dir, "common.debug"), filepath.Join(dir, "elsewhere.debug")); err != nil {
		t.Fatal(err)
	}
	if got := lines(filepath.Join(dir, "a")); !strings.Contains(got, "supplementary file") {
		t.Errorf("without it: %q", got)
	}
}
