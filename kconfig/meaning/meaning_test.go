package meaning_test

import (
	"testing"
	"testing/fstest"

	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
	"ringside/kconfig/meaning"
)

func TestOf(t *testing.T) {
	files := fstest.MapFS{
		"Kconfig":                {Data: []byte("mainmenu \"x\"\nsource \"net/sctp/Kconfig\"\nsource \"net/Kconfig\"\n")},
		"net/sctp/Kconfig":       {Data: []byte("menu \"Networking\"\nconfig IP_SCTP\n\ttristate \"SCTP\"\n\thelp\n\t  Stream Control Transmission Protocol. More of it.\n\n\t  And more.\nendmenu\n")},
		"net/Kconfig":            {Data: []byte("config HIDDEN\n\tdef_bool IP_SCTP\nconfig PREEMPT\n\tbool \"p\"\nconfig NR\n\tint \"n\"\n")},
		"scripts/kconfig/README": {Data: []byte("")},
	}
	tree, err := kconfig.Parse(t.Context(), files, kconfig.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := meaning.Builtin().Of(tree, []dotconfig.Difference{
		{Name: "IP_SCTP", Old: "n", New: "m"}, {Name: "HIDDEN", Old: dotconfig.Absent, New: "y"},
		{Name: "PREEMPT", Old: "y", New: "n"}, {Name: "NR", Old: "4", New: "8"}, {Name: "NOBODY", Old: "m", New: "y"},
	})
	c := list[0]
	if c.Direction != meaning.Adds || c.Class != "network protocol" || c.Surface != "remote" || c.Help != "Stream Control Transmission Protocol." ||
		c.Prompt != "SCTP" || len(c.Menu) != 1 || c.Place != "net/sctp/Kconfig:2" {
		t.Errorf("%+v", c)
	}
	if !list[1].Follows || list[2].Note == nil || list[2].Note.Effect != "latency" || list[2].Direction != meaning.Removes ||
		list[3].Direction != meaning.Tunes || list[4].Direction != meaning.Moves || !list[4].Unknown {
		t.Errorf("%+v", list[1:])
	}
}

// The tables have no entry twice, and classes whose surface is one.
func TestTables(t *testing.T) {
	tables := meaning.Builtin()
	seen := map[string]bool{}
	for _, c := range tables.Classes {
		switch c.Surface {
		case "remote", "physical", "local", "admin", "none":
		default:
			t.Errorf("%s: surface %q", c.Prefix, c.Surface)
		}
		if seen[c.Prefix] || c.Class == "" {
			t.Errorf("%s is there twice or has no class", c.Prefix)
		}
		seen[c.Prefix] = true
	}
	for _, n := range tables.Notes {
		if seen[n.Symbol] || n.Text == "" || n.Effect == "" {
			t.Errorf("%s is there twice or says nothing", n.Symbol)
		}
		seen[n.Symbol] = true
	}
}
