// Package dumpjob analyses kernel dumps for a server in processes of their own.
//
// A dump is gigabytes that somebody sent. Its reader is bounded, but a server
// that others depend on does not stand or fall with a bound: each dump is read
// by a child process ([Run], behind a hidden verb of the program) that has
// limits of memory and time and less say than the server. Whatever becomes of
// it, the server goes on, and what it learns is how the child ended ([Analyzer]).
//
// The child gets the dump as an open file and leaves its results as files in a
// folder, so that neither side ever holds a large document twice. Its standard
// input is a line to its parent: when that ends, so does the child, and no
// analysis outlives a server that was killed.
package dumpjob
