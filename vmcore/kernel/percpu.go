package kernel

import (
	"math/bits"
	"slices"

	"ringside/symbol/btf"
)

// maxCPUs is the largest NR_CPUS that kernels are built for.
const maxCPUs = 8192

// perCPU is what is known of the per-CPU areas.
type perCPU struct {
	offsets []uint64
	present []int
	online  []int
	areas   []uint64 // where the symbol table does not say
	types   map[string]btf.ID
}

// loadPerCPU finds the areas: the offsets of all possible CPUs, and which CPUs
// were online.
func (k *Kernel) loadPerCPU(w *Walk) {
	if k.Types != nil {
		k.cpus.types = map[string]btf.ID{}
		for v := range k.Types.Vars() {
			k.cpus.types[v.Name] = v.Type
		}
	}
	if k.recoveredPerCPU(w) {
		return
	}
	possible := w.mask("__cpu_possible_mask")
	if len(possible) == 0 {
		possible = []int{0}
	}
	// A kernel that panics takes the other CPUs offline before it is dumped, so
	// that those which are present are the ones that were running.
	k.cpus.present, k.cpus.online = w.mask("__cpu_present_mask"), w.mask("__cpu_online_mask")
	k.cpus.present = slices.DeleteFunc(k.cpus.present, func(cpu int) bool { return !slices.Contains(possible, cpu) })
	if len(k.cpus.present) == 0 {
		k.cpus.present = possible
	}
	last := possible[len(possible)-1]
	table, ok := k.Symbol("__per_cpu_offset")
	k.cpus.offsets = make([]uint64, last+1)
	if ok {
		for _, cpu := range possible {
			off, err := w.U64(table + uint64(cpu)*8)
			if err != nil {
				break
			}
			k.cpus.offsets[cpu] = off
		}
	} // a kernel for one CPU has one area, which is its own template
}

// mask reads a struct cpumask.
func (w *Walk) mask(symbol string) []int {
	addr, ok := w.k.Symbol(symbol)
	if !ok {
		return nil
	}
	var cpus []int
	size := uint64(maxCPUs / 8)
	if w.k.Types != nil {
		if id, ok := w.k.Types.Struct("cpumask"); ok {
			if n, ok := w.k.Types.Size(id); ok {
				size = min(uint64(n), size)
			}
		}
	}
	for at := uint64(0); at+8 <= size; at += 8 {
		word, err := w.U64(addr + at)
		if err != nil {
			break
		}
		for ; word != 0; word &= word - 1 {
			cpus = append(cpus, int(at)*8+bits.TrailingZeros64(word))
		}
	}
	return cpus
}

// CPUs returns the numbers of the CPUs that are present.
func (k *Kernel) CPUs() []int { return k.cpus.present }

// OnlineCPUs returns those that were online when the kernel was dumped. One that
// panicked has taken the others offline.
func (k *Kernel) OnlineCPUs() []int { return k.cpus.online }

// PossibleCPUs returns how many CPUs the kernel was ready for.
func (k *Kernel) PossibleCPUs() int { return len(k.cpus.offsets) }

// PerCPU returns where one CPU's copy of a per-CPU object is: addr is that of the
// variable, or a pointer marked __percpu.
func (k *Kernel) PerCPU(addr uint64, cpu int) (uint64, bool) {
	if cpu < 0 || cpu >= len(k.cpus.offsets) || k.cpus.areas != nil && addr >= maxPerCPUVariables {
		return 0, false
	}
	return addr + k.cpus.offsets[cpu], true
}

func (k *Kernel) perCPUType(symbol string) (btf.ID, bool) {
	id, ok := k.cpus.types[symbol]
	return id, ok
}

// PerCPUOf returns the CPU's copy of what a __percpu pointer points to.
func (v Value) PerCPUOf(cpu int) Value {
	if v.w == nil {
		return Value{}
	}
	t := v.spec.Type(v.spec.Resolve(v.typ))
	p := v.Uint()
	at, ok := v.w.k.PerCPU(p, cpu)
	if t.Kind != btf.KindPtr || p == 0 || !ok {
		return Value{}
	}
	return v.w.Typed(v.spec, t.Elem, at)
}
