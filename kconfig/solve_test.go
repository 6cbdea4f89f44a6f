package kconfig_test

import (
	"slices"
	"strings"
	"testing"

	"ringside/kconfig"
)

const nested = `
config MODULES
	bool "modules"
	modules
	default y

config NET
	bool "Networking"

config INET
	bool "IP"
	depends on NET

config FS
	bool "Network file systems"
	depends on NET

config SMB
	tristate "SMB server"
	depends on INET && FS
	select CRYPTO

config CRYPTO
	tristate

config OTHER
	bool "Other"
	select CRYPTO

config SAFE
	bool "Safe"
	depends on !CRYPTO

config NEVER
	bool "Never"
	depends on MISSING

config LEVEL
	int "Level"
	range 1 9
	depends on FS
	default 3

choice
	prompt "One"
config ONE
	bool "one"
config TWO
	bool "two"
endchoice

config NEEDS_TWO
	bool "needs two"
	depends on TWO

config EITHER
	bool "either"
	depends on OTHER || (INET && FS)
`

func evaluated(t *testing.T, text, config string) *kconfig.Config {
	t.Helper()
	c, err := parse(t, text).Eval(parseConfig(t, []byte(config)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSolve(t *testing.T) {
	for _, tt := range []struct {
		name, config, want string
		solution           string
	}{
		{"a chain of dependencies", "CONFIG_MODULES=y\n", "SMB=m", "FS=y INET=y NET=y SMB=m"},
		{"nothing else to do", "CONFIG_NET=y\n", "INET=y", "INET=y"},
		{"already so", "CONFIG_NET=y\n", "NET=y", "NET=y"},
		{"selected by another", "CONFIG_OTHER=y\n", "SAFE=y", "OTHER=n SAFE=y"},
		{"has no prompt", "CONFIG_NET=y\n", "CRYPTO=y", "CRYPTO=y OTHER=y"},
		{"another member of a choice", "CONFIG_ONE=y\n", "NEEDS_TWO=y", "NEEDS_TWO=y TWO=y"},
		{"the shorter of two ways", "CONFIG_NET=n\n", "EITHER=y", "EITHER=y OTHER=y"},
		{"a number", "CONFIG_NET=y\n", "LEVEL=5", "FS=y LEVEL=5"},
		{"two at once", "CONFIG_OTHER=y\n", "SAFE=y INET=y", "INET=y NET=y OTHER=n SAFE=y"},
		{"not defined anywhere", "CONFIG_NET=y\n", "NEVER=y", ""},
		{"out of range", "CONFIG_FS=y\nCONFIG_NET=y\n", "LEVEL=12", ""},
		{"against each other", "CONFIG_NET=y\n", "SAFE=y SMB=y", ""},
		{"lowered under what needs it", "CONFIG_NET=y\nCONFIG_INET=y\nCONFIG_FS=y\nCONFIG_SMB=y\n", "CRYPTO=n", "CRYPTO=n SMB=n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := evaluated(t, nested, tt.config)
			var wanted []kconfig.Setting
			for _, w := range strings.Fields(tt.want) {
				name, value, _ := strings.Cut(w, "=")
				wanted = append(wanted, kconfig.Setting{Symbol: name, Value: value})
			}
			a, err := c.Solve(t.Context(), wanted...)
			if err != nil {
				t.Fatal(err)
			}
			if tt.solution == "" {
				if len(a.Solutions) > 0 || !a.Impossible || len(a.Obstacles) == 0 || len(a.Obstacles[0].Reasons) == 0 {
					t.Errorf("%+v", a)
				}
				return
			}
			if len(a.Solutions) == 0 {
				t.Fatalf("no solution: %+v", a)
			}
			var got []string
			for _, s := range a.Solutions[0].Settings {
				got = append(got, s.String())
			}
			slices.Sort(got)
			want := strings.Fields(tt.solution)
			// What was asked for of a symbol without a prompt is no setting.
			if !slices.Equal(got, want) && !slices.Equal(got, slices.DeleteFunc(want, func(s string) bool { return s == "CRYPTO=y" || s == "CRYPTO=n" })) {
				t.Errorf("%v, want %s", got, tt.solution)
			}
			// The proof: a .config with the settings evaluates to what was wanted.
			d := c.Clone()
			if err := d.Set(a.Solutions[0].Settings...); err != nil {
				t.Fatal(err)
			}
			for _, w := range wanted {
				if !d.Holds(w) {
					t.Errorf("%s does not hold", w)
				}
			}
		})
	}
}

func TestWhatIf(t *testing.T) {
	c := evaluated(t, nested, "CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_INET=y\nCONFIG_FS=y\nCONFIG_SMB=m\n")
	changes, err := c.WhatIf(kconfig.Setting{Symbol: "NET", Value: "n"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range changes {
		got = append(got, x.Symbol+":"+x.Old+"→"+x.New)
	}
	want := []string{"NET:y→n", "INET:y→absent", "FS:y→absent", "SMB:m→absent", "CRYPTO:m→absent", "SAFE:absent→n", "LEVEL:3→absent", "EITHER:n→absent"}
	// SAFE could be set before, too: CRYPTO was m.
	got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "SAFE") })
	want = slices.DeleteFunc(want, func(s string) bool { return strings.HasPrefix(s, "SAFE") })
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if c.Value("SMB") != "m" {
		t.Error("the question changed the configuration")
	}
	if _, err := c.WhatIf(kconfig.Setting{Symbol: "NOBODY", Value: "n"}); err == nil {
		t.Error("a symbol that nothing defines was set")
	}
	if _, err := c.WhatIf(kconfig.Setting{Symbol: "NET", Value: "m"}); err == nil {
		t.Error("a bool was set to m")
	}
}

func TestWhy(t *testing.T) {
	c := evaluated(t, nested, "CONFIG_MODULES=y\nCONFIG_OTHER=y\nCONFIG_ONE=y\nCONFIG_FS=y\n")
	for _, tt := range []struct {
		symbol   string
		source   kconfig.Source
		settable string
		says     string // in the text of a reason
	}{
		{"SMB", kconfig.ByNothing, "", "INET is n"},
		{"CRYPTO", kconfig.BySelect, "", "selected by OTHER"},
		{"NET", kconfig.ByNothing, "n y", ""},
		{"OTHER", kconfig.ByUser, "n y", "the configuration has it"},
		{"NEVER", kconfig.ByNothing, "", "MISSING is not defined"},
		{"TWO", kconfig.ByChoice, "n y", "another member"},
		{"SAFE", kconfig.ByNothing, "", "!CRYPTO is needed"},
		{"MODULES", kconfig.ByUser, "n y", ""},
	} {
		w, err := c.Why(tt.symbol)
		if err != nil {
			t.Fatal(err)
		}
		if w.Source != tt.source || strings.Join(w.Settable, " ") != tt.settable {
			t.Errorf("%s: source %s, settable %v", tt.symbol, w.Source, w.Settable)
		}
		if !mentions(append(w.Limits, w.Reason), tt.says) {
			t.Errorf("%s: nothing says %q: %+v %+v", tt.symbol, tt.says, w.Reason, w.Limits)
		}
	}
	if _, err := c.Why("MISSING"); err == nil || !strings.Contains(err.Error(), "no file of this tree") {
		t.Errorf("error is %v", err)
	}
}

func mentions(list []kconfig.Reason, text string) bool {
	return slices.ContainsFunc(list, func(r kconfig.Reason) bool {
		return strings.Contains(r.Text, text) || mentions(r.Because, text)
	})
}
