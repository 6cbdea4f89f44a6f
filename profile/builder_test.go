package profile

import (
	"math/rand/v2"
	"testing"
)

// TestBuilderKeepsSums adds samples in any order under a small limit and holds
// the profile against plain maps.
func TestBuilderKeepsSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, limit := range []int{1, 8, 100, 1 << 20} {
		b := NewBuilder(Limits{Cells: limit, SliceWidth: 1000})
		ev := b.Event(Event{Name: "cpu-clock", Unit: "ns"})
		type key struct {
			name string
			cpu  int32
		}
		want := map[key]int64{}
		names := []string{"read", "write", "poll", "futex"}
		var count, weight int64
		for range 5000 {
			name, cpu := names[rng.IntN(len(names))], int32(rng.IntN(3))
			s := b.Push(b.Push(0, b.Frame(Frame{Func: "main"})), b.Frame(Frame{Func: name, Kind: Kernel}))
			w := int64(rng.IntN(50))
			b.AddAt(1e6+uint64(rng.IntN(1e6)), s, b.Label(Labels{Event: ev, CPU: cpu}), 1, w)
			want[key{name, cpu}] += w
			count++
			weight += w
		}
		p := b.Profile()
		if n, w := p.Total(ev); n != count || w != weight {
			t.Errorf("limit %d: total %d samples of weight %d, want %d and %d", limit, n, w, count, weight)
		}
		got := map[key]int64{}
		for i, c := range p.Cells {
			f := p.Frames[p.Nodes[c.Stack].Frame]
			got[key{f.Func, p.Labels[c.Label].CPU}] += c.Weight
			if i > 0 && p.Cells[i-1].Slice > c.Slice {
				t.Fatalf("limit %d: cell %d is of an earlier slice than the one before it", limit, i)
			}
			if uint64(c.Slice)*p.SliceWidth > p.Duration+p.SliceWidth {
				t.Fatalf("limit %d: cell %d begins after the recording's end", limit, i)
			}
		}
		for k, w := range want {
			if got[k] != w {
				t.Errorf("limit %d: %v weighs %d, want %d", limit, k, got[k], w)
			}
		}
		if limit >= len(want) && len(p.Cells) > limit {
			t.Errorf("limit %d: %d cells", limit, len(p.Cells))
		}
	}
}

// TestBuilderTimeBeforeTheFirst adds a sample from the very beginning of time
// after one from near its end.
func TestBuilderTimeBeforeTheFirst(t *testing.T) {
	b := NewBuilder(Limits{})
	b.AddAt(1<<63, b.Push(0, b.Frame(Frame{Func: "late"})), b.Label(Labels{}), 1, 1)
	b.AddAt(0, b.Push(0, b.Frame(Frame{Func: "early"})), b.Label(Labels{}), 1, 1)
	p := b.Profile()
	if n, _ := p.Total(-1); n != 2 || len(p.Cells) != 2 || p.Start != 0 {
		t.Errorf("%d samples in %d cells from %d, want 2 in 2 from 0", n, len(p.Cells), p.Start)
	}
	if p.Frames[p.Nodes[p.Cells[0].Stack].Frame].Func != "early" {
		t.Errorf("the earlier sample is not first: %+v", p.Cells)
	}
}

func TestStackReadsFromTheLeaf(t *testing.T) {
	b := NewBuilder(Limits{})
	var s StackID
	for _, f := range []string{"main", "work", "leaf"} {
		s = b.Push(s, b.Frame(Frame{Func: f}))
	}
	b.Add(s, b.Label(Labels{}), 1, 1)
	var got string
	for f := range b.Profile().Stack(s) {
		got += f.Name() + ";"
	}
	if got != "leaf;work;main;" {
		t.Errorf("got %q", got)
	}
}

// Where there are more stacks than may be kept, the rarest are counted to their
// callers; nothing is lost by it, and who holds a stack learns what it is now.
func TestBuilderGivesUpRareStacks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var held StackID
	moved := 0
	b := NewBuilder(Limits{Nodes: 1000, Cells: 500, SliceWidth: 1000, Moved: func(to []StackID) {
		moved++
		held = to[held]
	}})
	label := b.Label(Labels{})
	main := b.Frame(Frame{Func: "main"})
	often := b.Frame(Frame{Func: "often"})
	held = b.Push(b.Push(0, main), often)
	const samples = 50_000
	for i := range samples {
		s := b.Push(0, main)
		if i%2 == 0 {
			s = held
		} else {
			for range 4 {
				s = b.Push(s, b.Frame(Frame{Addr: rng.Uint64N(40)}))
			}
		}
		b.AddAt(uint64(i), s, label, 1, 3)
		if len(b.p.Nodes) > 1000 {
			t.Fatalf("%d stacks after sample %d", len(b.p.Nodes), i)
		}
	}
	p := b.Profile()
	if n, w := p.Total(-1); n != samples || w != 3*samples {
		t.Errorf("%d samples of weight %d, want %d and %d", n, w, samples, 3*samples)
	}
	var count int64
	for _, c := range p.Cells {
		if p.Frames[p.Nodes[c.Stack].Frame].Func == "often" {
			count += c.Count
		}
		if c.Stack == 0 {
			t.Error("a sample has lost its whole stack")
		}
	}
	if count != samples/2 {
		t.Errorf("%d samples of the frequent stack, want %d", count, samples/2)
	}
	for i, n := range p.Nodes[1:] {
		if int(n.Parent) > i {
			t.Fatalf("stack %d comes before its caller", i+1)
		}
	}
	if moved == 0 || len(p.Warnings) != 1 {
		t.Errorf("given up %d times, warnings %q", moved, p.Warnings)
	}
}
