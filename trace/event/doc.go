// Package event knows the kernel's trace events: which fields a tracepoint's
// record has, and where. A format is the text of a file
// events/SYSTEM/NAME/format of tracefs; recordings of trace-cmd and of perf both
// carry them, so that what is learned here serves both.
//
// A [Format] is read once. [Format.Field] finds a field, and [Field.Uint] and
// its sisters read it out of a record without looking anything up again.
//
// [ReadHeader] reads what recordings begin with: trace.dat version 6 and the
// tracing data of perf.data (Documentation/trace-cmd/trace-cmd.dat.v6.5.txt of
// trace-cmd, tools/perf/util/trace-event-info.c).
package event
