package profile

import (
	"slices"
	"strings"
	"testing"
)

// built makes a profile of folded stacks; the first frame's kind is user.
func built(lines ...string) *Profile {
	b := NewBuilder(Limits{})
	e := b.Event(Event{Name: "cpu-clock", Unit: "ns"})
	for i, line := range lines {
		var s StackID
		for name := range strings.SplitSeq(line, ";") {
			name, module, _ := strings.Cut(name, "@")
			s = b.Push(s, b.Frame(Frame{Func: name, Module: module}))
		}
		b.AddAt(uint64(i)*1e9, s, b.Label(Labels{Event: e, Comm: "task" + string(rune('a'+i%2)), CPU: int32(i % 2)}), 1, 10)
	}
	return b.Profile()
}

func TestTop(t *testing.T) {
	p := built("main@a;f@a;g@lib", "main@a;f@a;f@a;g@lib", "main@a;f@a", "main@a;h@a;f@a")
	rows, err := Top(p, ByFunction, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{Name: "f", Module: "a", Kind: "user", Self: 20, Total: 40, Count: 2}, // recursion counts once
		{Name: "g", Module: "lib", Kind: "user", Self: 20, Total: 20, Count: 2},
		{Name: "main", Module: "a", Kind: "user", Total: 40},
		{Name: "h", Module: "a", Kind: "user", Total: 10},
	}
	if !slices.Equal(rows, want) {
		t.Errorf("functions:\n%+v, want\n%+v", rows, want)
	}
	rows, _ = Top(p, ByModule, -1)
	if want := []Row{{Name: "a", Kind: "user", Self: 20, Total: 40, Count: 2}, {Name: "lib", Kind: "user", Self: 20, Total: 20, Count: 2}}; !slices.Equal(rows, want) {
		t.Errorf("modules: %+v, want %+v", rows, want)
	}
	rows, _ = Top(p, ByTask, 0)
	if want := []Row{{Name: "taska", Self: 20, Total: 20, Count: 2}, {Name: "taskb", Self: 20, Total: 20, Count: 2}}; !slices.Equal(rows, want) {
		t.Errorf("tasks: %+v, want %+v", rows, want)
	}
	rows, _ = Top(p, ByCgroup, 0)
	if len(rows) != 1 || rows[0].Name != "[unknown]" || rows[0].Self != 40 {
		t.Errorf("cgroups: %+v", rows)
	}
	if rows, _ := Top(p, ByCPU, 1); len(rows) != 0 {
		t.Errorf("of an event without samples: %+v", rows)
	}
	if _, err := Top(p, "money", 0); err == nil || !strings.Contains(err.Error(), "function") {
		t.Errorf("by money: %v", err)
	}
}
