package vmcore

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"ringside/vmcore/internal/testdump"
	"ringside/vmcore/kernel"
)

// TestTiny triages the dump that the tests have with them: every section must be
// read without a fault, and the deadlock come first.
func TestTiny(t *testing.T) {
	d, err := testdump.Open()
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.Open(t.Context(), d, kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := Triage(t.Context(), k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// Who keeps documents reads them again.
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var again Document
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if back, err := json.Marshal(again); err != nil || !bytes.Equal(back, data) {
		t.Errorf("a document is another one after it was written and read: %v", err)
	}
	first := doc.Findings[0]
	if want := "deadlock of ring-abba:58 and ring-baab:59 over mutex ring_second [ringfault] and mutex ring_first [ringfault]"; first.Kind != FindingDeadlock || first.Title != want {
		t.Errorf("first finding %s %q, want %q", first.Kind, first.Title, want)
	}
	if doc.Rung != kernel.RungBTF {
		t.Errorf("rung %v: %v", doc.Rung, doc.Ladder)
	}
	if doc.Kernel.Release != "6.12.117" {
		t.Errorf("release %q", doc.Kernel.Release)
	}
	for _, s := range doc.Sections.Status {
		if s.Error != "" || len(s.Faults) > 0 {
			t.Errorf("section %s: %s %v", s.Section, s.Error, s.Faults)
		}
	}
	s := doc.Sections
	var comms []string
	for _, task := range s.Tasks.Tasks {
		comms = append(comms, task.Comm)
		if len(task.Frames) == 0 {
			t.Errorf("%s has no stack: %s", task.Comm, task.Unwound)
		}
	}
	for _, want := range []string{"swapper/0", "swapper/1", "init", "kthreadd", "khungtaskd", "ring-abba", "ring-baab"} {
		if !slices.Contains(comms, want) {
			t.Errorf("no task %s among %s", want, strings.Join(comms, " "))
		}
	}
	at := slices.IndexFunc(s.Tasks.Tasks, func(task Task) bool { return task.Comm == "ring-abba" })
	var stack []string
	for _, f := range s.Tasks.Tasks[at].Frames {
		stack = append(stack, f.Symbol)
	}
	if got, want := strings.Join(stack, " "), "__schedule schedule schedule_preempt_disabled __mutex_lock.constprop.0 ring_abba kthread ret_from_fork ret_from_fork_asm"; got != want {
		t.Errorf("stack %s, want %s", got, want)
	}
	if len(s.CPUs) != 2 || s.CPUs[0].Regs == nil || s.CPUs[1].Regs == nil {
		t.Errorf("CPUs %+v", s.CPUs)
	}
	if len(s.Modules) != 1 || s.Modules[0].Name != "ringfault" {
		t.Errorf("modules %+v", s.Modules)
	}
	if s.Memory == nil || s.Memory.Bytes("MemTotal") == 0 || len(s.Memory.Slabs) < 20 {
		t.Errorf("memory %+v", s.Memory)
	}
	if len(s.Mounts) == 0 || s.IRQs == nil || s.RunQueues == nil || s.Timers == nil || len(s.WorkPools) == 0 {
		t.Errorf("mounts %v, interrupts %v, run queues %v, timers %v, pools %v", s.Mounts, s.IRQs, s.RunQueues, s.Timers, s.WorkPools)
	}
}
