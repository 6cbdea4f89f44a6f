// Package owner answers who looks after a piece of the kernel.
//
// It reads the kernel's MAINTAINERS file with the semantics of
// scripts/get_maintainer.pl, and carries an index of one released kernel tree
// (see PROVENANCE.md) so that a function or a module name out of a crash log
// leads to a source file, and from there to the subsystem, its people and its
// lists, with no tree and no network at hand.
//
//	idx, err := owner.Default()
//	for _, m := range idx.Lookup(owner.Query{Function: "ext4_writepages"}) {
//		fmt.Println(m.Subsystem, m.Maintainers, m.Why)
//	}
//
// # Entries
//
// A section is a title line followed by lines of the form "X: value":
//
//	M: R: L:     maintainer, reviewer, mailing list
//	S:           status: Supported, Maintained, Odd Fixes, Orphan, Obsolete
//	W: Q: B: C:  web page, patchwork, where to file bugs, chat
//	P: T:        subsystem profile, source tree
//	F: X:        file patterns the section covers, and those it does not
//	N:           regular expression on the path
//	K:           regular expression on content; see [Index.Content]
//
// A file pattern that ends in a slash covers everything below it. Otherwise
// "*" does not cross a slash and the pattern covers files at its own depth
// only, unless it names a directory. The deepest pattern is the most specific
// and comes first; THE REST comes last.
//
// # Overlays
//
// A team that carries its own drivers or its own division of labour writes a
// second file in the same syntax and lays it over the first with
// [Index.WithOverlay]. Its matches come before all others. Two further lines
// are read, which get_maintainer.pl leaves alone, so that the file stays good
// for both:
//
//	O:           regular expression that must match a whole function name
//	D:           module name; "*" and "?" are wildcards, "-" equals "_"
//
// For code that is in nobody's tree, these are what ties a crash to a team:
//
//	ACME STORAGE DRIVER
//	M:	Storage Team <storage@acme.example>
//	S:	Supported
//	D:	acme_nvme*
//	O:	acme_(nvme|blk)_.*
//	F:	drivers/nvme/
//
// # Certainty
//
// A path is certain. A function name may be defined in several files, and
// then every candidate's owners are returned and [Match.Candidates] says among
// how many files the choice is. The name of the module a frame was printed
// with narrows them. [Match.Why] names the pattern, its line, and the steps
// from the name asked for to the path it was matched on.
package owner
