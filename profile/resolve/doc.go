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
// The names are those of perf script, with these rules:
//
//   - A symbol covers the addresses from its own to its end; one without a size
//     ends where the next begins.
//   - Of several symbols at one address one with a size is preferred, then one
//     that is not weak, then a global one, then the one with fewer leading
//     underscores, then the longer name.
//   - C++ and Rust names are demangled, without parameters.
//   - A frame of an object without a symbol there has no name and keeps its
//     address in the object; its name in pictures is "[unknown]".
//   - The kernel's module is "[kernel.kallsyms]", a module's is "[name]".
//   - Addresses are looked up as they were recorded, a caller's too, although
//     it is the one behind its call: what follows a call that never returns may
//     be the next function. perf script does the same.
package resolve
