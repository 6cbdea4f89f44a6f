// Package unwind finds out what called what on the stacks of a dumped kernel.
//
// On x86_64 it follows the ORC tables that the kernel carries for its own use
// (CONFIG_UNWINDER_ORC), across interrupts, exceptions, NMIs and module code;
// where a kernel was built with frame pointers instead, it follows those. On
// arm64 it follows frame records, as the kernel itself does, and removes pointer
// authentication. No debug information is needed, and so calls that the compiler
// inlined are not seen: a vmlinux adds them.
//
// Where no rule leads further before the stack's end, [Stack.End] says so, and
// the return addresses that are left on the stack come as unreliable frames, as
// the kernel prints them after a "?".
//
// Sources: arch/x86/kernel/unwind_orc.c, arch/x86/kernel/unwind_frame.c,
// arch/arm64/kernel/stacktrace.c, arch/arm64/include/asm/stacktrace/frame.h of
// Linux 4.14 to 7.2.
package unwind
