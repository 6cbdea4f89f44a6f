// Package gdbserver speaks gdb's remote serial protocol for a dump: each task is
// a thread, and memory is that of the kernel. gdb, and every editor that drives
// it, can look at a dump in a format that it does not know.
//
//	err := gdbserver.Serve(ctx, k, conn)
//
// A dump does not run. What would let it (continue, step, breakpoints, writes) is
// answered with a stop or an error that says so, and never changes anything.
//
// # Registers
//
// A task that was on a CPU has the registers of that CPU's note. Any other has
// those that the scheduler saved when it switched away: on x86_64 the stack
// pointer and what struct inactive_task_frame holds, on arm64 struct cpu_context.
// A register that nobody saved is sent as "xx…", which gdb prints as
// <unavailable> rather than as a lie.
//
// # Where things are
//
// Address randomisation moved the kernel. The answer to qOffsets says where its
// text is, so that a vmlinux that gdb was given fits without further ado.
//
// # Sources
//
// "Remote Protocol" and "Standard Target Features" of the gdb manual.
package gdbserver
