package object

import (
	"math/bits"
	"strings"

	"ringside/symbol/btf"
	"ringside/vmcore/kernel"
)

// IRQ is an interrupt line that is set up.
type IRQ struct {
	Number  int         `json:"irq"`
	Addr    Addr        `json:"addr"` // of its struct irq_desc
	HWIRQ   uint64      `json:"hwirq"`
	Chip    string      `json:"chip,omitempty"`
	Flow    string      `json:"flow,omitempty"` // how it is handled: handle_edge_irq
	Actions []IRQAction `json:"actions"`
	Counts  []uint64    `json:"counts"` // by CPU, in the order of the section's CPUs
	Total   uint64      `json:"total"`
	// Affinity are the CPUs that it may come to, Effective those that it does.
	Affinity  []int `json:"affinity,omitempty"`
	Effective []int `json:"effective,omitempty"`
	// Disabled is how often it was disabled without being enabled again.
	Disabled  int    `json:"disabled,omitempty"`
	Unhandled uint64 `json:"unhandled,omitempty"` // in the last 100,000
}

// IRQAction is one handler of an interrupt.
type IRQAction struct {
	Name    string `json:"name"`
	Handler string `json:"handler,omitempty"`
	Thread  int    `json:"thread,omitempty"` // the TID of its thread
}

// IRQs are the interrupts of a machine.
type IRQs struct {
	CPUs  []int `json:"cpus"` // the columns of the counts
	Lines []IRQ `json:"lines"`
	// Soft and Local count softirqs and the interrupts that have no line: timer
	// ticks, calls from other CPUs.
	Soft  []Counter `json:"softirqs"`
	Local []Counter `json:"local"`
}

// Counter is an event counted by each CPU.
type Counter struct {
	Name   string   `json:"name"`
	Counts []uint64 `json:"counts"`
}

// Bounds of what is listed.
const (
	maxIRQs    = 100_000
	maxActions = 64
)

// ReadIRQs reads the interrupts. Their descriptors are in a maple tree (6.5 and
// later), in a radix tree, or in an array.
func ReadIRQs(w *kernel.Walk) *IRQs {
	k := w.Kernel()
	s := &IRQs{CPUs: k.CPUs(), Lines: []IRQ{}, Soft: []Counter{}, Local: []Counter{}}
	add := func(number, addr uint64) bool {
		if v := w.At("struct irq_desc", addr); readable(v) {
			s.Lines = append(s.Lines, irqOf(v, int(number)))
		}
		return len(s.Lines) < maxIRQs
	}
	if _, ok := k.Symbol("sparse_irqs"); ok {
		for e := range w.Maple(w.Global("sparse_irqs", "struct maple_tree")) {
			if e.Last != e.First || !add(e.First, e.Entry) {
				break
			}
		}
	} else if _, ok := k.Symbol("irq_desc_tree"); ok {
		for n, addr := range w.XArray(w.Global("irq_desc_tree", "struct xarray")) {
			if !add(n, addr) {
				break
			}
		}
	} else if at, ok := k.Symbol("irq_desc"); ok {
		n := min(w.Global("nr_irqs", "int").Uint(), maxIRQs)
		for i := range n {
			if !add(i, at+i*k.SizeOf("struct irq_desc")) {
				break
			}
		}
	}
	s.readSoft(w)
	s.readLocal(w)
	return s
}

