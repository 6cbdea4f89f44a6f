// Package vuln says which CVEs are in a kernel, and why.
//
// A Database holds the records of a feed. Scan gives a Verdict for each of them and one
// Kernel, with the evidence that led to it:
//
//	db, err := vuln.Open(ctx, os.DirFS("vulns"))   // the feed; or Load, from a cached index
//	k := vuln.Kernel{Release: "6.1.192"}
//	k.Base, err = ranges.Release(k.Release)
//	k.Presence = build.Presence                     // kbuild: which files are compiled
//	for _, v := range db.Scan(k) { … }
//
// # How a verdict is made
//
// The pairs of versions of the record come first. They leave three outcomes: nothing
// that introduces the flaw is in the kernel (not_in_range), something that fixes it is
// (fixed), or neither. In the last case the kernel is affected as far as versions tell,
// and what is known of this kernel beyond its version is asked, strongest first:
//
//   - a fix that was taken back: the distribution's changelog names the CVE or the fix's
//     subject, the patch stack refers to the fix's commit, or the fix's change is found in
//     the sources (fixed)
//   - the configuration leaves out all code that the record names, or, by #if and #ifdef,
//     every line that its fix changes (not_compiled)
//   - the code is in modules alone, none of which the host has loaded (not_loaded)
//
// Otherwise it is affected. Where the evidence contradicts itself or is not enough, it is
// undetermined and says why. Nothing is guessed: a file that is absent from a tree may
// have had another name and dismisses nothing, unless the other names are known, or the record also names files beside
// it that are proved to be left out, and nothing of their folder is built; a changelog that claims a fix which the
// sources do not have makes an alarm.
//
// # Shelf life
//
// A third of all records have their ranges changed within a year. A Verdict's Fingerprint
// covers the record and all that is known of the kernel; while it stays, so does the
// verdict. Compare says what has changed between two scans, and because of what.
package vuln
