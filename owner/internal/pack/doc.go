// Package pack is the file format of the owner index: a kernel tree's source
// files, the functions they define and the modules they make, laid out so that
// it is small when compressed and searched as it is once decompressed.
//
// Names are sorted and front-coded in blocks of [blockSize]: each entry says
// how much it shares with the one before and what follows. Lengths and text
// are separate streams, which compress better apart. A lookup is a binary
// search over the first names of the blocks and a walk through one block, so
// that 600,000 names cost neither a map nor a string header each.
package pack
