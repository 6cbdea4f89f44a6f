// Package vmcore says what is wrong with a kernel from its dump: which task waits
// for which lock and who holds it, what every CPU did, what the log says and what
// the registers of a crash point to – with nothing but the dump.
//
// [Triage] runs the analysers and ranks what they find; [Document] is the result.
// Each analyser is a section with a walk of its own: bounded, and by itself. One
// that fails costs its section, and the document says so.
//
// The parts are packages of their own: vmcore/dump reads the containers,
// vmcore/kernel the memory, vmcore/unwind the stacks and vmcore/object the
// kernel's objects.
package vmcore
