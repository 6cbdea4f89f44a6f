package similar

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func stack(guilty, frames string) Stack {
	return Stack{Family: "bad-access", Guilty: guilty, Frames: strings.Fields(frames)}
}

// prior knows entry code and nothing else.
func prior(f string) float64 {
	if strings.HasPrefix(f, "entry") {
		return 0.05
	}
	return 1
}

func model(stacks ...Stack) *Model {
	m := &Model{Prior: prior}
	for i := range stacks {
		m.Add(&stacks[i])
	}
	return m
}

func TestCompare(t *testing.T) {
	m := model(stack("x", "x vfs entry"), stack("y", "y vfs entry"), stack("z", "z vfs entry"), stack("q", "q vfs entry"))
	for _, c := range []struct {
		name string
		a, b Stack
		zone Zone
		why  string
	}{
		{"itself", stack("a", "a b c entry"), stack("a", "a b c entry"), Same, "both blame a"},
		{"a caller inlined", stack("a", "a b c d entry"), stack("a", "a c d entry"), Same, "both pass through"},
		{"the guilty function inlined", stack("a", "a b c d entry"), stack("b", "b c d entry"), Suggest, "one blames a, the other b"},
		{"only entry code in common", stack("a", "a b entry entry2"), stack("c", "c d entry entry2"), Different, "one blames a, the other c"},
		{"only a common function", stack("a", "a b vfs entry"), stack("c", "c d vfs entry"), Different, "vfs (in 4 of 4 signatures)"},
		{"the same functions in another order", stack("a", "a b c d"), stack("d", "d c b a"), Different, ""},
		{"another kind at the same place", stack("a", "a b c"), Stack{Family: "leak", Guilty: "a", Frames: []string{"a", "b", "c"}}, Different, "different kinds: bad-access and leak"},
		{"another module", stack("a", "a b c"), Stack{Family: "bad-access", Guilty: "a", Module: "m", Frames: []string{"a", "b", "c"}}, Suggest, "different modules: the kernel itself and m"},
		{"no stack", stack("", ""), stack("", ""), Different, ""},
		{"a blamed function that no stack shows", stack("a", ""), stack("a", ""), Same, "both blame a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, back := m.Compare(&c.a, &c.b), m.Compare(&c.b, &c.a)
			if got.Zone != c.zone || !strings.Contains(strings.Join(got.Reasons, "; "), c.why) {
				t.Errorf("score %.2f is %s because %q; want %s because of %q", got.Score, got.Zone, got.Reasons, c.zone, c.why)
			}
			if d := got.Score - back.Score; d > 1e-9 || d < -1e-9 || back.Zone != got.Zone {
				t.Errorf("the other way round it is %.3f %s, not %.3f", back.Score, back.Zone, got.Score)
			}
			if s := m.Score(&c.a, &c.b); s != got.Score || s < 0 || s > 1 {
				t.Errorf("score alone is %v, with reasons %v", s, got.Score)
			}
		})
	}
}

func TestPairsShowBothStacks(t *testing.T) {
	a, b := stack("a", "a b c e"), stack("a", "a x c d e")
	m := Model{}
	got := m.Compare(&a, &b)
	var rows []string
	sum := 0.0
	for _, p := range got.Pairs {
		rows = append(rows, p.A+"|"+p.B)
		if p.Weight <= 0 {
			t.Errorf("%v weighs nothing", p)
		}
		sum += p.Weight
	}
	if want := "a|a b| |x c|c |d e|e"; strings.Join(rows, " ") != want {
		t.Errorf("rows %q, want %q", strings.Join(rows, " "), want)
	}
	if sum > 1+1e-9 {
		t.Errorf("the rows weigh %.3f together", sum)
	}
}

func TestModelForgets(t *testing.T) {
	a, b := stack("a", "a b entry"), stack("c", "c b entry")
	m := model(a, b)
	if m.Stacks() != 2 || m.Count("b") != 2 || m.Weight("b") >= m.Weight("a") || m.Weight("new") <= m.Weight("a") {
		t.Errorf("b %v, a %v, new %v", m.Weight("b"), m.Weight("a"), m.Weight("new"))
	}
	m.Remove(&b)
	one := model(a)
	if m.Stacks() != 1 || m.Count("c") != 0 || m.Weight("b") != one.Weight("b") {
		t.Errorf("after removing one: %d stacks, b in %d", m.Stacks(), m.Count("b"))
	}
	if keys := m.Keys(&a); !slices.Equal(keys, []string{"a", "b"}) {
		t.Errorf("keys %q, want the guilty one first and no entry code", keys)
	}
}

func TestIndexFinds(t *testing.T) {
	x := NewIndex(prior)
	rnd := rand.New(rand.NewPCG(1, 2))
	want := map[int]string{}
	for i := range 500 {
		s := randomStack(rnd, i)
		want[x.Add(s)] = s.Guilty
	}
	for id, guilty := range want {
		s := x.stacks[id]
		s.Frames = slices.Delete(slices.Clone(s.Frames), 2, 3) // one caller inlined
		found := x.Find(&s, 5)
		if len(found) == 0 || found[0].ID != id || found[0].Zone != Same {
			t.Fatalf("stack of %s: found %+v", guilty, found)
		}
	}
	unknown := stack("nobody", "nobody knows entry")
	if found := x.Find(&unknown, 5); len(found) != 0 {
		t.Errorf("something resembles the unknown: %+v", found)
	}
}

// randomStack is as stacks are: a few functions of its own, some that its
// subsystem shares, and entry code.
func randomStack(rnd *rand.Rand, i int) Stack {
	s := Stack{Family: "bad-access", Guilty: fmt.Sprintf("own%d_0", i)}
	for n := range 4 {
		s.Frames = append(s.Frames, fmt.Sprintf("own%d_%d", i, n))
	}
	for range 8 {
		s.Frames = append(s.Frames, fmt.Sprintf("subsystem%d_%d", i%200, rnd.IntN(60)))
	}
	for n := range 6 {
		s.Frames = append(s.Frames, fmt.Sprintf("entry_%d", n))
	}
	return s
}

// BenchmarkFind is a query over 100,000 signatures.
func BenchmarkFind(b *testing.B) {
	x := NewIndex(prior)
	rnd := rand.New(rand.NewPCG(3, 4))
	const n = 100_000
	for i := range n {
		x.Add(randomStack(rnd, i))
	}
	i := 0
	for b.Loop() {
		s := x.stacks[i*7919%n]
		if found := x.Find(&s, 10); len(found) == 0 {
			b.Fatal("it does not find itself")
		}
		i++
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("a", "a b c", "b", "b c d")
	f.Add("", "", "x", "")
	f.Add("r", strings.Repeat("r ", 200), "r", "r r")
	f.Fuzz(func(t *testing.T, ga, fa, gb, fb string) {
		a, b := stack(ga, fa), stack(gb, fb)
		m := model(a)
		got := m.Compare(&a, &b)
		if !(got.Score >= 0 && got.Score <= 1) || len(got.Pairs) > 2*(MaxFrames+1) {
			t.Errorf("score %v, %d rows", got.Score, len(got.Pairs))
		}
		if self := m.Score(&b, &b); len(b.Frames) > 0 && self < 1-1e-9 {
			t.Errorf("a stack resembles itself by %v", self)
		}
	})
}
