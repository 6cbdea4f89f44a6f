// Package dump reads the containers of Linux crash dumps as what they hold:
// physical memory, notes and the registers of CPUs.
//
// [Open] recognises by content
//
//   - ELF cores: copies of /proc/vmcore, that file itself inside a capture
//     kernel, makedumpfile -E, QEMU's and libvirt's dump-guest-memory with and
//     without paging;
//   - KDUMP ("diskdump") files of makedumpfile and QEMU, versions 1 to 6, with
//     pages compressed by zlib, LZO, snappy or zstd or not at all, whole, cut
//     short by a full disk, or split into several files;
//   - both of them flattened, as makedumpfile -F and QEMU write to a pipe;
//   - /proc/kcore of the running kernel;
//   - RAM without any header, where [Options.Raw] says so.
//
// What the dump does not hold is never zero: reading it is a [Gap], which says
// for which of five reasons it is missing. (With dump level 1 zero pages were
// left out as well; whoever reads excluded memory as zero says so himself.)
//
// # Bounds
//
// Nothing is believed: every length is held against the size of the file, what a
// page decompresses to against the page size. Kept in memory are the index of
// a flattened stream, one bit a page and what [Options.Cache] allows. A [File]
// is used by as many goroutines as like; none waits for another.
package dump
