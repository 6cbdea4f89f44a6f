package kconfig_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
)

// says tells whether a diagnostic at a place has a text.
func says(tree *kconfig.Tree, place, text string) bool {
	for _, d := range tree.Diagnostics {
		if strings.HasPrefix(d.String(), place) && strings.Contains(d.Text, text) {
			return true
		}
	}
	return false
}

// Trees that are broken, or made to be slow or large, are read as far as they go, and
// what is wrong is named with its place.
func TestHostile(t *testing.T) {
	good := "\nconfig GOOD\n\tbool \"good\"\n\tdefault y\n"
	for _, tt := range []struct {
		name, text  string
		place, says string
	}{
		{"unknown statement", "frobnicate 7\n" + good, "Kconfig:1", "unknown statement"},
		{"no such file", "source \"nowhere\"\n" + good, "Kconfig:1", "can't open file"},
		{"itself", good + "source \"Kconfig\"\n", "", "Recursive inclusion"},
		{"macro of itself", "a = $(a)\n$(a)\n" + good, "Kconfig:2", "references itself"},
		{"macros that double", "a = $(b,$(1)$(1))\nb = $(a,$(1)$(1))\n$(a,xx)\n" + good, "Kconfig:3", ""},
		{"a macro without an end", "a := $(b\n" + good, "Kconfig:1", "missing ')'"},
		{"a menu without an end", good + "menu \"m\"\n", "Kconfig:5", "missing end statement"},
		{"an end too many", "endmenu\n" + good, "Kconfig:1", "nothing is open"},
		{"ends crossed", good + "menu \"m\"\nif GOOD\nendmenu\n", "Kconfig:7", "unexpected 'menu' within if block"},
		{"a long line", "# " + strings.Repeat("x", 10<<20) + "\nbogus\n" + good, "Kconfig:2", "unknown statement"},
		{"a long expression", "config A\n\tbool\n\tdepends on " + strings.Repeat("X && ", 100_000) + "Y\n" + good, "Kconfig:3", "operands"},
		{"deep parentheses", "config A\n\tbool\n\tdepends on " + strings.Repeat("(", 100_000) + "\n" + good, "Kconfig:3", ""},
		{"deep menus", strings.Repeat("menu \"m\"\n", 1000) + good, "", ""},
		{"itself as a dependency", "config A\n\tbool \"a\"\n\tdepends on A\n" + good, "", "recursive dependency"},
		{"binary", "\x00\x01\x02\xff\x01" + "9\x02\n" + good, "Kconfig:1", ""},
		{"an error of the tree", "$(error-if,y,too old)\n" + good, "Kconfig:1", "too old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := parse(t, tt.text)
			if tt.says != "" && !says(tree, tt.place, tt.says) {
				t.Errorf("nothing at %q says %q: %.300q", tt.place, tt.says, tree.Diagnostics)
			}
			if !tree.Incomplete && tt.says != "" {
				t.Error("the tree passes for complete")
			}
			c, err := tree.Eval(dotconfig.New())
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := tree.Lookup("GOOD"); !ok || c.Value("GOOD") != "y" {
				t.Errorf("what is good was not read: %v", tree.Diagnostics[:min(3, len(tree.Diagnostics))])
			}
		})
	}
}

// A tree that includes files without end comes to an end.
func TestManyFiles(t *testing.T) {
	files := map[string]string{}
	for i := range 40 {
		name := "K" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		next := "K" + string(rune('a'+(i+1)%26)) + string(rune('a'+(i+1)/26))
		files[name] = strings.Repeat("source \""+next+"\"\n", 4)
	}
	files["Kconfig"] = "source \"Kaa\"\n"
	tree := parseFiles(t, files, kconfig.Options{})
	if !tree.Incomplete {
		t.Error("the tree passes for complete")
	}
}

// transitional symbols, conditional dependencies and relative sources are of the newest
// trees and of other projects.
func TestNewest(t *testing.T) {
	tree := parseFiles(t, map[string]string{
		"Kconfig":     "config NEW\n\tbool \"new\"\n\tdefault OLD\nconfig OLD\n\tbool\n\ttransitional\nconfig B\n\tbool \"b\"\nconfig A\n\tbool \"a\"\nconfig C\n\tbool \"c\"\n\tdepends on A if B\nrsource \"sub/Kconfig\"\nosource \"sub/absent\"\n",
		"sub/Kconfig": "rsource \"more*\"\n", "sub/more1": "config M1\n\tbool \"m1\"\n", "sub/more2": "config M2\n\tbool \"m2\"\n",
	}, kconfig.Options{})
	if len(tree.Diagnostics) > 0 {
		t.Errorf("%v", tree.Diagnostics)
	}
	for _, tt := range []struct{ config, want string }{
		{"CONFIG_OLD=y\n", "CONFIG_NEW=y\n# CONFIG_B is not set\n# CONFIG_A is not set\n# CONFIG_C is not set\n# CONFIG_M1 is not set\n# CONFIG_M2 is not set\n"},
		{"CONFIG_OLD=y\n# CONFIG_NEW is not set\nCONFIG_B=y\n", "# CONFIG_NEW is not set\nCONFIG_B=y\n# CONFIG_A is not set\n# CONFIG_M1 is not set\n# CONFIG_M2 is not set\n"},
	} {
		got := written(t, tree, kconfig.OldDefConfig, parseConfig(t, []byte(tt.config)))
		_, body, _ := bytes.Cut(got, []byte("Main menu\n#\n"))
		if string(body) != tt.want {
			t.Errorf("%q gives %q, want %q", tt.config, body, tt.want)
		}
	}
	bad := parse(t, "config A\n\tbool\n\ttransitional\n\tdefault y\n")
	if !says(bad, "Kconfig:4", "transitional symbols can only have help") {
		t.Errorf("%v", bad.Diagnostics)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(nested, "CONFIG_NET=y\nCONFIG_LEVEL=4\n")
	f.Add("mainmenu \"$(ARCH)\"\nsource \"Kconfig\"\n$(warning-if,y,x)\na := $(shell,echo y)\nconfig A\n\tdef_bool $(a)\n", "CONFIG_A=y\n")
	f.Add("choice\n\tprompt \"x\"\n\toptional\nconfig B\n\ttristate \"b\"\nendchoice\nif B=m && !C\ncomment \"x\"\nendif\n", "CONFIG_B=m\n")
	f.Add("menu \"m\"\nvisible if A\nconfig A\n\tint \"a\" if B\n\trange 1 C\n\timply D\n\thelp\n\t  text\n\nendmenu\n", "CONFIG_A=3")
	f.Fuzz(func(t *testing.T, text, config string) {
		for _, old := range []bool{false, true} {
			d := kconfig.Dialect{OldChoices: old, EmptyNumbers: old, DropOutOfRange: old}
			tree, err := kconfig.Parse(context.Background(), fstest.MapFS{"Kconfig": {Data: []byte(text)}}, kconfig.Options{Dialect: &d})
			if err != nil {
				t.Fatal(err)
			}
			given, err := dotconfig.Parse(strings.NewReader(config))
			if err != nil {
				given = dotconfig.New()
			}
			for _, mode := range kconfig.Modes() {
				_ = written(t, tree, mode, given)
			}
			c, err := tree.Eval(given)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for s := range tree.Symbols() {
				if n++; n > 5 {
					break
				}
				if _, err := c.Why(s.Name()); err != nil {
					t.Fatal(err)
				}
				if _, err := c.SolveWithin(context.Background(), 10, kconfig.Setting{Symbol: s.Name(), Value: "y"}); err != nil {
					continue
				}
			}
		}
	})
}
