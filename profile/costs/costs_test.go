package costs

import (
	"fmt"
	"math"
	"testing"

	"ringside/profile"
)

// build makes a profile of stacks, each "kernel or user frames from the root",
// with its weight.
func build(stacks ...stack) *profile.Profile {
	b := profile.NewBuilder(profile.Limits{})
	l := b.Label(profile.Labels{Event: b.Event(profile.Event{Name: "cpu-clock", Unit: "ns"}), Comm: "a"})
	for _, s := range stacks {
		var id profile.StackID
		for _, name := range s.frames {
			f := profile.Frame{Func: name, Module: "[kernel.kallsyms]", Kind: profile.Kernel}
			switch name[0] {
			case '.':
				f = profile.Frame{Func: name[1:], Module: "/bin/a", Kind: profile.User}
			case '[':
				f = profile.Frame{Func: "bpf_prog_1", Module: name, Kind: profile.Kernel}
			}
			id = b.Push(id, b.Frame(f))
		}
		b.Add(id, l, 1, s.weight)
	}
	return b.Profile()
}

type stack struct {
	weight int64
	frames []string
}

func TestFind(t *testing.T) {
	p := build(
		stack{500, []string{"cpu_startup_entry", "do_idle", "default_idle", "sysvec_apic_timer_interrupt", "hrtimer_interrupt"}},
		stack{100, []string{".main", ".work"}},
		stack{30, []string{".main", "do_syscall_64", "ext4_file_write_iter", "_raw_spin_lock", "native_queued_spin_lock_slowpath.part.0"}},
		stack{50, []string{".main", "do_syscall_64", "futex_wake", "_raw_spin_lock", "native_queued_spin_lock_slowpath"}},
		stack{15, []string{".main", "asm_exc_page_fault", "exc_page_fault", "handle_mm_fault", "clear_page_erms"}},
		stack{5, []string{".main", ".native_queued_spin_lock_slowpath"}}, // a program's own
	)
	s := Find(p, -1, .01)
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	near("idle", s.Idle, 500./700)
	near("kernel", s.Kernel, 95./700)
	near("user", s.User, 105./700)
	var ids []string
	for _, c := range s.Costs {
		ids = append(ids, c.ID)
	}
	if got := fmt.Sprint(ids); got != "[lock-spin page-faults page-zeroing]" {
		t.Fatalf("costs %s", got)
	}
	spin := s.Costs[0]
	near("spinning", spin.Share, 80./200)
	if len(spin.Callers) != 2 || spin.Callers[0].Name != "futex_wake" || spin.Callers[1].Name != "ext4_file_write_iter" {
		t.Errorf("callers %+v", spin.Callers)
	}
	if len(spin.Functions) != 2 || spin.Functions[0].Name != "native_queued_spin_lock_slowpath" {
		t.Errorf("functions %+v", spin.Functions)
	}
	if faults := s.Costs[1]; faults.Functions[0].Name != "clear_page_erms" || faults.Callers[0].Name != "main" {
		t.Errorf("page faults: %+v", faults)
	}
	// Timer interrupts of an idle CPU cost nobody anything.
	if s := Find(p, 7, 0); len(s.Costs) != 0 || s.Kernel != 0 {
		t.Errorf("an event that there is not: %+v", s)
	}
}

// Every class is found by each of its functions, and has something to say.
func TestClasses(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range classes {
		if c.id == "" || c.title == "" || c.meaning == "" || c.next == "" || seen[c.id] {
			t.Errorf("class %q lacks a text, or is there twice", c.id)
		}
		seen[c.id] = true
		for _, f := range c.functions {
			found := false
			for _, got := range Find(build(stack{1, []string{"caller", f}}), 0, .5).Costs {
				found = found || got.ID == c.id
			}
			if !found {
				t.Errorf("%s is not found by %s", c.id, f)
			}
		}
	}
}
