package impact_test

import (
	"testing"

	"ringside/vuln/impact"
)

func TestOf(t *testing.T) {
	const head = `In the Linux kernel, the following vulnerability has been resolved:\n\n`
	for text, want := range map[string]impact.Class{
		head + `btrfs: fix use-after-free in x\n\nA NULL pointer dereference`:                       impact.UseAfter,
		head + `btrfs: set x after y\n\nhit the following panic\nBUG: KASAN: slab-out-of-bounds in`: impact.ReadOOB,
		head + `net: fix NULL dereference\n\nThis was seen with a use-after-free test`:              impact.Crash,
		head + `x: do y\n\nnothing is said`:                                                         impact.Unknown,
		"Fix Out-Of-Bounds Write in z":                                                              impact.WriteOOB,
		"a guafara":                                                                                 impact.Unknown,
		"\\noops":                                                                                   impact.Crash,
		"":                                                                                          impact.Unknown,
	} {
		if got := impact.Of([]byte(text)); got.Class != want {
			t.Errorf("%q is %s (%q), want %s", text, got.Class, got.Phrase, want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add([]byte(`In the Linux kernel, the following vulnerability has been resolved:\n\nx: fix UAF`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got := impact.Of(text); (got.Class == impact.Unknown) != (got.Phrase == "") {
			t.Errorf("%+v", got)
		}
	})
}
