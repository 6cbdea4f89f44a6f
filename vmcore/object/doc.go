// Package object reads the objects of a dumped kernel: its log, tasks, locks,
// modules, memory, interrupts, mounts and whatever else somebody asks for who
// looks at a dump.
//
// Each file holds one subject, with the plain structure that it comes as. What a
// kernel version calls its members is decided by what the kernel's own types
// have. A reader takes a [kernel.Walk], returns what it could read, and leaves to
// the walk what it could not: nothing here fails because one pointer is wrong.
package object
