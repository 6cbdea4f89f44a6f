// Package csource reads the C of kernel sources as it stands in a file: no compiler, no
// configuration, no headers. It finds the functions of a file and reads their bodies into
// statements, expressions and a control-flow graph.
//
//	f := csource.Parse(src)
//	for _, fn := range f.Funcs {
//		g := fn.Graph()
//		…
//	}
//
// # What it takes for granted
//
// Nothing is expanded. A macro that is called is a call; one that is followed by a block
// ("list_for_each_entry(…) { … }") is a loop. Of the branches of an #if inside of a
// function the first is read, of #if 0 the #else; outside of functions all branches are.
// What is a type is told by how it is used, as a reader of a patch does who has no
// headers at hand.
//
// Code that it does not understand becomes an expression of kind [Bad] that holds its
// tokens: the rest of the function is still read. Depth and size are bounded, and no
// bytes make it panic.
package csource
