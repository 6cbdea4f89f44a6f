// Package watch follows the console of a machine and says what it complains
// about while the machine is still dying.
//
// Bytes come from a [Source] (source.go): a serial device, a console server
// over TCP or telnet, a command such as "journalctl -f" or "ipmitool sol
// activate", a file that grows, standard input. Sources that can be had again
// are opened again when they end.
//
// The last of what came is kept in a window (window.go) and read anew whenever
// lines have come: the parser of ringside/crash needs tens of milliseconds for
// the worst window, and a report is then judged with all that is known about
// it, as if the log had been a file. A report is told of twice ([Event]): when
// its first line is there, and when it is complete, that is when nothing was
// added to it for a while.
package watch
