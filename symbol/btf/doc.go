// Package btf reads BTF, the type information that a kernel carries in its own
// memory: of vmlinux between __start_BTF and __stop_BTF, of a module behind
// btf_modules, in files as section .BTF. With it a dump explains its own
// structs, and nobody has to find the debug package that matches it.
//
// [Parse] makes one pass that remembers where each type begins and nothing else;
// everything more is decoded when it is asked for. A Spec keeps the bytes that
// it was given, and may be asked from many goroutines at once.
//
// # Identity
//
// A type is an [ID]: its number in the Spec, in which 0 is void. The BTF of a
// module is split: its first type has the number after the last of vmlinux, and
// so each ID of vmlinux is good in the module's Spec too, but not the reverse.
// TypeByName makes pointers and arrays that the compiler never saw; their IDs
// begin at 1<<31 and belong to the Spec that made them (or one split from it).
//
// # Bytes that lie
//
// BTF out of a dump may be damaged or made to hurt. Parse keeps the types before
// the first that it cannot step over and says so in [Spec.Notes]. A type that
// contains itself, a typedef that goes in a circle, a struct of a billion members:
// each walk has a limit after which the answer is "no such thing".
//
// The format is described in Documentation/bpf/btf.rst of the kernel.
package btf
