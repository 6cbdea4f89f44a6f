package btf

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ringside/symbol/internal/testkernel"
)

// Declarations are those of pahole, but for white space and what it says about
// cache lines.
func TestPahole(t *testing.T) {
	pahole, err := exec.LookPath("pahole")
	if err != nil {
		t.Skip("no pahole to compare with: apt-get install pahole")
	}
	testkernel.Each(t, func(t *testing.T, k *testkernel.Kernel) {
		data, _ := k.Section(t, ".BTF")
		if data == nil || strings.HasPrefix(k.Release, "7.") {
			t.Skip("no sections for pahole to read, or a format that is newer than it")
		}
		s, err := Parse(data, nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, id := range s.Find("struct *") {
			typ := s.Type(id)
			// pahole asks for the first type of a name, of whatever kind.
			if first, _ := s.lookup(typ.Name, func(record) bool { return true }); first == id && typ.Len > 0 {
				names = append(names, typ.Name)
			}
		}
		random := rand.New(rand.NewPCG(6, 12))
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = append([]string{"task_struct", "file", "page", "mutex", "sk_buff", "inode", "vm_fault"}, names[:200]...)

		image := filepath.Join(t.TempDir(), "vmlinux")
		if err := os.WriteFile(image, k.Image(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), pahole, "-F", "btf", "-C", strings.Join(names, ","), image).Output()
		if err != nil {
			t.Fatal(err)
		}
		compared, differ := 0, 0
		for _, theirs := range declaration.FindAllStringSubmatch(string(out), -1) {
			id, ok := s.Struct("struct " + theirs[1])
			if !ok {
				t.Errorf("no struct %s", theirs[1])
				continue
			}
			compared++
			got, want := plain(s.Declare(id)), plain(theirs[0])
			if diff := firstDiff(got[:len(got)-1], want[:len(want)-1]); diff != "" {
				if differ++; differ < 10 {
					t.Errorf("struct %s: %s", theirs[1], diff)
				}
			}
		}
		t.Logf("%d structs compared, %d differ", compared, differ)
		if compared < 150 {
			t.Errorf("only %d structs compared", compared)
		}
	})
}

var (
	declaration = regexp.MustCompile(`(?ms)^struct (\w+) \{$.*?^\}`)
	// What pahole guesses of the source, and BTF does not say.
	zeroWidth  = regexp.MustCompile(`(?m)^.* :0;.*$`)
	comments   = regexp.MustCompile(`(?m)^\s*/\*.*\*/$`)
	attributes = regexp.MustCompile(`\s*__attribute__\(\([^;]*?\)\)\)?`)
	spaces     = regexp.MustCompile(`\s+`)
	starSpaces = regexp.MustCompile(`\* +`)
)

func plain(decl string) []string {
	// Which arrays without a length were written [] in the source is not said.
	decl = strings.ReplaceAll(decl, "[0]", "[]")
	// pahole 1.24 says "const T *" of a T *const.
	decl = strings.ReplaceAll(decl, "const ", "")
	decl = zeroWidth.ReplaceAllString(decl, "")
	decl = comments.ReplaceAllString(decl, "")
	decl = attributes.ReplaceAllString(decl, "")
	var lines []string
	for line := range strings.SplitSeq(decl, "\n") {
		line = strings.TrimSpace(spaces.ReplaceAllString(line, " "))
		line = starSpaces.ReplaceAllString(strings.ReplaceAll(line, " ;", ";"), "*")
		line = strings.ReplaceAll(line, "*const", "*")
		if line = strings.ReplaceAll(line, ": ", ":"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func firstDiff(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "", ""
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return fmt.Sprintf("line %d is\n\t%s\npahole has\n\t%s", i+1, g, w)
		}
	}
	return ""
}
