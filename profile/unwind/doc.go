// Package unwind follows the stack of a user process from its registers and a
// copy of the top of its stack, as perf record --call-graph dwarf takes them,
// by the call frame information of the objects that were mapped.
//
// [Open] reads what an object has of it: .eh_frame with the search table of
// .eh_frame_hdr, or one that is built where there is none, and .debug_frame.
// [Unwinder.Unwind] then takes one step after the other: it finds the frame
// description of the program counter, runs its instructions up to there, and
// computes the caller's registers. Where nothing describes the code it falls
// back on the frame pointer, as others do.
//
// Tables are read from files that anybody may have made: sizes, nesting and the
// number of instructions are bounded, and what is broken ends the stack.
//
// Sources: DWARF 5 §6.4, the x86-64 and AArch64 ABI supplements, LSB 5 §10.6
// (.eh_frame).
package unwind
