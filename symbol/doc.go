// Package symbol turns addresses and "function+0x1f/0x80 [module]" of a kernel
// into functions, files and lines, with the calls that the compiler inlined.
//
// It reads System.map and /proc/kallsyms ([ReadSystemMap], [ReadKallsyms]), the
// ELF symbols and the DWARF of vmlinux and modules ([Open]), finds the right
// file by build ID in a folder laid out as gdb and debuginfod lay theirs out
// ([Store]), and asks debuginfod servers for what is missing ([Debuginfod]).
// [Resolver] joins them into the one question that matters: what was at this
// frame?
//
// # Refuse, do not guess
//
// Symbols of another build give answers that look right and are wrong. A file
// whose build ID, release or function sizes contradict the log is refused with
// an error that names both. Where nothing says which build it is, the answer
// comes marked: [Unverified].
//
// # Cost
//
// A vmlinux is half a gigabyte; an oops touches a dozen of its compile units.
// Only those are read, found through .debug_aranges or, where that is absent or
// has holes, through an index of the units' own ranges.
package symbol
