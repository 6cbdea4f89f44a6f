package profile

import (
	"fmt"
	"strings"
	"testing"
)

// outline writes a tree on one line: name total/self (children).
func outline(n *TreeNode) string {
	var kids []string
	for _, c := range n.Children {
		kids = append(kids, outline(c))
	}
	s := fmt.Sprintf("%s %d/%d", n.Name, n.Total, n.Self)
	if n.Omitted > 0 {
		s += fmt.Sprintf(" -%d", n.Omitted)
	}
	if len(kids) > 0 {
		s += " (" + strings.Join(kids, ", ") + ")"
	}
	return strings.TrimSpace(s)
}

func TestCallTree(t *testing.T) {
	b := NewBuilder(Limits{})
	cpu, faults := b.Event(Event{Name: "cpu"}), b.Event(Event{Name: "faults"})
	add := func(event int, weight int64, names ...string) {
		var s StackID
		for i, n := range names {
			s = b.Push(s, b.Frame(Frame{Func: n, Line: i + int(weight)})) // lines do not tell functions apart
		}
		b.Add(s, b.Label(Labels{Event: event}), 1, weight)
	}
	add(cpu, 50, "main", "work", "hash")
	add(cpu, 30, "main", "work")
	add(cpu, 15, "main", "work", "work", "hash")
	add(cpu, 5, "main", "rare")
	add(faults, 7, "main", "work")
	p := b.Profile()
	for _, x := range []struct {
		name string
		o    TreeOptions
		want string
	}{
		{"callees", TreeOptions{Event: cpu}, "100/0 (main 100/0 (work 95/30 (hash 50/50, work 15/0 (hash 15/15)), rare 5/5))"},
		{"callers", TreeOptions{Event: cpu, Callers: true}, "100/0 (hash 65/0 (work 65/0 (main 50/50, work 15/0 (main 15/15))), work 30/0 (main 30/30), rare 5/0 (main 5/5))"},
		{"of a function", TreeOptions{Event: cpu, Focus: "work"}, "95/0 (work 95/30 (hash 50/50, work 15/0 (hash 15/15)))"},
		{"callers of a function", TreeOptions{Event: cpu, Focus: "hash", Callers: true}, "65/0 (hash 65/0 (work 65/0 (main 50/50, work 15/0 (main 15/15))))"},
		{"heavy", TreeOptions{Event: cpu, MinShare: .2}, "100/0 (main 100/0 -5 (work 95/30 -15 (hash 50/50)))"},
		{"shallow", TreeOptions{Event: cpu, Depth: 2}, "100/0 (main 100/0 (work 95/30 -65, rare 5/5))"},
		{"all events", TreeOptions{Event: -1, Focus: "rare"}, "5/0 (rare 5/5)"},
		{"another event", TreeOptions{Event: faults}, "7/0 (main 7/0 (work 7/7))"},
		{"a function that there is not", TreeOptions{Event: cpu, Focus: "none"}, "0/0"},
	} {
		if got := outline(CallTree(p, x.o)); got != x.want {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}
}
