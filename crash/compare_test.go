package crash

import (
	"slices"
	"strings"
	"testing"

	"ringside/similar"
)

func TestCompareExplains(t *testing.T) {
	kasan := strings.Replace(doubleFreeNew, "double-free", "slab-use-after-free", 1)
	for _, c := range []struct {
		name, a, b string
		level      Level
		differ     []string // components
		why        string
	}{
		{"itself", nullX86, nullX86, LevelExact, nil, "every component"},
		{"architectures", nullX86, nullARM64, LevelPortable, []string{"stack", "build"}, "the same function reached another way: 5 frames in common"},
		{"one kind, two names", poisonX86, poisonARM64, LevelPortable, []string{"kind", "build"}, "architectures name differently"},
		{"inlined callers", nullX86, nullInlined, LevelPortable, []string{"stack", "build"}, "reached another way"},
		{"two detectors", doubleFreeNew, kasan, LevelFamily, []string{"mechanism"}, "found invalid-free on one side and use-after-free"},
		{"another module", nullX86, strings.ReplaceAll(nullX86, " [wrenfs]", ""), LevelFamily, []string{"module"}, "built into one kernel, a module of the other"},
		{"nothing in common", nullX86, warnGCC, LevelNone, []string{"kind", "trap", "guilty function", "family"}, "other guilty functions"},
		{"the guilty function inlined into its caller", nullX86,
			strings.NewReplacer("wren_open_log.isra.0+0x24/0x1a0", "wren_fill_super+0x2f1/0x8a0").Replace(
				strings.Replace(nullX86, "[   12.000009]  <TASK>\n[   12.000010]  wren_fill_super+0x2f1/0x8a0 [wrenfs]", "[   12.000009]  <TASK>", 1)),
			LevelNone, []string{"guilty function"}, "B blames wren_fill_super, which is on the other's stack too"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Compare(reportOf(t, c.a), reportOf(t, c.b), nil)
			if got.Level != c.level {
				t.Errorf("they meet at %s (%s), want %s", got.Level, got.Verdict, c.level)
			}
			for _, x := range got.Components {
				want := slices.Contains(c.differ, x.Name)
				if want && (x.Same || x.Means == "the same") {
					t.Errorf("%s: %q and %q are said to be the same", x.Name, x.A, x.B)
				}
			}
			if !strings.Contains(strings.Join(got.Why, "\n"), c.why) {
				t.Errorf("it does not say %q but\n%s", c.why, strings.Join(got.Why, "\n"))
			}
			if got.Portable != (c.level == LevelPortable || c.level == LevelExact || c.level == LevelStack) {
				t.Errorf("portable %v at level %s", got.Portable, got.Level)
			}
		})
	}
}

// Each frame has a weight, and entry code has little of it.
func TestCompareWeighs(t *testing.T) {
	c := Compare(reportOf(t, nullX86), reportOf(t, nullARM64), nil)
	weight := map[string]float64{}
	for _, f := range c.Frames {
		weight[f.A+"|"+f.B] = f.Weight
	}
	own, entry := weight["wren_open_log|wren_open_log"], weight["do_syscall_64|"]
	if own < 0.2 || entry <= 0 || entry > own/10 {
		t.Errorf("wren_open_log weighs %.3f, do_syscall_64 %.3f", own, entry)
	}
	// Learned weights: what every signature of a record has says less.
	m := &similar.Model{Prior: Prior}
	for range 50 {
		m.Add(&similar.Stack{Frames: []string{"path_mount", "vfs_get_tree"}})
	}
	learned := Compare(reportOf(t, nullX86), reportOf(t, nullARM64), m)
	for i, f := range learned.Frames {
		if f.A == "path_mount" && f.Weight >= c.Frames[i].Weight/3 {
			t.Errorf("path_mount weighs %.3f in a record where it is everywhere, %.3f without", f.Weight, c.Frames[i].Weight)
		}
	}
}

func TestPrior(t *testing.T) {
	for fn, want := range map[string]bool{"wren_open_log": true, "sys_mount": false, "do_syscall_64": false, "kasan_report": false, "memcpy": false} {
		if got := Prior(fn) > 0.5; got != want {
			t.Errorf("Prior(%s) = %v", fn, Prior(fn))
		}
	}
}
