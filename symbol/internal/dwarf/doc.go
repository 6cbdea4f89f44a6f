// Package dwarf reads the part of DWARF (versions 2 to 5) that turns an address
// into functions, files and lines, and nothing else.
//
// The standard library's debug/dwarf wants every section in memory and decodes
// entries into maps. A kernel's .debug_info is hundreds of megabytes, and one
// oops touches a dozen of its thousands of units. Here sections are read in
// pieces: the unit that holds the address, its abbreviations, its line program.
//
// All input is hostile. Lengths are checked against the section, loops are
// bounded by the bytes they consume, references are followed to a fixed depth.
package dwarf
