// Package filter writes dumps: smaller ones, and ones that may be given away.
//
// [Filter] is what makedumpfile does. It leaves out of a dump, by the levels that
// makedumpfile's -d has, the pages that nobody needs, and writes the rest
// compressed into the KDUMP format that crash, drgn and this program read. What a
// page is, its struct page says, read by the kernel's own types; no version is
// asked for.
//
// [Redact] makes a dump that may leave the house. It turns the question round:
// what is kept is what is known to be the kernel's own, and from that it takes out
// what is known to be somebody's: keys, what is on its way through sockets, pipes
// and terminals, what user space left in registers, and what freed objects still
// hold. Its [Report] says what went, what stayed that can still tell of people,
// and what could not be decided. Where it cannot read what it decides by, it
// writes nothing.
//
// Both write to an [io.WriterAt], or through [NewFlattened] to a stream that
// cannot seek, read every page at most twice, compress on all cores and keep in
// memory a few bits a page.
package filter
