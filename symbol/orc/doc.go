// Package orc reads the ORC unwind tables that an x86_64 kernel carries in its
// own memory: for each address of its code, where the caller's frame is. With
// them a stack is unwound exactly, without frame pointers and without DWARF.
//
// There are two arrays of the same length. .orc_unwind_ip (of a module:
// module.arch.orc_unwind_ip) holds addresses as 32-bit distances from the place
// where they are stored, .orc_unwind holds an entry of 6 bytes for each. The
// meaning of an entry's bits has changed three times, see [Version]; an [Entry]
// means the same for all.
//
// The format is described in arch/x86/include/asm/orc_types.h and
// Documentation/arch/x86/orc-unwinder.rst of the kernel.
package orc
