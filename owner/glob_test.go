package owner

import (
	"strings"
	"testing"
)

func TestGlob(t *testing.T) {
	tests := []struct {
		rule, pattern, path string
		want                bool
	}{
		{"trailing slash is the subtree", "drivers/net/", "drivers/net/a.c", true},
		{"trailing slash is the subtree", "drivers/net/", "drivers/net/phy/b/c.c", true},
		{"trailing slash is the subtree", "drivers/net/", "drivers/netx/a.c", false},
		{"trailing slash is the subtree", "drivers/net/", "drivers/net", false},
		{"star stays in its component", "drivers/net/*", "drivers/net/a.c", true},
		{"star stays in its component", "drivers/net/*", "drivers/net/phy/a.c", false},
		{"star stays in its component", "*/net/*", "drivers/net/a.c", true},
		{"star stays in its component", "*/net/*", "drivers/x/net/a.c", false},
		{"star stays in its component", "drivers/*/qcom*", "drivers/clk/qcom.c", true},
		{"star stays in its component", "drivers/*/qcom*", "drivers/clk/qcom/gcc.c", false},
		{"star matches nothing too", "drivers/a*.c", "drivers/a.c", true},
		{"two stars backtrack", "drivers/*a*b.c", "drivers/xaabab.c", true},
		{"two stars backtrack", "drivers/*a*b.c", "drivers/xbbba.c", false},
		{"star before a trailing slash crosses", "arch/*/crypto/", "arch/x86/crypto/aes.c", true},
		{"star before a trailing slash crosses", "arch/*/crypto/", "arch/x86/um/crypto/aes.c", true},
		{"star before a trailing slash crosses", "arch/*/crypto/", "arch/x86/aes.c", false},
		{"exact file", "kernel/fork.c", "kernel/fork.c", true},
		{"exact file", "kernel/fork.c", "kernel/xfork.c", false},
		{"exact file", "kernel/fork.c", "x/kernel/fork.c", false},
		{"last component is a prefix", "kernel/fork", "kernel/fork.c", true},
		{"directory without its slash", "drivers/clk/at91", "drivers/clk/at91/pmc.c", true},
		{"directory without its slash", "drivers/clk/at91", "drivers/clk/at91/sub/pmc.c", true},
		{"directory without its slash", "drivers/clk/at91", "drivers/clk/at91x/pmc.c", false},
		{"question mark is one byte", "drivers/ex??.c", "drivers/ex12.c", true},
		{"question mark is one byte", "drivers/ex??.c", "drivers/ex1.c", false},
		{"question mark is no slash", "drivers?a.c", "drivers/a.c", false},
		{"class", "drivers/clk-sc[mp]i.c", "drivers/clk-scmi.c", true},
		{"class", "drivers/clk-sc[mp]i.c", "drivers/clk-scxi.c", false},
		{"class range", "drivers/da[7-9]*.c", "drivers/da850.c", true},
		{"class range", "drivers/da[7-9]*.c", "drivers/da650.c", false},
		{"negated class", "drivers/a[^0-9].c", "drivers/ax.c", true},
		{"negated class", "drivers/a[^0-9].c", "drivers/a1.c", false},
		{"bracket in class", "a[]x].c", "a].c", true},
		{"dot is a dot", "kernel/a.c", "kernel/abc", false},
		{"plus is a plus", "kernel/a+.c", "kernel/a+.c", true},
		{"the rest", "*", "Makefile", true},
		{"the rest", "*", "kernel/fork.c", false},
		{"the rest", "*/", "kernel/sched/core.c", true},
	}
	for _, tt := range tests {
		g, err := compileGlob(tt.pattern)
		if err != nil {
			t.Errorf("%s: %q: %v", tt.rule, tt.pattern, err)
			continue
		}
		if got := g.match(tt.path, strings.Count(tt.path, "/")); got != tt.want {
			t.Errorf("%s: %q on %q = %v, want %v", tt.rule, tt.pattern, tt.path, got, tt.want)
		}
	}
}

func TestGlobDepth(t *testing.T) {
	for pattern, want := range map[string]int{
		"*": -1, "*/": -1, "*/net/*": -1,
		"kernel/": 1, "kernel/fork.c": 2, "drivers/net/": 2, "drivers/net": 2, "drivers/net/phy/a*": 4,
	} {
		g, err := compileGlob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if g.depth != want {
			t.Errorf("depth of %q = %d, want %d", pattern, g.depth, want)
		}
	}
}

func TestGlobErrors(t *testing.T) {
	for _, pattern := range []string{"", "a[b", "a[", strings.Repeat("a", maxPattern+1)} {
		if _, err := compileGlob(pattern); err == nil {
			t.Errorf("pattern %.10q is accepted", pattern)
		}
	}
}

// A pattern of many stars on a path that nearly matches is where a naive
// matcher takes exponential time.
func TestGlobIsNotExponential(t *testing.T) {
	g, err := compileGlob(strings.Repeat("*a", 200) + "b")
	if err != nil {
		t.Fatal(err)
	}
	if g.match(strings.Repeat("a", 10_000), 0) {
		t.Error("matched a path without a b")
	}
}

func TestPattern(t *testing.T) {
	tests := []struct {
		pattern, on string
		want        bool
	}{
		{`[^a-z]tegra`, "drivers/clk/tegra/clk.c", true},
		{`[^a-z]tegra`, "drivers/integrator.c", false},
		{`sun[25]0i`, "drivers/clk/sun50i.c", true},
		{`bcm283*`, "drivers/bcm28.c", true},
		{`imx | mxs`, "arch/arm/mxs.c", true}, // the x modifier drops the spaces
		{`imx # NXP`, "drivers/imx.c", true},
		{`a[ #]b`, "a#b", true},
		{`a\ b`, "a b", true},
		{`^.*/vdso/[^/]*getrandom[^/]+$`, "arch/x86/entry/vdso/vgetrandom.c", true},
		{`(?i)PIDFD`, "x pidfd y", true},
		{`\b(?i:rust)\b`, "in Rust.", true},
		{`(clk|rst)-[a-z]+`, "drivers/rst-a", true},
		{`(clk|rst)-[a-z]+`, "drivers/xyz-a", false},
	}
	for _, tt := range tests {
		p, err := compilePattern(tt.pattern, false)
		if err != nil {
			t.Errorf("%q: %v", tt.pattern, err)
			continue
		}
		if got := p.match(tt.on); got != tt.want {
			t.Errorf("%q on %q = %v, want %v (needles %q)", tt.pattern, tt.on, got, tt.want, p.needles)
		}
	}
	for _, bad := range []string{"(", "a(?=b)", `(a)\1`, "(a{1000}){1000}", " ", strings.Repeat("x", maxPattern+1)} {
		if _, err := compilePattern(bad, false); err == nil {
			t.Errorf("expression %.20q is accepted", bad)
		}
	}
}
