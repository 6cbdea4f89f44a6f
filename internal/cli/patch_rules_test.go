package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"ringside/internal/render"
	"ringside/patch/check"
)

// The page of rules is what the program says.
func TestPatchRulesPage(t *testing.T) {
	var b bytes.Buffer
	if err := render.PatchRules(&b, check.Rules()); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/patch-rules.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(page), b.String()) {
		t.Error("docs/patch-rules.md is not what 'ringside patch check --rules' prints: put that below its heading")
	}
}
