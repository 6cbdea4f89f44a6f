// Package klog reads kernel messages out of any transport.
//
// A kernel message starts as one printk record: a level, a time since boot, a
// caller and a text. On its way to a file it is dressed by whatever carried it:
// a serial console, dmesg, /dev/kmsg, syslog, journald, netconsole, pstore, a
// CI system's time stamps, a terminal's colours. [Reader] undresses it: each
// line of the input becomes one [Record] with the facts the transport kept and
// the byte span it came from. Transports are recognised line by line from the
// content, so a file may mix them.
//
// A Reader holds one line at a time; its memory does not grow with the input.
package klog
