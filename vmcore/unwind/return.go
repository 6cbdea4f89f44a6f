package unwind

import (
	"ringside/vmcore/kernel"
)

// A function-graph tracer and return probes put code of their own into the place
// of return addresses, and keep the real ones in a list of the task.

// maxReturns bounds what is read of a task's kept return addresses: the shadow
// stack of fgraph has a page.
const maxReturns = 4096

// returns finds the return addresses that tracers keep for a task.
type returns struct {
	w     *kernel.Walk
	task  kernel.Value
	graph []byte // the task's shadow stack
	asked bool
}

// real returns what a return address is that tracers may have replaced: slot is
// by which they know the call, the address that it was read from on x86, and the
// caller's frame pointer on arm64.
func (r *returns) real(pc, slot uint64) uint64 {
	if !r.task.Valid() {
		return pc
	}
	k := r.w.Kernel()
	for symbol, look := range map[string]func(uint64) uint64{"return_to_handler": r.ofGraph, "arch_rethook_trampoline": r.ofProbe} {
		if at, ok := k.Symbol(symbol); !ok || at != pc {
			continue
		}
		if kept := k.Canonical(look(slot)); kept != 0 && kept != pc && k.IsText(kept) {
			return kept
		}
	}
	return pc
}

// ofGraph looks in the shadow stack of the function-graph tracer. It was an array
// of struct ftrace_ret_stack until 6.12, and has them within since; each knows
// which slot it is of.
func (r *returns) ofGraph(slot uint64) uint64 {
	k := r.w.Kernel()
	if !r.task.Has("ret_stack") || !k.HasField("struct ftrace_ret_stack", "retp") {
		return 0
	}
	base := r.task.Field("ret_stack").Ptr()
	if base == 0 {
		return 0
	}
	if !r.asked {
		r.asked = true
		r.graph = make([]byte, maxReturns)
		if r.w.Read(r.graph, base) != nil {
			r.graph = nil
		}
	}
	entry := r.w.At("struct ftrace_ret_stack", base)
	retp, ret := entry.Field("retp").Addr()-base, entry.Field("ret").Addr()-base
	for at := retp; at+8 <= uint64(len(r.graph)); at += 8 {
		if k.Order.Uint64(r.graph[at:]) == slot && at-retp+ret+8 <= uint64(len(r.graph)) {
			return k.Order.Uint64(r.graph[at-retp+ret:])
		}
	}
	return 0
}

// ofProbe looks among the return probes of a task, which 6.0 and later keep so.
func (r *returns) ofProbe(slot uint64) uint64 {
	if !r.task.Has("rethooks.first") || !r.w.Kernel().HasField("struct rethook_node", "ret_addr") {
		return 0
	}
	for n := range r.w.Chain(r.task.Field("rethooks.first").Deref(), "next") {
		node := n.Container("struct rethook_node", "llist")
		if node.Field("frame").Uint() == slot {
			return node.Field("ret_addr").Uint()
		}
	}
	return 0
}
