// Package klog reads kernel messages out of any transport.
//
// A kernel message starts as one printk record: a level, a time since boot, a
// caller and a text. On its way to a file it is dressed by whatever carried it:
// a serial console, dmesg, /dev/kmsg, syslog, journald, netconsole, pstore, a
// CI system's time stamps, a terminal's colours. [Reader] undresses it: each
// line of the input becomes one [Record] with the facts the transport kept and
// the byte span it came from. Transports are recognised line by line from the
// content, so a file may mix them and a line may wear several. The same log
// gives the same texts whatever carried it.
//
// What undresses a line, by file: decode.go decides by the first byte which
// envelopes it may wear; console.go, dmesg.go, kmsg.go, netconsole.go,
// syslog.go, journal*.go, pstore.go and ci.go each take one family of them off,
// and only in the exact form that its writer gives it. boot.go tells boots
// apart and sequence.go puts datagrams into order. reader.go has the fast path
// for what most logs consist of: clean console lines.
//
// A Reader's memory does not grow with the input. It holds one block of some
// lines, and beside it at most: 64 datagrams that came out of order, 16
// messages in fragments, and 8 MiB of a dump whose parts are to be turned
// round.
package klog
