// Package resolve turns the addresses of a perf.data into functions and makes
// a profile of it.
//
// It keeps an address space for every process (MMAP, FORK, COMM with exec, EXIT,
// KSYMBOL) and looks each address up once per object. Objects are opened by
// what the caller gives in [Options]; nothing is opened here. An object whose
// build ID is not the one that was recorded is not used, and a warning says so:
// names of another build look right and are wrong.
//
// # Names
//
// The names are those of perf script 6.1 and of stackcollapse-perf.pl, so that
// folded stacks are the same text:
//
//   - Symbols are those of .symtab – of the object, or of its debug file with the
//     same build ID – and those of .dynsym: functions, data, and labels in
//     sections of code. Where there is no .symtab, .gnu_debugdata is read, which
//     perf 6.1 does not do.
//   - A symbol covers the addresses from its own to its end; one without a size
//     ends where the next begins.
//   - Of several symbols at one address one with a size is preferred, then one
//     that is not weak, then a global one, then the one with fewer leading
//     underscores, then the longer name. In kallsyms, which has no sizes, it is
//     the last: only that one has a next to end at.
//   - A symbol's version is part of its name: clock_gettime@@GLIBC_2.17.
//   - Entries of the procedure linkage table are "name@plt"; with .plt.sec they
//     are those of it.
//   - C++ and Rust names are demangled, without parameters.
//   - A frame of an object without a symbol there has no name. Pictures and folded
//     stacks call it by its object, "[libc.so.6]"; what is mapped nowhere is
//     "[unknown]". All such of an object are one frame: told apart by address they
//     would be more stacks than anything can be said of, and time would have to
//     give way to them.
//   - Code in memory without a file is of "/tmp/perf-PID.map", whether a runtime
//     has written that or not.
//   - The kernel's module is "[kernel.kallsyms]", a module's is "[name]".
//   - Addresses are looked up as they were recorded, a caller's too, although
//     it is the one behind its call: what follows a call that never returns may
//     be the next function. perf script does the same.
//   - A call chain with an impossible value in it is broken: nothing of it is
//     used, the sample has no stack, and the profile says how many those are.
//   - Until an exec is done the addresses of its stack are those of the program
//     before it.
package resolve
