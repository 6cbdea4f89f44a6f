// Package kallsyms reads the symbol tables that a kernel carries in its own
// memory: those behind /proc/kallsyms. A dump holds them, already moved by
// KASLR, so that addresses have names without a vmlinux.
//
// The tables are described at the top of scripts/kallsyms.c of the kernel. Names
// are compressed: each of the 256 byte values stands for a token, the tokens lie
// in kallsyms_token_table, and kallsyms_token_index says where. Addresses have
// been stored in four ways, see [Layout]; nothing in memory says which, so
// [Decode] tries them and keeps the one that makes sense, with the votes of a
// caller who knows an address or two from elsewhere.
//
// Since 6.0 VMCOREINFO says where the tables are. For older kernels, and dumps
// without it, [Scan] finds them in the kernel's image.
package kallsyms
