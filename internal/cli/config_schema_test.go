package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// What the verbs about configurations print follows their schemas, with a tree that is
// whole and with one that is not.
func TestSchemaConfig(t *testing.T) {
	schemas := published(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Kconfig": "mainmenu \"Linux/x86 6.1.0 Kernel Configuration\"\nconfig MODULES\n\tbool \"modules\"\n\tmodules\nconfig NET\n\tbool \"net\"\n\tselect LOST\n" +
			"config LOST\n\tbool \"lost\"\n\tdepends on NEVER\nconfig SMB\n\ttristate \"smb\"\n\tdepends on NET && $(shell,{ cc; } >/dev/null 2>&1 && echo \"y\" || echo \"n\")\n",
		"Broken": "what is this\nconfig NET\n\tbool \"net\"\n",
		"a":      "CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_SMB=m\nCONFIG_GONE=y\n",
		"b":      "# CONFIG_MODULES is not set\n",
		"policy": "name: p\nowner: o\nguardrails: [{id: a, want: NET=n, severity: high, reason: r}]\nwaivers: [{rule: a, owner: o, reason: r, expires: 2027-01-01}]\n",
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
		{"config-eval", exitDone, []string{"eval", dir, "--config", in("a")}},
		{"config-eval", exitUsage, []string{"eval", dir, "--kconfig", "Broken", "--config", in("a")}},
		{"config-diff", exitFinding, []string{"diff", in("a"), in("b"), "--tree", dir}},
		{"config-diff", exitDone, []string{"diff", in("a"), in("a")}},
		{"config-why", exitDone, []string{"why", "SMB", "--tree", dir, "--config", in("a")}},
		{"config-set", exitDone, []string{"set", "SMB=y", "--tree", dir, "--config", in("b")}},
		{"config-set", exitFinding, []string{"set", "LOST=y", "NET=n", "--tree", dir, "--config", in("b")}},
		{"config-check", exitFinding, []string{"check", "--tree", dir, "--config", in("a")}},
		{"config-check", exitDone, []string{"check", "--tree", dir, "--config", in("b")}},
		{"config-hardening", exitDone, []string{"hardening", "--tree", dir, "--config", in("a"), "--fail-on", "never"}},
		{"config-baseline", exitDone, []string{"baseline", "--policy", in("policy"), "--tree", dir, "--config", in("a"), "--on", "2026-12-01", "--reference", in("b")}},
		{"config-baseline", exitFinding, []string{"baseline", "--policy", in("policy"), "--config", in("a"), "--on", "2027-12-01"}},
	} {
		docs, stderr, code := runJSON(t, append(append([]string{"config"}, tt.args...), "--json")...)
		if code != tt.code || len(docs) != 1 {
			t.Errorf("%v: exit code %d, %d documents: %s", tt.args, code, len(docs), stderr)
		}
		validate(t, schemas, docs, schemaID(tt.schema))
	}
}
