// Package kernel reads the memory of a dumped Linux kernel as the kernel's own
// types, with nothing but the dump.
//
// # The ladder
//
// [Open] climbs as far as the dump carries it, and [Kernel.Ladder] says how far
// that was and why not further:
//
//   - notes: the container's header and notes; CPU registers
//   - vmcoreinfo: the kernel's own description of itself, from its note or found
//     in RAM; from here on kernel addresses can be translated and the log read
//   - kallsyms: the kernel's symbol table, out of its memory
//   - orc: its unwind tables
//   - btf: its types; from here on objects can be read
//   - dwarf: a vmlinux that somebody gave, of the same build; only for the lines
//     and inlined calls of single addresses
//
// Layouts come from BTF by the presence of a member, never from the version.
//
// # Walks
//
// A dump is hostile: its lists may be circles, its pointers lies, its page
// tables their own children. All reading is done by a [Walk], which has a budget
// of reads, keeps the faults that it met and never panics; a [Value] is a typed
// place in memory that can be followed without an error check at each step:
//
//	w := k.Walk(ctx)
//	for task := range w.List(w.Global("init_task", "struct task_struct").Field("tasks"), "struct task_struct", "tasks") {
//		fmt.Println(task.Field("pid").Int(), task.Field("comm").Str())
//	}
//	return w.Faults()
//
// What cannot be read is zero, and the walk knows that it could not.
//
// # Sources
//
// VMCOREINFO: Documentation/admin-guide/kdump/vmcoreinfo.rst. Page tables: the
// Intel SDM volume 3 chapter 4, the Arm ARM chapter D8, Documentation/arch/arm64/
// memory.rst. Modules and per-CPU areas: include/linux/module.h, percpu-defs.h.
package kernel
