// Package script runs analysers that a team writes itself, in Starlark, over the
// objects of a dump.
//
//	for t in k.tasks():
//	    if t.state == "D" and t.mm:
//	        print(t.comm, t.pid, t.mm.owner.comm)
//	report("hung", "somebody waits", evidence = ["…"])
//
// Starlark is a Python without classes, files, network and clock. A script sees
// k, the kernel; args, its arguments; print and report. Members of structures
// are attributes, pointers are followed by them, NULL is None, and what can be
// indexed in C is indexed. What is not in the dump is an error, with the line of
// the script.
//
// A script is bounded: in steps, in what it prints and reads, and in memory. The
// latter is looked at every few steps, so that one operation can exceed it by
// what that operation makes. The context ends it at any time.
//
// The language: https://github.com/bazelbuild/starlark/blob/master/spec.md
package script
