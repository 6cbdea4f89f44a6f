// Package bundle opens what people send when a machine has crashed: an archive
// or a folder in which the evidence lies among thousands of other files.
//
// [Walk] goes through a folder, a tar or a zip, also one inside the other and
// compressed in any way that ringside/artefact undoes, and hands over every
// member that matters with its [Role]: kernel logs, the configuration, the
// command line, the modules, the hardware, dumps. It recognises the layouts of
// sosreport, SUSE's supportconfig, Android's bugreport, systemd's and
// kdump's crash folders and syzkaller's work directory (kind.go), and splits
// the files in which the latter two of the former keep many commands' outputs
// (section.go). What it does not know by its place it judges by its content.
//
// Nothing is unpacked to disk. What a hostile archive can do is bounded: the
// members, the depth, the bytes in all and those of one member; paths are used
// as names only.
//
// The layouts are those of sosreport's plugins (kernel, logs, kdump), of
// supportconfig 3.x ("#==[ Command ]==#" above each output), of Android's
// dumpstate ("------ KERNEL LOG (dmesg) ------") and of syz-manager's crashes/
// folder (description, logN, reportN, machineInfoN, repro.cprog).
package bundle
