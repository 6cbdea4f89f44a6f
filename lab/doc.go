// Package lab makes machines of kernels: it boots one in QEMU, runs commands in it,
// and says what became of it.
//
// A [Recipe] is everything that decides what a run does, by content: the kernel, its
// modules, the files and commands, the command line, the hardware. [Run] runs one and
// returns a [Record]: which phases the machine reached and when, what the commands
// printed and returned, what the kernel complained about, and one [Verdict]. The same
// recipe can be run again by anybody who has the same contents.
//
// # Two channels
//
// What a guest prints on its console proves nothing: any program in it can print any
// line. Results come over a channel of their own, a second serial line whose frames
// carry a tag made with a key of this run ([ringside/lab/guest]). The console is read
// for the kernel's complaints, by [ringside/crash].
//
// # Time
//
// No clock ends a run. A machine has patience for silence, counted in machine time:
// time that it could have used. While QEMU waits for a CPU of a busy host, machine time
// stands still; on a slow host all patience is longer in proportion (patience.go).
//
// # What it stands on
//
// The package opens no file and starts no program itself. A [Host] does: it starts
// programs with channels, keeps a folder for each run, and knows how much CPU time a
// program got. internal/labhost is the one for Linux.
package lab
