// Package insn reads the machine code that the kernel prints with a crash.
//
// An oops carries a "Code:" line: the bytes around the program counter, with the
// trapping instruction marked. [Decode] turns it into a [Listing] in the syntax
// of the kernel's own objdump (AT&T on x86, GNU elsewhere). Each [Instruction]
// says which memory it touches ([Operand]), so that the address can be computed
// again from the registers and compared with the one that faulted, and whether it
// is a trap that the compiler or a macro planted ([Planted]): BUG(), WARN(), the
// checks of KASAN, UBSAN and CFI.
//
// # Bytes and words
//
// Code is given as the kernel prints it. x86 and s390 print bytes in the order of
// memory; the others print whole instruction words, or halfwords on riscv64 and
// Thumb, most significant digit first whatever the byte order of the machine.
//
// # Boundaries
//
// On x86 nothing says where the instructions before the trap begin. Every start
// in the first sixteen bytes is tried; those from which one instruction begins
// exactly at the trap vote, and [Listing.Confidence] is the share that agrees with
// the instruction before the trap. From the trap on there is no doubt.
package insn
