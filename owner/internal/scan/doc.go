// Package scan reads a kernel source tree: which functions its C and assembler
// files define, and which files its Makefiles compile into which module.
//
// It neither preprocesses nor parses C. Kernel code is regular enough that a
// tokenizer which follows braces at file level finds what a debugger would
// list, provided it knows the macros that define functions and takes care of
// #ifdef branches that open the same brace twice.
package scan