func irqOf(v kernel.Value, number int) IRQ {
	w := v.Walk()
	k := w.Kernel()
	q := IRQ{Number: number, Addr: Addr(v.Addr()), HWIRQ: v.Field("irq_data.hwirq").Uint(), Chip: v.Field("irq_data").Follow("chip").Field("name").Str(),
		Flow: symbolAt(k, v.Field("handle_irq").Ptr()), Actions: []IRQAction{}, Disabled: int(v.Field("depth").Uint()), Unhandled: v.Field("irqs_unhandled").Uint()}
	for a := range w.Chain(v.Field("action").Deref(), "next") {
		if len(q.Actions) == maxActions {
			break
		}
		q.Actions = append(q.Actions, IRQAction{Name: a.Field("name").Str(), Handler: symbolAt(k, a.Field("handler").Ptr()),
			Thread: int(a.Field("thread").Deref().Field("pid").Int())})
	}
	// A line that nobody asked for is off, and so is one that each CPU turns on by
	// itself: that says nothing.
	if len(q.Actions) == 0 || v.Field("percpu_enabled").Ptr() != 0 {
		q.Disabled = 0
	}
	counts := v.Field("kstat_irqs")
	for _, cpu := range k.CPUs() {
		c := counts.PerCPUOf(cpu)
		if c.Has("cnt") { // 6.10 and later
			c = c.Field("cnt")
		}
		q.Counts = append(q.Counts, c.Uint())
		q.Total += q.Counts[len(q.Counts)-1]
	}
	q.Affinity = cpuMask(v.Field("irq_common_data.affinity"))
	if v.Has("irq_common_data.effective_affinity") {
		q.Effective = cpuMask(v.Field("irq_common_data.effective_affinity"))
	}
	return q
}

// readable reports whether all of a structure is in the dump. What is not leaves
// one fault, instead of one for each member.
func readable(v kernel.Value) bool {
	if !v.Valid() {
		return false
	}
	if !v.Walk().Readable(v.Addr(), v.Size()) {
		v.Fault("it is not in the dump")
		return false
	}
	return true
}

// softNames are the softirqs, enum in include/linux/interrupt.h: the same ten
// since 2.6.31.
var softNames = []string{"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"}

func (s *IRQs) readSoft(w *kernel.Walk) {
	for i, name := range softNames {
		c := Counter{Name: name}
		for _, cpu := range s.CPUs {
			soft := w.PerCPU("kstat", "struct kernel_stat", cpu).Field("softirqs")
			n := uint64(0)
			if i < soft.Len() {
				n = soft.Index(i).Uint()
			}
			c.Counts = append(c.Counts, n)
		}
		s.Soft = append(s.Soft, c)
	}
}

// readLocal reads the counters that an architecture has beside the lines: those
// members of its irq_cpustat_t that count. Kernels of 7.x have an array there,
// whose elements BTF does not name; it is left out.
func (s *IRQs) readLocal(w *kernel.Walk) {
	k := w.Kernel()
	if _, ok := k.Symbol("irq_stat"); !ok {
		return
	}
	id, ok := k.TypeID("irq_cpustat_t")
	if !ok {
		return
	}
	id = k.Types.Resolve(id)
	for _, m := range k.Types.Members(id) {
		if t := k.Types.Type(k.Types.Resolve(m.Type)); t.Kind != btf.KindInt || t.Size != 4 {
			continue
		}
		c, any := Counter{Name: strings.TrimPrefix(m.Name, "__")}, false
		for _, cpu := range s.CPUs {
			n := w.PerCPU("irq_stat", "irq_cpustat_t", cpu).Member(m).Uint()
			c.Counts, any = append(c.Counts, n), any || n != 0
		}
		if any && c.Name != "softirq_pending" {
			s.Local = append(s.Local, c)
		}
	}
}

// symbolAt names a function.
func symbolAt(k *kernel.Kernel, addr uint64) string {
	loc, ok := k.Locate(addr)
	switch {
	case addr == 0 || !ok:
		return ""
	case loc.Offset != 0:
		return loc.String()
	case loc.Module != "":
		return loc.Symbol + " [" + loc.Module + "]"
	}
	return loc.Symbol
}

// cpuMask reads a struct cpumask or a cpumask_var_t, which is a pointer to one
// where kernels are for many CPUs, and an array of one elsewhere.
func cpuMask(v kernel.Value) (cpus []int) {
	if !v.Valid() {
		return nil
	}
	switch v.Spec().Type(v.Spec().Resolve(v.TypeID())).Kind {
	case btf.KindPtr:
		v = v.Deref()
	case btf.KindArray:
		v = v.Index(0)
	}
	if !v.Valid() {
		return nil
	}
	words := v.Field("bits")
	possible := v.Walk().Kernel().PossibleCPUs()
	for i := range min(words.Len(), (possible+63)/64) {
		for word := words.Index(i).Uint(); word != 0; word &= word - 1 {
			if cpu := i*64 + bits.TrailingZeros64(word); cpu < possible {
				cpus = append(cpus, cpu)
			}
		}
	}
	return cpus
}
